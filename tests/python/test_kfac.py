"""osculate.KFAC: its statistics, beside exact Fisher blocks, and what the core is given of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from osculate import KFAC, Status, _core
from osculate.layers import Linear

Array = NDArray[Any]
EPS = float(np.finfo(float).eps)
B, R, D_IN, D_OUT = 24, 3, 5, 4
RNG = np.random.default_rng(7)
A_ROWS = RNG.standard_normal((B, D_IN)) * np.geomspace(1, 5, D_IN)
G_ROWS = RNG.standard_normal((B, D_OUT)) + A_ROWS[:, :1]
CLOSE: dict[str, Any] = {
    "rtol": 1e-12,
    "atol": 1e-13,
}  # sums of some 100 terms of size 1 to 100: 100 eps of them


def linear(**options: Any) -> KFAC:
    return KFAC({"fc": Linear(D_IN, D_OUT)}, **options)


def factors(kfac: KFAC, name: str = "fc") -> tuple[Array, Array]:
    state = kfac.state_dict()
    return state[f"{name}/A"], state[f"{name}/G"]


def with_ones(a: Array) -> Array:
    return np.hstack([a, np.ones((len(a), 1))])


def dense(product: Any, m: int, n: int) -> Array:
    """The matrix of a linear function of V, vec by rows."""
    columns = [np.asarray(product(e.reshape(m, n))).ravel() for e in np.eye(m * n)]
    return np.array(columns).T


def fisher(kfac: KFAC, m: int = D_OUT, n: int = D_IN + 1) -> Array:
    return dense(lambda V: kfac.fisher_product({"fc": V})["fc"], m, n)


def exact_fisher(a: Array, g: Array) -> Array:
    """Of a linear layer with a bias: the mean of the outer products of the samples' gradients."""
    scores = np.einsum("bi,bj->bij", g, with_ones(a)).reshape(len(a), -1)
    return np.asarray(scores.T @ scores / len(a))


def test_factors_are_second_moments_with_a_one_for_the_bias() -> None:
    kfac = linear()
    status = kfac.update("fc", A_ROWS, G_ROWS, loss_average=None)
    assert status.success
    assert status.outcomes == {"fc": Status.gradient}
    A, G = factors(kfac)
    np.testing.assert_allclose(A, with_ones(A_ROWS).T @ with_ones(A_ROWS) / B, **CLOSE)
    np.testing.assert_allclose(G, G_ROWS.T @ G_ROWS / B, **CLOSE)
    assert (A == A.T).all()
    assert kfac.updates == {"fc": 1}


def test_the_product_is_the_exact_block_where_activations_and_gradients_are_independent() -> None:
    a, g = np.repeat(A_ROWS[:6], 8, axis=0), np.tile(G_ROWS[6:14], (6, 1))  # every a with every g
    kfac = linear()
    kfac.update("fc", a, g, loss_average=None)
    np.testing.assert_allclose(fisher(kfac), exact_fisher(a, g), **CLOSE)


def test_the_product_is_not_the_exact_block_where_they_depend_on_each_other() -> None:
    kfac = KFAC({"fc": Linear(1, 1, bias=False)})
    kfac.update("fc", [[1.0], [2.0]], [[1.0], [2.0]], loss_average=None)
    # E[a^2 g^2] = (1 + 16) / 2, but E[a^2] E[g^2] = (5 / 2)^2
    assert kfac.fisher_product({"fc": np.ones((1, 1))})["fc"].item() == 6.25
    kfac = linear()
    kfac.update("fc", A_ROWS, G_ROWS, loss_average=None)
    exact = exact_fisher(A_ROWS, G_ROWS)
    assert np.linalg.norm(fisher(kfac) - exact) > 0.05 * np.linalg.norm(exact)


def test_ekfac_is_no_further_from_the_exact_block_than_kfac() -> None:
    for seed in range(10):
        random = np.random.default_rng(seed)
        a = random.standard_normal((B, D_IN))
        g = random.standard_normal((B, D_OUT)) + a[:, :1] ** 2
        exact = exact_fisher(a, g)
        errors = []
        for eigen in (False, True):
            kfac = linear(eigen=eigen)
            for _ in range(3):  # the first gives the basis, the others the mean squares in it
                kfac.update("fc", a, g, loss_average=None)
                if kfac.updates["fc"] == 1:
                    kfac.invert()
            errors.append(float(np.linalg.norm(fisher(kfac) - exact)))
        # The error is convex in the mean squares and least at the exact ones, towards which they moved.
        assert errors[1] < errors[0], seed


