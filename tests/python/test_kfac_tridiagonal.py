"""The block-tridiagonal inverse of osculate.KFAC, beside dense matrices."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from osculate import KFAC, Status
from osculate.layers import Linear

Array = NDArray[Any]
B, DAMPING = 60, 0.05
WIDTHS = [3, 4, 2, 3]
TOLERANCE = 1e-9  # the conditions are up to 1e4, the inverses of eigenvectors add a few digits


def chain(count: int, bias: bool = True) -> dict[str, Linear]:
    return {f"fc{i}": Linear(a, b, bias) for i, (a, b) in enumerate(itertools.pairwise(WIDTHS[: count + 1]))}


def rows(count: int, seed: int = 0) -> dict[str, tuple[Array, Array]]:
    """Activations that pass on what they hold, and gradients that pass back, as those of a network."""
    random, found = np.random.default_rng(seed), []
    a, g = random.standard_normal((B, WIDTHS[0])), random.standard_normal((B, WIDTHS[count]))
    activations, gradients = [a], [g]
    for i in range(count - 1):
        a = np.tanh(a @ random.standard_normal((WIDTHS[i], WIDTHS[i + 1])))
        g = g @ random.standard_normal((WIDTHS[count - i], WIDTHS[count - i - 1]))
        activations.append(a)
        gradients.append(g)
    found = [(x, y) for x, y in zip(activations, gradients[::-1], strict=True)]
    return {f"fc{i}": pair for i, pair in enumerate(found)}


def flat(result: dict[str, Array]) -> Array:
    return np.concatenate([V.ravel() for V in result.values()])


def dense(product: Any, layers: dict[str, Linear]) -> Array:
    """The matrix of a product, layers after each other, each by rows."""
    shapes = [layer.shape for layer in layers.values()]
    ends = np.cumsum([0] + [m * n for m, n in shapes])
    columns = []
    for e in np.eye(int(ends[-1])):
        parts = [e[ends[i] : ends[i + 1]].reshape(shape) for i, shape in enumerate(shapes)]
        columns.append(flat(product(dict(zip(layers, parts, strict=True)))))
    return np.array(columns).T


def moments(statistics: dict[str, tuple[Array, Array]], bias: bool) -> tuple[list[Array], list[Array]]:
    inputs = [np.hstack([a, np.ones((B, 1))]) if bias else a for a, _ in statistics.values()]
    return inputs, [g for _, g in statistics.values()]


def blocks(statistics: dict[str, tuple[Array, Array]], bias: bool, damping: float) -> dict[Any, Array]:
    """Blocks of the approximate Fisher matrix on and beside the diagonal, with damped factors."""
    inputs, gradients = moments(statistics, bias)
    found: dict[Any, Array] = {}
    for i, (a, g) in enumerate(zip(inputs, gradients, strict=True)):
        A, G = a.T @ a / B, g.T @ g / B
        pi = np.sqrt((np.trace(A) / len(A)) / (np.trace(G) / len(G)))
        gamma = np.sqrt(damping)
        found[i, i] = np.kron(G + gamma / pi * np.eye(len(G)), A + pi * gamma * np.eye(len(A)))
        if i:
            found[i - 1, i] = np.kron(gradients[i - 1].T @ g / B, inputs[i - 1].T @ a / B)
            found[i, i - 1] = found[i - 1, i].T
    return found


def inverted(count: int, bias: bool = True, **options: Any) -> tuple[KFAC, dict[str, Linear], Any]:
    layers = chain(count, bias)
    kfac = KFAC(layers, tridiagonal=True, damping=DAMPING, **options)
    statistics = rows(count)
    kfac.update_all(statistics, loss_average=None)
    assert kfac.invert().success
    return kfac, layers, blocks(statistics, bias, DAMPING)


@pytest.mark.parametrize("bias", [True, False])
def test_for_two_layers_it_is_the_inverse_of_the_whole_matrix(bias: bool) -> None:
    kfac, layers, block = inverted(2, bias)
    whole = np.block([[block[i, j] for j in range(2)] for i in range(2)])
    inverse = dense(kfac.precondition, layers)
    np.testing.assert_allclose(inverse @ whole, np.eye(len(whole)), atol=TOLERANCE)


def test_the_inverse_of_the_inverse_has_the_blocks_of_the_matrix_on_and_beside_its_diagonal() -> None:
    kfac, layers, block = inverted(3)
    inverse = dense(kfac.precondition, layers)
    np.testing.assert_allclose(inverse, inverse.T, atol=TOLERANCE * np.abs(inverse).max())
    assert np.linalg.eigvalsh(inverse)[0] > 0
    ends = np.cumsum([0] + [m * n for m, n in (layer.shape for layer in layers.values())])
    part = [slice(ends[i], ends[i + 1]) for i in range(3)]
    assert (inverse[part[0], part[2]] == 0).all()  # block-tridiagonal
    matrix = np.linalg.inv(inverse)
    scale = np.abs(matrix).max()
    for (i, j), expected in block.items():
        np.testing.assert_allclose(matrix[part[i], part[j]], expected, atol=TOLERANCE * scale)


def test_layers_that_know_nothing_of_each_other_have_the_inverse_of_blocks() -> None:
    layers = chain(2, bias=False)
    statistics = rows(2)
    signs = np.tile([[1.0], [-1.0]], (B, 1))
    statistics = {
        "fc0": (np.repeat(statistics["fc0"][0], 2, axis=0), np.repeat(statistics["fc0"][1], 2, axis=0)),
        "fc1": (
            signs * np.repeat(statistics["fc1"][0], 2, axis=0),
            signs * np.repeat(statistics["fc1"][1], 2, axis=0),
        ),
    }
    plain, linked = KFAC(layers), KFAC(layers, tridiagonal=True)
    V = {name: np.ones(layer.shape) for name, layer in layers.items()}
    for kfac in (plain, linked):
        kfac.update_all(statistics, loss_average="batch")
        kfac.invert()
    np.testing.assert_allclose(flat(linked.precondition(V)), flat(plain.precondition(V)), rtol=1e-10)


def test_products_are_those_of_the_tridiagonal_matrix() -> None:
    kfac, layers, _ = inverted(3)
    block = blocks(rows(3), True, 0.0)
    zero = [[np.zeros((len(block[i, i]), len(block[j, j]))) for j in range(3)] for i in range(3)]
    whole = np.block([[block.get((i, j), zero[i][j]) for j in range(3)] for i in range(3)])
    found = dense(lambda V: kfac.fisher_product(V, damping=0.2), layers)
    np.testing.assert_allclose(found, whole + 0.2 * np.eye(len(whole)), rtol=1e-11, atol=1e-11)


def test_links_average_weigh_and_merge_as_the_factors_do() -> None:
    layers, statistics = chain(3), rows(3)
    weights = np.arange(B) % 3
    whole = KFAC(layers, tridiagonal=True)
    parts = [KFAC(layers, tridiagonal=True) for _ in range(3)]
    repeated = {
        name: (np.repeat(a, weights, 0), np.repeat(g, weights, 0)) for name, (a, g) in statistics.items()
    }
    for scale in (1.0, 3.0):
        whole.update_all({n: (a, scale * g) for n, (a, g) in repeated.items()}, loss_average=None)
        for i, part in enumerate(parts):
            batch = {n: (a[i::3], scale * g[i::3]) for n, (a, g) in statistics.items()}
            if i:
                part.update_all(batch, loss_average=None, batch_weights=weights[i::3])
    parts[0].merge(parts[1])
    parts[0].merge(parts[2])
    first, second = whole.state_dict(), parts[0].state_dict()
    names = [name for name in first if name.startswith("/tridiagonal/")]
    assert len(names) == 4
    for name in names:
        np.testing.assert_allclose(second[name], first[name], rtol=1e-12, atol=1e-13)


def test_a_chain_is_good_as_a_whole_or_not_at_all() -> None:
    kfac, layers, _ = inverted(3)
    V = {name: np.ones(layer.shape) for name, layer in layers.items()}
    before, state = kfac.precondition(V), kfac.state_dict()
    bad = rows(3, seed=1)
    bad["fc1"][0][3, 1] = np.nan
    status = kfac.update_all(bad, loss_average=None)
    assert status.failed == ["fc1"]
    after = kfac.state_dict()
    assert all(
        (state[n] == after[n]).all() for n in state if n.endswith(("/A", "/G", "/0", "/1", "/2", "/3"))
    )
    state["fc2/G"][0, 0] = -5.0
    kfac.load_state_dict(state)
    status = kfac.invert()
    assert status.outcomes["fc2"] is Status.singular
    assert "layer 'fc2': G with damping is not positive definite" in status.message
    assert (flat(kfac.precondition(V)) == flat(before)).all()
    fresh = KFAC(layers, tridiagonal=True)
    assert fresh.invert().failed == list(layers)
    assert (flat(fresh.precondition(V)) == flat(V)).all()
    assert fresh.update_all(rows(3), loss_average=None).success
    assert fresh.invert().success
    assert fresh.memory()["total"] > 0


def test_the_background_gives_the_bits_of_the_foreground() -> None:
    now, layers, _ = inverted(3)
    later, _, _ = inverted(3, background=True)
    V = {name: np.ones(layer.shape) for name, layer in layers.items()}
    later.update_all(rows(3, seed=2), loss_average=None)
    now.update_all(rows(3, seed=2), loss_average=None)
    now.invert()
    later.invert()
    later.update_all(rows(3, seed=3), loss_average=None)
    later.join()
    assert (flat(later.precondition(V)) == flat(now.precondition(V))).all()
