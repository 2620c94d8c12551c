"""A small autoencoder in NumPy: forward, backward, exact Gauss-Newton products, and training by the recipe.

Hidden layers are tanh, code and output linear; the loss is the cross-entropy of the pixels as Bernoulli
variables, summed over the pixels, the mean over the images. A layer is a matrix (outputs, inputs + 1), the
bias being its last column, as `osculate.KFAC` has it.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from osculate import KFAC
from osculate.layers import Linear

Array = NDArray[Any]
Layers = dict[str, Array]


def blobs(count: int, seed: int) -> Array:
    """Images of 8 x 8 pixels of one soft spot each: three numbers describe an image."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:8, :8]
    center = random.uniform(1, 6, (2, count, 1, 1))
    width = random.uniform(0.8, 2, (count, 1, 1))
    spots = np.exp(-((y - center[0]) ** 2 + (x - center[1]) ** 2) / (2 * width**2))
    return np.asarray(spots.reshape(count, 64))


def sigmoid(z: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-z)))


class Network:
    """Layers of the given widths to the code, and back again."""

    def __init__(self, widths: list[int]) -> None:
        sizes = widths + widths[-2::-1]
        self.sizes = {f"fc{i}": size for i, size in enumerate(itertools.pairwise(sizes))}
        self.names = list(self.sizes)
        self.linear = {self.names[len(widths) - 2], self.names[-1]}

    def layers(self) -> dict[str, Linear]:
        return {name: Linear(a, b) for name, (a, b) in self.sizes.items()}

    def start(self, seed: int) -> Layers:
        """Sparse initialization: at most 15 inputs of a unit have a weight (Martens 2010, section 5)."""
        random = np.random.default_rng(seed)
        found = {}
        for name, (a, b) in self.sizes.items():
            V = np.zeros((b, a + 1))
            for row in V:
                chosen = random.choice(a, min(15, a), replace=False)
                row[chosen] = random.standard_normal(chosen.size) / 4
            found[name] = V
        return found

    def forward(self, theta: Layers, images: Array) -> list[Array]:
        """The input of every layer, and the logits."""
        activations = [images]
        for name in self.names:
            z = activations[-1] @ theta[name][:, :-1].T + theta[name][:, -1]
            activations.append(z if name in self.linear else np.tanh(z))
        return activations

    def backward(self, theta: Layers, activations: list[Array], errors: Array) -> list[Array]:
        """The derivatives by every layer's output before its tanh, from those by the logits."""
        found = [errors]
        for i in range(len(self.names) - 1, 0, -1):
            errors = found[-1] @ theta[self.names[i]][:, :-1]
            if self.names[i - 1] not in self.linear:
                errors = errors * (1 - activations[i] ** 2)
            found.append(errors)
        return found[::-1]

    def tangent(self, theta: Layers, activations: list[Array], v: Layers) -> Array:
        """J v: the derivative of the logits along v."""
        change = np.zeros_like(activations[0])
        for i, name in enumerate(self.names):
            change = change @ theta[name][:, :-1].T + activations[i] @ v[name][:, :-1].T + v[name][:, -1]
            if name not in self.linear:
                change = change * (1 - activations[i + 1] ** 2)
        return change


def loss(logits: Array, images: Array) -> float:
    return float((np.logaddexp(0, logits) - logits * images).sum() / len(images))


def gradient(net: Network, activations: list[Array], deltas: list[Array]) -> Layers:
    """Sums over the images of g [a 1]'."""
    pairs = zip(net.names, activations, deltas, strict=False)
    return {name: np.hstack([g.T @ a, g.sum(0)[:, None]]) for name, a, g in pairs}


def train_gradient_descent(net: Network, images: Array, steps: int, rate: float) -> list[float]:
    """Plain gradient descent, full batch: the losses before each step and after the last."""
    theta, losses = net.start(0), []
    for _ in range(steps):
        activations = net.forward(theta, images)
        losses.append(loss(activations[-1], images))
        errors = (sigmoid(activations[-1]) - images) / len(images)
        g = gradient(net, activations, net.backward(theta, activations, errors))
        theta = {name: V - rate * g[name] for name, V in theta.items()}
    return [*losses, loss(net.forward(theta, images)[-1], images)]


def train_kfac(net: Network, images: Array, steps: int, **options: Any) -> list[float]:
    """K-FAC with targets drawn from the model, the exact quadratic model, and an adapted damping."""
    theta, losses, random = net.start(0), [], np.random.default_rng(1)
    kfac, previous = KFAC(net.layers(), **options), None
    for step in range(steps):
        activations = net.forward(theta, images)
        probabilities = sigmoid(activations[-1])
        losses.append(loss(activations[-1], images))
        drawn = random.random(images.shape) < probabilities
        deltas = net.backward(theta, activations, probabilities - drawn)
        pairs = zip(net.names, activations, deltas, strict=False)
        kfac.update_all({name: (a, g) for name, a, g in pairs}, loss_average=None)
        kfac.invert(when_due=True)
        errors = (probabilities - images) / len(images)
        g = gradient(net, activations, net.backward(theta, activations, errors))
        direction = {name: -P for name, P in kfac.precondition(g).items()}
        tried = [direction] if previous is None else [direction, previous]
        tangents = [net.tangent(theta, activations, d) for d in tried]
        weights = probabilities * (1 - probabilities) / len(images)
        curvature = [[float((x * weights * y).sum()) for y in tangents] for x in tangents]
        chosen = kfac.quadratic_step(g, direction, previous, curvature=curvature)
        momentum: Layers = {} if previous is None else previous
        previous = {
            name: chosen.learning_rate * d + chosen.momentum * momentum.get(name, 0.0)
            for name, d in direction.items()
        }
        theta = {name: V + previous[name] for name, V in theta.items()}
        if step % 5 == 4:
            after = loss(net.forward(theta, images)[-1], images)
            kfac.adapt_damping(losses[-1], after, chosen.predicted_reduction)
    return [*losses, loss(net.forward(theta, images)[-1], images)]
