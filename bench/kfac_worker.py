"""Processes for the peers of the K-FAC benches, with so many threads of BLAS and OpenMP each.

Thread pools are sized by the environment when a library is loaded, and what one library leaves running
must not disturb another: a process per peer and number of threads, which answers one call at a time.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import environment
from worker import Worker

LIMIT = 600.0  # seconds for an answer
LEAST = 0.005  # seconds: what is shorter is timed several times in a row
LONG = 0.05  # seconds: what is longer is not made twice, to have caches and clocks ready

Key = tuple[Any, ...]


@contextmanager
def threads_of_children(threads: int) -> Iterator[None]:
    """The environment in which processes are started."""
    before = {name: os.environ.get(name) for name in environment.THREADS}
    os.environ.update(dict.fromkeys(environment.THREADS, str(threads)))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


class Crew:
    """A process for every (peer, threads) that is asked something."""

    def __init__(self) -> None:
        self._workers: dict[Key, Worker] = {}

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers.values():
            worker.close()

    def call(self, peer: str, threads: int, module: str, function: str, *arguments: Any) -> Any:
        """The function's value in that process."""
        worker = self._workers.setdefault((peer, threads), Worker())
        with threads_of_children(threads):
            return worker.call(LIMIT, module, function, *arguments)


def called(threads: int, limit: float, module: str, function: str, *arguments: Any) -> Any:
    """The function's value in a process of its own."""
    worker = Worker()
    try:
        with threads_of_children(threads):
            return worker.call(limit, module, function, *arguments)
    finally:
        worker.close()


def interleaved(cases: Mapping[Key, Callable[[], Any]], rounds: int, seed: str) -> dict[Key, list[Any]]:
    """What each case gives, once a round, in an order that is shuffled every round."""
    shuffle, order = random.Random(seed), list(cases)
    found: dict[Key, list[Any]] = {key: [] for key in cases}
    for _ in range(rounds):
        shuffle.shuffle(order)
        for key in order:
            found[key].append(cases[key]())
    return found


def seconds(function: Callable[[], object]) -> float:
    """Of one call; a short one once more, in a row with as many as last LEAST."""
    began = perf_counter()
    function()
    once = perf_counter() - began
    if once > LONG:
        return once
    count = max(1, round(LEAST / max(once, 1e-9)))
    began = perf_counter()
    for _ in range(count):
        function()
    return (perf_counter() - began) / count


def quartiles(values: list[float]) -> list[float]:
    """Lower quartile, median, upper quartile."""
    import numpy as np

    return [float(q) for q in np.quantile(values, (0.25, 0.5, 0.75))]
