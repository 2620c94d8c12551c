"""A noisy decay and its model, as SciPy's documentation of curve_fit has one, in numbers of our own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
INF = np.inf
X = np.linspace(0, 4, 50)


def decay(x: FloatArray, a: float, b: float, c: float) -> FloatArray:
    return a * np.exp(-b * x) + c


def decay_jacobian(x: FloatArray, a: float, b: float, c: float) -> FloatArray:
    e = np.exp(-b * x)
    return np.stack([e, -a * x * e, np.ones_like(x)], axis=1)


_NOISE = np.random.default_rng(5)
Y = decay(X, 2.4, 1.2, 0.6) + 0.1 * _NOISE.standard_normal(X.size)
SIGMA = _NOISE.uniform(0.05, 0.3, X.size)
_HALF = _NOISE.standard_normal((X.size, X.size))
COVARIANCE = _HALF @ _HALF.T / X.size + 0.1 * np.eye(X.size)
GAPS = np.where(np.isin(np.arange(50), (3, 17)), np.nan, Y)
X_GAPS = np.where(np.arange(50) == 30, np.nan, X)
