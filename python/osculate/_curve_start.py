"""Large data of `curve_fit`: the batch engine goes to the minimum, and the ordinary solver starts there.

What `curve_fit` returns, counts and raises is the ordinary solver's all the same; only the way is shorter.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ._fit import fit, traced_model
from ._model import Model
from ._result import FloatArray

LARGE = 50_000  # numbers that a difference Jacobian computes; below, a trace costs more than it saves


def minimum_on_tape(
    f: Callable[..., Any],
    xdata: Any,
    ydata: FloatArray,
    weights: FloatArray | None,
    start: FloatArray,
    bounds: Any,
) -> FloatArray:
    """The minimum that a traced f leads to from `start`.

    `start` itself where the data are few or not one value a point, f cannot be traced, or its fit fails.
    """
    if ydata.size * (start.size + 1) < LARGE or not isinstance(xdata, np.ndarray):
        return start
    if ydata.ndim != 1 or xdata.ndim > 2 or xdata.shape[-1:] != ydata.shape or xdata.dtype != np.float64:
        return start
    if not np.isfinite(ydata).all() or (weights is not None and weights.ndim > 1):
        return start
    names = tuple(f"p{k}" for k in range(start.size))
    model = Model(lambda x, *params: f(x, *params), parameters=names)
    traced, _ = traced_model(model, xdata, names, own_x=False)
    if traced is None or traced.verify(model.f, xdata, start) is not None:
        return start
    sigma = None if weights is None else np.abs(1 / weights)  # whose sign leastsq disregards
    try:
        found = fit(model, xdata, ydata, start, sigma=sigma, bounds=bounds, covariance=False)
    except (TypeError, ValueError):  # which the ordinary solver puts in curve_fit's words
        return start
    good = found.path == "tape" and bool(found.success) and bool(np.isfinite(found.params).all())
    return np.asarray(found.params) if good else start
