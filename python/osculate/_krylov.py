"""Conjugate gradients and minimum residuals: the public functions over the core's."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from . import _arguments as arg
from . import _core
from ._krylov_result import CgResult, MinresResult
from ._operators import System

RITZ_ROWS = 200


def cg(
    A: Any,
    b: Any,
    x0: Any = None,
    *,
    rtol: float = 1e-5,
    atol: float = 0.0,
    maxiter: int | None = None,
    M: Any = None,
    damping: float = 0.0,
    radius: float | None = None,
    progress_tolerance: float | None = None,
    callback: Callable[[Any], Any] | None = None,
    threads: int | None = None,
) -> CgResult:
    """Solve (A + damping I) x = b for a symmetric positive definite matrix by conjugate gradients.

    Minimizes ``x'(A + damping I)x / 2 - b'x``, within ``sqrt(x' M^-1 x) <= radius`` where that is given. The
    arguments that `scipy.sparse.linalg.cg` has mean the same here, and ``x, info = cg(A, b)`` works.

    Parameters
    ----------
    A : callable, array_like, scipy.sparse matrix or linear operator, shape (n, n)
        Symmetric, which is not checked. A callable maps v to A v; an operator does so by ``matvec``, and
        other matrices by ``@``. The vector v is read-only and always the same array, whose numbers change:
        copy it to keep it. The product may have any real dtype and strides; contiguous numbers of the
        solve's own dtype are not copied.
    b : array_like, shape (n,) or (n, 1)
        Right-hand side, real and finite. The solve is in float32 where b is, and A as far as it has a dtype.
    x0 : array_like, shape (n,), optional
        The start; default zero, which saves one product. Not with `radius`.
    rtol, atol : float, default 1e-5 and 0.0
        Converged when ``|b - (A + damping I) x| <= max(rtol |b|, atol)``.
    maxiter : int, optional
        Most iterations; default 10 n.
    M : array_like, callable, matrix or linear operator, optional
        Preconditioner, an approximation of the inverse of A: shape (n,) for a positive diagonal, such as
        ``1 / A.diagonal()``, else in any form that A may have; symmetric positive definite.
    damping : float, default 0.0
        At least 0; in the unit of A.
    radius : float, optional
        Trust region: where the path leaves it, or meets negative curvature, x is on its boundary.
    progress_tolerance : float, optional
        Converged also at iteration i > k if the quadratic is negative and fell in the last k iterations by
        less than the part ``k * progress_tolerance`` of it, with k = max(10, i / 10). Martens takes 5e-4.
    callback : callable, optional
        ``callback(x)`` after every iteration; StopIteration ends the solve. x is read-only and always the
        same array: copy it to keep it.
    threads : int, optional
        For the vectors' arithmetic, from n > 16384 on; default as many as the process may use. Any number
        gives the same bits.

    Returns
    -------
    CgResult
        With `x`, `success`, `reason`, `message`, `iterations`, `products`, `residual_norm`, `model` and more.
        It is also the pair (x, info) of SciPy.

    Raises
    ------
    TypeError, ValueError
        An argument, or what A or M returns, has a wrong type, shape or value. What a callback raises comes
        out as it is. NaN in a product is no error, but a `reason`.

    Notes
    -----
    The reasons, of which the first four are successes: ``residual``; ``progress``; ``boundary``;
    ``negative_curvature_boundary``; ``negative_curvature``, without a radius: `direction` has
    d'(A + damping I)d <= 0; ``max_iterations``; ``nonfinite``; ``preconditioner``: M is not positive
    definite; ``user_stop``.

    An iteration costs one product, one of M, and three passes over 10 n numbers, whose sums are in float64.

    References
    ----------
    .. [1] M. R. Hestenes and E. Stiefel, J. Res. Natl. Bur. Stand. 49 (1952), doi:10.6028/jres.049.044
    .. [2] T. Steihaug, SIAM J. Numer. Anal. 20 (1983), doi:10.1137/0720042
    .. [3] J. Martens, Deep learning via Hessian-free optimization, ICML (2010), section 4.4

    Examples
    --------
    >>> import numpy as np
    >>> from osculate.linalg import cg
    >>> d = np.linspace(1, 10, 1000)
    >>> result = cg(lambda v: d * v, np.ones(1000), rtol=1e-10)
    >>> result.reason
    'residual'
    >>> bool(np.allclose(result.x, 1 / d))
    True
    >>> x, info = cg(np.diag([1.0, -2.0]), [1.0, 1.0], radius=3.0)
    >>> info, round(float(np.linalg.norm(x)), 12)
    (0, 3.0)
    """
    system = System("cg", A, b, x0, M, callback, threads)
    if radius is None:
        radius = math.inf
    else:
        radius = arg.positive("cg", "radius", radius)
        if system.start is not None and system.start.any():
            raise ValueError("cg: x0 must be None with a radius, which bounds the step from zero")
        system.start = None
    out = system.solve(
        _core.cg,
        {
            "rtol": arg.at_least_zero("cg", "rtol", rtol),
            "atol": arg.at_least_zero("cg", "atol", atol),
            "max_iterations": arg.count("cg", "maxiter", maxiter),
            "damping": arg.at_least_zero("cg", "damping", damping),
            "radius": radius,
            "progress_tolerance": (
                0.0
                if progress_tolerance is None
                else arg.positive("cg", "progress_tolerance", progress_tolerance)
            ),
            "ritz": RITZ_ROWS,
        },
    )
    x, status, iterations, products, residual, model, step, curvature, direction, diagonal, beside = out
    return CgResult(
        x, status, iterations, products, residual, model, step, curvature, direction, (diagonal, beside)
    )


def minres(
    A: Any,
    b: Any,
    x0: Any = None,
    *,
    rtol: float = 1e-5,
    atol: float = 0.0,
    shift: float = 0.0,
    maxiter: int | None = None,
    M: Any = None,
    callback: Callable[[Any], Any] | None = None,
    threads: int | None = None,
) -> MinresResult:
    """Solve (A - shift I) x = b for a symmetric matrix, definite or not, by minimum residuals.

    Minimizes ``|b - (A - shift I) x|`` over a growing space. A singular system with a solution is solved,
    from a zero start with the shortest solution; where there is none, x has the least residual.

    Parameters
    ----------
    A : callable, array_like, scipy.sparse matrix or linear operator, shape (n, n)
        Symmetric, which is not checked. See `cg`.
    b : array_like, shape (n,) or (n, 1)
        Right-hand side, real and finite. The solve is in float32 where b is, and A as far as it has a dtype.
    x0 : array_like, shape (n,), optional
        The start; default zero, which saves one product.
    rtol, atol : float, default 1e-5 and 0.0
        Converged when ``|b - (A - shift I) x| <= max(rtol |b|, atol)``. With M the norms are sqrt(r' M r).
    shift : float, default 0.0
        In the unit of A.
    maxiter : int, optional
        Most iterations; default 5 n.
    M : array_like, callable, matrix or linear operator, optional
        Preconditioner, symmetric positive definite. See `cg`.
    callback : callable, optional
        ``callback(x)`` after every iteration. See `cg`.
    threads : int, optional
        See `cg`.

    Returns
    -------
    MinresResult
        With `x`, `success`, `reason`, `message`, `iterations`, `products`, `residual_norm` and `matrix_norm`.
        It is also the pair (x, info) of SciPy.

    Raises
    ------
    TypeError, ValueError
        An argument, or what A or M returns, has a wrong type, shape or value. What a callback raises comes
        out as it is. NaN in a product is no error, but a `reason`.

    Notes
    -----
    The reasons, of which the first two are successes: ``residual``; ``least_squares``: no solution exists,
    |A r| <= max(rtol^2, sqrt(eps)) |A| |r|; ``max_iterations``; ``nonfinite``; ``preconditioner``: M is not
    positive definite; ``user_stop``. SciPy's `minres` compares |r| with ``rtol |A| |x|`` instead of |b|.

    An iteration costs one product, one of M, and three passes over 15 n numbers, whose sums are in float64.

    References
    ----------
    .. [1] C. C. Paige and M. A. Saunders, SIAM J. Numer. Anal. 12 (1975), doi:10.1137/0712047

    Examples
    --------
    >>> import numpy as np
    >>> from osculate.linalg import minres
    >>> d = np.array([-3.0, -1.0, 2.0, 4.0])
    >>> result = minres(lambda v: d * v, np.ones(4), rtol=1e-10)
    >>> result.reason
    'residual'
    >>> bool(np.allclose(result.x, 1 / d))
    True
    """
    system = System("minres", A, b, x0, M, callback, threads)
    out = system.solve(
        _core.minres,
        {
            "rtol": arg.at_least_zero("minres", "rtol", rtol),
            "atol": arg.at_least_zero("minres", "atol", atol),
            "max_iterations": arg.count("minres", "maxiter", maxiter),
            "shift": arg.finite("minres", "shift", shift),
        },
    )
    return MinresResult(*out)
