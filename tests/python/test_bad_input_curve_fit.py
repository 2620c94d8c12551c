"""Wrong input of curve_fit: SciPy's exceptions, and messages that speak of curve_fit's own arguments."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from refusals import refused, require

import osculate

FloatArray = NDArray[np.float64]
NAN, INF = np.nan, np.inf
X = np.linspace(0, 1, 5)


def model(x: FloatArray, a: float, b: float) -> FloatArray:
    return a * np.exp(-b * x)


Y = model(X, 2.0, 1.5) + np.array([0.01, -0.01, 0.02, -0.02, 0.01])
Y_NAN = np.where(X == 0.25, NAN, Y)
SIGMA = "must be a number, 5 standard deviations or a covariance matrix of shape (5, 5), got shape"
OMIT = "nan_policy='omit' leaves points with NaN out"
PARAMETERS = "the number of parameters, {}, must not exceed the number of data points, {}"

CASES: list[tuple[str, dict[str, Any], type[Exception], str]] = [
    ("sigma", {"sigma": [1, 2]}, ValueError, f"{SIGMA} (2,)"),
    ("sigma", {"sigma": np.eye(4)}, ValueError, f"{SIGMA} (4, 4)"),
    ("sigma", {"sigma": np.ones((5, 1))}, ValueError, f"{SIGMA} (5, 1)"),
    ("sigma", {"sigma": np.ones((5, 5, 5))}, ValueError, f"{SIGMA} (5, 5, 5)"),
    ("sigma", {"sigma": -np.eye(5)}, ValueError, "as a covariance matrix, must be positive definite"),
    ("sigma", {"sigma": np.ones((5, 5))}, ValueError, "as a covariance matrix, must be positive definite"),
    ("sigma", {"sigma": NAN * np.eye(5)}, ValueError, "as a covariance matrix, must be positive definite"),
    ("sigma", {"sigma": [1, 0, 1, 1, 1]}, ValueError, "must not be zero or NaN, got sigma[1] = 0.0"),
    ("sigma", {"sigma": [1, 1, NAN, 1, 1]}, ValueError, "must not be zero or NaN, got sigma[2] = nan"),
    ("sigma", {"sigma": 0}, ValueError, "must not be zero or NaN, got sigma[0] = 0.0"),
    ("sigma", {"sigma": "a"}, ValueError, "must be an array of numbers, got 'a'"),
    ("sigma", {"sigma": [1j] * 5}, TypeError, "must be an array of numbers, got [1j, 1j, 1j, 1j, 1j]"),
    ("ydata", {"ydata": Y_NAN}, ValueError, f"must be finite, got nan at [1]; {OMIT}"),
    ("ydata", {"ydata": Y * INF}, ValueError, "must be finite, got inf at [0]"),
    ("ydata", {"ydata": Y_NAN, "check_finite": True, "nan_policy": "omit"}, ValueError, "must be finite"),
    ("ydata", {"ydata": ["a"] * 5}, ValueError, "must be an array of numbers, got ['a', 'a', 'a', 'a', 'a']"),
    ("ydata", {"ydata": []}, ValueError, "must not be empty"),
    ("ydata", {"ydata": None}, TypeError, "must be an array of numbers, got None"),
    ("xdata", {"xdata": [0, 1, 2, INF, 4]}, ValueError, f"must be finite, got inf at [3]; {OMIT}"),
    (
        "xdata",
        {"xdata": [[0, 1, 2, 3, 4], [0, 1, 2, NAN, 4]]},
        ValueError,
        "must be finite, got nan at [1, 3]",
    ),
    ("xdata", {"xdata": ["a"] * 5}, ValueError, "must be an array of numbers, got"),
    ("the data", {"ydata": Y_NAN, "nan_policy": "raise"}, ValueError, "contain NaN; use nan_policy='omit'"),
    ("nan_policy", {"nan_policy": "drop"}, ValueError, "must be None, 'raise' or 'omit', got 'drop'"),
    (
        "nan_policy",
        {"nan_policy": "propagate"},
        ValueError,
        "must be None, 'raise' or 'omit', got 'propagate'",
    ),
    ("f", {"ydata": Y_NAN, "check_finite": False}, ValueError, "residuals at p0, got NaN in residual 1 of 5"),
    ("", {"xdata": [1.0], "ydata": [1.0]}, TypeError, PARAMETERS.format(2, 1)),
    ("", {"p0": [1, 1, 1], "xdata": X[:2], "ydata": Y[:2]}, TypeError, PARAMETERS.format(3, 2)),
    ("", {"ydata": Y * NAN, "nan_policy": "omit"}, TypeError, PARAMETERS.format(2, 0)),
    ("unable", {"f": lambda *p: p[0] * p[1]}, ValueError, "to determine the number of fit parameters of f"),
    ("unable", {"f": lambda x: x}, ValueError, "to determine the number of fit parameters of f"),
    ("unable", {"f": max}, ValueError, "with named parameters; give p0"),
    ("p0", {"p0": "ab"}, TypeError, "must be an array of numbers, got 'ab'"),
    ("p0", {"p0": [1, NAN]}, ValueError, "must be finite, got p0[1] = nan"),
    ("p0", {"p0": [1, 1j]}, ValueError, "must be real, got complex numbers"),
    ("p0", {"p0": []}, ValueError, "must have at least one parameter, got an empty array"),
    (
        "p0",
        {"p0": [5, 1], "bounds": (0, 3)},
        ValueError,
        "must lie within the bounds, but parameter 0 starts at 5.0",
    ),
    (
        "bounds",
        {"bounds": 5},
        ValueError,
        "must be a pair (lower, upper), each a number or of shape (2,), got 5",
    ),
    (
        "bounds",
        {"bounds": ([0, 0, 0], 1)},
        ValueError,
        "[0] must be a number or have shape (2,), got shape (3,)",
    ),
    (
        "bounds",
        {"bounds": ([3, 0], 1)},
        ValueError,
        "of parameter 0 must have lower <= upper, got 3.0 and 1.0",
    ),
    ("'args'", {"args": (1,)}, ValueError, "is not a supported keyword argument; use a lambda or functools"),
    (
        "method",
        {"method": "lm", "bounds": (0, 3)},
        ValueError,
        "'lm' takes no bounds; use method='trf' or none",
    ),
    ("method", {"method": "bfgs"}, ValueError, "must be None, 'lm', 'trf' or 'dogbox', got 'bfgs'"),
    (
        "jac",
        {"jac": "4-point"},
        ValueError,
        "must be None, a callable, '2-point', '3-point' or 'cs', got '4-",
    ),
    ("jac", {"jac": True}, ValueError, "must be None, a callable, '2-point', '3-point' or 'cs', got True"),
    (
        "jac",
        {"jac": lambda x, a, b: np.ones((2, 5))},
        ValueError,
        "of shape (5, 2), residuals by parameters, got",
    ),
    ("jac", {"jac": lambda x, a, b: None}, TypeError, "must return an array of numbers, got None"),
    (
        "jac",
        {"jac": lambda x, a, b: NAN * np.ones((5, 2))},
        ValueError,
        "finite derivatives at p0, got NaN or",
    ),
    ("f", {"f": 3}, TypeError, "must be callable, got 3"),
    ("f", {"f": lambda x, a: None}, TypeError, "of shape (5,), one value a data point, got None"),
    (
        "f",
        {"f": lambda x, a: np.ones(3)},
        ValueError,
        "of shape (5,), one value a data point, got shape (3,)",
    ),
    ("f", {"f": lambda x, a: a * x[:, None]}, ValueError, "one value a data point, got shape (5, 1)"),
    ("f", {"f": lambda x, a: a * x + 0j}, TypeError, "must return real numbers, got complex ones"),
    (
        "f",
        {"f": lambda x, a: NAN * x},
        ValueError,
        "must return finite residuals at p0, got NaN in residual 0 of 5",
    ),
    ("maxfev", {"maxfev": -1}, ValueError, "must be at least 1, got -1"),
    ("maxfev", {"maxfev": "2"}, TypeError, "must be a whole number or None, got '2'"),
    ("epsfcn", {"epsfcn": "a"}, TypeError, "must be a number, got 'a'"),
    ("factor", {"factor": 0}, ValueError, "must be positive and finite, got 0"),
    ("diag", {"diag": [0, 1]}, ValueError, "must be positive and finite, got [0, 1]"),
    ("diag", {"diag": [1, 1, 1]}, ValueError, "must be a number or have shape (2,), got shape (3,)"),
    ("ftol", {"ftol": -1}, ValueError, "must be finite and at least the machine epsilon 2.22e-16"),
    ("xtol", {"xtol": "a"}, TypeError, "must be a number, got 'a'"),
    ("loss", {"loss": "l1"}, ValueError, "must be one of 'linear', 'soft_l1', 'huber', 'cauchy', 'arctan'"),
    ("x_scale", {"x_scale": [1, -1]}, ValueError, "must be positive and finite, got [1, -1]"),
    ("threads", {"threads": 0}, ValueError, "got 0, expected an integer from 1 to 4096, or None"),
]


@pytest.mark.parametrize(
    ("argument", "changed", "exception", "rest"),
    [pytest.param(*case, id=f"{case[0]}-{i}") for i, case in enumerate(CASES)],
)
def test_wrong_input_is_refused(
    argument: str, changed: dict[str, Any], exception: type[Exception], rest: str
) -> None:
    arguments = {"f": model, "xdata": X, "ydata": Y} | changed
    refused(lambda: osculate.curve_fit(**arguments), exception, f"curve_fit: {argument}", rest)


@pytest.mark.parametrize("method", ["lm", "trf"])
def test_unknown_argument_is_refused_by_name(method: str) -> None:
    with pytest.raises(TypeError, match=r"curve_fit\(\) got an unexpected keyword argument 'tol'"):
        osculate.curve_fit(model, X, Y, method=method, tol=1e-8)


def test_exception_of_the_model_comes_out_as_it_is() -> None:
    mine = ValueError("least_squares: looks like ours")

    def fails(x: FloatArray, a: float) -> FloatArray:
        raise mine

    with pytest.raises(ValueError, match=r"^least_squares: looks like ours$") as caught:
        osculate.curve_fit(fails, X, Y)
    require(caught.value is mine, caught.value)


SPENT = "The maximum number of function evaluations is exceeded."


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"maxfev": 2}, "Number of calls to function has reached maxfev = 2."),
        ({"method": "trf", "max_nfev": 1}, SPENT),
        ({"method": "dogbox", "maxfev": 1}, SPENT),
    ],
)
def test_limit_of_evaluations_is_a_runtime_error(options: dict[str, Any], text: str) -> None:
    refused(
        lambda: osculate.curve_fit(model, X, Y, **options),
        RuntimeError,
        f"Optimal parameters not found: {text}",
    )
