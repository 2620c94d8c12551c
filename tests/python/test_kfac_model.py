"""The quadratic model of osculate.KFAC: learning rate, momentum, and the damping from its predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from osculate import KFAC, QuadraticStep, Status
from osculate.layers import Linear

Array = NDArray[Any]
RNG = np.random.default_rng(8)
SHAPES = {"a": (3, 4), "b": (2, 5)}
N = 22
ROOT = RNG.standard_normal((N, N))
F = ROOT @ ROOT.T / N


def kfac(**options: Any) -> KFAC:
    return KFAC({"a": Linear(3, 3), "b": Linear(4, 2)}, **options)


def layered(vector: Array) -> dict[str, Array]:
    parts = np.split(vector, [12])
    return {name: part.reshape(SHAPES[name]) for name, part in zip(SHAPES, parts, strict=True)}


def vectors(count: int) -> list[Array]:
    return list(RNG.standard_normal((count, N)))


def quadratic(g: Array, d: Array, damping: float) -> float:
    return float(g @ d + d @ F @ d / 2 + damping * (d @ d) / 2)


def test_the_step_is_the_minimum_over_the_plane() -> None:
    for _ in range(10):
        g, direction, previous = vectors(3)
        step = kfac(damping=0.3, l2=0.2).quadratic_step(
            layered(g),
            layered(direction),
            layered(previous),
            products=(layered(F @ direction), layered(F @ previous)),
        )
        assert step.success
        best = step.learning_rate * direction + step.momentum * previous
        rest = g + F @ best + 0.5 * best  # the gradient of the quadratic there
        # 1e-12: rounding of dot products of 22 numbers, times the condition of the 2 x 2 system
        assert abs(rest @ direction) < 1e-12 * np.linalg.norm(g) * np.linalg.norm(direction)
        assert abs(rest @ previous) < 1e-12 * np.linalg.norm(g) * np.linalg.norm(previous)
        assert step.predicted_reduction == pytest.approx(-quadratic(g, best, 0.5), rel=1e-10)
        assert step.predicted_reduction > 0


def test_products_and_their_dot_products_give_the_same() -> None:
    g, direction, previous = vectors(3)
    optimizer = kfac(damping=0.1)
    pairs = np.array([direction, previous])
    one = optimizer.quadratic_step(g, direction, previous, products=(F @ direction, F @ previous))
    other = optimizer.quadratic_step(g, direction, previous, curvature=pairs @ F @ pairs.T)
    for name in ("learning_rate", "momentum", "predicted_reduction"):
        assert one[name] == pytest.approx(other[name], rel=1e-12)
    single = optimizer.quadratic_step(g, direction, curvature=direction @ F @ direction)
    expected = -(g @ direction) / (direction @ F @ direction + 0.1 * direction @ direction)
    assert single.learning_rate == pytest.approx(expected, rel=1e-12)
    assert single.momentum == 0
    assert single.predicted_reduction == pytest.approx(-expected * (g @ direction) / 2, rel=1e-12)


def test_structures_are_arrays_in_any_nesting() -> None:
    g, d = vectors(2)
    optimizer = kfac()
    flat = optimizer.quadratic_step(g, d, curvature=2.0)
    split = [np.asfortranarray(x) for x in layered(d).values()]
    forms: list[tuple[Any, Any]] = [
        (layered(g), layered(d)),
        (list(layered(g).values()), split),
        ({"a": (g[:5], None), "more": g}, {"a": (d[:5], None)}),
        ([*g], [*d]),
    ]
    for i, (gradients, direction) in enumerate(forms):
        step = optimizer.quadratic_step(gradients, direction, curvature=2.0)
        if i != 2:
            assert step.learning_rate == pytest.approx(flat.learning_rate, rel=1e-12)
        else:
            expected = -(g[:5] @ d[:5]) / (2 + 0.01 * d[:5] @ d[:5])
            assert step.learning_rate == pytest.approx(expected, rel=1e-12)


def test_a_parallel_or_zero_step_before_gives_no_momentum() -> None:
    g, d = vectors(2)
    alone = kfac().quadratic_step(g, d, products=(F @ d,))
    for previous in (3 * d, 0 * d):
        step = kfac().quadratic_step(g, d, previous, products=(F @ d, F @ previous))
        assert step.momentum == 0
        assert step.learning_rate == pytest.approx(alone.learning_rate, rel=1e-12)
        assert step.predicted_reduction == pytest.approx(alone.predicted_reduction, rel=1e-12)


@pytest.mark.parametrize(
    ("gradient", "curvature", "outcome", "words"),
    [
        (np.nan, 1.0, Status.nonfinite, "NaN or infinity"),
        (1.0, np.inf, Status.nonfinite, "NaN or infinity"),
        (1.0, -5.0, Status.singular, "more damping"),
    ],
)
def test_without_a_minimum_there_is_no_step(
    gradient: float, curvature: float, outcome: Status, words: str
) -> None:
    step = kfac().quadratic_step([np.array([gradient])], [np.ones(1)], curvature=curvature)
    assert not step.success
    assert step.outcome is outcome
    assert words in step.message
    assert (step.learning_rate, step.momentum, step.predicted_reduction) == (0, 0, 0)
    assert "learning_rate" in repr(step)
    assert isinstance(step, QuadraticStep)


def test_newton_on_a_quadratic_predicts_what_happens() -> None:
    g, x = vectors(2)
    optimizer, direction = kfac(damping=0), -np.linalg.solve(F, g + F @ x)

    def loss(x: Array) -> float:
        return float(g @ x + x @ F @ x / 2)

    step = optimizer.quadratic_step(g + F @ x, direction, products=(F @ direction,))
    assert step.learning_rate == pytest.approx(1, rel=1e-9)  # the condition of F times eps is some 1e-12
    after = x + step.learning_rate * direction
    assert optimizer.adapt_damping(loss(x), loss(after), step.predicted_reduction) == pytest.approx(1)


def test_damping_follows_the_ratio() -> None:
    omega = (19 / 20) ** 5
    for after, factor in ((0.0, omega), (0.5, 1), (0.25, 1), (0.9, 1 / omega), (2.0, 1 / omega)):
        optimizer = kfac(damping=0.1)
        assert optimizer.adapt_damping(1.0, after, 1.0) == pytest.approx(1 - after)
        assert optimizer.damping == pytest.approx(0.1 * factor, rel=1e-14)
    optimizer = kfac(damping=0.1, damping_update_period=1)
    optimizer.adapt_damping(1.0, 0.0, 1.0)
    assert optimizer.damping == pytest.approx(0.1 * 19 / 20, rel=1e-14)


@pytest.mark.parametrize(
    ("after", "predicted"), [(np.nan, 1.0), (np.inf, 1.0), (0.5, 0.0), (0.0, np.nan), (0.0, -1.0)]
)
def test_damping_grows_where_the_ratio_says_nothing(after: float, predicted: float) -> None:
    optimizer = kfac(damping=0.1)
    ratio = optimizer.adapt_damping(1.0, after, predicted)
    assert not np.isfinite(ratio)
    assert optimizer.damping > 0.1


def test_damping_falls_to_its_floor_and_no_lower() -> None:
    optimizer = kfac(damping=0.1)
    for _ in range(100):
        optimizer.adapt_damping(2.0, 0.0, 1.0)  # a ratio of 2, which a reused batch can give
    assert optimizer.damping == 1e-3
    low = kfac(damping=1e-5)  # where the caller put it
    low.adapt_damping(2.0, 0.0, 1.0)
    assert low.damping == 1e-5
    low.adapt_damping(0.0, 1.0, 1.0)
    assert low.damping > 1e-5
    none = kfac(damping=0.1, min_damping=0)
    for _ in range(100):
        none.adapt_damping(2.0, 0.0, 1.0)
    assert none.damping < 1e-8
