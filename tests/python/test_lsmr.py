"""LSMR instead of a factorization: for operators, on request, and where the factor would be too large."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse
from chain_problem import TIGHT, Counted, N, agrees, coo, dense, residual

import osculate


def test_linear_operator_always_takes_lsmr() -> None:
    Counted.products = 0
    result = osculate.least_squares(residual, np.ones(N), Counted, **TIGHT)
    agrees(result)
    assert result.linear_solver == "lsmr"
    assert isinstance(result.jac, Counted)
    assert Counted.products > result.iterations


@pytest.mark.parametrize("form", [np.asarray, scipy.sparse.csr_array])
@pytest.mark.parametrize("options", [{"tr_solver": "lsmr"}, {"linear_solver": "lsmr"}])
def test_lsmr_on_request_gives_the_dense_solution(form: Any, options: dict[str, Any]) -> None:
    jac = dense if form is np.asarray else coo
    result = osculate.least_squares(residual, np.ones(N), jac, **options, **TIGHT)
    agrees(result)
    assert result.linear_solver == "lsmr"
    tight = {"tr_options": {"atol": 1e-10, "btol": 1e-10}}
    exact = osculate.least_squares(residual, np.ones(N), jac, **options, **tight, **TIGHT)
    agrees(exact)
    direct = osculate.least_squares(residual, np.ones(N), jac, **TIGHT)
    assert np.allclose(exact.trace["cost"][:3], direct.trace["cost"][:3], rtol=1e-8)


def test_one_lsmr_iteration_a_solve_is_steepest_descent() -> None:
    """tr_options["maxiter"] reaches LSMR: the first step is along the scaled gradient."""
    result = osculate.least_squares(
        residual, np.ones(N), coo, tr_solver="lsmr", tr_options={"maxiter": 1}, max_iterations=1
    )
    jac = dense(np.ones(N))
    direction = -(jac.T @ residual(np.ones(N))) / np.sum(jac**2, axis=0)  # D^-2 g, D being the column norms
    step = result.x - 1
    cosine = step @ direction / np.linalg.norm(step) / np.linalg.norm(direction)
    assert cosine == pytest.approx(1, abs=1e-12)


def test_factor_larger_than_max_factor_bytes_is_not_made() -> None:
    """The tridiagonal J'J has a factor of n - 1 off-diagonal entries, 12 bytes each."""
    needed = 12.0 * (N - 1)
    enough = osculate.least_squares(residual, np.ones(N), coo, max_factor_bytes=needed, **TIGHT)
    assert enough.linear_solver == "sparse_cholesky"
    short = osculate.least_squares(residual, np.ones(N), coo, max_factor_bytes=needed - 12, **TIGHT)
    assert short.linear_solver == "lsmr"
    agrees(short)
    asked = osculate.least_squares(
        residual, np.ones(N), coo, linear_solver="sparse_cholesky", max_factor_bytes=1, **TIGHT
    )
    assert asked.linear_solver == "sparse_cholesky"
