"""Problems that are legal but unpleasant: no rank, bad scaling, odd sizes, NaN, arrays of every make."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from numpy.typing import NDArray

import osculate
from osculate import Status

FloatArray = NDArray[np.float64]
EPSILON = float(np.finfo(float).eps)
NAN, INF = np.nan, np.inf
FORMS: list[Callable[[FloatArray], Any]] = [np.asarray, scipy.sparse.csr_array]
T = np.linspace(0, 3, 40)
TRUTH = np.array([2.0, 1.3, 0.4])
DATA = 2 * np.exp(-1.3 * T) + 0.4 + 0.05 * np.random.default_rng(3).standard_normal(T.size)
START = [1.0, 1.0, 0.0]


def residual(x: FloatArray) -> FloatArray:
    return np.asarray(x[0] * np.exp(-x[1] * T) + x[2] - DATA)


def jacobian(x: FloatArray) -> FloatArray:
    e = np.exp(-x[1] * T)
    return np.stack([e, -x[0] * T * e, np.ones_like(T)], axis=1)


PLAIN = osculate.least_squares(residual, START, jacobian)


def linear(design: FloatArray, data: FloatArray, x0: Any, form: Any = np.asarray, **options: Any) -> Any:
    return osculate.least_squares(lambda x: design @ x - data, x0, lambda x: form(design), **options)


DEFICIENT = np.random.default_rng(0).standard_normal((12, 3)) @ np.array(
    [[1.0, 0, 1, 2], [0, 1, 1, -1], [1, 1, 2, 1]]  # rank 2
)


@pytest.mark.parametrize("solver", ["auto", "qr", "cholesky"])
def test_rank_deficient_start_takes_a_finite_step_to_a_minimum(solver: str) -> None:
    data = np.random.default_rng(1).standard_normal(12)
    result = linear(DEFICIENT, data, np.ones(4), linear_solver=solver)
    assert result.success
    best = np.linalg.lstsq(DEFICIENT, data, rcond=None)[0]
    assert result.cost == pytest.approx(0.5 * np.sum((DEFICIENT @ best - data) ** 2), rel=1e-12)
    # The step is as short as a minimizer's can be: its part in the null space is rounding, beside the scaling
    # D of the step, which is of size 1 to 10 here.
    assert np.linalg.norm(result.x - 1) < 10 * np.linalg.norm(best - 1)


@pytest.mark.parametrize("form", FORMS)
def test_undamped_step_of_a_rank_deficient_problem_is_the_shortest_in_the_scaled_norm(form: Any) -> None:
    """min |D s| over the minimizers, D being the column norms: from the pseudoinverse of J D^-1."""
    data = np.random.default_rng(1).standard_normal(12)
    start = np.full(4, 5.0)  # a radius of |D x0| that does not bind
    result = linear(DEFICIENT, data, start, form)
    scale = np.linalg.norm(DEFICIENT, axis=0)
    step = -(np.linalg.pinv(DEFICIENT / scale, rcond=1e-10) @ (DEFICIENT @ start - data)) / scale
    assert result.success
    found = result.x - start
    assert DEFICIENT @ found == pytest.approx(DEFICIENT @ step, abs=1e-10)
    if form is np.asarray:
        assert found == pytest.approx(step, abs=1e-10)
    else:  # sparse Cholesky knows no rank: lambda is the least of which a factor exists, some 4 eps of J'J,
        # which leaves eps / lambda of the step's size in the null space
        assert np.linalg.norm(scale * found) < 1.25 * np.linalg.norm(scale * step)


@pytest.mark.parametrize("form", FORMS)
def test_parameter_without_influence_stays_where_it_is(form: Any) -> None:
    design = np.stack([np.ones(5), np.zeros(5), np.arange(5.0)], axis=1)
    result = linear(design, np.arange(5.0) ** 2, [0.5, 7.0, 0.5], form)
    assert result.success
    assert result.x[1] == 7.0
    assert result.x[[0, 2]] == pytest.approx([-2, 4], abs=1e-12)


def test_jacobian_of_zeros_is_a_stationary_start() -> None:
    result = linear(np.zeros((3, 2)), np.ones(3), [1.0, 2.0])
    assert result.success
    assert result.x.tolist() == [1, 2]
    assert result.nfev == 1


def test_nearly_dependent_columns_are_solved_by_qr_where_cholesky_cannot() -> None:
    """Condition 1e10: that of J'J, 1e20, is beyond double precision."""
    i = np.arange(20) / 20
    design = np.stack([np.ones(20), 1 + 1e-10 * i**2, i], axis=1)
    truth = np.array([1.0, 2.0, 3.0])
    result = linear(design, design @ truth, [3.0, 0.0, 0.0], ftol=1e-15, xtol=1e-15, gtol=1e-15)
    assert result.success
    assert result.linear_solver == "auto"
    # Rounding of the residuals, eps |J| |x| < 100 eps, times the condition.
    assert result.x == pytest.approx(truth, abs=1e10 * 100 * EPSILON)
    assert np.abs(result.fun).max() < 1e-12


