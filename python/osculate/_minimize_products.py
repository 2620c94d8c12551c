"""The methods of `minimize` that need products H v only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from . import _arguments as arg
from . import _core, _threads
from ._hessian_free_step import step_options
from ._minimize_arguments import certifying_products
from ._operators import SMALL, is_array, real_vector

SUBPROBLEMS = {"steihaug": 0, "lanczos": 1}
MADE = {  # preconditioners that are made on the way, and of how many products or directions
    "diagonal": ("probes", 20),  # a standard error of a quarter of what is beside the diagonal
    "lbfgs": ("pairs", 8),
}


def in_its_precision(x0: Any, start: Any) -> Any:
    """The start in float32 where it was given so, else as it is."""
    return start.astype(np.float32) if getattr(x0, "dtype", None) in SMALL else start


def solve_newton_cg(called: dict[str, Any], options: Mapping[str, Any], observe: Any) -> tuple[Any, ...]:
    """What the core's Newton-CG gives; `called` are the arguments that all methods of products share."""
    who, start = called["caller"], called["x0"]
    subproblem = options.get("subproblem", "steihaug")
    return _core.newton_cg(
        called,
        {
            "initial_radius": arg.positive(
                who, "options['initial_radius']", options.get("initial_radius", 1.0)
            ),
            "max_cg_iterations": arg.count(
                who, "options['max_cg_iterations']", options.get("max_cg_iterations")
            ),
            "certifying_products": certifying_products(who, options),
            "threads": _threads.resolve(options.get("threads"), f"{who}: "),
            "lanczos": bool(arg.choice(who, "options['subproblem']", subproblem, SUBPROBLEMS)),
            "preconditioner": _preconditioner(who, options.get("preconditioner"), start.size),
        },
        observe,
    )


def solve_hessian_free(called: dict[str, Any], options: Mapping[str, Any], observe: Any) -> tuple[Any, ...]:
    """What the core's Hessian-free minimization gives."""
    who = called["caller"]
    step = step_options(who, options, "options[{!r}]")
    step["threads"] = _threads.resolve(options.get("threads"), f"{who}: ")
    return _core.hessian_free(called, certifying_products(who, options), step, observe)


def _preconditioner(who: str, value: Any, n: int) -> Any:
    """None, the diagonal of M, a function of x and r, or of what it is made and of how many of these."""
    name = "options['preconditioner']"
    if value is None or (callable(value) and not is_array(value)):
        return value
    if isinstance(value, str):
        arg.choice(who, name, value, dict.fromkeys(MADE, 0))
        return MADE[value]
    diagonal = real_vector(who, name, value, n).astype(np.float64)
    if not (diagonal > 0).all():
        where = int(np.flatnonzero(~(diagonal > 0))[0])
        raise ValueError(f"{who}: {name} must be positive, got element {where} = {diagonal[where]}")
    return diagonal
