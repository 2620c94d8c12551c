"""Derivatives by differences at many steps, each with its uncertainty, to check others against.

Central differences at steps of every size: the noise of the function, measured from a table of its
differences (More & Wild, "Estimating computational noise", SIAM J. Sci. Comput. 33, 2011), bounds what
rounding does to each, the change from step to step what truncation does. Steps grow as long as their
intervals have a point in common with those of all smaller steps (Lepskii, "On a problem of adaptive
estimation in Gaussian white noise", Theory Probab. Appl. 35, 1991), and the least uncertain one counts: large
steps that agree by chance do not.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ._arguments import EPSILON, FloatArray

Function = Callable[[Any], Any]  # of a vector, real or complex, to a vector
NOISE = 10.0  # multiples of the measured noise that an element may be off: a normal deviate passes 7 never
RATIO = 10.0  # of neighbouring steps
MOST_STEPS = 30
IMAGINARY = 1e-20  # share of x: its square, the truncation error, is below any rounding
SPACINGS = (1e-12, 1e-6)  # of the points for the noise, the second for functions in single precision
SINGLE = 1e-6  # most relative noise of a function in single precision


@dataclass(frozen=True)
class Estimate:
    """Derivatives along directions, shape (m, directions): values, uncertainties, steps."""

    value: FloatArray
    uncertainty: FloatArray
    step: FloatArray
    """Length of the step; 0 for complex step."""


def noise(f: Function, x: FloatArray, size: FloatArray) -> FloatArray:
    """Standard deviation of f's rounding errors near x, shape (m,); at least half an ulp."""
    at = f(x)
    direction = np.random.default_rng(0).uniform(0.5, 1, x.size) * np.where(x != 0, np.abs(x), size)
    fine, coarse = (
        _deviation(np.array([guarded(f, x + spacing * i * direction, at.size) for i in range(-4, 5)]))
        for spacing in SPACINGS
    )
    single = coarse <= SINGLE * np.abs(at)
    measured = np.where(single, np.fmax(fine, coarse), fine)
    return np.asarray(np.maximum(measured, 0.5 * EPSILON * np.abs(at)))


def _deviation(values: FloatArray) -> FloatArray:
    """Standard deviation of the noise in equally spaced values, rows, from differences of order 4 and 5."""
    found = np.zeros(values.shape[1])
    for k in (4, 5):
        gamma = math.factorial(k) ** 2 / math.factorial(2 * k)
        found = np.fmax(found, np.sqrt(gamma * np.mean(np.diff(values, k, axis=0) ** 2, axis=0)))
    return np.where(np.isfinite(found), found, 0.0)


def along(
    f: Function, x: FloatArray, directions: FloatArray, size: FloatArray, *, complex_step: bool = True
) -> Estimate:
    """Derivatives of f along each column of `directions`, shape (n, directions); f(x) has shape (m,).

    `size` has the lengths at which x is expected to vary, shape (n,).
    """
    deviation = noise(f, x, size)
    takes_complex = complex_step and complex_values(f, x) is not None
    columns = []
    for d in directions.T:
        best = _real(f, x, d, size, deviation)
        if takes_complex:
            best = _refined(f, x, d, size, best)
        columns.append(best)
    return Estimate(*(np.stack(parts, axis=1) for parts in zip(*columns, strict=True)))


def _real(
    f: Function, x: FloatArray, d: FloatArray, size: FloatArray, deviation: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Value, uncertainty and step of the best central difference, each of shape (m,)."""
    differences, rounding, steps = [], [], []
    for step in _steps(x, d, size):  # from the smallest
        ahead, behind = x + step * d, x - step * d
        # What was stepped, not what was meant to be
        width = (ahead - behind) @ d / (d @ d)
        if width <= 0:
            continue
        high, low = guarded(f, ahead, deviation.size), guarded(f, behind, deviation.size)
        differences.append((high - low) / width)
        error = np.maximum(deviation, 0.5 * EPSILON * np.fmax(np.abs(high), np.abs(low)))
        # On the way along several variables each x_j is rounded, too: a share of the step itself
        spread = EPSILON * np.abs(x).max() / step if np.count_nonzero(d) > 1 else EPSILON
        rounding.append(2 * NOISE * error / width + spread * np.abs(differences[-1]))
        steps.append(width / 2)
    table, lengths = np.array(differences), np.array(steps)
    truncation = np.full_like(table, np.inf)
    truncation[:-1] = np.abs(np.diff(table, axis=0))
    total = np.where(np.isfinite(table), np.array(rounding) + truncation, np.inf)
    total[np.isnan(total)] = np.inf
    centre = np.where(np.isfinite(table), table, 0.0)
    compatible = np.maximum.accumulate(centre - total) <= np.minimum.accumulate(centre + total)
    total[~np.logical_and.accumulate(compatible)] = np.inf
    best = np.argmin(total, axis=0)
    every = np.arange(best.size)
    return centre[best, every], total[best, every], lengths[best]


def _steps(x: FloatArray, d: FloatArray, size: FloatArray) -> FloatArray:
    """Steps along d from below the smallest that can matter to a tenth of the size of x."""
    used = d != 0
    largest = 0.1 * float(np.min(np.maximum(np.abs(x), size)[used] / np.abs(d[used])))
    lengths = np.where(x != 0, np.minimum(np.abs(x) * 1e-12, size * 1e-12), size * 1e-15)[used]
    smallest = min(float(np.min(lengths / np.abs(d[used]))), 1e-9 * largest)
    decades = math.ceil(math.log(largest / smallest, RATIO))
    return np.geomspace(max(smallest, 1e-300), largest, min(decades, MOST_STEPS) + 1)


def _refined(
    f: Function,
    x: FloatArray,
    d: FloatArray,
    size: FloatArray,
    real: tuple[FloatArray, FloatArray, FloatArray],
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """The complex step, where it agrees with the difference: abs() and its like give wrong ones."""
    value, uncertainty, step = real
    used = d != 0
    h = IMAGINARY * float(np.min(np.maximum(np.abs(x), size)[used] / np.abs(d[used])))
    found = [complex_values(f, point + 1j * h * d) for point in (x, nudged(x, 1), nudged(x, -1))]
    if any(values is None for values in found):
        return real
    at, *beside = (values.imag / h for values in found)
    sharp = 3 * np.max([np.abs(values - at) for values in beside], axis=0) + 10 * EPSILON * np.abs(at)
    better = (np.abs(at - value) <= uncertainty) & (sharp < uncertainty)
    return np.where(better, at, value), np.where(better, sharp, uncertainty), np.where(better, 0.0, step)


def nudged(x: FloatArray, sign: int) -> FloatArray:
    """A point four roundings from x."""
    return np.asarray(x * (1 + sign * 4 * EPSILON))


def guarded(f: Function, x: FloatArray, m: int) -> FloatArray:
    """The value of f, NaN where it refuses x or becomes complex: steps may leave its domain."""
    try:
        values = np.asarray(f(x))
    except (ArithmeticError, ValueError):
        values = np.empty(0, dtype=complex)
    return np.full(m, np.nan) if values.dtype.kind == "c" else np.asarray(values, dtype=np.float64)


def complex_values(f: Function, x: Any) -> Any:
    """The complex value of f at a complex x, or None where f is not made for that."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values = np.asarray(f(np.asarray(x, dtype=np.complex128)))
    except Exception:
        return None
    return values if values.dtype.kind == "c" and np.isfinite(values).all() else None
