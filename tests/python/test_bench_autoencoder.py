"""The autoencoder bench: its derivatives, its optimizers, its table and its plot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import autoencoder
import autoencoder_train as train
import environment
import report
from autoencoder_network import Autoencoder, Point

IMAGES = np.random.default_rng(0).random((40, 12), np.float32)
NETWORK = Autoencoder([12, 9, 5, 3])


def at_start() -> tuple[Any, Point]:
    theta = NETWORK.start(0)
    return theta, Point(NETWORK, theta, IMAGES, np.random.default_rng(1))


def test_gradient_and_gauss_newton_products_agree_with_differences() -> None:
    theta, point = at_start()
    random = np.random.default_rng(2)
    u, v = random.standard_normal((2, NETWORK.n)).astype(np.float32)
    v /= np.linalg.norm(v)
    h = np.float32(1e-2)  # float32: the error of a central difference is about h^2 + eps / h
    ahead, behind = theta + h * v, theta - h * v
    slope = (NETWORK.loss(ahead, IMAGES) - NETWORK.loss(behind, IMAGES)) / (2 * h)
    assert point.gradient @ v == pytest.approx(slope, abs=1e-3)
    value, gradient = NETWORK.value_and_gradient(theta, IMAGES)
    assert value == pytest.approx(point.value)
    np.testing.assert_allclose(gradient, point.gradient, atol=1e-6)
    change = (NETWORK.forward(ahead, IMAGES)[-1] - NETWORK.forward(behind, IMAGES)[-1]) / (2 * h)
    curvature = (change**2 * point.outputs * (1 - point.outputs)).sum() / len(IMAGES)
    assert v @ point.product(v) == pytest.approx(curvature, rel=1e-2)
    assert u @ point.product(v) == pytest.approx(v @ point.product(u), rel=1e-3, abs=1e-4)


def test_fisher_diagonal_is_the_mean_of_the_squared_gradients() -> None:
    _, point = at_start()
    deltas = at_start()[1].drawn_deltas()  # the same targets, by the same seed
    each = [
        NETWORK.collect([a[i : i + 1] for a in point.activations], [d[i : i + 1] for d in deltas])
        for i in range(len(IMAGES))
    ]
    np.testing.assert_allclose(point.fisher_diagonal(), np.mean(np.square(each), 0), rtol=1e-3, atol=1e-6)


def test_kronecker_inverse_is_symmetric_and_positive_definite() -> None:
    _, point = at_start()
    inverse = point.kronecker(0.1)
    u, v = np.random.default_rng(3).standard_normal((2, NETWORK.n)).astype(np.float32)
    assert u @ inverse(v) == pytest.approx(v @ inverse(u), rel=1e-3)
    assert v @ inverse(v) > 0


@pytest.mark.parametrize("name", autoencoder.OPTIMIZERS)
def test_every_optimizer_reduces_the_loss(name: str) -> None:
    steps_of, grid = autoencoder.OPTIMIZERS[name]
    settings = grid[0] | ({"batch": 10} if "batch" in grid[0] else {})
    steps = steps_of(NETWORK, IMAGES, 0, lambda: 0.0, **settings)
    theta, seen = NETWORK.start(0), 0
    for _ in range(5):
        before = seen
        theta, seen = next(steps)
        assert seen > before
    steps.close()  # type: ignore[attr-defined]
    assert NETWORK.loss(theta, IMAGES) < NETWORK.loss(NETWORK.start(0), IMAGES)


def test_a_run_has_a_curve() -> None:
    result = autoencoder.run(train.adam, IMAGES, [12, 9, 5, 3], 0, 0.05, {"rate": 1e-3, "batch": 10})
    times = [seconds for seconds, _, _ in result["curve"]]
    assert times == sorted(times)
    assert times[-1] >= 0.05
    assert result["steps"] >= len(times) - 1
    assert all(loss > 0 for _, _, loss in result["curve"])  # above the entropy


def test_table_and_plot(tmp_path: Path) -> None:
    curve = [[0.0, 0.0, 9.0], [1.0, 2.0, 3.0], [2.0, 4.0, 1.0]]
    row = {
        "optimizer": "Adam",
        "settings": {"rate": 0.01},
        "of": 4,
        "loss": [1.0, 1.5, 2.0],
        "steps": [7, 8, 9],
    }
    rows = [
        row | {"time_to_adam": [1.0, 1.0, 0.9], "curves": [curve] * 3},
        row | {"optimizer": "other", "time_to_adam": [0.2, None, 0.3], "curves": [curve] * 3},
    ]
    record = {
        "bench": "autoencoder",
        "tables": {"digits": rows, "CURVES": rows[:1]},
        "environment": environment.Recorder().facts(),
    }
    text = report.render(record)
    assert "1.00 1.50 2.00" in text
    assert "not reached" in text
    autoencoder.plot(record, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").stat().st_size > 1000
