"""`minimize(method="hessian-free")`: what it has beside the tests that all methods of products share."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import rosen, rosen_der, rosen_hess_prod
from test_hessian_free import Logistic, N

from osculate import Certificate, Status, minimize

ROSEN: dict[str, Any] = {"jac": rosen_der, "hessp": rosen_hess_prod, "method": "hessian-free"}


def test_a_quadratic_ends_in_one_step_where_lambda_is_small() -> None:
    d = np.linspace(1, 9, 9)
    result = minimize(
        lambda x: float(x @ (d * x) / 2),
        np.full(9, 100.0),
        jac=lambda x: d * x,
        hessp=lambda x, v: d * v,
        method="hessian-free",
        options={"damping": 1e-11},
    )
    assert (result.nit, result.method, result.outcome) == (1, "hessian-free", Status.gradient)
    assert result.trace["damping"].tolist() == [0.0, 1e-11]
    assert result.trace["ratio"][1] == pytest.approx(1)


def test_gauss_newton_products_of_logistic_regression() -> None:
    f = Logistic()
    result = minimize(f.loss, np.zeros(N), jac=f.gradient, hessp=f.product, method="hessian-free")
    assert result.success
    assert result.optimality <= 1e-8
    assert result.certificate is Certificate.no_negative_curvature_found
    np.testing.assert_array_equal(result.jac, f.gradient(result.x))
    assert result.fun == f.loss(result.x)


@pytest.mark.parametrize("scale", [2.0**-40, 1.0, 2.0**40])
def test_the_unit_of_f_changes_no_iterate(scale: float) -> None:
    options = {"gtol": None, "gtol_relative": 1e-9}
    plain = minimize(rosen, [-1.2, 1.0], options=options, **ROSEN)
    scaled = minimize(
        lambda x: scale * rosen(x),
        [-1.2, 1.0],
        jac=lambda x: scale * rosen_der(x),
        hessp=lambda x, v: scale * rosen_hess_prod(x, v),
        method="hessian-free",
        options=options,
    )
    assert plain.success
    np.testing.assert_array_equal(scaled.x, plain.x)
    assert scaled.nit == plain.nit


def test_cost_never_rises_and_lambda_is_in_the_trace() -> None:
    result = minimize(rosen, np.full(20, 1.3), **ROSEN)
    assert result.success
    cost, damping = result.trace["cost"], result.trace["damping"]
    assert (np.diff(cost) <= 1e-14).all()
    factors = damping[2:] / damping[1:-1]
    assert {round(f, 6) for f in factors.tolist()} <= {0.666667, 1.0, 1.5}


def test_options_reach_the_core() -> None:
    short = minimize(rosen, np.full(20, 1.3), options={"maxiter": 3, "max_cg_iterations": 1}, **ROSEN)
    assert short.nit == 3
    assert short.outcome is Status.max_iterations
    assert short.nhvp <= 1 + 3 * 3  # lambda, and in a step a product of x, one of CG, and CG anew
    floor = minimize(
        rosen, np.full(5, 1.3), options={"damping": 1.0, "min_damping": 0.9, "maxiter": 9}, **ROSEN
    )
    assert floor.trace["damping"][1:].min() >= 0.9


def test_many_variables_with_differenced_products() -> None:
    n = 2000
    d = np.linspace(1, 100, n)

    def gradient(x: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(d * x + x**3 - 1)

    result = minimize(
        lambda x: float(x @ (d * x) / 2 + (x**4).sum() / 4 - x.sum()),
        np.ones(n),
        jac=gradient,
        method="hessian-free",
        tol=1e-6,
    )
    assert result.success
    assert np.abs(gradient(result.x)).max() <= 1e-6
    assert result.approximated == ("hessp: 2-point of jac",)


def test_a_start_that_is_all_but_flat() -> None:
    def curvature(x: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(1 / (2 + np.exp(x) + np.exp(-x)))

    result = minimize(
        lambda x: float((np.logaddexp(0, x) - x / 3).sum()),
        [40.0, 39.0],
        jac=lambda x: 1 / (1 + np.exp(-x)) - 1 / 3,
        hessp=lambda x, v: curvature(x) * v,
        method="hessian-free",
    )
    assert result.success
    np.testing.assert_allclose(result.x, -np.log(2), rtol=1e-6)


def test_gradients_of_the_wrong_sign_are_no_progress() -> None:
    result = minimize(
        lambda x: float(x @ x),
        [1.0, 2.0],
        jac=lambda x: -2 * x,
        hessp=lambda x, v: 2 * v,
        method="hessian-free",
        options={"max_evaluations": 10**6},
    )
    assert result.outcome is Status.no_progress
    np.testing.assert_array_equal(result.x, [1.0, 2.0])
