"""What a solver itself costs: microseconds a call and microseconds an evaluation, callbacks subtracted.

Question. How long does `least_squares` take beyond the user's own functions? A run of k evaluations costs
`call + k * evaluation`; fits with cheap models feel both terms.

Path "newton": r_i = (b_i.x)^2 with a dense well-conditioned B, m = 2n. From any start the Gauss-Newton
step is -x/2 and each step of it lowers |r|^2 sixteenfold: every solver takes it, undamped, whatever its
rule. So one iteration is one residual and one Jacobian for all of them, the iterates are equal to
rounding, and no test on cost, step or gradient ever holds: only `max_nfev` ends a run. Starting at 1e30
keeps trf's absolute gradient test away too. This is the cheapest iteration a solver has, so it shows
overhead, not algorithm.

Path "bent": Rosenbrock's valley in n variables (chained, m = 2n - 2), where most steps are bounded by the
radius or rejected, so that the damping parameter must be found as well. Iterates differ between solvers
here; an evaluation is then a residual, with or without its Jacobian, as it comes.

Measurement. max_nfev runs through a ladder k_1 < ... < k_s. In one round every (solver, k) is timed once,
in an order that is shuffled every round, so that drift of the machine meets all alike; garbage collection
is off and BLAS has one thread. A timing is the mean of CALLS consecutive calls after one that is not timed:
a loop of fits, as users write it, and as the callbacks are timed too; right after another solver's run a
call takes two to three times as long, whichever solver it is. From each time the callbacks' own is
subtracted: their mean cost, measured in the same round by calling them from a loop that is itself
subtracted, times how often the run called them. A straight line through the round's s points gives that
round's call and evaluation cost; reported are medians and quartiles over ROUNDS rounds. The abscissa is the
number of Jacobians on the "newton" path (each comes with one residual, and the solvers differ in whether
they ask for one at the last point), the number of residuals on the "bent" path; runs that converge before
max_nfev enter with their true count.

`leastsq` is MINPACK without the layer of `scipy.optimize.least_squares` around it.
"""

from __future__ import annotations

import gc
import random
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import numpy as np

from problem import Array

SIZES = (2, 3, 10, 100)
TOLERANCE = 2.3e-16  # the least that SciPy's `lm` accepts
ROUNDS = {2: 41, 3: 41, 10: 41, 100: 15}
CALLS = {2: 8, 3: 8, 10: 8, 100: 1}
LADDER = {2: (2, 5, 10, 20, 40, 80), 3: (2, 5, 10, 20, 40, 80), 10: (2, 5, 10, 20, 40, 80), 100: (2, 10, 20)}


@dataclass
class Case:
    """Callbacks, start, and which of their counts (0 residuals, 1 Jacobians) is an evaluation."""

    residual: Callable[[Array], Array]
    jacobian: Callable[[Array], Array]
    x0: Array
    abscissa: int


def newton_path(n: int) -> Case:
    i, j = np.arange(2 * n)[:, None], np.arange(n)
    B = np.cos(np.pi * (i + 0.5) * j / (2 * n))  # columns of the cosine transform: orthogonal
    twice = 2 * B

    def residual(x: Array) -> Array:
        u = B @ x
        return u * u

    def jacobian(x: Array) -> Array:
        return (B @ x)[:, None] * twice

    return Case(residual, jacobian, 1e30 * (1 + np.arange(n) / n), 1)


def bent_path(n: int) -> Case:
    row, rows = np.arange(n - 1), 2 * n - 2
    template = np.zeros((rows, n))
    template[row, row + 1] = 10
    template[n - 1 + row, row] = -1

    def residual(x: Array) -> Array:
        head = x[:-1]
        return np.concatenate((10 * (x[1:] - head * head), 1 - head))

    def jacobian(x: Array) -> Array:
        J = template.copy()
        J[row, row] = -20 * x[:-1]
        return J

    x0 = np.ones(n)
    x0[::2] = -1.2
    return Case(residual, jacobian, x0, 0)


