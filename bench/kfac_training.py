"""Training loss against wall time: K-FAC beside Adam and SGD with Nesterov's momentum, passes in torch.

Question. When does K-FAC reach the training loss that the better of tuned Adam and SGD has at the end?

"CURVES": 20,000 generated images (training_tasks.py), 784-400-200-100-50-25-6 and back. "digits": scikit-
learn's 1797, 64-100-50-25-6 and back. Float32, two threads, both passes written out in torch and shared
(kfac_autoencoder.py); loss in nats an image above the entropy of the data, on all images: this is about
optimization, not about a test set. Sparse initialization for all; Adam and SGD with a cosine decay of
the rate over the budget.

Every optimizer runs through its settings with the first seed; its best ones run again from two more. The
clock is wall time without evaluations of the loss. A run is a process of its own.

    python bench/run.py kfac_training [--budget SECONDS]
"""

from __future__ import annotations

import itertools
import statistics
from collections import deque
from collections.abc import Callable
from time import perf_counter
from typing import Any

import environment
import training_tasks
from kfac_worker import called
from training_tasks import settings_grid

BUDGET = 60.0  # seconds
SEEDS = (0, 1, 2)  # the first one is searched on
POINTS = 48  # of a curve
THREADS = 2
DIVERGED = 1e6  # nats
LIMIT = 1200.0  # seconds for a run with what it evaluates


# on CURVES the best of some 20 settings of Adam and 10 of SGD, found before, and the other nonlinearity;
# K-FAC's are Martens and Grosse's but for a fixed damping and smaller first batches
PROBLEMS: dict[str, dict[str, Any]] = {
    "CURVES": {
        "data": "curves",
        "widths": [784, 400, 200, 100, 50, 25, 6],
        "budget": 1.0,
        "settings": {
            "Adam": [
                {"method": "Adam", "activation": "sigmoid", "rate": 2e-3, "batch": 50},
                {"method": "Adam", "activation": "tanh", "rate": 1e-3, "batch": 50},
            ],
            "SGD, Nesterov": settings_grid(
                method=("SGD",), activation=("sigmoid", "tanh"), rate=(0.015,), batch=(50,)
            ),
            "K-FAC": settings_grid(damping=(1e-2,), batch=(300,), growth=(400.0,), most=(4000,)),
        },
    },
    "digits": {
        "data": "digits",
        "widths": [64, 100, 50, 25, 6],
        "budget": 0.25,  # of CURVES'
        "settings": {
            "Adam": settings_grid(
                method=("Adam",), activation=("tanh",), rate=(4e-3, 8e-3, 1.6e-2), batch=(50,)
            )
            + settings_grid(method=("Adam",), activation=("sigmoid",), rate=(8e-3,), batch=(50,)),
            "SGD, Nesterov": settings_grid(
                method=("SGD",), activation=("tanh",), rate=(0.02, 0.04, 0.08), batch=(25, 50)
            ),
            "K-FAC": [
                {"damping": 1e-2, "batch": first, "growth": growth, "most": 1797, "part": 0.5, "floor": floor}
                for first, growth, floor in ((300, 100.0, 1e-3), (1797, 1e9, 3e-4))
            ],
        },
    },
}


def run(
    data: str, widths: list[int], seed: int, budget: float, settings: dict[str, Any], count: int | None
) -> dict[str, Any]:
    """One training, in this process: its curve as (seconds, loss), and how many steps it made."""
    import torch

    import kfac_train
    from kfac_autoencoder import Network

    torch.set_grad_enabled(False)
    images = (
        training_tasks.curves(count or training_tasks.CURVES)
        if data == "curves"
        else training_tasks.digits()[:count]
    )
    least, x = training_tasks.entropy(images), torch.from_numpy(training_tasks.homogeneous(images))
    options = dict(settings)
    net = Network(widths, options.pop("activation", "tanh"))
    steps_of = kfac_train.first_order if "method" in options else kfac_train.kfac
    # What a first step loads and allocates (torch's optimizers: most of a second) is not on the clock.
    deque(itertools.islice(steps_of(net, x, seed, lambda: 0.0, **options), 2), maxlen=0)
    spent, began = 0.0, perf_counter()
    steps = steps_of(net, x, seed, lambda: (spent + perf_counter() - began) / budget, **options)
    curve = [(0.0, net.loss(net.start(seed), x) - least)]
    made, due = 0, 0.0
    began = perf_counter()
    for points in steps:
        made += 1
        spent += perf_counter() - began
        if spent >= due or spent >= budget:
            loss = min(net.loss(theta, x) for theta in points) - least
            curve.append((round(spent, 4), loss))
            due = spent + budget / POINTS
            if spent >= budget or not loss < DIVERGED:
                break
        began = perf_counter()
    return {"settings": settings, "seed": seed, "steps": made, "curve": curve}


