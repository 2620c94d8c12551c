"""`osculate.minimize` against SciPy's minimizers on functions with exact derivatives, n = 2 to 1000.

Solved means: at the returned point, by our own evaluation, no gradient element exceeds gtol (1e-6, more
where rounding exceeds that) and the Hessian has no negative eigenvalue beyond rounding. A success that is
claimed at a point that is not solved is a false one, and one at a saddle or maximum has its own column; a
solved run that claims no success is counted too. Counts and times end at the first gradient that passes the
test, see minimize_peers. A run that exceeds its time is stopped and not solved.

Times are the least of REPEATS runs, taken in turn. `own` is time without the callbacks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

import minimize_peers as peers
import problems
from objective import Objective
from worker import Worker

REPEATS = 3
LONG = 1.0  # seconds from which on a run is not repeated
REFERENCE = "scipy trust-exact"
PRODUCTS = ("osculate newton-cg", "scipy trust-ncg", "scipy trust-krylov", "scipy Newton-CG")
STARTUP = 60.0
QUICK = ("rosenbrock", "beale", "wood", "saddle_on_the_way")


def limit(n: int) -> float:
    """Seconds that a run may take."""
    return 10 + 0.1 * n


def _collections() -> dict[str, list[Objective]]:
    smooth = problems.smooth()
    return {
        "n <= 12": [o for o in smooth if o.n <= 12],
        "n = 100": [o for o in smooth if o.n == 100],
        "n = 1000": [o for o in smooth if o.n == 1000],
        "special cases": problems.special(),
    }


def perform(collection: str, name: str, start: str, solver: str) -> dict[str, Any]:
    """One run, in the worker."""
    objective = next(o for o in _cached()[collection] if o.name == name)
    return peers.run(solver, objective, start)


_known: dict[str, list[Objective]] = {}


def _cached() -> dict[str, list[Objective]]:
    if not _known:
        _known.update(_collections())
    return _known


def ready() -> bool:
    """Import and first use, so that neither is measured."""
    for solver in peers.SOLVERS:
        peers.run(solver, _cached()["n <= 12"][0], "x1")
    return True


class _Bench:
    def __init__(self) -> None:
        self.worker, self.warm = Worker(), False

    def run(self, collection: str, objective: Objective, start: str, solver: str) -> dict[str, Any]:
        if not self.warm:
            self.warm = self.worker.call(STARTUP, "minimize", "ready")
        seconds = limit(objective.n)
        try:
            row = self.worker.call(seconds, "minimize", "perform", collection, objective.name, start, solver)
        except (TimeoutError, EOFError):
            self.warm = False
            return peers.stopped(solver, objective, start, seconds)
        return dict(row)

    def fastest(self, collection: str, objective: Objective, start: str, repeats: int) -> Iterator[Any]:
        """A row per solver with the least times of the repetitions."""
        rows: dict[str, dict[str, Any]] = {}
        for repeat in range(repeats):
            for solver in peers.SOLVERS:
                if repeat == 0:
                    rows[solver] = self.run(collection, objective, start, solver)
                elif "total" in rows[solver] and rows[solver]["total"]["seconds"] < LONG:
                    _keep_least(rows[solver], self.run(collection, objective, start, solver))
        yield from rows.values()


def _keep_least(row: dict[str, Any], again: dict[str, Any]) -> None:
    for part in ("total", "reached"):
        if row[part] is not None and again.get(part) is not None:
            for key in ("seconds", "own"):
                row[part][key] = min(row[part][key], again[part][key])


def minimize(*, quick: bool = False) -> dict[str, Any]:
    """Every problem from every start by every method."""
    bench = _Bench()
    tables = {}
    try:
        for label, collection in _cached().items():
            rows = [
                row
                for objective in collection
                if not quick or objective.name in QUICK
                for start in objective.starts
                for row in bench.fastest(label, objective, start, 1 if quick else REPEATS)
            ]
            if rows:
                tables[label] = {"reference": REFERENCE, "rows": summary(rows), "runs": rows}
    finally:
        bench.worker.close()
    return {"tables": tables}


def by_run(rows: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, dict[str, Any]]]:
    """{(problem, start): {solver: row}}."""
    found: dict[tuple[str, str], dict[str, dict[str, Any]]] = {}
    for row in rows:
        found.setdefault((row["problem"], row["start"]), {})[row["solver"]] = row
    return found


def _quartiles(values: list[float]) -> list[float] | None:
    return [float(q) for q in np.quantile(values, (0.25, 0.5, 0.75))] if values else None


def summary(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A line per method: solved, claims, counts where all solve, times relative to the reference.

    The counts of products are over the runs that all methods with products solve.
    """
    runs = by_run(rows)
    common = [run for run in runs.values() if all(row["solved"] for row in run.values())]
    with_products = [run for run in runs.values() if all(run[s]["solved"] for s in PRODUCTS)]
    table = []
    for solver in peers.SOLVERS:
        own = [run[solver] for run in runs.values()]
        line: dict[str, Any] = {"solver": solver, "of": len(own), "solved": sum(r["solved"] for r in own)}
        line["unclaimed"] = sum(r["solved"] and not r["success"] for r in own)
        line["false_success"] = sum(r["success"] and not r["solved"] for r in own)
        line["saddle_success"] = sum(r["success"] and r["saddle"] for r in own)
        line["stopped"] = sum(r.get("stopped", False) for r in own)
        line["common"], line["common_products"] = len(common), len(with_products)
        for key in peers.COUNTED:
            over = with_products if key == "Hv" and solver in PRODUCTS else common
            counts = [run[solver]["reached"][key] for run in over]
            line[key] = _quartiles(counts) if any(counts) else None
        pairs = [
            (run[solver], run[REFERENCE])
            for run in runs.values()
            if run[solver]["solved"] and run[REFERENCE]["solved"]
        ]
        for part in ("reached", "total"):
            for key in ("own", "seconds"):
                line[f"{part}_{key}"] = _quartiles([a[part][key] / b[part][key] for a, b in pairs])
        certifying = [r["certificate_products"] for r in own if r["solved"]]
        line["certificate_products"] = float(np.median(certifying)) if any(certifying) else None
        table.append(line)
    return table
