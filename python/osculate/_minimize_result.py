"""What `minimize` returns."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._result import Fields, FloatArray, Status
from ._sparsity import jacobian_from_core


class Certificate(IntEnum):
    """What is known of the curvature where a solve ended: a vanishing gradient is met at saddles too."""

    none = 0
    """Not looked at, since the solve did not converge."""
    minimum = 1
    """The Hessian of the free variables has a Cholesky factor: a strict minimum."""
    degenerate = 2
    """The lowest eigenvalue is zero to rounding, n eps |H|: second derivatives do not tell."""
    no_negative_curvature_found = 3
    """Lanczos from a random start met no negative curvature."""
    first_order_only = 4
    """The curvature is not available."""
    negative_curvature = -1
    """A saddle or a maximum."""


# scipy.optimize.minimize's numbers, as far as it has them
SCIPY_STATUS = {
    Status.gradient: 0,
    Status.cost: 0,
    Status.step: 0,
    Status.max_iterations: 1,
    Status.no_progress: 2,
    Status.nonfinite: 3,
    Status.singular: 4,
    Status.saddle: 5,
    Status.user_stop: 99,
}
SENTENCES = {
    Certificate.minimum: "The Hessian is positive definite: a minimum.",
    Certificate.degenerate: "The Hessian is singular to rounding: second derivatives do not prove a minimum.",
    Certificate.no_negative_curvature_found: "No negative curvature was found.",
    Certificate.first_order_only: "Second derivatives are not available: it may be a saddle.",
}


@dataclass(frozen=True, repr=False, eq=False)
class MinimizeResult(Fields):
    """What `minimize` found: SciPy's fields and some more. Also a read-only mapping of its fields.

    `x` is the best accepted point, also where the solve failed; n is the number of variables.
    """

    message: str
    """Cause, and the remedy where there is something to mend."""
    success: bool
    """Whether a convergence test was met at a point that is no saddle."""
    status: int
    """SciPy's number: 0 success, 1 limit of iterations or evaluations, 2 no progress, 3 not finite.

    Ours: 4 singular, 5 saddle, 99 callback."""
    outcome: Status
    """The same as a `Status`."""
    certificate: Certificate
    """What is known of the curvature at x."""
    x: FloatArray
    """Variables, shape (n,)."""
    fun: float
    """Value at x."""
    jac: FloatArray
    """Gradient at x, shape (n,)."""
    hess: Any
    """Hessian at x, shape (n, n), dense or sparse, as it was used; None for the methods that form none."""
    optimality: float
    """Largest element of the gradient over the free variables: what gtol is compared with."""
    active_mask: NDArray[np.int64]
    """-1 where x is at its lower bound, 1 at its upper bound, 0 elsewhere; shape (n,)."""
    nit: int
    """Accepted steps."""
    nfev: int
    """Calls of `fun`, those for differences included."""
    njev: int
    """Gradients, by callback or by differences."""
    nhev: int
    """Hessians."""
    nhvp: int
    """Hessian-vector products."""
    evaluations: int
    """Points at which the method asked for the value."""
    trace: NDArray[np.void]
    """Structured array, a row an iteration, the start first: cost, optimality, step, radius, damping, ratio,
    evaluations."""
    method: str
    """The method that ran."""
    approximated: tuple[str, ...]
    """What was not given and how it was approximated, such as "jac: 3-point"."""
    lowest_curvature: float
    """Lowest eigenvalue of the Hessian where the certificate needed it, the lowest Ritz value of
    the methods that need products only, else NaN."""
    certificate_products: int
    """Hessian-vector products spent on the certificate, not counted in `nhvp`."""
    failure_bound: float
    """Bound of the probability that a method of products missed curvature below -10% of the spectrum's width;
    0 for methods that factor the Hessian."""


def from_newton(
    out: tuple[Any, ...],
    lower: FloatArray | None,
    upper: FloatArray | None,
    method: str,
    approximated: tuple[str, ...],
) -> MinimizeResult:
    """The result of the core's `minimize`."""
    (x, f, gradient, hessian, optimality, status, iterations, nfev, njev, nhev, points, trace,
     certificate, lowest) = out  # fmt: skip
    if lower is None or upper is None:
        active = np.zeros(x.size, dtype=np.int64)
    else:
        active = (x >= upper).astype(np.int64) - (x <= lower)
    return MinimizeResult(
        **verdict(Status(status), Certificate(certificate)),
        x=x,
        fun=f,
        jac=gradient,
        hess=jacobian_from_core(hessian),
        optimality=optimality,
        active_mask=active,
        nit=iterations,
        nfev=nfev,
        njev=njev,
        nhev=nhev,
        nhvp=0,
        evaluations=points,
        trace=trace,
        method=method,
        approximated=approximated,
        lowest_curvature=lowest,
        certificate_products=0,
        failure_bound=0.0,
    )


def from_products(out: tuple[Any, ...], method: str, approximated: tuple[str, ...]) -> MinimizeResult:
    """The result of the core's methods that need products only."""
    (x, f, gradient, optimality, status, iterations, nfev, njev, nhvp, points, trace, certificate, lowest,
     products, bound, _) = out  # fmt: skip
    return MinimizeResult(
        **verdict(Status(status), Certificate(certificate)),
        x=x,
        fun=f,
        jac=gradient,
        hess=None,
        optimality=optimality,
        active_mask=np.zeros(x.size, dtype=np.int64),
        nit=iterations,
        nfev=nfev,
        njev=njev,
        nhev=0,
        nhvp=nhvp - products,
        evaluations=points,
        trace=trace,
        method=method,
        approximated=approximated,
        lowest_curvature=lowest,
        certificate_products=products,
        failure_bound=bound,
    )


def verdict(outcome: Status, certificate: Certificate) -> dict[str, Any]:
    message = outcome.sentence
    if outcome.success and certificate in SENTENCES:
        message = f"{message} {SENTENCES[certificate]}"
    return {
        "message": message,
        "success": outcome.success,
        "status": SCIPY_STATUS[outcome],
        "outcome": outcome,
        "certificate": certificate,
    }
