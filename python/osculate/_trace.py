"""Traces a plain Python function f(x, *params) into a graph of operations.

The function is called once with symbols in place of x and the parameters; what they are combined to is the
graph. What is not made of elementwise operations is refused, with the reason, and whatever is traced is
compared with the function itself before it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _core
from ._symbol import Coordinates, Symbol
from ._trace_functions import FUNCTIONS
from ._trace_ufuncs import rule
from ._trace_verify import mismatch
from ._tracer import FloatArray, Tracer, Untraceable

__all__ = ["Trace", "Untraceable", "trace"]


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """A function as a graph.

    Attributes
    ----------
    graph : Graph
        Its operations.
    root : int
        The node of the function's value.
    parameters, coordinates : int
        How many of each the function has been given.
    arrays : ndarray, shape (A, N)
        The per-point constants that the graph refers to.
    bound : bool
        Whether the graph holds for the x of the trace only, whose values the function took.
    epsilon : float
        The precision of the least precise type to which the function converts.
    writes : bool
        Whether the function fills arrays of its own, of which a trace sees only what symbols do with them.
    """

    graph: _core.Graph
    root: int
    parameters: int
    coordinates: int
    arrays: FloatArray
    bound: bool = False
    epsilon: float = float(np.finfo(np.float64).eps)
    writes: bool = False

    def evaluate(
        self, x: FloatArray, p: FloatArray, roots: Sequence[int] = (), points: Any = slice(None)
    ) -> NDArray[Any]:
        """Return values of nodes (default: of the function) at some of the points, shape (nodes, points)."""
        coordinates = np.atleast_2d(x)[:, points]
        return self.graph.evaluate(
            list(roots) or [self.root], np.asarray(p, dtype=np.float64), coordinates, self.arrays[:, points]
        )

    def verify(self, f: Callable[..., Any], x: FloatArray, p0: FloatArray) -> str | None:
        """Compare with the function itself; return what differs, or None.

        Both are evaluated at p0 and near it, on at most 64 points. The function gets only these points where
        it can do with them. What it raises at p0 comes out.
        """
        reason = mismatch(self, f, x, p0)
        if reason is not None:
            _tell(f, Untraceable(reason))
        return reason


def trace(
    f: Callable[..., Any], x: FloatArray, parameters: int, names: Sequence[str] = ()
) -> Trace | Untraceable:
    """Return the graph of f, or why there is none; an `osculate.Model` remembers it.

    x are the predictors, (N,) or (D, N), `parameters` is how many f gets, `names` what messages call them.
    """
    x = np.ascontiguousarray(x, dtype=np.float64)
    names = list(names or getattr(f, "parameters", ()))
    names += [f"p{k}" for k in range(len(names), parameters)]
    result = _trace(f, x, parameters, names)
    _tell(f, result)
    return result


def _trace(f: Callable[..., Any], x: FloatArray, parameters: int, names: list[str]) -> Trace | Untraceable:
    t = Tracer(x, names, rule, FUNCTIONS)
    t.caller = _call.__code__
    shape = x.shape[-1:]
    rows = [t.symbol(t.graph.coordinate(k), shape) for k in range(len(np.atleast_2d(x)))]
    predictor = rows[0] if x.ndim == 1 else Coordinates(t, rows)
    arguments = [t.symbol(t.graph.parameter(k), (), free=False) for k in range(parameters)]
    try:
        with np.errstate(all="ignore"):
            result = _root(t, _call(f, predictor, arguments))
    except Untraceable as failure:
        return t.failure or Untraceable(str(failure))
    except Exception as error:
        kind, text = type(error).__name__, " ".join(str(error).split())
        return t.failure or Untraceable(f"{kind}: {text}{t.place(_frames(error.__traceback__))}")
    if t.failure:
        return t.failure
    arrays = np.array(t.arrays).reshape(-1, t.points)
    return Trace(t.graph, result.node, parameters, len(rows), arrays, t.bound, t.epsilon, t.writes)


def _tell(f: Callable[..., Any], result: Trace | Untraceable) -> None:
    """A model's attributes speak of its latest trace."""
    remember = getattr(f, "_remember", None)
    if remember is not None:
        remember(result)


def _call(f: Callable[..., Any], x: Any, parameters: list[Symbol]) -> Any:
    return f(x, *parameters)


def _root(t: Tracer, result: Any) -> Symbol:
    if result is None or isinstance(result, (str, bytes, tuple, list, dict, Coordinates)):
        t.fail(f"the function returns {type(result).__name__}, not an array")
    return t.lift(result)


def _frames(traceback: TracebackType | None) -> list[Any]:
    """From the innermost outwards."""
    frames = []
    while traceback is not None:
        frames.append(_At(traceback.tb_frame.f_code, traceback.tb_lineno))
        traceback = traceback.tb_next
    return frames[::-1]


@dataclass(frozen=True, slots=True)
class _At:
    """A frame at the time of an exception."""

    f_code: Any
    f_lineno: int