def last(result: dict[str, Any]) -> float:
    """The loss at the end; infinity for what is none."""
    loss = float(result["curve"][-1][1])
    return loss if loss < float("inf") else float("inf")


def reached(curve: list[list[float]], goal: float) -> float | None:
    """When a curve is first at a loss, on straight lines between its points."""
    for (t0, f0), (t1, f1) in itertools.pairwise(curve):
        if f1 <= goal:
            return t1 if f0 <= goal or f0 == f1 else t0 + (t1 - t0) * (f0 - goal) / (f0 - f1)
    return None


def summary(found: dict[str, dict[str, Any]], budget: float, shortened: bool) -> dict[str, Any]:
    """A row an optimizer; `share` is the time to the better first-order loss, seed by seed."""
    pairs = zip(*(found[name]["best"] for name in ("Adam", "SGD, Nesterov")), strict=True)
    goals = [min(last(one) for one in pair) for pair in pairs]
    rows = []
    for name, result in found.items():
        seconds = [reached(one["curve"], goal) for one, goal in zip(result["best"], goals, strict=True)]
        rows.append(
            {
                "optimizer": name,
                "settings": result["best"][0]["settings"],
                "searched": result["searched"],
                "loss": [last(one) for one in result["best"]],
                "share": [None if t is None else t / budget for t in seconds],
                "steps": [one["steps"] for one in result["best"]],
                "curves": [one["curve"] for one in result["best"]],
            }
        )
    return {"budget": budget, "shortened": shortened, "rows": rows}


def kfac_training(budget: float = BUDGET, count: int | None = None) -> dict[str, Any]:
    """Search and sum up; a `budget` below BUDGET is said in the table, `count` images are a smoke test."""

    def training(problem: dict[str, Any], seed: int, settings: dict[str, Any]) -> dict[str, Any]:
        seconds = budget * problem["budget"]
        arguments = problem["data"], problem["widths"], seed, seconds, settings, count
        result: dict[str, Any] = called(THREADS, LIMIT, "kfac_training", "run", *arguments)
        return result

    tables = {}
    for label, problem in PROBLEMS.items():
        found = {}
        for name, grid in problem["settings"].items():
            tried = [training(problem, SEEDS[0], settings) for settings in grid]
            first = min(tried, key=last)
            more = [training(problem, seed, first["settings"]) for seed in SEEDS[1:]]
            searched = [{"settings": one["settings"], "loss": last(one)} for one in tried]
            found[name] = {"best": [first, *more], "searched": searched}
        tables[label] = summary(found, budget * problem["budget"], budget < BUDGET)
    versions = {"torch": environment.version("torch")}
    setup = {"budget": budget, "shortened": budget < BUDGET, "images": count, "threads": THREADS}
    return {"tables": tables, "setup": setup, "peer_versions": versions}


def table(label: str, content: dict[str, Any], draw: Callable[[list[str], list[list[str]]], str]) -> str:
    """The Markdown of one problem; `draw(header, rows)` makes it."""
    cells = []
    for row in content["rows"]:
        share = row["share"]
        whole = all(s is not None for s in share)
        text = (
            f"{statistics.median(share):.2f} ({min(share):.2f} - {max(share):.2f})"
            if whole
            else "not reached"
        )
        settings = ", ".join(
            f"{key} {value:g}" if isinstance(value, float) else f"{key} {value}"
            for key, value in row["settings"].items()
            if key != "method"
        )
        losses = " ".join(f"{loss:.2f}" for loss in row["loss"])
        cells.append(
            [row["optimizer"], losses, text, str(row["steps"][0]), settings, str(len(row["searched"]))]
        )
    header = ["", "last loss, three seeds", "share of the time", "steps", "settings", "of so many tried"]
    note = "Share of the time: until the last loss of the better of Adam and SGD; median (range)."
    mark = ", **shorter than the bench**" if content["shortened"] else ""
    return f"{label}, {content['budget']:g} s{mark}, full training loss\n\n{draw(header, cells)}\n\n{note}"
