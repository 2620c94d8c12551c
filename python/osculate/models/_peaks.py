"""Peaks on a constant background."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .._special import erf
from ._boxes import Edges, boxes, edges
from ._grid import POINTS, Grid, geometric, grid
from ._guess import Array, Columns, Data, extent, spacing
from ._linear import Best, fit_linear, fit_offset
from ._ready import model

LN2 = math.log(2)
FWHM = 2 * math.sqrt(2 * LN2)  # of a Gaussian, in units of sigma
# full width at half maximum in units of the best box's width: the box that explains most of a Gaussian is
# 1.19 FWHM wide (maximize erf(u)^2 / u), but noise and the rest of the data move it, so three are tried
BOX_TO_FWHM = (0.55, 0.84, 1.25)
SKEWS = (0.6, 1.5, 4.0)  # never 0, where center and skew have parallel derivatives


def _gaussian_shape(x: Any, center: Any, fwhm: Any) -> Any:
    return np.exp(-4 * LN2 * ((x - center) / fwhm) ** 2)


def _lorentzian_shape(x: Any, center: Any, fwhm: Any) -> Any:
    return 1 / (1 + 4 * ((x - center) / fwhm) ** 2)


def _skewed_start(center: Any, fwhm: Any, skew: Any) -> tuple[Any, Any]:
    """Return the skew normal's center and sigma for the mean and variance of a Gaussian (Azzalini 1985)."""
    delta = skew / np.sqrt(1 + skew**2)
    sigma = fwhm / FWHM / np.sqrt(1 - 2 * delta**2 / math.pi)
    return center - sigma * delta * math.sqrt(2 / math.pi), sigma


def _skewed_shape(x: Any, center: Any, fwhm: Any, skew: Any) -> Any:
    start, sigma = _skewed_start(center, fwhm, skew)
    u = (x - start) / sigma
    # erf(t / sqrt(2)) as a tanh, to 4e-4 (Page 1977), which is enough here
    t = skew * u
    return np.exp(-0.5 * u * u) * (1 + np.tanh(math.sqrt(2 / math.pi) * t * (1 + 0.044715 * t * t)))


def peak_plan(x: Array, shape: Callable[..., Any], extra: Array | None = None) -> Grid | Edges:
    """Prepare a grid of centers and widths, or boxes where bins would hide what is narrow."""
    if len(x) > POINTS:
        return edges(x)
    near = spacing(x)
    candidates = []
    for fwhm in geometric(1.4 * near, max(1.2 * extent(x), 1.4 * near), ratio=1.4, most=16):
        step = max(0.28 * fwhm, 0.9 * near)
        # where a point is near, and outside by half a width
        beyond = step * np.arange(1, 1 + int(0.5 * fwhm / step))
        centers = np.concatenate(
            [step * np.unique(np.rint((x - x[0]) / step)), -beyond, x[-1] - x[0] + beyond]
        )
        candidates.append(np.stack([x[0] + centers, np.full(len(centers), fwhm)], axis=1))
    pairs = np.concatenate(candidates)
    if extra is not None:
        pairs = np.column_stack([np.repeat(pairs, len(extra), axis=0), np.tile(extra, len(pairs))])
    return grid(x, pairs, lambda *args: [shape(*args)])


def peak(data: Data, plan: Grid | Edges, shape: Callable[..., Any], extra: Array | None = None) -> list[Any]:
    """Return height, center, full width at half maximum, an extra parameter if any, and offset."""
    if isinstance(plan, Grid):
        columns = plan.select(data).T
        height, offset, _ = fit_offset(data, shape(data.x, *columns[:, :, None]))
        return [height, *columns, offset]
    best = Best()
    for number, (center, width) in enumerate(boxes(data, plan)):
        for ratio in BOX_TO_FWHM[number % 2 :]:
            fwhm = ratio * width
            for value in [()] if extra is None else [(number,) for number in extra]:
                height, offset, sse = fit_offset(data, shape(data.x, center[:, None], fwhm[:, None], *value))
                best.offer(sse, height, center, fwhm, *value, offset)
    return best.columns


def _gaussian_plan(x: Array) -> Grid | Edges:
    return peak_plan(x, _gaussian_shape)


def _gaussian_rule(data: Data, plan: Grid | Edges) -> Columns:
    height, center, fwhm, offset = peak(data, plan, _gaussian_shape)
    return [height, center, fwhm / FWHM, offset]


@model(_gaussian_rule, scaled=["height", "offset"], plan=_gaussian_plan)
def gaussian(x: Any, height: Any, center: Any, sigma: Any, offset: Any) -> Any:
    """Evaluate a Gaussian peak: ``height * exp(-(x - center)**2 / (2 * sigma**2)) + offset``.

    Parameters
    ----------
    x : array_like, shape (N,)
        Where.
    height : float
        Of the peak above the offset, negative for a dip; unit of y. The area is
        ``height * sigma * sqrt(2 * pi)``.
    center : float
        Where the peak is; unit of x.
    sigma : float
        Standard deviation; unit of x. The full width at half maximum is ``2.3548 * sigma``. The model is even
        in sigma.
    offset : float
        The background; unit of y.

    Notes
    -----
    Guess: the best of a grid of centers and widths, height and offset eliminated (variable projection). For
    more than 256 points: center and width of the box that explains most of y, above or below the mean, and
    the best of three sigma for each.

    Examples
    --------
    >>> import numpy as np
    >>> from osculate.models import gaussian
    >>> x = np.linspace(0, 10, 50)
    >>> p0 = gaussian.guess(x, gaussian(x, 3.0, 4.0, 0.8, 1.0))
    >>> np.allclose(p0, [3, 4, 0.8, 1], rtol=0.3)
    True
    """
    u = (x - center) * (1 / sigma)
    return height * np.exp(-0.5 * (u * u)) + offset


