"""The options' small languages: `b1=500,b2=1e-4` (values), `b1=0:,b2=:10` (bounds), `b3,b4=2` (fixed)."""

from __future__ import annotations

import keyword
import math
import re
import unicodedata
from collections.abc import Iterator

from osculate._errors import InputError
from osculate._expression import parse_expression


def parse_values(text: str) -> dict[str, float]:
    """Parse `name=number` items, separated by commas, semicolons or spaces."""
    values: dict[str, float] = {}
    for name, number in _items(text):
        if number is None:
            raise InputError(
                f"'{name}' is not name=number: write b1=500,b2=1e-4, with a point in decimal numbers"
            )
        _set(values, name, _number(name, number))
    return values


def parse_bounds(text: str) -> dict[str, tuple[float, float]]:
    """Parse `name=lower:upper` items; an empty side is unbounded."""
    bounds: dict[str, tuple[float, float]] = {}
    for name, interval in _items(text):
        ends = (interval or "").split(":")
        if len(ends) != 2:
            shown = name if interval is None else f"{name}={interval}"
            raise InputError(f"'{shown}' is not name=lower:upper: write b1=0: or b1=0:10 or b1=:10")
        lower = _number(name, ends[0], infinite=True) if ends[0] else -math.inf
        upper = _number(name, ends[1], infinite=True) if ends[1] else math.inf
        if not lower < upper:
            remedy = f"use --fixed {name}={ends[0]}" if lower == upper else "exchange them"
            raise InputError(
                f"the lower bound of '{name}', {lower:g}, is not below the upper one, {upper:g}: {remedy}"
            )
        _set(bounds, name, (lower, upper))
    return bounds


def parse_fixed(text: str) -> dict[str, float | None]:
    """Parse `name` or `name=number` items; None stands for the start value."""
    fixed: dict[str, float | None] = {}
    for name, number in _items(text):
        _set(fixed, name, None if number is None else _number(name, number))
    return fixed


def _items(text: str) -> Iterator[tuple[str, str | None]]:
    text = re.sub(r"\s*([=:])\s*", r"\1", text.strip().strip("'\""))
    for item in filter(None, re.split(r"[,;\s]+", text)):
        name, equals, value = item.partition("=")
        name = unicodedata.normalize("NFKC", name)
        if equals and not value:
            raise InputError(f"'{item}' lacks a number after '='")
        if equals and keyword.iskeyword(name):
            raise InputError(
                f"'{name}' is a word reserved by Python: rename it in the model, for example '{name}_'"
            )
        if equals and not name.isidentifier():
            raise InputError(f"'{name}' in '{item}' is not a name: use letters, digits and underscores")
        yield name, value if equals else None


def _number(name: str, text: str, *, infinite: bool = False) -> float:
    try:
        number = float(text)
    except ValueError:
        try:
            constant = parse_expression(text)
        except InputError:
            constant = None
        if constant is None or constant.names:
            raise InputError(f"'{text}' for '{name}' is not a number: write one such as {name}=0.5") from None
        number = float(constant({}))
    if math.isnan(number) or (math.isinf(number) and not infinite):
        raise InputError(f"'{name}={text}' is not finite: write a number such as {name}=0.5")
    return number


def _set(values: dict, name: str, value: object) -> None:  # type: ignore[type-arg]
    if name in values:
        raise InputError(f"'{name}' is given twice")
    values[name] = value
