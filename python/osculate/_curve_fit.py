"""`curve_fit` with scipy.optimize.curve_fit's arguments, return values, exceptions and warnings."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from traceback import walk_tb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _arguments as arg
from ._curve_data import WHO, WeightedJacobian, WeightedResidual, data_arrays, start_and_bounds, weights_of
from ._curve_start import minimum_on_tape
from ._least_squares import JACOBIANS, METHODS, least_squares
from ._result import FloatArray, LeastSquaresResult, Status, column_norms, optimize_warning

LEASTSQ_TOLERANCE = 1.49012e-8  # sqrt(eps), the default of scipy.optimize.leastsq
# MINPACK's numbers, for method "lm"; there a residual at rounding level ends by the test of the cost.
MINPACK_INFO = {Status.cost: 1, Status.residual: 1, Status.step: 2, Status.gradient: 4}
# What least_squares calls the arguments of curve_fit.
RENAMED = {"fun ": "f ", "x0 ": "p0 ", "initial_radius ": "factor "}


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

    Minimizes ``sum(((f(xdata, *params) - ydata) / sigma)**2)`` with the arguments of
    `scipy.optimize.curve_fit`.

    Parameters
    ----------
    f : callable
        The model ``f(x, p1, p2, ...)``; x is passed as `xdata` is, parameters as separate numbers.
    xdata : array_like or object
        The independent variable, (M,) or (k, M) for k predictors, or any object that `f` understands.
    ydata : array_like, shape (M,)
        The data.
    p0 : array_like, shape (n,), optional
        The start; default ones, or the middle of finite bounds, or one away from the only finite bound.
    sigma : None, float or array_like, shape (M,) or (M, M), optional
        Standard deviations of the data, or their covariance matrix.
    absolute_sigma : bool, default False
        True: `sigma` is in the unit of the data and `pcov` follows from it. False: only its ratios count, and
        `pcov` is scaled so that the reduced chi-square is one.
    check_finite : bool, optional
        Raise for NaN or inf in the data; default True unless `nan_policy` is given.
    bounds : pair or scipy.optimize.Bounds
        Lower and upper bounds of the parameters.
    method : {"lm", "trf", "dogbox"}, optional
        As in SciPy "lm" takes no bounds; the numerical method is the same for all. Default "trf" with bounds,
        else "lm".
    jac : callable or {"2-point", "3-point", "cs"}, optional
        Jacobian of the model, ``jac(x, p1, p2, ...)`` of shape (M, n), or how to make it; default forward
        differences.
    full_output : bool, default False
        Return `infodict`, `mesg` and `ier` as well.
    nan_policy : {None, "raise", "omit"}, optional
        What to do with NaN in the data when `check_finite` is not True.
    **kwargs
        Arguments of `osculate.least_squares` (``loss``, ``x_scale``, ``max_nfev``, ``fixed``, ...) or of
        SciPy's leastsq (``ftol``, ``xtol``, ``gtol``, ``maxfev``, ``epsfcn``, ``factor``, ``diag``,
        ``col_deriv``).

    Returns
    -------
    popt : array, shape (n,)
        The parameters.
    pcov : array, shape (n, n)
        Their covariance by linearization; infinite, with a warning, where it cannot be estimated.
    infodict : dict
        Only with `full_output`: ``nfev``, ``fvec`` (weighted residuals) and, for "lm", ``fjac``, ``ipvt`` and
        ``qtf``, with a callable `jac` ``njev`` too.
    mesg : str
        Only with `full_output`.
    ier : int
        Only with `full_output`: 1 to 4 is success, in MINPACK's numbers for "lm", else those of
        `least_squares`.

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

    Notes
    -----
    Large data (points times one more than parameters from 50,000 on) without `jac` and keyword arguments go
    to the minimum by `osculate.fit`, where `f` can be traced; differences of `f` itself confirm it, and only
    their evaluations are in ``nfev``.

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
    if not callable(f):
        raise TypeError(f"curve_fit: f must be callable, got {arg.shown(f)}")
    if "args" in kwargs:
        raise ValueError(
            "curve_fit: 'args' is not a supported keyword argument; use a lambda or functools.partial"
        )
    start, bounds = start_and_bounds(f, p0, bounds)
    bounded = bounds is not arg.UNBOUNDED
    if method is None:
        method = "trf" if bounded else "lm"
    elif method not in METHODS:
        raise ValueError(f"curve_fit: method must be None, 'lm', 'trf' or 'dogbox', got {arg.shown(method)}")
    if method == "lm" and bounded:
        raise ValueError("curve_fit: method 'lm' takes no bounds; use method='trf' or none")
    if not (jac is None or callable(jac) or (isinstance(jac, str) and jac in JACOBIANS)):
        raise ValueError(
            f"curve_fit: jac must be None, a callable, '2-point', '3-point' or 'cs', got {arg.shown(jac)}"
        )
    xdata, ydata, sigma = data_arrays(xdata, ydata, sigma, check_finite, nan_policy)
    n = start.size
    if method == "lm":
        # Where there is one datum it is compared with every value of f.
        m = ydata.size if ydata.size != 1 else np.size(f(xdata, *start))
        if n > m:
            raise TypeError(
                f"curve_fit: the number of parameters, {n}, must not exceed the number of data points, {m}"
            )
    options = _solver_options(kwargs, method, jac, n)
    weights = weights_of(sigma, ydata)
    if jac is None and not kwargs:
        start = minimum_on_tape(f, xdata, ydata, weights, start, bounds)
    residual = WeightedResidual(f, xdata, ydata, weights)
    derivative: Any = "2-point" if jac is None else jac
    if callable(jac):
        derivative = WeightedJacobian(jac, xdata, weights, bool(kwargs.get("col_deriv", False)))
    try:
        result = least_squares(residual, start, jac=derivative, bounds=bounds, method=method, **options)
    except (TypeError, ValueError) as error:
        _speak_of_curve_fit(error)
        raise
    if not result.success:
        raise RuntimeError("Optimal parameters not found: " + _failure(result, kwargs, method, jac))
    pcov = _covariance(result, n, absolute_sigma, pseudo_inverse=method != "lm")
    if not full_output:
        return result.x, pcov
    if method != "lm":
        return result.x, pcov, {"nfev": result.nfev, "fvec": result.fun}, result.message, result.status
    info = {"fvec": result.fun, "nfev": result.evaluations} | _factorization(result)
    if callable(jac):
        info["njev"] = result.njev
    return result.x, pcov, info, result.message, MINPACK_INFO[result.outcome]


def _speak_of_curve_fit(error: Exception) -> None:
    """Puts a refusal of `least_squares` in the words of `curve_fit`; leaves what came out of a callback."""
    text = str(error)
    frames = [frame.f_globals.get("__name__", "") for frame, _ in walk_tb(error.__traceback__)]
    if not text.startswith("least_squares") or not all(name.startswith("osculate.") for name in frames):
        return
    _, separator, rest = text.partition(": ")
    for theirs, ours in RENAMED.items():
        if rest.startswith(theirs):
            rest = ours + rest[len(theirs) :]
    rest = rest.replace(" at x0,", " at p0,")
    error.args = ((WHO + separator + rest) if separator else text.replace("least_squares", WHO, 1),)


def _failure(result: LeastSquaresResult, kwargs: dict[str, Any], method: str, jac: Any) -> str:
    """Why there is no fit, in SciPy's words where it has them."""
    if result.outcome is not Status.max_iterations or kwargs.get("max_iterations") is not None:
        return result.message
    if method != "lm":
        return "The maximum number of function evaluations is exceeded."
    most = kwargs.get("maxfev") or kwargs.get("max_nfev") or _default_maxfev(jac, result.x.size)
    return f"Number of calls to function has reached maxfev = {most}."


