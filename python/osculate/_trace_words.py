"""What messages of a trace call operations and values."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ._symbol import Symbol


def conversion(place: str) -> str:
    """Name the function that asked a symbol for a plain number, by the line that did it."""
    found = re.search(r"\b(math|cmath)\.(\w+)", place)
    if found:
        return f"{found[0]} of a traced value, which takes plain numbers only: write numpy.{found[2]}"
    return "float() of a traced value, as functions of plain numbers do: use NumPy's"


def full_name(ufunc: np.ufunc) -> str:
    """Return what a ufunc is called where users find it."""
    for module in ("numpy", "scipy.special"):
        if getattr(sys.modules.get(module), ufunc.__name__, None) is ufunc:
            return f"{module}.{ufunc.__name__}"
    return f"the ufunc {ufunc.__name__}"


def describe(symbol: Symbol) -> str:
    """Return the expression of a symbol, shortened."""
    tracer = symbol.tracer
    coordinates = ["x"] if tracer.x.ndim == 1 else []
    text = tracer.graph.text(symbol.node, tracer.names, coordinates)
    return f"({text if len(text) <= 60 else text[:57] + '...'})" if not text.isidentifier() else text


def shown_key(key: Any) -> str:
    """Return the text of an index."""
    if isinstance(key, tuple):
        return ", ".join(map(shown_key, key))
    if isinstance(key, slice):
        ends = [key.start, key.stop] if key.step is None else [key.start, key.stop, key.step]
        return ":".join("" if end is None else shown_key(end) for end in ends)
    if hasattr(key, "tracer"):
        return describe(key)
    if isinstance(key, np.ndarray):
        return "array"
    return "..." if key is Ellipsis else repr(key)
