"""Sums of squares to be minimized as general functions: More, Garbow & Hillstrom (ACM TOMS 7(1), 1981).

The paper's sizes from its starts, and from ten times those where that is not another problem altogether;
and the scalable ones at n = 100 and 1000 with second derivatives by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import mgh
import mgh_systems as systems
from objective import Objective, of_small_squares, of_squares, starts_of
from problem import Array

# From ten times the start values overflow, or all exponentials have underflowed and leave nothing to fit.
ONE_START = (
    "jennrich_sampson",
    "gaussian",
    "meyer",
    "osborne_1",
    "osborne_2",
    "gulf",
    "watson_12",
    "biggs_exp6",
)
GTOL = {  # rounding of g: eps |r| |J|, about 1e7 times eps and more with Meyer's data and Brown's 1e6
    "meyer": 1e-1,
    "brown_badly_scaled": 1e-3,
    "brown_dennis": 1e-3,
    "powell_badly_scaled": 1e-5,
    "linear_rank_1": 1e-5,
    "linear_rank_1_zero": 1e-5,
}


def small() -> list[Objective]:
    """37 problems of at most twelve variables, most from two starts."""
    return [
        of_small_squares(problem, () if problem.name in ONE_START else (10,), GTOL.get(problem.name, 1e-6))
        for problem in mgh.problems()
    ]


def _second_tridiagonal(x: Array, w: Array) -> Array:
    return -4 * w


def _second_banded(x: Array, w: Array) -> Array:
    return 30 * x * w - 2 * (w @ systems._band(len(x)))


def _second_boundary(x: Array, w: Array) -> Array:
    h = 1 / (len(x) + 1)
    return 3 * h**2 * (x + h * np.arange(1, len(x) + 1) + 1) * w


def _second_integral(x: Array, w: Array) -> Array:
    kernel, t = systems._integral_kernel(len(x))
    return 6 * (x + t + 1) * (w @ kernel)


def _second_penalty_1(x: Array, w: Array) -> Array:
    return np.full(len(x), 2 * w[-1])


def _second_penalty_2(x: Array, w: Array) -> Array:
    n = len(x)
    pairs, ends = w[1:n], w[n : 2 * n - 1]
    bend = np.zeros(n)
    bend[1:] += pairs + ends
    bend[:-1] += pairs
    return bend * np.sqrt(1e-5) * np.exp(x / 10) / 100 + 2 * np.arange(n, 0, -1) * w[-1]


def _second_dimensioned(x: Array, w: Array) -> Array:
    j = np.arange(1.0, len(x) + 1)
    return 2 * w[-1] * np.outer(j, j)


def _second_trigonometric(x: Array, w: Array) -> Array:
    i = np.arange(1, len(x) + 1)
    return np.cos(x) * (np.sum(w) + i * w) + np.sin(x) * w


def _second_almost_linear(x: Array, w: Array) -> Array:
    inverse = 1 / x
    bend = np.outer(inverse, inverse) * (np.prod(x) * w[-1])
    np.fill_diagonal(bend, 0)
    return bend


def _diagonals(n: int, around: dict[int, Any]) -> Any:
    """A sparse matrix from {offset: diagonal}."""
    from scipy.sparse import diags_array

    full = [np.broadcast_to(np.asarray(d, dtype=float), n - abs(k)) for k, d in around.items()]
    return diags_array(full, offsets=list(around), shape=(n, n), format="csr")


def _sparse_tridiagonal(n: int) -> Callable[[Array], Any]:
    return lambda x: _diagonals(n, {0: 3 - 4 * x, -1: -1.0, 1: -2.0})


def _sparse_banded(n: int) -> Callable[[Array], Any]:
    def jacobian(x: Array) -> Any:
        slope = -(1 + 2 * x)
        below = {-k: slope[: n - k] for k in range(1, 6)}
        return _diagonals(n, {0: 2 + 15 * x**2, 1: slope[1:], **below})

    return jacobian


def _sparse_boundary(n: int) -> Callable[[Array], Any]:
    h = 1 / (n + 1)
    t = h * np.arange(1, n + 1)
    return lambda x: _diagonals(n, {0: 2 + 1.5 * h**2 * (x + t + 1) ** 2, -1: -1.0, 1: -1.0})


def _sparse_penalty_1(n: int) -> Callable[[Array], Any]:
    from scipy.sparse import csr_array, vstack

    top = _diagonals(n, {0: np.sqrt(1e-5)})
    return lambda x: vstack([top, csr_array(2 * x[None, :])], format="csr")


SPARSE = {
    "broyden_tridiagonal": _sparse_tridiagonal,
    "broyden_banded": _sparse_banded,
    "discrete_boundary_value": _sparse_boundary,
    "penalty_1": _sparse_penalty_1,
}


def _large(name: str, x0: Array, second: Any, *factors: int, **facts: Any) -> Objective:
    jacobian = SPARSE[name](len(x0)) if name in SPARSE else getattr(systems, f"{name}_jacobian")
    return of_squares(
        f"{name}_{len(x0)}",
        getattr(systems, name),
        jacobian,
        second,
        starts_of(x0, *factors),
        **facts,
    )


def _dimensioned_jacobian_free(n: int) -> Objective:
    """Variably dimensioned: f = |x - 1|^2 + s^2 + s^4, s = sum j (x_j - 1), without the rows of J."""
    j = np.arange(1.0, n + 1)

    def value(x: Array) -> float:
        d = x - 1
        s = j @ d
        return float(d @ d + s**2 + s**4)

    def gradient(x: Array) -> Array:
        d = x - 1
        s = j @ d
        return 2 * d + (2 * s + 4 * s**3) * j

    def hessian(x: Array) -> Array:
        s = j @ (x - 1)
        H = np.outer((2 + 12 * s**2) * j, j)
        H[np.diag_indices(n)] += 2
        return H

    def product(x: Array, v: Array) -> Array:
        s = j @ (x - 1)
        return 2 * v + (2 + 12 * s**2) * (j @ v) * j

    x0 = starts_of(1 - j / n)
    return Objective(
        name=f"variably_dimensioned_{n}",
        value=value,
        gradient=gradient,
        hessian=hessian,
        product=product,
        starts=x0,
        gtol=1e-6 if n <= 100 else 1e-3,  # s is a sum of n^2 / 2: its rounding times j
    )


def large() -> list[Objective]:
    """The scalable problems of the collection at n = 100 and some at 1000."""
    found = []
    for n in (100, 1000):
        inner = np.arange(1, n + 1) / (n + 1)
        found += [
            _large("broyden_tridiagonal", -np.ones(n), _second_tridiagonal, 10),
            _large("broyden_banded", -np.ones(n), _second_banded, 10),
            _large("discrete_boundary_value", inner * (inner - 1), _second_boundary, 10),
            _large("penalty_1", np.arange(1.0, n + 1), _second_penalty_1),
            _dimensioned_jacobian_free(n),
        ]
    inner = np.arange(1, 101) / 101
    return [
        *found,
        _large("discrete_integral", inner * (inner - 1), _second_integral, 10),
        _large("penalty_2", np.full(100, 0.5), _second_penalty_2, gtol=1e-4),
        _large("trigonometric", np.full(100, 0.01), _second_trigonometric),
        _large("brown_almost_linear", np.full(100, 0.5), _second_almost_linear),
        of_squares(
            "linear_full_rank_100",
            lambda x: systems.linear_full_rank(x, 200),
            lambda x: systems.linear_full_rank_jacobian(x, 200),
            None,
            starts_of(np.ones(100)),
        ),
    ]
