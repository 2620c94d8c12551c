"""`natural_gradient` on the core's loop: what it is given, and what it found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import _core
from ._natural_control import KINDS
from ._natural_problem import Problem
from ._result import FloatArray, Status


@dataclass(frozen=True, slots=True)
class LoopOptions:
    """What ends and what controls the loop; 0 is no such test, and no such limit."""

    step: str
    learning_rate: float
    kl_radius: float
    kl_clip: float
    ftol: float
    xtol: float
    gtol: float
    max_iterations: int
    max_evaluations: int


@dataclass(frozen=True, slots=True)
class Reached:
    """The best accepted point, and how it was reached."""

    x: FloatArray
    value: float
    gradient: FloatArray
    optimality: float
    status: Status
    iterations: int
    evaluations: int
    trace: np.ndarray[Any, Any]
    products: int


def run(
    problem: Problem, x: FloatArray, options: LoopOptions, observe: Callable[..., bool] | None
) -> Reached:
    """From x to where a test ends the loop."""
    products = 0

    def direction(x: FloatArray, gradient: FloatArray) -> tuple[FloatArray, int]:
        nonlocal products
        found = problem.metric(x).solve(gradient, problem.damping)
        products += found.products
        return np.ascontiguousarray(found.d, dtype=np.float64), int(found.status)

    given = {
        "step": KINDS.index(options.step),
        "damping": problem.damping,
        "learning_rate": options.learning_rate,
        "kl_radius": options.kl_radius,
        "kl_clip": options.kl_clip,
        "ftol": options.ftol,
        "xtol": options.xtol,
        "gtol": options.gtol,
        "max_iterations": options.max_iterations,
        "max_evaluations": options.max_evaluations,
    }
    *found, trace = _core.natural_gradient(problem.value, problem.gradient, direction, x, given, observe)
    at, value, gradient, optimality, status, iterations, evaluations = found
    return Reached(at, value, gradient, optimality, Status(status), iterations, evaluations, trace, products)
