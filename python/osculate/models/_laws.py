"""Scaling laws: a power and an exponential of 1/T."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._grid import Grid, geometric, grid
from ._guess import Array, Columns, Data
from ._linear import fit_linear
from ._ready import model

GAS_CONSTANT = 8.31446261815324  # J / (mol K), exact in the SI of 2019


def _power(x: Any, exponent: Any, reference: float) -> Any:
    return np.where(x > 0, np.exp(exponent * np.log(np.where(x > 0, x, 1.0) / reference)), 0.0)


def _reference(x: Array) -> float:
    """Return the geometric mean of the positive x."""
    positive = x[x > 0]
    return float(np.exp(np.log(positive).mean())) if len(positive) else 1.0


def _power_plan(x: Array) -> Grid:
    reference, positive = _reference(x), x[x > 0]
    decades = float(np.log(positive.max() / positive.min())) if len(positive) else 1.0
    step = min(0.25, max(1 / max(decades, 1.0), 0.05))
    exponents = np.asarray(np.arange(-round(6 / step), round(6 / step) + 1) * step, dtype=np.float64)
    return grid(x, exponents[:, None], lambda x, e: [_power(x, e, reference)], offset=False)


def _power_rule(data: Data, plan: Grid) -> Columns:
    exponent, reference = plan.select(data)[:, 0], _reference(data.x)
    coefficients, _ = fit_linear(data, [_power(data.x, exponent[:, None], reference)])
    return [coefficients[:, 0] * np.exp(-exponent * np.log(reference)), exponent]


@model(_power_rule, scaled=["amplitude"], plan=_power_plan)
def power_law(x: Any, amplitude: Any, exponent: Any) -> Any:
    """Evaluate a power law: ``amplitude * x**exponent``.

    Parameters
    ----------
    x : array_like, shape (N,)
        Where, > 0.
    amplitude : float
        The value at x = 1; unit of y / unit of x**exponent.
    exponent : float
        No unit.

    Notes
    -----
    Guess: the best exponent of a grid from -6 to 6, the amplitude eliminated. Unlike a line through the
    logarithms it takes negative y, and the noise of y as it is.

    Examples
    --------
    >>> import numpy as np
    >>> from osculate.models import power_law
    >>> x = np.geomspace(1, 100, 20)
    >>> p0 = power_law.guess(x, power_law(x, 3.0, -1.4))
    >>> np.allclose(p0, [3, -1.4], rtol=0.2)
    True
    """
    return amplitude * x**exponent


def _inverse(x: Array) -> Array:
    """Return the distance of 1/T from that of the highest temperature, in units of the whole range."""
    positive = x > 0
    if not positive.any():
        return np.zeros_like(x)
    inverse = 1 / np.where(positive, x, np.inf)
    hottest, coldest = inverse[positive].min(), inverse[positive].max()
    relative: Array = np.where(positive, (inverse - hottest) / ((coldest - hottest) or hottest), np.inf)
    return relative


def _arrhenius_plan(x: Array) -> Grid:
    exponents = np.concatenate([np.arange(-20, 20) * 0.25, geometric(5, 300, ratio=1.15, most=40)])
    return grid(x, exponents[:, None], lambda x, s: [_boltzmann(x, s)], offset=False)


def _boltzmann(x: Array, exponent: Any) -> Any:
    """Return exp(-E/(R T)) relative to the largest, and 0 at T <= 0."""
    u = _inverse(x)
    return np.where(np.isfinite(u), np.exp(-exponent * (u - (exponent < 0))), 0.0)


def _arrhenius_rule(data: Data, plan: Grid) -> Columns:
    exponent = plan.select(data)[:, 0]
    coefficients, _ = fit_linear(data, [_boltzmann(data.x, exponent[:, None])])
    positive = data.x[data.x > 0] if np.any(data.x > 0) else np.ones(1)
    hottest, coldest = 1 / positive.max(), 1 / positive.min()
    energy = exponent / ((coldest - hottest) or hottest)  # over R
    origin = np.where(exponent < 0, coldest, hottest)  # where _boltzmann is 1
    return [coefficients[:, 0] * np.exp(np.clip(energy * origin, -600, 600)), energy * GAS_CONSTANT]


@model(_arrhenius_rule, scaled=["prefactor"], plan=_arrhenius_plan)
def arrhenius(x: Any, prefactor: Any, energy: Any) -> Any:
    """Evaluate the Arrhenius equation: ``prefactor * exp(-energy / (R * x))``, R = 8.314 J / (mol K).

    Parameters
    ----------
    x : array_like, shape (N,)
        Absolute temperature in kelvin, > 0.
    prefactor : float
        The rate at infinite temperature; unit of y.
    energy : float
        Activation energy in J / mol. 1 eV per particle is 96485 J / mol.

    Notes
    -----
    Guess: the best energy of a grid, the prefactor eliminated. The two are strongly correlated, as always
    with this equation.

    References
    ----------
    S. Arrhenius, Ueber die Reaktionsgeschwindigkeit bei der Inversion von Rohrzucker durch Saeuren, Z. Phys.
    Chem. 4 (1889) 226, doi:10.1515/zpch-1889-0416.

    Examples
    --------
    >>> import numpy as np
    >>> from osculate.models import arrhenius
    >>> x = np.linspace(280, 360, 9)
    >>> prefactor, energy = arrhenius.guess(x, arrhenius(x, 1e9, 5e4))
    >>> bool(abs(energy - 5e4) < 5e3)
    True
    """
    return prefactor * np.exp(energy * (-1 / (GAS_CONSTANT * x)))
