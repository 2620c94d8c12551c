"""A small network, its data and steps for the tests of K-FAC with PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.nn import Linear, Sequential  # noqa: E402 (after the skip)
from torch.nn.functional import cross_entropy  # noqa: E402

EPS = np.finfo(float).eps
CLOSE = {
    "rtol": 1e4 * EPS,
    "atol": 1e4 * EPS,
}  # sums of at most a few hundred terms of order 1, in another order


def network(bias: bool = True) -> Any:
    torch.manual_seed(0)
    return Sequential(Linear(4, 6, bias), torch.nn.Tanh(), Linear(6, 3, bias)).double()


def data(samples: int = 12) -> tuple[Any, Any]:
    random = np.random.default_rng(0)
    x, y = random.standard_normal((samples, 4)), random.integers(0, 3, samples)
    return torch.from_numpy(x), torch.from_numpy(y)


def backward(optimizer: Any, model: Any, x: Any, y: Any) -> Any:
    optimizer.zero_grad()
    loss = cross_entropy(model(x), y)
    loss.backward()
    return loss


def with_ones(a: Any) -> Any:
    return np.hstack([a, np.ones((len(a), 1))])


def product(optimizer: Any, name: str, seed: int = 3) -> tuple[Any, Any]:
    """A matrix V and the statistics' G V A."""
    V = np.random.default_rng(seed).standard_normal(optimizer.kfac.layers[name].shape)
    return V, optimizer.kfac.fisher_product({name: V})[name]
