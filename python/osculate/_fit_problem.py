"""A curve to be fitted: which names of a model are columns or parameters, data, residuals, derivatives."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from osculate._errors import InputError
from osculate._expression import Expression, Model, close_name, parse_expression
from osculate._fit_settings import Settings
from osculate._functions import CONSTANTS, FUNCTIONS
from osculate._table import Table

Array = npt.NDArray[Any]
Columns = Mapping[str, Array]

_EPS = float(np.finfo(float).eps)


@dataclass(frozen=True, slots=True, eq=False)
class FitProblem:
    """Minimize sum_i rho(((f(x_i, b) - y_i) / sigma_i)^2) over the free parameters b within their bounds.

    Attributes
    ----------
    table : Table
        The file.
    model : Model
        As written; `data_label` is its left side, or the column that was taken for it.
    parameters, predictors : tuple of str
        The names of the right side: parameters in the order of their starts, predictors by appearance.
    columns : mapping
        The predictors' columns.
    data, sigma : ndarray, shape (n,)
        The left side, transformed as written, and its standard deviations (None: all equal).
    start, lower, upper : ndarray, shape (p,)
        Start values and bounds.
    fixed : ndarray of bool, shape (p,)
        The parameters that stay at their start.
    """

    table: Table
    model: Model
    data_label: str
    parameters: tuple[str, ...]
    predictors: tuple[str, ...]
    columns: Columns
    data: Array
    sigma: Array | None
    sigma_label: str | None
    start: Array
    lower: Array
    upper: Array
    fixed: npt.NDArray[np.bool_]

    def curve(self, values: Array, columns: Columns | None = None) -> Array:
        """Return f at `columns` (default: the data's), complex for complex parameter values."""
        columns = self.columns if columns is None else columns
        variables = dict(columns) | dict(zip(self.parameters, values, strict=True))
        points = len(next(iter(columns.values()))) if columns else len(self.data)
        result = np.asarray(self.model.right(variables))
        return np.broadcast_to(result, (points,)) if result.ndim == 0 else result

    def residuals(self, values: Array) -> Array:
        """Return (f - y) / sigma."""
        difference = self.curve(values) - self.data
        return difference if self.sigma is None else difference / self.sigma

    def gradient(self, values: Array, columns: Columns | None = None) -> Array:
        """Return df/db, shape (points, p): complex steps, or central differences where they do not apply."""
        return np.stack([self._slope(values, j, columns) for j in range(len(values))], axis=1)

    def _slope(self, values: Array, j: int, columns: Columns | None) -> Array:
        scale = abs(values[j]) or 1.0
        # eps^(1/3) balances the truncation and rounding of central differences (Nocedal & Wright 2006, 8.1).
        upper, lower = values.copy(), values.copy()
        upper[j] += _EPS ** (1 / 3) * scale
        lower[j] -= _EPS ** (1 / 3) * scale

        def difference() -> Array:
            rise: Array = self.curve(upper, columns) - self.curve(lower, columns)
            return rise / float(upper[j] - lower[j])

        if not self.model.right.analytic:
            return difference()
        shifted = values.astype(complex)
        shifted[j] += 1e-20j * scale
        slope = np.imag(self.curve(shifted, columns)) / (1e-20 * scale)
        # Complex arithmetic makes NaN of what is finite in real arithmetic, such as 1 / (1 + exp(800)).
        return slope if np.isfinite(slope).all() else np.where(np.isfinite(slope), slope, difference())


def build_problem(table: Table, settings: Settings, sigma: str | None = None) -> FitProblem:
    """Join table and settings; raise InputError for everything that cannot be fitted."""
    model = settings.model
    left = model.left or parse_expression("y" if "y" in table.names else table.names[-1])
    _check_roles(table, settings, left)
    _check_left(table, model, left)
    predictors = tuple(name for name in model.right.names if name in table.names)
    unordered = [name for name in model.right.names if name not in table.names]
    _check_starts(table, settings, unordered)
    parameters = tuple(name for name in settings.start if name in unordered)  # in the order of their starts
    columns = {name: table.column(name) for name in predictors}
    start = np.array([settings.start[name] for name in parameters])
    lower, upper = (
        np.array([settings.bounds.get(name, (-math.inf, math.inf))[side] for name in parameters])
        for side in (0, 1)
    )
    problem = FitProblem(
        table=table,
        model=model,
        data_label=left.text,
        parameters=parameters,
        predictors=predictors,
        columns=columns,
        data=_finite(table, left, "the left side"),
        sigma=None if sigma is None else _sigma(table, sigma),
        sigma_label=sigma,
        start=start,
        lower=lower,
        upper=upper,
        fixed=np.array([name in settings.fixed for name in parameters], dtype=bool),
    )
    _check_size(problem)
    _check_start_values(problem)
    return problem


def _check_roles(table: Table, settings: Settings, left: Expression) -> None:
    """No name may have two meanings, and a function is not a variable."""
    right = settings.model.right
    parameters = {*settings.start, *settings.bounds, *settings.fixed}
    for name in dict.fromkeys(
        (*left.names, *left.functions, *left.constants, *right.names, *right.functions, *right.constants)
    ):
        roles = []
        if name in table.names:
            roles.append(f"a column of {table.source}")
        if name in parameters:
            roles.append(f"a parameter ({settings.start_source})")
        if name in FUNCTIONS:
            roles.append("a function")
        if name in CONSTANTS:
            roles.append(f"the constant {CONSTANTS[name]:.6g}")
        if len(roles) > 1:
            joined = " and ".join(roles) if len(roles) == 2 else ", ".join(roles[:-1]) + " and " + roles[-1]
            rename = "the column" if name in table.names else "the parameter"
            raise InputError(f"'{name}' is at once {joined}: rename {rename}")
        if name in FUNCTIONS and name in left.names + right.names:
            raise InputError(f"'{name}' is a function: write '{name}(...)', or rename the parameter")


def _check_left(table: Table, model: Model, left: Expression) -> None:
    listed = ", ".join(table.names)
    for name in left.names:
        if name not in table.names:
            raise InputError(
                f"the left side '{left.text}' names '{name}', which is no column of {table.source}"
                f"{close_name(name, table.names)}: its columns are {listed}"
            )
    if not left.names:
        raise InputError(
            f"the left side '{left.text}' names no column of {table.source}: its columns are {listed}"
        )
    if set(left.names) <= set(model.right.names):
        how = "" if model.left else " (the data, for lack of a left side)"
        raise InputError(
            f"the column '{left.names[0]}'{how} stands on both sides of the model: "
            f"put the data's column on the left only, 'COLUMN = ...'; the columns are {listed}"
        )


def _check_starts(table: Table, settings: Settings, parameters: list[str]) -> None:
    if not parameters:
        raise InputError(
            f"the model '{settings.model}' has no parameters: name what is to be fitted, as in 'b1*x'"
        )
    missing = [name for name in parameters if name not in settings.start]
    if not missing:
        return
    add = ",".join(f"{name}=..." for name in missing)
    columns = ", ".join(table.names)
    close = close_name(missing[0], table.names) if len(missing) == 1 else ""
    raise InputError(
        f"no start value for {', '.join(missing)}{close}: add --start {add}"
        f" (columns of {table.source}: {columns})"
    )


def _check_size(problem: FitProblem) -> None:
    free = int(np.count_nonzero(~problem.fixed))
    points = len(problem.data)
    if not free:
        raise InputError("all parameters are fixed: leave at least one free")
    if points < free:
        raise InputError(
            f"{problem.table.source} has fewer points ({points}) than the model free parameters ({free}): "
            "add data, or hold parameters with --fixed"
        )


def _check_start_values(problem: FitProblem) -> None:
    for name, value, lower, upper in zip(
        problem.parameters, problem.start, problem.lower, problem.upper, strict=True
    ):
        if not lower <= value <= upper:
            raise InputError(
                f"the start {name}={value:g} is outside its bounds {lower:g}:{upper:g}: "
                f"move --start or --bounds of '{name}'"
            )
    bad = np.flatnonzero(~np.isfinite(problem.curve(problem.start)))
    if bad.size:
        row = int(bad[0])
        at = ", ".join(f"{name}={column[row]:g}" for name, column in problem.columns.items())
        raise InputError(
            f"the model is {problem.curve(problem.start)[row]} at the start for {problem.table.place(row)}"
            f"{f' ({at})' if at else ''}: change --start, or the model where it is undefined"
        )


def _finite(table: Table, expression: Expression, what: str) -> Array:
    """Evaluate an expression of columns, which must be finite in every row."""
    columns = {name: table.column(name) for name in expression.names}
    values = np.broadcast_to(np.asarray(expression(columns), dtype=float), (len(table),))
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        row = int(bad[0])
        at = ", ".join(f"{name}={column[row]:g}" for name, column in columns.items())
        raise InputError(
            f"{table.place(row)}: {what} '{expression.text}' is {values[row]} ({at}): "
            "remove or comment out (#) the row"
        )
    return values


def _sigma(table: Table, text: str) -> Array:
    """The standard deviations: a column, by header or identifier, or an expression of columns."""
    name = table.name_of(text)
    try:
        expression = parse_expression(name or text)
    except InputError as error:
        raise InputError(f"--sigma: {error}") from None
    for variable in expression.names:
        if variable not in table.names:
            raise InputError(
                f"--sigma names '{variable}', which is no column of {table.source}"
                f"{close_name(variable, table.names)}: its columns are {', '.join(table.names)}"
            )
    values = _finite(table, expression, "--sigma")
    bad = np.flatnonzero(values <= 0)
    if bad.size:
        row = int(bad[0])
        raise InputError(
            f"{table.place(row)}: --sigma '{text}' is {values[row]:g}: standard deviations must be positive"
        )
    return values
