"""A deep autoencoder in torch, float32, both passes written out: what all optimizers of the K-FAC benches
share.

Parameters are one vector; a layer is a matrix (outputs, inputs + 1) in it, the bias its last column, and
activations carry a column of ones, so that a layer is one product forward and its gradient one product
back. Code and output are linear. Loss: the cross-entropy of the pixels as Bernoulli variables, summed
over the pixels and averaged over the images.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import torch

CONNECTIONS = 15  # inputs of a unit that start with a weight (Martens 2010, section 5: sparse initialization)
EVALUATED = 4000  # images at once in a loss


class Network:
    """Layers of the given widths to the code, and back again."""

    def __init__(self, widths: list[int], activation: str = "tanh") -> None:
        sizes = widths + widths[-2::-1]
        self.shapes = [(b, a + 1) for a, b in itertools.pairwise(sizes)]
        self.ends = np.cumsum([0] + [m * n for m, n in self.shapes]).tolist()
        self.n = int(self.ends[-1])
        self.linear = {len(widths) - 2, len(self.shapes) - 1}
        self.sigmoid = activation == "sigmoid"

    def start(self, seed: int) -> Any:
        """Few weights from a wide normal distribution, and no bias."""
        random = np.random.default_rng(seed)
        theta = np.zeros(self.n, np.float32)
        for (m, n), end in zip(self.shapes, self.ends, strict=False):
            W = theta[end : end + m * n].reshape(m, n)
            for unit in range(m):
                chosen = random.choice(n - 1, min(CONNECTIONS, n - 1), replace=False)
                W[unit, chosen] = random.standard_normal(chosen.size) / 4
        return torch.from_numpy(theta)

    def split(self, theta: Any) -> list[Any]:
        """The layers' matrices, as views."""
        return [
            theta[end : end + m * n].view(m, n) for (m, n), end in zip(self.shapes, self.ends, strict=False)
        ]

    def forward(self, theta: Any, images: Any) -> tuple[list[Any], Any]:
        """The input of every layer, with ones, and the logits; `images` have their ones."""
        inputs, weights = [images], self.split(theta)
        for i, W in enumerate(weights[:-1]):
            a = torch.empty(len(images), len(W) + 1)
            a[:, -1] = 1
            torch.mm(inputs[-1], W.T, out=a[:, :-1])
            if i not in self.linear:
                _ = a[:, :-1].sigmoid_() if self.sigmoid else a[:, :-1].tanh_()
            inputs.append(a)
        return inputs, inputs[-1] @ weights[-1].T

    def slope(self, i: int, inputs: list[Any], rows: int) -> Any:
        """Of the nonlinearity before layer i, at the first rows; None where there is none."""
        if i - 1 in self.linear:
            return None
        a = inputs[i][:rows, :-1]
        return a - a * a if self.sigmoid else torch.addcmul(torch.ones(()), a, a, value=-1)

    def backward(self, theta: Any, inputs: list[Any], errors: Any) -> list[Any]:
        """The derivatives by every layer's output from those by the logits, of as many first images."""
        weights, deltas = self.split(theta), [errors]
        for i in range(len(weights) - 1, 0, -1):
            d = deltas[-1] @ weights[i][:, :-1]
            slope = self.slope(i, inputs, len(errors))
            deltas.append(d if slope is None else d.mul_(slope))
        return deltas[::-1]

    def collect(self, inputs: list[Any], deltas: list[Any], out: Any) -> Any:
        """The gradient from what both passes left."""
        for V, a, d in zip(self.split(out), inputs, deltas, strict=True):
            torch.mm(d.T, a, out=V)
        return out

    def gradient(self, theta: Any, images: Any, out: Any) -> tuple[list[Any], Any]:
        """Into `out`; returns the inputs of the layers and the logits."""
        inputs, z = self.forward(theta, images)
        errors = torch.sigmoid(z).sub_(images[:, :-1]).div_(len(images))
        self.collect(inputs, self.backward(theta, inputs, errors), out)
        return inputs, z

    def tangents(self, theta: Any, inputs: list[Any], rows: int, direction: Any) -> Any:
        """J d: how the logits of the first rows change along a direction."""
        pairs = zip(self.split(theta), self.split(direction), strict=True)
        tangent = None
        for i, (W, D) in enumerate(pairs):
            change = inputs[i][:rows] @ D.T
            if tangent is not None:
                change.addmm_(tangent, W[:, :-1].T)
            slope = None if i == len(self.shapes) - 1 else self.slope(i + 1, inputs, rows)
            tangent = change if slope is None else change.mul_(slope)
        return tangent

    @staticmethod
    def cross_entropy(z: Any, images: Any) -> float:
        """Mean over the images of the sum over the pixels."""
        x = images[:, :-1]
        total = torch.nn.functional.binary_cross_entropy_with_logits(z, x, reduction="sum")
        return float(total) / len(z)

    def loss(self, theta: Any, images: Any) -> float:
        """On all images."""
        parts = torch.split(images, EVALUATED)
        return sum(self.cross_entropy(self.forward(theta, x)[1], x) * len(x) for x in parts) / len(images)
