"""Models that are linear in all parameters: their guess is the solution."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.polynomial import Chebyshev, Polynomial

from ._guess import Array, Columns, Data, Guess, extent
from ._linear import fit_linear, fit_offset
from ._ready import ReadyModel, bind, model


def _constant_rule(data: Data, plan: None) -> Columns:
    return [data.mean()]


@model(_constant_rule, scaled=["offset"], linear=True)
def constant(x: Any, offset: Any) -> Any:
    """Evaluate a constant: ``offset``.

    Parameters
    ----------
    x : array_like, shape (N,)
        Where.
    offset : float
        The value; unit of y.

    Notes
    -----
    Guess: the mean, which is the solution.

    Examples
    --------
    >>> from osculate.models import constant
    >>> constant.guess([0, 1, 2], [1.0, 2.0, 6.0])
    array([3.])
    """
    return offset + 0.0 * x


def _linear_rule(data: Data, plan: None) -> Columns:
    middle, span = float(data.x.mean()), extent(data.x)
    slope, level, _ = fit_offset(data, (data.x - middle) / span)
    return [slope / span, level - slope / span * middle]


@model(_linear_rule, scaled=["slope", "offset"], linear=True)
def linear(x: Any, slope: Any, offset: Any) -> Any:
    """Evaluate a straight line: ``slope * x + offset``.

    Parameters
    ----------
    x : array_like, shape (N,)
        Where.
    slope : float
        Unit of y / unit of x.
    offset : float
        The value at x = 0; unit of y.

    Notes
    -----
    Guess: linear regression, which is the solution.

    Examples
    --------
    >>> from osculate.models import linear
    >>> linear.guess([0, 1, 2], [1.0, 3.0, 5.0])
    array([2., 1.])
    """
    return slope * x + offset


def _powers(x: Any, *params: Any) -> Any:
    value = params[0] + 0.0 * x
    for coefficient in params[1:]:
        value = value * x + coefficient
    return value


def _polynomial_plan(x: Array) -> tuple[float, float]:
    return float(x.min()), float(x.min()) + extent(x)


def _polynomial_rule(data: Data, plan: tuple[float, float], degree: int) -> Columns:
    bases = [Chebyshev.basis(k, domain=plan) for k in range(degree + 1)]
    coefficients, _ = fit_linear(data, [basis(data.x) for basis in bases])
    powers = np.zeros((degree + 1, degree + 1))
    for k, basis in enumerate(bases):
        powers[k, : k + 1] = basis.convert(kind=Polynomial).coef
    return list((coefficients[:, :, None] * powers).sum(axis=1).T[::-1])


@dataclass(frozen=True, slots=True)
class _PolynomialRule:
    degree: int

    def __call__(self, data: Data, plan: tuple[float, float]) -> Columns:
        return _polynomial_rule(data, plan, self.degree)


def polynomial(degree: int) -> ReadyModel:
    """Make a polynomial: ``c_n * x**n + ... + c2 * x**2 + c1 * x + offset``, n being the degree.

    Parameters
    ----------
    degree : int
        From 0 to 20.

    Returns
    -------
    ReadyModel
        With the parameters ``c_n``, ..., ``c2``, ``c1``, ``offset``, in the order of `numpy.polyfit`; ``c_k``
        has the unit of y / unit of x**k.

    Raises
    ------
    ValueError
        If `degree` is not a whole number from 0 to 20.

    Notes
    -----
    Guess: least squares in Chebyshev polynomials over the range of x, which is the solution.

    Examples
    --------
    >>> from osculate.models import polynomial
    >>> parabola = polynomial(2)
    >>> parabola.parameters
    ('c2', 'c1', 'offset')
    >>> parabola.guess([0, 1, 2, 3], [1.0, 2.0, 5.0, 10.0]).round(9) + 0.0
    array([1., 0., 1.])
    """
    if not isinstance(degree, (int, np.integer)) or not 0 <= degree <= 20:
        raise ValueError(f"polynomial: degree must be an integer from 0 to 20, got {degree!r}")
    names = (*(f"c{k}" for k in range(degree, 0, -1)), "offset")
    rule = _PolynomialRule(int(degree))
    guess = Guess(rule, tuple(range(degree + 1)), degree + 1, _polynomial_plan, linear=True)
    docs = f"Evaluate a polynomial of degree {degree} with parameters {', '.join(names)}."
    return bind(_powers, ("x",), names, guess, f"polynomial({degree})", docs)
