"""osculate.natural_gradient on hard ground: every status."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from glm_cases import GLMS, P, X
from numpy.typing import NDArray
from test_natural_gradient import MODEL, solve

from osculate import Status, natural_gradient

Array = NDArray[Any]
OFF: dict[str, Any] = {"gtol": None}
GIVEN: dict[str, Any] = {"jac": MODEL.jac, "fisher": MODEL.fisher}


def test_cost_where_the_loss_no_longer_resolves_the_progress() -> None:
    result = solve("poisson", **OFF)
    assert result.outcome is Status.cost
    assert result.success
    assert result.optimality < 1e-12


@pytest.mark.parametrize(("option", "outcome"), [("ftol", Status.cost), ("xtol", Status.step)])
def test_the_tests_of_cost_and_step(option: str, outcome: Status) -> None:
    options: dict[str, Any] = OFF | {option: 1e-4}
    result = solve("gamma", **options)
    assert result.outcome is outcome
    assert result.nit < solve("gamma", **OFF).nit
    assert result.status == 0


@pytest.mark.parametrize("step", ["line_search", "trust_region", "fixed"])
@pytest.mark.parametrize("limit", [{"max_iterations": 2}, {"max_evaluations": 3}])
def test_limits(step: str, limit: dict[str, int]) -> None:
    result = solve("gamma", step=step, **limit)
    assert result.outcome is Status.max_iterations
    assert (result.nit, result.evaluations) == (2, 3)
    assert (result.success, result.status) == (False, 1)


def test_user_stop_and_the_callbacks_of_scipy() -> None:
    states: list[Any] = []

    def watch(intermediate_result: Any) -> None:
        states.append(intermediate_result)
        if len(states) == 2:
            raise StopIteration

    result = solve("gamma", callback=watch)
    assert result.outcome is Status.user_stop
    assert [state.nit for state in states] == [1, 2]
    assert states[-1].fun == result.fun
    np.testing.assert_array_equal(states[-1].x, result.x)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("step", ["line_search", "trust_region", "fixed"])
def test_nonfinite_everywhere_but_at_the_start(bad: float, step: str) -> None:
    result = natural_gradient(
        lambda b: 1.0 if not b.any() else bad, np.zeros(P), jac=MODEL.jac, fisher=MODEL.fisher, step=step
    )
    assert result.outcome is Status.nonfinite
    assert (result.nit, result.fun) == (0, 1.0)
    np.testing.assert_array_equal(result.x, np.zeros(P))


@pytest.mark.parametrize("which", ["loss", "jac", "fisher", "fisherp", "scores", "model", "model_jac"])
def test_nonfinite_at_the_start(which: str) -> None:
    nan = lambda b, *v: np.nan * given[which](b, *v)  # noqa: E731
    given: dict[str, Any] = {"loss": MODEL.loss, "jac": MODEL.jac, "fisher": MODEL.fisher}
    if which in ("fisherp", "scores"):
        given = {"loss": MODEL.loss, "jac": MODEL.jac, which: getattr(MODEL, which)}
    if which.startswith("model"):
        given = {"model": X.dot, "model_jac": lambda b: X, "family": "poisson", "targets": MODEL.y}
    changed = given | {which: nan}
    result = natural_gradient(changed.pop("loss", None), np.zeros(P), **changed)
    assert result.outcome is Status.nonfinite
    assert not result.success


@pytest.mark.parametrize("step", ["line_search", "trust_region"])
def test_a_wall_of_nan_is_walked_around(step: str) -> None:
    wall = GLMS["poisson"].irls()[0][0] + 0.05

    def loss(b: Array) -> float:
        return MODEL.loss(b) if b[0] < wall else np.nan

    result = natural_gradient(loss, [-4.0, 0, 0, 0], step=step, **GIVEN)
    assert result.success
    assert result.evaluations > result.nit + 1


@pytest.mark.parametrize("step", ["line_search", "trust_region"])
def test_a_learning_rate_where_the_model_promises_a_rise_is_shortened(step: str) -> None:
    """From twice the step of the quadratic on the model rises, while its slope still promises a fall."""
    result = solve("poisson", learning_rate=50.0, step=step)
    assert result.success
    np.testing.assert_allclose(result.x, GLMS["poisson"].irls()[0], atol=1e-7)


@pytest.mark.parametrize("form", ["fisher", "scores", "fisherp"])
def test_singular_where_nothing_damps(form: str) -> None:
    """A parameter that nothing depends on, but for a gradient along it."""
    flat = np.diag([1.0, 0.0])
    sources: dict[str, Any] = {
        "fisher": lambda b: flat,
        "scores": lambda b: np.array([[1.0, 0], [1, 0], [1, 0]]),
        "fisherp": lambda b, v: flat @ v,
    }
    result = natural_gradient(
        lambda b: float(b[0] ** 2 / 2 + b[1]),
        [1.0, 1.0],
        jac=lambda b: np.array([b[0], 1.0]),
        **{form: sources[form]},
    )
    assert result.outcome is Status.singular
    assert result.status == 4
    damped = natural_gradient(
        lambda b: float(b[0] ** 2 / 2 + b[1] ** 2 / 2),
        [1.0, 1.0],
        jac=lambda b: b,
        damping=0.5,
        **{form: sources[form]},
    )
    assert damped.success


def test_singular_where_the_matrix_is_not_a_fisher_matrix() -> None:
    result = natural_gradient(
        MODEL.loss, np.zeros(P), jac=MODEL.jac, fisherp=lambda b, v: -MODEL.fisherp(b, v)
    )
    assert result.outcome is Status.singular
    result = natural_gradient(MODEL.loss, np.zeros(P), jac=MODEL.jac, fisher=lambda b: -MODEL.fisher(b))
    assert result.outcome is Status.singular


@pytest.mark.parametrize("step", ["line_search", "trust_region"])
def test_no_progress_where_the_gradient_is_wrong(step: str) -> None:
    result = natural_gradient(
        MODEL.loss, np.zeros(P), jac=lambda b: -MODEL.jac(b), fisher=MODEL.fisher, step=step
    )
    assert result.outcome is Status.no_progress
    assert (result.nit, result.status) == (0, 2)
    np.testing.assert_array_equal(result.x, np.zeros(P))


def test_a_noisy_loss_ends_where_its_noise_hides_the_promise() -> None:
    """The whole step may be refused by noise of ten rounding errors, and promises less than that."""

    def noisy(b: Array) -> float:
        return MODEL.loss(b) * (1 + 2e-14 * np.sin(1e9 * b.sum()))

    result = natural_gradient(noisy, np.zeros(P), **GIVEN | OFF)
    assert result.outcome is Status.cost
    assert np.abs(result.x - GLMS["poisson"].irls()[0]).max() < 1e-6
