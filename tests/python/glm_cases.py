"""Generalized linear models with data of fixed seeds, and their fit by a plain IRLS: the tests' reference."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from osculate import families

Array = NDArray[Any]
N, P = 200, 4
RNG = np.random.default_rng(11)
X = np.column_stack([np.ones(N), RNG.standard_normal((N, P - 1))])
BETA = np.array([0.3, 0.5, -0.4, 0.2])
ETA = X @ BETA
WEIGHTS = RNG.integers(1, 4, N).astype(float)


@dataclass(frozen=True)
class Glm:
    """One model: its family, its targets, and what statsmodels calls it."""

    family: families.OutputFamily
    y: Array
    statsmodels: str
    link: str

    def mean_slope_variance(self, eta: Array) -> tuple[Array, Array, Array]:
        """The mean, its derivative by eta, and the variance, from the definitions."""
        name = self.family.name
        if name == "normal":
            return eta, np.ones_like(eta), np.ones_like(eta)
        if name == "bernoulli":
            p = 1 / (1 + np.exp(-eta))
            return p, p * (1 - p), p * (1 - p)
        mean = np.exp(eta)
        return mean, mean, mean if name == "poisson" else mean**2 / getattr(self.family, "shape", 1.0)

    def irls(self, weights: Array | None = None) -> tuple[Array, Array]:
        """Coefficients and standard errors by iteratively reweighted least squares (QR), to rounding."""
        w = np.ones(N) if weights is None else weights
        beta = np.linalg.lstsq(X, np.log(self.y + 0.5) if self.link == "log" else self.y, rcond=None)[0]
        for _ in range(50):
            eta = X @ beta
            mean, slope, variance = self.mean_slope_variance(eta)
            root = np.sqrt(w * slope**2 / variance)
            q, r = np.linalg.qr(root[:, None] * X)
            beta = np.linalg.solve(r, q.T @ (root * (eta + (self.y - mean) / slope)))
        return beta, np.linalg.norm(np.linalg.inv(r), axis=1)


GLMS = {
    "normal": Glm(families.Normal(), ETA + RNG.standard_normal(N), "Gaussian", "identity"),
    "bernoulli": Glm(
        families.Bernoulli(), (RNG.random(N) < 1 / (1 + np.exp(-ETA))).astype(float), "Binomial", "logit"
    ),
    "poisson": Glm(families.Poisson(), RNG.poisson(np.exp(ETA)).astype(float), "Poisson", "log"),
    "gamma": Glm(families.Gamma(shape=2.0), RNG.gamma(2.0, np.exp(ETA) / 2.0), "Gamma", "log"),
    "exponential": Glm(families.Exponential(), RNG.exponential(np.exp(ETA)), "Gamma", "log"),
}
