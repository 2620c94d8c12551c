"""Bounds active at the solution, residuals not zero: KKT conditions, feasibility, evaluations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import osculate
import problems
from problems import Problem, reached_end

RUNS = [
    pytest.param(problem, start, id=f"{problem.name}-{start}")
    for problem in problems.bounded()
    for start in problem.starts
]
TOLERANCE = 1e-12
TIGHT = dict.fromkeys(("ftol", "xtol", "gtol"), TOLERANCE)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with np.errstate(all="ignore"):  # trial points may overflow a model; the solver must cope
        yield


def _solve(problem: Problem, start: str, jac: Any = None, fun: Any = None, **options: Any) -> Any:
    return osculate.least_squares(
        fun or problem.residual, problem.starts[start], jac or problem.jacobian, problem.bounds, **options
    )


@pytest.mark.parametrize(("problem", "start"), RUNS)
def test_kkt_conditions_hold(problem: Problem, start: str) -> None:
    result = _solve(problem, start, **TIGHT)
    assert result.success, result.message
    lower, upper = problem.bounds
    np.testing.assert_array_equal(result.active_mask, problem.active)
    np.testing.assert_array_equal(result.x[problem.active == -1], lower[problem.active == -1])
    np.testing.assert_array_equal(result.x[problem.active == 1], upper[problem.active == 1])
    r, J = problem.residual(result.x), problem.jacobian(result.x)
    cosine = (J.T @ r) / (np.linalg.norm(J, axis=0) * np.linalg.norm(r))
    assert np.all(cosine[problem.active == -1] > 0)
    assert np.all(cosine[problem.active == 1] < 0)
    # a step along a free parameter would lower |r|^2 by the fraction cosine^2; ftol stops where the last step
    # lowered it by less than 1e-12, and linear convergence at the rate 0.99 leaves a hundred times that
    assert np.all(np.abs(cosine[problem.active == 0]) <= 10 * np.sqrt(TOLERANCE))
    assert reached_end(2 * result.cost, np.inf, problem.ends[start]) is not None


@pytest.mark.parametrize(("problem", "start"), RUNS)
@pytest.mark.parametrize("derivative", ["analytic", "2-point", "3-point"])
def test_every_evaluated_point_is_feasible(problem: Problem, start: str, derivative: str) -> None:
    lower, upper = problem.bounds
    seen = []

    def residual(x: np.ndarray) -> np.ndarray:
        seen.append(x.copy())
        return problem.residual(x)

    jac = problem.jacobian if derivative == "analytic" else derivative
    result = _solve(problem, start, jac, residual)
    points = np.array([*seen, result.x])
    assert np.all(points >= lower)
    assert np.all(points <= upper)


@pytest.mark.parametrize(("problem", "start"), RUNS)
def test_default_tolerances_reach_the_minimum(problem: Problem, start: str) -> None:
    result = _solve(problem, start)
    assert result.success, result.message
    assert reached_end(2 * result.cost, np.inf, problem.ends[start]) is not None


def _trf_evaluations(problem: Problem, start: str, error: float) -> int:
    """Evaluations that `trf` takes to be as accurate: where it stops short, its tolerance is lowered."""
    optimize = pytest.importorskip("scipy.optimize")
    (end,) = problem.ends[start]
    for tolerance in (1e-8, 1e-10, 1e-12):
        options = dict.fromkeys(("ftol", "xtol", "gtol"), tolerance)
        x0 = problem.starts[start]
        trf = optimize.least_squares(problem.residual, x0, problem.jacobian, problem.bounds, **options)
        if abs(2 * trf.cost - end.sum_of_squares) <= max(error, 1e-9 * end.sum_of_squares):
            break
    return trf.nfev


@pytest.mark.parametrize("problem", problems.bounded(), ids=lambda problem: problem.name)
def test_evaluations_are_at_most_twice_those_of_trf(problem: Problem) -> None:
    ours, theirs = 0, 0
    for start, (end,) in problem.ends.items():
        result = _solve(problem, start)
        ours += result.nfev
        theirs += _trf_evaluations(problem, start, abs(2 * result.cost - end.sum_of_squares))
    assert ours <= 2 * theirs
