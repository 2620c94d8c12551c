"""The optimizers of the K-FAC training bench, each a generator of points that are candidates for the best.

What happens between two of its values is on the clock; what the bench does with a value is not. Forward
and backward passes are those of kfac_autoencoder.py for all. Adam and SGD are torch's fused ones on one
vector.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

import osculate
from kfac_autoencoder import Network
from osculate.layers import Linear

Points = Iterator[list[Any]]
Progress = Callable[[], float]  # the share of the budget that is spent


def batches(images: Any, seed: int, size: Callable[[int], int]) -> Iterator[Any]:
    """Images in random order, size(k) in the k-th batch; as they are where that is all of them."""
    random = np.random.default_rng(seed + 1)
    left = torch.empty(0, dtype=torch.int64)
    for k in itertools.count():
        count = size(k)
        if count >= len(images):
            yield images
            continue
        if len(left) < count:
            left = torch.from_numpy(random.permutation(len(images)))
        now, left = left[:count], left[count:]
        yield images[now]


def first_order(
    net: Network, images: Any, seed: int, spent: Progress, method: str, rate: float, batch: int
) -> Points:
    """Adam (Kingma & Ba 2015) or SGD with Nesterov's momentum 0.9; cosine decay of the rate."""
    theta = torch.nn.Parameter(net.start(seed))
    theta.grad = torch.empty(net.n)
    if method == "Adam":
        optimizer: Any = torch.optim.Adam([theta], lr=rate, fused=True)
    else:
        optimizer = torch.optim.SGD([theta], lr=rate, momentum=0.9, nesterov=True, fused=True)
    group = optimizer.param_groups[0]
    for x in batches(images, seed, lambda _: batch):
        net.gradient(theta.data, x, theta.grad)
        group["lr"] = 0.5 * rate * (1 + math.cos(math.pi * min(spent(), 1.0)))
        optimizer.step()
        yield [theta.data]


class Curvature:
    """The parts of a step of K-FAC beyond the gradient's, on the inputs of layers that this left."""

    def __init__(self, net: Network, seed: int, **options: Any) -> None:
        self.net, self.generator = net, torch.Generator().manual_seed(seed)
        # inputs carry their ones, so that the layers are without biases
        layers = {str(i): Linear(n, m, bias=False) for i, (m, n) in enumerate(net.shapes)}
        self.kfac = osculate.KFAC(layers, **options)

    def statistics(self, theta: Any, inputs: list[Any], z: Any, rows: int) -> None:
        """From targets drawn from the model on the first rows."""
        p = torch.sigmoid(z[:rows])
        errors = p.sub_(torch.bernoulli(p, generator=self.generator))
        deltas = self.net.backward(theta, inputs, errors)
        pairs = zip(inputs, deltas, strict=True)
        given = {str(i): (a[:rows].numpy(), d.numpy()) for i, (a, d) in enumerate(pairs)}
        self.kfac.update_all(given, loss_average=None)

    def direction(self, gradient: Any, out: Any) -> None:
        """The natural gradient, into `out`."""
        given, places = (
            {str(i): V.numpy() for i, V in enumerate(self.net.split(vector))} for vector in (gradient, out)
        )
        self.kfac.precondition(given, out=places)

    def model(
        self, theta: Any, inputs: list[Any], z: Any, rows: int, gradient: Any, steps: list[Any]
    ) -> osculate.QuadraticStep:
        """Learning rate and momentum by the exact curvature along the direction and the step before."""
        p = torch.sigmoid(z[:rows])
        root = p.sub_(p * p).sqrt_()
        changes = [self.net.tangents(theta, inputs, rows, d).mul_(root).view(-1) for d in steps]
        curvature = np.array([[float(a @ b) / rows for b in changes] for a in changes])
        vectors = [d.numpy() for d in steps]
        return self.kfac.quadratic_step(gradient.numpy(), *vectors, curvature=curvature)


def kfac(
    net: Network,
    images: Any,
    seed: int,
    spent: Progress,
    *,
    damping: float,
    batch: int,
    growth: float,
    most: int,
    part: float = 0.25,
    every: int = 2,
    period: int = 20,
    average: float = 0.98,
    floor: float | None = None,
    threads: int = 2,
) -> Points:
    """Martens & Grosse 2015, with `osculate.KFAC`; `floor` adapts the damping down to it.

    The batch grows by the factor e in so many steps (`growth`) up to `most`; statistics and quadratic model
    are of `part` of it, the statistics every so many steps. Candidates are the point and its mean over time.
    """
    theta = net.start(seed)
    mean, g, d, before = theta.clone(), *(torch.zeros(net.n) for _ in range(3))
    options: dict[str, Any] = {"damping": damping, "inverse_update_period": period, "threads": threads}
    curvature = Curvature(net, seed + 2, **options, **({} if floor is None else {"min_damping": floor}))

    def size(k: int) -> int:
        return min(int(batch * math.exp(k / growth)), most)

    for k, x in enumerate(batches(images, seed, size), 1):
        rows = max(int(part * len(x)), 1)
        inputs, z = net.gradient(theta, x, g)
        if (k - 1) % every == 0:
            curvature.statistics(theta, inputs, z, rows)
        curvature.kfac.invert(when_due=True)
        curvature.direction(g, d)
        d.neg_()
        step = curvature.model(theta, inputs, z, rows, g, [d] if k == 1 else [d, before])
        before.mul_(step.momentum).add_(d, alpha=step.learning_rate)
        theta.add_(before)
        mean.lerp_(theta, 1 - min(average, 1 - 1 / k))
        if floor is not None and k % 5 == 0:
            value = net.cross_entropy(net.forward(theta, x)[1], x)
            curvature.kfac.adapt_damping(net.cross_entropy(z, x), value, step.predicted_reduction)
        yield [theta, mean]
