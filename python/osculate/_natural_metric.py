"""The Fisher matrix of a point in any of its forms, as what solves (F + damping I) d = v.

A matrix by Cholesky's factors; scores by those of the smaller of S'S and SS' (see `fisher_solve`); products
by conjugate gradients.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _arguments as arg
from . import _core
from ._families import OutputFamily
from ._fisher import fisher_solve
from ._krylov import cg
from ._result import Status
from ._spd import cholesky_solve

Array = NDArray[Any]
CG_RTOL = 1e-6
# Ends of conjugate gradients without a direction that is of use; at their limit the iterate descends anyway.
CG_FAILURES = {"nonfinite": Status.nonfinite, "negative_curvature": Status.singular}


@dataclass(frozen=True, slots=True)
class Direction:
    """A solution of (F + damping I) d = v."""

    d: Array
    status: Status
    """`Status.gradient` where there is one."""
    products: int = 0
    """Products F v of conjugate gradients."""

    def curvature(self, right: Array, damping: float) -> float:
        """d'Fd, by v'd - damping d'd: the solution is exact, or as CG's orthogonal to its residual."""
        d = self.d.astype(np.float64, copy=False)
        return max(float(d @ right) - damping * float(d @ d), 0.0)


@dataclass(frozen=True, slots=True)
class MatrixMetric:
    """F as a matrix, shape (P, P), whose lower triangle counts."""

    matrix: Array
    threads: int
    form: str = "matrix"

    def solve(self, right: Array, damping: float) -> Direction:
        """d of (F + damping I) d = right."""
        damped = self.matrix.copy()
        damped.flat[:: damped.shape[0] + 1] += damped.dtype.type(damping)
        if not np.isfinite(damped).all():
            return Direction(np.full_like(right, np.nan), Status.nonfinite)
        d = cholesky_solve(damped, right, check=False, threads=self.threads)
        return Direction(d, Status.gradient if np.isfinite(d).all() else Status.singular)

    def fisher(self) -> Array:
        """The matrix itself, without damping."""
        return self.matrix


@dataclass(frozen=True, slots=True)
class ScoresMetric:
    """F = S'S/N of scores (N, P), centred or not."""

    scores: Array
    centered: bool
    mixed: bool
    threads: int

    @property
    def form(self) -> str:
        """Which of S'S and SS' is factorized."""
        n, p = self.scores.shape
        return "samples" if n < p or self.mixed else "parameters"

    def solve(self, right: Array, damping: float) -> Direction:
        """d of (F + damping I) d = right."""
        found = fisher_solve(
            self.scores,
            right,
            damping,
            centered=self.centered,
            form=self.form,
            mixed_precision=self.mixed,
            threads=self.threads,
        )
        return Direction(found.x, found.outcome)

    def fisher(self) -> Array | None:
        """S'S/N where that is what is factorized."""
        return None if self.form == "samples" else matrix_of(self, None, 0.0)


@dataclass(frozen=True, slots=True)
class ProductMetric:
    """F as a function v -> F v."""

    product: Callable[[Array], Array]
    rtol: float
    max_iterations: int | None
    threads: int
    form: str = "products"

    def solve(self, right: Array, damping: float) -> Direction:
        """d of (F + damping I) d = right, to CG's accuracy."""
        found = cg(
            self.product,
            right,
            damping=damping,
            rtol=self.rtol,
            maxiter=self.max_iterations,
            threads=self.threads,
        )
        return Direction(found.x, CG_FAILURES.get(found.reason, Status.gradient), found.products)

    def fisher(self) -> None:
        """None: the matrix is not known."""


Metric = MatrixMetric | ScoresMetric | ProductMetric


def matrix_of(metric: MatrixMetric | ScoresMetric, before: Array | None, decay: float) -> Array:
    """decay * before + (1 - decay) F, an array of its own."""
    if isinstance(metric, MatrixMetric):
        if before is None:
            return metric.matrix.copy()
        average: Array = decay * before + (1 - decay) * metric.matrix
        return average
    p, dtype = metric.scores.shape[1], metric.scores.dtype
    target = np.zeros((p, p), dtype) if before is None else before.astype(dtype)
    scores = np.ascontiguousarray(metric.scores)
    share = 0.0 if before is None else decay
    _core.fisher_matrix(scores, target, metric.centered, share, metric.threads)
    return target


def family_metric(
    family: OutputFamily, z: Array, jacobian: Array, share: Array, threads: int
) -> MatrixMetric | ScoresMetric:
    """F = J' F_out J: its P x P matrix, or a square root of fewer than P rows."""
    rows, p = z.size, jacobian.shape[-1]
    if rows < p:
        root = family.rows(z, jacobian, share) * z.dtype.type(np.sqrt(rows))
        return ScoresMetric(root, False, False, threads)
    return MatrixMetric(family._fisher(z, jacobian, share, threads), threads)


def real_array(caller: str, name: str, value: Any, shape: tuple[int | None, ...], dtype: Any) -> Array:
    """What a caller or a callback gave as an array of `dtype`; None in the shape is any number but 0."""
    try:
        given = np.asarray(arg.numbers(value))
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{caller}: {name} must be an array of real numbers, got {arg.shown(value)}"
        ) from error
    suits = given.ndim == len(shape) and all(
        size == expected if expected is not None else size > 0
        for size, expected in zip(given.shape, shape, strict=True)
    )
    if not suits:
        words = ", ".join("N" if size is None else str(size) for size in shape)
        expected_shape = f"({words},)" if len(shape) == 1 else f"({words})"
        raise ValueError(f"{caller}: {name} must have shape {expected_shape}, got shape {given.shape}")
    with np.errstate(over="ignore"):
        return given.astype(dtype, copy=False)


def loss_number(caller: str, name: str, value: Any) -> float:
    """What a loss returned as a float."""
    try:
        given = np.asarray(arg.numbers(value))
    except (TypeError, ValueError) as error:
        raise TypeError(f"{caller}: {name} must return a number, got {arg.shown(value)}") from error
    if given.size != 1:
        raise ValueError(f"{caller}: {name} must return a number, got an array of shape {given.shape}")
    return float(given.reshape(()))


def needs_damping(caller: str, metric: Metric, damping: float) -> None:
    """Refuses a singular system that nothing damps."""
    if isinstance(metric, ScoresMetric) and metric.form == "samples" and damping == 0:
        n, p = metric.scores.shape
        raise ValueError(
            f"{caller}: damping must be positive where there are fewer rows of scores than parameters "
            f"(here {n} and {p}): F is singular, got 0"
        )
