"""The loop of `natural_gradient`: linearize, solve, walk, stop, by the tests of the core's stop.hpp."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ._natural_control import Line, Trial, walk
from ._natural_problem import Problem
from ._result import FloatArray, Status

TRACE = np.dtype(
    [
        ("cost", np.float64),
        ("optimality", np.float64),
        ("step", np.float64),
        ("radius", np.float64),
        ("damping", np.float64),
        ("ratio", np.float64),
        ("evaluations", np.int64),
    ]
)


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


@dataclass(slots=True)
class Reached:
    """The best accepted point, and how it was reached."""

    x: FloatArray
    value: float
    gradient: FloatArray
    optimality: float
    iterations: int = 0
    evaluations: int = 1
    products: int = 0
    status: Status = Status.not_run
    rows: list[tuple[float, ...]] = field(default_factory=list)

    def note(self, step: float, radius: float, damping: float, ratio: float) -> None:
        """A row of the trace."""
        self.rows.append((self.value, self.optimality, step, radius, damping, ratio, self.evaluations))


def run(
    problem: Problem, x: FloatArray, options: LoopOptions, observe: Callable[..., bool] | None
) -> Reached:
    """From x to where a test ends the loop."""
    value = problem.value(x)
    gradient = problem.gradient(x)
    at = Reached(x, value, gradient, _largest(gradient))
    at.note(0.0, options.kl_radius, problem.damping, 0.0)
    radius = options.kl_radius
    while True:
        at.status = _at_point(at, options)
        if at.status is not Status.not_run:
            return at
        found = problem.metric(at.x).solve(at.gradient, problem.damping)
        at.products += found.products
        if found.status is not Status.gradient:
            at.status = found.status
            return at
        slope = float(at.gradient @ found.d)
        if not slope > 0:
            at.status = Status.singular
            return at
        line = Line(at.x, at.value, found.d, slope, found.curvature(at.gradient, problem.damping))
        scale = line.within_kl(options.learning_rate, options.kl_clip)
        trial = walk(options.step, problem.value, line, scale, radius)
        at.evaluations += trial.losses
        used, radius = radius, trial.radius
        if not trial.accepted:
            at.status = _given_up(trial, line, options)
            return at
        before = at.optimality
        _move(at, problem, trial)
        length = trial.scale * float(np.linalg.norm(found.d))
        at.note(length, used, problem.damping, trial.ratio)
        go_on = observe is None or _observed(observe, at, length)
        point = _at_point(at, options)
        if point in (Status.not_run, Status.max_iterations):
            at.status = _after(at, trial, line, length, before, options)
            if at.status is not Status.not_run:
                return at
        if not go_on:
            at.status = point if point.success else Status.user_stop
            return at


def _at_point(at: Reached, options: LoopOptions) -> Status:
    if not (math.isfinite(at.value) and math.isfinite(at.optimality)):
        return Status.nonfinite
    if (options.gtol > 0 and at.optimality <= options.gtol) or at.optimality == 0:
        return Status.gradient
    limit = options.max_evaluations or 100 * at.x.size
    if at.evaluations >= limit or (options.max_iterations > 0 and at.iterations >= options.max_iterations):
        return Status.max_iterations
    return Status.not_run


def _move(at: Reached, problem: Problem, trial: Trial) -> None:
    at.x, at.value = trial.x, trial.value
    at.gradient = problem.gradient(at.x)
    at.optimality = _largest(at.gradient)
    at.iterations += 1


def _after(
    at: Reached, trial: Trial, line: Line, length: float, before: float, options: LoopOptions
) -> Status:
    """Tests after an accepted step."""
    small = options.ftol * abs(line.value)
    if options.ftol > 0 and abs(trial.actual) <= small and trial.predicted <= small and trial.ratio <= 2:
        return Status.cost
    if options.xtol > 0 and length <= options.xtol * float(np.linalg.norm(at.x)):
        return Status.step
    hidden = trial.predicted <= line.slack and abs(trial.actual) <= line.slack
    # A whole step leaves nothing of the gradient, one of scale s the part 1 - s: half the promise is enough.
    stalled = at.optimality > (1 - min(trial.scale, 1.0) / 2) * before
    if hidden and stalled and options.step != "fixed":
        return Status.no_progress if trial.losses > 1 else Status.cost
    return Status.not_run


def _given_up(trial: Trial, line: Line, options: LoopOptions) -> Status:
    """Where no step reduces the loss."""
    if not trial.finite:
        return Status.nonfinite
    # What the whole step promises is within ftol, or within what the loss can resolve: the best there is.
    enough = max(options.ftol * abs(line.value), line.slack)
    return Status.cost if line.predicted(min(options.learning_rate, 1.0)) <= enough else Status.no_progress


def _observed(observe: Callable[..., bool], at: Reached, length: float) -> bool:
    arguments: tuple[Any, ...] = (at.iterations, at.value, at.optimality, length, at.evaluations)
    return observe(*arguments, at.x.copy(), at.gradient.copy())


def _largest(gradient: FloatArray) -> float:
    """The largest element; NaN where one is not finite."""
    return float(np.abs(gradient).max()) if np.isfinite(gradient).all() else math.nan
