"""One call for every minimizer: the same callbacks, counted and timed by us, the same gradient test.

Every method is told to stop where no gradient element exceeds the problem's gtol (SciPy's trust-region
methods compare the 2-norm, Newton-CG knows only the step). So that this does not decide, everything is also
recorded at the first gradient that passes the test and is not followed by one that fails: `reached`. Times
without callbacks subtract what was measured inside them; calling the counter counts as the method's.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

from objective import Objective
from problem import Array

ITERATIONS, EVALUATIONS = 2000, 20000
LEAST = 1e-8  # share of the largest eigenvalue below which a negative one is no evidence of a saddle
COUNTED = ("f", "g", "H", "Hv")


class Counter:
    """The callbacks of a problem: how often and how long they ran, when the test was passed."""

    def __init__(self, objective: Objective) -> None:
        self.objective = objective
        self.counts = dict.fromkeys(COUNTED, 0)
        self.inside = 0.0
        self.reached: dict[str, Any] | None = None
        self.began = perf_counter()

    def _timed(self, kind: str, function: Callable[..., Any], *arguments: Array) -> Any:
        began = perf_counter()
        self.counts[kind] += 1
        out = function(*arguments)
        self.inside += perf_counter() - began
        return out

    def value(self, x: Array) -> float:
        return float(self._timed("f", self.objective.value, x))

    def gradient(self, x: Array) -> Array:
        g: Array = self._timed("g", self.objective.gradient, x)
        now = perf_counter()
        if not np.max(np.abs(g)) <= self.objective.gtol:
            self.reached = None
        elif self.reached is None:
            self.reached = dict(self.counts)
            self.reached |= {"seconds": now - self.began, "own": now - self.began - self.inside}
        self.inside += perf_counter() - now
        return g

    def hessian(self, x: Array) -> Array:
        return np.asarray(self._timed("H", self.objective.hessian, x))

    def product(self, x: Array, v: Array) -> Array:
        return np.asarray(self._timed("Hv", self.objective.product, x, v))


def _osculate(method: str) -> Callable[[Counter, Array], Any]:
    def solve(c: Counter, x0: Array) -> Any:
        import osculate

        second = {"hessp": c.product} if method == "newton-cg" else {"hess": c.hessian}
        options = {"gtol": c.objective.gtol, "maxiter": ITERATIONS, "max_evaluations": EVALUATIONS}
        return osculate.minimize(c.value, x0, method=method, jac=c.gradient, options=options, **second)

    return solve


def _scipy(method: str, second: str | None, **fixed: Any) -> Callable[[Counter, Array], Any]:
    def solve(c: Counter, x0: Array) -> Any:
        from scipy.optimize import minimize

        derivatives = {} if second is None else {second: c.hessian if second == "hess" else c.product}
        options = {"maxiter": ITERATIONS, "gtol": c.objective.gtol, **fixed}
        if method == "Newton-CG":
            del options["gtol"]
        return minimize(c.value, x0, method=method, jac=c.gradient, options=options, **derivatives)

    return solve


SOLVERS: dict[str, Callable[[Counter, Array], Any]] = {
    "osculate newton": _osculate("newton"),
    "osculate newton-linesearch": _osculate("newton-linesearch"),
    "osculate newton-cg": _osculate("newton-cg"),
    "scipy trust-exact": _scipy("trust-exact", "hess"),
    "scipy trust-ncg": _scipy("trust-ncg", "hessp"),
    "scipy trust-krylov": _scipy("trust-krylov", "hessp"),
    "scipy Newton-CG": _scipy("Newton-CG", "hessp", xtol=1e-8),
    "scipy L-BFGS-B": _scipy("L-BFGS-B", None, ftol=0, maxiter=EVALUATIONS, maxfun=EVALUATIONS),
}


def judge(objective: Objective, x: Array) -> dict[str, Any]:
    """What is true of a point: stationary, and the Hessian's extreme eigenvalues where they are finite."""
    g, H = objective.gradient(x), objective.hessian(x)
    largest = float(np.max(np.abs(g)))
    stationary = bool(np.all(np.isfinite(x)) and largest <= objective.gtol)
    lowest = highest = None
    if np.all(np.isfinite(H)):
        eigenvalues = np.linalg.eigvalsh(H)
        lowest, highest = float(eigenvalues[0]), float(np.max(np.abs(eigenvalues)))
    saddle = stationary and lowest is not None and highest is not None and lowest < -LEAST * max(highest, 1)
    return {
        "value": objective.value(x),
        "optimality": largest,
        "lowest_eigenvalue": lowest,
        "highest_eigenvalue": highest,
        "saddle": saddle,
        "solved": stationary and not saddle,
    }


def run(solver: str, objective: Objective, start: str) -> dict[str, Any]:
    """Minimize from `start`; an exception is a failure with the exception as its message."""
    x0 = objective.starts[start].copy()
    counter = Counter(objective)
    certifying = 0
    with np.errstate(all="ignore"):
        counter.began = perf_counter()
        try:
            result = SOLVERS[solver](counter, x0)
            seconds = perf_counter() - counter.began
            x, success, message = np.array(result.x), bool(result.success), str(result.message)
            certifying = int(result.certificate_products) if "certificate_products" in result else 0
        except Exception as error:
            seconds = perf_counter() - counter.began
            x, success, message = objective.starts[start], False, f"{type(error).__name__}: {error}"
        total = {**counter.counts, "seconds": seconds, "own": seconds - counter.inside}
        verdict = judge(objective, x)
    return {
        "solver": solver,
        "problem": objective.name,
        "start": start,
        "n": objective.n,
        "success": success,
        "message": message,
        "total": total,
        # without the test passed at the end, what it took is what the whole run took
        "reached": (counter.reached or total) if verdict["solved"] else None,
        "certificate_products": certifying,
        **verdict,
    }


def stopped(solver: str, objective: Objective, start: str, seconds: float) -> dict[str, Any]:
    """The row of a run that had to be stopped."""
    return {
        "solver": solver,
        "problem": objective.name,
        "start": start,
        "n": objective.n,
        "success": False,
        "message": f"stopped after {seconds:.0f} s",
        "stopped": True,
        "solved": False,
        "saddle": False,
        "reached": None,
    }
