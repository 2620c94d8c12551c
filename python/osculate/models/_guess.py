"""From data to first parameters: the frame around every model's own rule.

Fits are handled in blocks that stay in the cache; within a block all is vectorized over fits, and no fit's
numbers depend on its neighbours. y is multiplied by a power of two to have a largest value of about 1, so a
rule never sees 1e12 or 1e-12, and it may rely on sorted x and on y without gaps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

BLOCK = 1 << 16  # numbers of y in a block: 512 KB, about a core's second-level cache
TILE = 16  # rows are a multiple of this, see _grid.py


@dataclass(frozen=True, slots=True)
class Data:
    """What a rule gets: one block of fits.

    Attributes
    ----------
    x : (N,) or (D, N) array
        Finite; in increasing order where it has one dimension.
    y : (B, N) array
        Scaled to about 1. Missing values are interpolated between their neighbours (1-D) or are the mean.
    weights : (B, N) array or None
        0 for a missing point, else 1; None where none is missing.
    """

    x: Array
    y: Array
    weights: Array | None
    _centered: list[tuple[Array, Array]] = field(default_factory=list, repr=False)

    @property
    def count(self) -> Any:
        """The number of points of each fit, (B,), or of every fit; never below 1."""
        return self.y.shape[1] if self.weights is None else np.maximum(self.weights.sum(axis=1), 1.0)

    def mean(self) -> Array:
        """The mean of each fit's points, (B,)."""
        y = self.y if self.weights is None else self.y * self.weights
        mean: Array = y.sum(axis=1) / self.count
        return mean

    def centered(self) -> tuple[Array, Array]:
        """Return the mean of each fit, (B,), and y without it, (B, N), 0 where missing; made once."""
        if not self._centered:
            mean = self.mean()
            self._centered.append((mean, self.masked(self.y - mean[:, None])))
        return self._centered[0]

    def masked(self, values: Array) -> Array:
        """`values`, (B, N), with 0 at the missing points."""
        return values if self.weights is None else values * self.weights


Columns = Sequence[Any]
"""One array of shape (B,), or number, for every parameter."""


Beside = tuple[tuple[Callable[..., Any], int], ...]
"""Functions and the number of their parameters."""


