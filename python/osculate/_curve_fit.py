"""`curve_fit` with scipy.optimize.curve_fit's arguments, return values, exceptions and warnings."""

from __future__ import annotations

import inspect
import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _arguments as arg
from ._least_squares import least_squares
from ._result import FloatArray, LeastSquaresResult, Status, optimize_warning

WHO = "curve_fit"
LEASTSQ_TOLERANCE = 1.49012e-8  # sqrt(eps), the default of scipy.optimize.leastsq


def curve_fit(
    f: Callable[..., Any],
    xdata: Any,
    ydata: Any,
    p0: Any = None,
    sigma: Any = None,
    absolute_sigma: bool = False,
    check_finite: bool | None = None,
    bounds: Any = arg.UNBOUNDED,
    method: str | None = None,
    jac: Any = None,
    *,
    full_output: bool = False,
    nan_policy: str | None = None,
    **kwargs: Any,
) -> tuple[Any, ...]:
    """Fit a function to data by nonlinear least squares, ``ydata = f(xdata, *params) + eps``.

    Minimizes ``sum(((f(xdata, *params) - ydata) / sigma)**2)`` with the arguments of `scipy.optimize.curve_fit`.

    Parameters
    ----------
    f : callable
        The model ``f(x, p1, p2, ...)``; x is passed as `xdata` is, parameters as separate numbers.
    xdata : array_like or object
        The independent variable, (M,) or (k, M) for k predictors, or any object that `f` understands.
    ydata : array_like, shape (M,)
        The data.
    p0 : array_like, shape (n,), optional
        The start; default all ones, or the middle of finite bounds.
    sigma : None, float or array_like, shape (M,) or (M, M), optional
        Standard deviations of the data, or their covariance matrix.
    absolute_sigma : bool, default False
        True: `sigma` is in the unit of the data and `pcov` follows from it. False: only its ratios count, and `pcov` is
        scaled so that the reduced chi-square is one.
    check_finite : bool, optional
        Raise for NaN or inf in the data; default True unless `nan_policy` is given.
    bounds : pair or scipy.optimize.Bounds
        Lower and upper bounds of the parameters.
    method : {"lm", "trf", "dogbox"}, optional
        As in SciPy "lm" takes no bounds; the numerical method is the same for all. Default "trf" with bounds, else "lm".
    jac : callable or {"2-point", "3-point", "cs"}, optional
        Jacobian of the model, ``jac(x, p1, p2, ...)`` of shape (M, n), or how to make it; default forward differences.
    full_output : bool, default False
        Return `infodict`, `mesg` and `ier` as well.
    nan_policy : {None, "raise", "omit"}, optional
        What to do with NaN in the data when `check_finite` is not True.
    **kwargs
        Arguments of `osculate.least_squares` (``loss``, ``x_scale``, ``max_nfev``, ``fixed``, ...) or of SciPy's leastsq
        (``ftol``, ``xtol``, ``gtol``, ``maxfev``, ``epsfcn``, ``factor``, ``diag``, ``col_deriv``).

    Returns
    -------
    popt : array, shape (n,)
        The parameters.
    pcov : array, shape (n, n)
        Their covariance by linearization; infinite, with a warning, where it cannot be estimated.
    infodict : dict
        Only with `full_output`: ``nfev``, ``fvec`` (weighted residuals) and, for "lm", ``fjac``, ``ipvt`` and ``qtf``.
    mesg : str
        Only with `full_output`.
    ier : int
        Only with `full_output`: 1 to 4 is success.

    Raises
    ------
    ValueError
        NaN in the data, incompatible shapes or options, or a `sigma` that is not positive definite.
    TypeError
        Fewer data than parameters with method "lm".
    RuntimeError
        No convergence. (`osculate.least_squares` returns the outcome instead.)

    Warns
    -----
    OptimizeWarning
        The covariance could not be estimated. SciPy's class where SciPy is imported.

    Examples
    --------
    >>> import numpy as np
    >>> import osculate
    >>> x = np.linspace(0, 4, 50)
    >>> y = 2.5 * np.exp(-1.3 * x) + 0.5 + 0.01 * np.sin(50 * x)
    >>> popt, pcov = osculate.curve_fit(lambda x, a, b, c: a * np.exp(-b * x) + c, x, y)
    >>> bool(np.all(abs(popt - [2.5, 1.3, 0.5]) < 4 * np.sqrt(np.diag(pcov))))
    True
    """
    start, lower, upper = _start(f, p0, bounds)
    bounded = bool(np.any(np.isfinite(lower)) or np.any(np.isfinite(upper)))
    if method is None:
        method = "trf" if bounded else "lm"
    if method == "lm" and bounded:
        raise ValueError("curve_fit: method 'lm' takes no bounds; use method='trf' or none")
    if "args" in kwargs:
        raise ValueError("curve_fit: 'args' is not a supported keyword argument; use a lambda or functools.partial")
    xdata, ydata, sigma = _data(xdata, ydata, sigma, check_finite, nan_policy)
    n = start.size
    if method == "lm" and ydata.size != 1 and n > ydata.size:
        raise TypeError(
            f"curve_fit: the number of parameters, {n}, must not exceed the number of data points, {ydata.size}"
        )
    weigh = _weighting(sigma, ydata)

    def residual(p: FloatArray) -> Any:
        return weigh(f(xdata, *p) - ydata)

    options = _solver_options(kwargs, method, jac, n)
    transposed = options.pop("col_deriv")
    derivative: Any = "2-point" if jac is None else jac
    if callable(jac):

        def derivative(p: FloatArray) -> Any:
            matrix = np.asarray(jac(xdata, *p))
            return weigh(matrix.T if transposed else matrix)

    result = least_squares(residual, start, jac=derivative, bounds=(lower, upper), method=method, **options)
    if not result.success:
        message = result.message
        if result.outcome is Status.max_iterations:
            message = f"Number of calls to function has reached maxfev = {kwargs.get('maxfev', result.nfev)}."
        raise RuntimeError("Optimal parameters not found: " + message)
    pcov = _covariance(result, n, absolute_sigma, pseudo_inverse=method != "lm")
    if not full_output:
        return result.x, pcov
    info = {"nfev": result.evaluations if method == "lm" else result.nfev, "fvec": result.fun}
    if method == "lm":
        info |= _factorization(result)
    return result.x, pcov, info, result.message, result.status


