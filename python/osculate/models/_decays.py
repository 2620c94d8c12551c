"""Exponentials and oscillations: relaxation towards a constant."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._grid import Grid, geometric, grid, product
from ._guess import Array, Columns, Data, extent, spacing
from ._linear import fit_linear, fit_offset
from ._ready import model

LARGEST = 600.0  # exponent beyond which a guess is cut: exp(600) = 4e260


def _times(x: Array, ratio: float, most: int) -> Array:
    """Time constants from half a point's distance, below which only one point differs, to ten ranges."""
    span = extent(x)
    return geometric(min(spacing(x), span) / 2, 10 * span, ratio=ratio, most=most)


def _decay(x: Array, tau: Any) -> Array:
    shape: Array = np.exp(-(x - x[0]) / tau)
    return shape


def _at_zero(x: Array, tau: Array) -> Array:
    """Return the factor from the amplitude at the first point to that at x = 0."""
    factor: Array = np.exp(np.clip(x[0] / tau, -LARGEST, LARGEST))
    return factor


def _decay_plan(x: Array) -> Grid:
    return grid(x, _times(x, 1.3, 60)[:, None], lambda x, tau: [_decay(x, tau)], growing=True)


def _decay_rule(data: Data, plan: Grid) -> Columns:
    tau = plan.select(data)[:, 0]
    amplitude, offset, _ = fit_offset(data, _decay(data.x, tau[:, None]))
    return [amplitude * _at_zero(data.x, tau), tau, offset]


@model(_decay_rule, scaled=["amplitude", "offset"], plan=_decay_plan)
def exponential_decay(x: Any, amplitude: Any, tau: Any, offset: Any) -> Any:
    """Evaluate an exponential decay: ``amplitude * exp(-x / tau) + offset``.

    Parameters
    ----------
    x : array_like, shape (N,)
        Time or whatever decays along.
    amplitude : float
        What is above the offset at x = 0, negative for a rise; unit of y.
    tau : float
        Time constant, 1 / rate; unit of x. The half-life is ``tau * ln(2)``.
    offset : float
        Where it ends; unit of y.

    Notes
    -----
    Guess: the best tau > 0 of a grid with ratio 1.3, amplitude and offset eliminated (variable projection);
    it was more robust to noise than the integral equation of Jacquelin (2009), see tests. With x far from 0
    in units of tau the amplitude at x = 0 is badly determined: subtract the first x.

    Examples
    --------
    >>> import numpy as np
    >>> from osculate.models import exponential_decay
    >>> x = np.linspace(0, 10, 50)
    >>> p0 = exponential_decay.guess(x, exponential_decay(x, 3.0, 2.0, 1.0))
    >>> np.allclose(p0, [3, 2, 1], rtol=0.2)
    True
    """
    return amplitude * np.exp(x * (-1 / tau)) + offset


def _rise_rule(data: Data, plan: Grid) -> Columns:
    amplitude, tau, offset = _decay_rule(data, plan)
    return [-amplitude, tau, offset + amplitude]


@model(_rise_rule, scaled=["amplitude", "offset"], plan=_decay_plan)
def exponential_rise(x: Any, amplitude: Any, tau: Any, offset: Any) -> Any:
    """Evaluate an exponential rise: ``amplitude * (1 - exp(-x / tau)) + offset``.

    Parameters
    ----------
    x : array_like, shape (N,)
        Time or whatever it rises along.
    amplitude : float
        From x = 0 to the end, negative for a decay; unit of y.
    tau : float
        Time constant; unit of x.
    offset : float
        The value at x = 0; unit of y.

    Notes
    -----
    Guess: as for `exponential_decay`.

    Examples
    --------
    >>> import numpy as np
    >>> from osculate.models import exponential_rise
    >>> x = np.linspace(0, 10, 50)
    >>> p0 = exponential_rise.guess(x, exponential_rise(x, 3.0, 2.0, 1.0))
    >>> np.allclose(p0, [3, 2, 1], rtol=0.2)
    True
    """
    return amplitude * (1 - np.exp(x * (-1 / tau))) + offset


def _pairs_plan(x: Array) -> Grid:
    tau = _times(x, 1.4, 32)
    first, second = np.triu_indices(len(tau), 1)
    return grid(
        x,
        np.stack([tau[first], tau[second]], axis=1),
        lambda x, tau_1, tau_2: [_decay(x, tau_1), _decay(x, tau_2)],
        growing=True,
    )


