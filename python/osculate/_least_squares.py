"""Nonlinear least squares: the public function over the core's Levenberg-Marquardt."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from . import _arguments as arg
from . import _core, _threads
from ._observe import Observer
from ._result import SCIPY_STATUS, LeastSquaresResult, Status
from ._sparsity import jacobian_from_core, sparsity_pattern
from ._workers import map_function

METHODS = ("trf", "dogbox", "lm")
LOSSES = {"linear": 0, "soft_l1": 1, "huber": 2, "cauchy": 3, "arctan": 4}
CUSTOM_LOSS = 5
JACOBIANS = {"2-point": 2, "3-point": 3, "cs": 4}
DAMPINGS = {"more": 0, "nielsen": 1, "delayed_gratification": 2}
LINEAR_SOLVERS = {"auto": 0, "cholesky": 1, "qr": 2, "sparse_cholesky": 3, "lsmr": 4}
SOLVER_NAMES = {code: name for name, code in LINEAR_SOLVERS.items()}
TR_SOLVERS = {"exact": 0, "lsmr": 4}
STATUSES = {int(status): status for status in Status}
SENTENCES = {status: status.sentence for status in Status}
UNBOUNDED = arg.UNBOUNDED


def least_squares(
    fun: Callable[..., Any],
    x0: Any,
    jac: Any = "2-point",
    bounds: Any = UNBOUNDED,
    method: str = "trf",
    ftol: float | None = 1e-8,
    xtol: float | None = 1e-8,
    gtol: float | None = 1e-8,
    x_scale: Any = None,
    loss: Any = "linear",
    f_scale: float = 1.0,
    diff_step: Any = None,
    tr_solver: str | None = None,
    tr_options: Mapping[str, Any] | None = None,
    jac_sparsity: Any = None,
    max_nfev: int | None = None,
    verbose: int = 0,
    args: tuple[Any, ...] = (),
    kwargs: Mapping[str, Any] | None = None,
    callback: Callable[..., Any] | None = None,
    workers: Any = None,
    *,
    fixed: Any = None,
    damping: str = "more",
    linear_solver: str = "auto",
    initial_radius: float = 1.0,
    geodesic_acceleration: bool = False,
    max_iterations: int | None = None,
    max_factor_bytes: float = 4e9,
    threads: int | None = None,
) -> LeastSquaresResult:
    """Minimize the sum of squares, or of a robust loss of squares, of a vector function within bounds.

    Finds a local minimum of ``F(x) = C^2/2 * sum(rho((fun(x)_i / C)^2))`` subject to ``lower <= x <= upper``,
    with C = `f_scale`. The first twenty-one arguments are those of `scipy.optimize.least_squares`.

    Parameters
    ----------
    fun : callable
        ``fun(x, *args, **kwargs)`` gives the residuals, shape (m,), for parameters x, a float64 array of
        shape (n,) of its own. NaN or inf at a trial point shortens the step.
    x0 : array_like, shape (n,)
        The start; must lie within the bounds, and may lie on them.
    jac : {"2-point", "3-point", "cs"}, callable or True
        The Jacobian dr_i/dx_j, shape (m, n): by forward or central differences, by complex step (exact to
        rounding, for a `fun` that computes with complex numbers), or from ``jac(x, *args, **kwargs)``: an
        array, a scipy.sparse matrix or a linear operator with ``matvec`` and ``rmatvec``. True: `fun` returns
        ``(residuals, Jacobian)``.
    bounds : pair or scipy.optimize.Bounds
        Lower and upper bounds, each a number or of shape (n,). Equal bounds fix a parameter.
    method : {"trf", "dogbox", "lm"}
        SciPy's names. All run the same Levenberg-Marquardt method, which handles what any of them handles.
    ftol : float or None, default 1e-8
        Converged when the actual and the predicted reduction of F by the last step are at most ``ftol * F``.
    xtol : float or None, default 1e-8
        Converged when the step s obeys ``|D s| <= xtol * |D x|``, D being the scale of the parameters.
    gtol : float or None, default 1e-8
        Converged when the cosine ``|J_j . r| / (|J_j| |r|)`` is at most gtol for every free column: MINPACK's
        test, as SciPy's method "lm" has it (its "trf" takes the absolute gradient, which depends on the unit
        of the residuals). None switches a test off; a tolerance below the machine epsilon is an error.
    x_scale : None, "jac" or array_like
        The scale of the parameters, 1/D. None and "jac": D is the running maximum of the column norms of the
        Jacobian.
    loss : {"linear", "soft_l1", "huber", "cauchy", "arctan"} or callable
        rho as SciPy defines it. A callable maps z, shape (m,), to rho, rho', rho'' as an array of shape
        (3, m).
    f_scale : float, default 1.0
        C, the residual from which on the loss counts a point as an outlier.
    diff_step : float or array_like, optional
        Relative step of the differences; default eps^(1/2) for "2-point", eps^(1/3) for "3-point", eps being
        that of the dtype `fun` returns, of a size that falls by ten at most from one Jacobian to the next.
    tr_solver : {None, "exact", "lsmr"}
        "lsmr" solves the linear systems iteratively, as ``linear_solver="lsmr"`` does.
    tr_options : dict, optional
        ``atol``, ``btol`` (relative accuracy) and ``maxiter`` of LSMR.
    jac_sparsity : array_like or scipy.sparse matrix, shape (m, n), optional
        Nonzero pattern of the Jacobian: differences then need as many evaluations as there are groups of
        columns without a common row, and the linear algebra is sparse.
    max_nfev : int, optional
        Most evaluations of the residuals, those for differences not counted; default 100 n.
    verbose : {0, 1, 2}
        1 prints a line at the end, 2 one every iteration as well.
    args, kwargs : tuple, dict
        Passed on to `fun` and `jac`.
    callback : callable, optional
        ``callback(intermediate_result=...)`` or ``callback(x)`` after every iteration; StopIteration ends the
        solve.
    workers : int or map-like callable, optional
        Evaluates the points of a difference Jacobian in parallel: a number of processes (-1: all), or
        ``workers(fun, points)``.
    fixed : array_like of bool, shape (n,), optional
        True keeps a parameter at its start.
    damping : {"more", "nielsen", "delayed_gratification"}
        How the step is controlled: More's trust region, Nielsen's or Transtrum & Sethna's rule for lambda.
    linear_solver : {"auto", "cholesky", "qr", "sparse_cholesky", "lsmr"}
        "auto" takes Cholesky of the normal equations, QR where those are ill-conditioned, sparse Cholesky or
        LSMR for sparse Jacobians.
    initial_radius : float, default 1.0
        First trust-region radius in units of ``|D x0|`` (MINPACK's factor); smaller values for starts that
        jump away.
    geodesic_acceleration : bool, default False
        Bends each step by its second-order correction, for one more evaluation; pays in long curved valleys.
    max_iterations : int, optional
        Most accepted steps; default no limit but that of `max_nfev`.
    max_factor_bytes : float, default 4e9
        A sparse factorization that would take more memory is not made; "auto" takes LSMR then, and the result
        says so.
    threads : int, optional
        Threads for the product J'J of large problems; default the CPUs this process may use. The result does
        not depend on it.

    Returns
    -------
    LeastSquaresResult
        SciPy's fields, and `outcome`, `iterations`, `evaluations`, `trace`, `covariance()`, `stderr`. Failing
        to converge neither raises nor warns: look at `success` and `message`.

    Raises
    ------
    ValueError
        An argument has a wrong value or shape, x0 is outside its bounds, or the residuals are not finite
        at x0.
    TypeError
        An argument or what a callback returns has the wrong type.

    Notes
    -----
    Levenberg-Marquardt as a trust region on ``|D s|`` with lambda from the secular equation [1]_. At bounds
    an active set is fixed and the arc is projected [2]_; losses enter by the second-order correction of
    Triggs [3]_. An iteration costs one Jacobian, J'J (m n^2 operations) and one or two factorizations of
    n^3 / 3.

    References
    ----------
    .. [1] J. J. More, "The Levenberg-Marquardt algorithm: implementation and theory", Numerical Analysis,
       LNM 630, 1978, doi:10.1007/BFb0067700.
    .. [2] D. P. Bertsekas, "Projected Newton methods for optimization problems with simple constraints",
       SIAM J. Control Optim. 20, 1982, doi:10.1137/0320018.
    .. [3] B. Triggs et al., "Bundle adjustment: a modern synthesis", 2000, doi:10.1007/3-540-44480-7_21.

    Examples
    --------
    Fit an exponential decay and its standard errors:

    >>> import numpy as np
    >>> import osculate
    >>> t = np.linspace(0, 4, 30)
    >>> y = 3.0 * np.exp(-1.3 * t) + 0.01 * np.cos(40 * t)
    >>> result = osculate.least_squares(lambda p: p[0] * np.exp(-p[1] * t) - y, x0=[1.0, 1.0])
    >>> result.success, result.outcome.name
    (True, 'cost')
    >>> bool(np.all(abs(result.x - [3.0, 1.3]) < 3 * result.stderr))
    True
    """
    who = "least_squares"
    if method not in METHODS:
        arg.choice(who, "method", method, dict.fromkeys(METHODS, 0))
    start = arg.start_vector(who, x0)
    n = start.size
    lower, upper = arg.box(who, bounds, start)
    mask = None if fixed is None and lower is None else arg.fixed_mask(who, fixed, lower, upper, n)
    function = arg.with_arguments(who, "fun", fun, args, kwargs)
    derivative: Any = None
    if jac is True:
        source = 1
    elif callable(jac):
        source, derivative = 0, arg.with_arguments(who, "jac", jac, args, kwargs)
    elif isinstance(jac, str) and jac in JACOBIANS:
        source = JACOBIANS[jac]
    else:
        raise ValueError(
            f"{who}: jac must be '2-point', '3-point', 'cs', True or a callable, got {arg.shown(jac)}"
        )
    if isinstance(x_scale, str) and x_scale != "jac":
        raise ValueError(f"{who}: x_scale must be None, 'jac' or positive numbers, got {x_scale!r}")
    scale = (
        None
        if x_scale is None or isinstance(x_scale, str)
        else 1 / arg.positive_vector(who, "x_scale", x_scale, n)
    )
    relative_step = None if diff_step is None else arg.positive_vector(who, "diff_step", diff_step, n)
    if callable(loss):
        loss_code, custom = CUSTOM_LOSS, loss
    else:
        loss_code, custom = arg.choice(who, "loss", loss, LOSSES), None
    solver = arg.choice(who, "linear_solver", linear_solver, LINEAR_SOLVERS)
    if tr_solver is not None:
        solver = arg.choice(who, "tr_solver", tr_solver, TR_SOLVERS) or solver
    accuracy, lsmr_iterations = arg.lsmr_options(who, tr_options)
    if verbose not in (0, 1, 2):
        raise ValueError(f"{who}: verbose must be 0, 1 or 2, got {verbose!r}")
    if callback is not None and not callable(callback):
        raise TypeError(f"{who}: callback must be callable, got {arg.shown(callback)}")
    observe = Observer(callback, verbose) if callback is not None or verbose else None

    with map_function(who, workers) as parallel_map:
        out = _core.least_squares(
            who,
            function,
            derivative,
            source,
            start,
            lower,
            upper,
            mask,
            arg.tolerance(who, "ftol", ftol),
            arg.tolerance(who, "xtol", xtol),
            arg.tolerance(who, "gtol", gtol),
            arg.count(who, "max_nfev", max_nfev),
            arg.count(who, "max_iterations", max_iterations),
            scale,
            loss_code,
            arg.positive(who, "f_scale", f_scale),
            custom,
            arg.choice(who, "damping", damping, DAMPINGS),
            solver,
            arg.positive(who, "initial_radius", initial_radius),
            bool(geodesic_acceleration),
            arg.positive(who, "max_factor_bytes", max_factor_bytes),
            accuracy,
            lsmr_iterations,
            _threads.resolve(threads, "least_squares: "),
            relative_step,
            None if jac_sparsity is None else sparsity_pattern(who, jac_sparsity, n),
            parallel_map,
            observe,
        )
    result = _result_from_core(out, lower, upper)
    if observe is not None:
        observe.end(result)
    return result


def _result_from_core(out: tuple[Any, ...], lower: Any, upper: Any) -> LeastSquaresResult:
    x, cost, fun, jac, grad, optimality, fixed, status, iterations, nfev, njev, evaluations, trace, solver = (
        out
    )
    outcome = STATUSES[status]
    if lower is None:
        active = np.zeros(x.size, dtype=np.int64)
    else:
        active = (x >= upper).astype(np.int64) - (x <= lower)
    return LeastSquaresResult._of(
        message=SENTENCES[outcome],
        success=status > 0,
        status=SCIPY_STATUS[outcome],
        outcome=outcome,
        x=x,
        cost=cost,
        fun=fun,
        jac=jac if isinstance(jac, np.ndarray) else jacobian_from_core(jac),
        grad=grad,
        optimality=optimality,
        active_mask=active,
        nfev=nfev,
        njev=njev,
        iterations=iterations,
        evaluations=evaluations,
        trace=trace,
        linear_solver=SOLVER_NAMES[solver],
        _fixed=fixed,
    )
