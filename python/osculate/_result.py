"""Outcomes and results, shared by every solver."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import _core

if TYPE_CHECKING:
    from typing_extensions import Self

FloatArray = NDArray[np.float64]


class Status(IntEnum):
    """How a solve ended: positive is converged, negative is not.

    The formula of each value is documented in the C++ header ``osculate/status.hpp``; `sentence` gives cause
    and remedy.
    """

    gradient = 1
    cost = 2
    step = 3
    residual = 5
    max_iterations = -1
    nonfinite = -2
    singular = -3
    no_progress = -4
    user_stop = -5
    saddle = -6
    not_run = -100

    @property
    def sentence(self) -> str:
        """Cause and remedy in one sentence."""
        return _core.sentence(int(self))

    @property
    def success(self) -> bool:
        """Whether this outcome means convergence."""
        return self > 0


# The numbers that scipy.optimize.least_squares gives the same outcomes; below -2 they are ours.
SCIPY_STATUS = {
    Status.gradient: 1,
    Status.residual: 1,
    Status.cost: 2,
    Status.step: 3,
    Status.max_iterations: 0,
    Status.user_stop: -2,
    Status.nonfinite: -3,
    Status.singular: -4,
    Status.no_progress: -5,
    Status.saddle: -6,
    Status.not_run: -100,
}


class Fields:
    """Dictionary manners for a frozen dataclass: ``r["x"]``, ``r.get("x")``, ``"x" in r``, ``r.keys()``."""

    __slots__ = ()

    @classmethod
    def _of(cls, **values: Any) -> Self:
        """The instance with these values for its fields: all of them, which is not checked.

        A frozen dataclass assigns field by field through `object.__setattr__`: a tenth of a small solve.
        """
        instance = object.__new__(cls)
        instance.__dict__.update(values)
        return instance

    def keys(self) -> list[str]:
        """Names of the public fields."""
        return [f.name for f in fields(self) if not f.name.startswith("_")]  # type: ignore[arg-type]

    def __getitem__(self, name: str) -> Any:
        if name not in self.keys():
            raise KeyError(name)
        return getattr(self, name)

    def get(self, name: str, default: Any = None) -> Any:
        """Value of a field, or `default` where there is no such field."""
        return getattr(self, name) if name in self.keys() else default

    def __contains__(self, name: object) -> bool:
        return name in self.keys()

    def __iter__(self) -> Iterator[str]:
        return iter(self.keys())

    def __len__(self) -> int:
        return len(self.keys())

    def values(self) -> list[Any]:
        """Values of the public fields."""
        return [getattr(self, name) for name in self.keys()]

    def items(self) -> list[tuple[str, Any]]:
        """Pairs of name and value."""
        return [(name, getattr(self, name)) for name in self.keys()]

    def __repr__(self) -> str:
        width = max(map(len, self.keys()))
        with np.printoptions(precision=6, threshold=8, edgeitems=3):
            lines = [f"{name:>{width}}: {_indented(value, width + 2)}" for name, value in self.items()]
        return "\n".join(lines)


def _indented(value: object, width: int) -> str:
    if isinstance(value, IntEnum):
        return f"{value.name} ({int(value)})"
    if isinstance(value, np.ndarray) and value.dtype.names is not None:
        return f"array of {value.size} rows with {', '.join(value.dtype.names)}"
    # SciPy prints the elements of a sparse matrix one a line.
    text = repr(value) if hasattr(value, "tocsc") else str(value)
    return text.replace("\n", "\n" + " " * width)


@dataclass(frozen=True, repr=False, eq=False)
class LeastSquaresResult(Fields):
    """What `least_squares` found: SciPy's fields and some more. Also a read-only mapping of its fields.

    `x` is the best accepted point, also where the solve failed. Residuals are counted m, parameters n.
    """

    message: str
    """Cause, and the remedy where there is something to mend."""
    success: bool
    """Whether a convergence test was met."""
    status: int
    """SciPy's number: 1 gtol, 2 ftol, 3 xtol, 0 evaluation limit, -2 callback.

    Ours: -3 not finite, -4 singular, -5 no progress."""
    outcome: Status
    """The same as a `Status`."""
    x: FloatArray
    """Parameters, shape (n,)."""
    cost: float
    """Half the sum of the losses, sum(rho(r^2)) / 2; without a loss half the sum of squares."""
    fun: FloatArray
    """Residuals at x, shape (m,)."""
    jac: Any
    """Jacobian at x, shape (m, n), dense, sparse or an operator as the callback gave it.

    With a robust loss its rows are corrected, so that jac.T @ jac approximates the Hessian of the cost."""
    grad: FloatArray
    """Gradient of the cost, shape (n,)."""
    optimality: float
    """Largest cosine between a free column of the Jacobian and the residuals: what gtol is compared with."""
    active_mask: NDArray[np.int64]
    """-1 where x is at its lower bound, 1 at its upper bound, 0 elsewhere; shape (n,)."""
    nfev: int
    """Evaluations of the residuals at the start and at trial points, those for differences not counted."""
    njev: int
    """Jacobians, by callback or by differences."""
    iterations: int
    """Accepted steps."""
    evaluations: int
    """All calls of the function, those for differences and for geodesic acceleration included."""
    trace: NDArray[np.void]
    """Structured array, a row an iteration, the start first: cost, optimality, step, radius, damping, ratio,
    evaluations."""
    linear_solver: str
    """What solved the linear systems."""
    _fixed: NDArray[np.bool_]

    def covariance(self, *, absolute_sigma: bool = False) -> FloatArray:
        """Covariance of the parameters by linearization, s^2 (J'J)^-1 over the free parameters.

        Parameters
        ----------
        absolute_sigma : bool, default False
            False: s^2 = 2 cost / (m - rank of J), for residuals of equal but unknown standard deviation.
            True: s^2 = 1, for residuals that were divided by their standard deviations.

        Returns
        -------
        array, shape (n, n)
            NaN in the rows and columns of parameters that are fixed, at a bound they are pushed against, or
            not identified by the data; everywhere when m equals the rank and `absolute_sigma` is False.

        Raises
        ------
        TypeError
            The Jacobian is an operator, of which no inverse can be formed.
        ValueError
            A sparse Jacobian has more than 5000 columns, whose dense inverse is too large.
        """
        n = self.x.size
        covariance = np.full((n, n), np.nan)
        free = np.flatnonzero(~self._fixed)
        norms, s, vt, rank = self._spectrum(free)
        # A parameter is identified when the null space of J does not touch it, to the vectors' rounding.
        identified = np.sum(vt[rank:] ** 2, axis=0) < np.finfo(float).eps
        scaled = vt[:rank].T / s[:rank]
        inverse = (scaled @ scaled.T) / norms / norms[:, np.newaxis]
        if not absolute_sigma:
            dof = self.fun.size - rank
            inverse = inverse * (2 * self.cost / dof if dof > 0 else np.nan)
        inverse[~identified, :] = np.nan
        inverse[:, ~identified] = np.nan
        covariance[np.ix_(free, free)] = inverse
        return covariance

    @property
    def stderr(self) -> FloatArray:
        """Standard errors, the square roots of the diagonal of `covariance()`; shape (n,)."""
        return np.sqrt(np.diagonal(self.covariance()))

    def _spectrum(self, free: NDArray[np.intp]) -> tuple[FloatArray, FloatArray, FloatArray, int]:
        """Norms of the free columns; singular values, right vectors and rank of the scaled ones."""
        eps, jacobian = np.finfo(float).eps, self.jac
        m, n = self.fun.size, free.size
        if not isinstance(jacobian, np.ndarray):
            if not hasattr(jacobian, "tocsc"):
                raise TypeError(
                    "covariance needs the Jacobian as an array; it is known only by products here"
                )
            if n > 5000:
                raise ValueError(
                    f"covariance is a dense matrix, too large for {n} parameters; "
                    "solve with result.jac for the parts you need"
                )
            jacobian = jacobian.tocsc()[:, free]
            if m * n <= 10_000_000:
                jacobian = jacobian.toarray()
            elif np.isfinite(jacobian.data).all():
                # J'J is as small as the result; it tells a rank only to the root of the rounding.
                largest = abs(jacobian).max(axis=0).toarray().ravel()
                largest[largest == 0] = 1.0
                jacobian = jacobian.multiply(1 / largest).tocsc()
                lengths = np.sqrt(np.asarray(jacobian.multiply(jacobian).sum(axis=0)).ravel())
                lengths[lengths == 0] = 1.0
                jacobian = jacobian.multiply(1 / lengths).tocsc()
                values, vectors = np.linalg.eigh((jacobian.T @ jacobian).toarray())
                rank = int(np.count_nonzero(values > n * eps * values[-1]))
                s = np.sqrt(np.clip(values[::-1], 0, None))
                return largest * lengths, s, vectors.T[::-1], rank
        else:
            jacobian = jacobian[:, free]
        if n == 0 or not isinstance(jacobian, np.ndarray) or not np.isfinite(jacobian).all():
            return np.ones(n), np.zeros(n), np.eye(n), 0
        norms = column_norms(jacobian)
        _, s, vt = np.linalg.svd(np.linalg.qr(jacobian / norms, mode="r"))
        return norms, s, vt, int(np.count_nonzero(s > eps * max(m, n) * s[0]))


def column_norms(matrix: FloatArray) -> FloatArray:
    """Euclidean lengths of the columns, without overflow or underflow; 1 for a column of zeros."""
    largest = np.abs(matrix).max(axis=0)
    largest[largest == 0] = 1.0
    scaled = matrix / largest
    lengths = np.sqrt(np.einsum("ij,ij->j", scaled, scaled))
    return np.asarray(largest * np.where(lengths > 0, lengths, 1.0))


def optimize_warning() -> type[UserWarning]:
    """SciPy's OptimizeWarning where SciPy is already imported, else our own of that name."""
    module = sys.modules.get("scipy.optimize")
    return getattr(module, "OptimizeWarning", OptimizeWarning)


class OptimizeWarning(UserWarning):
    """A result that needs care, as scipy.optimize.OptimizeWarning."""
