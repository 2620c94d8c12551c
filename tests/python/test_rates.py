"""Rates of convergence: quadratic at a zero residual, Gauss-Newton's linear rate at another."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import osculate
import problems
from problems import Problem

MGH = {problem.name: problem for problem in problems.mgh()}
TIGHT = dict.fromkeys(("ftol", "xtol", "gtol"), 1e-15)
# zero residual, and a Jacobian conditioned well enough that the quadratic regime begins far above rounding
ZERO_RESIDUAL = (
    "powell_badly_scaled",
    "beale",
    "helical_valley",
    "box_3d",
    "gulf",
    "wood",
    "brown_almost_linear",
    "discrete_boundary_value",
    "discrete_integral",
    "broyden_tridiagonal",
    "broyden_banded",
    "chebyquad_9",
)


def _accepted(problem: Problem, x0: np.ndarray, **options: Any) -> np.ndarray:
    """The accepted points: a Jacobian is asked for at these alone."""
    points = []

    def jacobian(x: np.ndarray) -> np.ndarray:
        points.append(x.copy())
        return problem.jacobian(x)

    with np.errstate(all="ignore"):
        result = osculate.least_squares(problem.residual, x0, jacobian, **{**TIGHT, **options})
    assert result.success, result.message
    return np.array([*points, result.x])


@pytest.mark.parametrize("linear_solver", ["cholesky", "qr"])
@pytest.mark.parametrize("name", ZERO_RESIDUAL)
def test_convergence_is_quadratic_at_zero_residual(name: str, linear_solver: str) -> None:
    # More's rule alone: Nielsen's lambda falls by a third a step, which is superlinear but not quadratic
    problem = MGH[name]
    points = _accepted(problem, problem.starts["x1"], linear_solver=linear_solver)
    solution = points[-1]
    scale = np.linalg.norm(problem.jacobian(solution), axis=0)
    errors = np.linalg.norm(scale * (points - solution), axis=1)
    size = np.linalg.norm(scale * solution) + np.linalg.norm(problem.residual(problem.starts["x1"]))
    # below 1e-13 of the problem's size it is rounding, above 1e-2 it is not yet local
    local = [index for index, error in enumerate(errors) if 1e-13 * size < error < 1e-2 * size]
    orders = [
        np.log(errors[index + 1] / errors[index]) / np.log(errors[index] / errors[index - 1])
        for index in local
        if index and errors[index + 1] > 1e-13 * size and errors[index] < 0.5 * errors[index - 1]
    ]
    # e_{k+1} = C e_k^2 gives exactly 2 once C e_k is small; a linear rate gives 1. Where the last step passes
    # from 1e-7 straight below rounding no triple is left, and that step itself is the evidence
    squares = [errors[i + 1] <= 1e3 * errors[i] ** 2 / size for i in local if errors[i] < 1e-4 * size]
    assert (orders and max(orders[-2:]) >= 1.7) or (squares and all(squares)), errors


@pytest.mark.parametrize(
    ("name", "start"), [("Misra1a", "start2"), ("Rat42", "start2"), ("Thurber", "start2")]
)
def test_convergence_is_at_gauss_newton_rate_at_nonzero_residual(name: str, start: str) -> None:
    problem = {p.name: p for p in problems.nist()}[name]
    points = _accepted(problem, problem.starts[start])
    x, r = points[-1], problem.residual(points[-1])
    J = problem.jacobian(x)
    scale = np.linalg.norm(J, axis=0)
    # near x* an undamped step maps the error e to -(J'J)^-1 (sum_i r_i r_i'') e; r_i'' by central differences
    h = 1e-5 * np.abs(x)
    curvature = np.column_stack(
        [
            (problem.jacobian(x + step).T @ r - problem.jacobian(x - step).T @ r) / (2 * step[index])
            for index, step in enumerate(np.diag(h))
        ]
    )
    scaled = (curvature / scale).T / scale
    rate = np.max(np.abs(np.linalg.eigvals(np.linalg.solve((J / scale).T @ (J / scale), scaled))))
    errors = np.linalg.norm(scale * (points - x), axis=1)
    size = np.linalg.norm(scale * x)
    measured = [b / a for a, b in itertools.pairwise(errors) if b > 1e-11 * size and a < 1e-4 * size]
    assert measured
    assert min(measured) <= 2 * rate + 1e-3