@pytest.mark.parametrize("average", [None, "batch", "batch+sequence", 100])
@pytest.mark.parametrize("positions", [1, R])
@pytest.mark.parametrize("sharing", ["expand", "reduce"])
def test_doubling_a_batch_by_repetition_changes_nothing(average: Any, positions: int, sharing: str) -> None:
    random = np.random.default_rng(3)
    a, b = random.standard_normal((B, positions, D_IN)), random.standard_normal((B, positions, D_OUT))
    found = []
    for times in (1, 2):
        terms = {None: 1, "batch": B * times, "batch+sequence": B * positions * times, 100: 100 * times}
        kfac = KFAC({"fc": Linear(D_IN, D_OUT, sharing=sharing)})
        given = average if average != 100 else 100 * times
        g = np.tile(b, (times, 1, 1)) / terms[average]  # what the mean over more terms does to it
        kfac.update("fc", np.tile(a, (times, 1, 1)), g, loss_average=given)
        found.append(factors(kfac))
    np.testing.assert_allclose(found[1][0], found[0][0], **CLOSE)
    np.testing.assert_allclose(found[1][1], found[0][1], **CLOSE)


def test_every_average_gives_the_same_factors_for_the_same_terms() -> None:
    found = []
    for average, factor in ((None, 1), ("batch", B), ("batch+sequence", B), (B, B), (float(B), B)):
        kfac = linear()
        kfac.update("fc", A_ROWS, G_ROWS / factor, loss_average=average)
        found.append(factors(kfac)[1])
    for G in found[1:]:
        np.testing.assert_allclose(G, found[0], **CLOSE)


def test_a_mean_over_positions_has_the_fisher_of_a_mean() -> None:
    random = np.random.default_rng(4)
    a, g = random.standard_normal((B, R, D_IN)), random.standard_normal((B, R, D_OUT))
    per_sample, per_token, flat = linear(), linear(), linear()
    per_sample.update("fc", a, g, loss_average=None)
    per_token.update("fc", a, g / (B * R), loss_average="batch+sequence")
    flat.update("fc", a.reshape(-1, D_IN), g.reshape(-1, D_OUT), loss_average=None)
    np.testing.assert_allclose(factors(per_token)[0], factors(flat)[0], **CLOSE)
    np.testing.assert_allclose(factors(per_token)[1], factors(flat)[1], **CLOSE)
    np.testing.assert_allclose(factors(per_sample)[0], factors(flat)[0], **CLOSE)
    np.testing.assert_allclose(factors(per_sample)[1], R * factors(flat)[1], **CLOSE)


@pytest.mark.parametrize("average", [None, "batch", "batch+sequence"])
def test_weights_are_multiplicities(average: Any) -> None:
    times = np.arange(B) % 3  # zeros among them
    repeated, weighted = linear(), linear()
    a, g = np.repeat(A_ROWS, times, axis=0), np.repeat(G_ROWS, times, axis=0)
    repeated.update("fc", a, g / (len(a) if average else 1), loss_average=average)
    # The gradient of a weighted mean has the weight in it.
    given = G_ROWS * times[:, None] / times.sum() if average else G_ROWS
    weighted.update("fc", A_ROWS, given, loss_average=average, batch_weights=times)
    for one, other in zip(factors(repeated), factors(weighted), strict=True):
        np.testing.assert_allclose(other, one, **CLOSE)


@pytest.mark.parametrize("order", ["C", "F"])
def test_weights_of_positions_mask_them(order: Any) -> None:
    random = np.random.default_rng(5)
    a, g = random.standard_normal((B, R, D_IN)), random.standard_normal((B, R, D_OUT))
    mask = random.random((B, R)) < 0.6
    mask[:, 0] = True
    kept, masked = linear(), linear()
    kept.update("fc", a[mask], g[mask], loss_average=None)
    given = g * mask[:, :, None] / mask.sum()
    masked.update(
        "fc",
        np.array(a, order=order),
        np.array(given, order=order),
        loss_average="batch+sequence",
        batch_weights=mask,
    )
    for one, other in zip(factors(kept), factors(masked), strict=True):
        np.testing.assert_allclose(other, one, **CLOSE)


def test_a_subsample_keeps_the_scale_of_the_batch() -> None:
    part = linear()
    part.update("fc", A_ROWS[:6], G_ROWS[:6], loss_average=None)
    mask = np.arange(B) < 6
    for subsample in (6, slice(6), slice(0, 6, 1), np.arange(6), [0, 1, 2, 3, 4, 5], mask):
        for average, factor in ((None, 1), ("batch", B), ("batch+sequence", B), (B, B)):
            kfac = linear()
            kfac.update("fc", A_ROWS, G_ROWS / factor, loss_average=average, subsample=subsample)
            for one, other in zip(factors(part), factors(kfac), strict=True):
                np.testing.assert_allclose(other, one, **CLOSE)
    whole = linear()
    whole.update("fc", A_ROWS, G_ROWS, loss_average=None, subsample=1000)  # all, where there are fewer
    np.testing.assert_allclose(factors(whole)[1], G_ROWS.T @ G_ROWS / B, **CLOSE)


