"""What `NaturalGradient` keeps from step to step, and its form for saving."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _arguments as arg
from ._operators import SMALL, real_vector
from ._saved_state import checked_state, saved_count

VERSION = 1
KEYS = ("version", "steps", "direction", "fisher", "averaged", "kl_radius")
Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class NaturalState:
    """Never changed in place, so that a step that raises leaves the one before."""

    steps: int = 0
    direction: Array | None = None
    """The last d, without its scale."""
    fisher: Array | None = None
    """The running average of F."""
    averaged: int = 0
    """Matrices in that average."""
    kl_radius: float = math.inf

    @property
    def size(self) -> int | None:
        """The number of parameters, where it is known."""
        for array in (self.direction, self.fisher):
            if array is not None:
                return int(array.shape[0])
        return None

    def next(self) -> NaturalState:
        """After one more step."""
        return replace(self, steps=self.steps + 1)

    def averaging(self, fisher: Array) -> NaturalState:
        """With a new average."""
        return replace(self, fisher=fisher, averaged=self.averaged + 1)

    def after(self, direction: Array, kl_radius: float) -> NaturalState:
        """With what a direction and a walk along it left."""
        return replace(self, direction=direction, kl_radius=kl_radius)


def state_of(state: NaturalState) -> dict[str, Any]:
    """Numbers, and arrays of their own."""
    copies = {
        name: None if array is None else array.copy()
        for name, array in (("direction", state.direction), ("fisher", state.fisher))
    }
    radius = None if math.isinf(state.kl_radius) else state.kl_radius
    return {
        "version": VERSION,
        "steps": state.steps,
        "averaged": state.averaged,
        "kl_radius": radius,
    } | copies


def state_from(who: str, state: Any) -> NaturalState:
    """The state that `state_of` wrote, checked."""
    state = checked_state(who, state, KEYS, VERSION)
    counts = {name: saved_count(who, state, name) for name in ("steps", "averaged")}
    direction, fisher = state["direction"], state["fisher"]
    if direction is not None:
        direction = _own(real_vector(who, "direction", direction))
    if fisher is not None:
        fisher = _matrix(who, fisher, None if direction is None else direction.size)
    if (fisher is None) != (counts["averaged"] == 0):
        raise ValueError(
            f"{who}: averaged must be 0 without fisher and positive with it, got {counts['averaged']}"
        )
    radius = state["kl_radius"]
    return NaturalState(
        direction=direction,
        fisher=fisher,
        kl_radius=math.inf if radius is None else arg.positive(who, "kl_radius", radius),
        **counts,
    )


def _own(array: Array) -> Array:
    return np.array(array, dtype=np.float32 if array.dtype in SMALL else np.float64, order="C")


def _matrix(who: str, value: Any, n: int | None) -> Array:
    try:
        given = np.asarray(arg.numbers(value))
    except (TypeError, ValueError) as error:
        raise TypeError(f"{who}: fisher must be an array of real numbers, got {arg.shown(value)}") from error
    if given.ndim != 2 or given.shape[0] != given.shape[1] or given.size == 0 or n not in (None, len(given)):
        expected = "(P, P)" if n is None else f"({n}, {n})"
        raise ValueError(f"{who}: fisher must have shape {expected}, got shape {given.shape}")
    if not np.isfinite(given).all():
        raise ValueError(f"{who}: fisher must be finite")
    return _own(given)
