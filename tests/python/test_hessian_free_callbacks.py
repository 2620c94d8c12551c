"""osculate.HessianFree on hard ground: NaN, indefinite products, functions that raise or return wrongly."""

from __future__ import annotations

import functools
import threading
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from test_hessian_free import A, B, Logistic, N, quadratic

from osculate import HessianFree

G = A @ np.ones(N) - B
ONES = np.ones(N)


class SomeError(Exception):
    pass


def warmed(**options: Any) -> HessianFree:
    """An optimizer that has a state."""
    optimizer = HessianFree(**options)
    optimizer.step(2 * ONES, quadratic, A @ (2 * ONES) - B, lambda v: A @ v)
    return optimizer


def unchanged(optimizer: HessianFree, state: dict[str, Any]) -> bool:
    now = optimizer.state_dict()
    same = np.array_equal(now.pop("direction"), state["direction"])
    return same and now == {key: value for key, value in state.items() if key != "direction"}


@pytest.mark.parametrize("which", ["loss", "product", "preconditioner"])
@pytest.mark.parametrize("call", [1, 2])
def test_an_exception_comes_out_as_the_same_object_and_nothing_changes(which: str, call: int) -> None:
    raised, calls = SomeError("here"), 0

    def failing(x: NDArray[Any]) -> Any:
        nonlocal calls
        calls += 1
        if calls == call:
            raise raised
        return {"loss": quadratic, "product": lambda v: A @ v, "preconditioner": lambda r: r}[which](x)

    given: dict[str, Any] = {"loss": quadratic, "product": lambda v: A @ v, "preconditioner": lambda r: r}
    given[which] = failing
    optimizer = warmed()
    state = optimizer.state_dict()
    with pytest.raises(SomeError) as caught:
        optimizer.step(ONES, gradient=G, **given)
    assert caught.value is raised
    assert unchanged(optimizer, state)
    calls = -100  # and the object still works
    assert optimizer.step(ONES, gradient=G, **given).accepted


def test_an_exception_in_a_long_step_comes_out() -> None:
    n = 40_000

    def product(v: NDArray[Any]) -> NDArray[Any]:
        raise SomeError

    with pytest.raises(SomeError):
        HessianFree().step(np.zeros(n), lambda x: 0.0, np.ones(n), product)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_loss_that_is_not_finite_shortens_the_step(bad: float) -> None:
    def walled(x: NDArray[Any]) -> float:
        return quadratic(x) if np.linalg.norm(x - 1) < 0.3 else bad

    step = HessianFree(damping=1e-6).step(ONES, walled, G, lambda v: A @ v)
    assert step.accepted
    assert np.isfinite(step.loss_after)
    assert step.loss_after < step.loss_before
    assert np.linalg.norm(step.theta - 1) < 0.3


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_loss_that_is_finite_nowhere_else_rejects_the_step(bad: float) -> None:
    optimizer = warmed()
    before = optimizer.damping
    step = optimizer.step(ONES, lambda x: 0.0 if (x == 1).all() else bad, G, lambda v: A @ v)
    assert (step.accepted, step.reason) == (False, "rejected")
    assert before is not None
    assert step.next_damping == pytest.approx(1.5 * before)
    assert step.loss_after == step.loss_before == 0
    np.testing.assert_array_equal(step.theta, ONES)
    assert optimizer.state_dict()["direction"] is None


@pytest.mark.parametrize("n", [N, 40_000])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_at_theta_is_a_reason(n: int, bad: float) -> None:
    optimizer, x, g = HessianFree(), np.ones(n), np.ones(n)
    nan = np.full(n, bad)
    for loss, gradient, product in (
        (lambda x: bad, g, lambda v: v),
        (lambda x: 0.0, nan, lambda v: v),
        (lambda x: 0.0, g, lambda v: nan),
    ):
        step = optimizer.step(x, loss, gradient, product)
        assert (step.reason, step.accepted) == ("nonfinite", False)
        assert optimizer.damping == 0.1
        assert "NaN" in step.message


