"""Steps and saturation."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._grid import Grid, geometric, grid, product
from ._guess import Array, Columns, Data, extent
from ._linear import fit_linear, fit_offset
from ._ready import model


def _step(x: Any, center: Any, width: Any) -> Any:
    return 0.5 + 0.5 * np.tanh((x - center) * (0.5 / width))  # 1 / (1 + exp(-u)) that cannot overflow


def _step_candidates(x: Array) -> Array:
    """Return centers (at points, between the outer ones and a little beyond) and widths."""
    span = extent(x)
    inner = x[np.unique(np.linspace(0, len(x) - 1, min(32, len(x))).astype(int))]
    gaps = np.diff(np.unique(x)) if x[-1] > x[0] else np.array([span])
    outer = np.array([x[0] - 0.25 * span, x[-1] + 0.25 * span])
    widths = geometric(min(float(np.median(gaps)), span / 4) / 4, span / 2, ratio=1.7, most=14)
    return product(np.unique(np.concatenate([inner, (inner[1:] + inner[:-1]) / 2, outer])), widths)


def _logistic_plan(x: Array) -> Grid:
    return grid(x, _step_candidates(x), lambda *args: [_step(*args)])


def _logistic_rule(data: Data, plan: Grid) -> Columns:
    center, width = plan.select(data).T
    height, offset, _ = fit_offset(data, _step(data.x, center[:, None], width[:, None]))
    return [height, center, width, offset]


@model(_logistic_rule, scaled=["height", "offset"], plan=_logistic_plan)
def logistic(x: Any, height: Any, center: Any, width: Any, offset: Any) -> Any:
    """Evaluate a logistic step: ``height / (1 + exp(-(x - center) / width)) + offset``.

    Parameters
    ----------
    x : array_like, shape (N,)
        Where.
    height : float
        From the value at -inf to that at +inf, for width > 0; negative for a step down. Unit of y.
    center : float
        Where half of the height is reached; unit of x.
    width : float
        The scale of the step, 1 / (growth rate); unit of x. From 10% to 90% it takes ``4.394 * width``. The
        slope at the center is ``height / (4 * width)``. The guess has width > 0.
    offset : float
        The value at -inf; unit of y.

    Notes
    -----
    Guess: the best pair of a grid of centers and widths, height and offset eliminated.

    Examples
    --------
    >>> import numpy as np
    >>> from osculate.models import logistic
    >>> x = np.linspace(0, 10, 50)
    >>> p0 = logistic.guess(x, logistic(x, 3.0, 4.0, 0.7, 1.0))
    >>> np.allclose(p0, [3, 4, 0.7, 1], rtol=0.3)
    True
    """
    return height * _step(x, center, width) + offset


def _log(x: Array) -> Array:
    """Return log(x), for x <= 0 something below all."""
    positive = x[x > 0]
    least = float(positive.min()) if len(positive) else 1.0
    logs: Array = np.log(np.where(x > 0, x, least * 1e-6))
    return logs


def _hill_plan(x: Array) -> Grid:
    positive = x[x > 0]
    candidates = _step_candidates(np.log(positive) if len(positive) else np.zeros(1))
    return grid(x, candidates, lambda x, center, width: [_step(_log(x), center, width)])


def _hill_rule(data: Data, plan: Grid) -> Columns:
    center, width = plan.select(data).T
    height, offset, _ = fit_offset(data, _step(_log(data.x), center[:, None], width[:, None]))
    return [height, np.exp(center), 1 / width, offset]


@model(_hill_rule, scaled=["height", "offset"], plan=_hill_plan)
def hill(x: Any, height: Any, half: Any, exponent: Any, offset: Any) -> Any:
    """Evaluate the Hill equation: ``height * x**exponent / (half**exponent + x**exponent) + offset``.

    Parameters
    ----------
    x : array_like, shape (N,)
        Concentration or dose; what is below 0 counts as 0.
    height : float
        From the value at x = 0 to saturation, for exponent > 0; unit of y.
    half : float
        Where half of the height is reached (EC50, K_A); unit of x, > 0.
    exponent : float
        The Hill coefficient, no unit. The guess has exponent > 0, with a negative height for a curve that
        falls.
    offset : float
        The value at x = 0; unit of y.

    Notes
    -----
    Computed as ``height / 2 * (1 + tanh(exponent / 2 * log(x / half))) + offset``, which cannot overflow.
    Guess: that of `logistic` in log(x).

    References
    ----------
    A. V. Hill, The possible effects of the aggregation of the molecules of haemoglobin on its dissociation
    curves, J. Physiol. 40 (1910) iv.

    Examples
    --------
    >>> import numpy as np
    >>> from osculate.models import hill
    >>> x = np.geomspace(0.01, 100, 20)
    >>> p0 = hill.guess(x, hill(x, 3.0, 2.0, 1.5, 1.0))
    >>> np.allclose(p0, [3, 2, 1.5, 1], rtol=0.3)
    True
    """
    ratio = np.where(x > 0, x * (1 / half), 1e-37)  # 1e-37: the least normal float32, for 0
    return height * (0.5 + 0.5 * np.tanh(0.5 * exponent * np.log(ratio))) + offset


def _saturation(x: Any, km: Any) -> Any:
    return x / (km + x)


def _michaelis_plan(x: Array) -> Grid:
    positive = x[x > 0] if np.any(x > 0) else np.ones(1)
    km = geometric(float(positive.min()) / 10, 30 * float(positive.max()), ratio=1.4, most=100)
    return grid(x, km[:, None], lambda *args: [_saturation(*args)], offset=False)


def _michaelis_rule(data: Data, plan: Grid) -> Columns:
    km = plan.select(data)[:, 0]
    coefficients, _ = fit_linear(data, [_saturation(data.x, km[:, None])])
    return [coefficients[:, 0], km]


@model(_michaelis_rule, scaled=["vmax"], plan=_michaelis_plan)
def michaelis_menten(x: Any, vmax: Any, km: Any) -> Any:
    """Evaluate the Michaelis-Menten equation: ``vmax * x / (km + x)``.

    Parameters
    ----------
    x : array_like, shape (N,)
        Substrate concentration, >= 0.
    vmax : float
        The rate at saturation; unit of y.
    km : float
        The concentration at half of vmax; unit of x, > 0.

    Notes
    -----
    Guess: the best km > 0 of a grid, vmax eliminated.

    References
    ----------
    L. Michaelis, M. L. Menten, Die Kinetik der Invertinwirkung, Biochem. Z. 49 (1913) 333.

    Examples
    --------
    >>> import numpy as np
    >>> from osculate.models import michaelis_menten
    >>> x = np.array([0.1, 0.3, 1, 3, 10])
    >>> p0 = michaelis_menten.guess(x, michaelis_menten(x, 3.0, 2.0))
    >>> np.allclose(p0, [3, 2], rtol=0.2)
    True
    """
    return vmax * x / (km + x)
