"""NIST StRD nonlinear regression: the certified digits, from both starts of all 27 problems.

https://www.itl.nist.gov/div898/strd/nls/nls_main.shtml; digits are those of the worst parameter.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import osculate
import problems
from problems import Problem, correct_digits

RUNS = [
    pytest.param(problem, start, id=f"{problem.name}-{start}")
    for problem in problems.nist()
    for start in problem.starts
]
TIGHT = {"ftol": 1e-15, "xtol": 1e-15, "gtol": 1e-15}


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with np.errstate(all="ignore"):  # trial points may overflow a model; the solver must cope
        yield


def _fit(problem: Problem, start: str, jac: Any, **options: Any) -> Any:
    return osculate.least_squares(problem.residual, problem.starts[start], jac, max_nfev=3000, **options)


@pytest.mark.parametrize(("problem", "start"), RUNS)
def test_analytic_jacobian_and_tight_tolerances_give_six_digits(problem: Problem, start: str) -> None:
    result = _fit(problem, start, problem.jacobian, **TIGHT)
    assert result.success, result.message
    assert correct_digits(result.x, problem.certified) >= 6
    (end,) = problem.ends[start]
    if problem.name != "Lanczos1":  # its certified sum, 1e-25, is below the rounding of double residuals
        assert 2 * result.cost == pytest.approx(end.sum_of_squares, rel=1e-6)


@pytest.mark.parametrize(("problem", "start"), RUNS)
def test_standard_deviations_have_four_digits(problem: Problem, start: str) -> None:
    result = _fit(problem, start, problem.jacobian, **TIGHT)
    # Lanczos1: the residual sd is 9e-14 of values near 1, so rounding of y alone leaves two digits of it
    least = 2 if problem.name == "Lanczos1" else 4
    assert correct_digits(result.stderr, problem.certified_stderr) >= least


@pytest.mark.parametrize(("problem", "start"), RUNS)
def test_complex_step_and_tight_tolerances_give_six_digits(problem: Problem, start: str) -> None:
    result = _fit(problem, start, "cs", **TIGHT)
    assert result.success, result.message
    assert correct_digits(result.x, problem.certified) >= 6


@pytest.mark.parametrize(("problem", "start"), RUNS)
def test_default_tolerances_give_four_digits(problem: Problem, start: str) -> None:
    result = _fit(problem, start, problem.jacobian)
    assert result.success, result.message
    assert correct_digits(result.x, problem.certified) >= 4


@pytest.mark.parametrize("tolerances", [{}, TIGHT], ids=["default", "tight"])
@pytest.mark.parametrize(("problem", "start"), RUNS)
def test_two_point_differences_give_four_digits(problem: Problem, start: str, tolerances: dict) -> None:
    result = _fit(problem, start, "2-point", **tolerances)
    assert correct_digits(result.x, problem.certified) >= 4
