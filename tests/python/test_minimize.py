"""`minimize`: minima of textbook functions, rates, saddles and certificates."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from scipy.optimize import rosen, rosen_der, rosen_hess, rosen_hess_prod

import osculate
from osculate import Certificate, Status, minimize

METHODS = ("newton", "newton-linesearch", "newton-cg", "hessian-free")
PRODUCTS = METHODS[2:]
DENSE = METHODS[:2]
ROSEN = {
    "newton": {"jac": rosen_der, "hess": rosen_hess},
    "newton-linesearch": {"jac": rosen_der, "hess": rosen_hess},
    "newton-cg": {"jac": rosen_der, "hessp": rosen_hess_prod},
    "hessian-free": {"jac": rosen_der, "hessp": rosen_hess_prod},
}


def saddle(x: Any) -> Any:
    """A saddle at the origin; minima of value -1/4 at (0, +-1/sqrt 2)."""
    return x[0] ** 2 - x[1] ** 2 + x[1] ** 4


def saddle_gradient(x: Any) -> Any:
    return np.array([2 * x[0], -2 * x[1] + 4 * x[1] ** 3])


def saddle_hessian(x: Any) -> Any:
    return np.diag([2.0, -2 + 12 * x[1] ** 2])


SADDLE = {"jac": saddle_gradient, "hess": saddle_hessian}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [2, 5, 40])
def test_rosenbrock(method: str, n: int) -> None:
    result = minimize(rosen, np.full(n, 1.3), method=method, **ROSEN[method])
    assert result.success
    assert result.status == 0
    np.testing.assert_allclose(result.x, 1, atol=1e-7)
    np.testing.assert_array_equal(result.jac, rosen_der(result.x))
    assert result.fun == rosen(result.x)
    assert result.optimality == np.abs(result.jac).max() <= 1e-8
    assert result.approximated == ()
    assert result.nit == len(result.trace) - 1
    assert result.nfev == result.evaluations > result.nit
    if method in PRODUCTS:
        assert result.certificate is Certificate.no_negative_curvature_found
        assert result.hess is None
        assert result.nhev == 0
        assert result.certificate_products == min(n, 20)
        assert 0 < result.lowest_curvature < 1  # the lowest eigenvalue is about 0.5
    else:
        assert result.certificate is Certificate.minimum
        np.testing.assert_array_equal(np.tril(result.hess), np.tril(rosen_hess(result.x)))
        assert result.nhev == result.nit + 1
        assert result.nhvp == 0


@pytest.mark.parametrize("method", METHODS)
def test_a_convex_quadratic_from_anywhere(method: str) -> None:
    rng = np.random.default_rng(0)
    m = rng.standard_normal((8, 8))
    h, b = m.T @ m + np.eye(8), rng.standard_normal(8)
    result = minimize(
        lambda x: 0.5 * x @ h @ x - b @ x,
        1e3 * rng.standard_normal(8),
        method=method,
        jac=lambda x: h @ x - b,
        hess=lambda x: h,
        options={"damping": 1e-10} if method == "hessian-free" else {"initial_radius": 10},
    )
    assert result.success
    np.testing.assert_allclose(result.x, np.linalg.solve(h, b), rtol=1e-7)
    if method not in PRODUCTS:  # whose steps are as accurate as the gradient's fall asks for
        assert result.nit == 1


FIVE = [
    (lambda x: np.cosh(x).sum(), np.sinh, lambda x: np.diag(np.cosh(x)), [0.9, -0.4]),
    (lambda x: (np.exp(x) - x).sum(), lambda x: np.exp(x) - 1, lambda x: np.diag(np.exp(x)), [1.5, -1.0]),
    (rosen, rosen_der, rosen_hess, [1.2, 1.2]),
    (
        lambda x: (np.logaddexp(0, x) - 0.3 * x).sum(),
        lambda x: 1 / (1 + np.exp(-x)) - 0.3,
        lambda x: np.diag(np.exp(-x) / (1 + np.exp(-x)) ** 2),
        [0.5, -2.0],
    ),
    (
        lambda x: x[0] ** 4 / 4 - x[0] + (x[1] - x[0]) ** 2,
        lambda x: np.array([x[0] ** 3 - 1 - 2 * (x[1] - x[0]), 2 * (x[1] - x[0])]),
        lambda x: np.array([[3 * x[0] ** 2 + 2, -2], [-2, 2.0]]),
        [2.0, 0.0],
    ),
]


@pytest.mark.parametrize("method", DENSE)
@pytest.mark.parametrize("case", FIVE, ids=range(5))
def test_convergence_is_quadratic(case: Any, method: str) -> None:
    """The error squares from step to step: e' <= C e^2 , Rosenbrock's C being the largest."""
    f, g, h, x0 = case
    points: list[Any] = []
    best = minimize(f, x0, jac=g, hess=h, method=method, options={"gtol": 1e-14}).x
    minimize(f, x0, jac=g, hess=h, method=method, callback=points.append, options={"gtol": 1e-12})
    errors = [np.linalg.norm(p - best) for p in points]
    pairs = [(a, b) for a, b in itertools.pairwise(errors) if 1e-6 < a < 0.3]
    assert len(pairs) >= 1
    for before, after in pairs:
        assert after <= 4000 * before**2 + 1e-15


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("start", [(1.0, 0.0), (0.0, 0.0), (-2.0, 0.0), (1e-9, 0.0), (1.0, 1e-12)])
def test_saddles_are_left(method: str, start: tuple[float, float]) -> None:
    result = minimize(saddle, start, method=method, **SADDLE)
    assert result.success
    assert result.fun == pytest.approx(-0.25, abs=1e-12)
    assert result.certificate in (Certificate.minimum, Certificate.no_negative_curvature_found)


@pytest.mark.parametrize("method", METHODS)
def test_maxima_are_left(method: str) -> None:
    result = minimize(
        lambda x: np.cos(x).sum(),
        [0.0, 0.0, 0.0],
        method=method,
        jac=lambda x: -np.sin(x),
        hess=lambda x: -np.diag(np.cos(x)),
    )
    assert result.success
    assert result.fun == pytest.approx(-3)


@pytest.mark.parametrize("method", METHODS)
def test_a_saddle_that_cannot_be_left_is_no_success(method: str) -> None:
    """The derivatives promise a way down that the function does not have."""
    result = minimize(lambda x: x @ x, [0.0, 0.0], method=method, **SADDLE)
    assert not result.success
    assert result.outcome is Status.saddle
    assert result.status == 5
    assert result.certificate is Certificate.negative_curvature
    assert "saddle" in result.message


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize("method", METHODS)
def test_without_a_lower_bound_it_is_no_success(method: str) -> None:
    result = minimize(
        lambda x: x[0] ** 3 + x[1] ** 2,
        [-1.0, 1.0],
        method=method,
        jac=lambda x: np.array([3 * x[0] ** 2, 2 * x[1]]),
        hess=lambda x: np.diag([6 * x[0], 2]),
    )
    assert not result.success
    assert result.fun < -1e6


@pytest.mark.parametrize("method", DENSE)
def test_a_singular_minimum_is_degenerate(method: str) -> None:
    """Powell's singular function: the Hessian at the minimum has rank 2."""

    def f(x: Any) -> Any:
        a, b, c, d = x
        return (a + 10 * b) ** 2 + 5 * (c - d) ** 2 + (b - 2 * c) ** 4 + 10 * (a - d) ** 4

    result = minimize(f, [3.0, -1, 0, 1], jac="cs", method=method, options={"gtol": 1e-10, "maxiter": 200})
    assert result.success
    assert result.certificate is Certificate.degenerate
    assert abs(result.lowest_curvature) < 1e-4
    assert "second derivatives do not prove" in result.message
    np.testing.assert_allclose(result.x, 0, atol=1e-2)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("shift", [0.0, 1e8])
