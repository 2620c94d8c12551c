"""Every operation that can be traced: values as NumPy's, derivatives as complex steps' or differences'."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special as sp
from tracing import complex_step, differences, gradient, traced, values, why_not

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


FUNCTIONS: list[tuple[str, Callable[..., Any]]] = [
    ("where", lambda x, a, b: np.where(x > a, x * b, x + a)),
    ("where-number", lambda x, a, b: np.where(x > a, 1, b)),
    ("select", lambda x, a, b: np.select([x < a, x < b], [a * x, x**2 * b], a + b)),
    ("select-default", lambda x, a, b: np.select([x < a, x < b], [a * x, b])),
    ("piecewise", lambda x, a, b: np.piecewise(x, [x < a, x > 0.5], [lambda u: u * a, lambda u: u**2 * b])),
    ("piecewise-else", lambda x, a, b: np.piecewise(x, [x < a], [lambda u: u * a, lambda u: np.exp(b * u)])),
    ("piecewise-mask", lambda x, a, b: np.piecewise(x, x < a, [b, -1]) * b),
    ("piecewise-arguments", lambda x, a, b: np.piecewise(x, [x < a], [lambda u, c: u * c, 2.0], b)),
    ("clip", lambda x, a, b: np.clip(x * b, a / 2, 0.5)),
    ("clip-none", lambda x, a, b: np.clip(x * b, None, a) + np.clip(x * a, b, None)),
    ("clip-method", lambda x, a, b: (x * b).clip(a / 2, 0.5)),
    ("zeros_like", lambda x, a, b: np.zeros_like(x) + a * b),
    ("ones_like", lambda x, a, b: a * np.ones_like(x) * b),
    ("full_like", lambda x, a, b: np.full_like(x, 3.0) * np.full_like(x, a) * b),
    ("empty_like", lambda x, a, b: np.multiply(x, a, out=np.empty_like(x)) * b),
    ("polyval", lambda x, a, b: np.polyval([a, b, 2.0, 0], x)),
    ("polyval-array", lambda x, a, b: np.polyval(np.array([1.0, 2, 3]), a * x) * b),
    ("poly1d", lambda x, a, b: np.poly1d([1.0, 2, 3])(a * x + b)),
    ("polynomial", lambda x, a, b: np.polynomial.Polynomial([1.0, 2, 3])(x) * a + b),
    ("chebval", lambda x, a, b: np.polynomial.chebyshev.chebval(x * a, [1.0, 2, 3]) * b),
    ("sinc", lambda x, a, b: np.sinc(x - a) * b),
    ("real", lambda x, a, b: np.real(x * a).real * b + np.imag(x * a) + (x * a).imag),
    ("conj", lambda x, a, b: np.conj(x * a).conj() * b),
    ("nan_to_num", lambda x, a, b: np.nan_to_num(a * x + b)),
    ("isclose", lambda x, a, b: np.where(np.isclose(x, 0.47), a, b)),
    ("atleast_1d", lambda x, a, b: np.atleast_1d(x) * a + np.atleast_1d(b)),
    ("asarray", lambda x, a, b: np.asarray(x, dtype=float) * a + b),
    ("array", lambda x, a, b: np.array(x, dtype=np.float64) * a + b),
    ("squeeze", lambda x, a, b: np.squeeze(a * x) + b),
    ("ravel", lambda x, a, b: np.ravel(a * x) + (b * x).ravel() + (b * x).flatten()),
    ("reshape", lambda x, a, b: np.reshape(a * x, -1) + (b * x).reshape(x.shape)),
    ("broadcast_to", lambda x, a, b: np.broadcast_to(a, x.shape) * np.broadcast_to(b, np.shape(x))),
    ("broadcast_arrays", lambda x, a, b: sum(np.broadcast_arrays(x, a, b))),
    ("copy", lambda x, a, b: np.copy(x) * a + (x * b).copy()),
    ("copyto", lambda x, a, b: _copied(x, a, b)),
    ("fix", lambda x, a, b: np.fix(5 * x * a - 2) * b),
    ("shape", lambda x, a, b: a * x / np.size(x) + b * np.shape(x)[0] + np.ndim(x) + len(x) + x.size),
    ("result_type", lambda x, a, b: a * x.astype(np.result_type(x, 1.0)) + b),
    ("is", lambda x, a, b: a * x if np.isrealobj(x) and not np.iscomplexobj(x) else b),
    ("isreal", lambda x, a, b: np.where(np.isreal(x), a, b) * x),
    ("divmod", lambda x, a, b: sum(divmod(5 * x, a)) * b),
    ("masks-of-masks", lambda x, a, b: a * (x > 0.4) * (x < 0.9) + b * ((x > 0.4) + (x < 0.5))),
    ("astype", lambda x, a, b: a * (x > 0.4).astype(float) + b * (x > 0.8).astype(int) + x.astype("f8")),
    ("astype-bool", lambda x, a, b: np.where((x * a).astype(bool), b, a)),
]  # fmt: skip


def _copied(x: Any, a: Any, b: Any) -> Any:
    y = np.zeros(x.shape)
    np.copyto(y, x * a)
    return y * b


@pytest.mark.parametrize("f", [f for _, f in FUNCTIONS], ids=[label for label, _ in FUNCTIONS])
def test_function_of_numpy(f: Callable[..., Any]) -> None:
    expected = np.broadcast_to(f(X, 0.4, 0.7), X.shape)
    np.testing.assert_allclose(values(f, X, 0.4, 0.7), expected, rtol=1e-14)
    np.testing.assert_allclose(
        gradient(f, X, 0.4, 0.7), differences(f, X, 0.4, 0.7), rtol=1e-8, atol=1e-11
    )  # no kink within 2e-3 of any point
    assert traced(f, X, 2).verify(f, X, np.array([0.4, 0.7])) is None


def test_nan_to_num_replaces_as_numpy() -> None:
    def f(x: Any, a: Any) -> Any:
        y = x * a
        np.nan_to_num(y, copy=False, nan=5.0, neginf=-7.0)
        return y

    x = np.array([1.0, np.nan, np.inf, -np.inf])
    np.testing.assert_array_equal(values(f, x, 1.0), f(x, 1.0))


def test_sinc_at_zero() -> None:
    x = np.array([0.0, 0.25])
    assert values(lambda t, a: np.sinc(t - a), x, 0.0)[0] == 1
    assert gradient(lambda t, a: np.sinc(t - a), x, 0.0)[0, 0] == 0


def test_where_and_out_of_ufuncs() -> None:
    def safe(x: Any, a: Any) -> Any:
        return np.divide(a, x, out=np.zeros_like(x), where=x != 0)

    def buffered(x: Any, a: Any) -> Any:
        buffer = np.empty(len(x))
        np.multiply(x, a, out=buffer)
        np.multiply(buffer, a, out=buffer)
        np.add(buffer, a, out=buffer, where=x > 1)
        buffer += a
        return buffer

    x = np.array([0.0, 1.0, 2.0])
    for f in (safe, buffered):
        np.testing.assert_allclose(values(f, x, 0.5), f(x, 0.5), rtol=1e-15)
        assert traced(f, x, 1).verify(f, x, np.array([0.5])) is None
    np.testing.assert_array_equal(gradient(safe, x, 0.5)[:, 0], [0, 1, 0.5])


def test_buffer_that_numpy_alone_goes_on_with_is_noticed() -> None:
    def buffered(x: Any, a: Any) -> Any:
        buffer = np.zeros(len(x))
        np.multiply(x, a, out=buffer)
        np.exp(buffer, out=buffer)  # no traced value takes part
        return buffer

    reason = traced(buffered, X, 1).verify(buffered, X, np.array([0.5]))
    assert reason is not None
    assert "fills arrays of its own" in reason


def test_choice_of_one_and_zero_is_the_condition() -> None:
    t = traced(lambda x, a: np.where(x > a, 1, 0), X, 1)
    assert t.graph.text(t.root, ["a"], ["x"]) == "a < x"
    t = traced(lambda x, a: np.where(x * a, 1, 0), X, 1)
    assert t.graph.text(t.root, ["a"], ["x"]) == "where(a*x, 1, 0)"


REFUSED: list[tuple[str, Callable[..., Any]]] = [
    ("numpy.add.reduce", lambda x, a: np.add.reduce(a * x)),
    ("numpy.add.accumulate", lambda x, a: np.add.accumulate(a * x)),
    ("numpy.multiply.outer", lambda x, a: np.multiply.outer(a * x, x)),
    ("numpy.matmul", lambda x, a: (a * x) @ x),
    ("numpy.add with where= but without out=", lambda x, a: np.add(x, a, where=x > 1)),
    ("numpy.sum", lambda x, a: x / np.sum(a * x)),
    ("numpy.mean", lambda x, a: x / np.mean(a * x)),
    ("numpy.interp", lambda x, a: np.interp(x * a, [0, 1], [0, 1])),
    ("numpy.cumsum", lambda x, a: np.cumsum(a * x)),
    ("numpy.convolve", lambda x, a: np.convolve(a * x, [1, 2], "same")),
    ("numpy.gradient", lambda x, a: np.gradient(a * x)),
    ("numpy.stack", lambda x, a: np.stack([x, a * x]).sum(axis=0)),
    ("numpy.where(condition)", lambda x, a: np.where(x > a)[0]),
    ("numpy.fft.fft", lambda x, a: np.fft.fft(a * x)),
    ("numpy.rint", lambda x, a: np.rint(a * x)),
    ("numpy.frexp", lambda x, a: np.frexp(a * x)[0]),
    ("numpy.bitwise_and of numbers", lambda x, a: (a * x) & (x > 1)),
    ("numpy.invert of numbers", lambda x, a: ~(a * x)),
    ("numpy.subtract of masks", lambda x, a: (x > a) - (x > 1)),
    ("numpy.negative of a mask", lambda x, a: -(x > a)),
    ("scipy.special.gamma", lambda x, a: sp.gamma(a * x)),
    ("scipy.special.jv", lambda x, a: sp.jv(1, a * x)),
    ("complex numbers", lambda x, a: abs(1 + 1j * a * x)),
    ("astype to complex128", lambda x, a: (a * x).astype(complex)),
    ("astype to int64", lambda x, a: (a * x).astype(int)),
    ("the method .max()", lambda x, a: x / (a * x).max()),
    ("the method .sum()", lambda x, a: x / (a * x).sum()),
    ("the method .item()", lambda x, a: x * a.item()),
    ("the method .tolist()", lambda x, a: (x * a).tolist()),
    ("the attribute .flat", lambda x, a: (x * a).flat),
    ("has no attribute 'sqrt'", lambda x, a: (x * a).sqrt()),
    ("a plain NumPy array", lambda x, a: np.asarray(x * a)),
    ("a plain NumPy array", lambda x, a: np.array([a, a]) @ np.stack([x, x])),
    ("a plain NumPy array", np.vectorize(lambda x, a: a * x)),
    ("numpy.trunc with signature=", lambda x, a: np.trunc(a * x, signature="d->d")),
    ("numpy.select with 2 conditions and 1 choices", lambda x, a: np.select([x < a, x > a], [1.0])),
    ("a new shape", lambda x, a: np.reshape(a * x, (2, 3))),
    ("an array of shape (2,)", lambda x, a: x * (a * np.ones(2))),
]  # fmt: skip


@pytest.mark.parametrize(("reason", "f"), REFUSED, ids=[reason for reason, _ in REFUSED])
def test_refusal_names_the_operation(reason: str, f: Callable[..., Any]) -> None:
    text = why_not(f, X, 1)
    assert reason.replace("a new shape", "the shape") in text
    assert "\n" not in text
