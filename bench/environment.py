"""What a figure depends on: machine, versions, threads, load. Nothing here imports numpy."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import resource
import sys
import time
from datetime import datetime, timezone
from typing import Any

QUIET_LOAD = 0.3
# these make OpenBLAS run kernels for another CPU or block for another cache than the machine has
FOREIGN = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def restart_clean(*, threads: int | None = None) -> None:
    """Replace this process by one without FOREIGN in its environment, with so many BLAS and OpenMP threads.

    Call before numpy is imported. Returns where the environment is clean already.
    """
    if "numpy" in sys.modules:
        raise RuntimeError("numpy is imported already: OpenBLAS has read its environment")
    wanted = {} if threads is None else dict.fromkeys(THREADS, str(threads))
    if any(name in os.environ for name in FOREIGN) or any(os.environ.get(k) != v for k, v in wanted.items()):
        for name in FOREIGN:
            os.environ.pop(name, None)
        os.environ.update(wanted)
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _cpu_model() -> str:
    try:
        with open("/proc/cpuinfo") as info:
            names = [line.split(":", 1)[1].strip() for line in info if line.startswith("model name")]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or platform.machine()


def version(package: str) -> str | None:
    """Of an installed package."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def load() -> float:
    """The load average of the last minute."""
    return os.getloadavg()[0]


def _user_seconds() -> float:
    """Of this process and of its children that have ended."""
    return sum(resource.getrusage(who).ru_utime for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


class Recorder:
    """Facts at the start, and at the end what the bench itself used."""

    def __init__(self) -> None:
        self._load, self._wall = load(), time.perf_counter()
        self._user = _user_seconds()

    @property
    def noisy(self) -> bool:
        return self._load > QUIET_LOAD

    def facts(self) -> dict[str, Any]:
        packages = ("osculate", "numpy", "scipy", "lmfit")
        usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        return {
            "date": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "python": platform.python_version(),
            "versions": {name: version(name) for name in packages},
            "system": f"{platform.system()} {platform.machine()}",
            "cpu": _cpu_model(),
            "cpus": usable,
            "threads": {name: os.environ[name] for name in THREADS if name in os.environ},
            "load_start": self._load,
            "load_end": load(),
            "wall_seconds": time.perf_counter() - self._wall,
            "user_seconds": _user_seconds() - self._user,
            "noisy": self.noisy,
        }
