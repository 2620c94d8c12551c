"""Training loss against time: Hessian-free beside Adam, SGD and L-BFGS on small deep autoencoders.

Networks of tanh units with a linear code and sparse initialization, in NumPy and float32 for all. "digits":
scikit-learn's 1797, 64-100-50-25-6 and back. "CURVES": 20,000 generated images (training_tasks.py),
784-400-200-100-50-25-6 and back, few settings and one start. Loss: cross-entropy in nats an image above the
entropy of the data, on all images, which is what this bench is about: no test set.

Time is the processor time of the process with one thread of BLAS, which on a quiet machine is the wall time;
evaluating the loss for the curve is not counted. Every optimizer runs through its grid of settings, what was
left of a wider one, with the same budget and seed; its best setting runs again from the other starts. "Time
to Adam" is when the loss that the best Adam has at the end is reached, as a share of the budget, start by
start: the first moment a loss on the curve is below.

Adam and SGD decay their rate over the budget, so that they are best at its end and not before. The shares
depend on the budget: all curves flatten, those of the first-order methods sooner.

    python bench/autoencoder.py PICTURE [RESULT]

draws bench/results/autoencoder.json: loss against seconds, and against passes over the images.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import autoencoder_train as train
import training_tasks
from autoencoder_network import Array, Autoencoder
from training_tasks import settings_grid

BUDGET = 24.0  # seconds
POINTS = 60  # of a curve
Optimizers = dict[str, tuple[Callable[..., train.Steps], list[dict[str, Any]]]]


OPTIMIZERS: Optimizers = {
    "Adam": (train.adam, settings_grid(rate=(4e-3, 8e-3), batch=(100, 200, 400))),
    "SGD, Nesterov": (train.nesterov, settings_grid(rate=(0.02, 0.04), batch=(25, 50))),
    "L-BFGS": (train.lbfgs, settings_grid(memory=(20, 100))),
    "Hessian-free": (train.hessian_free, settings_grid(preconditioner=("none",), damping=(0.1, 1.0))),
    "Hessian-free, Fisher diagonal": (
        train.hessian_free,
        settings_grid(preconditioner=("fisher",), min_damping=(1e-5, 1e-4), progress_tolerance=(5e-4, 1e-3)),
    ),
    "Hessian-free, Kronecker": (
        train.hessian_free,
        settings_grid(
            preconditioner=("kronecker",), min_damping=(1e-4, 1e-3), progress_tolerance=(5e-3, 1e-2)
        ),
    ),
}
LARGE: Optimizers = {
    "Adam": (train.adam, settings_grid(rate=(1e-3, 2e-3), batch=(50,))),
    "Hessian-free, Fisher diagonal": (
        train.hessian_free,
        settings_grid(preconditioner=("fisher",), min_damping=(1e-5,), progress_tolerance=(5e-4, 5e-3)),
    ),
    "Hessian-free, Kronecker": (
        train.hessian_free,
        settings_grid(preconditioner=("kronecker",), min_damping=(1e-4,), progress_tolerance=(5e-4, 5e-3)),
    ),
}


@dataclass(frozen=True)
class Task:
    """Images, the network's widths to the code, and what is tried on them."""

    images: Callable[[], Array]
    widths: list[int]
    optimizers: Optimizers
    budget: float = 1.0
    """In units of the bench's."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """The first one is searched on."""


TASKS = {
    "digits": Task(training_tasks.digits, [64, 100, 50, 25, 6], OPTIMIZERS),
    "CURVES": Task(training_tasks.curves, [784, 400, 200, 100, 50, 25, 6], LARGE, 2.5, (0,)),
}


def run(
    steps_of: Callable[..., train.Steps],
    images: Array,
    widths: list[int],
    seed: int,
    budget: float,
    settings: dict[str, Any],
) -> dict[str, Any]:
    """One training: its curve as (seconds, epochs, loss), and how many steps it made."""
    network, least = Autoencoder(widths), training_tasks.entropy(images)
    spent, began = 0.0, time.process_time()
    steps = steps_of(
        network, images, seed, lambda: (spent + time.process_time() - began) / budget, **settings
    )
    curve = [(0.0, 0.0, network.loss(network.start(seed), images) - least)]
    count, due = 0, 0.0
    began = time.process_time()
    with np.errstate(over="ignore", invalid="ignore"):
        for theta, seen in steps:
            count += 1
            spent += time.process_time() - began
            if spent >= due or spent >= budget:
                loss = network.loss(theta, images) - least
                curve.append((round(spent, 4), round(seen / len(images), 3), loss))
                due = spent + budget / POINTS
                if spent >= budget or not np.isfinite(loss):
                    break
            began = time.process_time()
    steps.close()  # type: ignore[attr-defined]
    return {"settings": settings, "seed": seed, "steps": count, "curve": curve}


def _last(result: dict[str, Any]) -> float:
    loss = float(result["curve"][-1][2])
    return loss if np.isfinite(loss) else float("inf")


def _reached(result: dict[str, Any], goal: float) -> float | None:
    return next((seconds for seconds, _, loss in result["curve"] if loss <= goal), None)


def search(task: Task, name: str, images: Array, budget: float) -> dict[str, Any]:
    """The runs of an optimizer's best settings from every start, and the last loss of all settings."""
    steps, grid = task.optimizers[name]
    first_seed, *others = task.seeds
    tried = [run(steps, images, task.widths, first_seed, budget, settings) for settings in grid]
    first = min(tried, key=_last)
    more = [run(steps, images, task.widths, seed, budget, first["settings"]) for seed in others]
    searched = [{"settings": one["settings"], "loss": _last(one)} for one in tried]
    return {"best": [first, *more], "searched": searched}


