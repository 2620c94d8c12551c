"""osculate.HessianFree: its steps, lambda, precision, and going on from a saved state."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from osculate import HessianFree
from osculate.linalg import cg

RNG = np.random.default_rng(5)
N = 30
SPECTRUM = np.geomspace(1, 100, N)
Q = np.linalg.qr(RNG.standard_normal((N, N)))[0]
A = (Q * SPECTRUM) @ Q.T
A = (A + A.T) / 2
B = RNG.standard_normal(N)
X = np.linalg.solve(A, B)
SAMPLES = RNG.standard_normal((400, N)) * np.geomspace(1, 10, N)
LABELS = np.where(SAMPLES @ RNG.standard_normal(N) + 20 * RNG.standard_normal(400) > 0, 1.0, -1.0)


def quadratic(x: NDArray[Any]) -> float:
    return float(x @ A @ x / 2 - B @ x)


class Logistic:
    """Mean logistic loss of some samples, with an l2 term that makes it strictly convex."""

    def __init__(self, rows: Any = slice(None), dtype: Any = np.float64) -> None:
        self.a, self.y = SAMPLES[rows].astype(dtype), LABELS[rows].astype(dtype)
        self.l2 = self.a.dtype.type(1e-3)

    def loss(self, w: NDArray[Any]) -> float:
        return float(np.logaddexp(0, -self.y * (self.a @ w)).mean() + self.l2 * (w @ w) / 2)

    def gradient(self, w: NDArray[Any]) -> NDArray[Any]:
        p = 1 / (1 + np.exp(self.y * (self.a @ w)))
        return np.asarray(-self.a.T @ (self.y * p) / len(self.y) + self.l2 * w)

    def product(self, w: NDArray[Any], v: NDArray[Any]) -> NDArray[Any]:
        p = 1 / (1 + np.exp(self.a @ w))
        return np.asarray(self.a.T @ (p * (1 - p) * (self.a @ v)) / len(self.y) + self.l2 * v)

    def diagonal(self, w: NDArray[Any]) -> NDArray[Any]:
        p = 1 / (1 + np.exp(self.y * (self.a @ w)))
        return np.asarray(((self.a * p[:, None]) ** 2).mean(0))


def run(f: Logistic, optimizer: HessianFree, w: NDArray[Any], steps: int, **more: Any) -> NDArray[Any]:
    for _ in range(steps):
        w = optimizer.step(w, f.loss, f.gradient(w), f.product, **more).theta
    return w


def test_a_quadratic_is_solved_in_one_step_where_lambda_is_small() -> None:
    optimizer = HessianFree(damping=1e-12, progress_tolerance=0)
    step = optimizer.step(np.ones(N), quadratic, A @ np.ones(N) - B, lambda v: A @ v)
    assert step.accepted
    assert step.scale == 1
    np.testing.assert_allclose(step.theta, X, atol=1e-9)  # lambda / 1 of the way, and CG's rounding
    assert step.ratio == pytest.approx(1, abs=1e-6)
    assert step.loss_before == quadratic(np.ones(N))
    assert step.loss_after == quadratic(step.theta)
    assert step.predicted_reduction == pytest.approx(step.loss_before - step.loss_after)
    assert step.next_damping == optimizer.damping == pytest.approx(1e-12 * 2 / 3)
    assert step.products == step.cg_iterations
    assert step.step_norm == pytest.approx(np.linalg.norm(step.theta - 1))
    assert (step.reason, step["reason"], optimizer.steps) == ("accepted", "accepted", 1)
    assert "taken" in step.message


def test_the_step_is_that_of_damped_cg_with_its_own_stopping_rule() -> None:
    g = -B
    step = HessianFree(damping=0.5).step(np.zeros(N), quadratic, g, lambda v: A @ v)
    solved = cg(A, B, damping=0.5, rtol=0, atol=0, progress_tolerance=5e-4)
    assert step.cg_reason == "progress" == solved.reason
    assert step.cg_iterations == solved.iterations
    assert step.checkpoint <= step.cg_iterations
    if step.checkpoint == step.cg_iterations:
        np.testing.assert_allclose(step.theta, solved.x, rtol=1e-12)


def test_backtracking_takes_the_iterate_with_the_least_loss_on_its_way() -> None:
    seen: list[NDArray[Any]] = []

    def loss(x: NDArray[Any]) -> float:  # late iterates are worse
        seen.append(x.copy())
        return float(abs(x @ x - 0.5 * X @ X))

    # CG ends while |x| still grows by more than rounding (which it does in every iteration: Steihaug 1983).
    optimizer = HessianFree(damping=1e-9, max_cg_iterations=20, progress_tolerance=0)
    step = optimizer.step(np.zeros(N), loss, -B, lambda v: A @ v)
    assert step.losses == len(seen)
    assert 0 < step.checkpoint < step.cg_iterations
    assert step.checkpoints > 5
    values = [abs(x @ x - 0.5 * X @ X) for x in seen]
    assert step.loss_after == min(values)


def test_logistic_regression_converges() -> None:
    f = Logistic()
    w = run(f, HessianFree(damping=1e-3), np.zeros(N), 25)
    assert np.abs(f.gradient(w)).max() < 1e-8


@pytest.mark.parametrize("which", ["diagonal", "callable"])
def test_preconditioners_converge_too(which: str) -> None:
    f, optimizer, w = Logistic(), HessianFree(damping=1e-3), np.zeros(N)
    iterations = 0
    for _ in range(25):
        damping = optimizer.damping or 0.0
        M = f.diagonal(w) if which == "diagonal" else lambda r: r / ((SAMPLES**2).mean(0) / 4 + damping)  # noqa: B023
        step = optimizer.step(w, f.loss, f.gradient(w), f.product, preconditioner=M)
        w, iterations = step.theta, iterations + step.cg_iterations
    assert np.abs(f.gradient(w)).max() < 1e-8


def test_batches_may_differ() -> None:
    whole, w = Logistic(), np.zeros(N)
    first = whole.loss(w)
    optimizer = HessianFree(damping=1e-2)
    for k in range(12):
        part = Logistic(slice(100 * (k % 4), 100 * (k % 4) + 100))
        w = optimizer.step(w, part.loss, whole.gradient(w), part.product).theta
    best = run(whole, HessianFree(damping=1e-3), np.zeros(N), 25)
    assert whole.loss(w) - whole.loss(best) < 0.1 * (first - whole.loss(best))


def test_float32_stays_float32() -> None:
    f = Logistic(dtype=np.float32)
    seen = set()

    def product(theta: NDArray[Any], v: NDArray[Any]) -> NDArray[Any]:
        seen.update({theta.dtype, v.dtype})
        return f.product(theta, v)

    optimizer, w = HessianFree(damping=1e-3), np.zeros(N, np.float32)
    for _ in range(15):
        w = optimizer.step(w, f.loss, f.gradient(w), product).theta
    assert w.dtype == np.float32
    assert seen == {np.dtype(np.float32)}
    state = optimizer.state_dict()
    assert state["direction"].dtype == np.float32
    exact = run(Logistic(), HessianFree(damping=1e-3), np.zeros(N), 25)
    np.testing.assert_allclose(w, exact, atol=2e-3 * np.abs(exact).max())


def test_one_parameter() -> None:
    optimizer, w = HessianFree(damping=None), np.array([3.0])
    for _ in range(20):
        w = optimizer.step(w, lambda x: float(np.cosh(x[0])), np.sinh(w), lambda t, v: np.cosh(t) * v).theta
    assert abs(w[0]) < 1e-8


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("way", ["state_dict", "pickle", "copy"])
def test_resume_gives_the_same_bits(dtype: Any, way: str) -> None:
    f = Logistic(dtype=dtype)
    first = HessianFree(damping=1e-2)
    w = run(f, first, np.zeros(N, dtype), 4)
    state = first.state_dict()
    if way == "state_dict":
        second = HessianFree(damping=7.0)
        second.load_state_dict(state)
    else:
        second = pickle.loads(pickle.dumps(first)) if way == "pickle" else copy.deepcopy(first)
    through, resumed = run(f, first, w, 4), run(f, second, w, 4)
    np.testing.assert_array_equal(through, resumed)
    assert first.damping == second.damping
    assert first.steps == second.steps == 8
    np.testing.assert_array_equal(first.state_dict()["direction"], second.state_dict()["direction"])
    # The state taken before is not that of an object that went on.
    assert state["steps"] == 4
    third = HessianFree()
    third.load_state_dict(state)
    np.testing.assert_array_equal(run(f, third, w, 4), through)


def test_state_is_numbers_and_one_array() -> None:
    optimizer = HessianFree()
    assert optimizer.state_dict() == {"version": 1, "steps": 0, "damping": 0.1, "direction": None}
    assert HessianFree(damping=None).state_dict()["damping"] is None
    run(Logistic(), optimizer, np.zeros(N), 1)
    state = optimizer.state_dict()
    assert isinstance(state["damping"], float)
    assert state["direction"].shape == (N,)
    assert repr(optimizer) == f"HessianFree(steps=1, damping={state['damping']:.4g})"


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_bits_do_not_depend_on_threads(dtype: Any) -> None:
    n = 50_000
    d = np.linspace(1, 50, n).astype(dtype)

    def loss(x: NDArray[Any]) -> float:
        return float(x @ (d * x) / 2 - x.sum())

    results = []
    for threads in (1, 3):
        optimizer, x = HessianFree(threads=threads, max_cg_iterations=12), np.zeros(n, dtype)
        for _ in range(3):
            x = optimizer.step(x, loss, d * x - 1, lambda v: d * v, preconditioner=d).theta
        results.append((x, optimizer.damping, optimizer.state_dict()["direction"]))
    np.testing.assert_array_equal(results[0][0], results[1][0])
    assert results[0][1] == results[1][1]
    np.testing.assert_array_equal(results[0][2], results[1][2])


def test_min_damping_is_a_floor() -> None:
    optimizer = HessianFree(damping=1e-2, min_damping=8e-3)
    run(Logistic(), optimizer, np.zeros(N), 3)
    assert optimizer.damping == pytest.approx(8e-3)


def test_a_known_value_saves_a_call() -> None:
    f, w = Logistic(), np.zeros(N)
    asked = HessianFree().step(w, f.loss, f.gradient(w), f.product)
    given = HessianFree().step(w, f.loss, f.gradient(w), f.product, value=f.loss(w))
    assert given.losses == asked.losses - 1
    np.testing.assert_array_equal(given.theta, asked.theta)
