"""Columns of a table as a stack: each is a data set, all share the predictors."""

from __future__ import annotations

from typing import Any

import numpy as np

from osculate._errors import InputError
from osculate._expression import close_name, parse_expression
from osculate._stack_data import COORDINATES, Array, Stack, read_x
from osculate._table import Table


def read_columns(
    table: Table, columns: str | None, x: str | None, sigma: str | None, variables: tuple[str, ...] | None
) -> Stack:
    """Arrange columns of a table as a stack.

    Parameters
    ----------
    table : Table
        The file.
    columns, x, sigma : str or None
        What the options say.
    variables : tuple of str or None
        The names of an expression, whose predictors are those that columns have; None for a function, which
        takes the column x, else the first.
    """
    if x is not None:
        names, coordinates = _given_x(table, x)
    else:
        names = _predictors(table, columns, variables)
        coordinates = np.stack([table.column(name) for name in names])
    used, weights = _sigma(table, sigma)
    chosen = _chosen(table, columns, (*names, *used))
    y = np.stack([table.column(name, missing=True) for name in chosen])
    return Stack(
        source=table.source,
        y=y,
        x=coordinates[0] if len(coordinates) == 1 else coordinates,
        coordinates=names,
        sigma=weights,
        labels=tuple(table.headers[table.names.index(name)] or name for name in chosen),
        notes=table.notes,
    )


def _given_x(table: Table, text: str) -> tuple[tuple[str, ...], Array]:
    names = [table.name_of(part) for part in text.split(",")]
    if all(name is not None for name in names):
        found = tuple(name for name in names if name is not None)
        return found, np.stack([table.column(name) for name in found])
    if ":" not in text and "." not in text:
        raise InputError(
            f"--x names '{text}', which is no column of {table.source}{close_name(text, table.names)}: "
            f"its columns are {', '.join(table.names)}"
        )
    values = read_x(text, {}, len(table))
    if values.shape != (len(table),):
        raise InputError(f"--x {text} has shape {values.shape}, but {table.source} has {len(table)} rows")
    return COORDINATES[:1], values[np.newaxis]


def _predictors(table: Table, columns: str | None, variables: tuple[str, ...] | None) -> tuple[str, ...]:
    if variables is None:
        name = "x" if "x" in table.names else table.names[0]
        if len(table.names) == 1:
            raise InputError(f"{table.source} has one column, {name}: a function needs x and data")
        return (name,)
    found = tuple(name for name in variables if name in table.names)
    if not found:
        raise InputError(
            f"the model names no column of {table.source}: its columns are {', '.join(table.names)}"
        )
    named = [] if columns in (None, "all") else [table.name_of(part) for part in str(columns).split(",")]
    if twice := [name for name in found if name in named]:
        raise InputError(f"'{twice[0]}' is in the model and in --columns: data stand in --columns only")
    return found


def _chosen(table: Table, columns: str | None, taken: tuple[str, ...]) -> list[str]:
    free = [name for name in table.names if name not in taken]
    if not free:
        raise InputError(f"{table.source} has no column of data besides {', '.join(taken)}")
    if columns is None:
        return ["y"] if "y" in free else free[-1:]
    if columns.strip() == "all":
        return free
    chosen = []
    for part in filter(None, (piece.strip() for piece in columns.split(","))):
        name = table.name_of(part)
        if name is None:
            raise InputError(
                f"--columns names '{part}', which is no column of {table.source}"
                f"{close_name(part, table.names)}: its columns are {', '.join(table.names)}"
            )
        if name in taken:
            raise InputError(f"--columns names '{part}', which is a predictor or sigma: data only")
        if name not in chosen:
            chosen.append(name)
    if not chosen:
        raise InputError("--columns is empty: name columns, --columns y1,y2, or all")
    return chosen


def _sigma(table: Table, text: str | None) -> tuple[tuple[str, ...], Any]:
    """The columns that --sigma uses, and the standard deviations that it gives to all data sets."""
    if text is None:
        return (), None
    try:
        expression = parse_expression(table.name_of(text) or text)
    except InputError as error:
        raise InputError(f"--sigma: {error}") from None
    for name in expression.names:
        if name not in table.names:
            raise InputError(
                f"--sigma names '{name}', which is no column of {table.source}"
                f"{close_name(name, table.names)}: its columns are {', '.join(table.names)}"
            )
    values = expression({name: table.column(name) for name in expression.names})
    sigma = np.broadcast_to(np.asarray(values, dtype=float), (len(table),))
    bad = np.flatnonzero(~(np.isfinite(sigma) & (sigma > 0)))
    if bad.size:
        row = int(bad[0])
        raise InputError(
            f"{table.place(row)}: --sigma '{text}' is {sigma[row]:g}: standard deviations must be positive"
        )
    return expression.names, sigma
