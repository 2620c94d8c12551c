"""Linear least squares for many fits at once: the parameters that enter linearly, given the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ._guess import Array, Data

FLAT = 1e-12  # relative variance below which a shape counts as constant: far above the rounding of its sums
RIDGE = 1e-13  # relative to the (unit) diagonal: keeps collinear columns solvable, about the rounding of J'J


def fit_offset(data: Data, shape: Array) -> tuple[Array, Array, Array]:
    """Fit ``height * shape + offset``; return height, offset and the sum of squared residuals, each (B,).

    `shape` is (N,) or (B, N). Where it is constant the height is 0.
    """
    g = np.broadcast_to(shape, data.y.shape)
    total = g.sum(axis=1)
    if not np.isfinite(total).all():
        g = np.where(np.isfinite(g), g, 0.0)
        total = g.sum(axis=1)
    if data.weights is not None:
        g = g * data.weights
        total = g.sum(axis=1)
    # r has mean 0, so that g need not be centered; what cancels in the norm is below the threshold
    level, r = data.centered()
    center = total / data.count
    square = np.einsum("bn,bn->b", g, g)
    norm = square - total * center
    height = np.where(norm > FLAT * square, np.einsum("bn,bn->b", g, r) / norm, 0.0)
    height = np.where(np.isfinite(height), height, 0.0)
    return height, level - height * center, np.einsum("bn,bn->b", r, r) - height**2 * norm


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
