"""`Model`: names, text, derivatives, pickles, sums, parameters that enter linearly, refusals."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from refusals import refused
from tracing import differences

from osculate import Model, curve_fit, models

X = np.linspace(0.2, 4.0, 12)
WEIGHTS = np.cos(np.arange(12.0))


def decay(t: Any, height: Any, tau: Any, offset: Any = 0.0) -> Any:
    return height * np.exp(-t / tau) + offset


def plane(x: Any, y: Any, a: Any, b: Any) -> Any:
    return a * x + b * y


def rows(X: Any, a: Any, b: Any) -> Any:
    x, y = X
    return a * x + b * y**2


def polynomial(x: Any, *c: Any) -> Any:
    return sum(ck * x**k for k, ck in enumerate(c))


def normalized(x: Any, height: Any, rate: Any) -> Any:
    y = np.exp(-rate * x)
    return height * y / np.sum(y)


def stepping(x: Any, height: Any, rate: Any) -> Any:
    return np.array([height * abs(v - rate) if v > 1 else height for v in x])


def test_function() -> None:
    model = Model(decay)
    assert model.f is decay
    assert (model.coordinates, model.parameters) == (("t",), ("height", "tau", "offset"))
    assert model.expression == "height*exp(-t/tau) + offset"
    assert model.derivatives["height"] == "exp(-t/tau)"
    assert model.derivatives["offset"] == "1"
    assert model.compiled
    assert model.why_not is None
    np.testing.assert_allclose(model(X, 2.0, 3.0, 1.0), decay(X, 2.0, 3.0, 1.0))
    np.testing.assert_allclose(model(X, 2.0, 3.0), decay(X, 2.0, 3.0))  # the default
    batch = model(X, np.ones((5, 1)), np.arange(1.0, 6)[:, None], 0.0)
    assert batch.shape == (5, 12)


def test_expression() -> None:
    model = Model(" a*exp(-x/t) +  c ")
    assert model.expression == "a*exp(-x/t) + c"
    assert (model.coordinates, model.parameters) == (("x",), ("a", "t", "c"))
    np.testing.assert_allclose(model(X, 2.0, 3.0, 1.0), decay(X, 2.0, 3.0, 1.0))
    assert model.derivatives["a"] == "exp(-x/t)"
    reordered = Model("a*exp(-x/t) + c", parameters=["c", "t", "a"])
    np.testing.assert_array_equal(reordered(X, 1.0, 3.0, 2.0), model(X, 2.0, 3.0, 1.0))


@pytest.mark.parametrize(
    "text",
    [
        "where(1 < x < b, erf(a*x), erfc(x**b))",
        "where(x <= a, abs(x - b), sign(x)*min(x, a) + max(b, x))",
        "cbrt(a*x) + heaviside(x - 1, b) + hypot(a, x) + atan2(b, x) + pow(x, a) + log10(x*b)",
        "a**2 + -b*(+x)",
        "pi*a + e*b*x - 1e-3",
    ],
)
def test_expressions_compute_as_they_trace(text: str) -> None:
    model = Model(text, parameters=["a", "b"])
    assert model.why_not is None
    np.testing.assert_allclose(
        model.jacobian(X, 0.7, 1.9), differences(model, X, 0.7, 1.9), rtol=1e-7, atol=1e-9
    )


def test_coordinates() -> None:
    xy = np.stack([X, X[::-1]])
    spread, expression = Model(plane, ("x", "y")), Model("a*x + b*y", ("x", "y"))
    for model in (spread, expression):
        assert model.coordinates == ("x", "y")
        assert model.expression == "a*x + b*y"
        np.testing.assert_allclose(model(xy, 2.0, 3.0), 2 * X + 3 * X[::-1])
        np.testing.assert_allclose(model(np.array([1, 2]), 2.0, 3.0), 8.0)  # one point
        np.testing.assert_array_equal(model.jacobian(xy, 2.0, 3.0), xy.T)
        np.testing.assert_array_equal(model.jacobian([1.0, 2.0], 2.0, 3.0), [[1, 2]])
    named = Model(rows, ("u", "v"))
    assert named.expression == "a*u + b*v**2"
    unknown = Model(rows)  # until there are data
    assert unknown.coordinates_given is None
    assert not unknown.compiled
    assert "shape (D, N)" in str(unknown.why_not)
    np.testing.assert_allclose(unknown.jacobian(xy, 1.0, 1.0), np.stack([xy[0], xy[1] ** 2], axis=1))
    assert unknown.compiled
    assert unknown.expression == "a*X0 + b*X1**2"


def test_any_number_of_parameters() -> None:
    model = Model(polynomial)
    assert model.parameters == ()
    assert model.parameters_given is None
    assert not model.compiled
    assert "the number of parameters is not known" in str(model.why_not)
    np.testing.assert_allclose(model.jacobian(X, 1.0, 2.0, 3.0), np.stack([X**0, X, X**2], axis=1))
    assert model.parameters == ("p0", "p1", "p2")
    assert model.expression == "p1*x + p0 + p2*x**2"
    named = Model(polynomial, parameters=("a", "b"))
    assert named.compiled
    assert named.linear_parameters() == ("a", "b")


def test_parameters_may_be_renamed_and_left_out() -> None:
    assert Model(decay, parameters=["height", "tau"]).parameters == ("height", "tau")
    renamed = Model(decay, "time", ["h", "width", "base"])
    assert renamed.expression == "h*exp(-time/width) + base"


def test_constant_model_has_a_value_for_each_point() -> None:
    np.testing.assert_array_equal(Model("c")(X, 2.0), np.full(12, 2.0))
    np.testing.assert_array_equal(Model(lambda x, c: 1.5)(X, 2.0), np.full(12, 1.5))
    np.testing.assert_array_equal(Model("c").jacobian(X, 2.0), np.ones((12, 1)))
    assert Model("c")(1.0, 2.0) == 2.0


def test_closure_over_an_array() -> None:
    model = Model(lambda x, a, b: a * WEIGHTS + b * x)
    assert model.why_not is None
    assert model.expression == "a*array0 + b*x"
    np.testing.assert_array_equal(model.jacobian(X, 1.0, 2.0), np.stack([WEIGHTS, X], axis=1))


def test_integer_predictors() -> None:
    np.testing.assert_array_equal(Model("a*x**-1")([1, 2, 4], 1.0), [1, 0.5, 0.25])
    np.testing.assert_array_equal(Model(lambda x, a: a * x ** (-1))([1, 2, 4], 1.0), [1, 0.5, 0.25])


def test_untraceable_function() -> None:
    model = Model(normalized)
    assert not model.compiled
    assert "numpy.sum" in str(model.why_not)
    assert model.derivatives == {}
    assert model.expression == "normalized(x, height, rate)"
    assert model.linear_parameters() == ()
    assert model.explain().startswith("normalized(x, height, rate) is not traced: numpy.sum")
    # by complex steps, exact: the derivative of the height is the function at height 1
    jacobian = model.jacobian(X, 2.0, 0.5)
    np.testing.assert_allclose(jacobian[:, 0], normalized(X, 1.0, 0.5), rtol=4e-16)
    np.testing.assert_allclose(jacobian, differences(normalized, X, 2.0, 0.5), rtol=1e-8, atol=1e-11)


def test_jacobian_by_differences_where_complex_steps_are_wrong() -> None:
    jacobian = Model(stepping).jacobian(X, 2.0, 2.05)
    expected = differences(stepping, X, 2.0, 2.05)
    np.testing.assert_allclose(jacobian, expected, rtol=1e-8, atol=1e-8)


def test_jacobian_of_what_traces_wrongly() -> None:
    """The comparison with the function decides, not the success of the trace."""
    calls = []

    def f(x: Any, a: Any) -> Any:
        calls.append(0)
        return a * x if len(calls) == 1 else a * a * x

    model = Model(f)
    np.testing.assert_allclose(model.jacobian(X, 3.0)[:, 0], 6 * X, rtol=1e-8)
    assert "differs from the function" in str(model.why_not)


def test_sum() -> None:
    total = Model(decay) + Model("a*t", "t") + Model(decay, parameters=["height", "tau"])
    names = ("height_1", "tau_1", "offset", "a", "height_3", "tau_3")
    assert total.parameters == names
    p = (1.0, 2.0, 0.5, 0.1, 3.0, 0.7)
    expected = decay(X, 1.0, 2.0, 0.5) + 0.1 * X + decay(X, 3.0, 0.7)
    np.testing.assert_allclose(total(X, *p), expected)
    assert total.compiled
    copied = pickle.loads(pickle.dumps(total))
    np.testing.assert_array_equal(copied(X, *p), total(X, *p))
    assert copied.parameters == names


def test_sum_of_ready_models_and_others() -> None:
    ready = models.gaussian + models.linear
    assert ready.guess is not None  # of osculate.models
    assert ready.compiled
    mixed = models.gaussian + Model("offset*x", "x")
    assert mixed.parameters == ("height", "center", "sigma", "offset_1", "offset_2")
    np.testing.assert_allclose(mixed(X, 1, 2, 3, 4, 5.0), models.gaussian(X, 1, 2, 3, 4) + 5 * X)


def test_sum_refusals() -> None:
    with pytest.raises(TypeError):
        Model(decay) + 1  # type: ignore[operator]
    refused(
        lambda: Model(plane, ("x", "y")) + Model("a*x"),
        ValueError,
        "Model: a sum needs equal coordinates, got x, y and x",
    )
    refused(
        lambda: Model(polynomial) + Model("a*x"), ValueError, "Model: a sum needs named parameters, got poly"
    )


def test_signature_is_the_functions() -> None:
    assert list(inspect.signature(Model("a*exp(-x/t)")).parameters) == ["x", "a", "t"]
    y = decay(X, 2.0, 1.5, 0.3)
    found, _ = curve_fit(Model(decay), X, y)  # p0 of ones, as many as there are names
    np.testing.assert_allclose(found, [2, 1.5, 0.3], rtol=1e-6)
    found, _ = curve_fit(Model("a*exp(-x/t) + c"), X, y, p0=[1, 1, 1])
    np.testing.assert_allclose(found, [2, 1.5, 0.3], rtol=1e-6)


def test_explain() -> None:
    def f(x: Any, a: Any, b: Any) -> Any:
        return a * WEIGHTS * np.log(x) * np.exp(b) + a * x

    text = Model(f).explain()
    lines = text.splitlines()
    assert lines[0] == "f(x, a, b) = " + Model(f).expression
    assert any(line.startswith("d/da = ") for line in lines)
    assert any(line.split()[:2] == ["per", "fit"] and "1 exp" in line for line in lines)
    assert any(line.split()[:2] == ["per", "point"] and "1 log" in line for line in lines)
    assert any(line.split()[:2] == ["per", "cell"] and "mul" in line for line in lines)
    assert "arrays of the function's own, a number for each point: 1" in lines
    tape = lines[lines.index("tape, factors of a fit pulled out of the sums:") :]
    assert tape[1] == "per fit"
    assert any(line.endswith(" = exp b") for line in tape)
    assert any("log(x)" in line and "array0" in line for line in tape[tape.index("per point") :])
    assert tape[-1].startswith("  derivative by b: x")


def test_repr_names_function_and_arguments() -> None:
    assert repr(Model(decay)) == "<Model decay(t, height, tau, offset)>"
    assert repr(Model("a*x")) == "<Model 'a*x', f(x, a)>"
    assert repr(Model(polynomial)) == "<Model polynomial(x, *params)>"
    assert repr(models.gaussian) == "<model gaussian(x, height, center, sigma, offset)>"


def no_arguments() -> float:
    return 1.0


def needs_keyword(x: Any, a: Any, *, b: Any) -> Any:
    return a * x + b


REFUSED: list[tuple[Callable[[], Any], type[Exception], str]] = [
    (lambda: Model(3), TypeError, "Model: f must be a function or an expression, got 3"),  # type: ignore
    (lambda: Model(decay, guess=3), TypeError, "Model: guess must be a function of x and y, got 3"),  # type: ignore
    (lambda: Model(no_arguments), ValueError, "Model: f must be f(x, *params), but it takes no positional"),
    (lambda: Model(lambda x: x), ValueError, "Model: f must have parameters besides x"),
    (lambda: Model(needs_keyword), ValueError, "Model: f must be f(x, *params), but its argument 'b' is by"),
    (lambda: Model("sin(x)"), ValueError, "Model: f must have parameters besides x, got 'sin(x)'"),
    (lambda: Model("y = a*x"), ValueError, "Model: f must be one side of an equation, got 'y = a*x'"),
    (lambda: Model("a**"), ValueError, "Model: f is no expression: "),
    (lambda: Model("a*gamma(x)"), ValueError, "Model: f is no expression: unknown function 'gamma'"),
    (lambda: Model(""), ValueError, "Model: f is no expression: the expression is empty"),
    (lambda: Model("exp*x"), ValueError, "Model: 'exp' is a function of expressions"),
    (lambda: Model("a*x", parameters="b"), ValueError, "Model: parameters must be the names a, got b"),
    (lambda: Model(decay, parameters=["a"] * 2), ValueError, "Model: parameters must be different names"),
    (lambda: Model(decay, parameters=[]), ValueError, "Model: parameters must be different names, at least"),
    (lambda: Model(decay, parameters=["a b", "c"]), ValueError, "Model: parameters must be names, got 'a b'"),
    (lambda: Model(decay, parameters=3), TypeError, "Model: parameters must be names, such as"),  # type: ignore
    (lambda: Model(decay, coordinates=[1]), TypeError, "Model: coordinates must be names, such as"),  # type: ignore
    (lambda: Model(decay, parameters=["a"]), ValueError, "Model: parameters must be 2 to 3 names, as"),
    (lambda: Model(decay, parameters=list("abcd")), ValueError, "Model: parameters must be 2 to 3 names"),
    (lambda: Model(decay, parameters=["tau", "height"]), ValueError, "Model: parameters must be in the"),
    (lambda: Model(decay, "tau"), ValueError, "Model: 'tau' is both a coordinate and a parameter"),
    (lambda: Model(decay)(X, 1.0), TypeError, "Model: decay(t, height, tau, offset) takes 2 to"),
    (lambda: Model("a*x")(X), TypeError, "Model: f(x, a) takes 1 parameters, got 0"),
    (lambda: Model("a*x")("abc", 1), TypeError, "Model: x must be an array of numbers, got 'abc'"),
    (lambda: Model("a*x")([1j], 1), TypeError, "Model: x must be an array of numbers"),
    (lambda: Model(plane, ("x", "y"))(X, 1, 2), ValueError, "Model: x must have shape (2, N), got shape"),
    (lambda: Model("a*x").jacobian(X, "b"), TypeError, "Model.jacobian: params must be an array of numbers"),
    (lambda: Model("a*x").jacobian(X, np.nan), ValueError, "Model.jacobian: params must be finite"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "exception", "message"), REFUSED, ids=[m for *_, m in REFUSED])
def test_refusals(call: Callable[[], Any], exception: type[Exception], message: str) -> None:
    refused(call, exception, message)
