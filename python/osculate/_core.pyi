"""The compiled core. `_isa` registers the extension that fits this CPU under this name."""

from collections.abc import Callable
from typing import Any

from numpy.typing import NDArray

def sentence(status: int) -> str: ...
def default_tolerances(single: bool) -> tuple[float, float, float]: ...
def least_squares(
    caller: str,
    fun: Callable[..., Any],
    jac: object,
    source: int,
    x0: NDArray[Any],
    lower: NDArray[Any] | None,
    upper: NDArray[Any] | None,
    fixed: NDArray[Any] | None,
    ftol: float,
    xtol: float,
    gtol: float,
    max_evaluations: int,
    max_iterations: int,
    scale: NDArray[Any] | None,
    loss: int,
    f_scale: float,
    custom_loss: Callable[[NDArray[Any]], Any] | None,
    damping: int,
    linear_solver: int,
    initial_radius: float,
    geodesic_acceleration: bool,
    max_factor_bytes: float,
    lsmr_tolerance: float,
    lsmr_iterations: int,
    threads: int,
    relative_step: NDArray[Any] | None,
    sparsity: object,
    workers: Callable[..., Any] | None,
    observe: Callable[..., bool | None] | None,
) -> tuple[Any, ...]: ...
