"""osculate.NaturalGradient on hard ground: NaN, callbacks that raise or call us back, saved states."""

from __future__ import annotations

import copy
import functools
import pickle
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from test_natural_step import FORMS, F, G, N, P, S, X, make, quadratic

from osculate import NaturalGradient, NaturalGradientStep

Array = NDArray[Any]


def run(optimizer: NaturalGradient, x: Array, seed: int, **more: Any) -> Array:
    rng = np.random.default_rng(seed)
    for _ in range(4):
        scores = rng.standard_normal((N, P)).astype(x.dtype)
        x = optimizer.step(x, scores.mean(0), scores=scores, **more).theta
    return x


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("way", ["state_dict", "pickle", "copy"])
@pytest.mark.parametrize(
    "options",
    [{"momentum": 0.9}, {"decay": 0.9, "momentum": 0.5}, {"step": "trust_region", "kl_radius": 1e-3}],
)
def test_resume_gives_the_same_bits(dtype: Any, way: str, options: dict[str, Any]) -> None:
    more: dict[str, Any] = {"loss": lambda t: float(t @ t)} if "step" in options else {}
    first = make(**options)
    x = run(first, X.astype(dtype), 1, **more)
    state = first.state_dict()
    if way == "state_dict":
        second = make(**options)
        second.load_state_dict(state)
    else:
        second = pickle.loads(pickle.dumps(first)) if way == "pickle" else copy.deepcopy(first)
    through, resumed = run(first, x, 2, **more), run(second, x, 2, **more)
    np.testing.assert_array_equal(through, resumed)
    assert through.dtype == dtype
    assert first.steps == second.steps == 8
    third = make(**options)  # the state taken before is not that of an object that went on
    third.load_state_dict(state)
    np.testing.assert_array_equal(run(third, x, 2, **more), through)


def test_the_state_is_numbers_and_arrays() -> None:
    optimizer = make(decay=0.5)
    empty = optimizer.state_dict()
    assert empty == {
        "version": 1, "steps": 0, "averaged": 0, "kl_radius": None, "direction": None, "fisher": None
    }  # fmt: skip
    optimizer.step(X, G, scores=S)
    state = optimizer.state_dict()
    assert state["direction"].shape == (P,)
    assert state["fisher"].shape == (P, P)
    assert (state["steps"], state["averaged"]) == (1, 1)
    assert repr(optimizer).startswith("NaturalGradient(steps=1, learning_rate=0.5, damping=0.1")
    optimizer.load_state_dict(empty)
    assert optimizer.fisher is None


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("decay", [0.0, 0.5])
@pytest.mark.parametrize("which", ["gradient", "fisher", "scores", "product"])
def test_what_is_not_finite_is_a_reason_and_harms_nothing(bad: float, decay: float, which: str) -> None:
    if which == "product" and decay:
        decay = 0.0  # products have no average
    optimizer = make(momentum=0.9, decay=decay)
    form = {"fisher": F} if which in ("gradient", "fisher") else {which: FORMS["samples"].get(which)}
    if which == "product":
        form = {"product": FORMS["products"]["product"]}
    optimizer.step(X, G, **form)
    before = optimizer.state_dict()
    broken = {name: value * bad if name != "product" else (lambda v: v * bad) for name, value in form.items()}
    step = optimizer.step(X, G * bad, **form) if which == "gradient" else optimizer.step(X, G, **broken)
    assert (step.reason, step.accepted) == ("nonfinite", False)
    np.testing.assert_array_equal(step.theta, X)
    assert "NaN" in step.message
    after = optimizer.state_dict()
    assert after.pop("steps") == before.pop("steps") + 1
    np.testing.assert_equal(after, before)


@pytest.mark.parametrize("step", ["line_search", "trust_region"])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_losses_that_are_not_finite(step: str, bad: float) -> None:
    first = make(step=step).step(X, G, fisher=F, loss=lambda t: bad)
    assert (first.reason, first.losses) == ("nonfinite", 1)
    later = make(step=step).step(X, G, fisher=F, loss=lambda t: 0.0 if np.array_equal(t, X) else bad)
    assert later.reason in ("nonfinite", "rejected")
    np.testing.assert_array_equal(later.theta, X)


def test_zero_gradients_are_stationary_and_singular_matrices_a_reason() -> None:
    assert make().step(X, np.zeros(P), fisher=F).reason == "stationary"
    step = make(damping=0).step(X, G, fisher=np.zeros((P, P)))
    assert (step.reason, step.accepted) == ("singular", False)
    assert make(damping=0).step(X, G, product=lambda v: -v).reason == "singular"
    assert make(damping=0).step(X, G, fisher=-np.eye(P)).reason == "singular"


class SomeError(Exception):
    pass


@pytest.mark.parametrize("which", ["fisher", "product", "loss"])
@pytest.mark.parametrize("call", [1, 2])
def test_an_exception_comes_out_and_nothing_changes(which: str, call: int) -> None:
    raised, count = SomeError("here"), 0
    plain: dict[str, Callable[[Array], Any]] = {
        "fisher": lambda t: F, "product": lambda v: F @ v, "loss": quadratic
    }  # fmt: skip

    def failing(x: Array) -> Any:
        nonlocal count
        count += 1
        if count == call:
            raise raised
        return plain[which](x)

    options: dict[str, Any] = {"step": "line_search"} if which == "loss" else {}
    optimizer = make(momentum=0.5, **options)
    form: dict[str, Any] = {"fisher": F, "loss": quadratic} if which == "loss" else {which: plain[which]}
    optimizer.step(X, F @ X, **form)
    changed = form | {which: failing}
    if call == 2 and which == "fisher":  # which is called once a step
        optimizer.step(X, F @ X, **changed)
    before = optimizer.state_dict()
    with pytest.raises(SomeError) as caught:
        optimizer.step(X, F @ X, **changed)
    assert caught.value is raised
    np.testing.assert_equal(optimizer.state_dict(), before)
    assert optimizer.step(X, F @ X, **form).accepted


def test_an_object_in_a_step_refuses_another() -> None:
    optimizer, messages = make(), []

    def fisher(theta: Array) -> Array:
        for call in (
            functools.partial(optimizer.step, X, G, fisher=F),
            functools.partial(optimizer.load_state_dict, make().state_dict()),
        ):
            with pytest.raises(RuntimeError) as caught:
                call()
            messages.append(str(caught.value))
        inner = make().step(X, G, fisher=F)  # another object is free
        assert inner.accepted
        return F

    assert optimizer.step(X, G, fisher=fisher).accepted
    assert messages[0].startswith("NaturalGradient.step: this object is in a step already")
    assert messages[1].startswith("NaturalGradient.load_state_dict: this object is in a step")
    assert optimizer.steps == 1


def test_threads_have_objects_of_their_own() -> None:
    expected = run(make(momentum=0.9), X, 3)
    results: list[Array] = []
    threads = [
        threading.Thread(target=lambda: results.append(run(make(momentum=0.9), X, 3))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        np.testing.assert_array_equal(result, expected)
    assert len(results) == 4


def test_steps_pickle_and_print() -> None:
    step = make().step(X, G, scores=S)
    other: NaturalGradientStep = pickle.loads(pickle.dumps(step))
    np.testing.assert_array_equal(other.theta, step.theta)
    assert "reason: accepted" in repr(step)
