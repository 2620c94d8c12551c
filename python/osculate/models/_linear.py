"""Linear least squares for many fits at once: the parameters that enter linearly, given the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ._guess import Array, Data

RIDGE = 1e-13  # relative to the (unit) diagonal: keeps collinear columns solvable, about the rounding of J'J


def fit_offset(data: Data, shape: Array) -> tuple[Array, Array, Array]:
    """Fit ``height * shape + offset``; return height, offset and the sum of squared residuals, each (B,).

    `shape` is (N,) or (B, N). Where it is constant the height is 0.
    """
    shape = np.where(np.isfinite(shape), shape, 0.0)
    count = data.count
    if data.weights is None:
        centre = shape.mean(axis=-1, keepdims=True)
    else:
        centre = (shape * data.weights).sum(axis=-1, keepdims=True) / np.reshape(count, (-1, 1))
    level = data.mean()
    g, r = data.masked(shape - centre), data.masked(data.y - level[:, None])
    norm, size = (g * g).sum(axis=-1), np.abs(centre[..., 0])
    height = np.where(norm > 1e-24 * count * size**2, (g * r).sum(axis=-1) / norm, 0.0)
    height = np.where(np.isfinite(height), height, 0.0)
    sse = (r * r).sum(axis=1) - height**2 * norm
    return height, level - height * centre[..., 0], sse


def fit_linear(data: Data, basis: Sequence[Any]) -> tuple[Array, Array]:
    """Fit a sum of basis functions, each (N,), (B, N) or a number; return coefficients (B, m) and the sums.

    Normal equations of columns of unit length with a tiny ridge, one batched solve.
    """
    b, n = data.y.shape
    a = np.empty((b, len(basis), n))
    for k, column in enumerate(basis):
        a[:, k] = column
    a[~np.isfinite(a)] = 0.0
    if data.weights is not None:
        a *= data.weights[:, None, :]
    length = np.sqrt((a * a).sum(axis=2))
    a /= np.where(length > 0, length, 1.0)[:, :, None]
    y = data.masked(data.y)
    gram = a @ a.transpose(0, 2, 1) + RIDGE * np.eye(len(basis))
    gram += np.where(length > 0, 0.0, 1.0)[:, :, None] * np.eye(len(basis))
    solution = np.linalg.solve(gram, a @ y[:, :, None])[:, :, 0]
    residual = y - (solution[:, None, :] @ a)[:, 0]
    coefficients = np.where(length > 0, solution / np.where(length > 0, length, 1.0), 0.0)
    return coefficients, (residual * residual).sum(axis=1)


class Best:
    """The best of several sets of columns, fit by fit."""

    def __init__(self) -> None:
        self.sse: Any = np.inf
        self.columns: list[Any] = []

    def offer(self, sse: Array, *columns: Any) -> None:
        """Keep `columns` where their sum of squares is the lowest so far."""
        if not self.columns:
            self.sse, self.columns = sse, list(columns)
            return
        better = sse < self.sse
        self.sse = np.where(better, sse, self.sse)
        self.columns = [np.where(better, new, old) for new, old in zip(columns, self.columns, strict=True)]
