"""Random expressions of numbers, coordinates and parameters, against NumPy and complex steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import scipy.special as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from tracing import complex_step, gradient, traced, values

UNARY = [np.negative, np.sin, np.cos, np.arctan, np.tanh, np.exp, np.square, np.arcsinh, sp.erf]
UNARY_POSITIVE = [np.sqrt, np.log, np.log1p, np.reciprocal]
BINARY = [np.add, np.subtract, np.multiply]


def expressions() -> st.SearchStrategy[Callable[..., Any]]:
    leaves = st.one_of(
        st.integers(-3, 3).map(lambda n: lambda x, p: float(n)),
        st.sampled_from([0, 1]).map(lambda k: lambda x, p: x[k]),
        st.sampled_from([0, 1, 2]).map(lambda k: lambda x, p: p[k]),
    )

    def extend(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        one = st.tuples(st.sampled_from(UNARY), inner).map(
            lambda t: lambda x, p: t[0](np.tanh(t[1](x, p)) if t[0] in (np.exp, np.square) else t[1](x, p))
        )
        positive = st.tuples(st.sampled_from(UNARY_POSITIVE), inner).map(
            lambda t: lambda x, p: t[0](1.0 + np.square(np.sin(t[1](x, p))))
        )
        two = st.tuples(st.sampled_from(BINARY), inner, inner).map(
            lambda t: lambda x, p: t[0](t[1](x, p), t[2](x, p))
        )
        quotient = st.tuples(inner, inner).map(lambda t: lambda x, p: t[0](x, p) / (2.0 + np.cos(t[1](x, p))))
        power = st.tuples(inner, st.sampled_from([-2, 0.5, 1.5, 2, 3, 2.2])).map(
            lambda t: lambda x, p: (1.5 + np.sin(t[0](x, p))) ** t[1]
        )
        choice = st.tuples(inner, inner, st.floats(-1, 1)).map(
            lambda t: lambda x, p: np.where(x[0] > t[2], t[0](x, p), t[1](x, p))
        )
        return st.one_of(one, positive, two, quotient, power, choice)

    return st.recursive(leaves, extend, max_leaves=12)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(expressions(), st.lists(st.floats(-2, 2), min_size=3, max_size=3))
def test_random_expressions_evaluate_and_differentiate_as_numpy(
    expression: Callable[..., Any], parameters: list[float]
) -> None:
    x = np.stack([np.linspace(-1.7, 1.9, 9), np.linspace(0.2, 2.3, 9) ** 2])

    def f(x: Any, *p: Any) -> Any:
        return expression(x, p)

    with np.errstate(all="ignore"):
        expected = np.broadcast_to(np.asarray(f(x, *parameters), dtype=float), (9,))
        slopes = complex_step(f, x, *parameters)
    got, derivatives = values(f, x, *parameters), gradient(f, x, *parameters)
    # At most some 40 operations, each well conditioned but for sums that cancel; products may grow.
    size = max(1.0, float(np.max(np.abs(expected), initial=0)))
    np.testing.assert_allclose(got, expected, rtol=1e-10, atol=1e-10 * size)
    good = np.isfinite(slopes)
    scale = max(1.0, float(np.max(np.abs(slopes[good]), initial=0)))
    np.testing.assert_allclose(derivatives[good], slopes[good], rtol=1e-9, atol=1e-9 * scale)
    assert traced(f, x, 3).verify(f, x, np.array(parameters)) is None
