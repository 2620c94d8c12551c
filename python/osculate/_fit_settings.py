"""Where the settings of a fit come from: the command line first, the `#` lines of the data file second."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from osculate._assignments import parse_bounds, parse_fixed, parse_values
from osculate._errors import InputError
from osculate._expression import Model, close_name, parse_model
from osculate._table import Table

T = TypeVar("T")

_SETTING = re.compile(r"(model|bounds?|starts?)\s*(\d*)\s*:\s*(.*)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Settings:
    """Model, starts, bounds and fixed parameters, parsed; all names are used by the model."""

    model: Model
    start: dict[str, float]
    bounds: dict[str, tuple[float, float]]
    fixed: tuple[str, ...]
    start_source: str = field(default="--start")


def gather(
    table: Table,
    *,
    model: str | None = None,
    start: str | None = None,
    bounds: str | None = None,
    fixed: str | None = None,
    start_set: int | None = None,
) -> Settings:
    """Join what the command line says with the file's `# model:`, `# start:` and `# bounds:` lines.

    An option replaces the file's value of the same parameter. Names that the model does not use are an error
    on the command line, and in the file if the model stands there too.
    """
    from_file = _file_settings(table)
    if model is not None:
        parsed = _blamed("--model", parse_model, model)
    elif "model" in from_file:
        where, text = from_file["model"]
        parsed = _blamed(where, parse_model, text)
    else:
        raise InputError(
            "there is no model: add --model 'b1*(1-exp(-b2*x))', in quotes, "
            f"or the line '# model: ...' to {table.source}"
        )
    variables = parsed.right.names + parsed.right.constants + parsed.right.functions
    known = _Known(table, parsed, variables, own_model=model is None)

    given = known.checked("--start", _blamed("--start", parse_values, start or ""))
    fixed_values = known.checked("--fixed", _blamed("--fixed", parse_fixed, fixed or ""))
    given |= {name: value for name, value in fixed_values.items() if value is not None}
    source, values = "--start", dict(given)
    parameters = [name for name in parsed.right.names if name not in table.names]
    if start_set is not None or any(name not in given for name in parameters):
        line = _start_line(table, from_file, start_set)
        if line is not None:
            source = line[0]
            values = known.checked_in_file(source, _blamed(source, parse_values, line[1])) | given

    limits: dict[str, tuple[float, float]] = {}
    if "bounds" in from_file:
        where, text = from_file["bounds"]
        limits = known.checked_in_file(where, _blamed(where, parse_bounds, text))
    limits |= known.checked("--bounds", _blamed("--bounds", parse_bounds, bounds or ""))
    return Settings(parsed, values, limits, tuple(fixed_values), source)


@dataclass(frozen=True, slots=True)
class _Known:
    """The names that options may speak of."""

    table: Table
    model: Model
    variables: tuple[str, ...]
    own_model: bool

    def checked(self, where: str, values: dict[str, T]) -> dict[str, T]:
        for name in values:
            if name in self.variables or name in self._left_names():
                continue
            parameters = [known for known in self.variables if known not in self.table.names]
            raise InputError(
                f"{where} gives '{name}', which the model '{self.model}' does not use"
                f"{close_name(name, parameters)}: remove it or put it into the model"
            )
        return values

    def checked_in_file(self, where: str, values: dict[str, T]) -> dict[str, T]:
        """As `checked` if the model is the file's own, else without the names of the file's other model."""
        if self.own_model:
            return self.checked(where, values)
        return {name: value for name, value in values.items() if name in self.variables}

    def _left_names(self) -> tuple[str, ...]:
        return self.model.left.names if self.model.left else ()


def _file_settings(table: Table) -> dict[str, tuple[str, str]]:
    """Map `model`, `bounds`, `start1`, `start2`, ... to (where it stands, text); the first counts."""
    found: dict[str, tuple[str, str]] = {}
    for line, text in table.comments:
        if match := _SETTING.fullmatch(text):
            kind, number = match[1].lower().rstrip("s"), match[2]
            key = {"bound": "bounds", "start": f"start{number or 1}"}.get(kind, kind)
            found.setdefault(key, (f"{table.source}, line {line}", match[3]))
    return found


def _start_line(
    table: Table, settings: dict[str, tuple[str, str]], chosen: int | None
) -> tuple[str, str] | None:
    line = settings.get(f"start{chosen or 1}")
    if line is None and chosen is not None:
        sets = sorted(int(key[5:]) for key in settings if key.startswith("start"))
        has = (
            f"it has {', '.join(map(str, sets))}"
            if sets
            else f"add the line '# start {chosen}: b1=..., b2=...'"
        )
        raise InputError(f"{table.source} has no start set {chosen}: {has}")
    return line


def _blamed(where: str, parse: Callable[[str], T], text: str) -> T:
    try:
        return parse(text)
    except InputError as error:
        raise InputError(f"{where}: {error}") from None
