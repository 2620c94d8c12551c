"""The workloads of the batch bench: model, analytic Jacobian, seeded data, and who reached the best cost.

Every fit has its own true parameters (5% around the nominal ones) and starts 10% from them (standard
deviations of normal numbers). Data and starts are rounded to float32, so that both precisions fit the same
numbers; points are as a user has them, `step * np.arange(n)` in float64, and float32 rounds them. Costs are
computed here, in float64, from the parameters that a peer returns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

SPREAD, START_ERROR = 0.05, 0.1
WITHIN = 1e-4  # a fit counts when its cost is at most this much above the best, relatively


@dataclass(frozen=True)
class Workload:
    """`model(x, *p)` and `jacobian(x, *p)`, plain NumPy; `fits` is how many the fast peers do."""

    name: str
    label: str
    model: Callable[..., Any]
    jacobian: Callable[..., Any]
    x: Array  # (N,) or (2, N)
    truth: tuple[float, ...]
    noise: float
    fits: int
    operations: float  # vector operations per point beside J'J, J'r and the cost; see batch_limit.py
    exponentials: float  # per point

    @property
    def n_points(self) -> int:
        return self.x.shape[-1]

    @property
    def n_parameters(self) -> int:
        return len(self.truth)

    @property
    def expected_cost(self) -> float:
        """|r|^2 / 2 that the noise leaves at the optimum, on average."""
        return self.noise**2 * (self.n_points - self.n_parameters) / 2


@dataclass(frozen=True)
class Data:
    """Points, data (B, N) and starts (B, P), float64 or float32 of the same values."""

    x: NDArray[Any]
    y: NDArray[Any]
    p0: NDArray[Any]

    def head(self, fits: int) -> Data:
        return Data(self.x, self.y[:fits], self.p0[:fits])

    def astype(self, dtype: str) -> Data:
        return Data(*(np.ascontiguousarray(a, dtype) for a in (self.x, self.y, self.p0)))


def gaussian_2d(x, amplitude, x0, y0, sigma, offset):
    return amplitude * np.exp(-((x[0] - x0) ** 2 + (x[1] - y0) ** 2) / (2 * sigma**2)) + offset


def gaussian_2d_jacobian(x, amplitude, x0, y0, sigma, offset):
    dx, dy = x[0] - x0, x[1] - y0
    r2 = dx * dx + dy * dy
    J = np.empty((x.shape[1], 5))
    J[:, 0] = np.exp(-r2 / (2 * sigma**2))
    slope = amplitude * J[:, 0] / sigma**2
    J[:, 1] = slope * dx
    J[:, 2] = slope * dy
    J[:, 3] = slope * r2 / sigma
    J[:, 4] = 1
    return J


def gaussian(x, amplitude, center, sigma, offset):
    return amplitude * np.exp(-((x - center) ** 2) / (2 * sigma**2)) + offset


def gaussian_jacobian(x, amplitude, center, sigma, offset):
    d = x - center
    J = np.empty((x.shape[0], 4))
    J[:, 0] = np.exp(-d * d / (2 * sigma**2))
    J[:, 1] = amplitude * J[:, 0] * d / sigma**2
    J[:, 2] = J[:, 1] * d / sigma
    J[:, 3] = 1
    return J


def biexponential(t, a1, k1, a2, k2, offset):
    return a1 * np.exp(-k1 * t) + a2 * np.exp(-k2 * t) + offset


def biexponential_jacobian(t, a1, k1, a2, k2, offset):
    J = np.empty((t.shape[0], 5))
    J[:, 0] = np.exp(-k1 * t)
    J[:, 1] = -a1 * t * J[:, 0]
    J[:, 2] = np.exp(-k2 * t)
    J[:, 3] = -a2 * t * J[:, 2]
    J[:, 4] = 1
    return J


def exponential(t, a, k, c):
    return a * np.exp(-k * t) + c


def exponential_jacobian(t, a, k, c):
    J = np.empty((t.shape[0], 3))
    J[:, 0] = np.exp(-k * t)
    J[:, 1] = -a * t * J[:, 0]
    J[:, 2] = 1
    return J


_PIXELS = np.array([np.arange(25) % 5, np.arange(25) // 5], dtype=float)


def _points(step: float, n: int) -> Array:
    return step * np.arange(n)


WORKLOADS = (
    Workload(
        "W1",
        "W1: 2-D Gaussian, 5 x 5 pixels, 5 parameters",
        gaussian_2d,
        gaussian_2d_jacobian,
        _PIXELS,
        (500, 2, 2, 1, 10),
        noise=5,
        fits=400_000,
        operations=10,
        exponentials=1,
    ),
    Workload(
        "W2",
        "W2: 1-D Gaussian + offset, 64 points, 4 parameters",
        gaussian,
        gaussian_jacobian,
        _points(1, 64),
        (100, 32, 12, 10),  # narrower, a few starts in 10^5 are beyond the slope, and nobody gets back
        noise=1,
        fits=200_000,
        operations=8,
        exponentials=0.25,
    ),
    Workload(
        "W3",
        "W3: biexponential + offset, 256 points, 5 parameters",
        biexponential,
        biexponential_jacobian,
        _points(0.04, 256),
        (60, 2, 40, 0.4, 10),
        noise=1,
        fits=100_000,
        operations=7,
        exponentials=0.25,
    ),
    Workload(
        "W4",
        "W4: a exp(-k t) + c, 16 points, 3 parameters",
        exponential,
        exponential_jacobian,
        _points(0.2, 16),
        (100, 1.2, 10),
        noise=1,
        fits=1_000_000,
        operations=4,
        exponentials=0.125,
    ),
)
BY_NAME = {workload.name: workload for workload in WORKLOADS}


def generate(workload: Workload, fits: int, seed: int = 1) -> Data:
    """`fits` seeded data sets with their starts, float64 numbers that float32 represents; points are not."""
    rng = np.random.default_rng(seed)
    shape = (fits, workload.n_parameters)
    p = np.array(workload.truth) * (1 + SPREAD * rng.standard_normal(shape))
    p0 = p * (1 + START_ERROR * rng.standard_normal(shape))
    y = rng.standard_normal((fits, workload.n_points))
    y *= workload.noise
    y += workload.model(workload.x, *p.T[..., None])
    return Data(workload.x, *(a.astype(np.float32).astype(float) for a in (y, p0)))


def costs(workload: Workload, data: Data, params: NDArray[Any]) -> Array:
    """|model - y|^2 / 2 of each fit in float64, whatever the peer computed in; NaN where it is not finite."""
    with np.errstate(all="ignore"):
        p = np.asarray(params, dtype=float)
        r = workload.model(data.x, *p.T[..., None]) - data.y[: len(p)]
        cost = 0.5 * np.einsum("bn,bn->b", r, r)
    return np.where(np.isfinite(cost), cost, np.nan)


def shares(costs: Mapping[str, Array], within: float = WITHIN) -> dict[str, float]:
    """Of each peer's fits, the share whose cost is within `within` of the best that any peer has there.

    Peers may have done fewer fits: these are the first ones. A NaN cost is never within.
    """
    best = np.full(max(len(c) for c in costs.values()), np.inf)
    for cost in costs.values():
        head = best[: len(cost)]
        np.fmin(head, cost, out=head)
    return {name: float(np.mean(c <= best[: len(c)] * (1 + within))) for name, c in costs.items()}
