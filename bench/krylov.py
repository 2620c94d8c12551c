"""What conjugate gradients cost beside the products: microseconds an iteration, and bytes a second.

Question. How much does `cg` take beyond the user's own product A v? The product here is v -> d * v with a
diagonal d between 1 and 10^4, the cheapest there is, as a Python function; tolerances are zero, so that every
solver runs exactly `maxiter` iterations.

"overhead", n = 100. One iteration is the slope between a run of FEW and a run of MANY iterations; from it the
product's own time is subtracted, measured in the same round by calling it in a loop. Every round times every
solver once, in an order that is shuffled; reported are medians and quartiles over the rounds. JAX compiles
product and loop together, so that nothing is subtracted from its time.

"vectors", n = 10^6. The time spent in the product is measured inside it and subtracted. Bytes are those that
osculate's passes read and write, 10 numbers of 8 bytes for each unknown (12 with a diagonal preconditioner),
for every solver alike: what it had to move, not what it did move. The triad a = b + s c of cpp/triad.cpp, 24
bytes an element, runs in the same round on vectors of the same length and as many threads. JAX has its own
threads, which the operating system's affinity decides: it is listed with the largest number.
"""

from __future__ import annotations

import gc
import importlib.util
import os
import random
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

import batch_cpp
from problem import Array

SHORT, LONG = 100, 10**6
FEW, MANY, ROUNDS, CALLS = 20, 220, 41, 5
LONG_FEW, LONG_MANY, LONG_ROUNDS = 3, 23, 9

Solve = Callable[[int], object]


class TimedProduct:
    """v -> d * v, with the time it took so far."""

    def __init__(self, diagonal: Array) -> None:
        self.diagonal, self.out, self.seconds = diagonal, np.empty_like(diagonal), 0.0

    def __call__(self, v: Array) -> Array:
        began = perf_counter()
        np.multiply(self.diagonal, v, out=self.out)
        self.seconds += perf_counter() - began
        return self.out


def _system(n: int) -> tuple[Array, Array]:
    return np.linspace(1, 1e4, n), np.random.default_rng(n).standard_normal(n)


def _scipy(product: Callable[[Array], Array], b: Array, **options: Any) -> Solve:
    import scipy.sparse.linalg

    operator = scipy.sparse.linalg.LinearOperator((b.size, b.size), matvec=product, dtype=b.dtype)
    return lambda k: scipy.sparse.linalg.cg(operator, b, rtol=0, maxiter=k, **options)


def _ours(product: Callable[[Array], Array], b: Array, threads: int = 1, **options: Any) -> Solve:
    from osculate.linalg import cg

    return lambda k: cg(product, b, rtol=0, maxiter=k, threads=threads, **options)


def _jax(diagonal: Array, b: Array) -> Solve | None:
    if importlib.util.find_spec("jax") is None:
        return None
    import jax

    jax.config.update("jax_enable_x64", True)
    d, right = jax.numpy.asarray(diagonal), jax.numpy.asarray(b)

    @jax.jit
    def run(right: Any, k: Any) -> Any:
        return jax.scipy.sparse.linalg.cg(lambda v: d * v, right, tol=0.0, maxiter=k)[0]

    return lambda k: run(right, k).block_until_ready()


def _seconds(call: Callable[[], object]) -> float:
    began = perf_counter()
    call()
    return perf_counter() - began


def _mean_seconds(solve: Solve, k: int) -> float:
    began = perf_counter()
    for _ in range(CALLS):
        solve(k)
    return (perf_counter() - began) / CALLS


def _product_seconds(product: Callable[[Array], Array], v: Array) -> float:
    """Of a call, less the loop around it."""
    began = perf_counter()
    for _ in range(1000):
        product(v)
    called = perf_counter()
    for _ in range(1000):
        pass
    return (called - began - (perf_counter() - called)) / 1000


def _quartiles(values: list[float], unit: float) -> list[float]:
    return [float(q) for q in unit * np.quantile(values, (0.25, 0.5, 0.75))]


