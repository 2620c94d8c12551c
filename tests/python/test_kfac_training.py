"""A small autoencoder, NumPy alone, trained with osculate.KFAC."""

from __future__ import annotations

import numpy as np

from kfac_network import Network, blobs, train_gradient_descent, train_kfac


def test_training_beats_gradient_descent_with_as_many_steps() -> None:
    net, images, steps = Network([64, 40, 20, 6]), blobs(400, 0), 40
    # 0.1 is the best of 0.01, 0.03, 0.1, 0.3, 1 after 60 steps; 0.3 oscillates, 1 explodes.
    plain = min(min(train_gradient_descent(net, images, steps, rate)) for rate in (0.03, 0.1, 0.3))
    entropy = -np.sum(images * np.log(images) + (1 - images) * np.log1p(-np.minimum(images, 1 - 1e-12))) / 400
    for options in ({}, {"eigen": True}, {"tridiagonal": True}, {"background": True}):
        losses = train_kfac(net, images, steps, **options)
        assert losses[-1] - entropy < 0.1 * (plain - entropy), options
