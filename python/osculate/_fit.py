"""`fit`: one model, many data sets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from . import _arguments as arg
from . import _core, _threads
from ._batch_call import LOSSES, Call, Options
from ._batch_data import WHO, read_bounds, read_data, read_fixed
from ._batch_result import FitResult
from ._batch_starts import read_starts
from ._model import Model
from ._trace import Trace, trace


def fit(
    model: Model | Callable[..., Any] | str,
    x: Any,
    y: Any,
    p0: Any = None,
    *,
    sigma: Any = None,
    absolute_sigma: bool = False,
    mask: Any = None,
    nan_policy: Literal["omit", "raise"] = "omit",
    bounds: Any = None,
    fixed: Any = None,
    loss: str = "linear",
    f_scale: float = 1.0,
    max_iterations: int | None = None,
    ftol: float | Literal["default"] | None = "default",
    xtol: float | Literal["default"] | None = "default",
    gtol: float | Literal["default"] | None = "default",
    covariance: bool | Literal["model"] = True,
    dtype: Any = None,
    threads: int | None = None,
    progress: bool | Callable[[int, int], object] | None = None,
    callback: Callable[[int, int], object] | None = None,
    rescue: int = 0,
    seed: int = 0,
    on_interrupt: Literal["raise", "return"] = "raise",
) -> FitResult:
    who = WHO
    description = model if isinstance(model, Model) else Model(model)
    data = read_data(x, y, sigma, mask, nan_policy, description.coordinates_given)
    names = parameter_names(description, p0)
    shape = data.shape
    box = read_bounds(bounds, names, shape)
    active = read_fixed(fixed, names)
    argument = data.first_argument()
    traced, why_not = traced_model(description, argument, names, data.own_x)
    starts = read_starts(p0, description, names, shape, description.linear_parameters, box)
    if traced is not None:
        why_not = traced.verify(description.f, argument, starts.first(data, names))
        traced = traced if why_not is None else None
    single = _precision(dtype, data.y.dtype)
    defaults = _core.default_tolerances(single)
    chosen = [
        default if value == "default" else arg.tolerance(who, name, value)
        for name, value, default in zip(("ftol", "xtol", "gtol"), (ftol, xtol, gtol), defaults, strict=True)
    ]
    arg.choice(who, "loss", loss, LOSSES)
    options = Options(
        loss=loss,
        f_scale=arg.positive(who, "f_scale", f_scale),
        max_iterations=arg.count(who, "max_iterations", max_iterations),
        ftol=chosen[0],
        xtol=chosen[1],
        gtol=chosen[2],
        covariance=covariance,
        absolute_sigma=bool(absolute_sigma),
        dtype=np.float32 if single else np.float64,
        threads=_threads.resolve(threads, "fit: "),
        rescue=int(rescue),
        seed=int(seed),
        on_interrupt=on_interrupt,
    )
    call = Call(description, data, names, active, box, starts, options, traced, why_not)
    return call.run()


def parameter_names(model: Model, p0: Any) -> tuple[str, ...]:
    """The model's names, or as many as p0 has where the function takes any number."""
    names = model.parameters_given
    if names is not None:
        return names
    if isinstance(p0, dict):
        return tuple(str(name) for name in p0)
    if p0 is None or np.ndim(p0) == 0:
        raise ValueError(f"{WHO}: p0 is needed to tell how many parameters a function of *params has")
    return tuple(f"p{k}" for k in range(np.shape(p0)[-1]))


def traced_model(
    model: Model, x: Any, names: tuple[str, ...], own_x: bool
) -> tuple[Trace | None, str | None]:
    """The model's graph, or why there is none."""
    outcome = trace(model, x, len(names), names)
    if not isinstance(outcome, Trace):
        return None, outcome.why_not
    if outcome.bound and own_x:
        return None, "the function takes values of x, and fits have their own"
    return outcome, None


def _precision(dtype: Any, given: np.dtype[Any]) -> bool:
    """Whether to compute in float32."""
    if dtype is None:
        return given == np.float32
    try:
        wanted = np.dtype(dtype)
    except TypeError as error:
        raise TypeError(f"{WHO}: dtype must be float32 or float64, got {arg.shown(dtype)}") from error
    if wanted not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise ValueError(f"{WHO}: dtype must be float32 or float64, got {wanted}")
    return bool(wanted == np.float32)