def rows(found: dict[str, dict[str, Any]], budget: float) -> list[dict[str, Any]]:
    """A row an optimizer, with its curves."""
    goals = [_last(one) for one in found["Adam"]["best"]]
    out = []
    for name, result in found.items():
        best = result["best"]
        seconds = [_reached(one, goal) for one, goal in zip(best, goals, strict=True)]
        out.append(
            {
                "optimizer": name,
                "settings": best[0]["settings"],
                "of": len(result["searched"]),
                "loss": [_last(one) for one in best],
                "time_to_adam": [None if t is None else t / budget for t in seconds],
                "steps": [one["steps"] for one in best],
                "curves": [one["curve"] for one in best],
                "searched": result["searched"],
            }
        )
    return out


def autoencoder(budget: float = BUDGET) -> dict[str, Any]:
    """Search, and sum up."""
    tables, setup = {}, {}
    for label, task in TASKS.items():
        images, seconds = task.images(), task.budget * budget
        found = {name: search(task, name, images, seconds) for name in task.optimizers}
        tables[label] = rows(found, seconds)
        setup[label] = {
            "budget": seconds,
            "widths": task.widths,
            "images": len(images),
            "entropy": training_tasks.entropy(images),
        }
    return {"tables": tables, "setup": setup}


def table(label: str, rows: list[dict[str, Any]], draw: Callable[[list[str], list[list[str]]], str]) -> str:
    """The Markdown of the table; `draw(header, rows)` makes it."""
    cells = []
    for row in rows:
        times = [t for t in row["time_to_adam"] if t is not None]
        share = f"{statistics.median(times):.2f}" if len(times) == len(row["time_to_adam"]) else "not reached"
        settings = ", ".join(f"{key} {value}" for key, value in row["settings"].items())
        losses = " ".join(f"{loss:.2f}" for loss in row["loss"])
        cells.append([row["optimizer"], losses, share, str(row["steps"][0]), settings, str(row["of"])])
    header = ["", "last loss of every start", "time to Adam", "steps", "settings", "of so many tried"]
    return f"{label}, training loss on all images\n\n" + draw(header, cells)


def plot(record: dict[str, Any], path: Path) -> None:
    """The loss against time, and against passes over the images; a line for every start."""
    from matplotlib.figure import Figure

    tables = record["tables"]
    figure = Figure(figsize=(9, 4 * len(tables)), layout="constrained")
    grid = figure.subplots(len(tables), 2, sharey="row", squeeze=False)
    names = {name: f"C{k}" for k, name in enumerate(OPTIMIZERS)}
    for panels, (label, found) in zip(grid, tables.items(), strict=True):
        for row in found:
            for start, curve in enumerate(row["curves"]):
                seconds, epochs, losses = zip(*curve, strict=True)
                for axes, x in zip(panels, (seconds, epochs), strict=True):
                    axes.plot(
                        x[1:],
                        losses[1:],
                        color=names.get(row["optimizer"], "black"),
                        linewidth=1.2 - 0.3 * start,
                        label=row["optimizer"] if start == 0 else None,
                    )
        for axes, name in zip(
            panels, ("seconds", "passes over the images, losses and products too"), strict=True
        ):
            axes.set(xlabel=name, xscale="log", yscale="log", title=label)
            axes.grid(alpha=0.3)
        panels[0].set_ylabel("loss above the entropy, nats an image")
        panels[0].legend(fontsize=7)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    RESULT = Path(__file__).resolve().parent / "results" / "autoencoder.json"
    plot(json.loads(Path(*sys.argv[2:3] or [RESULT]).read_text()), Path(sys.argv[1]))
