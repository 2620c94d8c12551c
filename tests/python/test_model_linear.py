"""The parameters that enter a model linearly, found by differentiating its graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from osculate import Model, models

X = np.linspace(0.2, 4.0, 12)


def decay(t: Any, height: Any, tau: Any, offset: Any = 0.0) -> Any:
    return height * np.exp(-t / tau) + offset


LINEAR: list[tuple[str, tuple[str, ...]]] = [
    ("a*exp(-x/t) + c", ("a", "c")),
    ("a*b*x + c", ("a", "c")),
    ("exp(a*x)", ()),
    ("a/b*x", ("a",)),
    ("a*x + abs(b)*x", ("a",)),
    ("where(x > 1, a*x, b)", ("a", "b")),
    ("where(x > a, b*x, c)", ("b", "c")),
    ("a*x + where(a > 0, b, 0)", ("b",)),
    ("b*x + heaviside(x - a, 0.5)", ("b",)),
    ("(a + b*x)**2 + c", ("c",)),
    ("(a + b*x)/(1 + c*x)", ("a", "b")),
    ("-(a - 2*(b + x))*3", ("a", "b")),
    ("min(a, x) + b", ("b",)),
    ("a*sign(b)*x", ("a",)),
]


@pytest.mark.parametrize(("text", "expected"), LINEAR, ids=[text for text, _ in LINEAR])
def test_linear_parameters(text: str, expected: tuple[str, ...]) -> None:
    names = [name for name in ("a", "b", "c", "t") if name in Model(text).parameters]
    assert Model(text, parameters=names).linear_parameters() == expected


def test_linear_parameters_among_some() -> None:
    model = Model("a*b*x + c", parameters=["a", "b", "c"])
    assert model.linear_parameters(["b", "c"]) == ("b", "c")
    assert model.linear_parameters(["b", "a"]) == ("b",)
    assert model.linear_parameters("c") == ("c",)
    assert Model(decay).linear_parameters() == ("height", "offset")
    assert models.biexponential.linear_parameters() == ("amplitude_1", "amplitude_2", "offset")
    with pytest.raises(ValueError, match=r"^Model.linear_parameters: among must be of a, b, c, got 'd'$"):
        model.linear_parameters(["d"])


def test_linear_parameters_ignore_what_does_nothing() -> None:
    assert Model(lambda x, a, b: a * x).linear_parameters() == ("a",)
