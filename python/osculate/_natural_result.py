"""What `natural_gradient` returns."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from . import _arguments as arg
from ._minimize_result import MinimizeResult
from ._result import FloatArray
from ._spd import cholesky_inverse


@dataclass(frozen=True, repr=False, eq=False)
class NaturalGradientResult(MinimizeResult):
    """What `natural_gradient` found: the fields of `MinimizeResult`, and what the Fisher matrix tells.

    `nhev` counts Fisher matrices (or scores, or Jacobians of the outputs), `nhvp` products F v, `nfev` calls
    of the loss or of the model. In `trace`, ``step`` is the length of the step, ``radius`` the KL radius it
    had. `hess` is None: second derivatives of the loss are not looked at.
    """

    form: str
    """What gave F: "matrix", "samples" (fewer samples than parameters: F was not formed), "parameters" (S'S
    of scores), or "products"."""
    fisher: FloatArray | None
    """F at x without damping, shape (P, P), of one sample; None for "samples" and "products"."""
    samples: float
    """Number of samples, or the sum of their weights; NaN where F came from `fisher` or `fisherp`."""
    dispersion: float
    """Pearson's estimate of the dispersion, sum w (y - mean)^2 / variance over the degrees of freedom, for a
    `family` with `targets`: near 1 where its variance is right. NaN where there is none."""

    def covariance(self, *, dispersion: float = 1.0, samples: float | None = None) -> FloatArray:
        """Return the covariance of the estimate, dispersion F^-1 / samples: the inverse Fisher information.

        Parameters
        ----------
        dispersion : float, default 1.0
            Positive; `dispersion` of this result for normal and gamma families of unknown scale.
        samples : float, optional
            Number of samples that F is the mean over; default `samples` of this result.

        Returns
        -------
        array, shape (P, P)
            NaN where F is not positive definite, or the samples are not known.

        Raises
        ------
        ValueError
            The matrix was not formed, or an argument is not positive.
        """
        who = "NaturalGradientResult.covariance"
        if self.fisher is None:
            raise ValueError(f"{who}: there is no Fisher matrix; form {self.form!r} does not make one")
        factor = arg.real(who, "dispersion", dispersion)
        if factor <= 0 or math.isinf(factor):
            raise ValueError(f"{who}: dispersion must be positive and finite, got {dispersion!r}")
        count = self.samples if samples is None else arg.positive(who, "samples", samples)
        inverse: FloatArray = cholesky_inverse(self.fisher, check=False) * (factor / count)
        return inverse

    @property
    def stderr(self) -> FloatArray:
        """Standard errors, the square roots of the diagonal of `covariance()`; shape (P,)."""
        return np.sqrt(np.diagonal(self.covariance()))