def _default_maxfev(jac: Any, n: int) -> int:
    """leastsq's limit, which counts the evaluations for differences."""
    return (100 if callable(jac) else 200) * (n + 1)


def _solver_options(kwargs: dict[str, Any], method: str, jac: Any, n: int) -> dict[str, Any]:
    """Arguments for `least_squares` from its own names and those of SciPy's leastsq."""
    options = dict(kwargs)
    most = arg.count(WHO, "maxfev", options.pop("maxfev", None) or None)
    epsfcn, diag, factor = (options.pop(name, None) for name in ("epsfcn", "diag", "factor"))
    options.pop("col_deriv", None)
    if method == "lm":
        options = {"ftol": LEASTSQ_TOLERANCE, "xtol": LEASTSQ_TOLERANCE, "gtol": None} | options
        for name in ("ftol", "xtol", "gtol"):
            if options[name] is not None and 0 <= arg.real(WHO, name, options[name]) < arg.EPSILON:
                options[name] = None  # leastsq's way to say: no such test
        most = most or _default_maxfev(jac, n)
    if most and options.get("max_nfev") is None:
        # leastsq counts the evaluations for differences, n for every step.
        options["max_nfev"] = math.ceil(most / (1 if callable(jac) or method != "lm" else n + 1))
    if epsfcn is not None:  # the relative error of f; leastsq's step is its square root
        options.setdefault("diff_step", math.sqrt(max(arg.real(WHO, "epsfcn", epsfcn), arg.EPSILON)))
    if diag is not None:
        options.setdefault("x_scale", 1.0 / arg.positive_vector(WHO, "diag", diag, n))
    if factor is not None:
        options.setdefault("initial_radius", arg.positive(WHO, "factor", factor))
    return options