def solvers() -> dict[str, Callable[..., Any]]:
    import scipy.optimize

    import osculate

    def of(solve: Callable[..., Any], **options: Any) -> Callable[..., Any]:
        fixed = {**options, "ftol": TOLERANCE, "xtol": TOLERANCE, "gtol": TOLERANCE}
        return lambda case, k: solve(case.residual, case.x0, case.jacobian, max_nfev=k, **fixed)

    def leastsq(case: Case, k: int) -> Any:
        fixed = dict.fromkeys(("ftol", "xtol", "gtol"), TOLERANCE)
        return scipy.optimize.leastsq(
            case.residual, case.x0, Dfun=case.jacobian, maxfev=k, full_output=1, **fixed
        )

    return {
        "osculate": of(osculate.least_squares),
        "scipy leastsq": leastsq,
        "scipy lm": of(scipy.optimize.least_squares, method="lm"),
        "scipy trf": of(scipy.optimize.least_squares, method="trf"),
    }


def _counts(solve: Callable[..., Any], case: Case, k: int) -> tuple[int, int]:
    """How often a run calls residual and Jacobian: by an extra, untimed run."""
    calls = [0, 0]

    def counted(which: int, function: Callable[[Array], Array]) -> Callable[[Array], Array]:
        def call(x: Array) -> Array:
            calls[which] += 1
            return function(x)

        return call

    solve(Case(counted(0, case.residual), counted(1, case.jacobian), case.x0, 0), k)
    return calls[0], calls[1]


def _callback_seconds(function: Callable[[Array], Array], x: Array, repeats: int) -> float:
    began = perf_counter()
    for _ in range(repeats):
        function(x)
    called = perf_counter()
    for _ in range(repeats):
        pass
    return (called - began - (perf_counter() - called)) / repeats


def _solver_seconds(solve: Callable[..., Any], case: Case, k: int, repeats: int) -> float:
    solve(case, k)
    began = perf_counter()
    for _ in range(repeats):
        solve(case, k)
    return (perf_counter() - began) / repeats


def _line(evaluations: list[int], seconds: list[float]) -> tuple[float, float]:
    """Intercept and slope by least squares."""
    A = np.column_stack([np.ones(len(seconds)), evaluations])
    intercept, slope = np.linalg.lstsq(A, np.array(seconds), rcond=None)[0]
    return float(intercept), float(slope)


def measure(case: Case, n: int) -> list[dict[str, Any]]:
    """One row a solver: quartiles of call and evaluation cost in microseconds."""
    candidates, ladder = solvers(), LADDER[n]
    counts = {(s, k): _counts(solve, case, k) for s, solve in candidates.items() for k in ladder}
    estimates: dict[str, list[tuple[float, float]]] = {s: [] for s in candidates}
    order, shuffle = list(counts), random.Random(n)
    gc.collect()
    gc.disable()
    try:
        for _ in range(ROUNDS[n]):
            shuffle.shuffle(order)
            cost = [_callback_seconds(f, case.x0, 50) for f in (case.residual, case.jacobian)]
            times = {}
            for s, k in order:
                elapsed = _solver_seconds(candidates[s], case, k, CALLS[n])
                times[s, k] = elapsed - sum(c * count for c, count in zip(cost, counts[s, k], strict=True))
            for s in candidates:
                evaluations = [counts[s, k][case.abscissa] for k in ladder]
                estimates[s].append(_line(evaluations, [times[s, k] for k in ladder]))
    finally:
        gc.enable()
    rows = []
    for s, pairs in estimates.items():
        quartiles = 1e6 * np.quantile(np.array(pairs), (0.25, 0.5, 0.75), axis=0)
        call = list(quartiles[:, 0]) if n <= 10 else None  # lost in the scatter of the iterations beyond
        row: dict[str, Any] = {"solver": s, "n": n, "call_us": call}
        row["evaluation_us"] = list(quartiles[:, 1])
        row["residuals"] = [counts[s, k][0] for k in ladder]
        row["jacobians"] = [counts[s, k][1] for k in ladder]
        rows.append(row)
    return rows


def overhead() -> dict[str, Any]:
    """Every size on both paths."""
    with np.errstate(all="ignore"):
        paths = {"newton": newton_path, "bent": bent_path}
        tables = {label: [row for n in SIZES for row in measure(make(n), n)] for label, make in paths.items()}
    return {"tables": tables}
