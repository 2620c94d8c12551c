"""One call for every solver: the same callbacks, the same analytic derivatives, evaluations counted by us.

A solver's own counters are not compared, they count different things; the callbacks count.
`tolerance=None` runs a solver at its defaults, otherwise ftol = xtol = gtol = tolerance (for `lmfit` too,
which passes them to MINPACK).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from problem import Array, Problem

BUDGET = 3000  # residual evaluations; MINPACK's hardest solved run of NIST and MGH takes 1826


@dataclass(frozen=True)
class Outcome:
    """What a solver returns, in common terms."""

    x: Array
    success: bool
    message: str


@dataclass(frozen=True)
class Run:
    """One solver on one problem from one start."""

    solver: str
    problem: str
    start: str
    x: Array
    sum_of_squares: float
    success: bool
    message: str
    residuals: int
    jacobians: int
    seconds: float
    reached: int | None  # residual evaluations until `good(x)` first held


class Counter:
    """The callbacks of a problem, counting; `good(x)` tells when an evaluated point is accurate enough."""

    def __init__(self, problem: Problem, good: Callable[[Array], bool] | None = None) -> None:
        self._problem, self._good = problem, good
        self.residuals = self.jacobians = 0
        self.reached: int | None = None

    def residual(self, x: Array) -> Array:
        self.residuals += 1
        if self._good is not None and self.reached is None and self._good(x):
            self.reached = self.residuals
        return self._problem.residual(x)

    def jacobian(self, x: Array) -> Array:
        self.jacobians += 1
        return self._problem.jacobian(x)


Solver = Callable[..., Outcome]


def _tolerances(tolerance: float | None) -> dict[str, float]:
    return {} if tolerance is None else dict.fromkeys(("ftol", "xtol", "gtol"), tolerance)


def _osculate(**options: Any) -> Solver:
    def solve(fun: Any, jac: Any, x0: Array, bounds: tuple[Array, Array], tolerance: float | None) -> Outcome:
        import osculate

        settings = {**_tolerances(tolerance), "max_nfev": BUDGET, **options}
        result = osculate.least_squares(fun, x0, jac, bounds=bounds, **settings)
        return Outcome(result.x, result.success, result.message)

    return solve


def _scipy(method: str, **options: Any) -> Solver:
    def solve(fun: Any, jac: Any, x0: Array, bounds: tuple[Array, Array], tolerance: float | None) -> Outcome:
        from scipy.optimize import least_squares

        settings = {**_tolerances(tolerance), "max_nfev": BUDGET, **options}
        result = least_squares(fun, x0, jac, bounds=bounds, method=method, **settings)
        return Outcome(result.x, result.success, result.message)

    return solve


def _lmfit(fun: Any, jac: Any, x0: Array, bounds: tuple[Array, Array], tolerance: float | None) -> Outcome:
    from lmfit import Minimizer, Parameters

    names = [f"p{index}" for index in range(len(x0))]
    parameters = Parameters()
    for name, value, low, high in zip(names, x0, *bounds, strict=True):
        parameters.add(name, value=value, min=low, max=high)

    def values(current: Any) -> Array:
        return np.array([current[name].value for name in names])

    minimizer = Minimizer(lambda p: fun(values(p)), parameters, nan_policy="propagate", max_nfev=BUDGET)
    result = minimizer.leastsq(Dfun=lambda p: jac(values(p)), col_deriv=0, **_tolerances(tolerance))
    return Outcome(values(result.params), bool(result.success), str(result.message))


SOLVERS: dict[str, Solver] = {
    "osculate": _osculate(),
    "scipy lm": _scipy("lm"),
    "scipy trf": _scipy("trf"),
    "scipy trf, x_scale=jac": _scipy("trf", x_scale="jac"),
    "scipy dogbox": _scipy("dogbox"),
    "lmfit leastsq": _lmfit,
    "osculate nielsen": _osculate(damping="nielsen"),
    "osculate delayed gratification": _osculate(damping="delayed_gratification"),
    "osculate more, geodesic": _osculate(geodesic_acceleration=True),
}


def available(*names: str) -> list[str]:
    """Those of `names` that are installed."""
    return [name for name in names if not name.startswith("lmfit") or importlib.util.find_spec("lmfit")]


def run(
    solver: str,
    problem: Problem,
    start: str,
    tolerance: float | None = None,
    good: Callable[[Array], bool] | None = None,
) -> Run:
    """Solve `problem` from `start`; an exception is a failure with the exception as its message."""
    counter = Counter(problem, good)
    x0 = problem.starts[start].copy()
    began = perf_counter()
    with np.errstate(all="ignore"):
        try:
            outcome = SOLVERS[solver](counter.residual, counter.jacobian, x0, problem.bounds, tolerance)
        except Exception as error:
            outcome = Outcome(x0, False, f"{type(error).__name__}: {error}")
        seconds = perf_counter() - began
        r = problem.residual(outcome.x)
        sum_of_squares = float(r @ r)
    return Run(
        solver=solver,
        problem=problem.name,
        start=start,
        x=outcome.x,
        sum_of_squares=sum_of_squares,
        success=outcome.success,
        message=outcome.message,
        residuals=counter.residuals,
        jacobians=counter.jacobians,
        seconds=seconds,
        reached=counter.reached,
    )