def _covariance(result: LeastSquaresResult, n: int, absolute_sigma: bool, pseudo_inverse: bool) -> FloatArray:
    """(J'J)^-1 over all parameters, active bounds disregarded, as SciPy has it."""
    jacobian = _dense(result.jac)
    norms = column_norms(
        jacobian
    )  # columns of equal length, so that no unit of a parameter decides about the rank
    _, s, vt = np.linalg.svd(jacobian / norms, full_matrices=False)
    keep = s > np.finfo(float).eps * max(jacobian.shape) * s[0]
    scaled = vt[keep].T / s[keep]
    known = pseudo_inverse or int(keep.sum()) == n
    with np.errstate(over="ignore", invalid="ignore"):  # a column of J that is nearly zero
        pcov: NDArray[np.float64] = (scaled @ scaled.T) / norms / norms[:, None]
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


def _dense(jacobian: Any) -> FloatArray:
    return jacobian if isinstance(jacobian, np.ndarray) else np.asarray(jacobian.toarray())


def _factorization(result: LeastSquaresResult) -> dict[str, Any]:
    """What leastsq's infodict has: J[:, ipvt] = Q R, the diagonal of R falling."""
    jacobian = _dense(result.jac)
    m, n = jacobian.shape
    rest, pivots = jacobian.copy(), np.arange(n, dtype=np.int32)
    for k in range(n):  # the pivots of Golub & Van Loan, algorithm 5.4.1, by Gram-Schmidt
        j = k + int(np.argmax(np.einsum("ij,ij->j", rest[:, k:], rest[:, k:])))
        pivots[[k, j]], rest[:, [k, j]] = pivots[[j, k]], rest[:, [j, k]]
        length = np.linalg.norm(rest[:, k])
        if length == 0:
            break
        direction = rest[:, k] / length
        rest[:, k + 1 :] -= np.outer(direction, direction @ rest[:, k + 1 :])
    q, r = np.linalg.qr(jacobian[:, pivots])
    columns = np.zeros((n, m))
    columns[:, : r.shape[0]] = r.T
    return {"fjac": columns, "ipvt": pivots, "qtf": q.T @ result.fun}
