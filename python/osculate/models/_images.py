"""Two-dimensional Gaussian spots on a constant background."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ._grid import Grid, binned_grid, geometric
from ._guess import Array, Columns, Data
from ._linear import Best, fit_offset
from ._ready import model

CELLS = 32  # per direction: larger images are averaged in cells for the search


def _ellipse(
    x: Any, center_x: Any, center_y: Any, sigma_x: Any, sigma_y: Any, c: Any = 1.0, s: Any = 0.0
) -> Any:
    dx, dy = x[0] - center_x, x[1] - center_y
    u, v = (c * dx + s * dy) * (1 / sigma_x), (c * dy - s * dx) * (1 / sigma_y)
    return np.exp(-0.5 * (u * u + v * v))


def _plan(x: Array) -> Grid:
    low, span = x.min(axis=1), np.ptp(x, axis=1)
    span = np.where(span > 0, span, span.max() or np.abs(x).max() or 1.0)
    n = x.shape[1]
    order = bins = None
    points = x
    if n > CELLS**2:
        cell = np.minimum(((x - low[:, None]) / span[:, None] * CELLS).astype(np.intp), CELLS - 1)
        order = np.argsort(cell[0] * CELLS + cell[1], kind="stable")
        bins = np.unique((cell[0] * CELLS + cell[1])[order], return_index=True)[1]
        points = np.add.reduceat(x[:, order], bins, axis=1) / np.diff(bins, append=n)
    pitch = float(np.sqrt(span[0] * span[1])) / max(math.sqrt(points.shape[1]) - 1, 1.0)
    candidates = []
    for sigma in geometric(0.6 * pitch, max(float(span.max()) / 2, pitch), ratio=1.4, most=16):
        if sigma < 1.2 * pitch:
            centers = points
        else:
            axes = [
                np.linspace(a, a + b, math.ceil(b / (0.8 * sigma)) + 1)
                for a, b in zip(low, span, strict=True)
            ]
            centers = np.stack([axis.ravel() for axis in np.meshgrid(*axes)])
        candidates.append(np.stack([*centers, np.full(centers.shape[1], sigma)], axis=1))
    return binned_grid(
        x,
        np.concatenate(candidates),
        lambda x, center_x, center_y, sigma: [_ellipse(x, center_x, center_y, sigma, sigma)],
        order=order,
        bins=bins,
    )


def _spot(data: Data, plan: Grid, ratios: tuple[float, ...], angles: tuple[float, ...]) -> list[Any]:
    """Return height, centers, sigmas, angle and offset: the best ellipse of the round spot's area."""
    center_x, center_y, sigma = plan.select(data).T
    best = Best()
    for ratio in ratios:
        for angle in angles:
            sigma_x, sigma_y = sigma * math.sqrt(ratio), sigma / math.sqrt(ratio)
            shape = _ellipse(
                data.x,
                center_x[:, None],
                center_y[:, None],
                sigma_x[:, None],
                sigma_y[:, None],
                math.cos(angle),
                math.sin(angle),
            )
            height, offset, sse = fit_offset(data, shape)
            best.offer(sse, height, center_x, center_y, sigma_x, sigma_y, angle, offset)
    return best.columns


def _round_rule(data: Data, plan: Grid) -> Columns:
    height, center_x, center_y, sigma, _, _, offset = _spot(data, plan, (1.0,), (0.0,))
    return [height, center_x, center_y, sigma, offset]


@model(_round_rule, scaled=["height", "offset"], plan=_plan, coordinates=2)
def gaussian2d(x: Any, height: Any, center_x: Any, center_y: Any, sigma: Any, offset: Any) -> Any:
    """Evaluate a round spot: ``height * exp(-(dx**2 + dy**2) / (2 * sigma**2)) + offset``.

    With ``dx = x[0] - center_x`` and ``dy = x[1] - center_y``.

    Parameters
    ----------
    x : array_like, shape (2, N)
        Coordinates of the pixels, in any order; they need not be on a raster.
    height : float
        Of the spot above the offset, negative for a dark one; unit of the image. The volume is
        ``height * 2 * pi * sigma**2``.
    center_x, center_y : float
        Where the spot is; unit of x.
    sigma : float
        Standard deviation in each direction; unit of x. The model is even in sigma.
    offset : float
        The background; unit of the image.

    Notes
    -----
    Guess: the best of a grid of centers and sigma, height and offset eliminated; images of more than 1024
    pixels are averaged in 32 x 32 cells first.

    Examples
    --------
    >>> import numpy as np
    >>> from osculate.models import gaussian2d
    >>> pixels = np.indices((9, 9)).reshape(2, -1).astype(float)
    >>> p0 = gaussian2d.guess(pixels, gaussian2d(pixels, 3.0, 4.0, 5.0, 1.3, 1.0))
    >>> np.allclose(p0, [3, 4, 5, 1.3, 1], rtol=0.3)
    True
    """
    dx, dy = x[0] - center_x, x[1] - center_y
    u, v = dx * (1 / sigma), dy * (1 / sigma)
    return height * np.exp(-0.5 * (u * u + v * v)) + offset


