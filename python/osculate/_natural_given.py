"""What a step of `NaturalGradient` is given: the Fisher matrix in one of its forms, and the gradient."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _arguments as arg
from ._families import shares
from ._family_kinds import family_of
from ._hessian_free_step import takes_theta
from ._natural_metric import MatrixMetric, Metric, ProductMetric, ScoresMetric, family_metric, real_array
from ._natural_step_result import StepOptions

Array = NDArray[Any]
MODEL = ("outputs", "jacobian", "family")
FORMS = ("fisher", "scores", "product")
NO_FISHER = (
    "a loss without a probabilistic model has no Fisher matrix: minimize it by osculate.minimize or "
    "osculate.HessianFree"
)


@dataclass(frozen=True, slots=True)
class Given:
    """The Fisher matrix and the gradient of a step, in the dtype of theta."""

    metric: Metric
    gradient: Array


def one_form(who: str, forms: dict[str, Any], model: dict[str, Any]) -> str:
    """The name of the one form of F that was given; "model" for outputs, Jacobian and family."""
    found = [name for name, value in forms.items() if value is not None]
    parts = [name for name, value in model.items() if value is not None]
    choices = f"{', '.join(forms)}, or {', '.join(model)} together"
    if not found and not parts:
        raise ValueError(f"{who}: give one of {choices}; {NO_FISHER}")
    if parts and len(parts) < len(model):
        missing = ", ".join(name for name in model if name not in parts)
        raise ValueError(f"{who}: {', '.join(parts)} needs {missing} too")
    if len(found) + bool(parts) > 1:
        raise ValueError(f"{who}: give only one of {choices}, got {', '.join(found + parts)}")
    return found[0] if found else "model"


def read(who: str, theta: Array, gradient: Any, given: dict[str, Any], options: StepOptions) -> Given:
    """The metric and the gradient, checked; `fisher` is called where it is a function."""
    n, dtype = theta.size, theta.dtype
    form = one_form(who, {name: given[name] for name in FORMS}, {name: given[name] for name in MODEL})
    targets, weights = given["targets"], given["weights"]
    if form != "model":
        for name, value in (("targets", targets), ("weights", weights)):
            if value is not None:
                raise ValueError(f"{who}: {name} is for outputs, jacobian and family, got {form}")
    elif (targets is None) == (gradient is None):
        got = "neither" if targets is None else "both"
        raise ValueError(f"{who}: give either gradient or targets, which give the family's, got {got}")
    if form == "product" and options.decay > 0:
        raise ValueError(f"{who}: decay averages matrices, which products have not; use decay=0 with product")
    for name in ("centered", "mixed_precision"):
        if form != "scores" and getattr(options, name):
            raise ValueError(f"{who}: {name} is for scores, got {form}")
    if options.mixed_precision and dtype == np.float32:
        raise ValueError(f"{who}: mixed_precision is for float64, got theta of float32")
    if options.mixed_precision and options.decay > 0:
        raise ValueError(f"{who}: mixed_precision is for the Gram matrix of one step; use decay=0 with it")
    if form != "model" and gradient is None:
        raise ValueError(f"{who}: gradient must be given with {form}")
    slope = None if gradient is None else real_array(who, "gradient", gradient, (n,), dtype)
    if form == "scores":
        scores = real_array(who, "scores", given["scores"], (None, n), dtype)
        assert slope is not None
        return Given(ScoresMetric(scores, options.centered, options.mixed_precision, options.threads), slope)
    if form == "model":
        return _of_model(who, theta, slope, given, options)
    assert slope is not None
    if form == "fisher":
        fisher = given["fisher"]
        name = "fisher" if not callable(fisher) else "what fisher returns"
        matrix = real_array(
            who, name, fisher(read_only(theta)) if callable(fisher) else fisher, (n, n), dtype
        )
        return Given(MatrixMetric(matrix, options.threads), slope)
    product = given["product"]
    if not callable(product):
        raise TypeError(f"{who}: product must be callable, got {arg.shown(product)}")
    times = checked_product(who, "what product returns", product, theta)
    return Given(ProductMetric(times, options.cg_rtol, options.max_cg_iterations, options.threads), slope)


def checked_product(
    who: str, name: str, product: Callable[..., Any], theta: Array
) -> Callable[[Array], Array]:
    """v -> F v of a function of v or of (theta, v), with its shape checked."""
    with_theta, theta = takes_theta(product), read_only(theta)

    def times(v: Array) -> Array:
        out = product(theta, v) if with_theta else product(v)
        return real_array(who, name, out, (theta.size,), theta.dtype)

    return times


def read_only(x: Array) -> Array:
    """A view of x that a callback cannot write to."""
    view = x.view()
    view.flags.writeable = False
    return view


def _of_model(
    who: str, theta: Array, slope: Array | None, given: dict[str, Any], options: StepOptions
) -> Given:
    family = family_of(who, given["family"])
    z = family.outputs(who, given["outputs"]).astype(theta.dtype, copy=False)
    jacobian = family.jacobian(who, given["jacobian"], z, p=theta.size)
    share = shares(who, given["weights"], z)
    if slope is None:
        by_outputs = family._gradient(z, family.targets(who, given["targets"], z), share)
        slope = by_outputs.ravel() @ jacobian.reshape(-1, theta.size)
    return Given(family_metric(family, z, jacobian, share, options.threads), slope)
