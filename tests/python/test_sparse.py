"""Sparse Jacobians in every format, patterns for differences, a problem too large for dense algebra."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from chain_problem import (
    TIGHT,
    TRUTH,
    Counted,
    FloatArray,
    N,
    agrees,
    coo,
    dense,
    model,
    noisy,
    parts,
    pattern,
    residual,
)
from numpy.typing import NDArray
from scipy.sparse.linalg import aslinearoperator

import osculate

EPSILON = float(np.finfo(float).eps)
FORMATS: dict[str, Callable[[Any], Any]] = {
    f"{kind}_{wrapper}": getattr(scipy.sparse, f"{kind}_{wrapper}")
    for kind in ("csr", "csc", "coo", "bsr", "lil")
    for wrapper in ("matrix", "array")
}


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_gives_the_dense_solution(form: str) -> None:
    result = osculate.least_squares(residual, np.ones(N), lambda x: FORMATS[form](coo(x)), **TIGHT)
    agrees(result)
    assert result.linear_solver == "sparse_cholesky"
    assert scipy.sparse.issparse(result.jac)
    assert abs(result.jac - coo(result.x)).max() <= 4 * EPSILON


def test_every_format_gives_the_same_bits() -> None:
    results = [
        osculate.least_squares(residual, np.ones(N), lambda x, form=form: form(coo(x))).x
        for form in FORMATS.values()
    ]
    assert all(np.array_equal(x, results[0]) for x in results)


def test_entries_given_twice_or_out_of_order_or_in_other_types_are_taken() -> None:
    def doubled(x: FloatArray) -> Any:
        """Each entry as two halves, the last row of a column first."""
        values, rows, columns, n = parts(x)
        ends = np.cumsum(np.bincount(np.repeat(columns, 2), minlength=n))
        rows = np.concatenate([np.repeat(rows[columns == k][::-1], 2) for k in range(n)])
        halves = np.concatenate([np.repeat(values[columns == k][::-1] / 2, 2) for k in range(n)])
        return scipy.sparse.csc_array((halves, rows, np.concatenate([[0], ends])), shape=(2 * n - 1, n))

    kept: list[Any] = []

    def jacobian(x: FloatArray) -> Any:
        kept.append(doubled(x))
        return kept[-1]

    agrees(osculate.least_squares(residual, np.ones(N), jacobian, **TIGHT))
    assert all(matrix.nnz == 2 * pattern(N).nnz for matrix in kept)  # the caller's own stays as it is

    def wide(x: FloatArray) -> Any:
        matrix = scipy.sparse.csc_array(coo(x))
        matrix.indices, matrix.indptr = matrix.indices.astype(np.int64), matrix.indptr.astype(np.int64)
        return matrix

    agrees(osculate.least_squares(residual, np.ones(N), wide, **TIGHT))
    # In float32 the Jacobian is off by 6e-8, which slows convergence down but has the same solution.
    agrees(osculate.least_squares(residual, np.ones(N), lambda x: coo(x).astype(np.float32), **TIGHT), 1e-6)


def test_pattern_that_grows_and_shrinks_between_iterations_is_followed() -> None:
    """Products of neighbours have no derivative where one is zero, squared hinges none below 0.8."""
    counts: list[int] = []

    def fun(x: FloatArray) -> FloatArray:
        return np.concatenate([x - 0.5, x[1:] * x[:-1] - 0.2, np.maximum(x - 0.8, 0) ** 2])

    def jacobian(x: FloatArray) -> FloatArray:
        products = np.diag(x[1:], 0) @ np.eye(N)[:-1] + np.diag(x[:-1], 0) @ np.eye(N)[1:]
        return np.concatenate([np.eye(N), products, np.diag(2 * np.maximum(x - 0.8, 0))])

    def compressed(x: FloatArray) -> Any:
        matrix = scipy.sparse.csr_array(jacobian(x))
        counts.append(matrix.nnz)
        return matrix

    start = np.where(np.arange(N) % 2 == 0, 2.0, 0.0)
    result = osculate.least_squares(fun, start, compressed)
    assert result.success
    assert counts[0] == N + (N - 1) + N // 2
    assert max(counts) > counts[0]
    assert counts[-1] == N + 2 * (N - 1) < max(counts)
    expected = osculate.least_squares(fun, start, jacobian)
    # The same steps but for the rounding of another factorization, times the condition of J'J, below 100.
    assert result.x == pytest.approx(expected.x, abs=1e-12)
    assert result.iterations == expected.iterations


@pytest.mark.parametrize("jac", ["2-point", "3-point", "cs"])
@pytest.mark.parametrize("form", [np.asarray, scipy.sparse.csr_matrix, scipy.sparse.lil_array])
def test_pattern_for_differences_takes_few_evaluations(jac: str, form: Any) -> None:
    """Two columns without a common row are perturbed together: here every other one, in two groups."""
    calls: list[Any] = []

    def fun(x: NDArray[Any]) -> NDArray[Any]:
        calls.append(x.dtype)
        return residual(x)

    sparsity = form(pattern(N).toarray() if form is np.asarray else pattern(N))
    result = osculate.least_squares(fun, np.ones(N), jac, jac_sparsity=sparsity)
    assert result.success
    # The residuals vanish at the solution, so that the error of the derivatives only slows convergence down.
    assert result.x == pytest.approx(TRUTH, abs=1e-7)
    assert result.evaluations == len(calls) == result.nfev + result.njev * (4 if jac == "3-point" else 2)
    exact = coo(result.x)
    error = {"2-point": 1e-7, "3-point": 1e-9, "cs": 10 * EPSILON}[jac]
    assert abs(result.jac - exact).max() <= error


def test_differences_with_a_pattern_are_those_without() -> None:
    for jac in ("2-point", "3-point", "cs"):
        grouped = osculate.least_squares(residual, np.ones(N), jac, jac_sparsity=pattern(N), max_nfev=1)
        single = osculate.least_squares(residual, np.ones(N), jac, max_nfev=1)
        assert np.array_equal(grouped.jac.toarray(), single.jac)


@pytest.mark.parametrize("jac", ["2-point", "3-point", "cs"])
def test_fixed_columns_of_a_pattern_are_not_perturbed(jac: str) -> None:
    fixed = np.arange(N) % 2 == 0
    start = np.linspace(0.5, 1, N)

    def fun(x: NDArray[Any]) -> NDArray[Any]:
        assert np.array_equal(x[fixed], start[fixed])
        return residual(x)

    result = osculate.least_squares(fun, start, jac, fixed=fixed, jac_sparsity=pattern(N))
    assert result.success
    reduced = osculate.least_squares(residual, start, dense, fixed=fixed)
    # Both end at a cosine of 1e-6; residuals are of size 1, singular values at least 1.
    assert result.x == pytest.approx(reduced.x, abs=1e-5)
    # The free columns share no row: one group.
    assert result.evaluations == result.nfev + result.njev * (2 if jac == "3-point" else 1)


def test_fixed_and_bounded_parameters_give_the_dense_solution() -> None:
    bounds = (0.7, np.where(np.arange(N) % 3 == 0, 0.9, np.inf))
    fixed = np.arange(N) % 7 == 3
    start = np.full(N, 0.8)
    options: dict[str, Any] = {"bounds": bounds, "fixed": fixed}
    expected = osculate.least_squares(residual, start, dense, **options)
    assert {-1, 0, 1} == set(expected.active_mask.tolist())
    for form in (scipy.sparse.csr_array, aslinearoperator):
        result = osculate.least_squares(residual, start, lambda x, form=form: form(coo(x)), **options)
        assert result.success
        assert result.x == pytest.approx(expected.x, abs=1e-5)  # as above
        assert np.array_equal(result.active_mask, expected.active_mask)
        assert np.array_equal(result.x[fixed], start[fixed])


def test_covariance_and_errors_of_a_sparse_solution_are_the_dense_ones() -> None:
    expected = osculate.least_squares(noisy, np.ones(N), dense)
    result = osculate.least_squares(noisy, np.ones(N), coo)
    # Residuals of 1e-3 and cosines of 1e-6: x, and with it J, differ by some 1e-8.
    assert result.covariance() == pytest.approx(expected.covariance(), rel=1e-6, abs=1e-6 * 1e-6)
    assert result.stderr == pytest.approx(expected.stderr, rel=1e-6)
    inverse = np.linalg.inv(dense(result.x).T @ dense(result.x))
    assert result.covariance(absolute_sigma=True) == pytest.approx(inverse, rel=1e-10, abs=1e-12)


@pytest.mark.parametrize("loss", ["soft_l1", "huber", "cauchy", "arctan"])
def test_robust_losses_of_sparse_problems_give_the_dense_solution(loss: str) -> None:
    options: dict[str, Any] = {"loss": loss, "f_scale": 1e-3}
    expected = osculate.least_squares(noisy, TRUTH, dense, **options)
    for jac in (coo, Counted):
        result = osculate.least_squares(noisy, TRUTH, jac, **options)
        assert result.success
        # As for the covariance; a factor of ten for the curvature that the loss takes away.
        assert result.x == pytest.approx(expected.x, abs=1e-7)
        assert result.cost == pytest.approx(expected.cost, rel=1e-8)


def test_hundred_thousand_parameters_fit_in_memory_and_time() -> None:
    """Dense algebra would need 160 GB for J and 80 GB for J'J."""
    n = 100_000
    data = model(np.linspace(0.5, 1.5, n)) + 1e-3 * np.random.default_rng(6).standard_normal(2 * n - 1)

    def fun(x: FloatArray) -> FloatArray:
        return model(x) - data

    result = osculate.least_squares(fun, np.ones(n), coo)
    assert result.success
    assert result.linear_solver == "sparse_cholesky"
    jac = coo(result.x).tocsr()
    norms = np.sqrt(np.asarray(jac.power(2).sum(axis=0)).ravel())
    gradient = jac.T @ fun(result.x)
    # Whichever test was passed, the cosine is at most ftol^(3/4) = 1e-6.
    assert np.max(np.abs(gradient) / norms) <= 1e-6 * np.linalg.norm(result.fun)
    by_differences = osculate.least_squares(fun, np.ones(n), jac_sparsity=pattern(n))
    assert by_differences.success
    assert by_differences.evaluations == by_differences.nfev + 2 * by_differences.njev
    assert by_differences.x == pytest.approx(result.x, abs=1e-5)
