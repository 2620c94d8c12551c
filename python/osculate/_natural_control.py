"""How far to go along a natural gradient: a fixed step, a line search on the loss, or a KL trust region.

Along -d the model of the loss is f - s g'd + s^2 d'Fd / 2, and s^2 d'Fd / 2 is the Kullback-Leibler
divergence of the step to second order (Amari 1998, doi:10.1162/089976698300017746; Martens 2020, section 6).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Value = Callable[[Array], float]
KINDS = ("fixed", "line_search", "trust_region")
SUFFICIENT = 1e-4  # share of the promise that the loss must fall by (Dennis & Schnabel 1983, section 6.3.2)
SHORTEN = (0.1, 0.5)  # of a step, at the least and at most (the same)
MOST_TRIES = 60  # of a step; halved as often it is below the rounding of x
# Ratios of actual and predicted reduction that shrink the radius by 4 and double it; Nocedal & Wright 2006,
# algorithm 4.1. KL grows with the square of the length.
POOR, GOOD = 0.25, 0.75
SHRINK, GROW = 1 / 16, 4.0


@dataclass(frozen=True, slots=True)
class Line:
    """A point, the direction d that is subtracted from it, and what is known of the loss along it."""

    x: Array
    value: float
    d: Array
    slope: float
    """g'd, the descent a unit step."""
    curvature: float
    """d'Fd."""

    @property
    def slack(self) -> float:
        """Ten times the rounding error of the loss: what is no progress and no failure."""
        return 10 * float(np.finfo(self.x.dtype).eps) * abs(self.value)

    def point(self, scale: float) -> Array:
        """x - scale d, an array of its own."""
        with np.errstate(over="ignore", invalid="ignore"):
            point: Array = self.x - self.x.dtype.type(scale) * self.d
            return point

    def predicted(self, scale: float) -> float:
        """Reduction of the model."""
        return scale * self.slope - scale**2 * self.curvature / 2

    def hides(self, scale: float) -> bool:
        """Whether rounding hides what the slope promises: a step that was shortened as far says nothing."""
        return scale * self.slope <= self.slack

    def kl(self, scale: float) -> float:
        """Divergence of the step, in nats a sample where the loss is a mean over samples."""
        return scale**2 * self.curvature / 2

    def within_kl(self, scale: float, bound: float) -> float:
        """The scale, or the one whose divergence is `bound` where that is less."""
        return scale if self.kl(scale) <= bound else math.sqrt(2 * bound / self.curvature)


@dataclass(frozen=True, slots=True)
class Trial:
    """The last step that was tried along a line."""

    x: Array
    value: float
    scale: float
    predicted: float
    actual: float
    ratio: float
    accepted: bool
    losses: int
    """Calls of the loss."""
    finite: bool
    """Whether the loss was finite at some trial."""
    radius: float
    """KL radius of the next step."""


def walk(kind: str, value: Value | None, line: Line, scale: float, radius: float) -> Trial:
    """The step of a kind of control, at most `scale` long; `radius` is that of the trust region."""
    if kind == "fixed":
        return _fixed(value, line, scale, radius)
    assert value is not None
    return (_line_search if kind == "line_search" else _trust_region)(value, line, scale, radius)


def _tried(line: Line, f: float, scale: float) -> tuple[float, float, float]:
    """Predicted and actual reduction and their ratio; -inf where the loss is not finite."""
    predicted = line.predicted(scale)
    actual = line.value - f if math.isfinite(f) else -math.inf
    floor = predicted + line.slack
    return predicted, actual, (actual + line.slack) / floor if floor > 0 else math.nan


def _fixed(value: Value | None, line: Line, scale: float, radius: float) -> Trial:
    x = line.point(scale)
    if value is None:
        finite = bool(np.isfinite(x).all())
        return Trial(x, math.nan, scale, line.predicted(scale), math.nan, math.nan, finite, 0, finite, radius)
    f = value(x)
    finite = math.isfinite(f)
    return Trial(x, f, scale, *_tried(line, f, scale), finite, 1, finite, radius)


def _line_search(value: Value, line: Line, scale: float, radius: float) -> Trial:
    finite = False
    tries = 0
    while tries < MOST_TRIES:
        tries += 1
        x = line.point(scale)
        f = value(x)
        finite = finite or math.isfinite(f)
        predicted, actual, ratio = _tried(line, f, scale)
        promise = scale * line.slope
        good = actual + line.slack >= SUFFICIENT * promise
        if good or np.array_equal(x, line.x):
            break
        shorter = promise / (2 * (promise - actual)) if actual > -math.inf else 0.0  # of the parabola
        scale *= min(max(shorter, SHORTEN[0]), SHORTEN[1])
        if line.hides(scale):
            break
    return Trial(x, f, scale, predicted, actual, ratio, good, tries, finite, radius)


def _trust_region(value: Value, line: Line, scale: float, radius: float) -> Trial:
    finite = False
    if scale * line.curvature > line.slope:  # beyond the model's minimum
        scale = line.slope / line.curvature
    tries = 0
    while tries < MOST_TRIES:
        tries += 1
        length = line.within_kl(scale, radius)
        x = line.point(length)
        f = value(x)
        finite = finite or math.isfinite(f)
        predicted, actual, ratio = _tried(line, f, length)
        if ratio < POOR or math.isnan(ratio):
            radius = SHRINK * line.kl(length)
        elif ratio > GOOD and length < scale:
            radius *= GROW
        good = ratio >= SUFFICIENT
        if good or np.array_equal(x, line.x):
            break
        if line.curvature == 0:  # no divergence that a radius could bound
            scale /= 4
        if line.hides(line.within_kl(scale, radius)):
            break
    return Trial(x, f, length, predicted, actual, ratio, good, tries, finite, radius)
