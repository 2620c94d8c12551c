"""Second-order minimization: the public function over the core's Newton methods."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from . import _arguments as arg
from . import _core
from ._minimize_result import SCIPY_STATUS, SENTENCES, Certificate, MinimizeResult
from ._observe_minimize import MinimizeObserver
from ._result import FloatArray, Status

WHO = "minimize"
METHODS = {"newton": 0, "newton-linesearch": 1}
CALLBACK, FUSED = 0, 1
DIFFERENCES = {"2-point": 2, "3-point": 3, "cs": 4}
HESSIAN_CALLBACK = 1
HESSIAN_DIFFERENCES = {"2-point": 2, "3-point": 3}
# What the gradient's own error leaves of gtol's default.
GTOL = {CALLBACK: 1e-8, FUSED: 1e-8, 2: 1e-5, 3: 1e-6, 4: 1e-8}
OPTIONS = {  # SciPy's names for what has a name of its own here
    "gtol": "gtol",
    "gtol_relative": "gtol_relative",
    "maxiter": "max_iterations",
    "max_iterations": "max_iterations",
    "maxfev": "max_evaluations",
    "max_evaluations": "max_evaluations",
    "ftol": "ftol",
    "xtol": "xtol",
    "disp": "disp",
    "initial_radius": "initial_radius",
    "scale": "scale",
}


def minimize(
    fun: Callable[..., Any],
    x0: Any,
    args: Any = (),
    method: str | None = None,
    jac: Any = None,
    hess: Any = None,
    hessp: Callable[..., Any] | None = None,
    bounds: Any = None,
    constraints: Any = (),
    tol: float | None = None,
    callback: Callable[..., Any] | None = None,
    options: Mapping[str, Any] | None = None,
    *,
    fixed: Any = None,
) -> MinimizeResult:
    """Minimize a function of several variables by Newton's method, and say what is known of the point.

    A point with a vanishing gradient is called a success only where the Hessian does not speak against a
    minimum: saddles and maxima are left along their negative curvature. The arguments are those of
    `scipy.optimize.minimize`.

    Parameters
    ----------
    fun : callable
        ``fun(x, *args)`` gives a number for x, a float64 array of shape (n,) of its own. NaN or inf at a
        trial point shortens the step.
    x0 : array_like, shape (n,)
        The start; must lie within the bounds, and may lie on them.
    args : tuple
        Passed on to `fun`, `jac` and `hess`.
    method : {"newton", "newton-linesearch"}, default "newton"
        "newton" takes the exact trust-region step of More & Sorensen [1]_; "newton-linesearch" backtracks
        along the step of a shifted Hessian [2]_.
    jac : callable, True, {"2-point", "3-point", "cs"} or None
        The gradient, shape (n,). True: `fun` returns ``(value, gradient)``. By forward or central
        differences, or by complex step (exact to rounding, for a `fun` that computes with complex numbers).
        None means "3-point". Steps are relative to ``max(|x_j|, 1)``, or ``1 / scale`` instead of 1.
    hess : callable, {"2-point", "3-point"} or None
        The Hessian, shape (n, n), dense or scipy.sparse; its lower triangle counts. By differences of the
        gradient otherwise; None means "2-point" where the gradient is given, "3-point" where it is not.
    hessp : None
        Not taken by these methods.
    bounds : sequence of pairs, scipy.optimize.Bounds or None
        ``(low, high)`` for each variable, None where there is none. Equal bounds fix a variable.
    constraints : empty
        Not supported; `scipy.optimize.minimize` has methods for constraints.
    tol : float, optional
        The gtol of `options`.
    callback : callable, optional
        ``callback(intermediate_result=...)`` or ``callback(x)`` after every iteration; StopIteration ends the
        solve.
    options : dict, optional
        ``gtol``: converged when the largest gradient element of the free variables is at most that, as in
        SciPy; it depends on the unit of f. Default 1e-8; 1e-6 or 1e-5 where the gradient is by central or
        forward differences. ``gtol_relative``: also converged at this share of the largest gradient element
        at the start, whatever the unit of f; default None, no such test. ``ftol``, ``xtol``: also converged
        when a step changes f by no more than ``ftol * |f|`` or x by no more than ``xtol * |x|``; default
        None, no such test. ``maxiter`` (``max_iterations``), ``max_evaluations`` (default 100 n),
        ``initial_radius`` (first trust-region radius in units of ``|x0|``, default 1), ``scale`` (the metric
        D of the trust region, n positive numbers), ``disp`` (True prints a line at the end).
    fixed : array_like of bool, shape (n,), optional
        True keeps a variable at its start.

    Returns
    -------
    MinimizeResult
        SciPy's fields, and `outcome`, `certificate`, `optimality`, `trace`, `approximated`. Failing to
        converge neither raises nor warns: look at `success` and `message`.

    Raises
    ------
    ValueError
        An argument has a wrong value or shape, or x0 is outside its bounds.
    TypeError
        An argument or what a callback returns has the wrong type.

    Notes
    -----
    Where f no longer resolves the progress (both reductions within ten times its rounding error) the gradient
    leads on until it stops falling; such an end is a success too.

    References
    ----------
    .. [1] J. J. More and D. C. Sorensen, "Computing a trust region step", SIAM J. Sci. Stat. Comput. 4, 1983,
       doi:10.1137/0904038.
    .. [2] J. Nocedal and S. J. Wright, "Numerical Optimization", 2nd ed., 2006, algorithm 3.3.

    Examples
    --------
    >>> import numpy as np
    >>> import osculate
    >>> def f(x):
    ...     return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2
    >>> result = osculate.minimize(f, [-1.2, 1.0], jac="cs")
    >>> result.success, result.certificate.name
    (True, 'minimum')

    A start on the ridge of a saddle:

    >>> saddle = lambda x: x[0] ** 2 - x[1] ** 2 + x[1] ** 4
    >>> osculate.minimize(saddle, [1.0, 0.0], jac="cs").x.round(6).tolist()[0]
    0.0
    """
    name = "newton" if method is None else method
    strategy = arg.choice(WHO, "method", name, METHODS)
    start = arg.start_vector(WHO, x0)
    n = start.size
    extra = args if isinstance(args, tuple) else (args,)
    function = arg.with_arguments(WHO, "fun", fun, extra, None)
    lower, upper = arg.box(WHO, arg.UNBOUNDED if bounds is None else _pair(bounds, n), start)
    mask = arg.fixed_mask(WHO, fixed, lower, upper, n)
    if not (constraints is None or (isinstance(constraints, (tuple, list, dict)) and not constraints)):
        raise ValueError(f"{WHO}: constraints are not supported; scipy.optimize.minimize has trust-constr")
    if hessp is not None:
        raise ValueError(f"{WHO}: method {name!r} takes hess, not hessp")
    approximated = []
    gradient: Any = None
    if jac is True:
        gradient_source = FUSED
    elif callable(jac):
        gradient_source, gradient = CALLBACK, arg.with_arguments(WHO, "jac", jac, extra, None)
    else:
        rule = "3-point" if jac is None or jac is False else jac
        if not isinstance(rule, str) or rule not in DIFFERENCES:
            raise ValueError(
                f"{WHO}: jac must be a callable, True, '2-point', '3-point', 'cs' or None, "
                f"got {arg.shown(jac)}"
            )
        gradient_source = DIFFERENCES[rule]
        if rule != "cs":
            approximated.append(f"jac: {rule}")
    hessian: Any = None
    if callable(hess):
        hessian_source, hessian = HESSIAN_CALLBACK, arg.with_arguments(WHO, "hess", hess, extra, None)
    else:
        rule = ("3-point" if approximated else "2-point") if hess is None else hess
        if not isinstance(rule, str) or rule not in HESSIAN_DIFFERENCES:
            raise ValueError(
                f"{WHO}: hess must be a callable, '2-point', '3-point' or None, got {arg.shown(hess)}"
            )
        hessian_source = HESSIAN_DIFFERENCES[rule]
        approximated.append(f"hess: {rule} of jac")
    chosen = _options(options, tol)
    if callback is not None and not callable(callback):
        raise TypeError(f"{WHO}: callback must be callable, got {arg.shown(callback)}")
    scale = chosen.get("scale")
    out = _core.minimize(
        WHO,
        function,
        gradient,
        gradient_source,
        hessian,
        hessian_source,
        start,
        lower,
        upper,
        mask,
        arg.tolerance(WHO, "options['ftol']", chosen.get("ftol")),
        arg.tolerance(WHO, "options['xtol']", chosen.get("xtol")),
        arg.tolerance(WHO, "gtol", chosen.get("gtol", GTOL[gradient_source])),
        arg.tolerance(WHO, "gtol_relative", chosen.get("gtol_relative")),
        arg.count(WHO, "options['max_evaluations']", chosen.get("max_evaluations")),
        arg.count(WHO, "options['maxiter']", chosen.get("max_iterations")),
        None if scale is None else arg.positive_vector(WHO, "options['scale']", scale, n),
        strategy,
        arg.positive(WHO, "options['initial_radius']", chosen.get("initial_radius", 1.0)),
        None if callback is None else MinimizeObserver(callback),
    )
    result = _result_from_core(out, lower, upper, name, tuple(approximated))
    if chosen.get("disp"):
        print(
            f"{result.message} {result.nit} iterations, f = {result.fun:.6e}, |g| = {result.optimality:.2e}."
        )
    return result


def _pair(bounds: Any, n: int) -> Any:
    """SciPy's sequence of (low, high) pairs as (lows, highs); Bounds objects as they are."""
    if hasattr(bounds, "lb"):
        return bounds
    message = f"{WHO}: bounds must be {n} pairs (low, high) or scipy.optimize.Bounds, got {arg.shown(bounds)}"
    if not isinstance(bounds, (Iterable, np.ndarray)):
        raise TypeError(message)
    pairs = list(bounds)
    try:
        if len(pairs) != n or any(len(pair) != 2 for pair in pairs):
            raise ValueError(message)
    except TypeError as error:
        raise TypeError(message) from error
    lows = [-np.inf if low is None else low for low, _ in pairs]
    highs = [np.inf if high is None else high for _, high in pairs]
    return lows, highs


