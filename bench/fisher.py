"""`fisher_solve`: (S'S / N + damping I)^-1 v from per-sample scores S, beside the forms one writes by hand.

"large", S of 1000 x 100,000 in float64, two threads: NumPy's Woodbury form (S @ S.T, `cho_solve`),
SciPy's dsyrk in its place, torch, and ours, also in mixed precision. Memory is the rise of the process's
largest resident size by one call, above the scores. Residuals are |(S'S / N + damping I) x - v| / |v|.
"stack": 64 problems of 32 x 500 in one call, beside a loop in NumPy.

Every peer has a process of its own (kfac_worker.py); rounds are interleaved in an order that is
shuffled; medians and quartiles.
"""

from __future__ import annotations

import functools
import resource
from collections.abc import Callable
from typing import Any

import numpy as np

import environment
from kfac_worker import Crew, interleaved, quartiles, seconds

LARGE, STACK = (1000, 100_000), (64, 32, 500)
DAMPING = 1e-2  # 1e-4 of the largest eigenvalue of S'S / N, which is about P / N
LEAST_SCORE = 1e-2  # of a sample, the largest being 1: a Gram matrix of a condition number of about 1e4
THREADS, ROUNDS, STACK_ROUNDS = 2, 9, 21
PEERS = ("osculate", "osculate, mixed precision", "NumPy, Woodbury", "SciPy, dsyrk", "torch")
STACKS = ("osculate", "NumPy, a loop")

_kept: dict[str, Any] = {}

Draw = Callable[[list[str], list[list[str]]], str]


def prepare(peer: str, shape: tuple[int, int], threads: int) -> dict[str, float]:
    """The first call of a process: bytes that it takes above the scores, and its residual."""
    n, p = shape
    small = np.random.default_rng(1).standard_normal((64, 256))
    solver_of(peer, threads)(small, np.ones(256))  # loads libraries and starts threads
    random = np.random.default_rng(0)
    scores, v = np.empty(shape), random.standard_normal(p)
    random.standard_normal(out=scores)
    scores *= np.geomspace(1, LEAST_SCORE, n)[:, None]
    solve = solver_of(peer, threads)
    before = _peak()
    x = solve(scores, v)
    rise = _peak() - before
    residual = scores.T @ (scores @ x) / n + DAMPING * x - v
    _kept["solve"] = functools.partial(solve, scores, v)
    relative = float(np.linalg.norm(residual) / np.linalg.norm(v))
    return {"bytes": rise, "share": rise / scores.nbytes, "residual": relative}


def timed() -> float:
    """Seconds of one more call."""
    return seconds(_kept["solve"])


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0  # Linux counts in KiB


def solver_of(peer: str, threads: int) -> Callable[[Any, Any], Any]:
    """(scores, vector) to solution."""
    if peer.startswith("osculate"):
        import osculate

        mixed = peer != "osculate"
        return lambda s, v: (
            osculate.fisher_solve(s, v, DAMPING, form="samples", mixed_precision=mixed, threads=threads).x
        )
    if peer == "torch":
        return _torch
    return _scipy if peer == "SciPy, dsyrk" else _numpy


def _finish(s: Any, v: Any, gram: Any, lower: bool) -> Any:
    from scipy.linalg import cho_factor, cho_solve

    n = len(s)
    gram[np.diag_indices(n)] += n * DAMPING
    factor = cho_factor(gram, lower=lower, overwrite_a=True, check_finite=False)
    return (v - s.T @ cho_solve(factor, s @ v, check_finite=False)) / DAMPING


def _numpy(s: Any, v: Any) -> Any:
    return _finish(s, v, s @ s.T, True)


def _scipy(s: Any, v: Any) -> Any:
    from scipy.linalg.blas import dsyrk

    return _finish(s, v, dsyrk(1.0, s.T, trans=1), False)


def _torch(s: Any, v: Any) -> Any:
    import torch

    a, b = torch.from_numpy(s), torch.from_numpy(v)
    gram = a @ a.T
    gram.diagonal().add_(len(s) * DAMPING)
    solved = torch.cholesky_solve((a @ b)[:, None], torch.linalg.cholesky(gram))
    return ((b - (a.T @ solved)[:, 0]) / DAMPING).numpy()


def stack(peer: str, shape: tuple[int, int, int], threads: int) -> float:
    """Seconds of all problems of the stack."""
    key = f"stack {peer}"
    if key not in _kept:
        random = np.random.default_rng(2)
        s, v = random.standard_normal(shape), random.standard_normal((shape[0], shape[2]))
        one = solver_of(peer, threads)

        def loop() -> Any:
            return np.stack([one(a, b) for a, b in zip(s, v, strict=True)])

        _kept[key] = (lambda: one(s, v)) if peer == "osculate" else loop
    return seconds(_kept[key])


def fisher(
    large: tuple[int, int] = LARGE, small: tuple[int, int, int] = STACK, rounds: int = ROUNDS
) -> dict[str, Any]:
    """Both tables."""
    with Crew() as crew:
        facts = {p: crew.call(p, THREADS, "fisher", "prepare", p, large, THREADS) for p in PEERS}
        cases = {(p,): functools.partial(crew.call, p, THREADS, "fisher", "timed") for p in PEERS}
        found = interleaved(cases, rounds, "large")
        rows = [{"peer": p, "shape": large, "seconds": quartiles(found[(p,)]), **facts[p]} for p in PEERS]
    with Crew() as crew:
        arguments = ("fisher", "stack")
        cases = {
            (p,): functools.partial(crew.call, p, THREADS, *arguments, p, small, THREADS) for p in STACKS
        }
        found = interleaved(cases, max(rounds, 1) if rounds < ROUNDS else STACK_ROUNDS, "stack")
        stacks = [{"peer": p, "shape": small, "seconds": quartiles(found[(p,)])} for p in STACKS]
    setup = {"large": large, "stack": small, "damping": DAMPING, "threads": THREADS, "rounds": rounds}
    versions = {"torch": environment.version("torch")}
    return {"tables": {"large": rows, "stack": stacks}, "setup": setup, "peer_versions": versions}


def table(label: str, rows: list[dict[str, Any]], draw: Draw) -> str:
    """The Markdown of one of the tables; `draw(header, rows)` makes it."""
    ours = rows[0]["seconds"][1]

    def line(row: dict[str, Any]) -> list[str]:
        low, median, high = (1e3 * t for t in row["seconds"])
        return [row["peer"], f"{median:.3g} ({low:.3g} - {high:.3g})", f"{median / 1e3 / ours:.2f}"]

    shape = " x ".join(str(size) for size in rows[0]["shape"]) + f", float64, {THREADS} threads"
    if label == "stack":
        return f"A stack of scores, {shape}\n\n" + draw(["", "ms", "times ours"], [*map(line, rows)])
    cells = [[*line(row), f"{row['share']:.1%}", f"{row['residual']:.1e}"] for row in rows]
    header = ["", "ms", "times ours", "memory above the scores", "residual"]
    return f"Scores of {shape}\n\n" + draw(header, cells)