def _lorentzian_plan(x: Array) -> Grid | Edges:
    return peak_plan(x, _lorentzian_shape)


def _lorentzian_rule(data: Data, plan: Grid | Edges) -> Columns:
    return peak(data, plan, _lorentzian_shape)


@model(_lorentzian_rule, scaled=["height", "offset"], plan=_lorentzian_plan)
def lorentzian(x: Any, height: Any, center: Any, fwhm: Any, offset: Any) -> Any:
    """Evaluate a Lorentzian (Cauchy) peak: ``height / (1 + (2 * (x - center) / fwhm)**2) + offset``.

    Parameters
    ----------
    x : array_like, shape (N,)
        Where.
    height : float
        Of the peak above the offset, negative for a dip; unit of y. The area is ``height * fwhm * pi / 2``.
    center : float
        Where the peak is; unit of x.
    fwhm : float
        Full width at half maximum, twice the half width; unit of x. The model is even in fwhm.
    offset : float
        The background; unit of y.

    Notes
    -----
    Guess: as for `gaussian`.

    Examples
    --------
    >>> import numpy as np
    >>> from osculate.models import lorentzian
    >>> x = np.linspace(0, 10, 50)
    >>> p0 = lorentzian.guess(x, lorentzian(x, 3.0, 4.0, 1.5, 1.0))
    >>> np.allclose(p0, [3, 4, 1.5, 1], rtol=0.3)
    True
    """
    u = (x - center) * (2 / fwhm)
    return height / (1 + u * u) + offset


def _skewed_rule(data: Data, plan: Grid | Edges) -> Columns:
    _, center, fwhm, _ = peak(data, plan, _gaussian_shape)
    u = (data.x - center[:, None]) / (fwhm[:, None] / FWHM)
    bell = np.exp(-0.5 * u * u)
    h0, h1, _, h3, _ = fit_linear(data, [bell, u * bell, (u * u - 1) * bell, (u * u - 3) * u * bell, 1.0])[
        0
    ].T
    center = center + np.clip(np.where(h0 == 0, 0.0, h1 / h0), -0.5, 0.5) * fwhm / FWHM
    side = np.where(h0 * h3 < 0, -1.0, 1.0)
    best = Best()
    for skew in SKEWS:
        start, sigma = _skewed_start(center, fwhm, skew * side)
        shape = _skewed_shape(data.x, center[:, None], fwhm[:, None], (skew * side)[:, None])
        height, offset, sse = fit_offset(data, shape)
        best.offer(sse, height, start, sigma, skew * side, offset)
    return best.columns


@model(_skewed_rule, scaled=["height", "offset"], plan=_gaussian_plan)
def skewed_gaussian(x: Any, height: Any, center: Any, sigma: Any, skew: Any, offset: Any) -> Any:
    """Evaluate a skewed Gaussian: ``height * exp(-u**2 / 2) * (1 + erf(skew * u / sqrt(2))) + offset``.

    With ``u = (x - center) / sigma``: the skew normal density, ``area = height * sigma * sqrt(2 * pi)``.

    Parameters
    ----------
    x : array_like, shape (N,)
        Where.
    height : float
        Of the peak above the offset where skew = 0, and the value at `center` for any skew; between one and
        two times this for others. Unit of y.
    center : float
        Position of the Gaussian, where the peak is only for skew = 0; unit of x. The mean is
        ``center + sigma * delta * sqrt(2 / pi)`` with ``delta = skew / sqrt(1 + skew**2)``.
    sigma : float
        Standard deviation of the Gaussian; unit of x, > 0 (a negative one turns the sign of skew).
    skew : float
        Shape, no unit: positive for a long tail to the right.
    offset : float
        The background; unit of y.

    Notes
    -----
    Guess: as for `gaussian`, with four skews whose mean and variance are those of the box. At skew = 0 the
    derivatives by center and skew are parallel: a fit of a symmetric peak is badly determined.

    References
    ----------
    A. Azzalini, A class of distributions which includes the normal ones, Scand. J. Statist. 12 (1985) 171.

    Examples
    --------
    >>> import numpy as np
    >>> from osculate.models import skewed_gaussian
    >>> x = np.linspace(0, 10, 50)
    >>> p0 = skewed_gaussian.guess(x, skewed_gaussian(x, 3.0, 4.0, 1.5, 3.0, 1.0))
    >>> bool(p0[3] > 0)
    True
    """
    u = (x - center) * (1 / sigma)
    return height * (np.exp(-0.5 * (u * u)) * (1 + erf(u * (skew * math.sqrt(0.5))))) + offset
