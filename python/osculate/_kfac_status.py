"""What `KFAC` reports: how its layers are, and the step of the quadratic model."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from ._kfac_factors import LayerState
from ._result import Fields, Status


@dataclass(frozen=True, repr=False, eq=False)
class KFACStatus(Fields):
    """How the layers of a `KFAC` are. Also a read-only mapping of its fields."""

    success: bool
    """Whether all layers are good."""
    outcomes: dict[str, Status]
    """Of each layer: `Status.gradient`, good; `nonfinite`, NaN or infinity in what it was given or in a
    factor; `singular`, a factor is not positive definite; `not_run`, it was never updated."""
    messages: dict[str, str]
    """Cause and consequence, of the layers that are not good."""

    @property
    def failed(self) -> list[str]:
        """Names of the layers that are not good."""
        return list(self.messages)

    @property
    def message(self) -> str:
        """All messages, each with the name of its layer."""
        return "; ".join(f"layer {name!r}: {text}" for name, text in self.messages.items()) or "all good"


def status_of(states: Iterable[LayerState], *, inverses: bool = True) -> KFACStatus:
    """The report on some layers, on their last updates alone where `inverses` is False."""
    outcomes, messages = {}, {}
    for state in states:
        outcome, text = Status.gradient, ""
        if state.update_outcome is Status.nonfinite:
            outcome, text = state.update_outcome, state.update_message
        elif state.updates == 0:
            outcome, text = Status.not_run, "it was never updated"
        if inverses and not state.inverse_outcome.success and outcome is not Status.nonfinite:
            outcome, text = state.inverse_outcome, state.inverse_message
        outcomes[state.name] = outcome
        if not outcome.success:
            messages[state.name] = text
    return KFACStatus(success=not messages, outcomes=outcomes, messages=messages)


@dataclass(frozen=True, repr=False, eq=False)
class QuadraticStep(Fields):
    """The minimum of the quadratic model over a direction and the step before.

    Also a read-only mapping of its fields.
    """

    learning_rate: float
    """What to multiply the direction by; 0 where the outcome is a failure."""
    momentum: float
    """What to multiply the step before by; 0 without one, or where it is parallel to the direction."""
    predicted_reduction: float
    """Of the loss by the quadratic, damping included; at least 0."""
    outcome: Status
    """`Status.gradient`, a minimum; `singular`, no positive curvature; `nonfinite`, NaN or infinity."""

    @property
    def success(self) -> bool:
        """Whether there is a minimum."""
        return self.outcome.success

    @property
    def message(self) -> str:
        """Cause, and the remedy where there is something to mend."""
        return {
            Status.gradient: "the quadratic model has a minimum",
            Status.singular: "the curvature along the directions is not positive; more damping makes it so",
        }.get(self.outcome, "gradients, directions or curvatures have NaN or infinity")
