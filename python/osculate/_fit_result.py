"""Solve a FitProblem and collect what a report and a plot show."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from osculate._fit_problem import Columns, FitProblem
from osculate._least_squares import least_squares
from osculate._statistics import Goodness, goodness, student_t_quantile

Array = npt.NDArray[Any]

CONFIDENCE = 0.95
# Ten times the limit of `least_squares`: Bennett5 of NIST's collection needs 250 from its first start.
EVALUATIONS_PER_PARAMETER = 1000


@dataclass(frozen=True, slots=True, eq=False)
class FitResult:
    """A fitted curve with its uncertainties.

    Attributes
    ----------
    problem : FitProblem
        What was fitted.
    values : ndarray, shape (p,)
        The parameters.
    covariance : ndarray, shape (p, p)
        s^2 (J'J)^-1 by linearization at the solution, s^2 = 2 cost / (n - p), or 1 with `absolute_sigma`;
        NaN where a parameter is fixed, at a bound or not determined by the data (Seber & Wild 1989, Nonlinear
        Regression, chapter 5).
    quantile : float
        Of Student's t with n - p degrees of freedom (of the normal distribution with `absolute_sigma`) for
        two-sided 95%; NaN without degrees of freedom.
    held : ndarray of bool, shape (p,)
        The parameters that are fixed or were held at a bound; they do not count in the degrees of freedom.
    goodness : Goodness
        Chi-square, R2, AIC, BIC.
    """

    problem: FitProblem
    loss: str
    f_scale: float
    absolute_sigma: bool
    values: Array
    covariance: Array
    quantile: float
    held: npt.NDArray[np.bool_]
    goodness: Goodness
    success: bool
    status: int
    outcome: str
    message: str
    iterations: int
    evaluations: int
    derivatives: str

    @property
    def stderr(self) -> Array:
        """The standard errors, square roots of the covariance's diagonal."""
        return np.asarray(np.sqrt(np.diagonal(self.covariance)))

    @property
    def interval(self) -> Array:
        """The 95% confidence intervals, values -/+ quantile * stderr, shape (p, 2)."""
        half_width = self.quantile * self.stderr
        return np.stack([self.values - half_width, self.values + half_width], axis=1)

    @property
    def correlation(self) -> Array:
        """The correlations of the parameters, shape (p, p); NaN where an error is zero or unknown."""
        scale = np.where(self.stderr > 0, self.stderr, np.nan)
        return np.asarray(self.covariance / np.outer(scale, scale))

    def band(self, columns: Columns | None = None) -> Array:
        """Half the width of the 95% confidence band of the curve, quantile * sqrt(g' C g), g = df/db.

        Pointwise (Bates & Watts 1988, Nonlinear Regression Analysis and Its Applications, ch. 2); parameters
        without a covariance contribute nothing.
        """
        gradient = self.problem.gradient(self.values, columns)
        covariance = np.where(np.isfinite(self.covariance), self.covariance, 0.0)
        variance = np.einsum("ij,jk,ik->i", gradient, covariance, gradient)
        return np.asarray(self.quantile * np.sqrt(np.maximum(variance, 0.0)))


def solve(
    problem: FitProblem,
    *,
    loss: str = "linear",
    f_scale: float = 1.0,
    absolute_sigma: bool = False,
    max_evaluations: int | None = None,
) -> FitResult:
    """Fit by `least_squares`, with complex-step derivatives where the model is analytic."""
    derivatives = "cs" if problem.model.right.analytic else "3-point"
    while True:
        result = least_squares(
            problem.residuals,
            problem.start,
            jac=derivatives,
            bounds=(problem.lower, problem.upper),
            loss=loss,
            f_scale=f_scale,
            max_nfev=max_evaluations or EVALUATIONS_PER_PARAMETER * len(problem.parameters),
            fixed=problem.fixed,
        )
        if result.outcome.name != "nonfinite" or derivatives == "3-point":
            break
        # Complex arithmetic makes NaN of what is finite in real arithmetic, such as 1 / (1 + exp(800)).
        derivatives = "3-point"
    values = np.asarray(result.x, dtype=float)
    covariance = np.asarray(result.covariance(absolute_sigma=absolute_sigma))
    undetermined = np.isnan(np.diagonal(result.covariance(absolute_sigma=True)))
    held = problem.fixed | ((np.asarray(result.active_mask) != 0) & undetermined)
    fit_quality = goodness(
        problem.residuals(values),
        problem.data,
        problem.sigma,
        int(np.count_nonzero(~held)),
        absolute_sigma=absolute_sigma,
        gaussian=loss == "linear",
    )
    return FitResult(
        problem=problem,
        loss=loss,
        f_scale=f_scale,
        absolute_sigma=absolute_sigma,
        values=values,
        covariance=covariance,
        quantile=_quantile(fit_quality.degrees_of_freedom, absolute_sigma=absolute_sigma),
        held=held,
        goodness=fit_quality,
        success=bool(result.success),
        status=int(result.status),
        outcome=result.outcome.name,
        message=result.outcome.sentence,
        iterations=int(result.iterations),
        evaluations=int(result.evaluations),
        derivatives=derivatives,
    )


def _quantile(degrees_of_freedom: int, *, absolute_sigma: bool) -> float:
    probability = (1 + CONFIDENCE) / 2
    if absolute_sigma:
        return NormalDist().inv_cdf(probability)
    return student_t_quantile(probability, degrees_of_freedom) if degrees_of_freedom > 0 else np.nan
