"""SciPy's callback during `minimize`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ._arguments import wants_intermediate_result
from ._result import Fields, FloatArray


@dataclass(frozen=True, repr=False, eq=False)
class IntermediateResult(Fields):
    """The state after an iteration, as `callback(intermediate_result)` receives it."""

    x: FloatArray
    fun: float
    jac: FloatArray
    optimality: float
    nit: int
    nfev: int


class MinimizeObserver:
    """Called by the core at the start and after every iteration; False stops the solve."""

    def __init__(self, callback: Callable[..., Any]) -> None:
        self.callback, self.by_keyword = callback, wants_intermediate_result(callback)

    def __call__(
        self,
        iteration: int,
        value: float,
        optimality: float,
        step: float,
        evaluations: int,
        x: FloatArray,
        gradient: FloatArray,
    ) -> bool:
        if iteration == 0:
            return True
        try:
            if self.by_keyword:
                self.callback(
                    intermediate_result=IntermediateResult(
                        x=x, fun=value, jac=gradient, optimality=optimality, nit=iteration, nfev=evaluations
                    )
                )
            else:
                self.callback(x)
        except StopIteration:
            return False
        return True
