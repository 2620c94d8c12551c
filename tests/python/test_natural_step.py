"""osculate.NaturalGradient: forms of F, SPRING, averages, bounds of a step, losses, precision."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from osculate import NaturalGradient, families, fisher_solve

Array = NDArray[Any]
N, P = 12, 30
RNG = np.random.default_rng(9)
S = RNG.standard_normal((N, P)) * np.geomspace(0.3, 3, P)
F = S.T @ S / N
E = RNG.standard_normal(N)
G = S.T @ E / N
X = RNG.standard_normal(P)
DAMPING = 0.1
FORMS: dict[str, dict[str, Any]] = {
    "matrix": {"fisher": F},
    "samples": {"scores": S},
    "products": {"product": lambda v: S.T @ (S @ v) / N},
}
each_form = pytest.mark.parametrize("form", FORMS)


def solved(matrix: Array, right: Array, damping: float = DAMPING) -> Array:
    return np.asarray(np.linalg.solve(matrix + damping * np.eye(P), right))


def close(x: Array, expected: Array, rtol: float = 1e-10) -> None:
    """In the norm: F + damping I has a condition below 1e3."""
    assert np.linalg.norm(x - expected) <= rtol * np.linalg.norm(expected)


def make(**options: Any) -> NaturalGradient:
    return NaturalGradient(**({"learning_rate": 0.5, "damping": DAMPING, "cg_rtol": 1e-13} | options))


@each_form
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_step_is_along_the_damped_natural_gradient(form: str, dtype: Any) -> None:
    options: dict[str, Any] = {} if dtype == np.float64 else {"cg_rtol": 1e-6}
    step = make(**options).step(X.astype(dtype), G, **FORMS[form])
    d = solved(F, G)
    rtol = 1e-10 if dtype == np.float64 else 1e-3  # condition 1e3 times eps 6e-8, with room for sums
    assert step.theta.dtype == step.direction.dtype == dtype
    close(step.direction, d, rtol)
    close(step.theta, X - 0.5 * d, rtol)
    assert (step.accepted, step.reason, step.form, step.scale) == (True, "accepted", form, 0.5)
    assert step.kl == pytest.approx(0.125 * d @ F @ d, rel=rtol)
    assert step.step_norm == pytest.approx(0.5 * np.linalg.norm(d), rel=rtol)
    assert step.predicted_reduction == pytest.approx(0.5 * G @ d - 0.125 * d @ F @ d, rel=rtol)
    assert math.isnan(step.loss_before)
    assert math.isnan(step.ratio)
    assert (step.losses, step.products > 0) == (0, form == "products")
    assert step["damping"] == DAMPING
    assert "taken" in step.message


def test_more_samples_than_parameters_form_the_matrix() -> None:
    scores = RNG.standard_normal((40, P))
    step = make(centered=True).step(X, G, scores=scores)
    assert step.form == "parameters"
    close(step.direction, solved(np.cov(scores.T, bias=True), G))


def test_a_model_is_its_outputs_jacobian_and_family() -> None:
    z, y = RNG.standard_normal(N), (RNG.random(N) < 0.5).astype(float)
    family = families.Bernoulli()
    few = make().step(X, outputs=z, jacobian=S, family="bernoulli", targets=y)
    assert few.form == "samples"
    matrix, slope = family.fisher(z, S), S.T @ family.gradient(z, y)
    close(few.direction, solved(matrix, slope))
    given = make().step(X, slope, outputs=z, jacobian=S, family=family)
    np.testing.assert_array_equal(given.theta, few.theta)
    many_z, many_s = np.tile(z, 4), np.tile(S, (4, 1))
    many = make().step(X, slope, outputs=many_z, jacobian=np.asfortranarray(many_s), family=family)
    assert many.form == "matrix"
    close(many.direction, few.direction)
    weights = np.arange(N)
    weighted = make().step(X, outputs=z, jacobian=S, family=family, targets=y, weights=weights)
    close(weighted.direction, solved(family.fisher(z, S, weights), S.T @ family.gradient(z, y, weights)))


def test_functions_may_take_theta() -> None:
    seen: list[Array] = []

    def fisher(theta: Array) -> Array:
        seen.append(theta)
        return F

    def product(theta: Array, v: Array) -> Array:
        seen.append(theta)
        return np.asarray(F @ v)

    one = make().step(X, G, fisher=fisher)
    two = make().step(X, G, product=product)
    close(two.theta, one.theta)
    assert all(np.array_equal(theta, X) and not theta.flags.writeable for theta in seen)


def test_momentum_is_spring() -> None:
    """Goldshlager, Abrahamsen & Lin 2024, in their own form: the N x N system of e - mu S d."""
    mu, lam = 0.9, 0.05
    optimizer = NaturalGradient(learning_rate=0.1, damping=lam, momentum=mu)
    x, d = X.copy(), np.zeros(P)
    rng = np.random.default_rng(1)
    for _ in range(5):
        scores, e = rng.standard_normal((N, P)), rng.standard_normal(N)
        residual = e - mu * scores @ d
        d = mu * d + scores.T @ np.linalg.solve(scores @ scores.T + N * lam * np.eye(N), residual)
        step = optimizer.step(x, scores.T @ e / N, scores=scores)
        close(step.direction, d, 1e-9)
        x = step.theta
    # As a proximal problem: |S d - e|^2 / N + lambda |d - mu d_before|^2 is stationary.
    before = d
    step = optimizer.step(x, scores.T @ e / N, scores=scores)
    slope = scores.T @ (scores @ step.direction - e) / N + lam * (step.direction - mu * before)
    assert np.abs(slope).max() < 1e-10


def test_min_sr_is_spring_without_momentum() -> None:
    step = make().step(X, G, scores=S)
    close(step.direction, S.T @ np.linalg.solve(S @ S.T + N * DAMPING * np.eye(N), E))
    np.testing.assert_array_equal(step.direction, fisher_solve(S, G, DAMPING).x)


@pytest.mark.parametrize("form", ["matrix", "scores", "model"])
def test_the_average_decays_as_it_should(form: str) -> None:
    optimizer, decay, average = make(decay=0.7), 0.7, np.zeros((P, P))
    rng = np.random.default_rng(2)
    for k in range(1, 8):
        scores, z = rng.standard_normal((N, P)), rng.standard_normal(N)
        matrix = scores.T @ scores / N
        given: dict[str, Any] = {"fisher": matrix} if form == "matrix" else {"scores": scores}
        if form == "model":
            given = {"outputs": z, "jacobian": scores, "family": "poisson"}
            matrix = families.Poisson().fisher(z, scores)
        share = min(1 - 1 / k, decay)
        average = share * average + (1 - share) * matrix
        step = optimizer.step(X, G, **given)
        assert step.form == "matrix"
        close(step.direction, solved(average, G))
    fisher = optimizer.fisher
    assert fisher is not None
    np.testing.assert_allclose(fisher, average, atol=1e-12)
    assert make().fisher is None


@each_form
def test_kl_clip_and_norm_constraint_shorten_the_step(form: str) -> None:
    free = make().step(X, G, **FORMS[form])
    clipped = make(kl_clip=free.kl / 9).step(X, G, **FORMS[form])
    assert clipped.kl == pytest.approx(free.kl / 9, rel=1e-9)
    assert clipped.scale == pytest.approx(free.scale / 3, rel=1e-9)
    s = clipped.theta - X
    assert s @ F @ s / 2 == pytest.approx(free.kl / 9, rel=1e-9)
    bounded = make(norm_constraint=free.step_norm**2 / 4).step(X, G, **FORMS[form])
    assert np.linalg.norm(bounded.theta - X) == pytest.approx(free.step_norm / 2, rel=1e-9)
    loose = make(kl_clip=2 * free.kl, norm_constraint=2 * free.step_norm**2).step(X, G, **FORMS[form])
    np.testing.assert_array_equal(loose.theta, free.theta)


def test_momentum_keeps_the_direction_and_not_its_bounded_step() -> None:
    one, two = make(momentum=0.9), make(momentum=0.9, norm_constraint=1e-4)
    for optimizer in (one, two):
        optimizer.step(X, G, scores=S)
    np.testing.assert_array_equal(one.state_dict()["direction"], two.state_dict()["direction"])


def quadratic(x: Array) -> float:
    return float(x @ F @ x / 2 + 0.05 * x @ x)


def steep(x: Array) -> float:
    """Falls along the first tenth of the way only."""
    return float(np.cosh(min(10 * np.linalg.norm(x), 700.0)))


@pytest.mark.parametrize("step", ["line_search", "trust_region"])
def test_a_loss_shortens_steps_that_are_too_long(step: str) -> None:
    x = np.full(P, 0.3)
    length = np.linalg.norm(x)
    g = 10 * np.sinh(10 * length) * x / length
    calls: list[Array] = []

    def loss(t: Array) -> float:
        calls.append(t.copy())
        return steep(t)

    taken = make(learning_rate=1.0, step=step).step(x, g, fisher=np.eye(P), loss=loss)
    assert taken.accepted
    assert taken.loss_after == steep(taken.theta) < taken.loss_before == steep(x)
    assert taken.losses == len(calls) > 2
    assert 0 < taken.scale < 1
    known = make(learning_rate=1.0, step=step).step(x, g, fisher=np.eye(P), loss=steep, value=steep(x))
    assert known.losses == taken.losses - 1
    np.testing.assert_array_equal(known.theta, taken.theta)


def test_a_quadratic_is_solved_in_one_step() -> None:
    matrix = F + 0.1 * np.eye(P)
    for step in ("line_search", "trust_region"):
        taken = make(learning_rate=1.0, damping=0, step=step).step(
            X, matrix @ X, fisher=matrix, loss=quadratic
        )
        assert taken.ratio == pytest.approx(1, abs=1e-10)
        assert np.abs(taken.theta).max() < 1e-12
        assert taken.losses == 2


def test_the_radius_follows_the_ratio() -> None:
    matrix = F + 0.1 * np.eye(P)
    optimizer = make(learning_rate=1.0, damping=0, step="trust_region", kl_radius=1e-3)
    x, radii = X, []
    for _ in range(3):
        step = optimizer.step(x, matrix @ x, fisher=matrix, loss=quadratic)
        radii.append(step.kl_radius)
        x = step.theta
        assert step.kl == pytest.approx(radii[-1] / 4, rel=1e-9)
    assert radii == pytest.approx([4e-3, 16e-3, 64e-3])  # a quadratic does as promised
    assert optimizer.state_dict()["kl_radius"] == radii[-1]


@pytest.mark.parametrize("step", ["line_search", "trust_region"])
def test_a_step_that_reduces_nothing_is_rejected(step: str) -> None:
    optimizer = make(step=step)
    taken = optimizer.step(
        X, -F @ X, fisher=F, loss=lambda t: float(t @ F @ t / 2 + 1e6 * ((t - X) ** 2).sum())
    )
    assert (taken.accepted, taken.reason) == (False, "rejected")
    np.testing.assert_array_equal(taken.theta, X)
    assert taken.scale == taken.step_norm == taken.kl == 0
    assert taken.loss_after == taken.loss_before
    assert optimizer.steps == 1


def test_momentum_that_leads_uphill_is_left_out_where_a_loss_judges() -> None:
    matrix = F + 0.1 * np.eye(P)
    optimizer = make(momentum=0.99, damping=10.0, step="line_search", learning_rate=1.0)
    optimizer.step(X, matrix @ X, fisher=matrix, loss=quadratic)
    step = optimizer.step(-X, matrix @ -X * 1e-3, fisher=matrix, loss=lambda t: 1e-3 * quadratic(t))
    close(step.direction, np.linalg.solve(matrix + 10 * np.eye(P), matrix @ -X * 1e-3))
    assert step.accepted


def test_schedules_take_the_place_of_the_options() -> None:
    step = make().step(X, G, fisher=F, learning_rate=0.25, damping=1.0)
    close(step.theta, X - 0.25 * solved(F, G, 1.0))
    assert step.damping == 1.0


@pytest.mark.parametrize("given", [{"scores": S}, {"fisher": F}])
def test_bits_do_not_depend_on_threads(given: dict[str, Any]) -> None:
    steps = [make(threads=threads, decay=0.5).step(X, G, **given) for threads in (1, 3)]
    np.testing.assert_array_equal(steps[0].theta, steps[1].theta)


def test_strides_make_no_difference() -> None:
    expected = make().step(X, G, scores=S).theta
    wide = np.zeros((N, 2 * P))
    wide[:, ::2] = S
    for scores in (np.asfortranarray(S), wide[:, ::2], S[::-1][::-1]):
        np.testing.assert_array_equal(make().step(X[::-1][::-1], G, scores=scores).theta, expected)
    assert not np.shares_memory(make().step(X, np.zeros(P), scores=S).theta, X)


def test_one_sample_and_one_parameter() -> None:
    step = NaturalGradient(learning_rate=1, damping=1).step([2.0], [3.0], scores=[[2.0]])
    assert step.theta.tolist() == [2 - 3 / 5]


def test_mixed_precision_is_fisher_solves() -> None:
    step = make(mixed_precision=True).step(X, G, scores=S)
    np.testing.assert_array_equal(step.direction, fisher_solve(S, G, DAMPING, mixed_precision=True).x)
