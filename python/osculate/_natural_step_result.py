"""What a step of `NaturalGradient` returns, and what its options may be."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _arguments as arg
from . import _threads
from ._fisher import boolean
from ._natural_control import KINDS
from ._natural_metric import CG_RTOL
from ._result import Fields

SENTENCES = {
    "accepted": "The step was taken.",
    "stationary": "The gradient is zero.",
    "rejected": "No step along the direction reduces the loss; check the gradient, or raise the damping.",
    "nonfinite": "The gradient, the Fisher matrix, the loss or the new point is NaN or infinite.",
    "singular": "F + damping I is not positive definite; raise the damping.",
}


@dataclass(frozen=True, repr=False, eq=False)
class NaturalGradientStep(Fields):
    """A step of `NaturalGradient`. Also a read-only mapping of its fields."""

    theta: NDArray[Any]
    """Where the step leads, shape (P,): an array of its own; the one given where it was not taken."""
    accepted: bool
    """Whether the step was taken."""
    reason: str
    """How it ended: "accepted"; "stationary", the gradient is zero; "rejected", no step reduces the loss;
    "nonfinite"; "singular"."""
    form: str
    """What gave F: "matrix", "samples" (the N x N Gram matrix of scores), "parameters" (S'S of scores), or
    "products"."""
    direction: NDArray[Any]
    """d = (F + damping I)^-1 (g + damping * momentum * previous d), shape (P,); NaN where there is none."""
    scale: float
    """What d was multiplied by, at most the learning rate; 0 where the step was not taken."""
    step_norm: float
    """Length of the step."""
    kl: float
    """Divergence of the step to second order, s'Fs / 2, in nats a sample."""
    kl_radius: float
    """Radius of the trust region for the next step; inf without one."""
    damping: float
    """Lambda of the step."""
    predicted_reduction: float
    """Of the loss, by its quadratic model with F, without damping."""
    ratio: float
    """Actual over predicted reduction; NaN without a loss."""
    loss_before: float
    """The loss at the given theta; NaN without one."""
    loss_after: float
    """The loss at the theta of this step; NaN without one."""
    losses: int
    """Calls of the loss."""
    products: int
    """Calls of the product."""

    @property
    def message(self) -> str:
        """Cause, and the remedy where there is something to mend."""
        return SENTENCES[self.reason]


@dataclass(frozen=True, slots=True)
class StepOptions:
    """The options of `NaturalGradient`, checked."""

    learning_rate: float
    damping: float
    momentum: float
    decay: float
    kl_clip: float
    norm_constraint: float
    step: str
    kl_radius: float
    centered: bool
    mixed_precision: bool
    cg_rtol: float
    max_cg_iterations: int | None
    threads: int


def step_options(who: str, given: dict[str, Any]) -> StepOptions:
    """The options of the constructor's names."""
    arg.choice(who, "step", given["step"], dict.fromkeys(KINDS, 0))
    if given["kl_radius"] is not None and given["step"] != "trust_region":
        raise ValueError(f"{who}: kl_radius is for step 'trust_region', got step {given['step']!r}")
    return StepOptions(
        learning_rate=arg.positive(who, "learning_rate", given["learning_rate"]),
        damping=arg.at_least_zero(who, "damping", given["damping"]),
        momentum=share(who, "momentum", given["momentum"]),
        decay=share(who, "decay", given["decay"]),
        kl_clip=bound(who, "kl_clip", given["kl_clip"]),
        norm_constraint=bound(who, "norm_constraint", given["norm_constraint"]),
        step=given["step"],
        kl_radius=bound(who, "kl_radius", given["kl_radius"]),
        centered=boolean(who, "centered", given["centered"]),
        mixed_precision=boolean(who, "mixed_precision", given["mixed_precision"]),
        cg_rtol=cg_tolerance(who, given["cg_rtol"]),
        max_cg_iterations=arg.count(who, "max_cg_iterations", given["max_cg_iterations"]) or None,
        threads=_threads.resolve(given["threads"], f"{who}: "),
    )


def share(who: str, name: str, value: Any) -> float:
    """A number from 0 to below 1."""
    number = arg.real(who, name, value)
    if not 0 <= number < 1:
        raise ValueError(f"{who}: {name} must be at least 0 and less than 1, got {value!r}")
    return number


def bound(who: str, name: str, value: Any) -> float:
    """A positive number; inf for None."""
    return math.inf if value is None else arg.positive(who, name, value)


def cg_tolerance(who: str, value: Any) -> float:
    """The relative residual of conjugate gradients, CG_RTOL for None."""
    number = CG_RTOL if value is None else arg.positive(who, "cg_rtol", value)
    if not number < 1:
        raise ValueError(f"{who}: cg_rtol must be less than 1, got {value!r}")
    return number


def untaken(
    reason: str, theta: NDArray[Any], form: str, damping: float, radius: float, **more: Any
) -> NaturalGradientStep:
    """A step that stayed where it was."""
    nan = math.nan
    values: dict[str, Any] = {
        "direction": np.full_like(theta, nan),
        "predicted_reduction": 0.0,
        "ratio": nan,
        "loss_before": nan,
        "loss_after": nan,
        "losses": 0,
        "products": 0,
    }
    return NaturalGradientStep(
        theta=theta,
        accepted=False,
        reason=reason,
        form=form,
        scale=0.0,
        step_norm=0.0,
        kl=0.0,
        kl_radius=radius,
        damping=damping,
        **(values | more),
    )
