"""The curves of fitted parameters."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._batch_columns import Many
from ._batch_data import Data, FloatArray, real_array
from ._batch_paths import CALL_SIZE, Callback
from ._model import Model


def predict(model: Model, callback: Callback | None, data: Data, params: NDArray[Any], x: Any) -> FloatArray:
    """The model at fitted parameters (..., P), at `x` or, where it is None, at the data's; shape (..., N)."""
    own = x is None and data.own_x
    given = data.first_argument() if x is None else _read_x(x, data)
    points = given.shape[-1]
    p = np.asarray(params, dtype=np.float64).reshape(-1, params.shape[-1])
    out = np.empty((len(p), points))
    if x is None and callback is not None and callback.path == "batched":
        many = Many(callback.function, data, None if own else given)
        rows = max(1, CALL_SIZE // points)
        with np.errstate(all="ignore"):
            for k in range(0, len(p), rows):
                part = p[k : k + rows]
                out[k : k + rows] = many(part.T.copy(), np.arange(k, k + len(part)))
    elif own:
        for k in range(math.prod(data.shape)):
            out[k] = model(data.argument(np.unravel_index(k, data.shape)), *p[k])
    else:
        for k, row in enumerate(p):
            out[k] = model(given, *row)
    return out.reshape(*params.shape[:-1], points)


def _read_x(x: Any, data: Data) -> FloatArray:
    """Coordinates that all fits share; a number is a single point."""
    who = "FitResult.predict"
    given = real_array(x, "x", who)
    if given.ndim == 0 and not data.stacked:
        given = given[np.newaxis]
    wanted = (len(data.x),) if data.stacked else ()
    if given.ndim != len(wanted) + 1 or given.shape[:-1] != wanted:
        expected = f"({wanted[0]}, N)" if wanted else "(N,)"
        raise ValueError(f"{who}: x must have shape {expected}, the same for all fits, got {given.shape}")
    return given.astype(np.float64)