def _pairs_rule(data: Data, plan: Grid) -> Columns:
    tau_1, tau_2 = plan.select(data).T
    basis = [_decay(data.x, tau_1[:, None]), _decay(data.x, tau_2[:, None]), 1.0]
    (a_1, a_2, offset), _ = fit_linear(data, basis)[0].T, None
    return [a_1 * _at_zero(data.x, tau_1), tau_1, a_2 * _at_zero(data.x, tau_2), tau_2, offset]


@model(_pairs_rule, scaled=["amplitude_1", "amplitude_2", "offset"], plan=_pairs_plan)
def biexponential(x: Any, amplitude_1: Any, tau_1: Any, amplitude_2: Any, tau_2: Any, offset: Any) -> Any:
    """Evaluate two decays: ``amplitude_1 * exp(-x / tau_1) + amplitude_2 * exp(-x / tau_2) + offset``.

    Parameters
    ----------
    x : array_like, shape (N,)
        Time or whatever decays along.
    amplitude_1, amplitude_2 : float
        What each has at x = 0; unit of y.
    tau_1, tau_2 : float
        Time constants; unit of x. The guess has ``tau_1 < tau_2``, and a fit seldom changes the order.
    offset : float
        Where it ends; unit of y.

    Notes
    -----
    Guess: the best pair of a grid of time constants, the amplitudes and the offset eliminated.

    Examples
    --------
    >>> import numpy as np
    >>> from osculate.models import biexponential
    >>> x = np.linspace(0, 10, 50)
    >>> p0 = biexponential.guess(x, biexponential(x, 3.0, 0.5, 2.0, 4.0, 1.0))
    >>> np.allclose(p0, [3, 0.5, 2, 4, 1], rtol=0.5)
    True
    """
    return amplitude_1 * np.exp(x * (-1 / tau_1)) + amplitude_2 * np.exp(x * (-1 / tau_2)) + offset


BETAS = np.array([0.4, 0.55, 0.75, 1.0, 1.4, 2.0, 3.0])


def _positive(x: Any, tau: Any) -> Any:
    # 1e-37, the least normal float32, for 0: its power, logarithm and derivatives are finite
    return np.where(x > 0, x * (1 / tau), 1e-37)


def _stretched(x: Array, tau: Any, beta: Any) -> Array:
    # NumPy's power rounds a square of one fit unlike that of many, so not **
    shape: Array = np.exp(-np.exp(beta * np.log(_positive(x, tau))))
    return shape


def _stretched_plan(x: Array) -> Grid:
    return grid(x, product(_times(x, 1.4, 40), BETAS), lambda *args: [_stretched(*args)], growing=True)


def _stretched_rule(data: Data, plan: Grid) -> Columns:
    tau, beta = plan.select(data).T
    amplitude, offset, _ = fit_offset(data, _stretched(data.x, tau[:, None], beta[:, None]))
    return [amplitude, tau, beta, offset]


@model(_stretched_rule, scaled=["amplitude", "offset"], plan=_stretched_plan)
def stretched_exponential(x: Any, amplitude: Any, tau: Any, beta: Any, offset: Any) -> Any:
    """Evaluate a stretched exponential (Kohlrausch): ``amplitude * exp(-(x / tau)**beta) + offset``.

    Parameters
    ----------
    x : array_like, shape (N,)
        Time since the start; what is below 0 counts as 0.
    amplitude : float
        What is above the offset at x = 0; unit of y.
    tau : float
        Time at which 1/e of the amplitude is left; unit of x, > 0.
    beta : float
        Exponent, no unit: below 1 stretched, 1 exponential, above 1 compressed, 2 Gaussian.
    offset : float
        Where it ends; unit of y.

    Notes
    -----
    Guess: the best pair of a grid of tau and beta (0.4 to 3), amplitude and offset eliminated.

    References
    ----------
    R. Kohlrausch, Theorie des elektrischen Rueckstandes in der Leidener Flasche, Ann. Phys. 167 (1854) 179,
    doi:10.1002/andp.18541670203.

    Examples
    --------
    >>> import numpy as np
    >>> from osculate.models import stretched_exponential
    >>> x = np.linspace(0, 10, 50)
    >>> p0 = stretched_exponential.guess(x, stretched_exponential(x, 3.0, 2.0, 0.6, 1.0))
    >>> np.allclose(p0, [3, 2, 0.6, 1], rtol=0.3)
    True
    """
    return amplitude * np.exp(-(_positive(x, tau) ** beta)) + offset
