"""Code written for scipy.optimize.curve_fit runs with osculate.curve_fit, and gives what SciPy gives.

A stop by ftol = 1.5e-8 leaves a fit sqrt(ftol (m - n)) = 8e-4 standard errors from the minimum.
Covariances are compared to 1e-4, what such a distance and forward differences leave of a Jacobian.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import pytest
import scipy.optimize
from decay_data import COVARIANCE, GAPS, INF, SIGMA, X_GAPS, FloatArray, X, Y, decay, decay_jacobian

import osculate

pytest.importorskip("scipy", minversion="1.17")  # older ones have other signatures and messages


class Table:
    """As a data frame: columns by attribute; no array."""

    def __init__(self, **columns: FloatArray) -> None:
        self.__dict__.update(columns)

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise TypeError("only the model may look into this")


class Line:
    """A model that is a method, and an object that can be called."""

    def evaluate(self, x: FloatArray, slope: float, offset: float) -> FloatArray:
        return slope * x + offset

    __call__ = evaluate


def with_defaults(x: FloatArray, a: float, b: float = 5.0) -> FloatArray:
    return a + b * x


def scaled(factor: float, x: FloatArray, a: float, b: float) -> FloatArray:
    return factor * a * np.exp(-b * x)


def plane(x: FloatArray, a: float, b: float, c: float) -> FloatArray:
    return a + b * x[0] + c * x[1] ** 2


def frame_model(table: Table, a: float, b: float) -> Any:
    return a * table.time + b * table.load


TABLE = Table(time=X, load=np.cos(X))
# name, arguments, options
FITS: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "plain": ((decay, X, Y), {}),
    "lists": ((decay, list(X), list(Y)), {}),
    "start": ((decay, X, Y, [2, 1, 0.5]), {}),
    "start tuple": ((decay, X, Y), {"p0": (2, 1, 1)}),
    "float32": ((decay, X.astype(np.float32), Y.astype(np.float32)), {}),
    "bounds": ((decay, X, Y), {"bounds": (0, [3.0, 2.0, 0.7])}),
    "active bound": ((decay, X, Y), {"bounds": (0, [3.0, 1.0, 0.5]), "p0": [1, 0.5, 0.2]}),
    "Bounds": ((decay, X, Y), {"bounds": scipy.optimize.Bounds([0, 0, 0], [3, 2, 2])}),
    "half bounds": ((decay, X, Y), {"bounds": ([0, -INF, -INF], [INF, 4, INF])}),
    "infinite bounds": ((decay, X, Y), {"bounds": ([-INF] * 3, INF)}),
    "lm": ((decay, X, Y), {"method": "lm"}),
    "trf": ((decay, X, Y), {"method": "trf"}),
    "dogbox": ((decay, X, Y), {"method": "dogbox"}),
    "sigma": ((decay, X, Y), {"sigma": SIGMA}),
    "sigma absolute": ((decay, X, Y), {"sigma": SIGMA, "absolute_sigma": True}),
    "sigma list": ((decay, X, Y), {"sigma": list(SIGMA)}),
    "sigma scalar": ((decay, X, Y), {"sigma": 0.1, "absolute_sigma": True}),
    "sigma 2-D": ((decay, X, Y), {"sigma": COVARIANCE}),
    "sigma 2-D absolute": ((decay, X, Y), {"sigma": COVARIANCE, "absolute_sigma": True}),
    "sigma 2-D trf": ((decay, X, Y), {"sigma": COVARIANCE, "method": "trf"}),
    "sigma with jac": ((decay, X, Y), {"sigma": SIGMA, "jac": decay_jacobian}),
    "sigma 2-D with jac": ((decay, X, Y), {"sigma": COVARIANCE, "jac": decay_jacobian}),
    "jac": ((decay, X, Y), {"jac": decay_jacobian}),
    "jac trf": ((decay, X, Y), {"jac": decay_jacobian, "method": "trf"}),
    "jac 3-point": ((decay, X, Y), {"jac": "3-point", "method": "trf"}),
    "jac cs": ((decay, X, Y), {"jac": "cs", "method": "dogbox"}),
    "col_deriv": ((decay, X, Y), {"jac": lambda *p: decay_jacobian(*p).T, "col_deriv": True}),
    "epsfcn": ((decay, X, Y), {"epsfcn": 1e-14}),
    "factor": ((decay, X, Y), {"factor": 10}),
    "diag": ((decay, X, Y), {"diag": [1, 2, 3]}),
    "tolerances": ((decay, X, Y), {"ftol": 1e-12, "xtol": 1e-12, "gtol": 1e-12}),
    "no xtol": ((decay, X, Y), {"xtol": 0.0, "maxfev": 1000}),
    "x_scale": ((decay, X, Y), {"method": "trf", "x_scale": [2, 1, 1]}),
    "loss": ((decay, X, Y), {"method": "trf", "loss": "soft_l1", "f_scale": 0.1}),
    "nan raise": ((decay, X, Y), {"nan_policy": "raise"}),
    "nan omit": ((decay, X, GAPS), {"nan_policy": "omit"}),
    "nan omit x": ((decay, X_GAPS, GAPS), {"nan_policy": "omit", "sigma": SIGMA}),
    "nan omit 2-D sigma": ((decay, X, GAPS), {"nan_policy": "omit", "sigma": COVARIANCE}),
    "nan omit predictors": ((plane, np.stack([X_GAPS, X]), GAPS), {"nan_policy": "omit"}),
    "predictors": ((plane, np.stack([X, X]), Y), {}),
    "predictors tuple": ((plane, (X, X), Y), {}),
    "object": ((frame_model, TABLE, Y), {}),
    "defaults": ((with_defaults, X, Y), {}),
    "method of object": ((Line().evaluate, X, Y), {}),
    "callable object": ((Line(), X, Y), {}),
    "partial": ((functools.partial(scaled, 2.0), X, Y), {}),
    "partial keyword": ((functools.partial(decay, c=0.5), X, Y), {"p0": [1, 1]}),
    "varargs": ((lambda x, *p: np.polyval(p, x), X, Y), {"p0": np.ones(4)}),
    "constant": ((lambda x, a: a, X, Y), {}),
    "as many data as parameters": ((decay, X[::20], Y[::20]), {"absolute_sigma": True}),
}


@pytest.mark.parametrize("name", FITS)
def test_fit_is_that_of_scipy(name: str) -> None:
    arguments, options = FITS[name]
    popt, pcov = osculate.curve_fit(*arguments, **options)
    expected, covariance = scipy.optimize.curve_fit(*arguments, **options)
    errors = np.sqrt(np.diag(covariance))
    assert (popt - expected) / errors == pytest.approx(np.zeros(popt.size), abs=1e-3)
    # Elements are compared beside the variances they belong to.
    assert pcov / np.outer(errors, errors) == pytest.approx(covariance / np.outer(errors, errors), abs=1e-4)


@pytest.mark.parametrize("jac", [None, decay_jacobian])
def test_full_output_of_lm_is_that_of_leastsq(jac: Any) -> None:
    popt, pcov, info, message, ier = osculate.curve_fit(decay, X, Y, jac=jac, sigma=SIGMA, full_output=True)
    theirs = scipy.optimize.curve_fit(decay, X, Y, jac=jac, sigma=SIGMA, full_output=True)
    assert info.keys() == theirs[2].keys()
    assert ier == theirs[4] == 1
    assert isinstance(message, str)
    assert info["fvec"] == pytest.approx((decay(X, *popt) - Y) / SIGMA, abs=1e-12)
    assert info["nfev"] <= theirs[2]["nfev"] + 3  # three is what one Jacobian costs
    for name in ("fjac", "ipvt", "qtf"):
        assert info[name].shape == theirs[2][name].shape
    assert info["ipvt"].tolist() == theirs[2]["ipvt"].tolist()
    # fjac holds R of J[:, ipvt] = Q R, from which the covariance without its scale follows.
    r = np.triu(info["fjac"].T[:3])
    assert np.all(np.diff(abs(np.diag(r))) <= 0)
    inverse = np.linalg.inv(r.T @ r)
    unscaled = np.empty((3, 3))
    unscaled[np.ix_(info["ipvt"], info["ipvt"])] = inverse
    assert pcov == pytest.approx(unscaled * (info["fvec"] @ info["fvec"]) / (X.size - 3), rel=1e-8)


@pytest.mark.parametrize("options", [{"method": "trf"}, {"method": "dogbox"}, {"bounds": (0, 5)}])
def test_full_output_of_bounded_methods_has_scipys_keys(options: dict[str, Any]) -> None:
    _, _, info, message, ier = osculate.curve_fit(decay, X, Y, full_output=True, **options)
    theirs = scipy.optimize.curve_fit(decay, X, Y, full_output=True, **options)
    assert info.keys() == theirs[2].keys() == {"nfev", "fvec"}
    assert ier in (1, 2, 3, 4)
    assert isinstance(message, str)
    assert info["fvec"] == pytest.approx(theirs[2]["fvec"], abs=1e-5)


@pytest.mark.parametrize(
    ("options", "ier"),
    [
        ({"ftol": 1e-6, "xtol": 0.0}, 1),
        ({"xtol": 1e-6, "ftol": 0.0}, 2),
        ({"gtol": 1e-6, "ftol": 0.0, "xtol": 0.0}, 4),
    ],
)
def test_ier_is_minpacks_number_of_the_test_that_was_met(options: dict[str, float], ier: int) -> None:
    for library in (osculate, scipy.optimize):
        assert library.curve_fit(decay, X, Y, full_output=True, **options)[4] == ier


def test_difference_step_follows_epsfcn() -> None:
    """The first forward difference moves by sqrt(epsfcn) relative to the start, as in leastsq."""
    steps = []
    for library in (osculate, scipy.optimize):
        seen: list[float] = []

        def model(x: FloatArray, a: float, seen: list[float] = seen) -> FloatArray:
            seen.append(a)
            return a * x

        library.curve_fit(model, X, Y, p0=[3.0], epsfcn=1e-6)
        steps.append(next(a for a in seen if a != 3.0) - 3.0)
    assert steps[0] == pytest.approx(steps[1], rel=1e-6)


def test_badly_scaled_fit_fails_as_documented_and_x_scale_mends_it() -> None:
    data = decay(X, 500_000, 0.01, 15)
    for library in (osculate, scipy.optimize):
        with np.errstate(over="ignore"), pytest.raises(RuntimeError, match=r"The maximum number of function"):
            library.curve_fit(decay, X, data, method="trf")
        popt, _ = library.curve_fit(decay, X, data, method="trf", x_scale=[1000, 1, 1])
        assert popt == pytest.approx([500_000, 0.01, 15], rel=1e-6)


@pytest.mark.filterwarnings(r"ignore:os.fork\(\) was called:RuntimeWarning")  # of JAX, where a test loaded it
def test_fit_runs_in_worker_processes() -> None:
    """The weighted residuals can be pickled where the model can."""
    popt, _ = osculate.curve_fit(decay, X, Y, sigma=SIGMA, workers=2)
    assert popt == pytest.approx(osculate.curve_fit(decay, X, Y, sigma=SIGMA)[0], rel=1e-12)
