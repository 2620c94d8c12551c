"""The loss, its gradient and its Fisher matrix as `natural_gradient` asks for them, point by point."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._families import OutputFamily
from ._natural_given import checked_product, read_only
from ._natural_metric import (
    MatrixMetric,
    Metric,
    ProductMetric,
    ScoresMetric,
    family_metric,
    loss_number,
    needs_damping,
    real_array,
)
from ._result import FloatArray

Array = NDArray[Any]
Callback = Callable[[FloatArray], Any]
WHO = "natural_gradient"


@dataclass
class Calls:
    """How often a callback of each kind was called."""

    losses: int = 0
    gradients: int = 0
    metrics: int = 0


class Likelihood:
    """A model of outputs with a family: F, and with targets loss and gradient. Keeps the last point."""

    def __init__(
        self,
        model: Callback,
        jacobian: Callback,
        family: OutputFamily,
        targets: Any,
        weights: FloatArray | None,
        calls: Calls,
    ) -> None:
        self.model, self.jacobian, self.family, self.calls = model, jacobian, family, calls
        self.targets, self.weights = targets, weights
        self.shape: tuple[int, ...] | None = None
        self._at: FloatArray | None = None
        self._slopes_at: FloatArray | None = None
        self._z, self._jacobian = np.empty(0), np.empty(0)

    def outputs(self, x: FloatArray) -> Array:
        """The model's outputs at x."""
        if self._at is None or not np.array_equal(self._at, x):
            self.calls.losses += 1
            z = self.family.outputs(WHO, self.model(x.copy()), "what model returns").astype(np.float64)
            if self.shape is None:
                self._begin(z)
            if z.shape != self.shape:
                raise ValueError(
                    f"{WHO}: what model returns must have shape {self.shape}, as at x0, got shape {z.shape}"
                )
            self._at, self._z = x.copy(), z
        return self._z

    def slopes(self, x: FloatArray) -> Array:
        """The Jacobian of the outputs at x."""
        if self._slopes_at is None or not np.array_equal(self._slopes_at, x):
            z = self.outputs(x)
            self.calls.metrics += 1
            given = self.jacobian(x.copy())
            self._jacobian = self.family.jacobian(WHO, given, z, "what model_jac returns", x.size)
            self._slopes_at = x.copy()
        return self._jacobian

    def value(self, x: FloatArray) -> float:
        """The mean negative log-likelihood."""
        z = self.outputs(x)
        return self.family._loss(z, self.targets, self.share)

    def gradient(self, x: FloatArray) -> FloatArray:
        """Its gradient by the parameters."""
        by_outputs = self.family._gradient(self.outputs(x), self.targets, self.share)
        return np.asarray(by_outputs.ravel() @ self.slopes(x).reshape(-1, x.size))

    def metric(self, x: FloatArray, threads: int) -> Metric:
        """F = J' F_out J."""
        return family_metric(self.family, self.outputs(x), self.slopes(x), self.share, threads)

    @property
    def samples(self) -> float:
        """The sum of the weights."""
        return float(len(self.share)) if self.weights is None else float(self.weights.sum())

    def dispersion(self, x: FloatArray) -> float:
        """Pearson's statistic over the degrees of freedom; NaN where the family has none."""
        freedom = self._z.size - x.size
        if self.targets is None or freedom <= 0 or not self.family.has_dispersion:
            return math.nan
        weights = np.ones(len(self.share)) if self.weights is None else self.weights
        return self.family._pearson(self.outputs(x), self.targets, weights) / freedom

    def _begin(self, z: Array) -> None:
        n = z.shape[0]
        if self.weights is not None and self.weights.size != n:
            raise ValueError(
                f"{WHO}: weights must have shape ({n},), as the model has {n} outputs, "
                f"got shape {self.weights.shape}"
            )
        self.share = np.full(n, 1 / n) if self.weights is None else self.weights / self.weights.sum()
        if self.targets is not None:
            self.targets = self.family.targets(WHO, self.targets, z)
        self.shape = z.shape


@dataclass
class Problem:
    """What the loop asks for. `loss` and `jac` are None where the likelihood has them."""

    loss: Callback | None
    jac: Callback | None
    """None beside a loss: that gives ``(value, gradient)``."""
    form: str
    """The keyword that gave F: fisher, fisherp, scores, or model."""
    source: Callable[..., Any] | None
    likelihood: Likelihood | None
    damping: float
    centered: bool
    cg_rtol: float
    max_cg_iterations: int | None
    threads: int
    calls: Calls
    samples: float = math.nan
    _fused: tuple[FloatArray, FloatArray] | None = None
    _metric: tuple[FloatArray, Metric] | None = None

    def value(self, x: FloatArray) -> float:
        """The loss."""
        if self.loss is None:
            assert self.likelihood is not None
            return self.likelihood.value(x)
        self.calls.losses += 1
        given = self.loss(x.copy())
        if self.jac is not None:
            return loss_number(WHO, "loss", given)
        if not isinstance(given, (tuple, list)) or len(given) != 2:
            raise TypeError(
                f"{WHO}: loss must return (value, gradient) with jac=True, got {type(given).__name__}"
            )
        self._fused = (x.copy(), real_array(WHO, "loss's gradient", given[1], (x.size,), np.float64))
        return loss_number(WHO, "loss's value", given[0])

    def gradient(self, x: FloatArray) -> FloatArray:
        """The gradient of the loss."""
        self.calls.gradients += 1
        if self.loss is None:
            assert self.likelihood is not None
            return self.likelihood.gradient(x)
        if self.jac is not None:
            return real_array(WHO, "what jac returns", self.jac(x.copy()), (x.size,), np.float64).copy()
        if self._fused is None or not np.array_equal(self._fused[0], x):
            self.value(x)
        assert self._fused is not None
        return self._fused[1].copy()

    def metric(self, x: FloatArray) -> Metric:
        """The Fisher matrix in its form; asked for once a point."""
        if self._metric is None or not np.array_equal(self._metric[0], x):
            found = self._new_metric(x)
            needs_damping(WHO, found, self.damping)
            self._metric = x.copy(), found
        return self._metric[1]

    def _new_metric(self, x: FloatArray) -> Metric:
        n = x.size
        if self.likelihood is not None:
            found = self.likelihood.metric(x, self.threads)
            self.samples = self.likelihood.samples
            return found
        assert self.source is not None
        if self.form == "fisherp":
            times = checked_product(WHO, "what fisherp returns", self.source, x)
            return ProductMetric(times, self.cg_rtol, self.max_cg_iterations, self.threads)
        self.calls.metrics += 1
        given = self.source(read_only(x))
        if self.form == "fisher":
            matrix = real_array(WHO, "what fisher returns", given, (n, n), np.float64)
            return MatrixMetric(matrix, self.threads)
        scores = real_array(WHO, "what scores returns", given, (None, n), np.float64)
        self.samples = float(scores.shape[0])
        return ScoresMetric(scores, self.centered, False, self.threads)