def _elliptic_rule(data: Data, plan: Grid) -> Columns:
    height, center_x, center_y, sigma_x, sigma_y, _, offset = _spot(
        data, plan, (1.0, 1.8, 1 / 1.8, 4.0, 1 / 4.0), (0.0,)
    )
    return [height, center_x, center_y, sigma_x, sigma_y, offset]


@model(_elliptic_rule, scaled=["height", "offset"], plan=_plan, coordinates=2)
def gaussian2d_elliptic(
    x: Any, height: Any, center_x: Any, center_y: Any, sigma_x: Any, sigma_y: Any, offset: Any
) -> Any:
    """Evaluate an ellipse along the axes: ``height * exp(-(dx/sigma_x)**2/2 - (dy/sigma_y)**2/2) + offset``.

    With ``dx = x[0] - center_x`` and ``dy = x[1] - center_y``.

    Parameters
    ----------
    x : array_like, shape (2, N)
        Coordinates of the pixels.
    height : float
        Of the spot above the offset; unit of the image. The volume is
        ``height * 2 * pi * sigma_x * sigma_y``.
    center_x, center_y : float
        Where the spot is; unit of x.
    sigma_x, sigma_y : float
        Standard deviations along x[0] and x[1]; unit of x.
    offset : float
        The background; unit of the image.

    Notes
    -----
    Guess: that of `gaussian2d`, then the best of five ratios of the axes.

    Examples
    --------
    >>> import numpy as np
    >>> from osculate.models import gaussian2d_elliptic
    >>> pixels = np.indices((9, 9)).reshape(2, -1).astype(float)
    >>> p0 = gaussian2d_elliptic.guess(pixels, gaussian2d_elliptic(pixels, 3.0, 4.0, 5.0, 2.0, 1.0, 1.0))
    >>> bool(p0[3] > p0[4])
    True
    """
    return height * _ellipse(x, center_x, center_y, sigma_x, sigma_y) + offset


def _rotated_rule(data: Data, plan: Grid) -> Columns:
    # never round, where the angle has no meaning
    return _spot(data, plan, (1.4, 3.5), tuple(math.pi / 4 * k for k in range(-1, 3)))


@model(_rotated_rule, scaled=["height", "offset"], plan=_plan, coordinates=2)
def gaussian2d_rotated(
    x: Any, height: Any, center_x: Any, center_y: Any, sigma_x: Any, sigma_y: Any, angle: Any, offset: Any
) -> Any:
    """Evaluate a rotated ellipse: ``height * exp(-(u/sigma_x)**2/2 - (v/sigma_y)**2/2) + offset``.

    With ``u = cos(angle) * dx + sin(angle) * dy``, ``v = cos(angle) * dy - sin(angle) * dx``,
    ``dx = x[0] - center_x`` and ``dy = x[1] - center_y``.

    Parameters
    ----------
    x : array_like, shape (2, N)
        Coordinates of the pixels.
    height : float
        Of the spot above the offset; unit of the image. The volume is
        ``height * 2 * pi * sigma_x * sigma_y``.
    center_x, center_y : float
        Where the spot is; unit of x.
    sigma_x, sigma_y : float
        Standard deviations along the axes u and v; unit of x. The guess has ``sigma_x > sigma_y``.
    angle : float
        From x[0] to u, towards x[1], in radians. Undetermined for a round spot.
    offset : float
        The background; unit of the image.

    Notes
    -----
    Guess: that of `gaussian2d`, then the best of two ratios of the axes and four angles.

    Examples
    --------
    >>> import numpy as np
    >>> from osculate.models import gaussian2d_rotated
    >>> pixels = np.indices((9, 9)).reshape(2, -1).astype(float)
    >>> spot = gaussian2d_rotated(pixels, 3.0, 4.0, 5.0, 2.0, 1.0, 0.7, 1.0)
    >>> float(gaussian2d_rotated.guess(pixels, spot)[5].round(2))  # the nearest multiple of pi / 4
    0.79
    """
    return height * _ellipse(x, center_x, center_y, sigma_x, sigma_y, np.cos(angle), np.sin(angle)) + offset
