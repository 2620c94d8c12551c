"""`check_derivatives` where rounding, narrow functions, edges of domains and units make it hard."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from derivative_cases import X, real
from scipy.optimize import rosen, rosen_der, rosen_hess

from osculate import check_derivatives


def test_nothing_is_invented_where_rounding_hides_the_derivative() -> None:
    # at a minimum the gradient is rounding alone; beside 1e16 f changes by less than half an ulp
    assert check_derivatives(rosen, np.ones(4) * (1 + 1e-12), rosen_der, rosen_hess)
    check = check_derivatives(real(lambda x: 1e16 + x[0]), [1.0], lambda x: np.array([2.0]))
    assert check.jac is not None
    assert check.ok
    assert check.jac.unresolved.all()
    assert "1 cannot be told from rounding" in repr(check)


def test_cancellation_and_single_precision() -> None:
    def cancels(x: Any) -> Any:
        return (x[0] + 1e9) - 1e9 + x[1] ** 2

    assert check_derivatives(real(cancels), [1.0, 2.0], lambda x: np.array([1.0, 2 * x[1]]))
    assert not check_derivatives(real(cancels), [1.0, 2.0], lambda x: np.array([2.0, 2 * x[1]]))

    def single(x: Any) -> Any:
        return float(np.sum(np.sin(x.astype(np.float32)) ** 2))

    def double_sine(x: Any) -> Any:
        x = x.astype(np.float32)
        return 2 * np.sin(x) * np.cos(x)

    assert check_derivatives(real(single), X, lambda x: np.sin(2 * x), lambda x: np.diag(2 * np.cos(2 * x)))
    assert check_derivatives(real(single), X, double_sine, lambda x: np.diag(2 * np.cos(2 * x)))
    assert not check_derivatives(real(single), X, lambda x: 2 * np.sin(2 * x))


def test_functions_that_drop_or_spoil_complex_numbers() -> None:
    for f in (lambda x: np.sum(np.abs(x) ** 2), lambda x: np.sum(x.real**2), lambda x: np.vdot(x, x)):
        assert check_derivatives(f, X, lambda x: 2 * x)
        assert not check_derivatives(f, X, lambda x: 3 * x)


def test_narrow_functions_are_not_taken_for_constants() -> None:
    def bump(x: Any) -> Any:
        return math.exp(-((x[0] / 1e-8) ** 2))

    def slope(x: Any) -> Any:
        return np.array([-2 * x[0] / 1e-16 * bump(x)])

    assert check_derivatives(bump, [5e-9], slope)
    assert not check_derivatives(bump, [5e-9], lambda x: 0 * x)
    assert check_derivatives(lambda x: math.sin(1e8 * x[0]), [1.0], lambda x: [1e8 * math.cos(1e8 * x[0])])


def test_steps_may_leave_the_domain() -> None:
    x = np.array([1e-5, 3.0])

    def slope(x: Any) -> Any:
        return [1 / x[0], 0.5 / x[1] ** 0.5]

    assert check_derivatives(lambda x: math.log(x[0]) + math.sqrt(x[1]), x, slope)
    assert check_derivatives(lambda x: math.log(x[0]) + float(x[1]) ** 0.5, [1e-5, 1e-3], slope)
    assert check_derivatives(lambda x: np.sum(np.log(x)), x, lambda x: 1 / x, lambda x: np.diag(-1 / x**2))
    assert not check_derivatives(lambda x: np.sum(np.log(x)), x, lambda x: 1 / x, lambda x: np.diag(1 / x**2))


@pytest.mark.parametrize("seed", range(30))
def test_random_polynomials(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 6))
    units = 10.0 ** rng.uniform(-6, 6, n)
    A, b, c = rng.standard_normal((n, n)), rng.standard_normal(n), 10.0 ** rng.uniform(-3, 3)

    def fun(x: Any) -> Any:
        z = x / units
        return c * (np.sum((A @ z) ** 4) + b @ z)

    def jac(x: Any) -> Any:
        return c * (4 * A.T @ (A @ (x / units)) ** 3 + b) / units

    def hess(x: Any) -> Any:
        return 12 * c * (A.T * (A @ (x / units)) ** 2) @ A / np.outer(units, units)

    x = units * rng.standard_normal(n)
    form = real if seed % 2 else lambda f: f
    check = check_derivatives(form(fun), x, form(jac), hess, lambda x, v: hess(x) @ v)
    assert check.ok, check
    i, j = rng.integers(n, size=2)
    wrong = np.ones((n, n))
    wrong[i, j] = 1 + 10.0 ** rng.uniform(-3, 1)
    check = check_derivatives(form(fun), x, form(lambda x: jac(x) * wrong[i]), lambda x: hess(x) * wrong)
    assert check.jac is not None
    assert check.hess is not None
    np.testing.assert_array_equal(check.jac.wrong, wrong[i] != 1)
    np.testing.assert_array_equal(check.hess.wrong, wrong != 1)
