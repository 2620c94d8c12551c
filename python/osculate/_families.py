"""Output families: the distribution of the targets, given what a model puts out.

Each has the negative log-likelihood of outputs z, its gradient, and its Fisher matrix F_out by z. With the
Jacobian J of the outputs by the parameters, F = J' F_out J is the Fisher matrix of the model, and the
generalized Gauss-Newton matrix of the loss (Martens 2020, "New insights and perspectives on the natural
gradient method", JMLR 21, section 9); steps with it are Fisher scoring.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from . import _arguments as arg
from . import _core, _threads

Array = NDArray[Any]


class OutputFamily(ABC):
    """What the distributions of `osculate.families` have in common.

    Outputs z have shape (N,) or (N, ...) for N samples, float64, or float32 if they have that dtype. The loss
    is the mean over the samples of the negative log-likelihood, without terms that do not depend on z;
    weights, shape (N,), at least 0, make it a weighted mean.
    """

    name: ClassVar[str] = ""
    has_dispersion: ClassVar[bool] = True  # whether a mean and a variance of the targets tell one

    def loss(self, outputs: Any, targets: Any, weights: Any = None) -> float:
        """Return the mean negative log-likelihood of `targets`; inf where it overflows.

        Parameters
        ----------
        outputs, targets : array_like
            As the class says.
        weights : array_like, shape (N,), optional
            Weights of the samples.
        """
        who = self._who("loss")
        z = self.outputs(who, outputs)
        return self._loss(z, self.targets(who, targets, z), shares(who, weights, z))

    def gradient(self, outputs: Any, targets: Any, weights: Any = None) -> Array:
        """Return the derivative of `loss` by the outputs, in the shape of these. See `loss`."""
        who = self._who("gradient")
        z = self.outputs(who, outputs)
        return self._gradient(z, self.targets(who, targets, z), shares(who, weights, z))

    def fisher_product(self, outputs: Any, vectors: Any, weights: Any = None) -> Array:
        """Return F_out v over all samples, for v of the shape of the outputs, such as J u; see `loss`.

        ``J.T @ family.fisher_product(z, J @ u)`` is then the product of the model's Fisher matrix with u.
        """
        who = self._who("fisher_product")
        z = self.outputs(who, outputs)
        v = _array(who, "vectors", vectors, z.dtype)
        if v.shape != z.shape:
            raise ValueError(f"{who}: vectors must have shape {z.shape}, as outputs has, got shape {v.shape}")
        with np.errstate(over="ignore", invalid="ignore"):
            return self._product(z, v) * per_sample(shares(who, weights, z), z)

    def fisher(
        self, outputs: Any, jacobian: Any, weights: Any = None, *, threads: int | None = None
    ) -> Array:
        """Return the Fisher matrix of the parameters, J' F_out J over all samples.

        Parameters
        ----------
        outputs : array_like
            As the class says.
        jacobian : array_like, shape (N, ..., P)
            Of the outputs by the P parameters.
        weights : array_like, shape (N,), optional
            Weights of the samples.
        threads : int, optional
            Default as many as the process may use. Any number gives the same bits.

        Returns
        -------
        array, shape (P, P)
            Exactly symmetric.
        """
        who = self._who("fisher")
        z = self.outputs(who, outputs)
        return self._fisher(
            z,
            self.jacobian(who, jacobian, z),
            shares(who, weights, z),
            _threads.resolve(threads, f"{who}: "),
        )

    def sample(self, outputs: Any, rng: np.random.Generator) -> Array:
        """Return targets that are drawn from the model, for the scores of the true Fisher matrix.

        Parameters
        ----------
        outputs : array_like
            As the class says.
        rng : numpy.random.Generator
            The source of randomness.
        """
        who = self._who("sample")
        if not isinstance(rng, np.random.Generator):
            raise TypeError(f"{who}: rng must be a numpy.random.Generator, got {arg.shown(rng)}")
        return self._sample(self.outputs(who, outputs), rng)

    def mean(self, outputs: Any) -> Array:
        """Return the expected targets, such as the probabilities of logits."""
        return self._mean(self.outputs(self._who("mean"), outputs))

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"

    # What NaturalGradient and natural_gradient call, which check what they are given once.

    def outputs(self, caller: str, value: Any, name: str = "outputs") -> Array:
        """The outputs as an array of real numbers of a shape that suits."""
        z = _array(caller, name, value)
        if z.ndim == 0 or z.shape[0] == 0:
            raise ValueError(
                f"{caller}: {name} must have shape (N,) or (N, ...), N >= 1, got shape {z.shape}"
            )
        return z

    def jacobian(self, caller: str, value: Any, z: Array, name: str = "jacobian", p: int = 0) -> Array:
        """The Jacobian of outputs z by p parameters, any number of them for 0."""
        given = _array(caller, name, value, z.dtype)
        if given.shape[:-1] != z.shape or given.shape[-1] == 0 or (p and given.shape[-1] != p):
            expected = ", ".join(map(str, (*z.shape, p or "P")))
            raise ValueError(f"{caller}: {name} must have shape ({expected}), got shape {given.shape}")
        return given

    def targets(self, caller: str, value: Any, z: Array) -> Array:
        """The targets of outputs z, within the range of the distribution."""
        y = _array(caller, "targets", value, z.dtype)
        if y.shape != self._target_shape(z):
            raise ValueError(
                f"{caller}: targets must have shape {self._target_shape(z)}, as outputs has {z.shape}, "
                f"got shape {y.shape}"
            )
        good, words = self._within(y)
        if not good.all():
            where = np.unravel_index(int(np.flatnonzero(~good)[0]), y.shape)
            raise ValueError(
                f"{caller}: targets of {self.name} must be {words}, got "
                f"targets[{', '.join(map(str, where))}] = {y[where]}"
            )
        return y

    def rows(self, z: Array, jacobian: Array, share: Array) -> Array:
        """R of shape (M, P) with R'R = F: the Jacobian times a square root of F_out."""
        with np.errstate(over="ignore", invalid="ignore"):
            return self._root(z, jacobian, share).reshape(-1, jacobian.shape[-1])

    def _who(self, method: str) -> str:
        return f"families.{type(self).__name__}.{method}"

    def _loss(self, z: Array, y: Array, share: Array) -> float:
        with np.errstate(over="ignore", invalid="ignore"):
            each = self._losses(z, y)
            return float(share @ each.reshape(z.shape[0], -1).sum(1, dtype=np.float64))

    def _gradient(self, z: Array, y: Array, share: Array) -> Array:
        with np.errstate(over="ignore", invalid="ignore"):
            slopes: Array = self._slopes(z, y) * per_sample(share, z)
            return slopes

    def _fisher(self, z: Array, jacobian: Array, share: Array, threads: int) -> Array:
        with np.errstate(over="ignore", invalid="ignore"):
            curvature = (np.broadcast_to(self._curvatures(z), z.shape) * per_sample(share, z)).ravel()
        rows = jacobian.reshape(-1, jacobian.shape[-1])
        return gram(rows, np.ascontiguousarray(curvature, dtype=rows.dtype), threads)

    def _product(self, z: Array, v: Array) -> Array:
        product: Array = self._curvatures(z) * v
        return product

    def _root(self, z: Array, jacobian: Array, share: Array) -> Array:
        root: Array = np.sqrt(self._curvatures(z) * per_sample(share, z))[..., np.newaxis] * jacobian
        return root

    def _pearson(self, z: Array, y: Array, weights: Array) -> float:
        """sum w (y - mean)^2 / variance."""
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            each = (y - self._mean(z)) ** 2 / self._variances(z)
            return float(weights @ each.reshape(z.shape[0], -1).sum(1, dtype=np.float64))

    def _target_shape(self, z: Array) -> tuple[int, ...]:
        return z.shape

    def _within(self, y: Array) -> tuple[Array, str]:
        """Which targets are possible, and the words for it."""
        return np.isfinite(y), "finite"

    def _variances(self, z: Array) -> Array:
        """Of the targets; with a canonical link those are the curvatures."""
        return self._curvatures(z)

    @abstractmethod
    def _losses(self, z: Array, y: Array) -> Array: ...

    @abstractmethod
    def _slopes(self, z: Array, y: Array) -> Array: ...

    @abstractmethod
    def _curvatures(self, z: Array) -> Array:
        """The diagonal of F_out, in the shape of z or one that can be broadcast to it."""

    @abstractmethod
    def _mean(self, z: Array) -> Array: ...

    @abstractmethod
    def _sample(self, z: Array, rng: np.random.Generator) -> Array: ...


