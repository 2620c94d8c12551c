"""`osculate.interop.scipy`: methods for `scipy.optimize.minimize`."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.optimize import (
    Bounds,
    OptimizeResult,
    OptimizeWarning,
    basinhopping,
    minimize,
    rosen,
    rosen_der,
    rosen_hess,
    rosen_hess_prod,
)
from scipy.sparse import csr_matrix

import osculate
from osculate.interop.scipy import hessian_free, newton, newton_cg, newton_linesearch

METHODS = [newton, newton_linesearch, newton_cg, hessian_free]
DENSE = [newton, newton_linesearch]
FIVE = np.array([1.3, 0.7, 0.8, 1.9, 1.2])  # SciPy's tutorial starts here


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("given", [{}, {"jac": rosen_der}, {"jac": rosen_der, "hess": rosen_hess}])
def test_the_tutorials_rosenbrock_function(method: Any, given: Any) -> None:
    result = minimize(rosen, FIVE, method=method, **given)
    assert type(result) is OptimizeResult
    assert result.success
    assert result.status == 0
    # the smallest eigenvalue of the Hessian at the minimum is 0.5: |x - 1| <= 2 sqrt(n) gtol, at most 1e-6
    np.testing.assert_allclose(result.x, 1, atol=5e-6)
    np.testing.assert_allclose(result.fun, 0, atol=1e-10)
    assert result.nfev >= result.nit > 0


def test_the_tutorials_products() -> None:
    result = minimize(
        rosen, FIVE, method=newton_cg, jac=rosen_der, hessp=rosen_hess_prod, options={"gtol": 1e-9}
    )
    np.testing.assert_allclose(result.x, 1, atol=1e-8)
    assert result.nhvp > 0
    assert result.approximated == ()


@pytest.mark.parametrize("method", METHODS)
def test_the_tutorials_function_with_arguments(method: Any) -> None:
    def with_args(x: Any, a: Any, b: Any) -> Any:
        return np.sum(a * (x[1:] - x[:-1] ** 2.0) ** 2.0 + (1 - x[:-1]) ** 2.0) + b

    result = minimize(with_args, FIVE, method=method, args=(0.5, 1.0))
    np.testing.assert_allclose(result.x, 1, atol=1e-5)
    np.testing.assert_allclose(result.fun, 1)


@pytest.mark.parametrize("method", DENSE)
def test_the_references_quadratic_with_a_single_argument_and_bounds(method: Any) -> None:
    def fun(x: Any, a: float = 1.0) -> Any:
        return (x[0] - a) ** 2 + (x[1] - 2.5) ** 2

    result = minimize(fun, (2, 0), method=method, args=2.0, bounds=((0, None), (0, 1)))
    np.testing.assert_allclose(result.x, [2, 1], atol=1e-6)
    np.testing.assert_array_equal(result.active_mask, [0, 1])


@pytest.mark.parametrize("method", METHODS)
def test_value_and_gradient_together(method: Any) -> None:
    calls = 0

    def both(x: Any) -> Any:
        nonlocal calls
        calls += 1
        return rosen(x), rosen_der(x)

    result = minimize(both, FIVE, method=method, jac=True, hess=rosen_hess)
    np.testing.assert_allclose(result.x, 1, atol=1e-7)
    assert result.approximated == ()
    # SciPy remembers the gradient of the last point, which may lie beyond the one that a line search takes.
    assert calls <= result.nfev + (result.njev if method is hessian_free else 0)


@pytest.mark.parametrize("method", DENSE)
@pytest.mark.parametrize(
    "bounds",
    [
        [(-2, 0.5), (None, 0.2)],
        Bounds([-2, -np.inf], [0.5, 0.2]),
        np.array([[-2, 0.5], [-np.inf, 0.2]]),
    ],
)
def test_bounds_in_each_form(method: Any, bounds: Any) -> None:
    result = minimize(rosen, [-1.2, 0.0], method=method, jac=rosen_der, hess=rosen_hess, bounds=bounds)
    other = minimize(rosen, [-1.2, 0.0], method="L-BFGS-B", jac=rosen_der, bounds=bounds)
    assert result.success
    # optimality, where a bound acts: the gradient points out of the box there and vanishes elsewhere
    free = result.active_mask == 0
    np.testing.assert_allclose(result.jac[free], 0, atol=1e-8)
    assert np.all(result.jac[~free] * result.active_mask[~free] < 0)
    np.testing.assert_allclose(result.x, other.x, atol=1e-4)


def test_a_start_outside_the_bounds_is_moved_into_them() -> None:
    result = minimize(rosen, [-5.0, 9.0], method=newton, jac=rosen_der, hess=rosen_hess, bounds=Bounds(-2, 2))
    np.testing.assert_allclose(result.x, 1, atol=1e-8)


@pytest.mark.parametrize("method", METHODS)
def test_bounds_that_bound_nothing(method: Any) -> None:
    result = minimize(rosen, FIVE, method=method, jac=rosen_der, hess=rosen_hess, bounds=Bounds())
    assert result.success


def test_newton_cg_refuses_bounds() -> None:
    with pytest.raises(ValueError, match=r"^minimize: method 'newton-cg' takes no bounds"):
        minimize(rosen, [0, 0], method=newton_cg, bounds=[(-1, 1)] * 2)


@pytest.mark.parametrize("method", METHODS)
def test_constraints_are_refused(method: Any) -> None:
    with pytest.raises(ValueError, match=r"^minimize: constraints are not supported"):
        minimize(rosen, [0, 0], method=method, constraints={"type": "eq", "fun": lambda x: x[0]})


@pytest.mark.parametrize("method", METHODS)
def test_options_and_tol(method: Any) -> None:
    few = minimize(rosen, FIVE, method=method, jac=rosen_der, hess=rosen_hess, options={"maxiter": 2})
    assert few.nit == 2
    assert (few.success, few.status) == (False, 1)
    rough = minimize(rosen, FIVE, method=method, jac=rosen_der, hess=rosen_hess, tol=1e-1)
    fine = minimize(rosen, FIVE, method=method, jac=rosen_der, hess=rosen_hess, tol=1e-10)
    assert rough.optimality <= 1e-1
    assert fine.optimality <= 1e-10
    assert rough.nit < fine.nit
    ours = osculate.minimize(rosen, FIVE, method=fine.method, jac=rosen_der, hess=rosen_hess, tol=1e-10)
    np.testing.assert_array_equal(ours.x, fine.x)
    assert set(fine) == set(ours)
    nothing = minimize(rosen, FIVE, method=method, jac=rosen_der, hess=rosen_hess, options={"disp": False})
    assert nothing.success


def test_an_option_goes_before_tol() -> None:
    result = minimize(rosen, FIVE, method=newton, jac=rosen_der, tol=1e-9, options={"gtol": 1e-1})
    assert 1e-9 < result.optimality <= 1e-1


def test_our_arguments_are_options() -> None:
    held = minimize(rosen, FIVE, method=newton, jac=rosen_der, options={"fixed": np.arange(5) == 1})
    assert held.x[1] == FIVE[1]
    band = np.abs(np.subtract.outer(range(5), range(5))) <= 1
    sparse = minimize(rosen, FIVE, method=newton, jac=rosen_der, options={"hess_sparsity": band})
    np.testing.assert_allclose(sparse.x, 1, atol=1e-7)
    assert hasattr(sparse.hess, "tocsc")


def test_sparse_hessians() -> None:
    result = minimize(rosen, FIVE, method=newton, jac=rosen_der, hess=lambda x: csr_matrix(rosen_hess(x)))
    np.testing.assert_allclose(result.x, 1, atol=1e-8)


def test_unknown_options_are_warned_of() -> None:
    with pytest.warns(
        OptimizeWarning, match="^minimize: unknown options of method 'newton': eps, return_all; it"
    ):
        result = minimize(rosen, FIVE, method=newton, options={"eps": 1, "return_all": True, "gtol": 1e-5})
    assert result.success


def test_hess_goes_before_hessp() -> None:
    for method in METHODS:
        result = minimize(
            rosen, FIVE, method=method, jac=rosen_der, hess=rosen_hess, hessp=lambda x, v: 1 / 0
        )
        assert result.success
    with pytest.raises(
        ValueError, match=r"^minimize: method 'newton' takes hess, not hessp; 'newton-cg' takes"
    ):
        minimize(rosen, FIVE, method=newton, jac=rosen_der, hessp=rosen_hess_prod)


@pytest.mark.parametrize("method", METHODS)
def test_a_callback_of_x(method: Any) -> None:
    seen = []
    result = minimize(rosen, FIVE, method=method, jac=rosen_der, hess=rosen_hess, callback=seen.append)
    assert len(seen) == result.nit
    np.testing.assert_array_equal(seen[-1], result.x)
    assert len({x.tobytes() for x in seen}) > 1  # each is an array of its own


@pytest.mark.parametrize("method", METHODS)
def test_a_callback_of_an_intermediate_result(method: Any) -> None:
    seen = []

    def watch(intermediate_result: Any) -> None:
        assert type(intermediate_result) is OptimizeResult
        seen.append(intermediate_result)

    result = minimize(rosen, FIVE, method=method, jac=rosen_der, hess=rosen_hess, callback=watch)
    assert [state.nit for state in seen] == list(range(1, result.nit + 1))
    assert seen[-1].fun == result.fun
    np.testing.assert_array_equal(seen[-1].x, result.x)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("newer", [False, True])
def test_stop_iteration(method: Any, newer: bool) -> None:
    seen: list[Any] = []

    def older_form(xk: Any) -> None:
        seen.append(xk)
        if len(seen) == 2:
            raise StopIteration

    def newer_form(intermediate_result: OptimizeResult) -> None:
        older_form(intermediate_result.x)

    callback = newer_form if newer else older_form
    result = minimize(rosen, FIVE, method=method, jac=rosen_der, hess=rosen_hess, callback=callback)
    assert (result.success, result.status, result.nit) == (False, 99, 2)
    np.testing.assert_array_equal(result.x, seen[-1])


def test_other_exceptions_of_a_callback_come_out() -> None:
    def watch(intermediate_result: Any) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        minimize(rosen, FIVE, method=newton, jac=rosen_der, callback=watch)


def test_a_saddle_is_left() -> None:
    for method in METHODS:
        result = minimize(lambda x: x[0] ** 2 - x[1] ** 2 + x[1] ** 4, [1.0, 0.0], method=method)
        np.testing.assert_allclose(np.abs(result.x), [0, np.sqrt(0.5)], atol=1e-5)


@pytest.mark.parametrize("bounds", [None, Bounds([-2], [2])])
def test_basinhopping_takes_the_methods(bounds: Any) -> None:
    def f(x: Any) -> Any:
        return np.cos(14.5 * x[0] - 0.3) + (x[0] + 0.2) * x[0]

    given = {"method": newton, "bounds": bounds}
    result = basinhopping(f, [1.0], minimizer_kwargs=given, niter=60, rng=np.random.default_rng(1))
    np.testing.assert_allclose(result.x, -0.195067, atol=1e-5)  # of SciPy's documentation