def test_the_rounding_of_f_does_not_stop_the_gradient(method: str, shift: float) -> None:
    """At 1e8 f resolves x to 1e-4 only; its gradient leads on to gtol."""
    result = minimize(lambda x: shift + rosen(x), [-1.2, 1.0], method=method, **ROSEN[method])
    assert result.success
    np.testing.assert_allclose(result.x, 1, atol=1e-7)


def test_gtol_relative_does_not_depend_on_the_unit_of_f() -> None:
    found = [
        minimize(
            lambda x, unit=unit: unit * rosen(x),
            [-1.2, 1.0],
            jac=lambda x, unit=unit: unit * rosen_der(x),
            hess=lambda x, unit=unit: unit * rosen_hess(x),
            options={"gtol": None, "gtol_relative": 1e-6},
        )
        for unit in (1.0, 2.0**60)
    ]
    np.testing.assert_array_equal(found[0].x, found[1].x)
    assert all(r.success for r in found)
    assert found[0].optimality <= 1e-6 * np.abs(rosen_der(np.array([-1.2, 1.0]))).max()


def test_results_print_and_are_mappings() -> None:
    result = minimize(rosen, [1.2, 1.0], jac=rosen_der, hess=rosen_hess)
    assert "certificate: minimum (1)" in repr(result)
    assert result["fun"] == result.fun
    assert set(osculate.MinimizeResult.__dataclass_fields__) == set(result)
