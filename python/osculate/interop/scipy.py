"""Methods for `scipy.optimize.minimize`: ``minimize(f, x0, method=osculate.interop.scipy.newton, ...)``.

SciPy hands a method of one's own all arguments as they were given, options by keyword; only ``jac=True``
comes as two functions that share their last call, and a rule of differences for `jac` as None. These methods
differ from `osculate.minimize` where SciPy's habits do: `hess` is preferred to `hessp`, a start outside the
bounds is moved into them, an option nobody knows is warned of, and what comes back is an `OptimizeResult`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

try:
    from scipy.optimize import Bounds, OptimizeResult, OptimizeWarning
except ImportError as error:
    raise ImportError("osculate.interop.scipy needs SciPy: pip install 'osculate[scipy]'") from error

from .. import _arguments as arg
from .._minimize import bound_pair
from .._minimize import minimize as _minimize
from .._minimize_arguments import known_options

__all__ = ["hessian_free", "newton", "newton_cg", "newton_linesearch"]
KEYWORDS = ("fixed", "hess_sparsity")  # arguments of osculate.minimize that SciPy's function does not have


def newton(fun: Callable[..., Any], x0: Any, args: Any = (), **given: Any) -> OptimizeResult:
    """Minimize by Newton's method in a trust region: a `method` for `scipy.optimize.minimize`.

    Parameters
    ----------
    fun, x0, args, jac, hess, bounds, tol, callback
        As `scipy.optimize.minimize` takes them; n is the number of variables. ``jac=None`` and SciPy's rules,
        such as ``jac="2-point"``, mean central differences; ``hess`` may be "2-point" or "3-point", and is by
        differences of the gradient where it is not given. Bounds may be pairs or a `scipy.optimize.Bounds`.
    **given
        The items of SciPy's `options`: those of `osculate.minimize`, and its arguments ``fixed`` and
        ``hess_sparsity``.

    Returns
    -------
    scipy.optimize.OptimizeResult
        All fields of `osculate.MinimizeResult`, `certificate` among them. `status` is 99 and `success` False
        where the callback raised StopIteration.

    Raises
    ------
    ValueError
        An argument has a wrong value or shape, there are constraints, or only `hessp` is given.
    TypeError
        An argument or what a callback returns has the wrong type.

    Warns
    -----
    scipy.optimize.OptimizeWarning
        There are options that the method does not know.

    Examples
    --------
    >>> import osculate.interop.scipy
    >>> from scipy.optimize import minimize, rosen, rosen_der, rosen_hess
    >>> method = osculate.interop.scipy.newton
    >>> result = minimize(rosen, [-1.2, 1], method=method, jac=rosen_der, hess=rosen_hess)
    >>> result.x.round(8).tolist(), result.certificate.name
    ([1.0, 1.0], 'minimum')
    """
    return _run("newton", fun, x0, args, **given)


def newton_linesearch(fun: Callable[..., Any], x0: Any, args: Any = (), **given: Any) -> OptimizeResult:
    """Minimize by Newton's method with a line search: a `method` for `scipy.optimize.minimize`.

    Parameters, results and errors are those of `newton`.

    Examples
    --------
    >>> import osculate.interop.scipy
    >>> from scipy.optimize import minimize, rosen
    >>> minimize(rosen, [-1.2, 1], method=osculate.interop.scipy.newton_linesearch).x.round(5).tolist()
    [1.0, 1.0]
    """
    return _run("newton-linesearch", fun, x0, args, **given)


def newton_cg(fun: Callable[..., Any], x0: Any, args: Any = (), **given: Any) -> OptimizeResult:
    """Minimize by truncated conjugate gradients: a `method` for `scipy.optimize.minimize`.

    Needs only products H v, ``hessp(x, v, *args)``; without `hess` and `hessp` these are differences of the
    gradient. Takes no bounds. Other parameters, results and errors are those of `newton`.

    Examples
    --------
    >>> import osculate.interop.scipy
    >>> from scipy.optimize import minimize, rosen, rosen_der, rosen_hess_prod
    >>> method = osculate.interop.scipy.newton_cg
    >>> minimize(rosen, [-1.2, 1], method=method, jac=rosen_der, hessp=rosen_hess_prod).x.round(7).tolist()
    [1.0, 1.0]
    """
    return _run("newton-cg", fun, x0, args, **given)


def hessian_free(fun: Callable[..., Any], x0: Any, args: Any = (), **given: Any) -> OptimizeResult:
    """Minimize by damped conjugate gradients that `fun` judges: a `method` for `scipy.optimize.minimize`.

    As `newton_cg`; `hessp` may give Gauss-Newton products.

    Examples
    --------
    >>> import osculate.interop.scipy
    >>> from scipy.optimize import minimize, rosen, rosen_der, rosen_hess_prod
    >>> method = osculate.interop.scipy.hessian_free
    >>> minimize(rosen, [-1.2, 1], method=method, jac=rosen_der, hessp=rosen_hess_prod).x.round(7).tolist()
    [1.0, 1.0]
    """
    return _run("hessian-free", fun, x0, args, **given)


def _run(
    method: str,
    fun: Callable[..., Any],
    x0: Any,
    args: Any,
    jac: Any = None,
    hess: Any = None,
    hessp: Any = None,
    bounds: Any = None,
    constraints: Any = (),
    callback: Any = None,
    tol: float | None = None,
    **options: Any,
) -> OptimizeResult:
    keywords = {name: options.pop(name) for name in KEYWORDS if name in options}
    known = known_options(method)
    unknown = [name for name in options if name not in known]
    if unknown:
        warnings.warn(
            f"minimize: unknown options of method {method!r}: {', '.join(unknown)}; "
            f"it has {', '.join(known)}",
            OptimizeWarning,
            stacklevel=4,
        )
    if bounds is not None:
        x0 = np.asarray(x0, dtype=np.float64)
        lower, upper = arg.bound_vectors("minimize", bound_pair(bounds, x0.size), x0.size)
        bounds = Bounds(lower, upper)
        if np.isneginf(lower).all() and np.isposinf(upper).all():
            bounds = None
        x0 = x0.clip(lower, upper)
    result = _minimize(
        fun,
        x0,
        args,
        method,
        jac=jac,
        hess=hess,
        hessp=hessp if hess is None else None,
        bounds=bounds,
        constraints=constraints,
        tol=tol,
        callback=_with_scipys_results(callback),
        options={name: value for name, value in options.items() if name in known},
        **keywords,
    )
    return OptimizeResult(result)


def _with_scipys_results(callback: Any) -> Any:
    """A callback of SciPy's newer form receives an `OptimizeResult`, which is a dict."""
    if not callable(callback) or not arg.wants_intermediate_result(callback):
        return callback

    def watch(intermediate_result: Any) -> None:
        callback(intermediate_result=OptimizeResult(intermediate_result))

    return watch
