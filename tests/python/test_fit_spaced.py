"""Fits at equally spaced points, where the tape's exponentials are products."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import osculate

MODELS: dict[str, tuple[Callable[..., Any], list[float], list[float]]] = {
    "decay": (lambda t, a, k, c: a * np.exp(-k * t) + c, [2, 0.3, 0.5], [5, 2.0, 1]),
    "delayed": (lambda t, a, t0, s: a / (1 + np.exp(-(t - t0) / s)), [1, 3, 0.3], [4, 6, 2]),
    "rise": (lambda t, a, t0, s: a * (1 - np.exp((t0 - t) / s)), [1, -1, 2], [3, 0.5, 5]),
    "gaussian": (lambda t, a, m, s: a * np.exp(-(((t - m) / s) ** 2) / 2), [1, 3, 0.4], [4, 7, 3]),
    "two": (
        lambda t, a, m, s, b, k: a * np.exp(-((m - t) ** 2) / (2 * s * s)) + b * np.exp(-t / k),
        [1, 4, 0.5, 1, 1],
        [3, 6, 1.5, 2, 3],
    ),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("n", [8, 41, 200])
def test_spaced_points_give_the_fits_of_the_same_points_given_to_each_fit(
    name: str, dtype: Any, n: int
) -> None:
    f, low, high = MODELS[name]
    rng = np.random.default_rng(4)
    t = np.linspace(0, 10, n)
    truth = rng.uniform(low, high, (60, len(low)))
    y = f(t, *truth.T[:, :, np.newaxis]) + rng.normal(0, 0.02, (60, n))
    tight: dict[str, Any] = {"ftol": None, "xtol": 1e-11} if dtype == np.float64 else {}
    spaced, own = (
        osculate.fit(f, x, y, truth * 1.05, dtype=dtype, **tight) for x in (t, np.broadcast_to(t, y.shape))
    )
    assert spaced.path == own.path == "tape"
    both = spaced.success & own.success
    assert both.mean() > 0.8
    rtol = 1e-9 if dtype == np.float64 else 1e-4
    np.testing.assert_allclose(spaced.cost[both], own.cost[both], rtol=rtol, atol=1e-30)
    error = np.abs(spaced.params - own.params)[both]
    assert not np.any(error > 0.05 * own.stderr[both])  # NaN: not identified


@pytest.mark.parametrize("name", MODELS)
def test_costs_at_spaced_points_are_those_of_the_function(name: str) -> None:
    f, low, high = MODELS[name]
    rng = np.random.default_rng(5)
    t = np.linspace(-4, 60, 333)
    params = rng.uniform(low, high, (50, len(low)))
    params[::3, -1] *= 0.01  # too steep for products
    with np.errstate(all="ignore"):
        result = osculate.fit(f, t, np.zeros((50, len(t))), params, max_iterations=1, ftol=None)
        assert result.path == "tape"
        values = f(t, *result.params.T[:, :, np.newaxis])
        wanted = (values**2).sum(axis=1) / 2
    usable = np.isfinite(wanted) & np.isfinite(result.cost)
    assert usable.mean() > 0.6
    np.testing.assert_allclose(result.cost[usable], wanted[usable], rtol=1e-11, atol=1e-300)


def test_points_that_are_nearly_spaced_are_not_taken_for_it() -> None:
    f, low, high = MODELS["gaussian"]
    rng = np.random.default_rng(6)
    t = np.linspace(0, 10, 50) + rng.uniform(-1e-6, 1e-6, 50)
    truth = rng.uniform(low, high, (30, 3))
    y = f(t, *truth.T[:, :, np.newaxis])
    result = osculate.fit(f, t, y, truth * 1.05, ftol=None, xtol=1e-13)
    np.testing.assert_allclose(result.params, truth, rtol=1e-12)
