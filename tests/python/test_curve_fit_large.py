"""`curve_fit` of large data, whose minimum the batch engine finds from a trace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.optimize

import osculate
from osculate import _curve_start

M = 20_000
X = np.linspace(0, 4, M)
TRUTH = (2.5, 1.3, 0.5)
P0 = (1.0, 1.0, 0.0)


def decay(x: Any, a: float, k: float, c: float) -> Any:
    return a * np.exp(-k * x) + c


Y = decay(X, *TRUTH) + 0.1 * np.random.default_rng(1).standard_normal(M)


class Counted:
    """A function that counts what it computes for arrays of numbers of M points."""

    def __init__(self, f: Callable[..., Any]) -> None:
        self.f, self.whole = f, 0

    def __call__(self, x: Any, *params: Any) -> Any:
        self.whole += isinstance(x, np.ndarray) and x.shape[-1] == M
        return self.f(x, *params)


def test_takes_few_evaluations_of_the_function_itself() -> None:
    counted = Counted(decay)
    popt, pcov, info, _, ier = osculate.curve_fit(counted, X, Y, P0, full_output=True)
    expected, covariance = scipy.optimize.curve_fit(decay, X, Y, P0)
    np.testing.assert_allclose(popt, expected, rtol=1e-6)
    np.testing.assert_allclose(pcov, covariance, rtol=1e-4)
    assert ier in (1, 2, 3, 4)
    np.testing.assert_array_equal(info["fvec"], decay(X, *popt) - Y)
    assert counted.whole <= 2 * (len(P0) + 1) + 1
    ordinary = Counted(decay)
    osculate.curve_fit(ordinary, X, Y, P0, jac="2-point")
    assert ordinary.whole > 2 * counted.whole


@pytest.mark.parametrize("sigma", [0.1, np.linspace(0.05, 0.2, M), -np.linspace(0.05, 0.2, M)])
@pytest.mark.parametrize("bounds", [(-np.inf, np.inf), ((0, 1.4, 0), (3, 3, np.inf))])
def test_weights_and_bounds_give_the_minimum_of_scipy(sigma: Any, bounds: Any) -> None:
    start = (1.0, 1.5, 0.1)
    popt, pcov = osculate.curve_fit(decay, X, Y, start, sigma, absolute_sigma=True, bounds=bounds)
    expected, covariance = scipy.optimize.curve_fit(
        decay, X, Y, start, sigma, absolute_sigma=True, bounds=bounds, ftol=1e-12, xtol=1e-12
    )
    np.testing.assert_allclose(popt, expected, rtol=1e-5)
    np.testing.assert_allclose(pcov, covariance, rtol=1e-3, atol=1e-9)


def test_functions_that_cannot_be_traced_take_the_ordinary_way() -> None:
    def normalized(x: Any, a: float, k: float, c: float) -> Any:
        curve = decay(x, a, k, c)
        return curve / curve.max() * a

    y = normalized(X, *TRUTH) + 0.01 * np.cos(50 * X)
    popt, _ = osculate.curve_fit(normalized, X, y, P0)
    expected, _ = scipy.optimize.curve_fit(normalized, X, y, P0)
    np.testing.assert_allclose(popt, expected, rtol=1e-5)


def test_a_trace_that_computes_something_else_is_not_used() -> None:
    def by_size(x: Any, a: float, k: float, c: float) -> Any:
        return decay(x, a, k, c) if type(x) is np.ndarray else decay(x, a, 2 * k, c)

    popt, _ = osculate.curve_fit(by_size, X, Y, P0)
    np.testing.assert_allclose(popt, scipy.optimize.curve_fit(decay, X, Y, P0)[0], rtol=1e-6)


@pytest.mark.parametrize(
    "case", [(X[:100], Y[:100]), (X.astype(np.float32), Y), (list(X), Y)], ids=["few", "float32", "list"]
)
def test_the_start_stays_where_the_tape_is_not_for(case: Any) -> None:
    x, y = case
    start = np.array(P0)
    assert _curve_start.minimum_on_tape(decay, x, np.asarray(y), None, start, (-np.inf, np.inf)) is start


def test_what_the_function_raises_comes_out() -> None:
    def fails(x: Any, a: float, k: float, c: float) -> Any:
        raise RuntimeError("no such curve")

    with pytest.raises(RuntimeError, match="no such curve"):
        osculate.curve_fit(fails, X, Y, [1.0] * 3)


def test_too_few_evaluations_are_an_error_as_ever() -> None:
    with pytest.raises(RuntimeError, match="maxfev"):
        osculate.curve_fit(decay, X, Y, (50.0, 9.0, -7.0), maxfev=5)
