"""The number of threads to use: what the operating system, the container and OpenMP's variable allow."""

from __future__ import annotations

import functools
import math
import operator
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

MOST = 4096  # beyond this, creating the threads itself fails on common systems


def available() -> int:
    """Return how many CPUs affinity, cgroup quota (rounded up) and OMP_NUM_THREADS leave to this process."""
    if hasattr(os, "sched_getaffinity"):
        cpus = len(os.sched_getaffinity(0))
    else:
        cpus = os.cpu_count() or 1
    limits = [cpus, _cgroup_limit(), _openmp_limit()]
    return max(1, min(limit for limit in limits if limit is not None))


def resolve(threads: int | None, caller: str = "") -> int:
    """Return `threads` if it is a valid number of threads, and `available()` where it is None.

    Messages begin with `caller`, the name of the public function and a colon.
    """
    if threads is None:
        return available()
    try:
        if isinstance(threads, bool):
            raise TypeError
        count = operator.index(threads)
    except TypeError:
        raise TypeError(
            f"{caller}threads: got {threads!r} of type {type(threads).__name__}, "
            "expected a positive integer or None"
        ) from None
    if not 1 <= count <= MOST:
        raise ValueError(f"{caller}threads: got {count}, expected an integer from 1 to {MOST}, or None")
    return count


def _openmp_limit() -> int | None:
    """Return the first number of OMP_NUM_THREADS (the outermost level), None where unset or invalid."""
    first = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return int(first) if first.isdecimal() and int(first) > 0 else None


@functools.cache
def _cgroup_limit() -> int | None:
    """Return this process's quota; read once, because a container seldom changes its own."""
    return cgroup_limit(Path("/"))


def cgroup_limit(root: Path) -> int | None:
    """Return the smallest CPU quota of this process's control groups and their parents, rounded up."""
    return min((math.ceil(quota) for quota in _quotas(root)), default=None)


def _quotas(root: Path) -> Iterator[float]:
    for line in _read(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        group = PurePosixPath(path.lstrip("/"))
        for parent in (group, *group.parents):
            if not controllers:  # version 2: one hierarchy, "quota period" in one file
                quota = _read(root / "sys/fs/cgroup" / parent / "cpu.max").split()
            elif "cpu" in controllers.split(","):  # version 1
                folder = root / "sys/fs/cgroup/cpu" / parent
                quota = [_read(folder / f"cpu.cfs_{name}_us").strip() for name in ("quota", "period")]
            else:
                continue
            if len(quota) == 2 and all(number.isdecimal() and int(number) > 0 for number in quota):
                yield int(quota[0]) / int(quota[1])


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
