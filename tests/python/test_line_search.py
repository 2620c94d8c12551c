"""`linalg.line_search`: the strong Wolfe conditions on More & Thuente's functions, callbacks, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from refusals import refused
from scipy.optimize import rosen, rosen_der

from osculate.linalg import line_search

LINES: list[tuple[Any, Any]] = [  # phi and phi', downhill from 0
    (lambda t: -t / (t * t + 2), lambda t: (t * t - 2) / (t * t + 2) ** 2),
    (
        lambda t: (t + 0.004) ** 5 - 2 * (t + 0.004) ** 4,
        lambda t: 5 * (t + 0.004) ** 4 - 8 * (t + 0.004) ** 3,
    ),
    (lambda t: np.exp(t) - 20 * t, lambda t: np.exp(t) - 20),
]


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize("first", [1e-3, 1.0, 1e3])
@pytest.mark.parametrize("line", LINES, ids=range(len(LINES)))
def test_both_conditions_hold(line: Any, first: float) -> None:
    phi, slope = line
    result = line_search(
        lambda x: float(phi(x[0])),
        lambda x: np.array([slope(x[0])]),
        [0.0],
        [1.0],
        c1=1e-3,
        c2=0.1,
        first=first,
    )
    assert result.success
    assert result.reason == "wolfe"
    assert result.fun == phi(result.step) <= phi(0.0) + 1e-3 * result.step * slope(0.0)
    assert abs(result.jac[0]) <= 0.1 * abs(slope(0.0))
    assert result.nfev <= 21
    assert result.x[0] == result.step


@pytest.mark.parametrize("fused", [False, True])
def test_rosenbrock_along_the_gradient(fused: bool) -> None:
    x = np.array([-1.2, 1.0, 2.0])
    d = -rosen_der(x)
    calls = []

    def f(at: Any) -> Any:
        calls.append(at)
        return (rosen(at), rosen_der(at)) if fused else rosen(at)

    result = line_search(f, True if fused else rosen_der, x, d, c2=0.01)
    assert result.success
    assert len(calls) == result.nfev
    assert result.njev == (0 if fused else result.nfev)
    # Two roundings or, with a fused multiply-add, one: half an ulp of the product and of the sum.
    eps = np.finfo(float).eps
    off = np.abs(result.x - (x + result.step * d))
    assert np.all(off <= eps * (np.abs(result.step * d) + np.abs(result.x)))
    np.testing.assert_array_equal(result.jac, rosen_der(result.x))
    assert abs(result.jac @ d) <= 0.01 * (d @ d)


def test_a_wall_of_nan_and_the_longest_step() -> None:
    def f(x: Any) -> float:
        return float((x[0] - 3) ** 2) if x[0] < 2 else np.nan

    wall = line_search(f, lambda x: 2 * (x - 3), [0.0], [1.0], c2=0.5, first=100.0)
    assert wall.success
    assert 1.5 <= wall.step < 2
    short = line_search(lambda x: float(-x[0]), lambda x: -np.ones(1), [0.0], [1.0], longest=7.0)
    assert (short.reason, short.step, short.success) == ("longest", 7.0, True)


def test_what_fails_says_why() -> None:
    x, g = [1.0, 2.0], lambda x: 2 * x
    uphill = line_search(lambda x: float(x @ x), g, x, [1.0, 0.0])
    assert (uphill.reason, uphill.step, uphill.success) == ("not_downhill", 0.0, False)
    wrong = line_search(lambda x: float(x @ x), lambda x: -2 * x, x, [1.0, 0.0], max_evaluations=200)
    assert (wrong.reason, wrong.step) == ("no_progress", 0.0)
    np.testing.assert_array_equal(wrong.x, x)
    assert "check the gradient" in wrong.message
    few = line_search(lambda x: float(x @ x), g, x, [-1e-3, -2e-3], c2=0.1, max_evaluations=1)
    assert (few.reason, few.step, few.nfev) == ("decrease", 1.0, 2)
    assert "reason: decrease" in repr(few)


def test_exceptions_come_out_as_they_are() -> None:
    error = RuntimeError("mine")

    def f(x: Any) -> float:
        raise error

    with pytest.raises(RuntimeError) as caught:
        line_search(f, lambda x: x, [1.0], [1.0])
    assert caught.value is error


BAD: list[tuple[dict[str, Any], type[Exception], tuple[str, ...]]] = [
    ({"fun": 3}, TypeError, ("line_search: fun must be callable, got 3",)),
    ({"jac": "2-point"}, TypeError, ("line_search: jac must be callable or True, got '2-point'",)),
    ({"x": [np.nan, 1.0]}, ValueError, ("line_search: x must be finite, got x[0] = nan",)),
    ({"d": [1.0]}, ValueError, ("line_search: d must have shape (2,) as x has, got shape (1,)",)),
    ({"c1": 0.0}, ValueError, ("line_search: c1 must be positive and finite, got 0.0",)),
    ({"c1": 1.5}, ValueError, ("line_search: c1 must be between 0 and 1, got 1.5",)),
    ({"c2": 1e-5}, ValueError, ("line_search: c2 must be between c1 and 1, got 1e-05",)),
    ({"first": 0.0}, ValueError, ("line_search: first must be positive",)),
    ({"shortest": 2.0, "longest": 1.0}, ValueError, ("line_search: longest must be longer than",)),
    ({"max_evaluations": 0}, ValueError, ("line_search: max_evaluations must be at least 1, got 0",)),
    ({"fun": lambda x: x}, ValueError, ("line_search: fun must return a number",)),
    ({"jac": lambda x: x[0]}, ValueError, ("line_search: jac must return shape (2,)",)),
    ({"jac": True}, TypeError, ("line_search: fun with jac=True must return a tuple",)),
]


@pytest.mark.parametrize(("change", "error", "fragments"), BAD, ids=range(len(BAD)))
def test_refusals(change: dict[str, Any], error: type[Exception], fragments: tuple[str, ...]) -> None:
    given: dict[str, Any] = {"fun": rosen, "jac": rosen_der, "x": [0.0, 1.0], "d": [1.0, 0.0], **change}
    refused(lambda: line_search(**given), error, *fragments)
