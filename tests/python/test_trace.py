"""What is traced and what is not: operators, closures, arguments."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import scipy.special as sp
from tracing import EPS, FloatArray, traced, values, why_not

from osculate._trace import Trace

N = 40
X = np.linspace(0.1, 4.0, N)
K = np.cos(3 * X)
XY = np.stack([X, K])
P = np.array([0.7, 1.3])


def agrees(f: Callable[..., Any], x: FloatArray = X, p: FloatArray = P) -> Trace:
    result = traced(f, x, len(p))
    assert result.verify(f, x, p) is None
    expected = np.broadcast_to(f(x, *p), x.shape[-1:])
    np.testing.assert_allclose(result.evaluate(x, p)[0], expected, rtol=1e-13)
    return result


def text(result: Trace) -> str:
    names = ["a", "b", "c", "d"][: result.parameters]
    return result.graph.text(result.root, names, ["x", "y"][: result.coordinates])


def helper(x: Any, a: Any) -> Any:
    return np.exp(-x / a)


def test_graph_is_what_was_written() -> None:
    def gaussian(x: Any, height: Any, center: Any, sigma: Any, offset: Any) -> Any:
        return height * np.exp(-((x - center) ** 2) / (2 * sigma**2)) + offset

    result = agrees(gaussian, X, np.array([2.0, 1.0, 0.5, 0.1]))
    assert text(result) == "a*exp(-(x - b)**2/(2*c**2)) + d"
    assert (result.parameters, result.coordinates, result.arrays.shape) == (4, 1, (0, N))
    assert not result.bound


OPERATORS: list[tuple[str, Callable[..., Any]]] = [
    ("arithmetic", lambda x, a, b: (a + x) * (b - x) / (1 + x) - (2 - a) / (3 / b) + (-x + +a)),
    ("powers", lambda x, a, b: x**2 + 2**x + x**a + a**b + x ** (-1) + 0.5**b),
    ("floor", lambda x, a, b: (3 * x) // a + (3 * x) % b + abs(x - a)),
    ("reflected", lambda x, a, b: 1 // (a + x) + 7 % (b + x) + divmod(5.0, a + x)[1] + np.float64(2) ** x),
    ("masks", lambda x, a, b: np.where((x > a) & ~(x > b) | (x == 2) ^ (x != X[3]), a, x)),
    ("scalars", lambda x, a, b: np.float64(2) * a * x + np.int64(3) * b - np.float32(0.5) / (a + x)),
    ("compare-scalars", lambda x, a, b: np.where(np.float64(2) > x, a, b) + np.where(np.int64(2) <= x, a, b)),
    ("bools", lambda x, a, b: True * a + x * np.True_ * b),
    ("fraction", lambda x, a, b: Fraction(1, 2) * float(Fraction(1, 3)) * a * b * np.ones(N)),
    ("list", lambda x, a, b: a * x + b * np.where(x > 1, K.tolist(), 0)),
    ("constant", lambda x, a, b: 1.5),
    ("only-parameters", lambda x, a, b: a * b + 1),
    ("int", lambda x, a, b: 2),
    ("array", lambda x, a, b: K),
    ("one-element", lambda x, a, b: (a * b) * np.ones(1)),
    ("mask-value", lambda x, a, b: x > a),
    ("helper", lambda x, a, b: helper(x, a) + b),
    ("sum", lambda x, *p: sum(c * x**k for k, c in enumerate(p))),
    ("map", lambda x, *p: sum(map(np.exp, p)) * x),
    ("zip", lambda x, *p: np.sqrt(math.prod(p)) * x),
    ("default", lambda x, a, b, c=3.0: a * x + b * c),
    ("keyword", lambda x, a, b, *, c=3.0, on=True: a * x + b * c if on else None),
    ("closure", lambda x, a, b: a * K * x + b * K + K),
    ("closure-only", lambda x, a, b: a * K + b * np.exp(K)),
    ("shape", lambda x, a, b: a * np.ones(x.shape) + b * np.zeros(len(x)) + np.arange(x.size) * b),
    ("log-of-data", lambda x, a, b: a * np.log(np.asarray(x)) + b),
    ("mean-of-data", lambda x, a, b: a * (x - np.asarray(x).mean()) + b * np.asarray(x)[0]),
    ("interp-of-data", lambda x, a, b: a * np.interp(np.asarray(x), X, K) + b),
    ("gamma-of-data", lambda x, a, b: a * sp.gamma(np.asarray(x)) + b),
]  # fmt: skip


@pytest.mark.parametrize("f", [f for _, f in OPERATORS], ids=[label for label, _ in OPERATORS])
def test_function_is_traced(f: Callable[..., Any]) -> None:
    agrees(f)


def test_augmented_assignment_is_seen_by_every_name() -> None:
    def f(x: Any, a: Any, b: Any) -> Any:
        y = x * a
        same, view, other = y, y[:], y.copy()
        y += b
        y *= 2
        y -= x
        y /= 3
        y **= 2
        y[:] = y + 1
        y[...] -= 1
        a += 1  # a number: y does not change
        return same + view * 2 + other * 3 + a

    agrees(f)


def test_augmented_assignment_of_own_arrays() -> None:
    def f(x: Any, a: Any, b: Any) -> Any:
        y = np.zeros(x.shape)
        for k, c in enumerate((a, b)):
            y += c * x**k
        z = np.ones_like(x)
        z *= a
        z += y
        return z * y

    agrees(f)


def test_augmented_assignment_to_the_predictor_stays_inside() -> None:
    def f(x: Any, a: Any) -> Any:
        x -= 1.0
        return a * x

    x = X.copy()
    np.testing.assert_allclose(values(f, x, 2.0), 2 * (X - 1))
    assert traced(f, x, 1).verify(f, x, np.array([2.0])) is None
    np.testing.assert_array_equal(x, X)


def test_impossible_augmented_assignments_are_refused() -> None:
    def wrong_shape(x: Any, a: Any) -> Any:
        y = np.atleast_1d(a)
        y += x
        return y

    def wrong_kind(x: Any, a: Any) -> Any:
        y = x > a
        y += a
        return y

    for f in (wrong_shape, wrong_kind):
        assert "numpy.add of shape" in why_not(f, X, 1)


def test_coordinates() -> None:
    def unpacked(X: Any, a: Any, b: Any) -> Any:
        x, y = X
        return a * x + b * y

    def indexed(X: Any, a: Any, b: Any) -> Any:
        assert X.shape == (2, N)
        assert (len(X), X.ndim, X.size, X.dtype) == (2, 2, 2 * N, np.dtype(float))
        return a * X[0] + b * X[-1, :] + X[0, ...] * X[np.int64(1)]

    def sliced(X: Any, a: Any, b: Any) -> Any:
        (x,) = X[:1]
        (y,) = X[1:].copy()
        return a * x + b * y

    assert text(agrees(unpacked, XY)) == "a*x + b*y"
    agrees(indexed, XY)
    agrees(sliced, XY)
    agrees(lambda X, a, b: a * X[0] + b, XY[:1])
    assert agrees(lambda X, a, b: a * np.linalg.norm(np.asarray(X), axis=0) + b, XY).bound
    assert "[0, 1]" in why_not(lambda X, a, b: a * X[0, 1], XY, 2)
    assert "[:, 0]" in why_not(lambda X, a, b: a * X[:, 0], XY, 2)
    assert "coordinates" in why_not(lambda X, a, b: X, XY, 2).lower()
    assert "numpy.sum" in why_not(lambda X, a, b: a * np.sum(X, axis=0), XY, 2)
    assert "array of shape (2, 40)" in why_not(lambda X, a, b: a * X, XY, 2)


def test_integer_predictors_are_floats() -> None:
    x = np.arange(5)
    np.testing.assert_array_equal(values(lambda x, a: a * x**-1.0, x + 1, 1.0), 1 / (x + 1))
    assert traced(lambda x, a: x, x, 1).graph.node(0)[0] == "coordinate"


def test_attributes_are_those_of_the_data() -> None:
    seen = []

    def f(x: Any, a: Any) -> Any:
        y, mask = a * x, x > a
        seen.append([(v.shape, v.ndim, v.size, v.dtype) for v in (x, y, mask, a)])
        return y

    traced(f, X, 1)
    f(X, np.float64(0.5))
    assert seen[0] == seen[1]


def test_arrays_are_kept_once_each_as_they_were() -> None:
    def f(x: Any, a: Any, b: Any) -> Any:
        changing = K.copy()
        y = a * changing + b * K
        changing *= 2
        return y + changing * a + K + np.full(N, 3.0) * a

    result = agrees(f)
    np.testing.assert_array_equal(result.arrays, [K, 2 * K])
    assert "3*a" in text(result)  # an array of one number is this number


def test_float32_arrays_and_conversions_are_traced_at_their_precision() -> None:
    single = K.astype(np.float32)
    assert agrees(lambda x, a, b: a * x * single + b).epsilon == EPS

    def rounds(x: Any, a: Any, b: Any) -> Any:
        return a * np.exp(-x.astype(np.float32)) + b

    result = traced(rounds, X, 2)
    assert result.epsilon == np.finfo(np.float32).eps
    assert result.verify(rounds, X, P) is None
