"""Derivatives of a model by its parameters: from the graph, else by complex steps, else by differences."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from ._trace import Trace
from ._tracer import FloatArray

_EPS = float(np.finfo(np.float64).eps)


def from_graph(trace: Trace, x: FloatArray, p: FloatArray) -> FloatArray:
    """Return the exact Jacobian, shape (N, P)."""
    jacobian = np.zeros((x.shape[-1], len(p)))
    gradient = trace.graph.gradient(trace.root, trace.parameters)
    columns = [k for k, node in enumerate(gradient) if node >= 0]
    if columns:
        jacobian[:, columns] = trace.evaluate(x, p, [gradient[k] for k in columns]).T
    return jacobian


def from_values(f: Callable[..., Any], x: FloatArray, p: FloatArray) -> FloatArray:
    """Return the Jacobian, shape (N, P), of a function that is no graph.

    Complex steps (Squire & Trapp 1998, doi:10.1137/S003614459631241X) are exact where every operation is
    analytic, which central differences confirm to four digits; where they do not, these are taken.
    """
    shape = x.shape[-1:]
    jacobian = np.empty((*shape, len(p)))
    with np.errstate(all="ignore"):
        for k in range(len(p)):
            slope = _difference(f, x, p, k)
            exact = _complex_step(f, x, p, k)
            if exact is not None and exact.shape == slope.shape:
                agree = np.abs(exact - slope) <= 1e-4 * np.max(np.abs(slope), initial=0)
                slope = exact if agree.all() else slope
            jacobian[:, k] = np.broadcast_to(slope, shape)
    return jacobian


def _difference(f: Callable[..., Any], x: FloatArray, p: FloatArray, k: int) -> FloatArray:
    # eps^(1/3) balances the truncation and rounding of central differences (Nocedal & Wright 2006, 8.1).
    step = _EPS ** (1 / 3) * (abs(p[k]) or 1.0)
    upper, lower = p.copy(), p.copy()
    upper[k] += step
    lower[k] -= step
    rise = np.asarray(f(x, *upper), dtype=np.float64) - np.asarray(f(x, *lower), dtype=np.float64)
    slope: FloatArray = rise / (upper[k] - lower[k])
    return slope


def _complex_step(f: Callable[..., Any], x: FloatArray, p: FloatArray, k: int) -> FloatArray | None:
    step = 1e-20 * (abs(p[k]) or 1.0)
    shifted: list[Any] = list(p)
    shifted[k] = complex(p[k], step)
    try:
        with warnings.catch_warnings():  # of imaginary parts that the function discards
            warnings.simplefilter("ignore")
            values = np.asarray(f(x, *shifted))
    except Exception:  # the function takes no complex numbers
        return None
    return values.imag / step if values.dtype.kind == "c" else None
