"""The output families by their names."""

from __future__ import annotations

from typing import Any

from . import _arguments as arg
from ._families import OutputFamily
from ._family_continuous import Exponential, Gamma, Normal, NormalFreeVariance
from ._family_discrete import Bernoulli, Categorical, Poisson

KINDS: dict[str, type[OutputFamily]] = {
    kind.name: kind
    for kind in (Normal, NormalFreeVariance, Bernoulli, Categorical, Poisson, Gamma, Exponential)
}


def family_of(caller: str, value: Any) -> OutputFamily:
    """A family, or the one of that name with its defaults."""
    if isinstance(value, OutputFamily):
        return value
    if isinstance(value, str) and value in KINDS:
        return KINDS[value]()
    words = ", ".join(map(repr, KINDS))
    raise (ValueError if isinstance(value, str) else TypeError)(
        f"{caller}: family must be one of {words} or of osculate.families, got {arg.shown(value)}"
    )
