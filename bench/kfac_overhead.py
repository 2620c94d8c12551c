"""What K-FAC adds to a step of SGD, part by part, beside the least that the arithmetic allows.

The autoencoder 784-1000-500-250-30 and back, float32, two threads, torch in the process. A step of SGD
is forward and backward pass and the update with momentum, by `torch.nn` with autograd and `torch.optim`,
and with both passes written out (kfac_autoencoder.py); shares are of the faster one. "update": statistics of
1/8 of the batch, with the backward pass from targets drawn from the model. "invert": all inverses,
divided by the 20 steps from one to the next. "quadratic model": exact curvature along two directions, on
1/4 of the batch.

Floors are operations of a part by operations of a step, as if all products ran at one rate. Rounds are
interleaved in an order that is shuffled; medians and quartiles.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import environment
from kfac_worker import called, interleaved, quartiles, seconds

WIDTHS = [784, 1000, 500, 250, 30]
BATCHES = (512, 2048, 4096, 8192, 16384)
PERIOD, STATISTICS, MODEL = 20, 8, 4  # steps; one part in so many of the batch
THREADS, ROUNDS, LIMIT = 2, 11, 1800.0
PARTS = ("update", "invert", "precondition", "quadratic model")
GOALS = (0.3, 0.2, 0.1)

Draw = Callable[[list[str], list[list[str]]], str]


def floors(widths: list[int], batch: int) -> dict[str, float]:
    """Operations of every part as a share of a step's."""
    sizes = widths + widths[-2::-1]
    layers = [(b, a + 1) for a, b in itertools.pairwise(sizes)]
    first = layers[0][0] * layers[0][1]
    weights = sum(m * n for m, n in layers)
    step = batch * (6 * weights - 2 * first)  # nothing goes back through the first layer
    few, some = batch // STATISTICS, batch // MODEL
    parts = {
        "update": 2 * few * (weights - first) + few * sum(m * m + n * n for m, n in layers),
        "invert": sum(m**3 + n**3 for m, n in layers) / PERIOD,
        "precondition": sum(2 * m * n * (m + n) for m, n in layers),
        "quadratic model": 2 * some * (4 * weights - 2 * first),
    }
    return {name: operations / step for name, operations in parts.items()}


def measure(widths: list[int], batch: int, rounds: int, threads: int) -> dict[str, list[float]]:
    """Seconds of every part, and of a step of SGD in two ways; in this process."""
    import numpy as np
    import torch

    from kfac_autoencoder import Network
    from kfac_train import Curvature

    net = Network(widths)
    theta, g, d, before = net.start(0), *(torch.zeros(net.n) for _ in range(3))
    images = torch.from_numpy(np.random.default_rng(0).random((batch, widths[0] + 1), np.float32))
    images[:, -1] = 1
    curvature = Curvature(net, 0, damping=1e-2, threads=threads)
    few, some = max(batch // STATISTICS, 1), max(batch // MODEL, 1)
    with torch.no_grad():
        inputs, z = net.gradient(theta, images, g)
        before.copy_(g).mul_(-1e-3)
        curvature.statistics(theta, inputs, z, few)
        curvature.kfac.invert()
        curvature.direction(g, d)
    cases: dict[Any, Callable[[], object]] = {
        "SGD, autograd": _autograd_step(net, images),
        "SGD, by hand": _step_by_hand(net, images),
        "update": lambda: curvature.statistics(theta, inputs, z, few),
        "invert": curvature.kfac.invert,
        "precondition": lambda: curvature.direction(g, d),
        "quadratic model": lambda: curvature.model(theta, inputs, z, some, g, [d, before]),
    }

    def timed(name: str) -> float:
        with torch.set_grad_enabled(name == "SGD, autograd"):
            return seconds(cases[name])

    found = interleaved({(name,): lambda name=name: timed(name) for name in cases}, rounds, str(batch))
    times = {name: quartiles(values) for (name,), values in found.items()}
    times["invert"] = [t / PERIOD for t in times["invert"]]
    return times


def _step_by_hand(net: Any, images: Any) -> Callable[[], object]:
    import torch

    theta = torch.nn.Parameter(net.start(0))
    theta.grad = torch.empty(net.n)
    optimizer = torch.optim.SGD([theta], lr=1e-4, momentum=0.9, fused=True)

    def step() -> None:
        net.gradient(theta.data, images, theta.grad)
        optimizer.step()

    return step


def _autograd_step(net: Any, images: Any) -> Callable[[], object]:
    import torch

    layers: list[Any] = []
    for i, (m, n) in enumerate(net.shapes):
        layers.append(torch.nn.Linear(n - 1, m))
        if i not in net.linear:
            layers.append(torch.nn.Tanh())
    model, x = torch.nn.Sequential(*layers), images[:, :-1].contiguous()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-4, momentum=0.9)
    loss = torch.nn.BCEWithLogitsLoss(reduction="sum")

    def step() -> None:
        optimizer.zero_grad()
        (loss(model(x), x) / len(x)).backward()
        optimizer.step()

    return step


def kfac_overhead(
    batches: tuple[int, ...] = BATCHES, rounds: int = ROUNDS, widths: list[int] = WIDTHS
) -> dict[str, Any]:
    """A row a batch; a process for each."""
    rows = []
    for batch in batches:
        arguments = (widths, batch, rounds, THREADS)
        times = called(THREADS, LIMIT, "kfac_overhead", "measure", *arguments)
        rows.append({"batch": batch, "seconds": times, "floors": floors(widths, batch)})
    versions = {"torch": environment.version("torch")}
    setup = {"widths": widths, "rounds": rounds, "threads": THREADS}
    return {"tables": {"parts": rows}, "setup": setup, "peer_versions": versions}


def table(label: str, rows: list[dict[str, Any]], draw: Draw) -> str:
    """The Markdown; `draw(header, rows)` makes it."""
    cells, sums = [], {}
    for row in rows:
        times = {name: values[1] for name, values in row["seconds"].items()}
        steps = [times["SGD, autograd"], times["SGD, by hand"]]
        share = {name: times[name] / min(steps) for name in PARTS}
        sums[row["batch"]] = sum(share[name] for name in PARTS[:3])
        least = sum(row["floors"][name] for name in PARTS[:3])
        line = [str(row["batch"]), *(f"{1e3 * t:.1f}" for t in steps)]
        line += [f"{share[name]:.1%} ({row['floors'][name]:.1%})" for name in PARTS]
        cells.append([*line, f"{sums[row['batch']]:.1%} ({least:.1%})"])
    header = ["batch", "SGD step, autograd, ms", "by hand", *PARTS, "without the model"]
    met = []
    for goal in GOALS:
        batches = [batch for batch, total in sums.items() if total <= goal]
        met.append(f"{goal:.0%} " + (f"from batch {min(batches)} on" if batches else "at none of these"))
    note = f"In brackets the floor by operations. Without the model: at most {', '.join(met)}."
    title = f"Shares of an SGD step (of the faster one), {THREADS} threads"
    return f"{title}\n\n{draw(header, cells)}\n\n{note}"
