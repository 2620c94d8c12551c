"""Model expressions: what they compute, and that nothing outside the whitelist is accepted or run."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from osculate._errors import InputError
from osculate._expression import parse_expression, parse_model
from osculate._functions import FUNCTIONS

X = np.linspace(0.1, 0.9, 9)


def message(text: str, parse: Any = parse_expression) -> str:
    """The one line that refuses `text`."""
    with pytest.raises(InputError) as caught:
        parse(text)
    line = str(caught.value)
    assert "\n" not in line
    assert len(line) < 200
    return line


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2*x + 1", 2 * X + 1),
        ("-x**2", -(X**2)),
        ("2**-x", 2**-X),
        ("2**3**2", 512.0),
        ("+x/3", X / 3),
        ("1 - 2 - 3", -4.0),
        ("exp(-x)*sin(pi*x)", np.exp(-X) * np.sin(np.pi * X)),
        ("e**x", math.e**X),
        ("ln(x) + log(x)", 2 * np.log(X)),
        ("pow(x, 2)", X**2),
        ("where(x < 0.5, 1, x)", np.where(X < 0.5, 1, X)),
        ("where(0.2 < x <= 0.5, 1, 0)", np.where((X > 0.2) & (X <= 0.5), 1.0, 0.0)),
        ("where(x >= 0.5, where(x > 0.7, 2, 1), 0)", np.where(X >= 0.5, np.where(X > 0.7, 2, 1), 0)),
        ("erf(x)", [math.erf(x) for x in X]),
        ("max(x, 0.5) - min(x, 0.5)", np.maximum(X, 0.5) - np.minimum(X, 0.5)),
        ("1.5e-3 + .5 + 2.", 2.5015),
        ("1_000", 1000.0),
        ("3", 3.0),
    ],
)
def test_value_is_that_of_the_mathematics(text: str, expected: Any) -> None:
    value = parse_expression(text)({"x": X})
    assert np.broadcast_to(value, np.shape(expected)) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_those_of_numpy_with_exact_complex_steps(name: str) -> None:
    function = FUNCTIONS[name]
    inverse = name in ("arccosh", "acosh")
    at = X + 1 if inverse else X
    arguments = ["x", "0.5", "0.25"][: function.arguments]
    if name == "where":
        arguments[0] = "x < 0.5"
    expression = parse_expression(f"{name}({', '.join(arguments)})")
    value = expression({"x": at})
    assert value.dtype == np.float64
    assert np.isfinite(value).all()
    assert expression.functions == (name,)
    assert expression.analytic is function.analytic
    if function.analytic:
        step = np.imag(expression({"x": at + 1e-30j})) / 1e-30
        h = 1e-6
        difference = (expression({"x": at + h}) - expression({"x": at - h})) / (2 * h)
        # Central differences: eps / h and h^2, both around 1e-10, times third derivatives of up to 1e3.
        assert step == pytest.approx(difference, rel=1e-7)


@pytest.mark.parametrize("text", ["x**b", "b**x", "(-x)**3", "x**0", "x**b * b**2"])
def test_power_has_exact_complex_steps(text: str) -> None:
    values = {"x": np.array([0.0, 0.5, 2.0]), "b": 3.0}
    expression = parse_expression(text)
    step = np.imag(expression(values | {"b": values["b"] + 1e-30j})) / 1e-30
    h = 1e-6
    difference = (expression(values | {"b": 3 + h}) - expression(values | {"b": 3 - h})) / (2 * h)
    assert np.broadcast_to(step, (3,)) == pytest.approx(np.broadcast_to(difference, (3,)), rel=1e-8, abs=1e-9)


def test_names_are_listed_in_order_of_appearance() -> None:
    expression = parse_expression("b2*exp(-x) + b1 + b2*pi")
    assert expression.names == ("b2", "x", "b1")
    assert expression.functions == ("exp",)
    assert expression.constants == ("pi",)


@pytest.mark.parametrize("quotes", ["''", '""', "\u2018\u2019", "\u201c\u201d", "``"])
def test_model_splits_at_the_equals_sign_outside_parentheses(quotes: str) -> None:
    model = parse_model(quotes[0] + " log(y) = where(x <= 2, a, b) " + quotes[1])
    assert model.left is not None
    assert (model.left.text, model.right.text) == ("log(y)", "where(x <= 2, a, b)")
    assert parse_model("a*x").left is None


REFUSED: list[tuple[str, str]] = [
    ("x.real", "names have no points"),
    ("np.exp(x)", "write 'exp(...)' for 'np.exp(...)'"),
    ("().__class__", "names have no points"),
    ("x.__class__.__bases__[0]", "indexing is not available"),
    ("'a'.join(x)", "names have no points"),
    ("__import__('os')", "unknown function '__import__'"),
    ("eval('1')", "unknown function 'eval'"),
    ("exec(x)", "unknown function 'exec'"),
    ("open('f')", "unknown function 'open'"),
    ("getattr(x, 'a')", "unknown function 'getattr'"),
    ("foo(x)", "unknown function 'foo'"),
    ("epx(x)", "unknown function 'epx' (did you mean 'exp'?)"),
    ("(exp)(x)(2)", "is not a call of a function"),
    ("(lambda: 1)()", "is not a call of a function"),
    ("lambda x: x", "is not arithmetic"),
    ("[x for x in y]", "is not arithmetic"),
    ("{x for x in y}", "is not arithmetic"),
    ("{x: 1 for x in y}", "is not arithmetic"),
    ("exp(x for x in y)", "is not arithmetic"),
    ("[1, 2]", "is not arithmetic"),
    ("{}", "is not arithmetic"),
    ("(y := 1)", "is not arithmetic"),
    ("f'{x}'", "is not arithmetic"),
    ("exp(*x)", "is not arithmetic"),
    ("exp(x=1)", "takes no keyword arguments"),
    ("exp(**x)", "takes no keyword arguments"),
    ("exp()", "'exp' takes 1 argument, got 0"),
    ("exp(x, 1)", "'exp' takes 1 argument, got 2"),
    ("pow(x)", "'pow' takes 2 arguments, got 1"),
    ("x if x > 1 else 2", "write where(condition, a, b)"),
    ("x and y", "and, or, not are not available"),
    ("not x", "and, or, not are not available"),
    ("x < 1", "comparisons stand only in where"),
    ("where(x == 1, 2, 3)", "comparisons stand only in where"),
    ("where(x in y, 2, 3)", "comparisons stand only in where"),
    ("where(1, x < 2, 3)", "comparisons stand only in where"),
    ("~x", "is not arithmetic"),
    ("x ^ 2", "write '**' for a power"),
    ("x // 2", "operator '//' is not available"),
    ("x % 2", "operator '%' is not available"),
    ("x @ y", "operator '@' is not available"),
    ("x << 2", "operator '<<' is not available"),
    ("x[0]", "indexing is not available"),
    ("x, y", "a comma stands only between arguments"),
    ("0,5*x", "decimal numbers take a point"),
    ("1j*x", "numbers must be real"),
    ("'x'", "is not a number"),
    ("True", "is not a number"),
    ("None", "is not a number"),
    ("...", "is not a number"),
    ("await x", "is not arithmetic"),
    ("lambda*x", "a word reserved by Python"),
    ("import os", "a word reserved by Python"),
    ("x; y", "is not an expression"),
    ("2x", "write '*' between a number and a name"),
    ("2(x)", "is not a call of a function: for a product write '*'"),
    ("x (1 + y) z", "write '*' for the product"),
    ("a x", "write '*' for the product"),
    ("exp(x", "lacks 1 ')'"),
    ("exp(x))", "lacks 1 '('"),
    ("x +", "something is missing after '+'"),
    ("", "the expression is empty"),
    ("x # y", "remove the comment"),
    ("x\u00b2", "write '**2'"),
    ("\u2212x", "write '-'"),
    ("a\u00b7x", "write '*'"),
    ("x\0", "unprintable character U+0000"),
    ("1e999*x", "beyond the range of floats"),
    ("9" * 400, "beyond the range of floats"),
]


@pytest.mark.parametrize(("text", "reason"), REFUSED, ids=[repr(text)[:30] for text, _ in REFUSED])
def test_everything_else_is_refused_with_a_reason(text: str, reason: str) -> None:
    assert reason in message(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [("y = x = 1", "more than one '='"), ("= x", "lacks one side"), ("y = ", "lacks one side")],
)
def test_model_of_wrong_sides_is_refused(text: str, reason: str) -> None:
    assert reason in message(text, parse_model)


@pytest.mark.parametrize("text", ["9**9**9", "9**9**9**9**9", "-9**9**9", "2**(10**10)", "pow(9, pow(9, 9))"])
def test_huge_powers_are_infinite_at_once(text: str) -> None:
    """Of Python's integers 9**9**9 has 370 million digits."""
    assert np.isinf(parse_expression(text)({}))


@pytest.mark.parametrize(
    "text",
    [
        "(" * 4000 + "x" + ")" * 4000,
        "-" * 9000 + "x",
        "+".join(["x"] * 4000),
        "x" + "**x" * 3000,
        "exp(" * 300 + "x" + ")" * 300,
        "[" * 3000 + "]" * 3000,
    ],
    ids=["parentheses", "signs", "sum", "powers", "calls", "lists"],
)
def test_deep_nesting_is_refused(text: str) -> None:
    assert "nested too deep: at most 200 levels" in message(text)


def test_long_text_is_refused() -> None:
    assert "has 10001 characters; at most 10000" in message("x" * 10_001)


def test_two_hundred_levels_are_enough_for_a_sum_of_two_hundred_terms() -> None:
    assert parse_expression("+".join(["x"] * 200))({"x": 1.0}) == 200


def test_undefined_values_give_no_warning() -> None:
    """The suite makes errors of warnings."""
    assert np.isnan(parse_expression("log(x)")({"x": -1.0}))
    assert np.isinf(parse_expression("1/x")({"x": np.float64(0.0)}))
    assert np.isinf(parse_expression("exp(x)")({"x": 1e4}))
