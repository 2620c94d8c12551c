"""osculate.natural_gradient and its callbacks: what they raise, return, write to or call; small problems."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from glm_cases import GLMS, N, P, X
from numpy.typing import NDArray
from test_natural_gradient import MODEL, solve

from osculate import natural_gradient

Array = NDArray[Any]
GIVEN: dict[str, Any] = {"jac": MODEL.jac, "fisher": MODEL.fisher}


class SomeError(Exception):
    pass


@pytest.mark.parametrize(
    "which", ["loss", "jac", "fisher", "fisherp", "scores", "model", "model_jac", "callback"]
)
@pytest.mark.parametrize("call", [1, 2])
def test_an_exception_comes_out_as_the_same_object(which: str, call: int) -> None:
    raised, count = SomeError("here"), 0

    def failing(*arguments: Any, **named: Any) -> Any:
        nonlocal count
        count += 1
        if count == call:
            raise raised
        return None if which == "callback" else given[which](*arguments, **named)

    given: dict[str, Any] = {"loss": MODEL.loss, "jac": MODEL.jac, "fisher": MODEL.fisher}
    if which in ("fisherp", "scores"):
        given = {"loss": MODEL.loss, "jac": MODEL.jac, which: getattr(MODEL, which)}
    if which.startswith("model"):
        given = {"model": X.dot, "model_jac": lambda b: X, "family": "poisson", "targets": MODEL.y}
    changed = given | {which: failing}
    with pytest.raises(SomeError) as caught:
        natural_gradient(changed.pop("loss", None), np.zeros(P), **changed)
    assert caught.value is raised


def test_callbacks_may_solve_themselves() -> None:
    inner = solve("gamma")

    def fisher(b: Array) -> Array:
        again = solve("gamma")
        np.testing.assert_array_equal(again.x, inner.x)
        return MODEL.fisher(b)

    result = natural_gradient(MODEL.loss, np.zeros(P), jac=MODEL.jac, fisher=fisher)
    np.testing.assert_array_equal(result.x, natural_gradient(MODEL.loss, np.zeros(P), **GIVEN).x)


def test_what_callbacks_write_to_their_arguments_changes_nothing() -> None:
    def spoiled(function: Any) -> Any:
        def call(b: Array) -> Any:
            out = function(b)
            if b.flags.writeable:
                b[:] = 77
            return out

        return call

    plain = natural_gradient(MODEL.loss, np.zeros(P), **GIVEN)
    result = natural_gradient(
        spoiled(MODEL.loss), np.zeros(P), jac=spoiled(MODEL.jac), fisher=spoiled(MODEL.fisher),
        callback=spoiled(lambda b: None),
    )  # fmt: skip
    np.testing.assert_array_equal(result.x, plain.x)


def test_results_hold_arrays_of_their_own() -> None:
    matrix, slope = np.eye(P), np.empty(P)

    def jac(b: Array) -> Array:
        slope[:] = b - 1
        return slope

    start = np.zeros(P)
    result = natural_gradient(
        lambda b: float((b - 1) @ (b - 1) / 2), start, jac=jac, fisher=lambda b: matrix, learning_rate=0.5
    )
    assert result.success
    for array in (result.x, result.jac, result.fisher):
        assert not any(np.shares_memory(array, theirs) for theirs in (matrix, slope, start))
    np.testing.assert_array_equal(result.fisher, np.eye(P))


def test_layouts_and_types_of_what_callbacks_return() -> None:
    plain = natural_gradient(MODEL.loss, np.zeros(P), **GIVEN)
    result = natural_gradient(
        lambda b: np.array([MODEL.loss(b)]),
        np.zeros(P),
        jac=lambda b: list(MODEL.jac(b)),
        fisher=lambda b: np.asfortranarray(MODEL.fisher(b)),
    )
    np.testing.assert_allclose(result.x, plain.x, rtol=1e-12)
    single = natural_gradient(
        None, np.zeros(P), model=lambda b: (X @ b).astype(np.float32), model_jac=X.astype(np.float32)[:, ::1],
        family="poisson", targets=MODEL.y, gtol=1e-5,
    )  # fmt: skip
    assert single.success
    assert single.x.dtype == np.float64
    np.testing.assert_allclose(single.x, plain.x, atol=1e-4)


def test_one_sample_and_one_parameter() -> None:
    result = natural_gradient(
        None, [0.0], model=lambda b: b, model_jac=[[1.0]], family="poisson", targets=[3.0]
    )
    assert result.success
    assert result.x[0] == pytest.approx(np.log(3), abs=1e-8)
    assert result.stderr[0] == pytest.approx(1 / np.sqrt(3), rel=1e-7)
    assert np.isnan(result.dispersion)


def test_bits_do_not_depend_on_threads() -> None:
    one, two = (solve("bernoulli", threads=threads) for threads in (1, 2))
    np.testing.assert_array_equal(one.x, two.x)
    np.testing.assert_array_equal(one.trace, two.trace)
    assert one.x.shape == (P,)
    assert N > P


def test_extra_arguments_reach_every_function() -> None:
    power = 2.0

    def loss(b: Array, p: float) -> float:
        return MODEL.loss(b) + 0 * p if p == power else math.nan

    def jac(b: Array, p: float) -> Array:
        return MODEL.jac(b) * (p == power)

    for given in (
        {"fisher": lambda b, p: MODEL.fisher(b) * (p == power)},
        {"fisherp": lambda b, v, p: MODEL.fisherp(b, v) * (p == power)},
        {"scores": lambda b, p: MODEL.scores(b) * (p == power)},
        {
            "model": lambda b, p: X @ b * (p == power),
            "model_jac": lambda b, p: X * (p == power),
            "family": "poisson",
        },
    ):
        result = natural_gradient(loss, np.zeros(P), (power,), jac=jac, **given)
        assert result.success
        np.testing.assert_allclose(result.x, GLMS["poisson"].irls()[0], atol=1e-7)