def test_products_that_turn_nan_leave_the_iterates_before() -> None:
    calls = 0

    def product(v: NDArray[Any]) -> NDArray[Any]:
        nonlocal calls
        calls += 1
        return np.asarray(A @ v) if calls < 6 else np.full(N, np.nan)

    step = HessianFree(decay=0).step(ONES, quadratic, G, product)
    assert (step.reason, step.cg_reason, step.cg_iterations) == ("accepted", "nonfinite", 5)
    assert np.isfinite(step.theta).all()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_zero_gradient_is_stationary(dtype: Any) -> None:
    optimizer = HessianFree()
    step = optimizer.step(np.ones(3, dtype), lambda x: 1.0, np.zeros(3), lambda v: v)
    assert (step.reason, step.accepted, step.products) == ("stationary", False, 0)
    np.testing.assert_array_equal(step.theta, np.ones(3))
    tiny = optimizer.step(np.ones(3), lambda x: 1.0, np.full(3, 1e-200), lambda v: v)
    assert np.isfinite(tiny.theta).all()


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_an_indefinite_product_descends(seed: int, dtype: Any) -> None:
    rng = np.random.default_rng(seed)
    q = np.linalg.qr(rng.standard_normal((N, N)))[0]
    H = ((q * rng.standard_normal(N)) @ q.T).astype(dtype)

    def loss(x: NDArray[Any]) -> float:  # indefinite at 0, bounded below
        return float(x @ H @ x / 2 + (x**4).sum() / 4)

    def gradient(x: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(H @ x + x**3)

    x = (0.1 * rng.standard_normal(N)).astype(dtype)
    optimizer = HessianFree(damping=1e-3)
    met = 0
    for _ in range(60):
        step = optimizer.step(x, loss, gradient(x), lambda t, v: H @ v + 3 * t**2 * v)
        assert np.isfinite(step.theta).all()
        assert step.loss_after <= step.loss_before + 1e-5 * abs(step.loss_before)
        met += step.negative_curvature
        x = step.theta
    assert met > 0
    assert np.abs(gradient(x)).max() < (1e-5 if dtype is np.float64 else 1e-2)


def test_products_that_are_zero_or_negative_everywhere() -> None:
    for product in (lambda v: 0 * v, lambda v: -v, lambda v: -1e300 * v, lambda v: -1e-300 * v):
        step = HessianFree(damping=1e-8).step(
            np.zeros(4), lambda x: float(np.tanh(x).sum()), np.ones(4), product
        )
        assert step.accepted
        assert np.isfinite(step.theta).all()
        assert step.loss_after < 0


WRONG: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"loss": lambda x: None}, TypeError, "HessianFree.step: loss must return an array of numbers, got None"),
    ({"loss": lambda x: x}, ValueError, "HessianFree.step: loss must return a number, got an array of 30"),
    ({"loss": lambda x: 1j}, TypeError, "HessianFree.step: loss must return real numbers"),
    ({"product": lambda v: v[:2]}, ValueError, "HessianFree.step: product must return 30 numbers, got 2"),
    ({"product": lambda v: None}, TypeError, "HessianFree.step: product must return an array of numbers"),
    ({"product": lambda v: A}, ValueError, "HessianFree.step: product must return a 1-D array"),
    (
        {"preconditioner": lambda r: r[:1]},
        ValueError,
        "HessianFree.step: preconditioner must return 30 numbers, got 1",
    ),
]


@pytest.mark.parametrize(("given", "error", "message"), WRONG, ids=range(len(WRONG)))
def test_wrong_returns_name_function_and_shape(given: Any, error: Any, message: str) -> None:
    optimizer = warmed()
    state = optimizer.state_dict()
    with pytest.raises(error, match=f"^{message}"):
        optimizer.step(**{"theta": ONES, "loss": quadratic, "gradient": G, "product": A.dot} | given)
    assert unchanged(optimizer, state)


def test_calling_the_same_object_from_a_callback_is_refused() -> None:
    optimizer = HessianFree()

    def loss(x: NDArray[Any]) -> float:
        optimizer.step(ONES, quadratic, G, A.dot)
        return 0.0

    with pytest.raises(RuntimeError, match=r"^HessianFree\.step: this object is in a step already"):
        optimizer.step(ONES, loss, G, A.dot)

    def loads(x: NDArray[Any]) -> float:
        optimizer.load_state_dict(HessianFree().state_dict())
        return 0.0

    with pytest.raises(RuntimeError, match=r"^HessianFree\.load_state_dict: this object is in a step"):
        optimizer.step(ONES, loads, G, A.dot)
    assert optimizer.step(ONES, quadratic, G, A.dot).accepted


def test_another_object_may_be_called_from_a_callback() -> None:
    def loss(x: NDArray[Any]) -> float:
        assert HessianFree().step(ONES, quadratic, G, A.dot).accepted
        return quadratic(x)

    inside = HessianFree().step(ONES, loss, G, A.dot)
    np.testing.assert_array_equal(inside.theta, HessianFree().step(ONES, quadratic, G, A.dot).theta)


def test_objects_in_several_threads_at_once() -> None:
    n = 40_000
    d = np.linspace(1, 5, n)
    found: list[Any] = [None] * 4

    def train(k: int) -> None:
        optimizer, x = HessianFree(damping=1e-3), np.zeros(n)
        for _ in range(4):
            step = optimizer.step(
                x, lambda x: float(x @ (d * x) / 2 - (k + 1) * x.sum()), d * x - k - 1, lambda v: d * v
            )
            x = step.theta
        found[k] = x

    threads = [threading.Thread(target=train, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k, x in enumerate(found):
        np.testing.assert_allclose(x, (k + 1) / d, rtol=1e-2)


def test_callbacks_see_read_only_arrays() -> None:
    def loss(x: NDArray[Any]) -> float:
        assert not x.flags.writeable
        assert x.shape == (N,)
        return quadratic(x)

    theta = ONES.copy()
    step = HessianFree().step(theta, loss, G, A.dot)
    np.testing.assert_array_equal(theta, ONES)
    assert step.theta.flags.writeable
    assert not np.shares_memory(step.theta, theta)


@pytest.mark.parametrize("form", ["one", "two", "partial", "method", "optional", "builtin"])
def test_product_of_v_or_of_theta_and_v(form: str) -> None:
    f, w = Logistic(), ONES / 10
    functions: dict[str, Any] = {
        "one": lambda v: f.product(w, v),
        "two": lambda theta, v: f.product(theta, v),
        "partial": functools.partial(f.product, w),
        "method": f.product,
        "optional": lambda v, at=w: f.product(at, v),
        "builtin": np.array([f.product(w, e) for e in np.eye(N)]).dot,
    }
    step = HessianFree(damping=1.0).step(w, f.loss, f.gradient(w), functions[form])
    plain = HessianFree(damping=1.0).step(w, f.loss, f.gradient(w), functions["one"])
    np.testing.assert_allclose(step.theta, plain.theta, rtol=1e-9)
