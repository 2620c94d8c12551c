"""A deep autoencoder in NumPy, float32: loss, gradient, Gauss-Newton products and what preconditioners need.

Hidden layers are tanh, the code and the output are linear, and the loss is the cross-entropy of the pixels
as Bernoulli variables, summed over the pixels and averaged over the images. Parameters are one vector; a
layer is a matrix of shape (inputs + 1, outputs), the last row being the bias.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
CONNECTIONS = 15  # inputs of a unit that start with a weight (Martens 2010, section 5: sparse initialization)


def _sigmoid(z: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-np.clip(z, -30, 30))), dtype=np.float32)


class Autoencoder:
    """Layers of the given widths to the code, and back again."""

    def __init__(self, widths: list[int]) -> None:
        sizes = widths + widths[-2::-1]
        self.shapes = [(a + 1, b) for a, b in itertools.pairwise(sizes)]
        self.ends = np.cumsum([0] + [a * b for a, b in self.shapes])
        self.n = int(self.ends[-1])
        self.linear = {len(widths) - 2, len(self.shapes) - 1}

    def start(self, seed: int) -> Array:
        """Few weights from a wide normal distribution, and no bias."""
        random = np.random.default_rng(seed)
        layers = []
        for inputs, outputs in self.shapes:
            w = np.zeros((inputs, outputs), np.float32)
            for unit in range(outputs):
                chosen = random.choice(inputs - 1, min(CONNECTIONS, inputs - 1), replace=False)
                w[chosen, unit] = random.standard_normal(chosen.size) / 4
            layers.append(w.ravel())
        return np.concatenate(layers)

    def split(self, theta: Array) -> list[Array]:
        """The layers' matrices, as views."""
        return [theta[self.ends[i] : self.ends[i + 1]].reshape(shape) for i, shape in enumerate(self.shapes)]

    def forward(self, theta: Array, images: Array) -> list[Array]:
        """The input of every layer, and the logits."""
        activations = [images]
        for i, w in enumerate(self.split(theta)):
            z = activations[-1] @ w[:-1] + w[-1]
            activations.append(z if i in self.linear else np.tanh(z))
        return activations

    @staticmethod
    def cross_entropy(logits: Array, images: Array) -> float:
        """Mean over the images of the sum over the pixels."""
        terms = np.maximum(logits, 0) - logits * images + np.log1p(np.exp(-np.abs(logits)))
        return float(terms.sum(dtype=np.float64) / len(images))

    def loss(self, theta: Array, images: Array) -> float:
        return self.cross_entropy(self.forward(theta, images)[-1], images)

    def backward(self, theta: Array, activations: list[Array], errors: Array) -> list[Array]:
        """The derivative by every layer's output before its tanh, from that by the logits."""
        weights, deltas = self.split(theta), [errors]
        for i in range(len(weights) - 1, 0, -1):
            errors = deltas[-1] @ weights[i][:-1].T
            if i - 1 not in self.linear:
                errors *= 1 - activations[i] ** 2
            deltas.append(errors)
        return deltas[::-1]

    def collect(self, activations: list[Array], deltas: list[Array]) -> Array:
        """The gradient from what both passes left."""
        out = np.empty(self.n, np.float32)
        for g, a, d in zip(self.split(out), activations, deltas, strict=False):
            np.matmul(a.T, d, out=g[:-1])
            d.sum(0, out=g[-1])
        return out

    def value_and_gradient(self, theta: Array, images: Array) -> tuple[float, Array]:
        activations = self.forward(theta, images)
        errors = (_sigmoid(activations[-1]) - images) / np.float32(len(images))
        gradient = self.collect(activations, self.backward(theta, activations, errors))
        return self.cross_entropy(activations[-1], images), gradient


class Point:
    """Everything that a step of a second-order method asks of one theta and one batch."""

    def __init__(
        self, network: Autoencoder, theta: Array, images: Array, random: np.random.Generator
    ) -> None:
        self.network, self.theta, self.random = network, theta, random
        self.activations = network.forward(theta, images)
        self.outputs = _sigmoid(self.activations[-1])
        self.count = np.float32(len(images))
        self.value = network.cross_entropy(self.activations[-1], images)
        self.deltas = network.backward(theta, self.activations, (self.outputs - images) / self.count)
        self.gradient = network.collect(self.activations, self.deltas)
        self.slopes = [1 - a**2 for a in self.activations[1:-1]]

    def product(self, v: Array) -> Array:
        """G v, G being the Gauss-Newton matrix: J v forward, the loss's curvature, J' backward."""
        network, tangent = self.network, None
        weights, pairs = network.split(self.theta), network.split(v)
        for i, (w, u) in enumerate(zip(weights, pairs, strict=True)):
            change = self.activations[i] @ u[:-1] + u[-1]
            if tangent is not None:
                change += tangent @ w[:-1]
            tangent = change if i in network.linear else change * self.slopes[i]
        errors = tangent * (self.outputs * (1 - self.outputs) / self.count)
        return network.collect(self.activations, network.backward(self.theta, self.activations, errors))

    def drawn_deltas(self) -> list[Array]:
        """What `backward` gives for targets drawn from the model, an image each: whose Fisher matrix is G."""
        drawn = (self.random.random(self.outputs.shape, np.float32) < self.outputs).astype(np.float32)
        return self.network.backward(self.theta, self.activations, self.outputs - drawn)

    def fisher_diagonal(self) -> Array:
        """The mean of the squared gradients of the images, with targets drawn from the model."""
        squares = [d**2 / self.count for d in self.drawn_deltas()]
        return self.network.collect([a**2 for a in self.activations], squares)

    def kronecker(self, damping: float) -> KroneckerInverse:
        """K-FAC's inverse of G + damping I (Martens & Grosse 2015)."""
        return KroneckerInverse(self, self.drawn_deltas(), damping)


class KroneckerInverse:
    """r -> M^-1 r with M = (A + pi sqrt(damping) I) x (G + sqrt(damping) / pi I) for every layer."""

    def __init__(self, point: Point, deltas: list[Array], damping: float) -> None:
        self.network, self.inverses = point.network, []
        for a, d in zip(point.activations, deltas, strict=False):
            one = np.ones((len(a), 1), np.float32)
            inputs = np.hstack([a, one])
            left, right = inputs.T @ inputs / point.count, d.T @ d / point.count
            pi = float(np.sqrt((np.trace(left) / len(left)) / max(np.trace(right) / len(right), 1e-30)))
            pi = min(max(pi, 1e-3), 1e3)
            root = float(np.sqrt(damping))
            self.inverses.append(
                (_inverse(left, pi * root), _inverse(right, root / pi)),
            )

    def __call__(self, r: Array) -> Array:
        out = np.empty_like(r)
        parts: Any = zip(self.network.split(out), self.network.split(r), self.inverses, strict=True)
        for to, part, (left, right) in parts:
            np.matmul(left @ part, right, out=to)
        return out


def _inverse(a: Array, damping: float) -> Array:
    shifted = a.astype(np.float64)
    shifted[np.diag_indices(len(a))] += damping
    inverse = np.linalg.inv(shifted)
    return ((inverse + inverse.T) / 2).astype(np.float32)
