"""Where scipy.optimize.curve_fit raises or warns, so does osculate.curve_fit; what differs is listed."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.optimize
from decay_data import COVARIANCE, GAPS, SIGMA, X_GAPS, X, Y, decay

import osculate

pytest.importorskip("scipy", minversion="1.17")  # older ones have other signatures and messages

WARNING = "Covariance of the parameters could not be estimated"
redundant = (lambda x, a, b: a * x, X, Y)
INDEFINITE: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "as many data as parameters": ((decay, X[::20], Y[::20]), {}),
    "as many data as parameters, trf": ((decay, X[::20], Y[::20]), {"method": "trf"}),
    "parameter without effect": (redundant, {}),
    "one datum": ((lambda x, a: a * x, [2.0], [4.0]), {}),
}


def outcome(call: Callable[[], Any]) -> tuple[Any, list[type[Warning]]]:
    """What a call returns, or the exception it raises, and the warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = call()
        except Exception as error:
            result = error
    return result, [warning.category for warning in caught]


@pytest.mark.parametrize("name", INDEFINITE)
def test_covariance_that_cannot_be_estimated_is_infinite_with_scipys_warning(name: str) -> None:
    arguments, options = INDEFINITE[name]
    with pytest.warns(scipy.optimize.OptimizeWarning, match=WARNING):
        popt, pcov = osculate.curve_fit(*arguments, **options)
    (expected, covariance), categories = outcome(lambda: scipy.optimize.curve_fit(*arguments, **options))
    assert categories == [scipy.optimize.OptimizeWarning]
    assert np.array_equal(pcov, covariance)
    assert popt == pytest.approx(expected, abs=1e-5)


def test_warning_points_at_the_caller() -> None:
    with pytest.warns(scipy.optimize.OptimizeWarning) as caught:
        osculate.curve_fit(*redundant)
    assert caught[0].filename == __file__


def test_parameter_without_effect_has_a_zero_row_with_trf() -> None:
    """SciPy's pseudo-inverse, without a warning."""
    pcov = osculate.curve_fit(*redundant, method="trf")[1]
    assert pcov == pytest.approx(scipy.optimize.curve_fit(*redundant, method="trf")[1], rel=1e-4)
    assert pcov[1].tolist() == [0, 0]


def test_warning_is_our_own_where_scipy_is_not_imported() -> None:
    code = """
import sys, warnings
import numpy as np
import osculate
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    osculate.curve_fit(lambda x, a, b: a * x, np.arange(5.0), np.arange(5.0))
assert "scipy" not in sys.modules
print(caught[0].category is osculate.OptimizeWarning, caught[0].message)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == f"True {WARNING}"


SAME_EXCEPTION: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "NaN in ydata": ((decay, X, GAPS), {}),
    "NaN in xdata": ((decay, X_GAPS, Y), {}),
    "NaN with policy raise": ((decay, X, GAPS), {"nan_policy": "raise"}),
    "policy propagate": ((decay, X, Y), {"nan_policy": "propagate"}),
    "policy unknown": ((decay, X, Y), {"nan_policy": "drop"}),
    "empty": ((decay, [], []), {}),
    "too few": ((decay, X[:2], Y[:2]), {}),
    "all omitted": ((decay, X, X * np.nan), {"nan_policy": "omit"}),
    "one datum, three parameters": ((decay, [1.0], [1.0]), {}),
    "no parameters": ((lambda *p: p[0], X, Y), {}),
    "model not callable": ((3, X, Y), {}),
    "sigma's shape": ((decay, X, Y), {"sigma": [1.0, 2.0]}),
    "sigma not definite": ((decay, X, Y), {"sigma": -COVARIANCE}),
    "args": ((decay, X, Y), {"args": (1,)}),
    "lm with bounds": ((decay, X, Y), {"method": "lm", "bounds": (0, 3)}),
    "method": ((decay, X, Y), {"method": "bfgs"}),
    "bounds crossed": ((decay, X, Y), {"bounds": ([3, 0, 0], [1, 1, 1])}),
    "start outside": ((decay, X, Y, [5, 1, 1]), {"bounds": (0, 3)}),
    "p0 too long": ((decay, X, Y, np.ones(5)), {}),
    "lengths differ": ((decay, X[1:], Y), {}),
    "strings": ((decay, X, ["a"] * 50), {}),
    "maxfev": ((decay, X, Y), {"maxfev": 2}),
    "maxfev, trf": ((decay, X, Y), {"method": "trf", "maxfev": 2}),
    "max_nfev, dogbox": ((decay, X, Y), {"method": "dogbox", "max_nfev": 2}),
    "unknown keyword": ((decay, X, Y), {"tolerance": 2}),
}


@pytest.mark.parametrize("name", SAME_EXCEPTION)
def test_exception_is_of_scipys_type(name: str) -> None:
    arguments, options = SAME_EXCEPTION[name]
    ours, our_warnings = outcome(lambda: osculate.curve_fit(*arguments, **options))
    theirs, their_warnings = outcome(lambda: scipy.optimize.curve_fit(*arguments, **options))
    assert type(ours) is type(theirs), (ours, theirs)
    assert our_warnings == their_warnings
    if isinstance(theirs, RuntimeError):
        assert str(ours) == str(theirs)


# What SciPy takes or refuses and we do not, with the reason.
DIFFERENT: dict[str, tuple[tuple[Any, ...], dict[str, Any], type[Any], type[Any], str]] = {
    "zero in sigma": (
        (decay, X, Y),
        {"sigma": np.where(X == 0, 0, SIGMA)},
        ValueError,
        tuple,
        "SciPy divides by it and returns the start",
    ),
    "NaN in sigma": (
        (decay, X, Y),
        {"sigma": np.where(X == 0, np.nan, SIGMA)},
        ValueError,
        tuple,
        "SciPy returns the start",
    ),
    "model returns NaN": (
        (lambda x, a: a * np.nan * x, X, Y),
        {},
        ValueError,
        tuple,
        "SciPy returns the start",
    ),
    "factor 0": ((decay, X, Y), {"factor": 0}, ValueError, RuntimeError, "an argument, not a failed fit"),
    "diag 0": ((decay, X, Y), {"diag": [0, 1, 1]}, ValueError, RuntimeError, "an argument, not a failed fit"),
    "xtol -1": ((decay, X, Y), {"xtol": -1}, ValueError, RuntimeError, "an argument, not a failed fit"),
    "maxfev -1": ((decay, X, Y), {"maxfev": -1}, ValueError, tuple, "in SciPy no limit, undocumented"),
    "loss with lm": ((decay, X, Y), {"loss": "huber"}, tuple, TypeError, "our method is one for all"),
    "words with lm": ((decay, X, Y), {"jac": "3-point"}, tuple, TypeError, "our method is one for all"),
    "factor with trf": (
        (decay, X, Y),
        {"method": "trf", "factor": 1},
        tuple,
        TypeError,
        "one method for all",
    ),
    "equal bounds": ((decay, X, Y), {"bounds": ([0, 0, 1], [3, 3, 1])}, tuple, ValueError, "they fix it"),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_what_differs_from_scipy(name: str) -> None:
    arguments, options, ours, theirs, reason = DIFFERENT[name]
    assert type(outcome(lambda: osculate.curve_fit(*arguments, **options))[0]) is ours, reason
    assert type(outcome(lambda: scipy.optimize.curve_fit(*arguments, **options))[0]) is theirs, reason
