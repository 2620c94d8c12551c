"""Statistics of a fit: the quantile of Student's t, goodness of fit, information criteria."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Goodness:
    """How well a curve with p free parameters fits n points; r are the residuals, over sigma where given.

    Attributes
    ----------
    points, free_parameters, degrees_of_freedom : int
        n, p and n - p.
    chi_square : float
        sum r_i^2; without sigma the residual sum of squares.
    reduced_chi_square : float
        chi_square / (n - p), NaN for n = p. Its square root is the residual standard deviation.
    r_squared : float
        1 - sum w (y - f)^2 / sum w (y - m)^2 with w = 1/sigma^2 and m the weighted mean of y: the part of the
        variance that the curve explains. It is negative where a constant fits better, NaN for constant y
        (Draper & Smith 1998, Applied Regression Analysis; descriptive only for nonlinear models).
    aic : float
        2 k - 2 log L (Akaike 1974, doi:10.1109/TAC.1974.1100705), with the likelihood L of Gaussian errors.
        Where the error variance is estimated, -2 log L = n (log(2 pi chi_square / n) + 1) + sum log sigma^2
        and k = p + 1, as in R's AIC(nls(...)); with an absolute sigma, -2 log L = chi_square + sum log(2 pi
        sigma^2) and k = p. NaN for a robust loss, whose errors are not Gaussian. Comparable only between fits
        of the same left side.
    bic : float
        k log n - 2 log L (Schwarz 1978, doi:10.1214/aos/1176344136).
    """

    points: int
    free_parameters: int
    degrees_of_freedom: int
    chi_square: float
    reduced_chi_square: float
    r_squared: float
    aic: float
    bic: float

    @property
    def residual_sd(self) -> float:
        """sqrt(chi_square / (n - p))."""
        return math.sqrt(self.reduced_chi_square)


def goodness(
    residuals: Array,
    data: Array,
    sigma: Array | None,
    free_parameters: int,
    *,
    absolute_sigma: bool = False,
    gaussian: bool = True,
) -> Goodness:
    """Compute `Goodness` from residuals (already divided by sigma), data and sigma, each of n points."""
    n = residuals.size
    dof = n - free_parameters
    chi_square = float(residuals @ residuals)
    scale = np.ones(n) if sigma is None else sigma
    mean = np.average(data, weights=(scale.min() / scale) ** 2)
    total = float(np.sum(((data - mean) / scale) ** 2))
    log_sigma = 2.0 * float(np.sum(np.log(scale)))
    if absolute_sigma:
        k = free_parameters
        deviance = chi_square + n * math.log(2 * math.pi) + log_sigma
    else:
        k = free_parameters + 1
        log_variance = math.log(2 * math.pi * chi_square / n) if chi_square > 0 else -math.inf
        deviance = n * (log_variance + 1) + log_sigma
    return Goodness(
        points=n,
        free_parameters=free_parameters,
        degrees_of_freedom=dof,
        chi_square=chi_square,
        reduced_chi_square=chi_square / dof if dof else math.nan,
        r_squared=1 - chi_square / total if total > 0 else math.nan,
        aic=2 * k + deviance if gaussian else math.nan,
        bic=k * math.log(n) + deviance if gaussian else math.nan,
    )


def student_t_quantile(probability: float, degrees_of_freedom: int) -> float:
    """Return t with P(T <= t) = probability for Student's t with an integer number of degrees of freedom.

    Parameters
    ----------
    probability : float
        Between 1/2 and 1, both excluded: the upper half is what intervals need.
    degrees_of_freedom : int
        At least 1.

    Returns
    -------
    float
        Accurate to 1e-12 relative for probabilities up to 0.9995 (tested against tables and SciPy).

    Raises
    ------
    ValueError
        If an argument is outside its range.

    Notes
    -----
    With theta = arctan(t / sqrt(nu)) the distribution is a finite sum of powers of cos(theta)
    (Abramowitz & Stegun 1972, 26.7.3 for odd and 26.7.4 for even nu), solved by bisection in theta, where it
    is increasing. Above 500 degrees of freedom Fisher and Cornish's expansion around the normal quantile
    (26.7.5) is as accurate: its first neglected term is of order nu^-5.

    Examples
    --------
    >>> round(student_t_quantile(0.975, 10), 3)
    2.228
    """
    if not 0.5 < probability < 1 or degrees_of_freedom < 1:
        raise ValueError(
            "student_t_quantile: expected 0.5 < probability < 1 and degrees_of_freedom >= 1, "
            f"got {probability} and {degrees_of_freedom}"
        )
    if degrees_of_freedom > 500:
        return _cornish_fisher(NormalDist().inv_cdf(probability), degrees_of_freedom)
    central = 2 * probability - 1  # P(|T| <= t)
    low, high = 0.0, math.pi / 2
    while True:
        middle = (low + high) / 2
        if not low < middle < high:
            return math.sqrt(degrees_of_freedom) * math.tan(middle)
        if _central_probability(middle, degrees_of_freedom) < central:
            low = middle
        else:
            high = middle


def _central_probability(theta: float, nu: int) -> float:
    """P(|T| <= sqrt(nu) tan(theta)): Abramowitz & Stegun 26.7.3 (odd nu) and 26.7.4 (even nu)."""
    sine, cosine = math.sin(theta), math.cos(theta)
    odd = nu % 2
    term = cosine if odd else 1.0
    total = term if nu > 1 else 0.0
    for k in range(2 + odd, nu - 1, 2):
        term *= (k - 1) / k * cosine**2
        total += term
    return 2 / math.pi * (theta + sine * total) if odd else sine * total


def _cornish_fisher(z: float, nu: int) -> float:
    """Abramowitz & Stegun 26.7.5, up to nu^-4."""
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + math.fsum(term / float(nu) ** k for k, term in enumerate(terms, start=1))
