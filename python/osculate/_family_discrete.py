"""Distributions of labels and counts: Bernoulli, categorical, Poisson.

Negative log-likelihoods and Fisher matrices by the outputs: McCullagh & Nelder 1989, "Generalized linear
models", chapters 4 to 6.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from . import _arguments as arg
from ._families import Array, OutputFamily, gram, per_sample


class Bernoulli(OutputFamily):
    """Targets 0 or 1, or shares between them such as k successes of n with the weight n; outputs are logits.

    Examples
    --------
    >>> from osculate.families import Bernoulli
    >>> Bernoulli().mean([0.0]).tolist(), Bernoulli().gradient([0.0], [1.0]).tolist()
    ([0.5], [-0.5])
    """

    name: ClassVar[str] = "bernoulli"

    def _within(self, y: Array) -> tuple[Array, str]:
        return (y >= 0) & (y <= 1), "between 0 and 1"

    def _losses(self, z: Array, y: Array) -> Array:
        # (1 - y) softplus(z) + y softplus(-z), without a difference of large numbers
        soft = np.log1p(np.exp(-np.abs(z)))
        return np.asarray(soft + np.where(z > 0, 1 - y, -y) * z)

    def _slopes(self, z: Array, y: Array) -> Array:
        return np.asarray(self._mean(z) - y)

    def _curvatures(self, z: Array) -> Array:
        small = np.exp(-np.abs(z))
        return np.asarray(small / (1 + small) ** 2)

    def _mean(self, z: Array) -> Array:
        small = np.exp(-np.abs(z))
        return np.asarray(np.where(z > 0, 1, small) / (1 + small))

    def _sample(self, z: Array, rng: np.random.Generator) -> Array:
        return np.asarray((rng.random(z.shape) < self._mean(z)).astype(z.dtype))


class Categorical(OutputFamily):
    """One of K classes; outputs (N, K) are logits, targets are labels 0..K-1, shape (N,), or shares (N, K).

    F_out of a sample is diag(p) - pp', which is singular: logits have a common level that nothing determines.

    Examples
    --------
    >>> from osculate.families import Categorical
    >>> Categorical().mean([[0.0, 0.0]]).tolist(), Categorical().gradient([[0.0, 0.0]], [1]).tolist()
    ([[0.5, 0.5]], [[0.5, -0.5]])
    """

    name: ClassVar[str] = "categorical"
    has_dispersion: ClassVar[bool] = False

    def outputs(self, caller: str, value: Any, name: str = "outputs") -> Array:
        """The outputs, shape (N, K)."""
        z = super().outputs(caller, value, name)
        if z.ndim != 2 or z.shape[1] < 2:
            raise ValueError(f"{caller}: {name} must have shape (N, K) with K >= 2, got shape {z.shape}")
        return z

    def targets(self, caller: str, value: Any, z: Array) -> Array:
        """Shares of the classes, shape (N, K), of labels too."""
        try:
            given = np.asarray(value)
        except ValueError:  # ragged
            given = np.empty(0, dtype=object)
        if given.ndim != 1:
            return super().targets(caller, value, z)
        classes = z.shape[1]
        if given.dtype.kind not in "iu":
            raise TypeError(
                f"{caller}: targets must be whole numbers of shape ({z.shape[0]},), or shares of shape "
                f"{z.shape}, got {arg.shown(value)}"
            )
        if given.shape != z.shape[:1]:
            raise ValueError(f"{caller}: targets must have shape {z.shape[:1]}, got shape {given.shape}")
        if not ((given >= 0) & (given < classes)).all():
            where = int(np.flatnonzero((given < 0) | (given >= classes))[0])
            raise ValueError(
                f"{caller}: targets must be labels from 0 to {classes - 1}, got "
                f"targets[{where}] = {given[where]}"
            )
        shares = np.zeros(z.shape, z.dtype)
        shares[np.arange(z.shape[0]), given] = 1
        return shares

    def _within(self, y: Array) -> tuple[Array, str]:
        sums = np.abs(y.sum(1, keepdims=True) - 1) <= 1e3 * np.finfo(y.dtype).eps * y.shape[1]
        return (y >= 0) & sums, "shares that are at least 0 and sum to 1"

    def _losses(self, z: Array, y: Array) -> Array:
        shifted = z - z.max(1, keepdims=True)
        return np.asarray(np.log(np.exp(shifted).sum(1)) - (y * shifted).sum(1))

    def _slopes(self, z: Array, y: Array) -> Array:
        return np.asarray(self._mean(z) - y)

    def _curvatures(self, z: Array) -> Array:
        p = self._mean(z)
        return np.asarray(p * (1 - p))

    def _product(self, z: Array, v: Array) -> Array:
        p = self._mean(z)
        return np.asarray(p * (v - (p * v).sum(1, keepdims=True)))

    def _root(self, z: Array, jacobian: Array, share: Array) -> Array:
        # diag(p) - pp' = C C' with C = diag(sqrt p) - p sqrt(p)', so that C'J are deviations from a mean.
        p = self._mean(z)[..., np.newaxis]
        root = np.sqrt(p * per_sample(share, z)[..., np.newaxis])
        return np.asarray(root * (jacobian - (p * jacobian).sum(1, keepdims=True)))

    def _fisher(self, z: Array, jacobian: Array, share: Array, threads: int) -> Array:
        return gram(self.rows(z, jacobian, share), None, threads)

    def _mean(self, z: Array) -> Array:
        e = np.exp(z - z.max(1, keepdims=True))
        return np.asarray(e / e.sum(1, keepdims=True))

    def _sample(self, z: Array, rng: np.random.Generator) -> Array:
        return np.asarray(np.argmax(z + rng.gumbel(size=z.shape), axis=1))  # Gumbel's trick


class Poisson(OutputFamily):
    """Counts, targets at least 0; outputs are the logarithms of the rates.

    Examples
    --------
    >>> from osculate.families import Poisson
    >>> Poisson().mean([0.0]).tolist(), Poisson().gradient([0.0], [3.0]).tolist()
    ([1.0], [-2.0])
    """

    name: ClassVar[str] = "poisson"

    def _within(self, y: Array) -> tuple[Array, str]:
        return np.isfinite(y) & (y >= 0), "finite and at least 0"

    def _losses(self, z: Array, y: Array) -> Array:
        return np.asarray(np.exp(z) - y * z)

    def _slopes(self, z: Array, y: Array) -> Array:
        return np.asarray(np.exp(z) - y)

    def _curvatures(self, z: Array) -> Array:
        return np.asarray(np.exp(z))

    _mean = _curvatures

    def _sample(self, z: Array, rng: np.random.Generator) -> Array:
        return np.asarray(rng.poisson(np.exp(z)).astype(z.dtype))
