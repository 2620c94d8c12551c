"""What the tests of traces share: a trace that must succeed, its values and its derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from osculate._trace import Trace, Untraceable, trace

FloatArray = NDArray[np.float64]
EPS = np.finfo(float).eps


def traced(f: Callable[..., Any], x: FloatArray, parameters: int) -> Trace:
    result = trace(f, x, parameters)
    assert isinstance(result, Trace), result.why_not
    return result


def why_not(f: Callable[..., Any], x: FloatArray, parameters: int) -> str:
    result = trace(f, x, parameters)
    assert isinstance(result, Untraceable), result.graph.text(result.root, [], [])
    return result.why_not


def values(f: Callable[..., Any], x: FloatArray, *p: float) -> FloatArray:
    """The traced function's values."""
    return traced(f, x, len(p)).evaluate(x, np.array(p))[0]


def gradient(f: Callable[..., Any], x: FloatArray, *p: float) -> FloatArray:
    """The traced function's derivatives by the parameters, shape (N, P)."""
    t = traced(f, x, len(p))
    nodes = t.graph.gradient(t.root, len(p))
    columns = [np.zeros(x.shape[-1]) if n < 0 else t.evaluate(x, np.array(p), [n])[0] for n in nodes]
    return np.stack(columns, axis=1)


def differences(f: Callable[..., Any], x: FloatArray, *p: float) -> FloatArray:
    """Central differences extrapolated once (Richardson), good to about 1e-9 for smooth functions."""
    columns = []
    for k in range(len(p)):
        slopes = []
        for step in (2e-3, 1e-3):
            upper, lower = np.array(p), np.array(p)
            upper[k] += step
            lower[k] -= step
            rise = np.asarray(f(x, *upper), float) - np.asarray(f(x, *lower), float)
            slopes.append(np.broadcast_to(rise / (upper[k] - lower[k]), x.shape[-1:]))
        columns.append((4 * slopes[1] - slopes[0]) / 3)
    return np.stack(columns, axis=1)


def complex_step(f: Callable[..., Any], x: FloatArray, *p: float) -> FloatArray:
    columns = []
    for k in range(len(p)):
        shifted = list(map(complex, p))
        shifted[k] += 1e-30j
        columns.append(np.broadcast_to(np.imag(f(x, *shifted)) / 1e-30, x.shape[-1:]))
    return np.stack(columns, axis=1)
