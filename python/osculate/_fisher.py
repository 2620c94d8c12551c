"""Systems with the Fisher matrix of per-sample scores: the public function over the core's."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _arguments as arg
from . import _core, _threads
from ._operators import SMALL
from ._result import Status

WHO = "fisher_solve"
FORMS = ("auto", "samples", "parameters")


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class FisherSolution:
    """What `fisher_solve` found, for one system or a stack of them."""

    x: NDArray[Any]
    """Solution, shape (..., P), float64 or float32; NaN in the systems that failed."""
    status: NDArray[np.int8]
    """A `Status` for each system, shape (...): 1 solved, -1 the refinement of `mixed_precision` did not reach
    its residual, -2 not finite, -3 not positive definite."""
    form: str
    """What was factorized: "samples", the N x N Gram matrix, or "parameters", the P x P Fisher matrix."""
    mixed_precision: bool
    """Whether the Gram matrix was in single precision, and the solution refined."""

    @property
    def success(self) -> bool:
        """Whether every system was solved."""
        return bool((self.status > 0).all())

    @property
    def outcome(self) -> Status:
        """The status of the first system that failed; `Status.gradient` where there is none."""
        failed = self.status[self.status < 0]
        return Status(int(failed[0])) if failed.size else Status.gradient

    @property
    def message(self) -> str:
        """Cause, and the remedy where there is something to mend."""
        if self.success:
            return "Solved."
        cause = {
            Status.singular: "F + damping I is not positive definite; raise the damping.",
            Status.nonfinite: "The scores or the gradient are NaN or infinite, or the solution overflows.",
            Status.max_iterations: "The refinement stalled; raise the damping or leave out mixed_precision.",
        }[self.outcome]
        bad = int(np.count_nonzero(self.status < 0))
        return cause if self.status.ndim == 0 else f"{bad} of {self.status.size} systems failed. {cause}"

    def __repr__(self) -> str:
        with np.printoptions(precision=6, threshold=8, edgeitems=3):
            return (
                f"        message: {self.message}\n"
                f"              x: {self.x}\n"
                f"         status: {self.status}\n"
                f"           form: {self.form}\n"
                f"mixed_precision: {self.mixed_precision}"
            )


def fisher_solve(
    scores: Any,
    gradient: Any,
    damping: Any,
    *,
    centered: bool = False,
    form: str = "auto",
    mixed_precision: bool = False,
    threads: int | None = None,
) -> FisherSolution:
    """Solve (S'S/N + damping I) x = g: the natural gradient of per-sample scores.

    The scores may be those of the data, which gives the empirical Fisher matrix, or of labels drawn from the
    model, which gives the true one. With fewer samples than parameters S'S is never formed.

    Parameters
    ----------
    scores : array_like, shape (..., N, P)
        S: row i is the gradient of the log-likelihood (or of the loss) of sample i by the P parameters.
        C-contiguous arrays are used as they are, others are copied.
    gradient : array_like, shape (..., P)
        g, the mean over the samples as a rule. Leading axes are broadcast to those of `scores`.
    damping : float or array_like
        Lambda, in the unit of S'S/N; numbers are broadcast to the leading axes of `scores`. Zero is taken
        where the P x P matrix is factorized, which then must be positive definite.
    centered : bool, default False
        Subtract the mean of each column from S: the covariance of the scores. No copy of S is made.
    form : {"auto", "samples", "parameters"}
        "samples" factorizes the N x N Gram matrix (Woodbury's identity, minSR), "parameters" the P x P Fisher
        matrix. "auto" takes the smaller of the two, and "parameters" where they are equal.
    mixed_precision : bool, default False
        In form "samples" of float64: the Gram matrix in float32, and the solution of its system refined by
        conjugate gradients in float64 to a relative residual of 1e-10. Faster where damping is not tiny,
        1e-4 of the largest eigenvalue or more.
    threads : int, optional
        Default as many as the process may use. Any number gives the same bits.

    Returns
    -------
    FisherSolution
        With `x`, shape (..., P), `success`, `status`, `message` and the `form` that was taken. float32 where
        `scores` and `gradient` are at most that precise, else float64. A system that cannot be solved neither
        raises nor harms the others.

    Raises
    ------
    TypeError, ValueError
        An argument has a wrong type, shape or value.

    Notes
    -----
    "samples" costs N^2 P / 2 multiply-adds for the Gram matrix, N^3 / 6 for its factor and two passes over S,
    and memory for N^2 numbers; "parameters" the same with N and P exchanged, and one pass. Where g = S'e/N
    the solution is minSR's S'(SS' + N damping I)^-1 e [2]_. Its rounding error grows as the condition of
    F + damping I in both forms.

    References
    ----------
    .. [1] Y. Ren and D. Goldfarb, "Efficient subsampled Gauss-Newton and natural gradient methods for
       training neural networks", 2019, doi:10.48550/arXiv.1906.02353.
    .. [2] A. Chen and M. Heyl, "Empowering deep neural quantum states through efficient optimization", Nature
       Physics 20, 2024, doi:10.1038/s41567-024-02566-1.

    Examples
    --------
    >>> import numpy as np
    >>> import osculate
    >>> S = np.random.default_rng(0).standard_normal((20, 300))
    >>> g = S.mean(0)
    >>> solution = osculate.fisher_solve(S, g, 1e-2)
    >>> solution.success, solution.form
    (True, 'samples')
    >>> bool(np.allclose(S.T @ (S @ solution.x) / 20 + 1e-2 * solution.x, g))
    True
    """
    s, v = _real(scores, "scores"), _real(gradient, "gradient")
    if s.ndim < 2 or 0 in s.shape[-2:]:
        raise ValueError(f"{WHO}: scores must have shape (..., N, P) with N, P >= 1, got shape {s.shape}")
    leading, (n, p) = s.shape[:-2], s.shape[-2:]
    if not fits(v.shape, (*leading, p)) or v.shape[-1:] != (p,):
        raise ValueError(
            f"{WHO}: gradient must have shape {(*leading, p)}, as scores has shape {s.shape}, "
            f"got shape {v.shape}"
        )
    for name, flag in (("centered", centered), ("mixed_precision", mixed_precision)):
        boolean(WHO, name, flag)
    arg.choice(WHO, "form", form, dict.fromkeys(FORMS, 0))
    dtype = np.dtype(np.float32 if s.dtype in SMALL and v.dtype in SMALL else np.float64)
    if mixed_precision and dtype == np.float32:
        raise ValueError(f"{WHO}: mixed_precision is for float64 scores and gradients, got float32")
    if mixed_precision and form == "parameters":
        raise ValueError(f"{WHO}: mixed_precision is for form 'samples', got form 'parameters'")
    chosen = form if form != "auto" else "samples" if n < p or mixed_precision else "parameters"
    lambdas = _dampings(damping, leading, chosen, (n, p))
    count = _threads.resolve(threads, f"{WHO}: ")
    stack = math.prod(leading)
    x = np.empty((*leading, p), dtype)
    if stack == 0:
        return FisherSolution(x, np.empty(leading, np.int8), chosen, bool(mixed_precision))
    with np.errstate(over="ignore"):
        right = np.ascontiguousarray(np.broadcast_to(v, x.shape), dtype=dtype).reshape(stack, p)
        rows = np.ascontiguousarray(s, dtype=dtype).reshape(stack, n, p)
    flat = x.reshape(stack, p)
    codes = _core.fisher_solve(
        rows, right, lambdas, bool(centered), chosen, bool(mixed_precision), flat, count
    )
    flat[codes < 0] = np.nan
    return FisherSolution(x, codes.reshape(leading), chosen, bool(mixed_precision))


def fits(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """Whether arrays of `shape` can be broadcast to `target`."""
    try:
        return np.broadcast_shapes(shape, target) == target
    except ValueError:
        return False


def boolean(caller: str, name: str, value: Any) -> bool:
    """True or False."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{caller}: {name} must be True or False, got {arg.shown(value)}")
    return bool(value)


def _real(value: Any, name: str) -> NDArray[Any]:
    """An array of real numbers of a float type; NaN is the core's to judge."""
    try:
        given = np.asarray(arg.numbers(value))
        if given.dtype.kind == "f" and given.dtype.itemsize <= 8:
            return given
        return given.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{WHO}: {name} must be an array of real numbers, got {arg.shown(value)}") from error


def _dampings(value: Any, leading: tuple[int, ...], form: str, shape: tuple[int, int]) -> list[float]:
    """Lambda of every system, at least 0."""
    try:
        given = np.asarray(arg.numbers(value), dtype=np.float64)
        if isinstance(value, arg.NOT_NUMBERS):
            raise TypeError
    except (TypeError, ValueError) as error:
        raise TypeError(f"{WHO}: damping must be a number or numbers, got {arg.shown(value)}") from error
    if not fits(given.shape, leading):
        raise ValueError(
            f"{WHO}: damping must be a number or have shape {leading}, the leading axes of scores, "
            f"got shape {given.shape}"
        )
    if not (np.isfinite(given) & (given >= 0)).all():
        raise ValueError(f"{WHO}: damping must be finite and at least 0, got {arg.shown(value)}")
    if form == "samples" and not (given > 0).all():
        raise ValueError(
            f"{WHO}: damping must be positive in form 'samples', where S'S may be singular (here N = "
            f"{shape[0]}, P = {shape[1]}), got {arg.shown(value)}"
        )
    return [float(damping) for damping in np.broadcast_to(given, leading).ravel()]
