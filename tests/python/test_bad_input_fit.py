"""Wrong arguments of `fit`: the exception, and a message with what came and what was expected."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from refusals import refused, require

import osculate

X = np.linspace(0, 4, 20)
Y = np.exp(-X) * np.ones((3, 2, 1))
P0 = (2.0, 1.0, 0.1)
NAN, INF = np.nan, np.inf
NAMES = "a, k, c"


def decay(x: Any, a: float, k: float, c: float) -> Any:
    return a * np.exp(-k * x) + c


def call(**changes: Any) -> Any:
    arguments: dict[str, Any] = {"model": decay, "x": X, "y": Y, "p0": P0, **changes}
    return osculate.fit(arguments.pop("model"), arguments.pop("x"), arguments.pop("y"), **arguments)


SHAPE = "fit: {} must have shape (3,), for the parameters a, k, c"
# What is changed, the exception, the beginning of the message, more of it.
REFUSALS: list[tuple[dict[str, Any], type[Exception], str, str]] = [
    ({"y": 1.0}, ValueError, "fit: y must have shape (..., N)", "got shape ()"),
    ({"y": np.empty((3, 0)), "x": np.empty(0)}, ValueError, "fit: y must have shape (..., N)", "(3, 0)"),
    ({"y": Y + 1j}, TypeError, "fit: y must be an array of real numbers", "complex128"),
    ({"y": [["a"] * 20]}, TypeError, "fit: y must be an array of real numbers", "got dtype <U1"),
    ({"y": [[1, 2], [3]]}, TypeError, "fit: y must be an array of real numbers", "got [[1, 2], [3]]"),
    ({"y": None}, TypeError, "fit: y must be an array of real numbers", "object"),
    ({"y": X.astype("M8[s]")}, TypeError, "fit: y must be an array of real numbers", "datetime64"),
    ({"x": X[:-1]}, ValueError, "fit: x must have shape (20,)", "got (19,)"),
    ({"x": 1.0}, ValueError, "fit: x must have shape (20,)", "got ()"),
    ({"x": "time"}, TypeError, "fit: x must be an array of real numbers", "dtype"),
    ({"x": np.ones((7, 3, 20))}, ValueError, "fit: x must have shape", "got (7, 3, 20)"),
    ({"x": Y, "y": X}, ValueError, "fit: x must have shape (20,) or (D, 20) for", "y has shape (20,)"),
    ({"p0": None}, ValueError, "fit: p0 is needed", NAMES),
    ({"p0": (1.0, 2.0)}, ValueError, SHAPE.format("p0"), "got (2,)"),
    ({"p0": np.ones((4, 3))}, ValueError, SHAPE.format("p0"), "or (3, 2, 3), got (4, 3)"),
    ({"p0": (1.0, NAN, 0.0)}, ValueError, "fit: p0 must be finite", "got nan for k"),
    ({"p0": (INF, 1.0, 0.0)}, ValueError, "fit: p0 must be finite", "got inf for a"),
    ({"p0": "start"}, TypeError, "fit: p0 must be numbers", "got 'start'"),
    ({"p0": (1j, 1, 1)}, TypeError, "fit: p0 must be numbers", "1j"),
    ({"p0": {"a": 1.0, "tau": 2.0}}, ValueError, "fit: p0 has tau", f"the parameters are {NAMES}"),
    ({"p0": {"a": 1.0}}, ValueError, "fit: p0 lacks k", "do not enter linearly"),
    ({"p0": {"k": np.ones(7)}}, ValueError, SHAPE.format("p0"), "(7, 3)"),
    ({"p0": {"k": "one"}}, TypeError, "fit: p0 must hold numbers", "'one'"),
    ({"p0": {"k": [1.0, NAN]}}, ValueError, "fit: p0 must be finite", "got nan for k"),
    ({"p0": {"k": 1.0}, "fixed": "c"}, ValueError, "fit: p0 lacks c", "fixed"),
    (
        {"sigma": np.ones(7)},
        ValueError,
        "fit: sigma must broadcast to y's shape (3, 2, 20)",
        "got shape (7,)",
    ),
    ({"sigma": "1"}, TypeError, "fit: sigma must be an array of real numbers", "<U1"),
    (
        {"sigma": 1.0, "loss": "poisson"},
        ValueError,
        "fit: sigma must be None with loss='poisson'",
        "variance",
    ),
    (
        {"mask": np.ones(20)},
        TypeError,
        "fit: mask must be an array of bool",
        "True where a point is left out",
    ),
    ({"mask": np.ones(19, bool)}, ValueError, "fit: mask must broadcast to y's shape (3, 2, 20)", "(19,)"),
    ({"nan_policy": "propagate"}, ValueError, "fit: nan_policy must be 'omit' or 'raise'", "'propagate'"),
    (
        {"y": [1.0, NAN], "x": [0, 1], "nan_policy": "raise"},
        ValueError,
        "fit: y must not hold NaN",
        "index (1,)",
    ),
    ({"bounds": (0, 1, 2)}, ValueError, "fit: bounds must be a pair (lower, upper) or a dict", "(0, 1, 2)"),
    ({"bounds": 3}, ValueError, "fit: bounds must be a pair (lower, upper) or a dict", "got 3"),
    ({"bounds": ((0, 0), (9, 9))}, ValueError, SHAPE.format("bounds[0]"), "got (2,)"),
    ({"bounds": (0, np.ones((4, 3)))}, ValueError, SHAPE.format("bounds[1]"), "got (4, 3)"),
    ({"bounds": (None, 9)}, TypeError, "fit: bounds[0] must be numbers", "None"),
    ({"bounds": (0, NAN)}, ValueError, "fit: bounds of a must have lower <= upper", "nan"),
    ({"bounds": {"k": (2, 1)}}, ValueError, "fit: bounds of k must have lower <= upper", "2.0 and 1.0"),
    ({"bounds": {"tau": (0, 1)}}, ValueError, "fit: bounds has tau", f"the parameters are {NAMES}"),
    ({"bounds": {"k": 1}}, ValueError, "fit: bounds of a parameter must be a pair", "{'k': 1}"),
    ({"bounds": {"k": ("0", 1)}}, TypeError, "fit: bounds[0] must be numbers", "0"),
    ({"bounds": {"k": (2, 3)}}, ValueError, "fit: p0 must lie within the bounds", "k starts outside"),
    (
        {"bounds": {"k": (np.array([[0], [2], [0]]), 3)}},
        ValueError,
        "fit: p0 must lie within",
        "in fit (1, 0)",
    ),
    ({"fixed": "tau"}, ValueError, "fit: fixed has 'tau'", f"the parameters are {NAMES}"),
    (
        {"fixed": [True, False]},
        ValueError,
        "fit: fixed must be names or a mask of shape (3,)",
        "[True, False]",
    ),
    ({"fixed": 1}, TypeError, "fit: fixed must be names or a mask of shape (3,)", "got 1"),
    ({"fixed": [0, 2]}, ValueError, "fit: fixed has 0", NAMES),
    ({"loss": "l1"}, ValueError, "fit: loss must be one of 'linear', 'soft_l1'", "'poisson', got 'l1'"),
    ({"loss": np.abs}, ValueError, "fit: loss must be one of", "absolute"),
    ({"f_scale": 0}, ValueError, "fit: f_scale must be positive and finite", "got 0"),
    ({"f_scale": "1"}, TypeError, "fit: f_scale must be a number", "'1'"),
    ({"max_iterations": 0}, ValueError, "fit: max_iterations must be at least 1", "got 0"),
    ({"max_iterations": 2.5}, TypeError, "fit: max_iterations must be a whole number or None", "2.5"),
    ({"ftol": -1e-8}, ValueError, "fit: ftol must be finite and at least the machine epsilon", "-1e-08"),
    ({"xtol": 0}, ValueError, "fit: xtol must be finite", "None for no such test"),
    ({"gtol": "small"}, TypeError, "fit: gtol must be a number", "'small'"),
    ({"covariance": "full"}, ValueError, "fit: covariance must be True, False or 'model'", "'full'"),
    ({"covariance": 1}, ValueError, "fit: covariance must be True, False or 'model'", "got 1"),
    ({"absolute_sigma": "yes"}, TypeError, "fit: absolute_sigma must be True or False", "'yes'"),
    ({"dtype": np.float16}, ValueError, "fit: dtype must be float32 or float64", "float16"),
    ({"dtype": "double precision"}, TypeError, "fit: dtype must be float32 or float64", "'double precision'"),
    ({"threads": 0}, ValueError, "fit: threads: got 0", "from 1 to 4096"),
    ({"threads": 1.5}, TypeError, "fit: threads: got 1.5", "positive integer"),
    ({"progress": "bar"}, TypeError, "fit: progress must be True, False or a function", "'bar'"),
    ({"callback": True}, TypeError, "fit: callback must be a function of (done, total)", "got True"),
    ({"rescue": -1}, ValueError, "fit: rescue must be a whole number from 0 on", "got -1"),
    ({"rescue": True}, TypeError, "fit: rescue must be a whole number", "got True"),
    ({"rescue": 1.0}, TypeError, "fit: rescue must be a whole number", "got 1.0"),
    ({"seed": -3}, ValueError, "fit: seed must be a whole number from 0 on", "got -3"),
    ({"seed": None}, TypeError, "fit: seed must be a whole number", "got None"),
    (
        {"on_interrupt": "ignore"},
        ValueError,
        "fit: on_interrupt must be one of 'raise', 'return'",
        "'ignore'",
    ),
    ({"on_interrupt": None}, ValueError, "fit: on_interrupt must be one of", "None"),
    ({"model": 3}, TypeError, "Model: f must be a function or an expression", "got 3"),
    ({"model": lambda x: x}, ValueError, "Model:", "parameter"),
    ({"model": lambda x, *p: x, "p0": 1.0}, ValueError, "fit: p0 is needed to tell how many", "*params"),
    ({"model": lambda x, *p: x, "p0": None}, ValueError, "fit: p0 is needed to tell how many", "*params"),
]


@pytest.mark.parametrize(("changes", "exception", "start", "more"), REFUSALS)
def test_wrong_argument_is_refused(
    changes: dict[str, Any], exception: type[Exception], start: str, more: str
) -> None:
    refused(lambda: call(**changes), exception, start, more)


def test_the_right_arguments_are_taken() -> None:
    require(bool(call().success.all()), call().summary())


def test_a_function_of_another_shape_is_refused() -> None:
    refused(lambda: call(model=lambda x, a, k, c: np.ones(7) * a), ValueError, "fit: ", "(7,)")


RETRIES: list[tuple[dict[str, Any], type[Exception], str, str]] = [
    ({"p0": np.ones((5, 3))}, ValueError, "retry: p0 must have shape", "got (5, 3)"),
    ({"p0": (1, 2)}, ValueError, "retry: p0 must have shape (3,)", "got (2,)"),
    ({"p0": (1, NAN, 2)}, ValueError, "retry: p0 must be finite", "nan"),
    ({"loss": "huber"}, TypeError, "retry: options may be ftol", "got loss"),
    ({"max_iterations": 0}, ValueError, "retry: max_iterations must be at least 1", "got 0"),
    ({"ftol": -1}, ValueError, "retry: ftol must be finite", "-1"),
    ({"threads": "two"}, TypeError, "retry: threads: got 'two'", "positive integer"),
]


@pytest.mark.parametrize(("arguments", "exception", "start", "more"), RETRIES)
def test_wrong_argument_of_retry_is_refused(
    arguments: dict[str, Any], exception: type[Exception], start: str, more: str
) -> None:
    y = Y.copy()
    y[0] = NAN
    result = call(y=y)
    refused(lambda: result.retry(**arguments), exception, start, more)


PREDICTIONS: list[tuple[Any, type[Exception], str]] = [
    ("time", TypeError, "x must be an array of real numbers, got dtype <U4"),
    (X + 1j, TypeError, "x must be an array of real numbers, got dtype complex128"),
    ([[1, 2], [3]], TypeError, "x must be an array of real numbers, got [[1, 2], [3]]"),
    ([None], TypeError, "x must be an array of real numbers, got dtype object"),
    (X[np.newaxis], ValueError, "x must have shape (N,), the same for all fits, got (1, 20)"),
    (
        np.broadcast_to(X, Y.shape),
        ValueError,
        "x must have shape (N,), the same for all fits, got (3, 2, 20)",
    ),
]


@pytest.mark.parametrize("own_x", [False, True])
@pytest.mark.parametrize(("x", "exception", "more"), PREDICTIONS)
def test_prediction_at_a_wrong_x_is_refused(
    x: Any, exception: type[Exception], more: str, own_x: bool
) -> None:
    result = call(x=np.broadcast_to(X, Y.shape) if own_x else X)
    refused(lambda: result.predict(x), exception, f"FitResult.predict: {more}")


@pytest.mark.parametrize("x", [X, 1.0, (1.0, 2.0), np.ones((3, 20)), np.ones((2, 2, 20))])
def test_prediction_at_a_wrong_number_of_coordinates_is_refused(x: Any) -> None:
    plane = osculate.Model(lambda u, v, a, b: a * u + b * v, coordinates=("u", "v"))
    result = osculate.fit(plane, np.stack([X, X**2]), Y, (1.0, 1.0))
    refused(
        lambda: result.predict(x),
        ValueError,
        "FitResult.predict: x must have shape (2, N)",
        f"got {np.shape(x)}",
    )
    require(result.predict(np.ones((2, 7))).shape == (3, 2, 7), "two coordinates of seven points are taken")


@pytest.mark.parametrize("among", [3, [None], [0, 1], ("a", None), np.arange(2)])
def test_linear_parameters_among_what_are_no_names_is_refused(among: Any) -> None:
    refused(
        lambda: osculate.Model(decay).linear_parameters(among),
        TypeError,
        "Model.linear_parameters: among must be names of parameters",
        "got ",
    )


@pytest.mark.parametrize("among", ["tau", ["a", "tau"], ("", "a")])
def test_linear_parameters_among_unknown_names_is_refused(among: Any) -> None:
    refused(
        lambda: osculate.Model(decay).linear_parameters(among),
        ValueError,
        "Model.linear_parameters: among must be of a, k, c",
    )
