"""Files for tests of `osculate fit` with many data sets, and what they must give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

import osculate

T = np.linspace(0, 5, 40)
TAU = np.linspace(0.8, 2.0, 12).reshape(3, 4)
FILE = """
import numpy as np

def decay(t, a, tau, c):
    return a * np.exp(-t / tau) + c

def broken(t, a):
    raise ArithmeticError("no such luck")

def stack():
    t = np.linspace(0, 5, 40)
    tau = np.linspace(0.8, 2.0, 12).reshape(3, 4, 1)
    return t, decay(t, 2.0, tau, 0.5)

def failing():
    return 1 / 0
"""
DECAY = ("--model", "decay.py:decay", "--start", "tau=1")


def stacked() -> Any:
    noise = 0.01 * np.random.default_rng(5).standard_normal((3, 4, 40))
    return 2 * np.exp(-T / TAU[..., None]) + 0.5 + noise


def write_files() -> None:
    """A Python file, a stack with its axis of points last and first, and a table of its traces."""
    Path("decay.py").write_text(FILE)
    stack = stacked()
    np.save("stack.npy", stack)
    np.save("movie.npy", np.moveaxis(stack, -1, 0))
    np.save("times.npy", T)
    np.savez("both.npz", x=T, y=stack, s=np.full(40, 0.01))
    columns = np.column_stack([T, stack.reshape(12, 40).T])
    header = "t (ms)," + ",".join(f"cell {k}" for k in range(12))
    np.savetxt("traces.csv", columns, delimiter=",", header=header, comments="")


def saved(path: str = "fit.npz") -> dict[str, Any]:
    with np.load(path) as archive:
        return {name: archive[name] for name in archive.files}


def expected(**options: Any) -> osculate.FitResult:
    return osculate.fit("a*exp(-x/tau) + c", T, stacked(), {"tau": 1.0}, **options)
