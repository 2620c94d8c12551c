"""Models and simulated batches that the tests of `fit` share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

import osculate

ARRAYS = ("params", "stderr", "covariance", "cost", "redchi", "status", "flags", "iterations", "n_points")
X = np.linspace(0, 4, 50)


def decay(x: Any, a: float, k: float, c: float) -> Any:
    return a * np.exp(-k * x) + c


def peak(x: Any, height: float, centre: float, width: float, offset: float) -> Any:
    return height * np.exp(-(((x - centre) / width) ** 2)) + offset


def decays(*shape: int, seed: int = 0, noise: float = 0.05) -> tuple[NDArray[Any], NDArray[Any]]:
    """True parameters and noisy data of a batch of decays at X."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform([1.0, 0.8, -0.5], [3.0, 1.6, 0.5], (*shape, 3))
    y = decay(X, *(truth[..., k, np.newaxis] for k in range(3)))
    return truth, y + noise * rng.standard_normal(y.shape)


def peaks(*shape: int, seed: int = 1, noise: float = 0.05) -> tuple[NDArray[Any], NDArray[Any]]:
    """True parameters and noisy data of a batch of peaks at X."""
    rng = np.random.default_rng(seed)
    truth = rng.uniform([2.0, 1.5, 0.5, -0.5], [4.0, 2.5, 1.0, 0.5], (*shape, 4))
    y = peak(X, *(truth[..., k, np.newaxis] for k in range(4)))
    return truth, y + noise * rng.standard_normal(y.shape)


def bits(result: osculate.FitResult, where: Any = ...) -> dict[str, bytes]:
    """Every number of some fits, to compare exactly; NaN is equal to NaN."""
    return {name: np.ascontiguousarray(getattr(result, name)[where]).tobytes() for name in ARRAYS}
