"""NumPy's functions of arrays, of a Python function that is traced: what they compute, which are refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.special as sp
from tracing import differences, gradient, traced, values, why_not

X = np.array([0.13, 0.31, 0.47, 0.62, 0.78, 0.93])
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
