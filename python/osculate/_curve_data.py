"""What `curve_fit` makes of a model and its data: start, bounds, weights, weighted residuals and Jacobian."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from . import _arguments as arg
from ._result import FloatArray

WHO = "curve_fit"


def start_and_bounds(f: Callable[..., Any], p0: Any, bounds: Any) -> tuple[FloatArray, Any]:
    """The start, where it is not given from the signature of f and the bounds, and the pair of bounds."""
    start = None
    if p0 is not None:
        start = arg.start_vector(WHO, np.ravel(p0) if isinstance(p0, np.ndarray) else p0, "p0")
        n = start.size
    else:
        n = _parameters(f)
    if bounds is arg.UNBOUNDED:
        return np.ones(n) if start is None else start, bounds
    lower, upper = arg.bound_vectors(WHO, bounds, n)
    if start is None:
        # Ones, moved into the box: its middle, or one away from its only bound.
        left, right = np.isfinite(lower), np.isfinite(upper)
        start = np.ones(n)
        start[right] = upper[right] - 1
        start[left] = lower[left] + 1
        start[left & right] = 0.5 * (lower[left & right] + upper[left & right])
    if np.isneginf(lower).all() and np.isposinf(upper).all():
        return start, arg.UNBOUNDED
    return start, (lower, upper)


def _parameters(f: Callable[..., Any]) -> int:
    """How many parameters f has by its signature, x not counted."""
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):  # a builtin without a signature
        parameters = []
    n = sum(p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) for p in parameters) - 1
    if n < 1:
        raise ValueError(
            "curve_fit: unable to determine the number of fit parameters of f; it must be f(x, p1, ...) "
            "with named parameters; give p0"
        )
    return n


def data_arrays(
    xdata: Any, ydata: Any, sigma: Any, check_finite: bool | None, nan_policy: str | None
) -> tuple[Any, FloatArray, FloatArray | None]:
    """The data as SciPy passes them: arrays of float64, finite or without their NaN."""
    if check_finite is None:
        check_finite = nan_policy is None
    if not check_finite and nan_policy not in (None, "raise", "omit"):
        raise ValueError(
            f"curve_fit: nan_policy must be None, 'raise' or 'omit', got {arg.shown(nan_policy)}"
        )
    ydata = _floats("ydata", ydata, check_finite)
    if isinstance(xdata, (list, tuple, np.ndarray)):  # anything else is for f alone to understand
        xdata = _floats("xdata", xdata, check_finite)
    if ydata.size == 0:
        raise ValueError("curve_fit: ydata must not be empty")
    sigma = None if sigma is None else _floats("sigma", sigma, False)
    if check_finite or nan_policy is None:
        return xdata, ydata, sigma
    missing = np.isnan(ydata)
    if isinstance(xdata, np.ndarray):
        x_missing = np.isnan(xdata)
        missing = missing | x_missing.any(axis=tuple(range(x_missing.ndim - 1)))
    if not missing.any():
        return xdata, ydata, sigma
    if nan_policy == "raise":
        raise ValueError("curve_fit: the data contain NaN; use nan_policy='omit' to leave those points out")
    keep = ~missing
    if sigma is not None and sigma.ndim == 1 and sigma.size > 1:
        sigma = sigma[keep]
    elif sigma is not None and sigma.ndim == 2:
        sigma = sigma[np.ix_(keep, keep)]
    return (xdata[..., keep] if isinstance(xdata, np.ndarray) else xdata), ydata[keep], sigma


def _floats(name: str, values: Any, check_finite: bool) -> FloatArray:
    try:
        if values is None:
            raise TypeError
        array = np.asarray(values, dtype=float)
    except (TypeError, ValueError) as error:  # SciPy's exceptions, in our words
        raise type(error)(
            f"curve_fit: {name} must be an array of numbers, got {arg.shown(values)}"
        ) from error
    if check_finite and not np.isfinite(array).all():
        at = ", ".join(str(index) for index in np.argwhere(~np.isfinite(array))[0])
        raise ValueError(
            f"curve_fit: {name} must be finite, got {array[~np.isfinite(array)][0]} at [{at}]; "
            "nan_policy='omit' leaves points with NaN out"
        )
    return array


def weights_of(sigma: FloatArray | None, ydata: FloatArray) -> FloatArray | None:
    """What multiplies residuals: 1 / sigma, or the inverse of the Cholesky factor of a covariance."""
    if sigma is None:
        return None
    if sigma.size == 1 or sigma.shape == ydata.shape == (ydata.size,):
        for i in np.flatnonzero(np.isnan(sigma) | (sigma == 0)):
            raise ValueError(f"curve_fit: sigma must not be zero or NaN, got sigma[{i}] = {sigma.flat[i]}")
        return np.asarray(1.0 / (sigma.reshape(()) if sigma.size == 1 else sigma))
    m = ydata.size
    if sigma.shape != (m, m):
        raise ValueError(
            f"curve_fit: sigma must be a number, {m} standard deviations or a covariance matrix of shape "
            f"({m}, {m}), got shape {sigma.shape}"
        )
    try:
        if not np.isfinite(sigma).all():
            raise np.linalg.LinAlgError
        return np.linalg.inv(np.linalg.cholesky(sigma))
    except np.linalg.LinAlgError as error:
        raise ValueError("curve_fit: sigma, as a covariance matrix, must be positive definite") from error


class WeightedResidual:
    """(f(xdata, *p) - ydata) / sigma as a function of p; picklable, for worker processes."""

    def __init__(
        self, f: Callable[..., Any], xdata: Any, ydata: FloatArray, weights: FloatArray | None
    ) -> None:
        self.f, self.xdata, self.ydata, self.weights = f, xdata, ydata, weights

    def __call__(self, p: FloatArray) -> Any:
        values = self.f(self.xdata, *p)
        try:
            residuals = values - self.ydata
        except (TypeError, ValueError) as error:
            raise type(error)(self._refusal(values)) from error
        if residuals.ndim > 1:
            raise ValueError(self._refusal(values))
        if self.weights is None:
            return residuals
        return self.weights @ residuals if self.weights.ndim == 2 else self.weights * residuals

    def _refusal(self, values: Any) -> str:
        got = f"shape {np.shape(values)}" if isinstance(values, np.ndarray) else arg.shown(values)
        wanted = f"shape {self.ydata.shape}, one value a data point"
        return f"curve_fit: f must return an array of {wanted}, got {got}"


class WeightedJacobian:
    """The rows of jac(xdata, *p) as the residuals are weighted; picklable."""

    def __init__(
        self, jac: Callable[..., Any], xdata: Any, weights: FloatArray | None, transposed: bool
    ) -> None:
        self.jac, self.xdata, self.weights, self.transposed = jac, xdata, weights, transposed

    def __call__(self, p: FloatArray) -> Any:
        matrix = self.jac(self.xdata, *p)
        if matrix is None:
            return None
        if not hasattr(matrix, "tocsc"):
            matrix = np.asarray(matrix)
        if self.transposed:
            matrix = matrix.T
        if self.weights is None:
            return matrix
        if self.weights.ndim != 1:
            return self.weights @ matrix if self.weights.ndim == 2 else self.weights * matrix
        if hasattr(matrix, "tocsc"):
            return matrix.multiply(self.weights[:, np.newaxis]).tocsc()
        return self.weights[:, np.newaxis] * matrix
