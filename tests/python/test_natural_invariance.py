"""Natural-gradient steps in closed form, and the same path of distributions in any parameterization."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from osculate import NaturalGradient

Array = NDArray[Any]
RNG = np.random.default_rng(6)
COINS = (RNG.random(50) < 0.3).astype(float)
LENGTHS = 2 + 1.5 * RNG.standard_normal(80)
X = RNG.standard_normal((60, 3))
LABELS = (RNG.random(60) < 1 / (1 + np.exp(-X @ [1.0, 2, 0.5]))).astype(float)


@pytest.mark.parametrize("rate", [1.0, 0.25])
def test_a_step_of_a_normal_mean_goes_to_the_mean_of_the_data(rate: float) -> None:
    """g = (m - mean y) / v and F = 1 / v, whatever the variance."""
    for variance in (1.0, 4.0):
        step = NaturalGradient(learning_rate=rate, damping=0).step(
            [5.0], [(5.0 - LENGTHS.mean()) / variance], fisher=[[1 / variance]]
        )
        assert step.theta[0] == pytest.approx(5 - rate * (5 - LENGTHS.mean()), rel=1e-14)
        # KL of normals of one variance is exactly half the squared distance over it.
        assert step.kl == pytest.approx((step.theta[0] - 5) ** 2 / (2 * variance), rel=1e-13)
    n = LENGTHS.size
    ours = NaturalGradient(learning_rate=rate, damping=0).step(
        [5.0], outputs=np.full(n, 5.0), jacobian=np.ones((n, 1)), family="normal", targets=LENGTHS
    )
    assert ours.theta[0] == pytest.approx(5 - rate * (5 - LENGTHS.mean()), rel=1e-14)


@pytest.mark.parametrize("rate", [1.0, 0.25])
def test_a_step_of_a_bernoulli_model_is_its_closed_form(rate: float) -> None:
    p, n = 0.6, COINS.size
    z = np.log(p / (1 - p))
    step = NaturalGradient(learning_rate=rate, damping=0).step(
        [z], outputs=np.full(n, z), jacobian=np.ones((n, 1)), family="bernoulli", targets=COINS
    )
    assert step.theta[0] == pytest.approx(z - rate * (p - COINS.mean()) / (p * (1 - p)), rel=1e-13)
    # By the probability itself, whose Fisher information is 1 / (p (1 - p)): to the share of the data.
    slope = (p - COINS.mean()) / (p * (1 - p))
    step = NaturalGradient(learning_rate=rate, damping=0).step([p], [slope], fisher=[[1 / (p * (1 - p))]])
    assert step.theta[0] == pytest.approx(p - rate * (p - COINS.mean()), rel=1e-14)
    # The empirical Fisher matrix of the scores at labels drawn from the model tends to the true one.
    labels = np.random.default_rng(0).random(100_000) < p
    scores = (p - labels)[:, None]
    true = NaturalGradient(learning_rate=rate, damping=0).step([z], [p - COINS.mean()], scores=scores)
    # The spread of F from 100 000 labels is (1 - 2 p) sqrt(p (1 - p) / N), 1.3e-3 of it: five of them.
    assert (true.theta[0] - z) * p * (1 - p) == pytest.approx(-rate * (p - COINS.mean()), rel=7e-3)


@dataclass(frozen=True)
class Chart:
    """A parameterization: gradient and Fisher matrix by its parameters, and the way to shared coordinates."""

    start: Array
    gradient: Callable[[Array], Array]
    fisher: Callable[[Array], Array]
    shared: Callable[[Array], Array]


def logit_chart() -> Chart:
    def p_of(z: Array) -> Array:
        return np.asarray(1 / (1 + np.exp(-z)))

    def fisher(z: Array) -> Array:
        return np.diag(p_of(z) * (1 - p_of(z)))

    return Chart(np.array([1.0]), lambda z: p_of(z) - COINS.mean(), fisher, p_of)


def probability_chart() -> Chart:
    def gradient(p: Array) -> Array:
        return np.asarray((p - COINS.mean()) / (p * (1 - p)))

    return Chart(1 / (1 + np.exp(-np.array([1.0]))), gradient, lambda p: np.diag(1 / (p * (1 - p))), np.copy)


def mean_variance_chart() -> Chart:
    m1, m2 = LENGTHS.mean(), (LENGTHS**2).mean()

    def gradient(t: Array) -> Array:
        m, v = t
        return np.array([(m - m1) / v, 0.5 / v - (m2 - 2 * m * m1 + m**2) / (2 * v**2)])

    return Chart(np.array([0.5, 1.0]), gradient, lambda t: np.diag([1 / t[1], 1 / (2 * t[1] ** 2)]), np.copy)


def natural_chart() -> Chart:
    """eta = (m / v, -1 / (2 v)); the gradient is E T - mean T and F the covariance of T = (y, y^2)."""
    moments = np.array([LENGTHS.mean(), (LENGTHS**2).mean()])

    def shared(eta: Array) -> Array:
        v = -1 / (2 * eta[1])
        return np.array([eta[0] * v, v])

    def gradient(eta: Array) -> Array:
        m, v = shared(eta)
        return np.asarray(np.array([m, m**2 + v]) - moments)

    def fisher(eta: Array) -> Array:
        m, v = shared(eta)
        return np.array([[v, 2 * m * v], [2 * m * v, 2 * v**2 + 4 * m**2 * v]])

    return Chart(np.array([0.5, -0.5]), gradient, fisher, shared)


def weights_chart(scale: Callable[[Array], Array], slope: Callable[[Array], Array], start: Array) -> Chart:
    """Logistic regression whose weights are a function of the parameters, element by element."""

    def p_of(u: Array) -> Array:
        return np.asarray(1 / (1 + np.exp(-X @ scale(u))))

    def gradient(u: Array) -> Array:
        return np.asarray(slope(u) * (X.T @ (p_of(u) - LABELS)) / len(X))

    def fisher(u: Array) -> Array:
        p = p_of(u)
        return np.asarray(slope(u)[:, None] * (X.T @ ((p * (1 - p))[:, None] * X) / len(X)) * slope(u))

    return Chart(start, gradient, fisher, scale)


D = np.array([0.1, 1.0, 10.0])
W = np.array([0.4, 0.8, 1.2])
PAIRS = {
    "logit, probability": (logit_chart(), probability_chart()),
    "mean and variance, natural": (mean_variance_chart(), natural_chart()),
    "weights, their logarithms": (
        weights_chart(np.copy, np.ones_like, W),
        weights_chart(np.exp, np.exp, np.log(W)),
    ),
}
SCALED = (weights_chart(np.copy, np.ones_like, W), weights_chart(lambda u: D * u, lambda u: D, W / D))
each_pair = pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)


def path(chart: Chart, rate: float, steps: int, natural: bool) -> Array:
    """The distributions along a descent, in shared coordinates."""
    optimizer, x, points = NaturalGradient(learning_rate=rate, damping=0), chart.start, []
    for _ in range(steps):
        fisher = chart.fisher(x) if natural else np.eye(x.size)
        x = optimizer.step(x, chart.gradient(x), fisher=fisher).theta
        points.append(chart.shared(x))
    return np.array(points)


def apart(pair: tuple[Chart, Chart], rate: float, steps: int, natural: bool) -> float:
    one, other = (path(chart, rate, steps, natural) for chart in pair)
    return float(np.abs(one - other).max())


@each_pair
def test_a_step_is_the_same_to_second_order(pair: tuple[Chart, Chart]) -> None:
    """The order is measured where the third is a few percent of the second; gradient descent's is one."""
    orders = {
        natural: np.log2(apart(pair, 0.01, 1, natural) / apart(pair, 0.005, 1, natural))
        for natural in (True, False)
    }
    assert orders[True] == pytest.approx(2, abs=0.1)
    assert orders[False] == pytest.approx(1, abs=0.1)


@each_pair
def test_a_path_is_the_same_to_first_order_while_gradient_descents_part(pair: tuple[Chart, Chart]) -> None:
    """Over a fixed time T = 1, 1/h steps that differ by h^2 each."""
    order = np.log2(apart(pair, 0.02, 50, True) / apart(pair, 0.01, 100, True))
    assert order == pytest.approx(1, abs=0.1)
    far, near = apart(pair, 0.02, 50, False), apart(pair, 0.01, 100, False)
    assert near == pytest.approx(far, rel=0.1)  # what no small step mends
    assert near > 5 * apart(pair, 0.01, 100, True)


def test_scaled_weights_take_the_same_steps_to_rounding() -> None:
    """A linear change of parameters: nothing differs but by the condition 1e4 of F times eps."""
    assert apart(SCALED, 0.3, 20, True) < 1e-10
    assert apart(SCALED, 0.3, 20, False) > 0.1
