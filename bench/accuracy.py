"""The benches on problems with known answers: who solves what, in how many evaluations, in what time.

Residual and Jacobian evaluations are counted apart. Ratios are to SciPy's `lm` (for bounded problems
`trf`), taken run by run where both solve, and reported as median and quartiles. Times are sums over the
runs that every solver solves of the fastest of REPEATS interleaved repetitions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

import peers
import problems
from problem import Array, Problem, correct_digits, reached_end

REPEATS = 3
DAMPINGS = ("osculate", "osculate nielsen", "osculate delayed gratification", "osculate more, geodesic")

Solved = Callable[[Problem, str, peers.Run], bool]


def nist() -> dict[str, Any]:
    """NIST: tolerances of 1e-15 (six digits in every parameter) and the defaults (four)."""
    solvers = peers.available("osculate", "scipy lm", "scipy trf", "scipy trf, x_scale=jac", "lmfit leastsq")
    tight = _compare(problems.nist(), solvers, "scipy lm", 1e-15, _digits(6), digits=6)
    default = _compare(problems.nist(), solvers, "scipy lm", None, _digits(4), digits=4)
    return {"tables": {"tolerance 1e-15": tight, "default tolerances": default}}


def mgh() -> dict[str, Any]:
    """MGH: a run is solved when it ends in a recorded minimum or approaches a recorded infimum."""
    solvers = peers.available("osculate", "scipy lm", "scipy trf", "scipy trf, x_scale=jac", "lmfit leastsq")
    tables = {}
    for label, tolerance in (("tolerance 1e-12", 1e-12), ("default tolerances", None)):
        tables[label] = _compare(problems.mgh(), solvers, "scipy lm", tolerance, _ended)
    return {"tables": tables}


def bounded() -> dict[str, Any]:
    """Bounded problems: solved when |r|^2 is the minimum's to 1e-6 and every bound is kept."""
    # without lmfit: its sine transform has no derivative on a bound, so it never leaves half of these starts
    solvers = ["osculate", "scipy trf", "scipy trf, x_scale=jac", "scipy dogbox"]
    tables = {}
    for label, tolerance in (("tolerance 1e-12", 1e-12), ("default tolerances", None)):
        tables[label] = _compare(problems.bounded(), solvers, "scipy trf", tolerance, _feasible_end)
    return {"tables": tables}


def damping() -> dict[str, Any]:
    """The damping rules against each other, on NIST at 1e-15 and on MGH at 1e-12."""
    solvers = peers.available(*DAMPINGS, "scipy lm")
    return {
        "tables": {
            "NIST, tolerance 1e-15": _compare(
                problems.nist(), solvers, "scipy lm", 1e-15, _digits(6), digits=6
            ),
            "MGH, tolerance 1e-12": _compare(problems.mgh(), solvers, "scipy lm", 1e-12, _ended),
        }
    }


def _digits(least: int) -> Solved:
    def solved(problem: Problem, start: str, run: peers.Run) -> bool:
        assert problem.certified is not None
        return correct_digits(run.x, problem.certified) >= least

    return solved


def _ended(problem: Problem, start: str, run: peers.Run) -> bool:
    with np.errstate(over="ignore"):
        first = float(np.sum(problem.residual(problem.starts[start]) ** 2))
    end = reached_end(run.sum_of_squares, first, problem.ends[start])
    # to call the approach to an infimum at infinity no success is as right as to stop there by a test
    return end is not None and (run.success or end.at_infinity)


def _feasible_end(problem: Problem, start: str, run: peers.Run) -> bool:
    lower, upper = problem.bounds
    return bool(np.all((lower <= run.x) & (run.x <= upper))) and _ended(problem, start, run)


def _accurate(problem: Problem, digits: int | None) -> Callable[[Array], bool] | None:
    """For NIST: does a point have the digits? Evaluations to equal accuracy, whatever the stopping rule."""
    certified = problem.certified
    if digits is None or certified is None:
        return None
    return lambda x: correct_digits(x, certified) >= digits


def _compare(
    collection: Iterable[Problem],
    solvers: list[str],
    reference: str,
    tolerance: float | None,
    solved: Solved,
    digits: int | None = None,
) -> dict[str, Any]:
    runs: dict[str, list[dict[str, Any]]] = {solver: [] for solver in solvers}
    for problem in collection:
        good = _accurate(problem, digits)
        for start in problem.starts:
            seconds = dict.fromkeys(solvers, np.inf)
            for repeat in range(REPEATS):
                for solver in solvers:
                    run = peers.run(solver, problem, start, tolerance)
                    seconds[solver] = min(seconds[solver], run.seconds)
                    if repeat == REPEATS - 1:
                        counted = peers.run(solver, problem, start, tolerance, good) if good else run
                        runs[solver].append(_row(problem, start, run, counted, solved))
            for solver in solvers:
                runs[solver][-1]["seconds"] = seconds[solver]
    return {"reference": reference, "rows": _summary(runs, reference), "runs": runs}


def _row(problem: Problem, start: str, run: peers.Run, counted: peers.Run, solved: Solved) -> dict[str, Any]:
    right = solved(problem, start, run)
    return {
        "problem": problem.name,
        "start": start,
        "solved": right,
        "success": run.success,
        "residuals": run.residuals,
        "jacobians": run.jacobians,
        "reached": counted.reached,
        "sum_of_squares": run.sum_of_squares,
        "message": "" if right else run.message,
    }


def _summary(runs: dict[str, list[dict[str, Any]]], reference: str) -> list[dict[str, Any]]:
    total = len(runs[reference])
    common = [index for index in range(total) if all(rows[index]["solved"] for rows in runs.values())]
    table = []
    for solver, rows in runs.items():
        row: dict[str, Any] = {"solver": solver, "solved": sum(r["solved"] for r in rows), "of": total}
        # a claim of success that is wrong is worse than an honest failure
        row["false_success"] = sum(r["success"] and not r["solved"] for r in rows)
        for key in ("residuals", "jacobians", "reached"):
            row[f"{key}_ratio"] = _ratio(rows, runs[reference], key)
        row["residuals_common"] = sum(rows[index]["residuals"] for index in common)
        row["jacobians_common"] = sum(rows[index]["jacobians"] for index in common)
        row["seconds_common"] = sum(rows[index]["seconds"] for index in common)
        row["common"] = len(common)
        table.append(row)
    return table


def _ratio(rows: list[dict[str, Any]], reference: list[dict[str, Any]], key: str) -> list[float] | None:
    """Lower quartile, median and upper quartile of the ratio where both solve."""
    pairs = [(a[key], b[key]) for a, b in zip(rows, reference, strict=True) if a["solved"] and b["solved"]]
    ratios = [a / b for a, b in pairs if a is not None and b]
    return [float(q) for q in np.quantile(ratios, (0.25, 0.5, 0.75))] if ratios else None
