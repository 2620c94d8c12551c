"""Distributions of real and positive targets: normal, gamma, exponential.

Negative log-likelihoods and Fisher matrices by the outputs: McCullagh & Nelder 1989, "Generalized linear
models", chapters 2, 3 and 8.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from . import _arguments as arg
from ._families import Array, OutputFamily


class Normal(OutputFamily):
    """Normal targets of known variance; outputs are the means.

    Parameters
    ----------
    variance : float or array_like, default 1.0
        Positive; an array is broadcast to the outputs.

    Raises
    ------
    TypeError, ValueError
        The variance is not a positive finite number, or an array of them.

    Examples
    --------
    >>> from osculate.families import Normal
    >>> Normal(variance=4.0).loss([1.0, 2.0], [1.0, 6.0])
    1.0
    """

    name: ClassVar[str] = "normal"

    def __init__(self, variance: Any = 1.0) -> None:
        who = "families.Normal"
        try:
            if isinstance(variance, arg.NOT_NUMBERS):
                raise TypeError
            self.variance = np.array(arg.numbers(variance), dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"{who}: variance must be a number or an array, got {arg.shown(variance)}"
            ) from error
        if not (np.isfinite(self.variance) & (self.variance > 0)).all():
            raise ValueError(f"{who}: variance must be positive and finite, got {arg.shown(variance)}")

    def outputs(self, caller: str, value: Any, name: str = "outputs") -> Array:
        """The outputs, to whose shape the variance can be broadcast."""
        z = super().outputs(caller, value, name)
        try:
            suits = np.broadcast_shapes(self.variance.shape, z.shape) == z.shape
        except ValueError:
            suits = False
        if not suits:
            raise ValueError(
                f"{caller}: {name} must have a shape to which the variance of shape {self.variance.shape} "
                f"can be broadcast, got shape {z.shape}"
            )
        return z

    def __repr__(self) -> str:
        return f"Normal(variance={arg.shown(self.variance.tolist())})"

    def _variances(self, z: Array) -> Array:
        return np.broadcast_to(self.variance.astype(z.dtype), z.shape)

    def _losses(self, z: Array, y: Array) -> Array:
        return np.asarray((z - y) ** 2 / (2 * self._variances(z)))

    def _slopes(self, z: Array, y: Array) -> Array:
        return np.asarray((z - y) / self._variances(z))

    def _curvatures(self, z: Array) -> Array:
        return np.asarray(1 / self._variances(z))

    def _mean(self, z: Array) -> Array:
        return z.copy()

    def _sample(self, z: Array, rng: np.random.Generator) -> Array:
        noise = np.sqrt(self._variances(z)) * rng.standard_normal(z.shape)
        return np.asarray(z + noise.astype(z.dtype, copy=False))


class NormalFreeVariance(OutputFamily):
    """Normal targets of a variance that is an output too.

    Outputs of shape (N, 2) are mean and log variance; targets have shape (N,).

    Examples
    --------
    >>> from osculate.families import NormalFreeVariance
    >>> NormalFreeVariance().fisher_product([[1.0, 0.0]], [[1.0, 1.0]]).tolist()
    [[1.0, 0.5]]
    """

    name: ClassVar[str] = "normal_free_variance"
    has_dispersion: ClassVar[bool] = False

    def outputs(self, caller: str, value: Any, name: str = "outputs") -> Array:
        """The outputs, shape (N, 2)."""
        z = super().outputs(caller, value, name)
        if z.ndim != 2 or z.shape[1] != 2:
            raise ValueError(
                f"{caller}: {name} must have shape (N, 2), mean and log variance, got shape {z.shape}"
            )
        return z

    def _target_shape(self, z: Array) -> tuple[int, ...]:
        return z.shape[:1]

    def _losses(self, z: Array, y: Array) -> Array:
        return np.asarray((z[:, 1] + (y - z[:, 0]) ** 2 * np.exp(-z[:, 1])) / 2)

    def _slopes(self, z: Array, y: Array) -> Array:
        precision, residual = np.exp(-z[:, 1]), z[:, 0] - y
        return np.stack([residual * precision, (1 - residual**2 * precision) / 2], axis=1)

    def _curvatures(self, z: Array) -> Array:
        return np.stack([np.exp(-z[:, 1]), np.full(z.shape[0], 0.5, z.dtype)], axis=1)

    def _mean(self, z: Array) -> Array:
        return z[:, 0].copy()

    def _sample(self, z: Array, rng: np.random.Generator) -> Array:
        noise = np.exp(z[:, 1] / 2) * rng.standard_normal(z.shape[0])
        return np.asarray(z[:, 0] + noise.astype(z.dtype, copy=False))


class Gamma(OutputFamily):
    """Positive targets of a gamma distribution of known shape; outputs are the logarithms of the means.

    Parameters
    ----------
    shape : float, default 1.0
        Positive: mean^2 / variance of the targets.

    Raises
    ------
    TypeError, ValueError
        The shape is not a positive finite number.

    Examples
    --------
    >>> from osculate.families import Gamma
    >>> Gamma(shape=2.0).gradient([0.0], [3.0]).tolist()
    [-4.0]
    """

    name: ClassVar[str] = "gamma"

    def __init__(self, shape: float = 1.0) -> None:
        self.shape = arg.positive("families.Gamma", "shape", shape)

    def __repr__(self) -> str:
        return f"Gamma(shape={self.shape})"

    def _within(self, y: Array) -> tuple[Array, str]:
        return np.isfinite(y) & (y > 0), "finite and positive"

    def _losses(self, z: Array, y: Array) -> Array:
        return np.asarray(self.shape * (z + y * np.exp(-z)))

    def _slopes(self, z: Array, y: Array) -> Array:
        return np.asarray(self.shape * (1 - y * np.exp(-z)))

    def _curvatures(self, z: Array) -> Array:
        return np.full(z.shape, self.shape, z.dtype)

    def _variances(self, z: Array) -> Array:
        return np.asarray(np.exp(2 * z) / self.shape)

    def _mean(self, z: Array) -> Array:
        return np.asarray(np.exp(z))

    def _sample(self, z: Array, rng: np.random.Generator) -> Array:
        return np.asarray(rng.gamma(self.shape, np.exp(z) / self.shape).astype(z.dtype))


class Exponential(Gamma):
    """Positive targets of an exponential distribution; outputs are the logarithms of the means.

    Examples
    --------
    >>> from osculate.families import Exponential
    >>> Exponential().loss([0.0], [2.0])
    2.0
    """

    name: ClassVar[str] = "exponential"

    def __init__(self) -> None:
        super().__init__(1.0)

    def __repr__(self) -> str:
        return "Exponential()"
