"""Every operation that can be traced: values as NumPy's, derivatives as complex steps' or differences'."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special as sp
from tracing import complex_step, differences, gradient, values

X = np.array([0.13, 0.31, 0.47, 0.62, 0.78, 0.93])
SPECIAL = np.array(
    [
        0.0,
        -0.0,
        0.5,
        -0.5,
        1.0,
        -1.0,
        2.0,
        -2.0,
        17.3,
        -17.3,
        1e-300,
        -1e-300,
        1e300,
        -1e300,
        np.inf,
        -np.inf,
        np.nan,
    ]
)
# Functions of one argument, those that NumPy has for complex numbers first.
ANALYTIC = [
    np.negative, np.positive, np.square, np.reciprocal, np.sqrt, np.exp, np.exp2, np.expm1, np.log, np.log2,
    np.log10, np.log1p, np.sin, np.cos, np.tan, np.arcsin, np.arccos, np.arctan, np.sinh, np.cosh, np.tanh,
    np.arcsinh, np.arctanh, sp.erf, sp.erfc, sp.ndtr, sp.log_ndtr, sp.expm1, sp.log1p,
]  # fmt: skip
REAL = [
    np.cbrt, np.absolute, np.fabs, np.sign, np.floor, np.ceil, np.trunc, np.deg2rad, np.radians, np.rad2deg,
    np.degrees, np.conjugate, np.isnan, np.isinf, np.isfinite, np.logical_not, sp.expit, sp.logit,
    sp.log_expit, sp.exp10, sp.exp2, sp.cbrt,
]  # fmt: skip
TWO_ANALYTIC = [np.add, np.subtract, np.multiply, np.divide, np.true_divide, np.power, np.float_power]
TWO = [
    np.arctan2, np.hypot, np.minimum, np.maximum, np.fmin, np.fmax, np.heaviside, np.mod, np.remainder,
    np.fmod, np.floor_divide, np.less, np.less_equal, np.greater, np.greater_equal, np.equal, np.not_equal,
    np.logical_and, np.logical_or, np.logical_xor, np.logaddexp, sp.xlogy, sp.xlog1py,
]  # fmt: skip


def name(function: Any) -> str:
    return f"{function.__name__}"


@pytest.mark.parametrize("function", [*ANALYTIC, *REAL, np.arccosh], ids=name)
def test_unary_value_everywhere(function: Callable[..., Any]) -> None:
    # A few units in the last place: formulas, and another libm than NumPy's SIMD loops. log_ndtr is 1e-13 by
    # its series, log10 and others near 1 are as good as their argument.
    x = np.concatenate([SPECIAL, X, -X, 1 + X, 30 * X, -30 * X])
    with np.errstate(all="ignore"):
        expected = np.asarray(function(x * 1.0), dtype=float)
    got = values(lambda t, a: function(t * a), x, 1.0)
    np.testing.assert_allclose(got, expected, rtol=2e-12, atol=0)


@pytest.mark.parametrize("function", ANALYTIC, ids=name)
def test_unary_derivative_is_the_complex_step(function: Callable[..., Any]) -> None:
    def f(x: Any, a: Any) -> Any:
        return function(x * a)

    # SciPy's complex functions are good to about 1e-13.
    np.testing.assert_allclose(gradient(f, X, 0.9), complex_step(f, X, 0.9), rtol=1e-12)


@pytest.mark.parametrize("function", [*REAL, *ANALYTIC], ids=name)
def test_unary_derivative_is_the_difference(function: Callable[..., Any]) -> None:
    def f(x: Any, a: Any) -> Any:
        return 1.0 * function(x * a)

    # fourth order: 1e-12 times the fifth derivative, here below 1e6, and rounding 1e-16 / 1e-3
    np.testing.assert_allclose(gradient(f, X, 0.9), differences(f, X, 0.9), rtol=1e-6, atol=1e-11)


def test_arccosh_derivative() -> None:
    np.testing.assert_allclose(
        gradient(lambda x, a: np.arccosh(x + a), X, 1.5), complex_step(lambda x, a: np.arccosh(x + a), X, 1.5)
    )


@pytest.mark.parametrize("function", [*TWO_ANALYTIC, *TWO], ids=name)
def test_binary_value_everywhere(function: Callable[..., Any]) -> None:
    first, second = (grid.ravel() for grid in np.meshgrid(SPECIAL, SPECIAL))
    near, other = (grid.ravel() for grid in np.meshgrid(np.concatenate([X, -X, 7.7 * X]), X))
    x = np.stack([np.concatenate([first, near]), np.concatenate([second, other])])
    with np.errstate(all="ignore"):
        expected = np.asarray(function(x[0], x[1]), dtype=float)
    got = values(lambda x, a: function(x[0] * a, x[1]), x, 1.0)
    if function in (np.mod, np.remainder, np.fmod, np.floor_divide):
        # By floor(a / b): as NumPy's loop for operands of comparable size.
        usual = np.isin(np.abs(x), np.abs(SPECIAL[2:10])).all(axis=0) | (np.arange(x.shape[1]) >= len(first))
        got, expected = got[usual], expected[usual]
    np.testing.assert_allclose(got, expected, rtol=4e-15, atol=1e-15)


@pytest.mark.parametrize("function", TWO_ANALYTIC, ids=name)
def test_binary_derivatives_are_complex_steps(function: Callable[..., Any]) -> None:
    def f(x: Any, a: Any, b: Any) -> Any:
        return function(x * a, x + b)

    np.testing.assert_allclose(gradient(f, X, 0.9, 1.7), complex_step(f, X, 0.9, 1.7), rtol=1e-13)


@pytest.mark.parametrize("function", TWO, ids=name)
def test_binary_derivatives_are_differences(function: Callable[..., Any]) -> None:
    def f(x: Any, a: Any, b: Any) -> Any:
        return 1.0 * function(3 * x * a, x + b)

    np.testing.assert_allclose(gradient(f, X, 0.9, 0.77), differences(f, X, 0.9, 0.77), rtol=1e-6, atol=1e-11)


@pytest.mark.parametrize("exponent", [-3, -2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2, 3, 7, 16, 17, 2.5, -0.3])
def test_power_with_a_constant_exponent(exponent: float) -> None:
    def f(x: Any, a: Any) -> Any:
        return (x * a) ** exponent

    moderate = SPECIAL[np.abs(SPECIAL) < 1e10]
    moderate = np.append(moderate[(moderate != 0) | ~np.signbit(moderate)], np.nan)  # 1 / sqrt(-0) is -inf
    with np.errstate(all="ignore"):
        expected = moderate ** float(exponent)
    got = values(lambda x, a: (x * a) ** exponent, moderate, 1.0)
    np.testing.assert_allclose(got, expected, rtol=5e-15)  # up to 4 products of half an ulp each, doubled
    np.testing.assert_allclose(gradient(f, X, 0.9), complex_step(f, X, 0.9), rtol=1e-13)


@pytest.mark.parametrize("base", [2.0, 10, 0.5, np.e])
def test_power_with_a_constant_base(base: float) -> None:
    def f(x: Any, a: Any) -> Any:
        return base ** (x * a)

    np.testing.assert_allclose(values(f, X, 0.9), f(X, 0.9), rtol=4e-16)
    np.testing.assert_allclose(gradient(f, X, 0.9), complex_step(f, X, 0.9), rtol=1e-14)


def test_derivatives_far_in_the_tails_are_finite() -> None:
    far = np.array([-1000.0, -40, -1, 0, 1, 40, 1000])
    density = np.exp(-np.minimum(np.abs(far), 700))
    np.testing.assert_allclose(
        gradient(lambda x, a: sp.expit(x + a), far, 0.0)[:, 0],
        density / (1 + density) ** 2,
        rtol=1e-14,
        atol=1e-300,
    )
    np.testing.assert_allclose(
        gradient(lambda x, a: sp.log_expit(x + a), far, 0.0)[:, 0], sp.expit(-far), rtol=1e-14, atol=1e-300
    )
    # the inverse Mills ratio, by SciPy's log_ndtr
    mills = np.exp(-0.5 * far**2 - 0.5 * np.log(2 * np.pi) - sp.log_ndtr(far))
    np.testing.assert_allclose(gradient(lambda x, a: sp.log_ndtr(x + a), far, 0.0)[:, 0], mills, rtol=1e-9)
    np.testing.assert_allclose(
        gradient(lambda x, a: np.logaddexp(x, a), far, 0.0)[:, 0], sp.expit(-far), rtol=1e-14, atol=1e-300
    )


SATURATING: list[tuple[str, Callable[..., Any]]] = [
    ("logistic", lambda x, a, b: a / (1 + np.exp(-b * x))),
    ("fermi", lambda x, a, b: 1 / (np.exp((x - a) * b) + 1)),
    ("planck", lambda x, a, b: a * np.abs(x) ** 3 / np.expm1(b * np.abs(x))),
    ("sech2", lambda x, a, b: a / np.cosh(b * x) ** 2),
    ("csch", lambda x, a, b: a / np.sinh(b * x)),
    ("gompertz", lambda x, a, b: a * np.exp(-np.exp(-b * x))),
    ("stretched", lambda x, a, b: np.exp(-(np.abs(x / a) ** (300 * b)))),
    (
        "nested",
        lambda x, a, b: np.tanh(np.exp(b * x)) + np.arctan(a * np.sinh(x)) - sp.erfc(a * np.exp(b * x)),
    ),
    ("hill", lambda x, a, b: 1 / (1 + np.abs(x / a) ** (300 * b))),
    ("base-2", lambda x, a, b: 1 / (a + 2 ** (b * x))),
]


@pytest.mark.parametrize("f", [f for _, f in SATURATING], ids=[label for label, _ in SATURATING])
def test_derivative_of_what_saturates_is_finite(f: Callable[..., Any]) -> None:
    """Where something inside overflows the value is constant, and its derivatives are 0."""
    x = np.array([-3000.0, -800, -30, -1, 1, 30, 800, 3000])
    with np.errstate(all="ignore"):
        expected = differences(f, x, 1.3, 0.9)
    found = gradient(f, x, 1.3, 0.9)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-9)


def test_derivatives_where_arctan2_and_hypot_have_none() -> None:
    x = np.array([0.0, 1.0])
    for f in (np.arctan2, np.hypot):
        found = gradient(lambda x, a, b, f=f: f(x - a, x - b), x, 0.0, 0.0)
        assert np.isfinite(found).all()
        np.testing.assert_array_equal(found[0], 0)
