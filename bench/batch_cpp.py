"""The C++ programs of the batch bench: compiled when first needed, kept in bench/cpp/build, run as processes.

TinySolver runs at its defaults (function_tolerance 1e-6, absolute; at most 50 iterations, which all but a few
in 10^4 fits do with) and, as "tuned", with the loosest tolerance that still gives every fit 1e-4 of the best
cost: below float32's resolution of the cost its default never holds but by a change of exactly zero.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from batch_peer import AbsentError, Case, Fits
from batch_workloads import WITHIN

SOURCES = Path(__file__).resolve().parent / "cpp"
FLAGS = ("-O3", "-march=native", "-std=c++17", "-fopenmp", "-DNDEBUG")
MODELS = {"W1": "Gaussian2D", "W2": "Gaussian", "W3": "Biexponential", "W4": "Exponential"}
TYPES = {"float64": "double", "float32": "float"}


def _package_folders(package: str, *inside: str) -> list[Path]:
    spec = importlib.util.find_spec(package)
    return [Path(place, *inside) for place in spec.submodule_search_locations or ()] if spec else []


def _includes() -> list[Path]:
    """Where Eigen and xsimd may be: Debian's, cmeel's, those the osculate wheel brings, pythran's."""
    places = [Path("/usr/include/eigen3")]
    places += _package_folders("cmeel", os.pardir, "cmeel.prefix", "include", "eigen3")
    places += _package_folders("osculate", "include") + _package_folders("pythran")
    return [place for place in places if place.is_dir()]


def _header(name: str) -> Path | None:
    places = [*_includes(), Path("/usr/include"), Path("/usr/local/include")]
    return next((place / name for place in places if (place / name).exists()), None)


def versions() -> dict[str, str]:
    """Of the compiler, its flags, and the headers that were found."""
    facts = {}
    if shutil.which("g++"):
        facts["g++"] = subprocess.run(
            ["g++", "-dumpfullversion"], capture_output=True, text=True
        ).stdout.strip()
        facts["flags"] = " ".join(FLAGS)
    macros = {
        "ceres": ("ceres/version.h", "CERES_VERSION_"),
        "Eigen": ("Eigen/src/Core/util/Macros.h", "EIGEN_"),
        "xsimd": ("xsimd/config/xsimd_config.hpp", "XSIMD_VERSION_"),
    }
    for package, (name, prefix) in macros.items():
        path = _header(name)
        if path:
            parts = re.findall(
                rf"#define {prefix}(?:WORLD|MAJOR|MINOR|REVISION|PATCH)(?:_VERSION)? (\d+)", path.read_text()
            )
            facts[package] = ".".join(parts[:3])
    return facts


def build(source: str, **macros: str) -> Path:
    """The program, compiled unless this source was with these flags; AbsentError where it cannot be."""
    if not shutil.which("g++"):
        raise AbsentError("g++ is not installed")
    if not _header("Eigen/Core"):
        raise AbsentError("Eigen is not installed (apt install libeigen3-dev, or pip install cmeel-eigen)")
    command = ["g++", *FLAGS, *(f"-D{name}={value}" for name, value in macros.items())]
    command += [f"-I{place}" for place in _includes()]
    state = hashlib.sha256(repr([command, versions(), _cpu_flags()]).encode())
    for path in sorted(SOURCES.glob("*.?pp")):
        state.update(path.read_bytes())
    program = SOURCES / "build" / f"{source}-{state.hexdigest()[:16]}"
    if not program.exists():
        program.parent.mkdir(exist_ok=True)
        partial = program.with_suffix(f".{os.getpid()}")
        command += [str(SOURCES / f"{source}.cpp"), "-o", str(partial)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            raise AbsentError(f"{source}.cpp does not compile: {done.stderr.strip()[-500:]}")
        partial.rename(program)
    return program


def _cpu_flags() -> str:
    """What -march=native depends on, so that a checkout that moves to another machine compiles anew."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line for line in lines if line.startswith("flags")), "")


def _run(program: Path, *arguments: object) -> dict[str, Any]:
    done = subprocess.run([program, *map(str, arguments)], capture_output=True, text=True)
    if done.returncode:
        raise AbsentError(done.stderr.strip() or f"{program.name} ended with {done.returncode}")
    return json.loads(done.stdout)


def prepare_tiny_solver(case: Case, tuned: bool = False) -> Callable[[], Fits]:
    if not _header("ceres/tiny_solver.h"):
        raise AbsentError("ceres/tiny_solver.h is not installed (apt install libceres-dev)")
    workload = case.workload
    program = build("tiny_solver", MODEL=MODELS[workload.name], SCALAR=TYPES[case.dtype])
    tolerance = 2 * WITHIN * workload.expected_cost if tuned else 0

    def run() -> Fits:
        with tempfile.NamedTemporaryFile(dir=case.folder) as output:
            facts = _run(program, case.threads, case.fits, case.folder, output.name, tolerance)
            params = np.fromfile(output.name, case.dtype).reshape(-1, workload.n_parameters)
        return Fits(params, facts.pop("seconds"), facts=facts)

    return run


def throughput(threads: int) -> dict[str, dict[str, float]]:
    """Multiply-adds and exponentials a second, by dtype; see cpp/throughput.cpp."""
    return _run(build("throughput"), threads)


def triad(threads: int, length: int, repetitions: int = 20) -> list[float]:
    """Seconds of every pass over three vectors of doubles; see cpp/triad.cpp."""
    seconds = _run(build("triad"), threads, length, repetitions)["seconds"]
    return [float(value) for value in seconds]
