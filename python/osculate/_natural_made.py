"""One natural-gradient step, and the state after it.

d_k = (F + lambda I)^-1 (g + lambda mu d_{k-1}) is SPRING (Goldshlager, Abrahamsen & Lin 2024,
doi:10.1016/j.jcp.2024.113351) in the form of gradients: for F = S'S/N and g = S'e/N it minimizes
|S d - e|^2 / N + lambda |d - mu d_{k-1}|^2.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._natural_control import Line, Trial, walk
from ._natural_given import Given
from ._natural_metric import MatrixMetric, Metric, ProductMetric, matrix_of
from ._natural_state import NaturalState
from ._natural_step_result import NaturalGradientStep, StepOptions, untaken
from ._result import Status

Array = NDArray[Any]
Made = tuple[NaturalGradientStep, NaturalState]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a call of `step` asks for beside F and the gradient."""

    learning_rate: float
    damping: float
    loss: Callable[[Array], float] | None
    value: float | None


def make_step(theta: Array, given: Given, wanted: Wanted, options: StepOptions, before: NaturalState) -> Made:
    """The step from theta and the state after it."""
    g, lam = given.gradient, wanted.damping
    metric, state = given.metric, before.next()
    if not np.isfinite(g).all():
        return untaken("nonfinite", theta, metric.form, lam, state.kl_radius), state
    if options.decay > 0:
        metric, state = _averaged(metric, state, options)

    def stay(reason: str, **more: Any) -> Made:
        return untaken(reason, theta, metric.form, lam, state.kl_radius, **more), state

    right = g
    if before.direction is not None and options.momentum > 0:
        right = g + theta.dtype.type(lam * options.momentum) * before.direction.astype(
            theta.dtype, copy=False
        )
    if not right.any():
        return stay("stationary")
    found = metric.solve(right, lam)
    products = found.products
    if found.status is Status.gradient and wanted.loss is not None and not dot(g, found.d) > 0:
        if not g.any():
            return stay("stationary", products=products)
        if right is g:
            return stay("singular", products=products)
        right, found = g, metric.solve(g, lam)  # the momentum leads uphill
        products += found.products
    if found.status is not Status.gradient:
        reason = "nonfinite" if found.status is Status.nonfinite else "singular"
        return stay(reason, products=products)
    start, calls = math.nan, 0
    if wanted.loss is not None:
        calls = int(wanted.value is None)
        start = wanted.loss(theta) if wanted.value is None else wanted.value
        if not math.isfinite(start):
            return stay("nonfinite", products=products, losses=calls, loss_before=start)
    line = Line(theta, start, found.d, dot(g, found.d), found.curvature(right, lam))
    length = math.sqrt(dot(found.d, found.d))
    scale = line.within_kl(wanted.learning_rate, options.kl_clip)
    if scale * length > math.sqrt(options.norm_constraint):
        scale = math.sqrt(options.norm_constraint) / length
    trial = walk(options.step, wanted.loss, line, scale, state.kl_radius)
    state = state.after(found.d, trial.radius)
    losses, finite = calls + trial.losses, bool(np.isfinite(trial.x).all())
    if trial.accepted and finite:
        return _taken(trial, line, metric.form, lam, length, losses, products), state
    return stay(
        "rejected" if trial.finite and finite else "nonfinite",
        direction=found.d.copy(),
        predicted_reduction=trial.predicted,
        ratio=trial.ratio,
        loss_before=start,
        loss_after=start,
        losses=losses,
        products=products,
    )


def _averaged(metric: Metric, state: NaturalState, options: StepOptions) -> tuple[Metric, NaturalState]:
    """The running average of F in its place; one that is not finite is used but not kept."""
    assert not isinstance(metric, ProductMetric)
    decay = min(1 - 1 / (state.averaged + 1), options.decay)
    average = matrix_of(metric, state.fisher, decay)
    if np.isfinite(average).all():
        state = state.averaging(average)
    return MatrixMetric(average, options.threads), state


def dot(a: Array, b: Array) -> float:
    """a'b in float64."""
    return float(a.astype(np.float64, copy=False) @ b.astype(np.float64, copy=False))


def _taken(
    trial: Trial, line: Line, form: str, damping: float, length: float, losses: int, products: int
) -> NaturalGradientStep:
    return NaturalGradientStep(
        theta=trial.x,
        accepted=True,
        reason="accepted",
        form=form,
        direction=line.d.copy(),
        scale=trial.scale,
        step_norm=trial.scale * length,
        kl=line.kl(trial.scale),
        kl_radius=trial.radius,
        damping=damping,
        predicted_reduction=trial.predicted,
        ratio=trial.ratio,
        loss_before=line.value,
        loss_after=trial.value,
        losses=losses,
        products=products,
    )
