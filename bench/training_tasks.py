"""What the training benches share: grids of settings, and images, CURVES and scikit-learn's digits.

CURVES is what deep autoencoders are compared on since G. E. Hinton and R. R. Salakhutdinov (Science 313,
2006, doi:10.1126/science.1127647): smooth curves through three random points. Theirs are not to be had,
these are made the same way: 28 x 28 pixels, a parabola through three points drawn uniformly, a pen of
Gaussian width.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
SIDE, PEN, INK, PLACES, MARGIN = 28, 0.7, 2.0, 64, 4.0  # pixels, but for INK and PLACES along a curve
CURVES, CHUNK = 20_000, 2000


def settings_grid(**values: tuple[Any, ...]) -> list[dict[str, Any]]:
    """All combinations of settings."""
    return [dict(zip(values, chosen, strict=True)) for chosen in itertools.product(*values.values())]


def curves(count: int = CURVES, seed: int = 0) -> Array:
    """Shape (count, 784), of 0 to 1."""
    random = np.random.default_rng(seed)
    t = np.linspace(0, 1, PLACES)
    basis = np.stack([2 * (t - 0.5) * (t - 1), -4 * t * (t - 1), 2 * t * (t - 0.5)])  # Lagrange at 0, 1/2, 1
    pixels = np.arange(SIDE)
    images = np.empty((count, SIDE * SIDE), np.float32)
    for first in range(0, count, CHUNK):
        few = min(CHUNK, count - first)
        points = random.uniform(MARGIN, SIDE - 1 - MARGIN, (few, 2, 3))
        path = points @ basis  # (few, 2, PLACES)
        length = np.linalg.norm(np.gradient(path, axis=2), axis=1)  # between places, in pixels
        y, x = np.exp(-((path[..., None] - pixels) ** 2) / (2 * PEN**2)).swapaxes(0, 1)
        ink = (y * length[..., None]).swapaxes(1, 2) @ x
        images[first : first + few] = (1 - np.exp(-INK * ink)).reshape(few, -1)
    return images


def digits() -> Array:
    """Shape (1797, 64), of 0 to 1."""
    from sklearn.datasets import load_digits

    return np.ascontiguousarray(load_digits().data / 16, dtype=np.float32)


def entropy(images: Array) -> float:
    """The least loss there is, in nats an image: that of outputs equal to the pixels."""
    total = 0.0
    for part in np.array_split(images, max(len(images) // CHUNK, 1)):
        x = np.clip(part.astype(np.float64), 1e-30, 1 - 1e-16)
        total -= float((x * np.log(x) + (1 - x) * np.log1p(-x)).sum())
    return total / len(images)


def homogeneous(images: Array) -> Array:
    """With a column of ones."""
    return np.hstack([images, np.ones((len(images), 1), np.float32)])