def overhead() -> list[dict[str, Any]]:
    """One row a solver: microseconds an iteration at n = 100, without the product."""
    d, b = _system(SHORT)

    def product(v: Array) -> Array:
        return d * v

    solvers = {"osculate": _ours(product, b), "scipy cg": _scipy(product, b)}
    compiled = _jax(d, b)
    if compiled is not None:
        solvers["jax cg (product included)"] = compiled
    for solve in solvers.values():
        solve(MANY)
    taken: dict[str, list[float]] = {name: [] for name in solvers}
    products, order, shuffle = [], list(solvers), random.Random(1)
    v = np.ones(SHORT)
    for _ in range(ROUNDS):
        shuffle.shuffle(order)
        cost = _product_seconds(product, v)
        products.append(cost)
        for name in order:
            solvers[name](FEW)
            short, long = (_mean_seconds(solvers[name], k) for k in (FEW, MANY))
            taken[name].append((long - short) / (MANY - FEW) - (0 if "product" in name else cost))
    rows = [{"solver": name, "iteration_us": _quartiles(times, 1e6)} for name, times in taken.items()]
    return [*rows, {"solver": "(the product)", "iteration_us": _quartiles(products, 1e6)}]


def _vector_seconds(solve: Solve, product: TimedProduct | None) -> float:
    """Of an iteration, without the product."""
    times = []
    for k in (LONG_FEW, LONG_MANY):
        if product is not None:
            product.seconds = 0.0
        elapsed = _seconds(lambda k=k: solve(k))
        times.append(elapsed - (product.seconds if product is not None else 0))
    return (times[1] - times[0]) / (LONG_MANY - LONG_FEW)


def vectors() -> list[dict[str, Any]]:
    """One row a solver and number of threads: milliseconds of vector work an iteration, at n = 10^6."""
    d, b = _system(LONG)
    product = TimedProduct(d)
    most = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    cases: dict[tuple[str, int], tuple[Solve, TimedProduct | None, int]] = {}
    for threads in sorted({1, most}):
        cases["osculate", threads] = _ours(product, b, threads), product, 80
        cases["osculate, M diagonal", threads] = _ours(product, b, threads, M=1 / (d + 5)), product, 96
    cases["scipy cg", 1] = _scipy(product, b), product, 80
    compiled = _jax(d, b)
    if compiled is not None:
        cases["jax cg (product included)", most] = compiled, None, 80
    taken: dict[tuple[str, int], list[float]] = {case: [] for case in cases}
    triads: dict[int, list[float]] = {threads: [] for _, threads in cases}
    order, shuffle = list(cases), random.Random(2)
    for round_ in range(LONG_ROUNDS + 1):
        shuffle.shuffle(order)
        for case in order:
            seconds = _vector_seconds(*cases[case][:2])
            if round_:  # the first one warms up
                taken[case].append(seconds)
        for threads, times in triads.items():
            times.append(float(np.median(batch_cpp.triad(threads, LONG))))
    rows = []
    for (name, threads), times in taken.items():
        triad = 24 * LONG / float(np.median(triads[threads]))
        rate = cases[name, threads][2] * LONG / float(np.median(times))
        row: dict[str, Any] = {"solver": name, "threads": threads, "iteration_ms": _quartiles(times, 1e3)}
        rows.append(row | {"bytes_per_second": rate, "triad_bytes_per_second": triad})
    return rows


def cg() -> dict[str, Any]:
    """Both tables."""
    gc.collect()
    gc.disable()
    try:
        return {"tables": {"overhead": overhead(), "vectors": vectors()}}
    finally:
        gc.enable()


def table(label: str, rows: list[dict[str, Any]], draw: Callable[[list[str], list[list[str]]], str]) -> str:
    """The Markdown of one of the tables; `draw(header, rows)` makes it."""

    def spread(values: list[float]) -> str:
        low, median, high = values
        return f"{median:.2f} ({low:.2f} - {high:.2f})"

    if label == "overhead":
        cells = [[row["solver"], spread(row["iteration_us"])] for row in rows]
        return f"n = {SHORT}, without the product\n\n" + draw(["", "us an iteration"], cells)
    header = ["", "threads", "ms an iteration", "GB/s", "triad GB/s", "share"]
    cells = []
    for row in rows:
        rate, triad = row["bytes_per_second"], row["triad_bytes_per_second"]
        line = [row["solver"], str(row["threads"]), spread(row["iteration_ms"])]
        cells.append([*line, f"{rate / 1e9:.1f}", f"{triad / 1e9:.1f}", f"{rate / triad:.0%}"])
    return f"n = {LONG}, without the product\n\n" + draw(header, cells)
