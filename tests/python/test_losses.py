"""Robust losses: SciPy's definitions, the gradient of the result, custom losses, f_scale, outliers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.optimize
from numpy.typing import NDArray

import osculate

FloatArray = NDArray[np.float64]
EPSILON = float(np.finfo(float).eps)
T = np.linspace(0, 3, 31)
TRUTH = np.array([2.0, 1.3, 0.4])
OUTLIERS = np.array([4, 11, 20, 27])


def curve(x: NDArray[Any]) -> NDArray[Any]:
    return x[0] * np.exp(-x[1] * T) + x[2]


CLEAN = curve(TRUTH) + 0.01 * np.random.default_rng(2).standard_normal(T.size)
DATA = CLEAN.copy()
DATA[OUTLIERS] += [1.5, -2.0, 3.0, 1.0]


def residual(x: NDArray[Any]) -> NDArray[Any]:
    return curve(x) - DATA


def jacobian(x: FloatArray) -> FloatArray:
    e = np.exp(-x[1] * T)
    return np.stack([e, -x[0] * T * e, np.ones_like(T)], axis=1)


def soft_l1(z: FloatArray) -> FloatArray:
    return np.stack([2 * (np.sqrt(1 + z) - 1), (1 + z) ** -0.5, -0.5 * (1 + z) ** -1.5])


def huber(z: FloatArray) -> FloatArray:
    root = np.sqrt(np.maximum(z, 1))
    inside = z <= 1
    return np.stack(
        [
            np.where(inside, z, 2 * root - 1),
            np.where(inside, 1, 1 / root),
            np.where(inside, 0, -0.5 / root**3),
        ]
    )


def cauchy(z: FloatArray) -> FloatArray:
    return np.stack([np.log1p(z), 1 / (1 + z), -1 / (1 + z) ** 2])


def arctan(z: FloatArray) -> FloatArray:
    return np.stack([np.arctan(z), 1 / (1 + z**2), -2 * z / (1 + z**2) ** 2])


def linear(z: FloatArray) -> FloatArray:
    return np.stack([z, np.ones_like(z), np.zeros_like(z)])


LOSSES: dict[str, Callable[[FloatArray], FloatArray]] = {
    "linear": linear,
    "soft_l1": soft_l1,
    "huber": huber,
    "cauchy": cauchy,
    "arctan": arctan,
}
ROBUST = [name for name in LOSSES if name != "linear"]


def cost(x: FloatArray, rho: Callable[[FloatArray], FloatArray], f_scale: float) -> float:
    """The function that is minimized, F(x) = C^2 / 2 sum_i rho((r_i / C)^2)."""
    return float(0.5 * f_scale**2 * np.sum(rho((residual(x) / f_scale) ** 2)[0]))


@pytest.mark.parametrize("f_scale", [0.02, 1.0, 50.0])
@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("form", ["named", "callable"])
def test_cost_and_gradient_are_scipys_definitions(loss: str, f_scale: float, form: str) -> None:
    """At the start, after no step: residuals from 0.01 to 3 lie on both sides of every f_scale."""
    chosen = loss if form == "named" else LOSSES[loss]
    start = np.array([1.5, 1.0, 0.2])
    ours = osculate.least_squares(residual, start, jacobian, loss=chosen, f_scale=f_scale, max_nfev=1)
    theirs = scipy.optimize.least_squares(
        residual, start, jacobian, loss=loss, f_scale=f_scale, max_nfev=1, x_scale=1.0
    )
    assert np.array_equal(ours.x, start)
    # sqrt(1 + z) - 1 loses eps / z to cancellation, where z is 1e-4 and more.
    assert ours.cost == pytest.approx(theirs.cost, rel=1e-11)
    assert ours.cost == pytest.approx(cost(start, LOSSES[loss], f_scale), rel=1e-11)
    assert ours.grad == pytest.approx(theirs.grad, rel=1e-11, abs=1e-13)
    assert np.array_equal(ours.fun, residual(start))
    # The gradient by central differences: truncation h^2 and rounding eps / h balance at 1e-10 of the cost.
    h = 1e-5
    for j in range(3):
        e = np.eye(3)[j] * h
        rise = cost(start + e, LOSSES[loss], f_scale) - cost(start - e, LOSSES[loss], f_scale)
        assert ours.grad[j] == pytest.approx(rise / (2 * h), rel=1e-5, abs=1e-7)


@pytest.mark.parametrize("loss", LOSSES)
def test_gradient_of_the_result_is_that_of_the_cost_by_complex_step(loss: str) -> None:
    """z is analytic where r is; Im F(x + ih) / h is exact to rounding."""
    rho: dict[str, Callable[[NDArray[Any]], NDArray[Any]]] = {
        "linear": lambda z: z,
        "soft_l1": lambda z: 2 * (np.sqrt(1 + z) - 1),
        "huber": lambda z: np.where(z.real <= 1, z, 2 * np.sqrt(z) - 1),
        "cauchy": lambda z: np.log(1 + z),
        "arctan": lambda z: np.arctan(z),
    }
    C = 0.3
    for nfev in (1, 3, 100):
        start = [1.5, 1.0, 0.2]
        result = osculate.least_squares(residual, start, jacobian, loss=loss, f_scale=C, max_nfev=nfev)
        for j in range(3):
            x = result.x.astype(complex)
            x[j] += 1e-30j
            exact = np.imag(0.5 * C**2 * np.sum(rho[loss]((residual(x) / C) ** 2))) / 1e-30
            # Terms of the sum are of size |J_ij| C, 31 of them.
            assert result.grad[j] == pytest.approx(exact, abs=100 * EPSILON)


@pytest.mark.parametrize("loss", ROBUST)
def test_jacobian_of_the_result_is_the_curvature_of_the_cost(loss: str) -> None:
    """J'J of the corrected rows is the Gauss-Newton part of the Hessian, J' diag(rho' + 2 rho'' z) J."""
    C = 5.0  # beyond every residual, where no floor holds the curvature
    result = osculate.least_squares(residual, [1.5, 1.0, 0.2], jacobian, loss=loss, f_scale=C, max_nfev=1)
    _, rho1, rho2 = LOSSES[loss]((residual(result.x) / C) ** 2)
    weights = rho1 + 2 * rho2 * (residual(result.x) / C) ** 2
    assert weights.min() > 0.1
    plain = jacobian(result.x)
    expected = plain.T @ (weights[:, np.newaxis] * plain)
    assert result.jac.T @ result.jac == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("jac", [jacobian, "2-point", "3-point", "cs"])
@pytest.mark.parametrize("loss", ROBUST)
def test_robust_fit_ignores_outliers(loss: str, jac: Any) -> None:
    """From the plain solution, which the outliers bend, to that of the clean points."""
    plain = osculate.least_squares(residual, TRUTH, jacobian)
    clean = osculate.least_squares(lambda x: curve(x) - CLEAN, TRUTH, jacobian)
    result = osculate.least_squares(residual, plain.x, jac, loss=loss, f_scale=0.02)
    assert result.success
    assert np.abs(plain.x - TRUTH).max() > 0.3
    # An outlier pulls with at most rho' r = C where a clean point of noise s pulls with s = C / 2, so that
    # four of them move the solution by a few standard errors, here by 10 at most.
    assert np.all(np.abs(result.x - TRUTH) < 10 * clean.stderr)
    # Stationary: the gradient beside the pulls of single points, |J_j| C.
    gradient = jacobian(result.x).T @ (residual(result.x) * LOSSES[loss]((residual(result.x) / 0.02) ** 2)[1])
    assert np.abs(gradient).max() < 1e-4 * 0.02 * np.sqrt(T.size)
    assert np.argsort(-np.abs(result.fun))[:4].tolist() == [20, 11, 4, 27]


@pytest.mark.parametrize("loss", ROBUST)
def test_minimum_is_no_higher_than_scipys(loss: str) -> None:
    start = [1.5, 1.0, 0.2]
    ours = osculate.least_squares(residual, start, jacobian, loss=loss, f_scale=0.1)
    theirs = scipy.optimize.least_squares(residual, start, jacobian, loss=loss, f_scale=0.1, x_scale="jac")
    assert ours.success
    assert ours.cost <= theirs.cost * (1 + 1e-6)  # both stop at ftol = 1e-8


@pytest.mark.parametrize("loss", ROBUST)
def test_callable_gives_the_steps_of_the_name(loss: str) -> None:
    options: dict[str, Any] = {"f_scale": 0.1, "jac": jacobian}
    named = osculate.least_squares(residual, [1.5, 1.0, 0.2], loss=loss, **options)
    own = osculate.least_squares(residual, [1.5, 1.0, 0.2], loss=LOSSES[loss], **options)
    assert own.iterations == named.iterations
    # rho is the same to rounding, and so are the steps, times the condition of J'J, some hundreds.
    assert own.x == pytest.approx(named.x, rel=1e-10)
    assert own.outcome is named.outcome


def test_loss_sees_squares_in_units_of_f_scale() -> None:
    seen: list[FloatArray] = []

    def rho(z: FloatArray) -> FloatArray:
        seen.append(z)
        return cauchy(z)

    result = osculate.least_squares(residual, TRUTH, jacobian, loss=rho, f_scale=0.25, max_nfev=1)
    assert seen
    assert seen[0] == pytest.approx((result.fun / 0.25) ** 2, rel=4 * EPSILON)
    assert seen[0].shape == (T.size,)


@pytest.mark.parametrize("loss", ROBUST)
def test_large_f_scale_is_the_linear_loss(loss: str) -> None:
    """z < 1e-11: rho = z - O(z^2)."""
    robust = osculate.least_squares(residual, TRUTH, jacobian, loss=loss, f_scale=1e6)
    linear_result = osculate.least_squares(residual, TRUTH, jacobian)
    assert robust.x == pytest.approx(linear_result.x, abs=1e-6)
    assert robust.cost == pytest.approx(linear_result.cost, rel=1e-8)


@pytest.mark.parametrize("loss", ROBUST)
@pytest.mark.parametrize("unit", [2.0**-60, 2.0**60])
def test_unit_of_the_residuals_changes_no_step(loss: str, unit: float) -> None:
    plain = osculate.least_squares(residual, TRUTH, jacobian, loss=loss, f_scale=0.1)
    scaled = osculate.least_squares(
        lambda x: unit * residual(x), TRUTH, lambda x: unit * jacobian(x), loss=loss, f_scale=unit * 0.1
    )
    assert np.array_equal(scaled.x, plain.x)
    assert scaled.cost == unit**2 * plain.cost
    assert scaled.outcome is plain.outcome


@pytest.mark.parametrize("loss", ROBUST)
def test_bounds_and_fixed_parameters_go_with_losses(loss: str) -> None:
    bounds = ([0, 0, 0.5], [np.inf, 1.2, np.inf])
    result = osculate.least_squares(residual, [1.5, 1.0, 0.6], jacobian, bounds, loss=loss, f_scale=0.1)
    assert result.success
    assert np.all(result.x >= bounds[0])
    assert np.all(result.x <= bounds[1])
    assert result.active_mask[2] == -1
    # KKT: the cost falls towards the outside of an active bound and nowhere else.
    assert result.grad[2] > 0
    free = result.active_mask == 0
    assert np.abs(result.grad[free]).max() < 1e-4 * result.grad[2]
    held = osculate.least_squares(
        residual, [1.5, 1.3, 0.6], jacobian, loss=loss, f_scale=0.1, fixed=[False, True, False]
    )
    assert held.success
    assert held.x[1] == 1.3
