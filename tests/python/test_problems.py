"""The problem collections are right: Jacobians, residuals, starts, recorded answers; without a solver."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import problems
from problems import Problem

ALL = [*problems.nist(), *problems.mgh(), *problems.bounded()]
MGH = {problem.name: problem for problem in problems.mgh()}


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with np.errstate(all="ignore"):
        yield


def _points(problem: Problem) -> list[np.ndarray]:
    """Every start, and beside it a point where no component is special."""
    rng = np.random.default_rng(7)
    starts = list(problem.starts.values())
    return starts + [x + 0.03 * rng.uniform(0.5, 1, x.size) * np.where(x == 0, 1, np.abs(x)) for x in starts]


def _complex_step(problem: Problem, x: np.ndarray) -> np.ndarray:
    columns = []
    for index, value in enumerate(x):
        h = 1e-30 * max(abs(value), 1e-10)
        z = x.astype(complex)
        z[index] += 1j * h
        columns.append(problem.residual(z).imag / h)
    return np.column_stack(columns)


@pytest.mark.parametrize("problem", ALL, ids=lambda problem: problem.name)
def test_jacobian_equals_complex_step(problem: Problem) -> None:
    # both are exact up to rounding, which cancellation inside a model magnifies: 1e-9 of the column's largest
    checked = 0
    for x in _points(problem):
        J = problem.jacobian(x)
        assert J.shape == (problem.residual(x).size, problem.n)
        if np.all(np.isfinite(J)) and np.max(np.abs(J)) < 1e100:
            largest = np.max(np.abs(J), axis=0)
            assert np.all(np.abs(J - _complex_step(problem, x)) <= 1e-9 * largest + 1e-300)
            checked += 1
    assert checked >= len(problem.starts)


@pytest.mark.parametrize("problem", ALL, ids=lambda problem: problem.name)
def test_residual_accepts_complex_and_gives_fresh_arrays(problem: Problem) -> None:
    for x in problem.starts.values():
        r = problem.residual(x)
        np.testing.assert_allclose(problem.residual(x.astype(complex)).real, r, rtol=1e-12, atol=1e-12)
        assert problem.residual(x) is not r
        assert problem.jacobian(x) is not problem.jacobian(x)
        assert r.dtype == problem.jacobian(x).dtype == np.float64


@pytest.mark.parametrize("problem", problems.nist(), ids=lambda problem: problem.name)
def test_nist_certified_parameters_give_the_certified_sum_of_squares(problem: Problem) -> None:
    (end,) = problem.ends["start1"]
    # Lanczos1: eleven certified digits of parameters near 1 leave residuals of 1e-11, the certified are 1e-13
    slack = 1e-20 if problem.name == "Lanczos1" else 0.0
    assert np.sum(problem.residual(problem.certified) ** 2) == pytest.approx(
        end.sum_of_squares, rel=1e-9, abs=slack
    )


# |r| at the starts as MINPACK's test driver prints it (Argonne, 1980)
START_NORMS = {
    ("rosenbrock", "x10"): np.sqrt(1795769.0),
    ("helical_valley", "x10"): 102.95630140987,
    ("powell_singular", "x1"): 14.6628782986152,
    ("powell_singular", "x100"): 126887.903284750,
    ("freudenstein_roth", "x1"): 20.0124960961895,
    ("bard", "x1"): 6.45613629515967,
    ("kowalik_osborne", "x1"): 0.0728915102882945,
    ("meyer", "x1"): 41153.4665543031,
    ("meyer", "x10"): 4168216.89130846,
    ("watson_6", "x1"): 5.47722557505166,
    ("watson_6", "x10"): 6433.12578950026,
    ("watson_9", "x10"): 12088.127069307,
    ("watson_12", "x100"): 2018918.04462367,
    ("box_3d", "x1"): 32.1115837449572,
    ("jennrich_sampson", "x1"): 64.5856498144943,
    ("brown_dennis", "x1"): 2815.43839161816,
    ("chebyquad_8", "x1"): 0.196513862833975,
    ("chebyquad_9", "x1"): 0.16994993465202,
    ("chebyquad_10", "x1"): 0.183747831178711,
    ("brown_almost_linear", "x1"): 16.5302162063499,
    ("osborne_1", "x1"): 0.937564021037838,
    ("osborne_2", "x1"): 1.44686540984712,
}


@pytest.mark.parametrize(("name", "start"), START_NORMS)
def test_mgh_start_has_the_norm_that_minpack_prints(name: str, start: str) -> None:
    problem = MGH[name]
    norm = np.linalg.norm(problem.residual(problem.starts[start]))
    assert norm == pytest.approx(START_NORMS[name, start], rel=1e-12)


# solutions by hand or from the paper
SOLUTIONS = {
    "rosenbrock": (1, 1),
    "freudenstein_roth": (5, 4),
    "brown_badly_scaled": (1e6, 2e-6),
    "beale": (3, 0.5),
    "helical_valley": (1, 0, 0),
    "gulf": (50, 25, 1.5),
    "box_3d": (1, 10, 1),
    "powell_singular": (0, 0, 0, 0),
    "wood": (1, 1, 1, 1),
    "biggs_exp6": (1, 10, 1, 5, 4, 3),
    "variably_dimensioned": (1,) * 10,
    "brown_almost_linear": (1,) * 10,
    "trigonometric": (0,) * 10,
}


@pytest.mark.parametrize("name", SOLUTIONS)
def test_mgh_residual_vanishes_at_the_known_solution(name: str) -> None:
    assert np.linalg.norm(MGH[name].residual(np.array(SOLUTIONS[name], dtype=float))) <= 1e-14


def test_collections_are_complete_and_consistent() -> None:
    assert len(problems.nist()) == 27
    assert len(problems.mgh()) >= 30
    assert len(problems.bounded()) >= 20
    assert len({problem.name for problem in ALL}) == len(ALL)
    for problem in ALL:
        assert set(problem.ends) == set(problem.starts)
        assert problem.hard <= set(problem.starts)
        assert all(problem.ends.values())


@pytest.mark.parametrize("problem", problems.bounded(), ids=lambda problem: problem.name)
def test_bounded_starts_are_feasible_and_the_edge_is_on_a_bound(problem: Problem) -> None:
    lower, upper = problem.bounds
    for x in problem.starts.values():
        assert np.all((lower <= x) & (x <= upper))
    edge = problem.starts["edge"]
    assert np.any((edge == lower) | (edge == upper))
    assert np.any(problem.active)
    assert all(end.sum_of_squares > 0 for end in problem.ends["edge"])
