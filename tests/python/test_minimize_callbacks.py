"""Functions that `minimize` calls back: what they raise, return wrongly or do on the way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import rosen, rosen_der, rosen_hess, rosen_hess_prod

from osculate import Status, minimize

METHODS = ("newton", "newton-linesearch", "newton-cg", "hessian-free")
GIVEN: dict[str, Any] = {"jac": rosen_der, "hess": rosen_hess}
START = [-1.2, 1.0]


class SomeError(Exception):
    pass


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("which", ["fun", "jac", "hess"])
@pytest.mark.parametrize("call", [1, 3])
def test_an_exception_comes_out_as_the_same_object(method: str, which: str, call: int) -> None:
    raised = SomeError("here")
    calls = 0

    def failing(x: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == call:
            raise raised
        return {"fun": rosen, "jac": rosen_der, "hess": rosen_hess}[which](x)

    given = {"fun": rosen, **GIVEN, which: failing}
    with pytest.raises(SomeError) as caught:
        minimize(given.pop("fun"), START, method=method, **given)
    assert caught.value is raised


def test_an_exception_of_hessp_comes_out() -> None:
    def hessp(x: Any, v: Any) -> Any:
        raise SomeError

    with pytest.raises(SomeError):
        minimize(rosen, START, jac=rosen_der, hessp=hessp)


@pytest.mark.parametrize("method", METHODS)
def test_a_callback_watches_and_stops(method: str) -> None:
    seen: list[NDArray[Any]] = []

    def watch(xk: Any) -> None:
        seen.append(xk)
        if len(seen) == 3:
            raise StopIteration

    result = minimize(rosen, START, method=method, callback=watch, **GIVEN)
    assert result.outcome is Status.user_stop
    assert result.status == 99
    assert not result.success
    assert result.nit == 3
    np.testing.assert_array_equal(result.x, seen[-1])


def test_a_callback_of_an_intermediate_result() -> None:
    states: list[Any] = []

    def watch(intermediate_result: Any) -> None:
        states.append(intermediate_result)

    result = minimize(rosen, START, callback=watch, **GIVEN)
    assert [s.nit for s in states] == list(range(1, result.nit + 1))
    assert states[-1].fun == result.fun
    np.testing.assert_array_equal(states[-1].x, result.x)
    np.testing.assert_array_equal(states[-1].jac, result.jac)
    assert [s.fun for s in states] == sorted((s.fun for s in states), reverse=True)


@pytest.mark.parametrize("method", METHODS)
def test_arguments_are_passed_on(method: str) -> None:
    result = minimize(
        lambda x, a, b: ((x - a) ** 2).sum() * b,
        [0.0, 0.0],
        (3.0, 2.0),
        method=method,
        jac=lambda x, a, b: 2 * b * (x - a),
        hess=lambda x, a, b: 2 * b * np.eye(2),
    )
    np.testing.assert_allclose(result.x, 3)
    result = minimize(lambda x, a: ((x - a) ** 2).sum(), [0.0], args=4.0, method=method)
    np.testing.assert_allclose(result.x, 4, rtol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_a_function_may_change_its_argument(method: str) -> None:
    def spoils(f: Any) -> Any:
        def g(x: Any) -> Any:
            value = f(x.copy())
            x[:] = np.nan
            return value

        return g

    result = minimize(spoils(rosen), START, method=method, jac=spoils(rosen_der), hess=spoils(rosen_hess))
    np.testing.assert_allclose(result.x, 1, atol=1e-8)


@pytest.mark.parametrize("method", METHODS)
def test_a_function_may_minimize_another(method: str) -> None:
    def outer(x: Any) -> Any:
        inner = minimize(lambda y: (y[0] - x[0]) ** 2, [0.0], jac=lambda y: 2 * (y - x[0]), method=method)
        return (inner.x[0] - 2) ** 2 + x[1] ** 2

    result = minimize(outer, [0.0, 1.0], method=method)
    np.testing.assert_allclose(result.x, [2, 0], atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_shorten_the_step(method: str, bad: float) -> None:
    def walled(x: Any) -> Any:
        return rosen(x) if x[0] < 1.1 else bad

    result = minimize(walled, START, method=method, **GIVEN)
    assert result.success
    np.testing.assert_allclose(result.x, 1, atol=1e-7)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("which", ["fun", "jac", "hess"])
def test_what_is_not_finite_at_the_start_is_no_success(method: str, which: str) -> None:
    bad = {
        "fun": lambda x: np.nan,
        "jac": lambda x: np.full(2, np.nan),
        "hess": lambda x: np.full((2, 2), np.inf),
    }
    given = {"fun": rosen, **GIVEN, which: bad[which]}
    result = minimize(given.pop("fun"), START, method=method, **given)
    assert not result.success
    if which == "hess":  # one such point is stepped over where the Hessian is a matrix
        assert rosen(result.x) <= rosen(START)
    else:
        np.testing.assert_array_equal(result.x, START)


WRONG: list[tuple[str, Any, type[Exception], str]] = [
    ("fun", lambda x: None, TypeError, "minimize: fun must return an array of numbers, got None"),
    (
        "fun",
        lambda x: x,
        ValueError,
        "minimize: fun must return a number, got an array of 2",
    ),
    ("fun", lambda x: 1j, TypeError, "minimize: fun must return real numbers, got complex ones"),
    ("fun", lambda x: "1", TypeError, "minimize: fun must return numbers"),
    ("jac", lambda x: x[:1], ValueError, r"minimize: jac must return shape \(2,\)"),
    ("jac", lambda x: np.eye(2), ValueError, r"minimize: jac must return a 1-D array, got shape \(2, 2\)"),
    ("jac", lambda x: None, TypeError, "minimize: jac must return an array of numbers, got None"),
    ("hess", lambda x: x, ValueError, r"minimize: hess must return an array of shape \(2, 2\)"),
    ("hess", lambda x: np.eye(3), ValueError, r"minimize: hess must return an array of shape \(2, 2\)"),
]


@pytest.mark.parametrize(("which", "bad", "error", "message"), WRONG, ids=range(len(WRONG)))
def test_wrong_returns_name_function_and_shape(which: str, bad: Any, error: Any, message: str) -> None:
    given = {"fun": rosen, **GIVEN, which: bad}
    with pytest.raises(error, match=f"^{message}"):
        minimize(given.pop("fun"), START, **given)


def test_wrong_products_and_pairs() -> None:
    with pytest.raises(ValueError, match=r"^minimize: hessp must return shape \(2,\)"):
        minimize(rosen, START, jac=rosen_der, hessp=lambda x, v: v[:1])
    with pytest.raises(TypeError, match=r"^minimize: fun with jac=True must return a tuple"):
        minimize(rosen, START, jac=True)
    with pytest.raises(TypeError, match=r"^minimize: jac='cs' needs a function of complex numbers"):
        minimize(lambda x: float(np.real(x[0])) ** 2, [1.0], jac="cs")


def test_products_are_of_the_point_they_are_asked_at() -> None:
    asked: list[NDArray[Any]] = []

    def hessp(x: Any, v: Any) -> Any:
        asked.append(x.copy())
        return rosen_hess_prod(x, v)

    points: list[NDArray[Any]] = [np.array(START)]
    minimize(rosen, START, jac=rosen_der, hessp=hessp, callback=lambda xk: points.append(xk))
    assert all(any(np.array_equal(x, point) for point in points) for x in asked)
