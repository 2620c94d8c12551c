"""A small autoencoder, NumPy alone, trained with osculate.KFAC."""

from __future__ import annotations

import numpy as np
from kfac_network import Network, blobs, train_gradient_descent, train_kfac

from osculate import KFAC
from osculate.layers import Linear


def test_training_beats_gradient_descent_with_as_many_steps() -> None:
    net, images, steps = Network([64, 40, 20, 6]), blobs(400, 0), 40
    # 0.1 is the best of 0.01, 0.03, 0.1, 0.3, 1 after 60 steps; 0.3 oscillates, 1 explodes.
    plain = min(min(train_gradient_descent(net, images, steps, rate)) for rate in (0.03, 0.1, 0.3))
    entropy = -np.sum(images * np.log(images) + (1 - images) * np.log1p(-np.minimum(images, 1 - 1e-12))) / 400
    for options in ({}, {"eigen": True}, {"tridiagonal": True}, {"background": True}):
        losses = train_kfac(net, images, steps, **options)
        assert losses[-1] - entropy < 0.1 * (plain - entropy), options


def test_a_linear_model_with_normal_outputs_is_solved_in_one_step() -> None:
    random = np.random.default_rng(0)
    x, y = random.standard_normal((50, 4)), random.standard_normal((50, 3))
    ones = np.hstack([x, np.ones((50, 1))])
    noise = np.sqrt(50) * np.linalg.qr(random.standard_normal((50, 3)))[0]  # E[g g'] = I: G is exact
    kfac = KFAC({"fc": Linear(4, 3)}, damping=0)
    kfac.update("fc", x, noise / 50, loss_average="batch")
    kfac.invert()
    V = random.standard_normal((3, 5))
    gradient = (ones @ V.T - y).T @ ones / 50  # of the mean of |error|^2 / 2
    V -= kfac.precondition({"fc": gradient})["fc"]
    np.testing.assert_allclose(V, np.linalg.lstsq(ones, y, rcond=None)[0].T, rtol=1e-12, atol=1e-12)
