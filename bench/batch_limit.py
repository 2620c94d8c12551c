"""The arithmetic limit: fits per second if nothing but the model, J'J and J'r took time.

Counted are the operations per point of a kernel that leaves out whatever can be: columns of J scaled per fit
and not per point, a derivative that is 1 never multiplied. With n = P - 1 other columns,

    J'J  n (n + 1) / 2 multiply-adds and n sums,   J'r  n multiply-adds and one sum,   |r|^2  one,

and for the model, its derivatives and the residual the workload's `operations`: W1 dx, dy, r^2 (2), the
exponent, f - y (2), three columns: 10; W2 d, d^2, f - y (2), two columns, and 2 products for the exponential:
8; W3 f - y (3), two columns, a product for each exponential: 7; W4 f - y (2), a column, a product: 4.
Exponentials are made at one point of eight where points are equally spaced (batch/spaced_exp.hpp): one a
decay, two a bell, and one a point of W1. Each operation takes the time of one multiply-add, each exponential
its own; both rates are measured (cpp/throughput.cpp). Loads, the transpose into lanes, the solve of the
normal equations and the covariance take no time here. The evaluations per fit are the fewest iterations, on
average, of a peer all but 1% of whose fits are within 1e-4: the start takes
one, and the end of the last step none where it is known to be converged (batch/promise.hpp).
"""

from __future__ import annotations

from typing import Any

import numpy as np

import batch_cpp
from batch_peer import AbsentError
from batch_workloads import Workload

SHARE = 0.99


def operations(workload: Workload) -> float:
    """Vector operations per point and evaluation, the exponentials apart."""
    n = workload.n_parameters - 1  # the last derivative of every workload is 1
    return workload.operations + n * (n + 1) // 2 + 2 * n + 2


def throughput(threads: int, absent: dict[str, str]) -> list[dict[str, dict[str, float]]]:
    """One measurement, none where the program cannot be built."""
    try:
        return [batch_cpp.throughput(threads)]
    except AbsentError as reason:
        absent.setdefault("arithmetic limit", str(reason))
        return []


def evaluations(rows: list[dict[str, Any]]) -> float | None:
    """Per fit, of the accurate peer that needs the fewest."""
    known = [row["iterations"] for row in rows if "iterations" in row and row["within"] >= SHARE]
    return min(known, default=None)


def rows(
    workload: Workload, limits: dict[int, list[Any]], peers: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """A row for each dtype and number of threads."""
    needed = evaluations(peers)
    if needed is None:
        return []
    points, found = needed * workload.n_points, []
    for threads, measured in limits.items():
        for dtype in measured[0] if measured else ():
            rates = [
                1
                / (
                    points
                    * (operations(workload) / m[dtype]["fma"] + workload.exponentials / m[dtype]["exp"])
                )
                for m in measured
            ]
            row: dict[str, Any] = {"dtype": dtype, "threads": threads, "evaluations": needed}
            row["rate"] = [float(rate) for rate in np.quantile(rates, (0.25, 0.5, 0.75))]
            row["operations"], row["exponentials"] = operations(workload), workload.exponentials
            for kind in ("fma", "exp"):
                row[f"{kind}_per_second"] = float(np.median([m[dtype][kind] for m in measured]))
            found.append(row)
    return found
