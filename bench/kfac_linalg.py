"""The linear algebra of K-FAC: inverses of symmetric positive definite matrices, factors, preconditioning.

"inverse": one matrix from n = 64 to 4096, beside numpy.linalg.inv, SciPy's potrf + potri and torch's
Cholesky inverse; GFLOP/s count n^3 operations for all. "layers": the factors of a batch, all inverses
and the preconditioned gradients of whole networks, as `osculate.KFAC` does them and as one writes them
in NumPy and SciPy or in torch.

Every peer has a process of its own for every number of threads (kfac_worker.py, kfac_peers.py); rounds
are interleaved in an order that is shuffled; medians and quartiles.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import environment
from kfac_peers import SETS
from kfac_worker import Crew, interleaved, quartiles

SIZES = (64, 128, 256, 512, 785, 1024, 2048, 4096)
DTYPES, THREADS = ("float32", "float64"), (1, 2)
INVERSES = ("osculate", "numpy.linalg.inv", "scipy potrf + potri", "torch")
LAYERS, VERBS = ("osculate", "NumPy, SciPy", "torch"), ("factors", "inverses", "precondition")
SUMMED = (256, 512, 1024)
BATCH = 512
ROUNDS, LARGE, LARGE_ROUNDS = 15, 2048, 5

Draw = Callable[[list[str], list[list[str]]], str]


def _inverses(crew: Crew, sizes: tuple[int, ...], rounds: int) -> list[dict[str, Any]]:
    rows = []
    for n in sizes:
        for dtype in DTYPES:
            cases = {
                (peer, threads): functools.partial(
                    crew.call, peer, threads, "kfac_peers", "inverse", peer, n, dtype, threads
                )
                for peer in INVERSES
                for threads in THREADS
            }
            count = rounds if n < LARGE else min(rounds, LARGE_ROUNDS)
            for (peer, threads), seconds in interleaved(cases, count, f"{n} {dtype}").items():
                row = {"peer": peer, "n": n, "dtype": dtype, "threads": threads}
                rows.append({**row, "seconds": quartiles(seconds)})
    return rows


def _layers(crew: Crew, sets: tuple[str, ...], batch: int, rounds: int) -> list[dict[str, Any]]:
    rows = []
    for name in sets:
        for threads in THREADS:
            cases = {(peer,): functools.partial(_verbs, crew, peer, name, batch, threads) for peer in LAYERS}
            for (peer,), found in interleaved(cases, rounds, name).items():
                parts = {verb: quartiles([one[verb] for one in found]) for verb in VERBS}
                total = quartiles([sum(one.values()) for one in found])
                row = {"peer": peer, "set": name, "batch": batch, "threads": threads}
                rows.append({**row, **parts, "total": total})
    return rows


def _verbs(crew: Crew, peer: str, name: str, batch: int, threads: int) -> dict[str, float]:
    arguments = ("kfac_peers", "layers", peer, name, batch)
    return {verb: crew.call(peer, threads, *arguments, verb, threads) for verb in VERBS}


def kfac_linalg(
    sizes: tuple[int, ...] = SIZES,
    sets: tuple[str, ...] = tuple(name for name in SETS if name != "tiny"),
    batch: int = BATCH,
    rounds: int = ROUNDS,
) -> dict[str, Any]:
    """Both tables."""
    with Crew() as crew:
        tables = {"inverse": _inverses(crew, sizes, rounds), "layers": _layers(crew, sets, batch, rounds)}
    versions = {name: environment.version(name) for name in ("torch",)}
    return {"tables": tables, "rounds": rounds, "peer_versions": versions}


def table(label: str, rows: list[dict[str, Any]], draw: Draw) -> str:
    """The Markdown of one of the tables; `draw(header, rows)` makes it."""
    return _inverse_table(rows, draw) if label == "inverse" else _layers_table(rows, draw)


def summary(record: dict[str, Any], draw: Draw) -> str:
    """For the README: a few sizes on one thread, the layers on two."""
    tables = record["tables"]
    inverses = [row for row in tables["inverse"] if row["threads"] == 1 and row["n"] in SUMMED]
    layers = [row for row in tables["layers"] if row["threads"] == max(THREADS)]
    return f"{_inverse_table(inverses, draw)}\n\n{_layers_table(layers, draw)}"


def _inverse_table(rows: list[dict[str, Any]], draw: Draw) -> str:
    peers = list(dict.fromkeys(row["peer"] for row in rows))
    found = {(row["n"], row["dtype"], row["threads"], row["peer"]): row["seconds"][1] for row in rows}
    cells = []
    for n, dtype, threads in dict.fromkeys((row["n"], row["dtype"], row["threads"]) for row in rows):
        times = {peer: found[(n, dtype, threads, peer)] for peer in peers}
        line = [f"{n}, {dtype}", str(threads)]
        line += [f"{1e3 * t:.3g} ({n**3 / t / 1e9:.0f})" for t in times.values()]
        line += [f"{times[peer] / times['osculate']:.2f}" for peer in peers[1:]]
        cells.append(line)
    header = ["n", "threads", *peers, *(f"against {peer}" for peer in peers[1:])]
    return "Inverse of one matrix, ms (GFLOP/s, n^3 operations), and times as fast\n\n" + draw(header, cells)


def _layers_table(rows: list[dict[str, Any]], draw: Draw) -> str:
    cells = []
    for row in rows:
        ours = next(
            other
            for other in rows
            if other["peer"] == "osculate"
            and (other["set"], other["threads"]) == (row["set"], row["threads"])
        )
        line = [row["set"], str(row["threads"]), row["peer"]]
        line += [f"{1e3 * row[verb][1]:.2f}" for verb in (*VERBS, "total")]
        cells.append([*line, f"{row['total'][1] / ours['total'][1]:.2f}"])
    header = ["layers", "threads", "", *VERBS, "all three", "times ours"]
    return f"All layers of a network, batch {rows[0]['batch']}, float32, ms\n\n" + draw(header, cells)
