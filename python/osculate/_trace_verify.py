"""Compares a trace with its function on real numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._tracer import FloatArray

if TYPE_CHECKING:
    from ._trace import Trace

POINTS = 64
# Both sides do the same operations but for a few that round differently (products for powers, formulas for
# scipy.special): 1e-9 is 4.5 million roundings, less than any error of meaning makes in all points.
ROUNDINGS = 1e-9 / float(np.finfo(np.float64).eps)


def mismatch(trace: Trace, f: Callable[..., Any], x: FloatArray, p0: FloatArray) -> str | None:
    """Return the first difference between a trace and its function, at p0 and near it, or None."""
    points = x.shape[-1]
    if points == 0:
        return None
    chosen = np.arange(points)
    if points > POINTS:
        chosen = np.round(np.linspace(0, points - 1, POINTS)).astype(np.intp)
    start = np.array(p0, dtype=np.float64)
    whole = points <= POINTS or trace.bound or len(trace.arrays) > 0
    with np.errstate(all="ignore"):
        reason, whole = _compare(trace, f, x, start, chosen, whole)
        if reason is not None:
            return reason
        try:
            return _compare(trace, f, x, _near(start), chosen, whole)[0]
        except Exception:
            return None  # the function refuses what is near p0, which is no difference


def _near(p: FloatArray) -> FloatArray:
    """p with each parameter changed by 0.5 to 1.5 thousandths, up and down in turn, unequally."""
    k = np.arange(len(p))
    change = 1e-3 * (0.5 + k * 0.6180339887 % 1) * (1 - 2 * (k % 2))
    near: FloatArray = p + change * np.where(p == 0, 1.0, np.abs(p))
    return near


def _compare(
    trace: Trace,
    f: Callable[..., Any],
    x: FloatArray,
    p: FloatArray,
    chosen: NDArray[np.intp],
    whole: bool,
) -> tuple[str | None, bool]:
    """Return the difference and whether the function needs all points: some of them may not do for it."""
    traced = trace.evaluate(x, p, points=chosen)[0]
    if not whole:
        try:
            if _difference(trace, _values(f, x[..., chosen], p), traced, x, p, chosen) is None:
                return None, False
        except Exception:  # an array of the function's own, perhaps, that has all points
            whole = True
    values = _values(f, x, p)
    if isinstance(values, np.ndarray) and values.shape == x.shape[-1:]:
        values = values[chosen]
    return _difference(trace, values, traced, x, p, chosen), True


def _values(f: Callable[..., Any], x: FloatArray, p: FloatArray) -> Any:
    result = f(x.copy(), *p)
    if np.size(result) == 1 and np.shape(result) in ((), (1,)):
        return np.broadcast_to(np.asarray(result), x.shape[-1:])
    return np.asarray(result)


def _difference(
    trace: Trace, values: Any, traced: FloatArray, x: FloatArray, p: FloatArray, chosen: NDArray[np.intp]
) -> str | None:
    if values.dtype.kind not in "biuf":
        what = "complex numbers" if values.dtype.kind == "c" else f"an array of {values.dtype.name}"
        return f"the function returns {what}"
    if values.shape != traced.shape:
        return f"the function returns an array of shape {values.shape} for {x.shape[-1]} points"
    values = values.astype(np.float64)
    same = (values == traced) | (np.isnan(values) & np.isnan(traced))
    finite = np.isfinite(values) & np.isfinite(traced)
    size = np.abs(values) + np.max(np.abs(values), where=finite, initial=0)
    distance = np.abs(traced - values)
    same |= finite & (distance <= trace.epsilon * ROUNDINGS * size)
    if not same.all():  # where large terms cancel, perhaps
        noise = _noise(trace, x, p, chosen)
        noise = np.minimum(16 * np.maximum(noise, np.median(noise)), 1e-3 * size)
        same |= finite & (distance <= noise)
    if same.all():
        return None
    k = int(np.flatnonzero(~same)[0])
    at = ", ".join(f"{value:.6g}" for value in np.atleast_2d(x)[:, chosen[k]])
    where = f"x = {at}" if x.ndim == 1 else f"x = ({at})"
    given = ", ".join(f"{value:.6g}" for value in p)
    hint = "; it fills arrays of its own (out=), which are followed only where traced values enter"
    return (
        f"the trace differs from the function at point {chosen[k]} ({where}) for parameters ({given}): "
        f"{traced[k]:.10g} traced, {values[k]:.10g} expected"
        f"{hint if trace.writes else ''}"
    )


def _noise(trace: Trace, x: FloatArray, p: FloatArray, chosen: NDArray[np.intp]) -> FloatArray:
    """How far the values scatter when x and p change by a few roundings."""
    middle = trace.evaluate(x, p, points=chosen)[0]
    signs = 1 - 2 * (np.arange(len(p)) % 2)
    scatter: FloatArray = np.zeros(len(chosen))
    for change in np.array([-3, -2, -1, 1, 2, 3]) * float(np.finfo(np.float64).eps):
        for direction in (1, signs):
            values = trace.evaluate(x * (1 + change), p * (1 + change * direction), points=chosen)[0]
            scatter = np.fmax(scatter, np.abs(values - middle))
    return scatter
