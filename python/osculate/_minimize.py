"""Second-order minimization: the public function over the core's Newton methods."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from . import _arguments as arg
from . import _core
from ._minimize_arguments import (
    GTOL,
    GTOL_SINGLE,
    approximations,
    read_gradient,
    read_hessian,
    read_options,
    read_products,
)
from ._minimize_products import in_its_precision, solve_hessian_free, solve_newton_cg
from ._minimize_result import MinimizeResult, from_newton, from_products
from ._observe_minimize import MinimizeObserver
from ._sparsity import hessian_pattern

WHO = "minimize"
STRATEGIES = {"newton": 0, "newton-linesearch": 1}
PRODUCTS = {"newton-cg": solve_newton_cg, "hessian-free": solve_hessian_free}
METHODS = (*STRATEGIES, *PRODUCTS)
SCIPY_NAMES = {"trust-exact": "newton", "trust-ncg": "newton-cg", "trust-krylov": "newton-cg"}
TESTS = ("ftol", "xtol", "gtol", "gtol_relative", "max_evaluations", "max_iterations")
MANY = 200  # variables from which on a differenced Hessian is not formed unasked


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
    hess_sparsity: Any = None,
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
        The start; must lie within the bounds, and may lie on them. Where it has dtype float32, "newton-cg"
        and "hessian-free" compute in float32, x and v then are so too, and gtol is 1e-4 by default.
    args : tuple
        Passed on to `fun`, `jac` and `hess`.
    method : {"newton", "newton-linesearch", "newton-cg", "hessian-free"}, optional
        "newton" takes the exact trust-region step of More & Sorensen [1]_; "newton-linesearch" searches
        along the step of a shifted Hessian [2]_ for the strong Wolfe conditions [8]_, and backtracks where
        there are bounds; "newton-cg" needs products H v only, for truncated conjugate
        gradients in a trust region [3]_; "hessian-free" takes those, or Gauss-Newton products in their place,
        for damped CG whose iterates `fun` judges [6]_; `HessianFree` is that with batches. SciPy's
        "trust-exact" stands for "newton", "trust-ncg" and "trust-krylov" for "newton-cg". Default:
        "newton-cg" with `hessp`, or without `hess` and bounds from 200 variables on; else "newton".
        Gauss-Newton-CG, for sums of squares whose Jacobian is known by products J v and J'u, is
        `least_squares` with a linear operator from `jac`: its LSMR spans the same Krylov spaces without
        squaring the condition.
    jac : callable, True, {"2-point", "3-point", "cs"} or None
        The gradient, shape (n,). True: `fun` returns ``(value, gradient)``. By forward or central
        differences, or by complex step (exact to rounding, for a `fun` that computes with complex numbers).
        None means "3-point". Steps are relative to ``max(|x_j|, 1)``, or ``1 / scale`` instead of 1.
    hess : callable, {"2-point", "3-point"} or None
        The Hessian, shape (n, n), dense or scipy.sparse; its lower triangle counts. By differences of the
        gradient otherwise; None means "2-point" where the gradient is given, "3-point" where it is not.
    hessp : callable, optional
        ``hessp(x, v, *args)`` gives H(x) v, shape (n,), for "newton-cg" and "hessian-free". Without it the
        products are those of `hess`, or differences of the gradient.
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
        D of the trust region, n positive numbers), ``disp`` (True prints a line at the end). For "newton-cg"
        and "hessian-free" ``max_cg_iterations`` (of a step, default 2 n; of "hessian-free" at most 250),
        ``certifying_products`` (most products that look for negative curvature at the end, default 20; 0:
        none) and ``threads`` for long vectors. "newton-cg" takes a ``preconditioner`` M, an approximation of
        the inverse of H: the n positive numbers of a diagonal; a callable ``M(x, r)`` that gives M r;
        "diagonal", the inverse of a diagonal of H estimated from 20 products with random signs [7]_ where CG
        takes more than 40, which mends variables of different scales; or "lbfgs", limited-memory updates by
        8 directions of the last step's CG [9]_, which cost no product. With M given, ``initial_radius`` is in
        units of the first step of steepest descent, and lengths are ``sqrt(s' M^-1 s)``. Its ``subproblem``
        is "steihaug" (default), where a step ends as it leaves the radius, or "lanczos" [10]_: without M, the
        best step of the whole Krylov space, of which it keeps ``max_cg_iterations`` vectors (default 200).
        Nonconvex functions may need fewer products by it. "hessian-free" has
        no radius and no scale, but ``damping`` (the first lambda, default 1e-3 of the curvature along the
        gradient), ``min_damping``, ``decay``, ``progress_tolerance`` and ``checkpoint_ratio`` of
        `HessianFree`.
    fixed : array_like of bool, shape (n,), optional
        True keeps a variable at its start.
    hess_sparsity : array_like or scipy.sparse matrix, shape (n, n), optional
        Nonzero pattern of a Hessian by differences: these then need as many gradients as there are groups of
        columns without a common row [5]_, and the linear algebra is sparse.

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

    "newton-cg" and "hessian-free" cannot factor the Hessian. Lanczos from a random start looks for negative
    curvature instead; `failure_bound` of the result bounds the probability that it missed some below -10% of
    the spectrum's width [4]_. Where the products are Gauss-Newton's they speak of that matrix alone.

    References
    ----------
    .. [1] J. J. More and D. C. Sorensen, "Computing a trust region step", SIAM J. Sci. Stat. Comput. 4, 1983,
       doi:10.1137/0904038.
    .. [2] J. Nocedal and S. J. Wright, "Numerical Optimization", 2nd ed., 2006, algorithm 3.3.
    .. [3] T. Steihaug, "The conjugate gradient method and trust regions in large scale optimization",
       SIAM J. Numer. Anal. 20, 1983, doi:10.1137/0720042.
    .. [4] J. Kuczynski and H. Wozniakowski, "Estimating the largest eigenvalue by the power and Lanczos
       algorithms with a random start", SIAM J. Matrix Anal. Appl. 13, 1992, doi:10.1137/0613066.
    .. [5] A. R. Curtis, M. J. D. Powell and J. K. Reid, "On the estimation of sparse Jacobian matrices",
       J. Inst. Maths Applics 13, 1974, doi:10.1093/imamat/13.1.117.
    .. [6] J. Martens, "Deep learning via Hessian-free optimization", ICML 2010.
    .. [7] C. Bekas, E. Kokiopoulou and Y. Saad, "An estimator for the diagonal of a matrix", Appl. Numer.
       Math. 57, 2007, doi:10.1016/j.apnum.2007.01.003.
    .. [8] J. J. More and D. J. Thuente, "Line search algorithms with guaranteed sufficient decrease", ACM
       Trans. Math. Softw. 20, 1994, doi:10.1145/192115.192132.
    .. [9] J. L. Morales and J. Nocedal, "Automatic preconditioning by limited memory quasi-Newton updating",
       SIAM J. Optim. 10, 2000, doi:10.1137/S1052623497327854.
    .. [10] N. I. M. Gould, S. Lucidi, M. Roma and P. L. Toint, "Solving the trust-region subproblem using the
       Lanczos method", SIAM J. Optim. 9, 1999, doi:10.1137/S1052623497322735.

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
    start = arg.start_vector(WHO, x0)
    n = start.size
    extra = args if isinstance(args, tuple) else (args,)
    function = arg.with_arguments(WHO, "fun", fun, extra, None)
    lower, upper = arg.box(WHO, arg.UNBOUNDED if bounds is None else bound_pair(bounds, n), start)
    mask = arg.fixed_mask(WHO, fixed, lower, upper, n)
    if not (constraints is None or (isinstance(constraints, (tuple, list, dict)) and not constraints)):
        raise ValueError(f"{WHO}: constraints are not supported; scipy.optimize.minimize has trust-constr")
    constrained = lower is not None or mask is not None
    name = _method(method, n, hess, hessp, constrained, hess_sparsity is not None)
    gradient, gradient_source = read_gradient(WHO, jac, extra)
    if name in PRODUCTS:
        if constrained:
            raise ValueError(f"{WHO}: method {name!r} takes no bounds and no fixed variables; 'newton' does")
        hessian, hessian_source = read_products(WHO, hess, hessp, extra, gradient_source)
        start = in_its_precision(x0, start)
    else:
        if hessp is not None:
            raise ValueError(f"{WHO}: method {name!r} takes hess, not hessp; 'newton-cg' takes hessp")
        hessian, hessian_source = read_hessian(WHO, hess, extra, gradient_source)
    if hess_sparsity is not None and (name in PRODUCTS or hessian is not None):
        raise ValueError(f"{WHO}: hess_sparsity is for a Hessian by differences, which {name!r} has not here")
    approximated = approximations(gradient_source, hessian_source, products=name in PRODUCTS)
    chosen = read_options(WHO, options, tol, name)
    if callback is not None and not callable(callback):
        raise TypeError(f"{WHO}: callback must be callable, got {arg.shown(callback)}")
    observe = None if callback is None else MinimizeObserver(callback)
    default_gtol = GTOL_SINGLE if start.dtype == np.float32 else GTOL
    tests = (
        arg.tolerance(WHO, "options['ftol']", chosen.get("ftol")),
        arg.tolerance(WHO, "options['xtol']", chosen.get("xtol")),
        arg.tolerance(WHO, "gtol", chosen.get("gtol", default_gtol[gradient_source])),
        arg.tolerance(WHO, "options['gtol_relative']", chosen.get("gtol_relative")),
        arg.count(WHO, "options['max_evaluations']", chosen.get("max_evaluations")),
        arg.count(WHO, "options['maxiter']", chosen.get("max_iterations")),
    )
    if name in PRODUCTS:
        called = {
            "caller": WHO,
            "fun": function,
            "jac": gradient,
            "gradient_source": gradient_source,
            "hessp": hessian,
            "product_source": hessian_source,
            "x0": start,
            **dict(zip(TESTS, tests, strict=True)),
        }
        result = from_products(PRODUCTS[name](called, chosen, observe), name, approximated)
    else:
        scale = chosen.get("scale")
        out = _core.minimize(
            WHO,
            function,
            gradient,
            gradient_source,
            hessian,
            hessian_source,
            None if hess_sparsity is None else hessian_pattern(WHO, hess_sparsity, n),
            start,
            lower,
            upper,
            mask,
            *tests,
            None if scale is None else arg.positive_vector(WHO, "options['scale']", scale, n),
            STRATEGIES[name],
            arg.positive(WHO, "options['initial_radius']", chosen.get("initial_radius", 1.0)),
            observe,
        )
        result = from_newton(out, lower, upper, name, approximated)
    if chosen.get("disp"):
        print(
            f"{result.message} {result.nit} iterations, f = {result.fun:.6e}, |g| = {result.optimality:.2e}."
        )
    return result


def _method(method: Any, n: int, hess: Any, hessp: Any, constrained: bool, sparse: bool) -> str:
    """Our name of the method that was asked for, or that suits what is known of the function."""
    if method is None:
        if hess is not None or constrained or sparse:
            return "newton"
        return "newton-cg" if hessp is not None or n > MANY else "newton"
    known = method.lower() if isinstance(method, str) else method
    name = SCIPY_NAMES.get(known, known) if isinstance(known, str) else known
    if name not in METHODS:
        arg.choice(WHO, "method", method, dict.fromkeys((*METHODS, *SCIPY_NAMES), 0))
    return str(name)


def bound_pair(bounds: Any, n: int) -> Any:
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
