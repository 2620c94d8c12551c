"""One step along a natural gradient, as long as the core's globalize/kl_step.hpp says.

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

from . import _core

Array = NDArray[Any]
Value = Callable[[Array], float]
KINDS = ("fixed", "line_search", "trust_region")  # as the core numbers them
ACCEPT, RESCALE = 0, 1  # verdicts of the core


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
    if value is None:  # kind "fixed"
        x = line.point(scale)
        finite = bool(np.isfinite(x).all())
        return Trial(x, math.nan, scale, line.predicted(scale), math.nan, math.nan, finite, 0, finite, radius)
    control = _core.KlStep(KINDS.index(kind), radius)
    control.begin(line.value, line.slack, line.slope, line.curvature, scale)
    finite, verdict = False, RESCALE
    while verdict == RESCALE:
        scale = control.scale
        x = line.point(scale)
        f = value(x)
        finite = finite or math.isfinite(f)
        verdict = control.judge(f)
        if verdict != ACCEPT and np.array_equal(x, line.x):
            break
    return Trial(
        x=x,
        value=f,
        scale=scale,
        predicted=control.predicted,
        actual=control.actual,
        ratio=control.ratio,
        accepted=verdict == ACCEPT,
        losses=control.tries,
        finite=finite,
        radius=control.radius,
    )
