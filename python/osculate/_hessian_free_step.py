"""What a step of Hessian-free optimization is given and returns."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _arguments as arg
from . import _core
from ._krylov_result import REASONS as CG_REASONS
from ._operators import is_array, real_vector
from ._result import Fields

REASONS = {1: "accepted", 2: "stationary", -1: "rejected", -2: "nonfinite", -3: "preconditioner"}
SENTENCES = {reason: _core.hessian_free_sentence(code) for code, reason in REASONS.items()}
ACCEPTED = 1
DEFAULTS: dict[str, Any] = {
    "min_damping": 0.0,
    "decay": 0.95,
    "progress_tolerance": 5e-4,
    "preconditioner_exponent": 0.75,
    "checkpoint_ratio": 1.3,
    "max_cg_iterations": 250,
}


@dataclass(frozen=True, repr=False, eq=False)
class HessianFreeStep(Fields):
    """A step of `HessianFree`. Also a read-only mapping of its fields."""

    theta: NDArray[Any]
    """Where the step leads, shape (n,): an array of its own; the one given where the step was not taken."""
    accepted: bool
    """Whether the step was taken."""
    reason: str
    """How it ended: "accepted"; "stationary", the gradient is zero; "rejected", no step reduces the loss;
    "nonfinite"; "preconditioner", which is not positive definite."""
    loss_before: float
    """The loss at the given theta."""
    loss_after: float
    """The loss at the theta of this step."""
    damping: float
    """Lambda of this step."""
    next_damping: float
    """Lambda of the next."""
    ratio: float
    """Actual over predicted reduction of CG's iterate, before the line search. The prediction is that of the
    quadratic without damping."""
    predicted_reduction: float
    """Of the whole step, by the quadratic without damping."""
    step_norm: float
    """Length of the step."""
    scale: float
    """Share of CG's iterate that the line search left; 0 where the step was not taken."""
    cg_iterations: int
    """Iterations of CG."""
    cg_reason: str
    """Why CG ended, see `osculate.linalg.cg`."""
    products: int
    """Calls of the product."""
    losses: int
    """Calls of the loss."""
    checkpoints: int
    """Iterates of CG that were kept."""
    checkpoint: int
    """The iteration of the one that was taken."""
    negative_curvature: bool
    """Whether CG met it, damping included."""

    @property
    def message(self) -> str:
        """Cause, and the remedy where there is something to mend."""
        return str(SENTENCES[self.reason])


def step_from_core(out: tuple[Any, ...], theta: NDArray[Any]) -> HessianFreeStep:
    """The step that the core tells of."""
    (point, next_damping, _, code, before, after, damping, ratio, predicted, length, scale, iterations,
     cg_exit, products, losses, checkpoints, checkpoint, negative) = out  # fmt: skip
    accepted = code == ACCEPTED
    return HessianFreeStep(
        theta=point if accepted else theta,
        accepted=accepted,
        reason=REASONS[code],
        loss_before=before,
        loss_after=after,
        damping=damping,
        next_damping=next_damping,
        ratio=ratio,
        predicted_reduction=predicted,
        step_norm=length,
        scale=scale,
        cg_iterations=iterations,
        cg_reason=CG_REASONS[cg_exit],
        products=products,
        losses=losses,
        checkpoints=checkpoints,
        checkpoint=checkpoint,
        negative_curvature=negative,
    )


def step_options(who: str, given: Mapping[str, Any], shown: str = "{}") -> dict[str, Any]:
    """The options by the core's names; `shown` is how messages write an option's name."""
    chosen = DEFAULTS | {name: value for name, value in given.items() if name in DEFAULTS}
    shares = {}
    for name in ("decay", "preconditioner_exponent"):
        shares[name] = arg.real(who, shown.format(name), chosen[name])
        if not 0 <= shares[name] <= 1:
            raise ValueError(f"{who}: {shown.format(name)} must be between 0 and 1, got {chosen[name]!r}")
    ratio = arg.finite(who, shown.format("checkpoint_ratio"), chosen["checkpoint_ratio"])
    if not ratio > 1:
        name = shown.format("checkpoint_ratio")
        raise ValueError(f"{who}: {name} must be greater than 1, got {chosen['checkpoint_ratio']!r}")
    damping = given.get("damping")
    return {
        "damping": 0.0 if damping is None else arg.positive(who, shown.format("damping"), damping),
        "least_damping": arg.at_least_zero(who, shown.format("min_damping"), chosen["min_damping"]),
        "decay": shares["decay"],
        "progress_tolerance": arg.at_least_zero(
            who, shown.format("progress_tolerance"), chosen["progress_tolerance"]
        ),
        "exponent": shares["preconditioner_exponent"],
        "checkpoint_ratio": ratio,
        "max_cg_iterations": arg.count(who, shown.format("max_cg_iterations"), chosen["max_cg_iterations"])
        or DEFAULTS["max_cg_iterations"],
    }


def gradient_vector(who: str, gradient: Any, n: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    """The gradient in theta's dtype; NaN is the core's to judge."""
    try:
        vector = np.asarray(arg.numbers(gradient))
    except (TypeError, ValueError) as error:
        raise TypeError(f"{who}: gradient must be an array of numbers, got {arg.shown(gradient)}") from error
    if vector.shape != (n,):
        raise ValueError(f"{who}: gradient must have shape ({n},), as theta has, got shape {vector.shape}")
    with np.errstate(over="ignore"):
        return np.ascontiguousarray(vector, dtype=dtype)


def preconditioner_of(who: str, value: Any, n: int, dtype: np.dtype[Any]) -> Any:
    """None, a diagonal, or a function r -> M^-1 r."""
    if value is None:
        return None
    if is_array(value) and np.ndim(value) == 1:
        diagonal = np.ascontiguousarray(real_vector(who, "preconditioner", value, n), dtype=dtype)
        if not (diagonal >= 0).all():
            where = int(np.flatnonzero(~(diagonal >= 0))[0])
            got = f"preconditioner[{where}] = {diagonal[where]}"
            raise ValueError(f"{who}: preconditioner must be at least 0, got {got}")
        return diagonal
    if is_array(value) or not callable(value):
        raise TypeError(
            f"{who}: preconditioner must be a diagonal, shape ({n},), or a function, got {arg.shown(value)}"
        )
    return value


def takes_theta(product: Callable[..., Any]) -> bool:
    """Whether a function needs two arguments, (theta, v)."""
    try:
        parameters = inspect.signature(product).parameters.values()
    except (TypeError, ValueError):  # a builtin without a signature
        return False
    places = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    needed = [p for p in parameters if p.kind in places and p.default is inspect.Parameter.empty]
    return len(needed) == 2
