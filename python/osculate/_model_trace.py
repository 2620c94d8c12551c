"""A model's graph without data: for its attributes, and for pickles of functions that have no name."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ._model_functions import GraphFunction
from ._trace import Trace, Untraceable, trace

_POINTS = 7


def placeholder_trace(
    f: Callable[..., Any], coordinates: int, parameters: Sequence[str] | None
) -> Trace | Untraceable:
    """Trace f with made-up predictors, as many points as an array of the function's own has, if any."""
    if parameters is None:
        return Untraceable(
            "the number of parameters is not known before the first fit: name them, "
            "Model(f, parameters=('a', 'b'))"
        )
    result = _trace_points(f, coordinates, _POINTS, len(parameters))
    if isinstance(result, Untraceable) and result.points:
        result = _trace_points(f, coordinates, result.points, len(parameters))
    return result


def _trace_points(
    f: Callable[..., Any], coordinates: int, points: int, parameters: int
) -> Trace | Untraceable:
    x = np.linspace(0.5, 1.5, points * coordinates)
    return trace(f, x if coordinates == 1 else x.reshape(coordinates, points), parameters)


def without_source(traced: Trace | Untraceable, name: str) -> GraphFunction:
    """Return the function of a graph, for a pickle."""
    if isinstance(traced, Untraceable) or traced.bound:
        why = "it takes the values of x" if isinstance(traced, Trace) else traced.why_not
        raise pickle.PicklingError(
            f"Model: {name} can be pickled neither by name, as functions of modules, nor as a graph: {why}"
        )
    return GraphFunction.of(traced, name)


def can_be_pickled(f: Any) -> bool:
    """Whether pickle finds a function by its name, or stores an object."""
    try:
        pickle.dumps(f)
    except Exception:  # PicklingError, AttributeError, TypeError, by the kind of function
        return False
    return True
