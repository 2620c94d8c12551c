"""The methods of `minimize` that need products H v only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from . import _arguments as arg
from . import _core, _threads
from ._hessian_free_step import step_options
from ._minimize_arguments import certifying_products

Core = Callable[..., tuple[Any, ...]]
NEWTON_CG: Core = _core.newton_cg
HESSIAN_FREE: Core = _core.hessian_free


def solve_newton_cg(called: tuple[Any, ...], options: Mapping[str, Any], observe: Any) -> tuple[Any, ...]:
    """What the core's Newton-CG gives; `called` are the arguments that all methods of products share."""
    who = called[0]
    return NEWTON_CG(
        *called,
        arg.positive(who, "options['initial_radius']", options.get("initial_radius", 1.0)),
        arg.count(who, "options['max_cg_iterations']", options.get("max_cg_iterations")),
        certifying_products(who, options),
        _threads.resolve(options.get("threads"), f"{who}: "),
        observe,
    )


def solve_hessian_free(called: tuple[Any, ...], options: Mapping[str, Any], observe: Any) -> tuple[Any, ...]:
    """What the core's Hessian-free minimization gives."""
    who = called[0]
    step = step_options(who, options, "options[{!r}]")
    step["threads"] = _threads.resolve(options.get("threads"), f"{who}: ")
    return HESSIAN_FREE(*called, certifying_products(who, options), step, observe)