def test_averages_are_plain_means_at_first_and_then_decay() -> None:
    rows = RNG.standard_normal((30, 1, D_IN))
    kfac, expected = linear(decay=0.9), np.zeros((D_IN + 1, D_IN + 1))
    for k, a in enumerate(rows, 1):
        kfac.update("fc", a, np.ones((1, D_OUT)), loss_average=None)
        keep = min(1 - 1 / k, 0.9)
        expected = keep * expected + (1 - keep) * with_ones(a).T @ with_ones(a)
        if k == 10:
            first = with_ones(rows[:10, 0])
            np.testing.assert_allclose(factors(kfac)[0], first.T @ first / 10, **CLOSE)
    np.testing.assert_allclose(factors(kfac)[0], expected, **CLOSE)
    kfac.update("fc", rows[0], np.ones((1, D_OUT)), loss_average=None, decay=0.25)
    ones = with_ones(rows[0])
    np.testing.assert_allclose(factors(kfac)[0], 0.25 * expected + 0.75 * ones.T @ ones, **CLOSE)


def test_four_parts_merged_are_the_whole() -> None:
    whole, parts = linear(), [linear() for _ in range(4)]
    splits = np.split(np.arange(B), [5, 6, 14])  # of unequal size
    for scale in (1.0, 2.0):  # two batches
        whole.update("fc", scale * A_ROWS, G_ROWS, loss_average=None)
        for kfac, index in zip(parts, splits, strict=True):
            kfac.update("fc", scale * A_ROWS[index], G_ROWS[index] / len(index), loss_average="batch")
    before = [factors(kfac) for kfac in parts[1:]]
    for kfac in parts[1:]:
        parts[0].merge(kfac)
    for one, other in zip(factors(whole), factors(parts[0]), strict=True):
        np.testing.assert_allclose(other, one, **CLOSE)
    assert parts[0].updates == {"fc": 2}
    for old, kfac in zip(before, parts[1:], strict=True):
        assert all((x == y).all() for x, y in zip(old, factors(kfac), strict=True))
    empty = linear()
    empty.merge(parts[0])
    parts[0].merge(linear())
    for one, other in zip(factors(empty), factors(parts[0]), strict=True):
        assert (one == other).all()


def test_tied_weights_are_given_use_by_use() -> None:
    tied, sequence = linear(), linear()
    a = RNG.standard_normal((B, 2, D_IN))
    g = RNG.standard_normal((B, 2, D_OUT))
    tied.update("fc", [a[:, 0], a[:, 1]], [g[:, 0] / B, g[:, 1] / B], loss_average="batch")
    sequence.update("fc", a, g / B, loss_average="batch")
    for one, other in zip(factors(sequence), factors(tied), strict=True):
        np.testing.assert_allclose(other, one, **CLOSE)


def test_one_call_of_the_core_and_no_copy_for_all_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: dict[str, list[Any]] = {"gram_updates": [], "spd_inverses": [], "kronecker_products": []}
    for name, seen in calls.items():
        real = getattr(_core, name)

        def record(*given: Any, real: Any = real, seen: list[Any] = seen) -> Any:
            seen.append(given)
            return real(*given)

        monkeypatch.setattr(_core, name, record)
    kfac = KFAC({"a": Linear(5, 4), "b": Linear(5, 4, bias=False), "c": Linear(5, 4)})
    long = np.zeros((2 * B, D_IN))
    long[:B] = A_ROWS
    statistics = {"a": (A_ROWS, G_ROWS), "b": (np.asfortranarray(A_ROWS), G_ROWS), "c": (long, long[:, :4])}
    kfac.update_all(statistics, loss_average=None, subsample=B)
    kfac.invert()
    gradients = {"a": np.ones((4, 6)), "b": np.ones((4, 5), order="F"), "c": np.ones((4, 6))}
    given = dict(gradients)
    kfac.precondition(gradients, out=gradients)
    assert [len(seen) for seen in calls.values()] == [1, 1, 1]
    rows = calls["gram_updates"][0][1]
    for (a, g), i in zip(statistics.values(), (0, 2, 4), strict=True):
        assert np.shares_memory(rows[i], a)
        assert np.shares_memory(rows[i + 1], g)
    for i, name in enumerate(gradients):
        assert gradients[name] is given[name]
        assert np.shares_memory(calls["kronecker_products"][0][1][i], given[name])
        assert np.shares_memory(calls["kronecker_products"][0][3][i], given[name])
