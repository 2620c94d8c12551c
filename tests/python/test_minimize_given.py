"""What `minimize` is given: derivatives or none, bounds, fixed variables, kinds of arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse
from scipy.optimize import rosen, rosen_der, rosen_hess, rosen_hess_prod

from osculate import Certificate, minimize

METHODS = ("newton", "newton-linesearch", "newton-cg")
DENSE = METHODS[:2]
ROSEN = {
    "newton": {"jac": rosen_der, "hess": rosen_hess},
    "newton-linesearch": {"jac": rosen_der, "hess": rosen_hess},
    "newton-cg": {"jac": rosen_der, "hessp": rosen_hess_prod},
}


@pytest.mark.parametrize("jac", [None, "2-point", "3-point", "cs", rosen_der, True])
@pytest.mark.parametrize("method", METHODS)
def test_derivatives_that_are_not_given(method: str, jac: Any) -> None:
    fun = (lambda x: (rosen(x), rosen_der(x))) if jac is True else rosen
    result = minimize(fun, [-1.2, 1.0, 0.7], method=method, jac=jac)
    assert result.success
    np.testing.assert_allclose(result.x, 1, atol=1e-4 if jac == "2-point" else 1e-5)
    rule = {None: "3-point", "2-point": "2-point", "3-point": "3-point"}.get(jac if jac is not True else "")
    of_gradient = () if rule is None else (f"jac: {rule}",)
    what = "hessp" if method == "newton-cg" else "hess"
    assert result.approximated == (*of_gradient, f"{what}: {'2-point' if rule is None else '3-point'} of jac")
    assert result.certificate is not Certificate.negative_curvature


def test_the_method_follows_what_is_given() -> None:
    assert minimize(rosen, [1.2, 1], jac=rosen_der, hess=rosen_hess).method == "newton"
    assert minimize(rosen, [1.2, 1], jac=rosen_der, hessp=rosen_hess_prod).method == "newton-cg"
    assert minimize(rosen, [1.2, 1]).method == "newton"
    assert minimize(rosen, np.full(201, 1.1), jac=rosen_der).method == "newton-cg"
    for theirs, ours in (
        ("trust-exact", "newton"),
        ("Newton-CG", "newton-cg"),
        ("trust-krylov", "newton-cg"),
    ):
        assert minimize(rosen, [1.2, 1], jac=rosen_der, hess=rosen_hess, method=theirs).method == ours


@pytest.mark.parametrize("method", DENSE)
@pytest.mark.parametrize(
    "bounds",
    [
        [(None, None), (-np.inf, 0.5)],
        [(-2, 0.8), (None, None)],
        [(1.5, 3), (0, 5)],
        [(-1.2, -1.2), (None, None)],
        scipy.optimize.Bounds([-2, -2], [0.5, 0.5]),
    ],
    ids=range(5),
)
def test_bounds(method: str, bounds: Any) -> None:
    start = [1.5, 0.5] if isinstance(bounds, list) and bounds[0][0] == 1.5 else [-1.2, 0.5]
    result = minimize(rosen, start, method=method, bounds=bounds, jac=rosen_der, hess=rosen_hess)
    expected = scipy.optimize.minimize(
        rosen, start, jac=rosen_der, bounds=bounds, method="L-BFGS-B", options={"ftol": 0, "gtol": 1e-10}
    )
    assert result.success
    np.testing.assert_allclose(result.x, expected.x, rtol=1e-6)
    lower, upper = (bounds.lb, bounds.ub) if hasattr(bounds, "lb") else np.array(bounds, dtype=float).T
    lower, upper = np.nan_to_num(lower, nan=-np.inf), np.nan_to_num(upper, nan=np.inf)
    at_upper = (result.x == upper) & (lower < upper)
    assert (result.active_mask[at_upper] == 1).all()
    free = (result.x > lower) & (result.x < upper)
    assert np.abs(result.jac[free]).max(initial=0) <= 1e-8
    assert (result.jac[(result.x == lower) & (lower < upper)] >= 0).all()
    assert (result.jac[at_upper] <= 0).all()


def test_fixed_variables_keep_their_start() -> None:
    result = minimize(rosen, [0.5, 2.0, 1.0], jac=rosen_der, hess=rosen_hess, fixed=[True, False, False])
    assert result.x[0] == 0.5
    assert result.success
    assert np.abs(result.jac[1:]).max() <= 1e-8


def test_sparse_hessians_are_taken() -> None:
    for method in METHODS:
        result = minimize(
            rosen,
            np.full(20, 1.2),
            method=method,
            jac=rosen_der,
            hess=lambda x: scipy.sparse.csc_array(rosen_hess(x)),
        )
        assert result.success
        np.testing.assert_allclose(result.x, 1, atol=1e-7)


def test_float32_starts_and_strided_arrays() -> None:
    start = np.full(6, 1.2, dtype=np.float32)[::2]
    result = minimize(rosen, start, jac=lambda x: rosen_der(x)[::-1][::-1], hess=rosen_hess)
    assert result.success
    assert result.x.dtype == np.float64