def _options(options: Mapping[str, Any] | None, tol: Any) -> dict[str, Any]:
    chosen: dict[str, Any] = {}
    if tol is not None:
        chosen["gtol"] = tol
    if options is None:
        return chosen
    if not isinstance(options, Mapping):
        raise TypeError(f"{WHO}: options must be a dict, got {arg.shown(options)}")
    unknown = sorted(str(key) for key in options if key not in OPTIONS)
    if unknown:
        raise ValueError(f"{WHO}: options may have {', '.join(OPTIONS)}, got {', '.join(unknown)}")
    chosen |= {OPTIONS[key]: value for key, value in options.items()}
    return chosen


def _result_from_core(
    out: tuple[Any, ...],
    lower: FloatArray | None,
    upper: FloatArray | None,
    method: str,
    approximated: tuple[str, ...],
) -> MinimizeResult:
    (x, f, gradient, hessian, optimality, _held, status, iterations, nfev, njev, nhev, nhvp, points, trace,
     certificate, lowest) = out  # fmt: skip
    outcome, proof = Status(status), Certificate(certificate)
    if lower is None or upper is None:
        active = np.zeros(x.size, dtype=np.int64)
    else:
        active = (x >= upper).astype(np.int64) - (x <= lower)
    message = outcome.sentence
    if outcome.success and proof in SENTENCES:
        message = f"{message} {SENTENCES[proof]}"
    return MinimizeResult(
        message=message,
        success=outcome.success,
        status=SCIPY_STATUS[outcome],
        outcome=outcome,
        certificate=proof,
        x=x,
        fun=f,
        jac=gradient,
        hess=hessian,
        optimality=optimality,
        active_mask=active,
        nit=iterations,
        nfev=nfev,
        njev=njev,
        nhev=nhev,
        nhvp=nhvp,
        evaluations=points,
        trace=trace,
        method=method,
        approximated=approximated,
        lowest_curvature=lowest,
    )
