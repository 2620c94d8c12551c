"""osculate.fisher_solve: both forms against dense matrices, stacks, precisions, and what is not finite."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from osculate import Status, fisher_solve

SHAPES = [(1, 1), (1, 7), (7, 1), (5, 5), (20, 300), (300, 20), (65, 129), (130, 64)]


def problem(n: int, p: int, seed: int = 0, stack: tuple[int, ...] = ()) -> tuple[NDArray[Any], NDArray[Any]]:
    rng = np.random.default_rng(seed)
    return rng.standard_normal((*stack, n, p)) + 0.5, rng.standard_normal((*stack, p))


def dense(s: NDArray[Any], g: NDArray[Any], damping: float, centered: bool = False) -> NDArray[Any]:
    s = np.asarray(s, dtype=np.float64)
    if centered:
        s = s - s.mean(0)
    return np.asarray(np.linalg.solve(s.T @ s / len(s) + damping * np.eye(s.shape[1]), g))


def error(x: NDArray[Any], expected: NDArray[Any]) -> float:
    return float(np.linalg.norm(x - expected) / np.linalg.norm(expected))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("centered", [False, True])
@pytest.mark.parametrize("form", ["samples", "parameters", "auto"])
def test_woodbury_and_dense_agree(shape: tuple[int, int], centered: bool, form: str) -> None:
    s, g = problem(*shape)
    solution = fisher_solve(s, g, 1e-2, centered=centered, form=form)
    assert solution.success
    # |F| < (sqrt N + sqrt P)^2 / N + P / 4 < 1e3: a condition below 1e5 times eps, with room for sums of 300.
    assert error(solution.x, dense(s, g, 1e-2, centered)) < 1e-10
    assert solution.form == (form if form != "auto" else "samples" if shape[0] < shape[1] else "parameters")


@pytest.mark.parametrize("shape", [(20, 300), (65, 129), (4, 4)])
def test_min_sr_is_the_solution_of_the_mean_gradient(shape: tuple[int, int]) -> None:
    n, p = shape
    s, _ = problem(n, p)
    e, damping = np.random.default_rng(1).standard_normal(n), 1e-2
    expected = s.T @ np.linalg.solve(s @ s.T + n * damping * np.eye(n), e)
    for form in ("samples", "parameters"):
        assert error(fisher_solve(s, s.T @ e / n, damping, form=form).x, expected) < 1e-10


def test_mixed_precision_refines_to_the_residual_it_promises() -> None:
    s, g = problem(40, 500)
    solution = fisher_solve(s, g, 1e-2, mixed_precision=True)
    assert solution.success
    assert solution.mixed_precision
    assert solution.form == "samples"
    # The residual 1e-10 is of the N x N system; S' / damping passes it on, times |S|^2 / (N damping) at most.
    assert error(solution.x, dense(s, g, 1e-2)) < 1e-10 * np.linalg.norm(s, 2) ** 2 / (40 * 1e-2)


def test_mixed_precision_is_the_form_samples_whatever_the_shape() -> None:
    s, g = problem(50, 10)
    solution = fisher_solve(s, g, 0.1, mixed_precision=True)
    assert solution.form == "samples"
    assert error(solution.x, dense(s, g, 0.1)) < 1e-6


@pytest.mark.parametrize("form", ["samples", "parameters"])
@pytest.mark.parametrize("stack", [(3,), (2, 3), (1, 1)])
def test_a_stack_is_its_systems(form: str, stack: tuple[int, ...]) -> None:
    s, g = problem(8, 30, stack=stack)
    dampings = np.geomspace(1e-2, 1, int(np.prod(stack))).reshape(stack)
    solution = fisher_solve(s, g, dampings, form=form, centered=True)
    assert solution.x.shape == (*stack, 30)
    assert solution.status.shape == stack
    for index in np.ndindex(*stack):
        alone = fisher_solve(s[index], g[index], dampings[index], form=form, centered=True)
        np.testing.assert_array_equal(solution.x[index], alone.x)
        assert error(alone.x, dense(s[index], g[index], dampings[index], True)) < 1e-10


def test_gradients_and_dampings_are_broadcast_to_the_scores() -> None:
    s, _ = problem(8, 30, stack=(2, 3))
    g = np.random.default_rng(5).standard_normal((3, 30))
    solution = fisher_solve(s, g, [[0.1], [0.2]])
    np.testing.assert_array_equal(solution.x[1, 2], fisher_solve(s[1, 2], g[2], 0.2).x)
    np.testing.assert_array_equal(solution.x[0, 1], fisher_solve(s[0, 1], g[1], 0.1).x)


@pytest.mark.parametrize("shape", [(20, 60), (60, 20)])
def test_float32_stays_float32(shape: tuple[int, int]) -> None:
    s, g = problem(*shape)
    small = fisher_solve(s.astype(np.float32), g.astype(np.float32), 0.1)
    assert small.x.dtype == np.float32
    # cond < (1 + sqrt 3)^2 (1 + P / 4) / 0.1 < 1200 and eps = 6e-8, a random walk of sums of 60
    assert error(small.x, dense(s, g, 0.1)) < 1e-3
    assert fisher_solve(s.astype(np.float32), g, 0.1).x.dtype == np.float64
    assert fisher_solve(s.astype(np.float16), g.astype(np.float16), 0.1).x.dtype == np.float32


def test_whole_numbers_and_lists_are_taken() -> None:
    assert fisher_solve([[1, 0], [0, 1]], [1, 2], 0.5).x.tolist() == [1.0, 2.0]  # F = I / 2


@pytest.mark.parametrize("shape", [(20, 60), (60, 20)])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_layouts_give_the_same_bits(shape: tuple[int, int], dtype: Any) -> None:
    s, g = (array.astype(dtype) for array in problem(*shape))
    expected = fisher_solve(s, g, 0.1).x
    wide = np.zeros((shape[0], 2 * shape[1]), dtype)
    wide[:, ::2] = s
    reverse = np.ascontiguousarray(s[::-1, ::-1])[::-1, ::-1]
    spread = np.zeros(2 * shape[1], dtype)
    spread[::2] = g
    for rows in (np.asfortranarray(s), wide[:, ::2], reverse):
        np.testing.assert_array_equal(fisher_solve(rows, spread[::2], 0.1).x, expected)


@pytest.mark.parametrize("shape", [(64, 700), (700, 64)])
@pytest.mark.parametrize("mixed", [False, True])
def test_bits_do_not_depend_on_threads(shape: tuple[int, int], mixed: bool) -> None:
    s, g = problem(*shape)
    one, three = (fisher_solve(s, g, 0.1, mixed_precision=mixed, threads=t).x for t in (1, 3))
    np.testing.assert_array_equal(one, three)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("where", ["scores", "gradient"])
@pytest.mark.parametrize("form", ["samples", "parameters"])
def test_what_is_not_finite_is_a_status_of_its_own_system(bad: float, where: str, form: str) -> None:
    s, g = problem(6, 9, stack=(3,))
    good = fisher_solve(s, g, 0.1, form=form)
    (s if where == "scores" else g)[1, ..., 4] = bad
    solution = fisher_solve(s, g, 0.1, form=form)
    assert solution.status.tolist() == [1, int(Status.nonfinite), 1]
    assert not solution.success
    assert solution.outcome is Status.nonfinite
    assert solution.message.startswith("1 of 3 systems failed.")
    assert np.isnan(solution.x[1]).all()
    np.testing.assert_array_equal(solution.x[[0, 2]], good.x[[0, 2]])


def test_no_damping_needs_a_definite_matrix() -> None:
    s, g = problem(60, 5)
    assert error(fisher_solve(s, g, 0.0).x, dense(s, g, 0.0)) < 1e-10
    singular = np.zeros((4, 2))
    singular[:, 0] = 1
    solution = fisher_solve(singular, [1.0, 1.0], 0.0)
    assert solution.outcome is Status.singular
    assert solution.status.shape == ()
    assert "raise the damping" in solution.message
    assert np.isnan(solution.x).all()


def test_one_sample_is_sherman_and_morrison() -> None:
    s, g = problem(1, 30)
    v = s[0]
    expected = (g - v * (v @ g) / (0.3 + v @ v)) / 0.3
    assert error(fisher_solve(s, g, 0.3).x, expected) < 1e-12
    # The one sample is its own mean: nothing is left of it.
    assert error(fisher_solve(s, g, 0.3, centered=True).x, g / 0.3) < 1e-12


def test_an_empty_stack_has_an_empty_solution() -> None:
    solution = fisher_solve(np.empty((0, 3, 4)), np.empty((0, 4)), 0.1)
    assert solution.x.shape == (0, 4)
    assert solution.success
    assert solution.outcome is Status.gradient


def test_inputs_are_left_as_they_were() -> None:
    s, g = problem(6, 9)
    before = s.copy(), g.copy()
    for form in ("samples", "parameters"):
        fisher_solve(s, g, 0.1, form=form, centered=True)
    np.testing.assert_array_equal(s, before[0])
    np.testing.assert_array_equal(g, before[1])


def test_solutions_have_a_repr_and_pickle() -> None:
    solution = fisher_solve(*problem(3, 4), 0.1)
    assert "message: Solved." in repr(solution)
    assert "form: samples" in repr(solution)
    other = pickle.loads(pickle.dumps(solution))
    np.testing.assert_array_equal(other.x, solution.x)
