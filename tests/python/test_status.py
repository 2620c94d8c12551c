"""One minimal case per Status of least_squares: outcome, SciPy's number, sentence, formula, and the point."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import osculate
from osculate import Status

FloatArray = NDArray[np.float64]
NAN = np.nan
OFF: dict[str, Any] = {"ftol": None, "xtol": None, "gtol": None}
T = np.linspace(0, 3, 20)
DATA = 2 * np.exp(-1.3 * T) + 0.4 + 0.05 * np.cos(9 * T)
START = [1.0, 1.0, 0.0]

# Outcome, number, sentence: what the user sees.
SEEN: dict[Status, tuple[int, str]] = {
    Status.gradient: (1, "Converged: the gradient is within gtol."),
    Status.cost: (2, "Converged: the cost can be reduced by no more than ftol."),
    Status.step: (3, "Converged: the step is within xtol of the parameters."),
    Status.residual: (1, "Converged: every residual is at the rounding level of its terms."),
    Status.max_iterations: (
        0,
        "The limit of evaluations or iterations was reached; raise it or start closer to the solution.",
    ),
    Status.nonfinite: (
        -3,
        "The function or its derivative is NaN or infinite; bound the parameters or start elsewhere.",
    ),
    Status.singular: (
        -4,
        "The linear system is singular and undamped; use damping, a QR solver or fewer parameters.",
    ),
    Status.no_progress: (
        -5,
        "No step reduces the cost although the derivatives promise one; check the derivatives.",
    ),
    Status.user_stop: (-2, "The callback asked to stop."),
    Status.saddle: (
        -6,
        "The point is a saddle or a maximum, and no step leads away from it; start elsewhere.",
    ),
}


def decay(x: FloatArray) -> FloatArray:
    return x[0] * np.exp(-x[1] * T) + x[2] - DATA


def decay_jacobian(x: FloatArray) -> FloatArray:
    e = np.exp(-x[1] * T)
    return np.stack([e, -x[0] * T * e, np.ones_like(T)], axis=1)


def solve(fun: Callable[[FloatArray], Any], x0: Any, jac: Any, **options: Any) -> osculate.LeastSquaresResult:
    """`least_squares`, and what holds for every outcome: x is the best of the points that were accepted."""
    visited: list[tuple[FloatArray, float]] = []

    def recorded(x: FloatArray) -> Any:
        r = np.asarray(fun(x))
        visited.append((x.copy(), float(r @ r) / 2))
        return r

    result = osculate.least_squares(recorded, x0, jac, **options)
    number, sentence = SEEN[result.outcome]
    assert result.status == number
    assert result.message == result.outcome.sentence == sentence
    assert result.success is result.outcome.success is (result.outcome > 0)
    assert any(np.array_equal(x, result.x) for x, _ in visited)
    assert np.array_equal(result.fun, fun(result.x))
    assert result.cost == pytest.approx(result.fun @ result.fun / 2, rel=1e-14)
    assert result.cost == result.trace["cost"][-1] == result.trace["cost"].min()
    assert result.optimality == pytest.approx(result.trace["optimality"][-1], rel=0, abs=0, nan_ok=True)
    assert result.trace.size == result.iterations + 1
    # A trial is accepted from a gain ratio of 1e-4 on, so that no rejected one is lower by more than that
    # part of what was predicted, which is at most the cost. Where residuals are rounding, so is their order.
    if result.outcome is not Status.residual:
        assert all(not cost < result.cost * (1 - 1e-4) for _, cost in visited)
    return result


def cosine(jac: FloatArray, r: FloatArray) -> float:
    """max |J_j . r| / (|J_j| |r|), what gtol is compared with."""
    return float(np.max(np.abs(jac.T @ r) / np.linalg.norm(jac, axis=0)) / np.linalg.norm(r))


def test_gradient_where_the_cosine_is_within_gtol() -> None:
    result = solve(decay, START, decay_jacobian, **OFF | {"gtol": 1e-6})
    assert result.outcome is Status.gradient
    # The cosine's own rounding is eps times the condition, far below the tolerance.
    assert result.optimality == pytest.approx(cosine(decay_jacobian(result.x), result.fun), abs=1e-12)
    assert result.optimality <= 1e-6 < result.trace["optimality"][-2]


def test_gradient_at_once_where_the_start_is_stationary() -> None:
    result = solve(lambda x: np.array([x[0] - 1, x[0] - 3]), [2.0], lambda x: np.ones((2, 1)))
    assert result.outcome is Status.gradient
    assert (result.nfev, result.njev, result.iterations, result.trace.size) == (1, 1, 0, 1)
    assert result.x.tolist() == [2.0]


def test_cost_where_the_last_step_reduced_it_by_less_than_ftol() -> None:
    result = solve(decay, START, decay_jacobian, **OFF | {"ftol": 1e-6})
    assert result.outcome is Status.cost
    costs = result.trace["cost"]
    assert 0 <= costs[-2] - costs[-1] <= 1e-6 * costs[-2]
    assert (costs[-2] - costs[-1]) / result.trace["ratio"][-1] <= 1e-6 * costs[-2]  # predicted
    # If the step was accepted, the cosine is at most ftol^(3/4) too.
    assert cosine(decay_jacobian(result.x), result.fun) <= 1e-6**0.75


def test_step_where_the_last_step_is_shorter_than_xtol() -> None:
    """With a given scale D is known: |D s| <= xtol |D x|."""
    scale = np.array([1.0, 2.0, 4.0])
    points = []
    result = solve(
        decay, START, decay_jacobian, **OFF | {"xtol": 1e-4}, x_scale=scale, callback=points.append
    )
    assert result.outcome is Status.step
    last, before = (np.linalg.norm((points[-k] - points[-k - 1]) / scale) for k in (1, 2))
    assert last == pytest.approx(result.trace["step"][-1], rel=1e-9)
    assert last <= 1e-4 * np.linalg.norm(result.x / scale) < before


def test_residual_where_every_residual_is_rounding() -> None:
    matrix = np.array([[3.0, 1.0], [1.0, 2.0], [0.5, 0.25]])
    data = matrix @ [1.5, 2.25]  # without rounding
    result = solve(lambda x: matrix @ x - data, [0.5, 0.125], lambda x: matrix, **OFF)
    assert result.outcome is Status.residual
    terms = np.abs(matrix) @ np.abs(result.x)
    assert np.all(np.abs(result.fun) <= np.finfo(float).eps * terms)


def test_residual_where_no_step_reduces_what_is_rounding_on_the_average() -> None:
    """1.2 eps of its terms in the worst residual, and no better point among the doubles."""
    found = 0
    for seed in range(60):
        random = np.random.default_rng(seed)
        matrix = random.standard_normal((6, 2))
        data = matrix @ random.standard_normal(2)
        result = solve(lambda x, a=matrix, b=data: a @ x - b, np.zeros(2), lambda x, a=matrix: a, **OFF)
        assert result.outcome is Status.residual
        terms = np.abs(matrix) @ np.abs(result.x)
        eps = np.finfo(float).eps
        assert result.fun @ result.fun <= 2.01 * eps * np.abs(result.fun) @ terms
        found += bool(np.any(np.abs(result.fun) > eps * terms))
    assert found > 0


@pytest.mark.parametrize("tolerance", [None, 1e-15])
@pytest.mark.parametrize("first", [0.1, 1.0])
def test_success_where_the_cost_underflows(tolerance: float | None, first: float) -> None:
    """The infimum 0 lies at infinity; the cost gets there in steps as long as the last."""
    t = np.linspace(first, 3, 20)
    result = solve(
        lambda x: np.exp(-x * t),
        [1.0],
        lambda x: (-t * np.exp(-x * t))[:, np.newaxis],
        ftol=tolerance,
        xtol=tolerance,
        gtol=tolerance,
        max_nfev=1000,
    )
    assert result.outcome is (Status.residual if tolerance is None else Status.gradient)
    assert result.cost < 20 * np.nextafter(0, 1)


@pytest.mark.parametrize(
    ("limit", "counted"), [({"max_nfev": 3}, "nfev"), ({"max_iterations": 2}, "iterations")]
)
def test_max_iterations_at_the_limit(limit: dict[str, int], counted: str) -> None:
    result = solve(decay, START, decay_jacobian, **limit)
    assert result.outcome is Status.max_iterations
    assert result[counted] == next(iter(limit.values()))
    assert result.cost < decay(np.array(START)) @ decay(np.array(START)) / 2


def test_max_iterations_at_the_default_limit_of_a_hundred_evaluations_a_parameter() -> None:
    """The infimum lies at infinity, and every step can be as long as the last."""
    result = solve(lambda x: np.exp(-x), [1.0], lambda x: -np.exp(-x)[:, np.newaxis], **OFF, max_nfev=100)
    default = solve(lambda x: np.exp(-x), [1.0], lambda x: -np.exp(-x)[:, np.newaxis], **OFF)
    assert default.outcome is result.outcome is Status.max_iterations
    assert default.nfev == result.nfev == 100
    assert default.x.tolist() == result.x.tolist()


def nan_but_at(start: float) -> Callable[[FloatArray], FloatArray]:
    return lambda x: np.where(x == start, x, NAN)


def test_nonfinite_where_no_trial_point_is_finite() -> None:
    for bad in (NAN, np.inf, -np.inf):
        result = solve(lambda x, bad=bad: np.where(x == 3.0, x, bad), [3.0], lambda x: np.ones((1, 1)))
        assert result.outcome is Status.nonfinite
        assert result.x.tolist() == [3.0]
        assert (result.njev, result.iterations) == (1, 0)


def test_nonfinite_where_the_jacobian_is_not_at_an_accepted_point() -> None:
    def jacobian(x: FloatArray) -> FloatArray:
        return np.where(x == 3.0, 2 * x, NAN)[:, np.newaxis]

    result = solve(lambda x: x**2 - 1, [3.0], jacobian)
    assert result.outcome is Status.nonfinite
    assert (result.njev, result.iterations) == (2, 1)
    assert np.isnan(result.jac).all()
    assert result.trace["cost"].tolist() == [32.0, result.cost]
    assert np.isnan(result.optimality)
    assert 1 < result.x[0] < 3


def test_singular_where_the_damping_has_gone_and_cholesky_was_asked_for() -> None:
    """Only the sum of the parameters counts; the cube converges slowly enough for lambda to vanish."""

    def fun(x: FloatArray) -> FloatArray:
        return np.array([(x[0] + x[1]) ** 3])

    def jacobian(x: FloatArray) -> FloatArray:
        return np.full((1, 2), 3 * (x[0] + x[1]) ** 2)

    options: dict[str, Any] = OFF | {"damping": "delayed_gratification"}
    result = solve(fun, [1.0, 1.0], jacobian, **options, linear_solver="cholesky")
    assert result.outcome is Status.singular
    # The remedy of its sentence works: QR goes on, to the underflow of the cube or the limit.
    other = solve(fun, [1.0, 1.0], jacobian, **options, linear_solver="qr")
    assert other.outcome is not Status.singular
    assert other.cost < result.cost


def test_no_progress_where_the_derivative_has_the_wrong_sign() -> None:
    result = solve(lambda x: x - 3, [1.0], lambda x: np.array([[-1.0]]))
    assert result.outcome is Status.no_progress
    assert result.x.tolist() == [1.0]
    assert result.iterations == 0


def stop(*args: Any, **kwargs: Any) -> None:
    raise StopIteration


def test_user_stop_where_the_callback_raises_stop_iteration() -> None:
    result = solve(decay, START, decay_jacobian, callback=stop)
    assert result.outcome is Status.user_stop
    assert result.iterations == 1
    points: list[FloatArray] = []

    def third(intermediate_result: Any) -> None:
        points.append(intermediate_result.x)
        if len(points) == 3:
            raise StopIteration

    result = solve(decay, START, decay_jacobian, callback=third)
    assert result.outcome is Status.user_stop
    assert result.iterations == 3
    assert np.array_equal(result.x, points[-1])


def test_user_stop_does_not_overrule_the_convergence_of_the_same_step() -> None:
    options: dict[str, Any] = OFF | {"ftol": 1e-6}
    steps = solve(decay, START, decay_jacobian, **options).iterations
    points: list[FloatArray] = []

    def at_the_end(x: FloatArray) -> None:
        points.append(x)
        if len(points) == steps:
            raise StopIteration

    result = solve(decay, START, decay_jacobian, **options, callback=at_the_end)
    assert len(points) == steps
    assert result.outcome is Status.cost


def test_every_status_has_its_number_and_sentence_here() -> None:
    assert set(SEEN) == set(Status) - {Status.not_run}
    assert Status.not_run.sentence == "Not run."
    assert not Status.not_run.success
    assert len({sentence for _, sentence in SEEN.values()}) == len(SEEN)