@pytest.mark.parametrize("exponents", [(-8, 0, 8), (100, -100, 0), (-150, -150, 150)])
def test_parameters_of_very_different_size_are_fitted_as_well(exponents: tuple[int, ...]) -> None:
    """Powers of two would give the same bits; powers of ten give the same iterations."""
    unit = 10.0 ** np.array(exponents)
    result = osculate.least_squares(
        lambda x: residual(x * unit), START / unit, lambda x: jacobian(x * unit) * unit
    )
    assert result.success
    assert result.iterations == PLAIN.iterations
    assert result.x * unit == pytest.approx(PLAIN.x, rel=1e-10)


def test_bounds_that_are_active_at_the_start_are_left_where_the_cost_falls_inwards() -> None:
    lower, upper = np.array([1.0, 1.0, 0.0]), np.array([3.0, 3.0, 3.0])
    for start in (lower, upper, np.array([1.0, 3.0, 0.0])):
        result = osculate.least_squares(residual, start, jacobian, (lower, upper))
        assert result.success
        assert result.x == pytest.approx(PLAIN.x, abs=1e-5)
        assert result.active_mask.tolist() == [0, 0, 0]


def test_corner_that_is_the_solution_is_recognized_at_once() -> None:
    """Both gradients point outwards."""
    result = osculate.least_squares(lambda x: x + 1, [0.0, 0.0], lambda x: np.eye(2), (0, [1, 2]))
    assert result.success
    assert result.outcome is Status.gradient
    assert (result.nfev, result.x.tolist(), result.active_mask.tolist()) == (1, [0, 0], [-1, -1])
    assert result.optimality == 0


@pytest.mark.parametrize("jac", ["2-point", "3-point", "cs", "callable"])
def test_one_residual_of_one_parameter(jac: str) -> None:
    for back in (lambda r: r, lambda r: r[0], lambda r: [r[0]], lambda r: np.array(r[0])):
        derivative: Any = (lambda x: back(2 * x)) if jac == "callable" else jac  # noqa: B023
        result = osculate.least_squares(lambda x: back(x**2 - 2), 1.0, derivative)  # noqa: B023
        assert result.success
        assert result.x == pytest.approx([np.sqrt(2)], rel=1e-9)
        assert (result.x.shape, result.fun.shape, result.jac.shape) == ((1,), (1,), (1, 1))


def test_one_residual_of_many_parameters() -> None:
    for gradient in (lambda x: 2 * x, lambda x: 2 * x[np.newaxis]):
        result = osculate.least_squares(lambda x: x @ x - 9, [1.0, 2, 2.5], gradient)
        assert result.success
        assert np.linalg.norm(result.x) == pytest.approx(3, rel=1e-9)
        assert result.jac.shape == (1, 3)
        # Of all points of the sphere the one that a shortest step reaches; D = |J_j| differs by parameter.
        assert np.linalg.norm(result.x - [1, 2, 2.5]) < 0.6


def test_no_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match="least_squares: x0 must have at least one parameter, got an empty"):
        osculate.least_squares(residual, [])


@pytest.mark.parametrize("form", FORMS)
def test_fewer_residuals_than_parameters_are_fitted_exactly(form: Any) -> None:
    """Five equations of twelve unknowns, nonlinear."""
    design = np.random.default_rng(7).standard_normal((5, 12))

    def fun(x: FloatArray) -> FloatArray:
        return np.asarray(np.sinh(design @ x) - np.arange(5.0))

    def derivative(x: FloatArray) -> Any:
        return form(np.cosh(design @ x)[:, np.newaxis] * design)

    result = osculate.least_squares(fun, np.zeros(12), derivative)
    assert result.success
    assert np.abs(result.fun).max() < 1e-7  # ftol of a quadratic convergence, and far less as a rule
    assert np.linalg.norm(result.x) < 10


def test_thousand_dense_parameters() -> None:
    n = 1000
    rng = np.random.default_rng(8)
    design = np.eye(n) + 0.3 * rng.standard_normal((n, n)) / np.sqrt(n)
    truth = rng.standard_normal(n)
    goal = np.arctan(design @ truth)

    def fun(x: FloatArray) -> FloatArray:
        return np.asarray(np.arctan(design @ x) - goal)

    def derivative(x: FloatArray) -> FloatArray:
        return np.asarray(design / (1 + (design @ x) ** 2)[:, np.newaxis])

    result = osculate.least_squares(fun, np.zeros(n), derivative)
    assert result.success
    assert result.x == pytest.approx(truth, abs=1e-5)
