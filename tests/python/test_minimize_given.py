"""What `minimize` is given: derivatives or none, bounds, fixed variables, kinds of arrays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse
from scipy.optimize import rosen, rosen_der, rosen_hess, rosen_hess_prod

from osculate import Certificate, minimize

METHODS = ("newton", "newton-linesearch", "newton-cg", "hessian-free")
PRODUCTS = METHODS[2:]
DENSE = METHODS[:2]
ROSEN = {
    "newton": {"jac": rosen_der, "hess": rosen_hess},
    "newton-linesearch": {"jac": rosen_der, "hess": rosen_hess},
    "newton-cg": {"jac": rosen_der, "hessp": rosen_hess_prod},
    "hessian-free": {"jac": rosen_der, "hessp": rosen_hess_prod},
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
    what = "hessp" if method in PRODUCTS else "hess"
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


def tridiagonal(x: Any) -> Any:
    """The Hessian of the chained Rosenbrock function in compressed columns."""
    diagonal = np.full(x.size, 200.0)
    diagonal[0] = 0
    diagonal[:-1] += 1200 * x[:-1] ** 2 - 400 * x[1:] + 2
    return scipy.sparse.diags_array(
        [diagonal, -400 * x[:-1], -400 * x[:-1]], offsets=[0, 1, -1], format="csc"
    )


@pytest.mark.parametrize("method", DENSE)
@pytest.mark.parametrize("form", ["csr", "coo", "lower"])
def test_sparse_hessians_of_any_format(method: str, form: str) -> None:
    def hess(x: Any) -> Any:
        h = tridiagonal(x)
        return scipy.sparse.tril(h) if form == "lower" else h.asformat(form)

    start = np.full(30, 1.2)
    result = minimize(rosen, start, method=method, jac=rosen_der, hess=hess)
    dense = minimize(rosen, start, method=method, jac=rosen_der, hess=rosen_hess)
    assert result.success
    assert result.nit == dense.nit
    assert result.nhev == dense.nhev
    assert result.certificate is Certificate.minimum
    np.testing.assert_allclose(result.x, dense.x, atol=1e-9)
    assert scipy.sparse.issparse(result.hess)
    np.testing.assert_allclose(scipy.sparse.tril(result.hess).toarray(), np.tril(dense.hess), atol=1e-5)


def test_a_tridiagonal_hessian_of_many_variables() -> None:
    result = minimize(rosen, np.full(100_000, 1.1), jac=rosen_der, hess=tridiagonal)
    assert result.success
    np.testing.assert_allclose(result.x, 1, atol=1e-6)


@pytest.mark.parametrize("hess", ["2-point", "3-point"])
@pytest.mark.parametrize("dense", [True, False])
def test_a_sparsity_pattern_saves_gradients(hess: str, dense: bool) -> None:
    start = np.full(60, 1.2)
    pattern = tridiagonal(start) != 0
    calls = 0

    def gradient(x: Any) -> Any:
        nonlocal calls
        calls += 1
        return rosen_der(x)

    given = pattern.toarray() if dense else pattern
    result = minimize(rosen, start, jac=gradient, hess=hess, hess_sparsity=given)
    assert result.success
    assert calls == result.njev == (result.nit + 1) * (1 + 3 * (2 if hess == "3-point" else 1))
    assert result.approximated == (f"hess: {hess} of jac",)
    np.testing.assert_allclose(result.hess.toarray(), rosen_hess(result.x), rtol=1e-4, atol=1e-3)


def test_sparsity_is_refused_where_there_is_nothing_to_difference() -> None:
    pattern = np.eye(2)
    for given in ({"hess": rosen_hess}, {"method": "newton-cg"}):
        with pytest.raises(ValueError, match=r"^minimize: hess_sparsity is for a Hessian by differences"):
            minimize(rosen, [1.2, 1.0], jac=rosen_der, hess_sparsity=pattern, **given)
    with pytest.raises(ValueError, match=r"^minimize: hess_sparsity must have shape \(2, 2\), got \(3, 3\)"):
        minimize(rosen, [1.2, 1.0], jac=rosen_der, hess_sparsity=np.eye(3))
    with pytest.raises(TypeError, match=r"^minimize: hess_sparsity must be a mask of numbers"):
        minimize(rosen, [1.2, 1.0], jac=rosen_der, hess_sparsity="a")
    with pytest.raises(ValueError, match=r"^minimize: hess must return shape \(2, 2\), got \(3, 3\)"):
        minimize(rosen, [1.2, 1.0], jac=rosen_der, hess=lambda x: scipy.sparse.eye_array(3))