@dataclass(frozen=True, slots=True)
class Guess:
    """`guess(x, y)` of a ready-made model.

    Parameters
    ----------
    rule : callable
        ``rule(data, plan)`` gives the columns of p0.
    scaled : tuple of int
        The parameters that are proportional to y.
    plan : callable or None
        ``plan(x)`` gives what depends on x alone; kept for the last few x.
    parameters : int
        Their number.
    coordinates : int
        1, or D for an x of shape (D, N).
    linear : bool
        Whether the model is linear in all parameters.
    """

    rule: Callable[[Data, Any], Columns]
    scaled: tuple[int, ...]
    parameters: int
    plan: Callable[[Array], Any] | None = None
    coordinates: int = 1
    linear: bool = False

    def __call__(self, x: npt.ArrayLike, y: npt.ArrayLike, beside: Beside = ()) -> Array:
        """Return p0, shape (..., P), always finite, for x (N,) or (D, N) and y (..., N); NaN is missing.

        `beside` are functions, linear in their parameters, that y has in it too; a search on a grid then sees
        only what they cannot explain.
        """
        x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
        self._check(x, y)
        keep = np.isfinite(np.atleast_2d(x)).all(axis=0)
        if not keep.all():
            x, y = x[..., keep], y[..., keep]
        if x.shape[-1] == 0:
            x, y = np.zeros((*x.shape[:-1], 1)), np.full((*y.shape[:-1], 1), np.nan)
        if x.ndim == 1 and np.any(x[1:] < x[:-1]):
            order = np.argsort(x, kind="stable")
            x, y = x[order], y[..., order]
        rows = y.reshape(-1, y.shape[-1])
        step = max(TILE, BLOCK // rows.shape[1] // TILE * TILE)
        p0 = np.empty((len(rows), self.parameters))
        with np.errstate(all="ignore"):
            plan = self._plan(x, beside)
            for start in range(0, len(rows), step):
                p0[start : start + step] = self._block(x, rows[start : start + step], plan)
        return p0.reshape(*y.shape[:-1], self.parameters)

    def _check(self, x: Array, y: Array) -> None:
        if self.coordinates == 1 and x.ndim != 1:
            raise ValueError(f"guess: x must have shape (N,), got {x.shape}")
        if self.coordinates > 1 and (x.ndim != 2 or len(x) != self.coordinates):
            raise ValueError(f"guess: x must have shape ({self.coordinates}, N), got {x.shape}")
        if y.ndim == 0 or y.shape[-1] != x.shape[-1]:
            raise ValueError(f"guess: y must have shape (..., {x.shape[-1]}) as x has it, got {y.shape}")

    def _plan(self, x: Array, beside: Beside) -> Any:
        return None if self.plan is None else _kept(self.plan, beside, x.tobytes(), x.shape)

    def _block(self, x: Array, y: Array, plan: Any) -> Array:
        present = np.isfinite(y)
        weights = None
        if not present.all():
            weights = present.astype(np.float64)
            y = _filled(x, np.where(present, y, 0.0), present)
        exponent = np.frexp(np.abs(y).max(axis=1))[1]
        y = np.ldexp(y, -exponent[:, None])
        p0 = np.empty((len(y), self.parameters))
        for k, column in enumerate(self.rule(Data(x, y, weights), plan)):
            p0[:, k] = np.ldexp(column, exponent) if k in self.scaled else column
        limit = np.finfo(np.float64).max
        for k in range(self.parameters):
            np.nan_to_num(
                p0[:, k], copy=False, nan=0.0 if k in self.scaled else 1.0, posinf=limit, neginf=-limit
            )
        return p0


@lru_cache(maxsize=16)  # the batch engine asks for chunk after chunk on the same x
def _kept(plan: Callable[[Array], Any], beside: Beside, data: bytes, shape: tuple[int, ...]) -> Any:
    x = np.frombuffer(data).reshape(shape)
    made = plan(x)
    if beside and hasattr(made, "excluding"):
        return made.excluding([f(x, *unit) for f, count in beside for unit in np.eye(count)])
    return made


def _filled(x: Array, y: Array, present: npt.NDArray[np.bool_]) -> Array:
    """Fill gaps: linearly in x between neighbours, at the ends by the nearest; in 2-D by the mean."""
    if x.ndim > 1:
        mean = y.sum(axis=1) / np.maximum(present.sum(axis=1), 1)
        return np.where(present, y, mean[:, None])
    n = len(x)
    position = np.arange(n)
    before = np.maximum.accumulate(np.where(present, position, -1), axis=1)
    after = np.minimum.accumulate(np.where(present, position, n)[:, ::-1], axis=1)[:, ::-1]
    row, column = np.nonzero(~present)
    left, right = before[row, column], after[row, column]
    left, right = np.where(left < 0, right, left), np.where(right == n, left, right)
    left, right = np.clip(left, 0, n - 1), np.clip(right, 0, n - 1)  # of a row without any point
    gap = x[right] - x[left]
    share = np.where(gap > 0, (x[column] - x[left]) / np.where(gap > 0, gap, 1.0), 0.0)
    y[row, column] = y[row, left] + share * (y[row, right] - y[row, left])
    return y


def extent(x: Array) -> float:
    """The range of x, never 0."""
    span = float(x.max() - x.min())
    return span or abs(float(x[0])) or 1.0


def spacing(x: Array) -> float:
    """A small but typical distance of neighbours (5% quantile, median where x is regular), never 0."""
    steps = np.diff(np.unique(x))
    return float(np.quantile(steps, 0.05)) if len(steps) else extent(x)
