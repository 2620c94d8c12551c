"""osculate.families: losses, gradients, Fisher matrices and samples against their definitions."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from osculate.families import (
    Bernoulli,
    Categorical,
    Exponential,
    Gamma,
    Normal,
    NormalFreeVariance,
    OutputFamily,
    Poisson,
)

N, P = 6, 4
RNG = np.random.default_rng(3)
Z = RNG.standard_normal(N)
WEIGHTS = np.array([1.0, 2, 0, 0.5, 1, 3])
CASES: list[tuple[OutputFamily, NDArray[Any], NDArray[Any]]] = [
    (Normal(), Z, RNG.standard_normal(N)),
    (Normal(variance=np.linspace(1, 2, N)), Z, RNG.standard_normal(N)),
    (Normal(variance=[1.0, 4.0]), RNG.standard_normal((N, 2)), RNG.standard_normal((N, 2))),
    (NormalFreeVariance(), RNG.standard_normal((N, 2)), RNG.standard_normal(N)),
    (Bernoulli(), Z, np.array([0.0, 1, 1, 0.25, 0, 1])),
    (Bernoulli(), RNG.standard_normal((N, 2, 2)), RNG.integers(0, 2, (N, 2, 2)).astype(float)),
    (Categorical(), RNG.standard_normal((N, 3)), np.array([0, 2, 1, 1, 0, 2])),
    (Categorical(), RNG.standard_normal((N, 3)), RNG.dirichlet([1, 1, 1], N)),
    (Poisson(), Z, np.array([0.0, 3, 1, 0, 2, 7])),
    (Gamma(shape=2.5), Z, RNG.gamma(2, 1, N)),
    (Exponential(), Z, RNG.exponential(1, N)),
]
NAMES = [f"{index}-{case[0].name}" for index, case in enumerate(CASES)]
each_case = pytest.mark.parametrize(("family", "z", "y"), CASES, ids=NAMES)


def jacobian_of(z: NDArray[Any]) -> NDArray[Any]:
    return np.random.default_rng(8).standard_normal((*z.shape, P))


@each_case
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["equal", "weighted"])
def test_gradient_is_the_slope_of_the_loss(
    family: OutputFamily, z: NDArray[Any], y: NDArray[Any], weights: Any
) -> None:
    slope = family.gradient(z, y, weights)
    assert slope.shape == z.shape
    step = 1e-5
    differences = np.empty(z.shape)
    for index in np.ndindex(*z.shape):
        up, down = z.copy(), z.copy()
        up[index] += step
        down[index] -= step
        differences[index] = (family.loss(up, y, weights) - family.loss(down, y, weights)) / (2 * step)
    # f''' step^2 / 6 with f''' < 20, and rounding eps f / step
    np.testing.assert_allclose(slope, differences, atol=1e-9)


@each_case
def test_fisher_is_the_expected_square_of_the_gradient(
    family: OutputFamily, z: NDArray[Any], y: NDArray[Any]
) -> None:
    """By samples of the model: the mean of s s' over many draws, within five of its standard errors."""
    draws, rng = 40_000, np.random.default_rng(7)
    one = z[:1] if getattr(family, "variance", np.ones(1)).size != N else z
    many = np.repeat(one, draws // len(one), axis=0)
    if len(one) == N:
        family = Normal(np.repeat(np.linspace(1, 2, N), draws // N))
    scores = family.gradient(many, family.sample(many, rng)).reshape(len(one), -1, one[0].size) * len(many)
    small = Normal(np.linspace(1, 2, N)) if len(one) == N else family
    for index in range(one[0].size):
        basis = np.zeros((one.shape[0], one[0].size))
        basis[:, index] = 1
        expected = small.fisher_product(one, basis.reshape(one.shape)).reshape(len(one), -1) * len(one)
        products = scores * scores[..., index : index + 1]
        spread = products.std(1) / np.sqrt(products.shape[1])
        assert (np.abs(products.mean(1) - expected) <= 5 * spread + 1e-12).all()


@each_case
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["equal", "weighted"])
def test_fisher_of_the_parameters_is_j_f_j(
    family: OutputFamily, z: NDArray[Any], y: NDArray[Any], weights: Any
) -> None:
    jacobian = jacobian_of(z)
    flat = jacobian.reshape(-1, P)
    columns = [family.fisher_product(z, jacobian[..., k], weights).ravel() for k in range(P)]
    expected = flat.T @ np.stack(columns, axis=1)
    matrix = family.fisher(z, jacobian, weights)
    np.testing.assert_allclose(matrix, expected, rtol=1e-12, atol=1e-13)
    np.testing.assert_array_equal(matrix, matrix.T)
    share = np.full(N, 1 / N) if weights is None else weights / weights.sum()
    rows = family.rows(z, jacobian, share)
    np.testing.assert_allclose(rows.T @ rows, expected, rtol=1e-12, atol=1e-13)
    np.testing.assert_array_equal(family.fisher(z, np.asfortranarray(jacobian), weights, threads=2), matrix)


@each_case
def test_fisher_is_the_expected_hessian(family: OutputFamily, z: NDArray[Any], y: NDArray[Any]) -> None:
    """With a canonical link the Hessian does not depend on the targets: it is the Fisher matrix."""
    if not isinstance(family, (Normal, Bernoulli, Categorical, Poisson)):
        # E y = mean makes the gradient of gamma's loss vanish, and its curvature the Fisher matrix.
        if isinstance(family, NormalFreeVariance):
            y = z[:, 0] + np.exp(z[:, 1] / 2)  # (y - m)^2 = variance, its mean; only the diagonal then agrees
        else:
            y = family.mean(z)
    v = np.random.default_rng(2).standard_normal(z.shape)
    if isinstance(family, NormalFreeVariance):
        v[:, 0] = 0
    step = 1e-5
    difference = (family.gradient(z + step * v, y) - family.gradient(z - step * v, y)) / (2 * step)
    expected = family.fisher_product(z, v)
    if isinstance(family, NormalFreeVariance):
        difference, expected = difference[:, 1], expected[:, 1]
    np.testing.assert_allclose(difference, expected, atol=1e-8)


@each_case
def test_float32_stays_float32(family: OutputFamily, z: NDArray[Any], y: NDArray[Any]) -> None:
    small, jacobian = z.astype(np.float32), jacobian_of(z)
    assert family.gradient(small, y).dtype == np.float32
    assert family.fisher_product(small, small).dtype == np.float32
    matrix = family.fisher(small, jacobian.astype(np.float32))
    assert matrix.dtype == np.float32
    exact = family.fisher(z, jacobian)
    np.testing.assert_allclose(matrix, exact, atol=1e-5 * np.abs(exact).max())
    assert family.loss(small, y) == pytest.approx(family.loss(z, y), rel=1e-5, abs=1e-5)


@each_case
def test_families_pickle_copy_and_say_what_they_are(
    family: OutputFamily, z: NDArray[Any], y: NDArray[Any]
) -> None:
    for other in (pickle.loads(pickle.dumps(family)), copy.deepcopy(family)):
        assert other.loss(z, y) == family.loss(z, y)
        assert repr(other) == repr(family)
    assert repr(family).startswith(type(family).__name__ + "(")


@each_case
def test_samples_have_the_mean_they_should(family: OutputFamily, z: NDArray[Any], y: NDArray[Any]) -> None:
    if getattr(family, "variance", np.ones(1)).size == N:
        return  # one variance a sample: the same distribution as the first case's
    many = np.repeat(z[:1], 40_000, axis=0)
    drawn = family.sample(many, np.random.default_rng(1))
    if isinstance(family, Categorical):
        assert drawn.dtype.kind == "i"
        drawn = np.eye(3)[drawn]
    assert drawn.shape == family.mean(many).shape
    spread = drawn.std(0) / np.sqrt(len(many))
    assert (np.abs(drawn.mean(0) - family.mean(many)[0]) <= 5 * spread).all()
    assert np.isfinite(family.loss(many[:100], family.sample(many[:100], np.random.default_rng(2))))


def test_losses_do_not_overflow_where_they_need_not() -> None:
    far = [-1e4, 1e4]
    assert Bernoulli().loss(far, [0, 1]) == 0
    assert Bernoulli().loss(far, [1, 0]) == 1e4
    assert Bernoulli().gradient(far, [1, 1]).tolist() == [-0.5, 0]
    assert Bernoulli().mean(far).tolist() == [0, 1]
    assert Categorical().loss([[1e4, -1e4]], [1]) == 2e4
    assert Categorical().mean([[1e4, -1e4]]).tolist() == [[1, 0]]
    assert Poisson().loss([1e4], [1]) == np.inf
    assert np.isfinite(Poisson().gradient([-1e4], [1.0])).all()


def test_labels_and_shares_are_the_same_targets() -> None:
    z, labels = CASES[6][1], CASES[6][2]
    assert Categorical().loss(z, labels) == Categorical().loss(z, np.eye(3)[labels])


def test_two_classes_are_bernoulli() -> None:
    y = np.array([0, 1, 1, 0, 0, 1])
    logits = np.stack([np.zeros(N), Z], axis=1)
    assert Categorical().loss(logits, y) == pytest.approx(Bernoulli().loss(Z, y), rel=1e-14)
    along = np.stack([np.zeros(N), Z], axis=1)
    product = Categorical().fisher_product(logits, along)[:, 1]
    np.testing.assert_allclose(product, Bernoulli().fisher_product(Z, Z), rtol=1e-13)


def test_repeating_the_samples_changes_nothing() -> None:
    """A mean over the samples, and weights that count them."""
    y, j = CASES[8][2], jacobian_of(Z)
    twice = Poisson().fisher(np.tile(Z, 2), np.tile(j, (2, 1)))
    np.testing.assert_allclose(twice, Poisson().fisher(Z, j), rtol=1e-13)
    counts = np.array([1, 2, 0, 3, 1, 1])
    many = np.repeat(np.arange(N), counts)
    assert Poisson().loss(Z[many], y[many]) == pytest.approx(Poisson().loss(Z, y, counts), rel=1e-14)
    np.testing.assert_allclose(Poisson().fisher(Z[many], j[many]), Poisson().fisher(Z, j, counts), rtol=1e-13)
