"""What watches an iteration: SciPy's callback, and the printing that `verbose` asks for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ._arguments import wants_intermediate_result
from ._result import Fields, FloatArray, LeastSquaresResult


@dataclass(frozen=True, repr=False, eq=False)
class IntermediateResult(Fields):
    """The state after an iteration, as `callback(intermediate_result)` receives it."""

    x: FloatArray
    fun: FloatArray
    jac: Any
    grad: FloatArray
    cost: float
    optimality: float
    nit: int
    nfev: int


class Observer:
    """Called by the core at the start and after every iteration; False stops the solve."""

    def __init__(self, callback: Callable[..., Any] | None, verbose: int) -> None:
        self.callback, self.verbose = callback, verbose
        self.by_keyword = callback is not None and wants_intermediate_result(callback)
        if verbose == 2:
            print(f"{'iteration':>9}  {'evaluations':>11}  {'cost':>12}  {'step':>10}  {'optimality':>10}")

    def __call__(
        self,
        iteration: int,
        cost: float,
        optimality: float,
        step: float,
        evaluations: int,
        x: FloatArray,
        residual: FloatArray,
        jacobian: Any,
        gradient: FloatArray,
    ) -> bool:
        if self.verbose == 2:
            print(f"{iteration:>9}  {evaluations:>11}  {cost:>12.6e}  {step:>10.3e}  {optimality:>10.3e}")
        if self.callback is None or iteration == 0:
            return True
        try:
            if self.by_keyword:
                self.callback(
                    intermediate_result=IntermediateResult(
                        x=x,
                        fun=residual,
                        jac=jacobian,
                        grad=gradient,
                        cost=cost,
                        optimality=optimality,
                        nit=iteration,
                        nfev=evaluations,
                    )
                )
            else:
                self.callback(x)
        except StopIteration:
            return False
        return True

    def end(self, result: LeastSquaresResult) -> None:
        """Prints the closing line."""
        if self.verbose:
            print(
                f"{result.message} {result.nfev} evaluations, {result.njev} Jacobians, "
                f"cost {result.cost:.6e}, optimality {result.optimality:.2e}."
            )
