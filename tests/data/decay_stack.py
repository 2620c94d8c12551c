"""Data and a model for the README's first command: `osculate fit` calls `stack` and fits `decay`."""

import numpy as np


def decay(t, height, tau, offset):
    return height * np.exp(-t / tau) + offset


def stack():
    """Return times and 200 x 200 noisy decays: bright spots, which decay fast, on a slow background."""
    rng = np.random.default_rng(1)
    t = np.linspace(0, 10, 50)
    v, u = np.mgrid[-1:1:200j, -1:1:200j]
    spots = np.array([[-0.45, -0.35, 0.19], [0.4, -0.2, 0.13], [0.05, 0.5, 0.24], [-0.6, 0.55, 0.11]])
    light = sum(np.exp(-((u - a) ** 2 + (v - b) ** 2) / (2 * w**2)) for a, b, w in spots)
    tau = 1 + 1.5 / (1 + light**2) + 0.4 * np.sin(5 * u) * np.cos(4 * v)
    traces = decay(t, 2 + 8 * light[..., None], tau[..., None], 1 + 0.3 * u[..., None])
    return t, traces + 0.15 * rng.standard_normal(traces.shape)
