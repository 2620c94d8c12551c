"""Parallel evaluation of many points, as SciPy's `workers` argument means it."""

from __future__ import annotations

import operator
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from . import _threads


def map_function(caller: str, workers: Any, stack: ExitStack) -> Callable[..., Any] | None:
    """A map-like callable; processes that it starts end with `stack`. None: one process, a plain loop."""
    if callable(workers):
        return workers  # type: ignore[no-any-return]
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
        return None
    import multiprocessing

    return stack.enter_context(multiprocessing.Pool(processes)).map