def gram(rows: Array, weights: Array | None, threads: int) -> Array:
    """R' diag(w) R, symmetric; rows with one unit stride are not copied."""
    if rows.itemsize not in rows.strides:
        rows = np.ascontiguousarray(rows)
    target = np.empty((rows.shape[1], rows.shape[1]), rows.dtype)
    _core.gram_updates([target], [rows], [weights], [False], [0.0], [1.0], threads)
    return target


def shares(caller: str, weights: Any, z: Array) -> Array:
    """The weight of each sample over the sum of all, float64."""
    n = z.shape[0]
    if weights is None:
        return np.full(n, 1 / n)
    w = weight_vector(caller, weights, n)
    return np.asarray(w / w.sum())


def weight_vector(caller: str, weights: Any, n: int) -> Array:
    """Weights of n samples, not all of them zero."""
    w = _array(caller, "weights", weights, np.dtype(np.float64))
    if w.shape != (n,):
        raise ValueError(f"{caller}: weights must have shape ({n},), one a sample, got shape {w.shape}")
    if not (np.isfinite(w) & (w >= 0)).all() or not 0 < w.sum() < math.inf:
        raise ValueError(
            f"{caller}: weights must be finite, at least 0 and not all 0, got {arg.shown(weights)}"
        )
    return w


def per_sample(share: Array, z: Array) -> Array:
    """One factor a sample, to multiply arrays of the shape of z."""
    return share.astype(z.dtype, copy=False).reshape(-1, *(1,) * (z.ndim - 1))


def _array(caller: str, name: str, value: Any, dtype: np.dtype[Any] | None = None) -> Array:
    """Real numbers of `dtype`; of their own float type where that is None, or of float64."""
    try:
        given = np.asarray(arg.numbers(value))
        if dtype is None:
            small = given.dtype.kind == "f" and given.dtype.itemsize <= 4
            dtype = np.dtype(np.float32 if small else np.float64)
        with np.errstate(over="ignore"):
            return given.astype(dtype, copy=False)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{caller}: {name} must be an array of real numbers, got {arg.shown(value)}"
        ) from error
