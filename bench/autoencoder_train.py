"""The optimizers of the autoencoder bench, each as a generator of (theta, images seen so far).

What happens between two of its values is on the clock; what the bench does with a value is not.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from autoencoder_network import Array, Autoencoder, Point

Steps = Iterator[tuple[Array, int]]
Progress = Callable[[], float]  # the share of the budget that is spent


def _batches(images: Array, size: int, random: np.random.Generator) -> Iterator[Array]:
    while True:
        order = random.permutation(len(images))
        for first in range(0, len(images) - size + 1, size):
            yield images[order[first : first + size]]


def adam(net: Autoencoder, images: Array, seed: int, spent: Progress, rate: float, batch: int) -> Steps:
    """Kingma & Ba 2015, with a cosine decay of the rate over the budget."""
    theta, random = net.start(seed), np.random.default_rng(seed + 1)
    mean, square, trial = np.zeros_like(theta), np.zeros_like(theta), np.empty_like(theta)
    for k, part in enumerate(_batches(images, batch, random), 1):
        _, g = net.value_and_gradient(theta, part)
        mean += np.float32(0.1) * (g - mean)
        square += np.float32(0.001) * (g * g - square)
        now = 0.5 * rate * (1 + np.cos(np.pi * min(spent(), 1.0)))
        np.sqrt(square / np.float32(1 - 0.999**k), out=trial)
        trial += np.float32(1e-8)
        theta -= np.float32(now / (1 - 0.9**k)) * mean / trial
        yield theta, k * batch


def nesterov(net: Autoencoder, images: Array, seed: int, spent: Progress, rate: float, batch: int) -> Steps:
    """SGD with Nesterov's momentum 0.9 and a cosine decay of the rate over the budget."""
    theta, random = net.start(seed), np.random.default_rng(seed + 1)
    velocity = np.zeros_like(theta)
    for k, part in enumerate(_batches(images, batch, random), 1):
        _, g = net.value_and_gradient(theta, part)
        now = np.float32(0.5 * rate * (1 + np.cos(np.pi * min(spent(), 1.0))))
        velocity = np.float32(0.9) * velocity - now * g
        theta += np.float32(0.9) * velocity - now * g
        yield theta, k * batch


def hessian_free(
    net: Autoencoder, images: Array, seed: int, spent: Progress, preconditioner: str, **options: Any
) -> Steps:
    """`osculate.HessianFree`, full batch."""
    import osculate

    theta, random = net.start(seed), np.random.default_rng(seed + 1)
    optimizer = osculate.HessianFree(threads=1, **options)
    seen = 0
    while True:
        at = Point(net, theta, images, random)
        chosen: Any = None
        if preconditioner == "fisher":
            chosen = at.fisher_diagonal()
        elif preconditioner == "kronecker":
            chosen = at.kronecker(optimizer.damping or 1e-2)
        step = optimizer.step(
            theta,
            lambda x: net.loss(x, images),
            at.gradient,
            at.product,
            preconditioner=chosen,
            value=at.value,
        )
        theta = step.theta
        seen += len(images) * (1 + step.products + step.losses)
        yield theta, seen


def lbfgs(net: Autoencoder, images: Array, seed: int, spent: Progress, memory: int) -> Steps:
    """SciPy's L-BFGS-B, full batch; it runs in a thread of its own that waits after each iteration."""
    from scipy.optimize import minimize

    turn, done = threading.Semaphore(0), threading.Semaphore(0)
    state: dict[str, Any] = {"seen": 0, "theta": net.start(seed), "stop": False}

    def value_and_gradient(x: Any) -> tuple[float, Any]:
        state["seen"] += len(images)
        value, g = net.value_and_gradient(x.astype(np.float32), images)
        return value, g.astype(np.float64)

    def wait(intermediate_result: Any) -> None:
        state["theta"] = intermediate_result.x.astype(np.float32)
        done.release()
        turn.acquire()
        if state["stop"]:
            raise StopIteration

    def run() -> None:
        turn.acquire()
        options = {"maxcor": memory, "maxiter": 10**6, "maxfun": 10**6, "ftol": 0.0, "gtol": 0.0}
        start = state["theta"].astype(np.float64)
        minimize(value_and_gradient, start, jac=True, method="L-BFGS-B", callback=wait, options=options)
        state["ended"] = True
        done.release()

    worker = threading.Thread(target=run)
    worker.start()
    try:
        while "ended" not in state:
            turn.release()
            done.acquire()
            yield state["theta"], state["seen"]
    finally:
        state["stop"] = True
        turn.release()
        worker.join()