def _start(f: Callable[..., Any], p0: Any, bounds: Any) -> tuple[FloatArray, FloatArray, FloatArray]:
    if p0 is None:
        try:
            parameters = inspect.signature(f).parameters.values()
        except (TypeError, ValueError):
            parameters = ()  # type: ignore[assignment]
        positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        if len(positional) < 2:
            raise ValueError("curve_fit: unable to determine the number of fit parameters of f; give p0")
        n = len(positional) - 1
    else:
        p0 = arg.start_vector(WHO, p0)
        n = p0.size
    if hasattr(bounds, "lb") and hasattr(bounds, "ub"):
        bounds = (bounds.lb, bounds.ub)
    try:
        low, high = bounds
    except (TypeError, ValueError) as error:
        raise ValueError(f"curve_fit: bounds must be a pair (lower, upper), got {bounds!r}") from error
    lower = arg.parameter_vector(WHO, "bounds[0]", low, n)
    upper = arg.parameter_vector(WHO, "bounds[1]", high, n)
    if p0 is None:
        # Ones, moved into the box: its middle, or one away from its only bound.
        p0 = np.ones(n)
        both, left, right = np.isfinite(lower) & np.isfinite(upper), np.isfinite(lower), np.isfinite(upper)
        p0[right] = upper[right] - 1
        p0[left] = lower[left] + 1
        p0[both] = 0.5 * (lower[both] + upper[both])
    return p0, lower, upper


def _data(
    xdata: Any, ydata: Any, sigma: Any, check_finite: bool | None, nan_policy: str | None
) -> tuple[Any, FloatArray, Any]:
    """The data as SciPy passes them: arrays of float64, finite or without their NaN."""
    if check_finite is None:
        check_finite = nan_policy is None
    read = np.asarray_chkfinite if check_finite else np.asarray
    ydata = read(ydata, float)
    if isinstance(xdata, (list, tuple, np.ndarray)):
        xdata = read(xdata, float)
    if ydata.size == 0:
        raise ValueError("curve_fit: ydata must not be empty")
    sigma = None if sigma is None else np.asarray(sigma)
    if check_finite or nan_policy is None:
        return xdata, ydata, sigma
    if nan_policy not in ("raise", "omit"):
        raise ValueError(f"curve_fit: nan_policy must be None, 'raise' or 'omit', got {nan_policy!r}")
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


