"""The comparison of a trace with the function itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tracing import traced

N = 40
X = np.linspace(0.1, 4.0, N)


def test_verification_reports_the_point_and_both_values() -> None:
    calls = []

    def two_faced(x: Any, a: Any) -> Any:
        calls.append(x)
        return a * x if len(calls) == 1 else a * x + (x == X[17])

    reason = traced(two_faced, X, 1).verify(two_faced, X, np.array([2.0]))
    assert reason is not None
    assert f"at point 17 (x = {X[17]:.6g}) for parameters (2)" in reason
    assert f"{2 * X[17]:.10g} traced, {2 * X[17] + 1:.10g} expected" in reason


def test_verification_finds_random_functions() -> None:
    random = np.random.default_rng(0)

    def f(x: Any, a: Any) -> Any:
        return a * x + random.normal(size=x.shape)

    reason = traced(f, X, 1).verify(f, X, np.array([2.0]))
    assert reason is not None
    assert "differs from the function at point 0" in reason


def test_verification_sees_what_depends_on_the_value_of_a_parameter() -> None:
    def f(x: Any, a: Any) -> Any:
        return a * x if isinstance(a, float) else 2 * x

    # at a = 2 both are the same: the perturbed parameter tells them apart
    reason = traced(f, X, 1).verify(f, X, np.array([2.0]))
    assert reason is not None
    assert "for parameters (2.001)" in reason


def test_verification_compares_nan_and_infinities() -> None:
    x = np.array([-1.0, 0.0, 1.0])
    assert traced(lambda x, a: np.log(x) * a, x, 1).verify(lambda x, a: np.log(x) * a, x, np.ones(1)) is None
    t = traced(lambda x, a: np.log(x) * a, x, 1)
    with np.errstate(all="ignore"):
        reason = t.verify(lambda x, a: np.log(np.abs(x)) * a, x, np.ones(1))
        assert reason is not None
        assert "point 0 (x = -1)" in reason
        assert "nan traced, 0 expected" in reason
        reason = t.verify(lambda x, a: np.where(x == 0, 1.0, np.log(x)) * a, x, np.ones(1))
        assert reason is not None
        assert "-inf traced, 1 expected" in reason


def test_verification_gives_at_most_64_points_to_the_function() -> None:
    x = np.linspace(0, 1, 1000)
    sizes = []

    def f(x: Any, a: Any) -> Any:
        sizes.append(x.size)
        return a * x

    t = traced(f, x, 1)
    assert t.verify(f, x, np.ones(1)) is None
    assert sizes == [1000, 64, 64]


def test_verification_gives_all_points_where_the_function_needs_them() -> None:
    x = np.linspace(0, 1, 1000)
    weights = np.cos(x)
    uniform = np.ones(1000)

    def by_array(x: Any, a: Any) -> Any:
        return a * x * weights

    def by_constant_array(x: Any, a: Any) -> Any:
        return a * x * uniform  # no array in the graph

    def by_size(x: Any, a: Any) -> Any:
        return a * x / x.size

    for f in (by_array, by_constant_array, by_size):
        assert traced(f, x, 1).verify(f, x, np.ones(1)) is None


def test_verification_passes_the_functions_own_exceptions() -> None:
    class OwnError(Exception):
        pass

    def f(x: Any, a: Any) -> Any:
        if isinstance(x, np.ndarray):
            raise OwnError("mine")
        return a * x

    with pytest.raises(OwnError, match="mine"):
        traced(f, X, 1).verify(f, X, np.ones(1))


def test_verification_takes_a_refusal_near_the_start_for_no_difference() -> None:
    def f(x: Any, a: Any) -> Any:
        if isinstance(a, float) and a != 1.0:
            raise ValueError("only 1")
        return a * x

    assert traced(f, X, 1).verify(f, X, np.ones(1)) is None


def test_verification_of_results_of_other_shapes_and_kinds() -> None:
    t = traced(lambda x, a: a * x, X, 1)
    assert "complex numbers" in (t.verify(lambda x, a: a * x + 0j, X, np.ones(1)) or "")
    assert "array of object" in (t.verify(lambda x, a: (a * x).astype(object), X, np.ones(1)) or "")
    assert "shape (39,)" in (t.verify(lambda x, a: a * x[1:], X, np.ones(1)) or "")
    assert "shape (40, 1)" in (t.verify(lambda x, a: a * x[:, None], X, np.ones(1)) or "")


def test_verification_allows_for_cancellation() -> None:
    def f(x: Any, a: Any, b: Any) -> Any:
        return np.cosh(a * x) ** 2 - np.sinh(a * x) ** 2 + b  # terms of 1e11 make 1, give or take 1e-5

    x = np.linspace(12.0, 13.5, 20)
    t = traced(f, x, 2)
    assert t.verify(f, x, np.array([1.0, 0.0])) is None
    assert t.verify(lambda x, a, b: f(x, a, b) + 0.1, x, np.array([1.0, 0.0])) is not None
