"""What cannot be traced: the reason names the operation and the line."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
import scipy.special as sp
from tracing import traced, why_not

from osculate._trace import Untraceable, trace

N = 40
X = np.linspace(0.1, 4.0, N)
K = np.cos(3 * X)
XY = np.stack([X, K])


def decides(t: Any, a: Any, b: Any) -> Any:
    if t <= 0:
        return a
    return b * t


def assigns(t: Any, a: Any, b: Any) -> Any:
    y = a * t
    y[t > b] = 0
    return y


def assigns_own(t: Any, a: Any, b: Any) -> Any:
    y = np.zeros(t.shape)
    y[t > b] = a
    return y


REFUSED: list[tuple[str, Callable[..., Any]]] = [
    ("numpy.interp", lambda t, a, b: a * np.interp(t - b, X, K)),
    ("a decision by the value of (x <= 0): 'if'", decides),
    ("(line ", decides),
    (": if t <= 0:)", decides),
    ("numpy.convolve", lambda t, a, b: a * np.convolve(t * b, [1, 2], "same")),
    ("assignment to elements, (a*x)[(b < x)] = ...: write numpy.where", assigns),
    ("as an index", assigns_own),
    ("a plain NumPy array", lambda t, *p: np.stack([X, K], axis=1) @ p),
    ("a plain NumPy array", lambda t, *p: np.stack([X, K], axis=1) @ np.array(p)),
    ("numpy.sum", lambda t, a, b: t * a / np.sum(t * a) * b),
    ("the method .max() of (a*x)", lambda t, a, b: (t * a) / (t * a).max() * b),
    ("numpy.cumsum", lambda t, a, b: np.cumsum(a * t + b)),
    ("indexing, x[0], takes single data points; several coordinates are given as x of shape (D, N)",
     lambda t, a, b: a * (t - t[0]) + b),
    ("indexing, x[1:]", lambda t, a, b: a * t[1:] + b),
    ("indexing, x[::2]", lambda t, a, b: a * t[::2] + b),
    ("indexing, x[:, None]", lambda t, a, b: a * t[:, None] + b),
    ("indexing, x[(a < x)]", lambda t, a, b: b * t[t > a]),
    ("scipy.special.gamma", lambda t, a, b: a * sp.gamma(t * b)),
    ("math.exp of a traced value, which takes plain numbers only: write numpy.exp",
     lambda t, a, b: t * a * math.exp(b)),
    ("math.floor", lambda t, a, b: t * a * math.floor(b)),
    ("float() of a traced value", lambda t, a, b: t * float(a) + b),
    ("float() of a traced value", lambda t, a, b: t * int(a) + b),
    ("float() of a traced value", lambda t, a, b: t * round(a) + b),
    ("as an index", lambda t, a, b: t * [1, 2, 3][a] + b),
    ("as an index", lambda t, a, b: t * sum(1 for _ in range(a)) + b),
    ("iteration over x", lambda t, a, b: [a * u + b for u in t]),
    ("iteration over x", lambda t, a, b: sum(t)),
    ("iteration over x", lambda t, a, b: max(t) * a),
    ("'in' applied", lambda t, a, b: a * t if 0 in t else b),
    ("a decision by the value of (x < a)", lambda t, a, b: t * max(a, t)),
    ("a decision by the value of (a < x)", lambda t, a, b: np.where(a < t < b, 1, 0)),
    ("a decision by the value of", lambda t, a, b: t * a and b),
    ("a decision by the value of", lambda t, a, b: not (t > a)),
    ("the function returns NoneType", lambda t, a, b: None),
    ("the function returns tuple", lambda t, a, b: (a * t, b)),
    ("the function returns str", lambda t, a, b: "a*x"),
    ("an array of shape (7,)", lambda t, a, b: np.zeros(7)),
    ("a str as an operand", lambda t, a, b: t + "a"),
    ("a NoneType as an operand", lambda t, a, b: t + None),
    ("unhashable", lambda t, a, b: lru_cache(lambda v: v)(a) * t),
    ("ZeroDivisionError: division by zero", lambda t, a, b: 1 / 0),
    ("TypeError: ", lambda t, a: t),
    ("has no len()", lambda t, a, b: len(a) * t),
]  # fmt: skip


@pytest.mark.parametrize(("reason", "f"), REFUSED, ids=[str(k) for k in range(len(REFUSED))])
def test_refusal_names_the_operation(reason: str, f: Callable[..., Any]) -> None:
    result = trace(f, X, 2, ["a", "b"])
    assert isinstance(result, Untraceable)
    assert reason in result.why_not
    assert "\n" not in result.why_not


def test_refusal_counts_where_the_function_catches_it() -> None:
    def f(x: Any, a: Any) -> Any:
        try:
            return a * x if x[0] > 0 else a
        except Exception:
            return a * x

    assert "indexing, x[0]" in why_not(f, X, 1)


def test_kept_symbols_of_another_call_are_refused() -> None:
    kept: list[Any] = []

    def f(x: Any, a: Any) -> Any:
        kept.append(a * x)
        return kept[0]

    traced(f, X, 1)
    assert "kept from an earlier call" in why_not(f, X, 1)


def test_interrupts_pass_through() -> None:
    def f(x: Any, a: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trace(f, X, 1)