def _weighting(sigma: Any, ydata: FloatArray) -> Callable[[Any], Any]:
    """Divides residuals, and the rows of a Jacobian, by sigma or by the Cholesky factor of a covariance."""
    if sigma is None:
        return lambda r: r
    if sigma.size == 1 or sigma.shape == ydata.shape == (ydata.size,):
        weights = 1.0 / sigma
        return lambda r: weights * r if r.ndim == 1 else np.reshape(weights, (-1, 1)) * r
    if sigma.shape != (ydata.size, ydata.size):
        raise ValueError(f"curve_fit: sigma must have shape ({ydata.size},) or twice that, got {sigma.shape}")
    try:
        whitening = np.linalg.inv(np.linalg.cholesky(sigma))
    except np.linalg.LinAlgError as error:
        raise ValueError("curve_fit: sigma must be positive definite") from error
    return lambda r: whitening @ r


def _solver_options(kwargs: dict[str, Any], method: str, jac: Any, n: int) -> dict[str, Any]:
    """Arguments for `least_squares` from its own names and those of SciPy's leastsq."""
    options = dict(kwargs)
    if method == "lm":
        options = {"ftol": LEASTSQ_TOLERANCE, "xtol": LEASTSQ_TOLERANCE, "gtol": None} | options
        if options["gtol"] == 0:  # leastsq's way to say: no such test
            options["gtol"] = None
    if options.get("maxfev"):
        # leastsq counts the evaluations for differences, n for every step.
        share = 1 if callable(jac) or method != "lm" else n + 1
        options.setdefault("max_nfev", math.ceil(options["maxfev"] / share))
    options.pop("maxfev", None)
    if options.get("epsfcn") is not None:  # the relative error of f; leastsq's step is its square root
        options.setdefault("diff_step", math.sqrt(max(options["epsfcn"], arg.EPSILON)))
    options.pop("epsfcn", None)
    if options.get("diag") is not None:
        options.setdefault("x_scale", 1.0 / np.asarray(options["diag"], dtype=float))
    options.pop("diag", None)
    if options.get("factor") is not None:
        options.setdefault("initial_radius", options["factor"])
    options.pop("factor", None)
    options["col_deriv"] = bool(options.get("col_deriv", False))
    return options


def _covariance(result: LeastSquaresResult, n: int, absolute_sigma: bool, pseudo_inverse: bool) -> FloatArray:
    """(J'J)^-1 over all parameters, active bounds disregarded, as SciPy has it."""
    jacobian = result.jac if isinstance(result.jac, np.ndarray) else result.jac.toarray()
    norms = np.sqrt(np.einsum("ij,ij->j", jacobian, jacobian))
    norms[norms == 0] = 1.0
    _, s, vt = np.linalg.svd(jacobian / norms, full_matrices=False)
    keep = s > np.finfo(float).eps * max(jacobian.shape) * s[0]
    scaled = vt[keep].T / s[keep]
    pcov: NDArray[np.float64] = (scaled @ scaled.T) / np.outer(norms, norms)
    known = pseudo_inverse or int(keep.sum()) == n
    if not absolute_sigma:
        dof = result.fun.size - n
        known = known and dof > 0
        pcov = pcov * (2 * result.cost / dof) if known else pcov
    if not known or np.isnan(pcov).any():
        pcov = np.full((n, n), np.inf)
        warnings.warn(
            "Covariance of the parameters could not be estimated", category=optimize_warning(), stacklevel=3
        )
    return pcov


def _factorization(result: LeastSquaresResult) -> dict[str, Any]:
    """The QR factors of the Jacobian that leastsq's infodict has; the permutation is the identity."""
    q, r = np.linalg.qr(result.jac)
    columns = np.zeros((r.shape[1], result.fun.size))
    columns[:, : r.shape[0]] = r.T
    return {"fjac": columns, "ipvt": np.arange(1, r.shape[1] + 1, dtype=np.int32), "qtf": q.T @ result.fun}
