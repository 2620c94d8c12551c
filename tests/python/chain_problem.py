"""A chain: each parameter and each pair of neighbours has a residual, so that J'J is tridiagonal."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse
from numpy.typing import NDArray
from scipy.sparse.linalg import LinearOperator

import osculate

FloatArray = NDArray[np.float64]
N = 60
TIGHT: dict[str, Any] = {"ftol": 1e-15, "xtol": 1e-15, "gtol": 1e-15}


def model(x: NDArray[Any]) -> NDArray[Any]:
    """Each parameter alone and each pair of neighbours, nonlinearly; n + (n - 1) values."""
    return np.concatenate([x + 0.1 * x**2, 2 * (x[1:] - np.sin(x[:-1]))])


TRUTH = np.random.default_rng(4).uniform(0.5, 1.5, N)
DATA = model(TRUTH)
NOISY = DATA + 1e-3 * np.random.default_rng(5).standard_normal(DATA.size)


def residual(x: NDArray[Any]) -> NDArray[Any]:
    """Without noise: the solution is TRUTH, and convergence quadratic."""
    return model(x) - DATA


def noisy(x: NDArray[Any]) -> NDArray[Any]:
    return model(x) - NOISY


def parts(x: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, int]:
    """Values, rows, columns and size of the Jacobian's nonzeros."""
    n = x.size
    i = np.arange(n)
    values = np.concatenate([1 + 0.2 * x, -2 * np.cos(x[:-1]), np.full(n - 1, 2.0)])
    return values, np.concatenate([i, n + i[:-1], n + i[:-1]]), np.concatenate([i, i[:-1], i[1:]]), n


def coo(x: FloatArray) -> Any:
    values, rows, columns, n = parts(x)
    return scipy.sparse.coo_array((values, (rows, columns)), shape=(2 * n - 1, n))


def dense(x: FloatArray) -> FloatArray:
    return np.asarray(coo(x).toarray())


def pattern(n: int) -> Any:
    """Nonzeros of the Jacobian; cos(0) = 1."""
    return coo(np.zeros(n)) != 0


def agrees(result: osculate.LeastSquaresResult, tolerance: float = 1e-13) -> None:
    """Rounding of the residuals, eps times a few units, over the least singular value of J, about 1."""
    assert result.success, result.message
    assert result.x == pytest.approx(TRUTH, abs=tolerance)
    assert np.array_equal(result.fun, residual(result.x))


class Counted(LinearOperator):
    """The Jacobian by products, counted."""

    products = 0

    def __init__(self, x: FloatArray) -> None:
        self.matrix = scipy.sparse.csr_array(coo(x))
        super().__init__(np.dtype(float), self.matrix.shape)

    def _matvec(self, v: FloatArray) -> Any:
        Counted.products += 1
        return self.matrix @ v

    def _rmatvec(self, u: FloatArray) -> Any:
        Counted.products += 1
        return self.matrix.T @ u
