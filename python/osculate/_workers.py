"""Parallel evaluation of many points, as SciPy's `workers` argument means it."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from . import _threads

Map = Callable[..., Any] | None
ONE_PROCESS: AbstractContextManager[Map] = nullcontext(None)  # as entering it costs next to nothing


def map_function(caller: str, workers: Any) -> AbstractContextManager[Map]:
    """A map-like callable, whose processes end with the context; None there means a plain loop."""
    if workers is None:
        return ONE_PROCESS
    if callable(workers):
        return nullcontext(workers)
    try:
        if isinstance(workers, bool):
            raise TypeError
        workers = operator.index(workers)
    except TypeError:
        raise TypeError(
            f"{caller}: workers must be a whole number or a map-like callable, got {workers!r}"
        ) from None
    if workers == 0 or workers < -1:
        raise ValueError(f"{caller}: workers must be at least 1, or -1 for all CPUs, got {workers}")
    processes = _threads.available() if workers == -1 else workers
    if processes == 1:
        return ONE_PROCESS
    return _pool_map(processes)


@contextmanager
def _pool_map(processes: int) -> Iterator[Map]:
    import multiprocessing

    with multiprocessing.Pool(processes) as pool:
        yield pool.map
