"""One peer of the batch bench in a process of its own.

A process per peer and number of threads, because thread pools are sized when a library is loaded, because
what one library leaves running must not disturb another, and because a crash is then an absence and no
more. The process may use as many CPUs as the peer has threads. Data come as raw files; rates, parameters
and reasons go back over a pipe.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import multiprocessing
import os
import warnings
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batch_workloads import BY_NAME, Data, Workload

WAKING = 1.0  # seconds: a run that takes less is repeated, and the second one counts
PATIENCE = 600  # seconds without an answer after which a peer is absent


class AbsentError(Exception):
    """Why a peer cannot take part."""


@dataclass(frozen=True)
class Case:
    """What a peer prepares for: the first `fits` of a workload's data sets, in folder/x, y and p0."""

    workload: Workload
    dtype: str
    threads: int
    fits: int
    folder: Path

    def data(self) -> Data:
        x, y, p0 = (np.fromfile(self.folder / name, self.dtype) for name in ("x", "y", "p0"))
        workload = self.workload
        y, p0 = y.reshape(-1, workload.n_points), p0.reshape(-1, workload.n_parameters)
        return Data(x.reshape(workload.x.shape), y[: self.fits].copy(), p0[: self.fits].copy())


@dataclass(frozen=True)
class Fits:
    """A run's parameters (B, P); seconds where the peer times itself; iterations of each fit; other facts."""

    params: NDArray[Any]
    seconds: float | None = None
    iterations: Any = None
    facts: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Peer:
    """`module.function(case, **options)` returns a function that does the fits.

    It raises AbsentError or ImportError where it cannot.
    """

    name: str
    module: str
    function: str
    fits: int  # at most so many are timed
    options: dict[str, Any] = field(default_factory=dict)
    dtypes: tuple[str, ...] = ("float64", "float32")
    threads: tuple[int, ...] = (1, 2)
    packages: tuple[str, ...] = ()
    environment: dict[str, str] = field(default_factory=dict)
    compiles: bool = False  # for seconds, each case anew: the quick bench takes one case alone


def _limit(threads: int) -> None:
    """At most so many CPUs: the last ones, since the first tends to serve the interrupts."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])


def _keep_memory() -> None:
    """Have malloc keep what is freed, as after many calls, where it is glibc's.

    What went back to the system must be fetched again by the next run, and on a virtual machine that costs
    more than a small fit, at random: whether the host has taken the pages meanwhile. TinySolver's results
    lie in memory that was touched before its clock starts.
    """
    mmap_max, trim_threshold = -4, -1  # M_MMAP_MAX and M_TRIM_THRESHOLD
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(mmap_max, 0)
        mallopt(trim_threshold, -1)


def _received(pipe: Connection) -> Any:
    """The next message, None when the bench is gone."""
    try:
        return pipe.recv()
    except EOFError:
        return None


def serve(pipe: Connection, peer: Peer, threads: int) -> None:
    """Answer prepare, run and params until None comes; every answer is (value, None) or (None, reason)."""
    _limit(threads)
    _keep_memory()
    os.environ.update(peer.environment)
    warnings.simplefilter("ignore")  # a loop over curve_fit would print one for each singular covariance
    runs: dict[str, Any] = {}
    last: dict[str, Fits] = {}

    def prepare(name: str, dtype: str, fits: int, folder: Path) -> dict[str, float]:
        function = getattr(importlib.import_module(peer.module), peer.function)
        case = Case(BY_NAME[name], dtype, threads, fits, folder)
        runs[dtype] = function(case, **peer.options)
        timed(dtype)  # compiles, touches the memory
        facts, iterations = last[dtype].facts, last[dtype].iterations
        return facts if iterations is None else {**facts, "iterations": float(np.mean(iterations))}

    def timed(dtype: str) -> float:
        last.pop(dtype, None)  # or the allocator could not reuse its memory
        gc.collect()
        began = perf_counter()
        last[dtype] = runs[dtype]()
        seconds = perf_counter() - began
        return seconds if last[dtype].seconds is None else last[dtype].seconds

    def run(dtype: str) -> float:
        seconds = timed(dtype)
        return timed(dtype) if seconds < WAKING else seconds

    def params(dtype: str) -> NDArray[Any]:
        runs.pop(dtype)
        return last.pop(dtype).params

    verbs = {"prepare": prepare, "run": run, "params": params}
    while (message := _received(pipe)) is not None:
        verb, *arguments = message
        try:
            pipe.send((verbs[verb](*arguments), None))
        except (AbsentError, ImportError) as reason:
            pipe.send((None, str(reason)))
        except Exception as error:
            pipe.send((None, f"{type(error).__name__}: {error}"[:500]))


class Worker:
    """The other end: a started process, until `close`."""

    def __init__(self, peer: Peer, threads: int) -> None:
        self.peer, self.threads = peer, threads
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(theirs, peer, threads), daemon=False)
        self._process.start()
        theirs.close()

    def ask(self, *message: Any) -> Any:
        """The answer; AbsentError with the reason where there is none."""
        try:
            self._pipe.send(message)
            if not self._pipe.poll(PATIENCE):
                self._process.terminate()
                raise AbsentError(f"no answer in {PATIENCE} s")
            value, reason = self._pipe.recv()
        except (EOFError, OSError):
            self._process.join()
            raise AbsentError(f"its process ended with {self._process.exitcode}") from None
        if reason is not None:
            raise AbsentError(reason)
        return value

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._pipe.send(None)
        self._process.join()
        self._pipe.close()
