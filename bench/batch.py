"""Fits per second of `osculate.fit` and its peers on four workloads, in one run.

Question. How many small fits a second, from data in memory to parameters, at equal accuracy?

Every peer fits the same data from the same starts (batch_workloads.py) with the model's analytic Jacobian
where it takes one. A peer's rate counts for what its "within 1e-4" says: the share of its fits whose cost,
computed by us, is at most 1e-4 above the best that any peer reached on that fit.

Measurement. Each (peer, threads) is a process of its own that may use as many CPUs and keeps its memory
(batch_peer.py). After a run that compiles and touches the memory, each (peer, dtype, threads) is timed once
a round, one at a time, in an order that is shuffled every round, so that drift of the machine meets all
alike. A run of less than a second is done twice, and the second time counts: after seconds of waiting the
first one also wakes processors and fills caches. Slow peers fit the first part of the data only; rates are
per second. TinySolver times its fits alone, the Python peers from arrays to arrays. Reported are medians
and quartiles over the rounds; the arithmetic limit (batch_limit.py) is measured in the same rounds.
"""

from __future__ import annotations

import dataclasses
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import batch_cpp
import batch_limit
import environment
from batch_peer import AbsentError, Peer, Worker
from batch_peers import PEERS
from batch_workloads import BY_NAME, WORKLOADS, Workload, costs, generate, shares

ROUNDS = 9
DTYPES = ("float64", "float32")
THREADS = (1, 2)
QUICK_WORKLOADS, QUICK_ROUNDS, QUICK_FITS = ("W1",), 2, 4096

Entry = tuple[str, str, int]  # peer, dtype, threads


def batch(quick: bool = False) -> dict[str, Any]:
    """Every workload; `quick` is a smoke test of one, with few fits, cases and rounds: no measurement."""
    workloads = [BY_NAME[name] for name in QUICK_WORKLOADS] if quick else WORKLOADS
    rounds, most = (QUICK_ROUNDS, QUICK_FITS) if quick else (ROUNDS, 10**9)
    absent: dict[str, str] = {}
    peers = [_one_case(peer) if quick and peer.compiles else peer for peer in PEERS]
    crew = [Worker(peer, threads) for peer in peers for threads in peer.threads]
    try:
        tables = {w.label: _measure(w, crew, min(w.fits, most), rounds, absent) for w in workloads}
    finally:
        for worker in crew:
            worker.close()
    return {"tables": tables, "absent": absent, "peer_versions": _versions()}


def _one_case(peer: Peer) -> Peer:
    return dataclasses.replace(peer, dtypes=peer.dtypes[:1], threads=peer.threads[-1:])


def _versions() -> dict[str, str]:
    packages = dict.fromkeys(package for peer in PEERS for package in peer.packages)
    found = {package: environment.version(package) for package in packages}
    return {name: version for name, version in found.items() if version} | batch_cpp.versions()


def _measure(
    workload: Workload, crew: list[Worker], fits: int, rounds: int, absent: dict[str, str]
) -> dict[str, Any]:
    data = generate(workload, fits)
    with tempfile.TemporaryDirectory(prefix="osculate-bench-") as name:
        folders = {dtype: Path(name, dtype) for dtype in DTYPES}
        for dtype, folder in folders.items():
            folder.mkdir()
            for part in ("x", "y", "p0"):
                getattr(data.astype(dtype), part).tofile(folder / part)
        cast: dict[Entry, Worker] = {}
        facts: dict[Entry, dict[str, float]] = {}
        for worker in crew:
            for dtype in worker.peer.dtypes:
                entry = (worker.peer.name, dtype, worker.threads)
                message = ("prepare", workload.name, dtype, min(fits, worker.peer.fits), folders[dtype])
                answer = _ask(entry, worker, absent, *message)
                if answer is not None:
                    cast[entry], facts[entry] = worker, answer
        seconds, limits = _rounds(workload, cast, rounds, absent)
        cost = {}
        for entry, worker in cast.items():
            params = _ask(entry, worker, absent, "params", entry[1]) if seconds[entry] else None
            if params is not None:
                cost[entry] = costs(workload, data.head(len(params)), params)
    share = shares(cost) if cost else {}
    rows = [_row(entry, len(cost[entry]), seconds[entry], share[entry], facts[entry]) for entry in cost]
    return {"fits": fits, "rounds": rounds, "rows": rows, "limits": batch_limit.rows(workload, limits, rows)}


def _ask(entry: Entry, worker: Worker, absent: dict[str, str], *message: Any) -> Any:
    try:
        return worker.ask(*message)
    except AbsentError as reason:
        peer, dtype, threads = entry
        if peer not in absent:
            print(f"bench: without {peer} ({dtype}, {threads} threads): {reason}", file=sys.stderr)
        absent.setdefault(peer, str(reason))
        return None


def _rounds(
    workload: Workload, cast: dict[Entry, Worker], rounds: int, absent: dict[str, str]
) -> tuple[dict[Entry, list[float]], dict[int, list[Any]]]:
    """Seconds of each entry and the throughput at each number of threads, round by round."""
    seconds: dict[Entry, list[float]] = {entry: [] for entry in cast}
    limits: dict[int, list[Any]] = {threads: [] for threads in THREADS}
    order: list[Entry | int] = [*cast, *THREADS]
    shuffle = random.Random(workload.name)
    for _ in range(rounds):
        shuffle.shuffle(order)
        for entry in order:
            if isinstance(entry, int):
                limits[entry] += batch_limit.throughput(entry, absent)
            else:
                elapsed = _ask(entry, cast[entry], absent, "run", entry[1])
                seconds[entry] += [] if elapsed is None else [elapsed]
    return seconds, limits


def _row(
    entry: Entry, fits: int, seconds: list[float], share: float, facts: dict[str, float]
) -> dict[str, Any]:
    rates = np.quantile(fits / np.array(seconds), (0.25, 0.5, 0.75))
    row: dict[str, Any] = {"peer": entry[0], "dtype": entry[1], "threads": entry[2], "fits": fits}
    return {**row, "rate": [float(rate) for rate in rates], "within": share, **facts}
