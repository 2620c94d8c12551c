"""A damped oscillation around a constant."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ._decays import LARGEST
from ._grid import Grid, grid, product
from ._guess import Array, Columns, Data, extent
from ._linear import fit_linear
from ._ready import model

# time constants in units of the range, from no damping to a few points of many; the peak of a frequency is as
# wide as 1 / tau, so that a coarse ladder will do
DAMPINGS = np.array([3.0, 0.5, 0.18, 0.07])
FREQUENCY_STEP = 0.35  # in units of 1 / range, a third of the width of a line
SHORT = 256  # longer data take the Fourier transform instead of all frequencies one by one


@dataclass(frozen=True, slots=True)
class Spectrum:
    """How to interpolate y to M even points: ``y[left] + share * (y[left + 1] - y[left])``."""

    left: Any
    share: Array
    step: float


def _frequencies(x: Array) -> Array:
    """Return multiples of the step up to the Nyquist frequency of the median distance."""
    span = extent(x)
    count = max(2, math.ceil(0.5 * span / _step(x) / FREQUENCY_STEP))
    return np.asarray(np.arange(1, count + 1) * FREQUENCY_STEP / span, dtype=np.float64)


def _step(x: Array) -> float:
    steps = np.diff(np.unique(x))
    return float(np.median(steps)) if len(steps) else extent(x)


def _waves(x: Array, frequency: Any, tau: Any) -> list[Array]:
    envelope = np.exp(-(x - x[0]) / tau)
    angle = 2 * math.pi * frequency * (x - x[0])
    return [envelope * np.cos(angle), envelope * np.sin(angle)]


def _plan(x: Array) -> Grid | Spectrum:
    if len(x) <= SHORT:
        candidates = product(_frequencies(x)[: 2 * SHORT], extent(x) * DAMPINGS)
        return grid(x, candidates, _waves)
    points = int(min(4 * len(x), round(extent(x) / _step(x)) + 1))
    even = np.linspace(x[0], x[-1], points)
    left = np.clip(np.searchsorted(x, even, side="right") - 1, 0, len(x) - 2)
    gap = x[left + 1] - x[left]
    share = np.where(gap > 0, (even - x[left]) / np.where(gap > 0, gap, 1.0), 0.0)
    return Spectrum(left, share, extent(x) / (points - 1))


def _from_spectrum(data: Data, plan: Spectrum) -> tuple[Array, Array]:
    """Return frequency and tau where |sum(y exp(-t/tau) exp(-i w t))|^2 / sum(exp(-2t/tau)) is largest."""
    y = data.y - data.mean()[:, None]
    y = y[:, plan.left] + plan.share * (y[:, plan.left + 1] - y[:, plan.left])
    time = np.arange(len(plan.share)) * plan.step
    least = 2 * len(time)
    length = min(odd << max(0, math.ceil(math.log2(least / odd))) for odd in (1, 3, 5))  # fast to transform
    power = np.full(len(y), -np.inf)
    frequency, tau = np.zeros(len(y)), np.zeros(len(y))
    for damping in DAMPINGS:
        decay = damping * time[-1]
        envelope = np.exp(-time / decay)
        spectrum = np.fft.rfft(y * envelope, length, axis=1)[:, 1:]
        squared = spectrum.real**2 + spectrum.imag**2
        at = np.argmax(squared, axis=1)
        largest = squared[np.arange(len(y)), at] / (envelope @ envelope)
        better = largest > power
        power = np.where(better, largest, power)
        frequency = np.where(better, (at + 1) / (length * plan.step), frequency)
        tau = np.where(better, decay, tau)
    return frequency, tau


def _rule(data: Data, plan: Grid | Spectrum) -> Columns:
    frequency, tau = _from_spectrum(data, plan) if isinstance(plan, Spectrum) else plan.select(data).T
    basis = _waves(data.x, frequency[:, None], tau[:, None])
    cosine, sine, offset = fit_linear(data, [*basis, 1.0])[0].T
    factor = np.exp(np.clip(data.x[0] / tau, -LARGEST, LARGEST))
    phase = np.arctan2(cosine, sine) - 2 * math.pi * frequency * data.x[0]
    phase = phase - 2 * math.pi * np.round(phase / (2 * math.pi))
    return [np.hypot(cosine, sine) * factor, frequency, phase, tau, offset]


@model(_rule, scaled=["amplitude", "offset"], plan=_plan)
def damped_sine(x: Any, amplitude: Any, frequency: Any, phase: Any, tau: Any, offset: Any) -> Any:
    """Evaluate a damped sine: ``amplitude * exp(-x / tau) * sin(2 * pi * frequency * x + phase) + offset``.

    Parameters
    ----------
    x : array_like, shape (N,)
        Time.
    amplitude : float
        At x = 0; unit of y. The guess has amplitude > 0.
    frequency : float
        Cycles per unit of x, > 0 in the guess.
    phase : float
        At x = 0, in radians; from -pi to pi in the guess.
    tau : float
        Time constant of the damping; unit of x.
    offset : float
        The mean around which it swings; unit of y.

    Notes
    -----
    Guess: up to 256 points, the best of a grid of frequencies (to the Nyquist frequency of the median
    distance of points, step 0.35 / range) and four tau, the rest eliminated; this is a Lomb-Scargle
    periodogram (Lomb 1976) with damping and offset. For more points the same with Fourier transforms, after
    linear interpolation where x is uneven.

    References
    ----------
    N. R. Lomb, Least-squares frequency analysis of unequally spaced data, Astrophys. Space Sci. 39 (1976)
    447, doi:10.1007/BF00648343.

    Examples
    --------
    >>> import numpy as np
    >>> from osculate.models import damped_sine
    >>> x = np.linspace(0, 10, 100)
    >>> p0 = damped_sine.guess(x, damped_sine(x, 3.0, 0.8, 0.5, 6.0, 1.0))
    >>> bool(abs(p0[1] - 0.8) < 0.03)
    True
    """
    return amplitude * (np.exp(x * (-1 / tau)) * np.sin((2 * math.pi * frequency) * x + phase)) + offset
