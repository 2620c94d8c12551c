"""Random data sets for every ready-made model: what a user would call a typical range of each parameter."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from osculate import models

X = np.linspace(0, 10, 64)
DOSES = np.geomspace(0.01, 100, 24)
UNEVEN = np.sort(np.random.default_rng(5).uniform(0, 10, 80))
PIXELS = np.indices((9, 9)).reshape(2, -1).astype(float)


@dataclass(frozen=True)
class Case:
    """`draw(rng)` gives parameters whose curve on `x` shows what the model is."""

    name: str
    model: Any
    x: np.ndarray
    draw: Callable[[np.random.Generator], list[float]]

    def simulate(self, count: int, noise: float, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return parameters (count, P), clean curves and curves with noise in units of their range."""
        rng = np.random.default_rng(seed)
        params = np.array([self.draw(rng) for _ in range(count)])
        clean = self.model(self.x, *params.T[:, :, None])
        return (
            params,
            clean,
            clean + noise * np.ptp(clean, axis=1)[:, None] * rng.standard_normal(clean.shape),
        )


def signed(rng: np.random.Generator, low: float = 0.5, high: float = 5.0) -> float:
    return float(rng.uniform(low, high) * rng.choice([-1, 1]))


def between(rng: np.random.Generator, low: float, high: float) -> float:
    """Log-uniform."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def level(rng: np.random.Generator) -> float:
    return float(rng.uniform(-3, 3))


def _sine(rng: np.random.Generator, fastest: float) -> list[float]:
    return [
        rng.uniform(0.5, 5),
        rng.uniform(0.15, fastest),
        rng.uniform(-3, 3),
        between(rng, 1.5, 40),
        level(rng),
    ]


CASES = [
    Case("constant", models.constant, X, lambda r: [signed(r)]),
    Case("linear", models.linear, X, lambda r: [signed(r), signed(r)]),
    Case(
        "polynomial",
        models.polynomial(3),
        X,
        lambda r: [signed(r) / 50, signed(r) / 10, signed(r), signed(r)],
    ),
    Case(
        "exponential_decay",
        models.exponential_decay,
        X,
        lambda r: [signed(r), between(r, 0.3, 10), level(r)],
    ),
    Case(
        "exponential_rise", models.exponential_rise, X, lambda r: [signed(r), between(r, 0.3, 10), level(r)]
    ),
    Case(
        "biexponential",
        models.biexponential,
        X,
        lambda r: [signed(r, 1), between(r, 0.3, 1), signed(r, 1), between(r, 2.5, 6), level(r)],
    ),
    Case(
        "stretched_exponential",
        models.stretched_exponential,
        X,
        lambda r: [signed(r), between(r, 0.6, 5), r.uniform(0.45, 2.5), level(r)],
    ),
    Case("damped_sine", models.damped_sine, X, lambda r: _sine(r, 2.8)),
    Case("damped_sine-uneven", models.damped_sine, UNEVEN, lambda r: _sine(r, 2.8)),
    Case("damped_sine-long", models.damped_sine, np.linspace(0, 10, 1000), lambda r: _sine(r, 40)),
    Case(
        "gaussian",
        models.gaussian,
        X,
        lambda r: [signed(r), r.uniform(0.5, 9.5), between(r, 0.2, 2.5), level(r)],
    ),
    Case(
        "gaussian-long",
        models.gaussian,
        np.linspace(0, 10, 1000),
        lambda r: [signed(r), r.uniform(0.5, 9.5), between(r, 0.03, 2), level(r)],
    ),
    Case(
        "lorentzian",
        models.lorentzian,
        X,
        lambda r: [signed(r), r.uniform(0.5, 9.5), between(r, 0.4, 5), level(r)],
    ),
    Case(
        "pseudo_voigt",
        models.pseudo_voigt,
        X,
        lambda r: [signed(r), r.uniform(2, 8), between(r, 0.6, 3), r.uniform(0, 1), level(r)],
    ),
    Case(
        "voigt",
        models.voigt,
        X,
        lambda r: [signed(r), r.uniform(2, 8), between(r, 0.2, 1), between(r, 0.1, 1), level(r)],
    ),
    Case(
        "skewed_gaussian",
        models.skewed_gaussian,
        X,
        lambda r: [signed(r), r.uniform(2, 8), between(r, 0.4, 2), signed(r, 0.7, 6), level(r)],
    ),
    Case(
        "logistic",
        models.logistic,
        X,
        lambda r: [signed(r), r.uniform(1, 9), between(r, 0.1, 2), level(r)],
    ),
    Case(
        "hill",
        models.hill,
        DOSES,
        lambda r: [signed(r), between(r, 0.05, 20), r.uniform(0.6, 4), level(r)],
    ),
    Case(
        "michaelis_menten",
        models.michaelis_menten,
        np.linspace(0, 10, 20),
        lambda r: [signed(r), between(r, 0.1, 10)],
    ),
    Case("power_law", models.power_law, np.geomspace(0.1, 100, 40), lambda r: [signed(r), r.uniform(-3, 3)]),
    Case(
        "arrhenius",
        models.arrhenius,
        np.linspace(280, 380, 20),
        lambda r: [between(r, 1e2, 1e11), r.uniform(2e4, 1.2e5)],
    ),
    Case(
        "gaussian2d",
        models.gaussian2d,
        PIXELS,
        lambda r: [signed(r), r.uniform(2, 6), r.uniform(2, 6), r.uniform(0.7, 2.5), level(r)],
    ),
    Case(
        "gaussian2d_elliptic",
        models.gaussian2d_elliptic,
        PIXELS,
        lambda r: [signed(r), r.uniform(2, 6), r.uniform(2, 6), *r.uniform(0.7, 2.5, 2), level(r)],
    ),
    Case(
        "gaussian2d_rotated",
        models.gaussian2d_rotated,
        PIXELS,
        lambda r: [
            signed(r),
            r.uniform(2, 6),
            r.uniform(2, 6),
            r.uniform(1.4, 3),
            r.uniform(0.7, 1.3),
            r.uniform(-1.5, 1.5),
            level(r),
        ],
    ),
    Case(
        "gaussian+linear",
        models.gaussian + models.linear,
        X,
        lambda r: [signed(r, 2), r.uniform(1, 9), r.uniform(0.3, 1), r.uniform(-0.5, 0.5), level(r)],
    ),
    Case(
        "gaussian+gaussian",
        models.gaussian + models.gaussian,
        X,
        lambda r: [
            r.uniform(1, 5),
            r.uniform(1, 4),
            r.uniform(0.3, 0.8),
            r.uniform(1, 5),
            r.uniform(6, 9),
            r.uniform(0.3, 0.8),
            level(r),
        ],
    ),
    Case(
        "gaussian+exponential_decay",
        models.gaussian + models.exponential_decay,
        X,
        lambda r: [
            r.uniform(1, 5),
            r.uniform(3, 9),
            r.uniform(0.3, 0.8),
            r.uniform(1, 5),
            r.uniform(0.5, 4),
            level(r),
        ],
    ),
]
