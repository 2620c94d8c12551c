"""osculate.KFAC: bits, precision, sizes, and calls from several threads."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from osculate import KFAC
from osculate.layers import Linear

Array = NDArray[Any]
B, D_IN, D_OUT = 24, 5, 4
RNG = np.random.default_rng(7)
A_ROWS = RNG.standard_normal((B, D_IN)) * np.geomspace(1, 5, D_IN)
G_ROWS = RNG.standard_normal((B, D_OUT)) + A_ROWS[:, :1]


def linear(**options: Any) -> KFAC:
    return KFAC({"fc": Linear(D_IN, D_OUT)}, **options)


def factors(kfac: KFAC, name: str = "fc") -> tuple[Array, Array]:
    state = kfac.state_dict()
    return state[f"{name}/A"], state[f"{name}/G"]


@pytest.mark.parametrize("eigen", [False, True])
def test_bits_do_not_depend_on_threads_nor_results_on_layout(eigen: bool) -> None:
    order: Any
    found = []
    for threads, order in ((1, "C"), (2, "C"), (2, "F")):
        kfac = linear(threads=threads, eigen=eigen)
        for _ in range(2):
            kfac.update("fc", np.array(A_ROWS, order=order), np.array(G_ROWS, order=order), loss_average=None)
        kfac.invert()
        found.append(kfac.precondition({"fc": np.array(G_ROWS[:4, :4] @ np.eye(4, 6), order=order)})["fc"])
    assert (found[0] == found[1]).all()
    np.testing.assert_allclose(found[2], found[0], rtol=1e-9)  # eps times the condition, some 1e4


def test_single_precision_stays_single() -> None:
    kfac, double = linear(), linear()
    kfac.update("fc", A_ROWS.astype(np.float32), G_ROWS.astype(np.float32), loss_average=None)
    double.update("fc", A_ROWS, G_ROWS, loss_average=None)
    assert [x.dtype for x in factors(kfac)] == [np.float32] * 2
    np.testing.assert_allclose(factors(kfac)[0], factors(double)[0], rtol=1e-5, atol=1e-5)
    assert kfac.invert().success
    assert kfac.precondition({"fc": np.ones((D_OUT, D_IN + 1), np.float32)})["fc"].dtype == np.float32
    assert kfac.precondition({"fc": np.ones((D_OUT, D_IN + 1))})["fc"].dtype == np.float64  # as what came
    kfac.update("fc", A_ROWS, G_ROWS, loss_average=None)  # converted to the layer's
    assert factors(kfac)[0].dtype == np.float32
    chosen = linear(dtype=np.float64)
    chosen.update("fc", A_ROWS.astype(np.float32), G_ROWS.astype(np.float32), loss_average=None)
    assert factors(chosen)[0].dtype == np.float64


def test_one_sample_and_integers() -> None:
    kfac = linear()
    assert kfac.update("fc", [[1, 2, 3, 4, 5]], [[1, 0, 0, 2]], loss_average="batch").success
    np.testing.assert_array_equal(factors(kfac)[1][0], [1, 0, 0, 2])
    assert kfac.invert().success
    assert np.isfinite(kfac.precondition({"fc": np.ones((4, 6))})["fc"]).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_layers_of_many_sizes_at_once_are_as_each_alone(dtype: Any) -> None:
    sizes = [(300, 70), (1, 1), (64, 200), (33, 65), (784, 10), (2, 129)]
    layers = {f"fc{i}": Linear(a, b, bool(i % 2)) for i, (a, b) in enumerate(sizes)}
    random = np.random.default_rng(1)
    rows = {
        f"fc{i}": (
            random.standard_normal((150, a)).astype(dtype),
            random.standard_normal((150, b)).astype(dtype),
        )
        for i, (a, b) in enumerate(sizes)
    }
    V = {name: random.standard_normal(layer.shape).astype(dtype) for name, layer in layers.items()}
    together = KFAC(layers, damping=0.1, threads=2)
    together.update_all(rows, loss_average=None)
    assert together.invert().success
    found = together.precondition(V)
    for name, layer in layers.items():
        alone = KFAC({name: layer}, damping=0.1, threads=1)
        alone.update(name, *rows[name], loss_average=None)
        alone.invert()
        assert (alone.precondition({name: V[name]})[name] == found[name]).all()
        A, G = (x.astype(float) for x in factors(alone, name))
        pi = np.sqrt((np.trace(A) / len(A)) / (np.trace(G) / len(G)))
        A += pi * np.sqrt(0.1) * np.eye(len(A))
        G += np.sqrt(0.1) / pi * np.eye(len(G))
        expected = np.linalg.solve(G, V[name].astype(float)) @ np.linalg.inv(A)
        error = np.linalg.norm(found[name] - expected) / np.linalg.norm(expected)
        # A few eps times the conditions, which damping keeps below some 50 each.
        assert error < 100 * np.finfo(dtype).eps, name


def test_several_threads_may_share_an_object() -> None:
    names = [f"fc{i}" for i in range(4)]
    shared = KFAC({name: Linear(D_IN, D_OUT) for name in names}, background=True)
    shared.update_all(dict.fromkeys(names, (A_ROWS, G_ROWS)), loss_average=None)
    shared.invert()
    errors: list[BaseException] = []

    def train(name: str) -> None:
        try:
            for _ in range(30):
                shared.update(name, A_ROWS, G_ROWS, loss_average=None)
                shared.invert(when_due=True)
                shared.precondition({name: np.ones((D_OUT, D_IN + 1))})
                shared.memory()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=train, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert shared.updates == dict.fromkeys(names, 31)
    shared.invert()
    shared.join()
    alone = linear()
    for _ in range(31):
        alone.update("fc", A_ROWS, G_ROWS, loss_average=None)
    for name in names:
        assert all((x == y).all() for x, y in zip(factors(shared, name), factors(alone), strict=True))


def test_values_far_from_one_keep_their_digits() -> None:
    for size in (1e-15, 1e15):
        kfac = linear(damping=0)
        kfac.update("fc", A_ROWS, size * G_ROWS, loss_average=None)
        assert kfac.invert().success
        V = np.arange(24.0).reshape(4, 6)
        back = kfac.fisher_product(kfac.precondition({"fc": V}))["fc"]
        np.testing.assert_allclose(back, V, rtol=1e-9, atol=1e-9)  # eps times the condition, some 1e5


def laid_out(x: Array, random: np.random.Generator) -> Array:
    """The same numbers by rows, by columns, with gaps, backwards, or read-only."""
    kind = random.integers(5)
    if kind == 0:
        return np.asfortranarray(x)
    if kind == 1:
        gaps = np.zeros(tuple(2 * size for size in x.shape), x.dtype)
        view = gaps[tuple(slice(None, None, 2) for _ in x.shape)]
        view[...] = x
        return view
    if kind == 2:
        return np.ascontiguousarray(x[::-1])[::-1]
    copy = x.copy()
    copy.flags.writeable = kind != 3
    return copy


@pytest.mark.parametrize("seed", range(40))
def test_any_layout_of_any_array_gives_the_same(seed: int) -> None:
    random = np.random.default_rng(seed)
    m, n, batch, positions = (int(size) for size in random.integers(1, 7, 4))
    bias, sharing = bool(random.integers(2)), ("expand", "reduce")[random.integers(2)]
    leads = ((batch,), (batch, positions), (batch, positions, 2))
    lead = leads[random.integers(3)]
    options: dict[str, Any] = {
        "loss_average": (None, "batch", "batch+sequence")[random.integers(3)],
        "batch_weights": None if random.integers(2) else random.random(batch) + 0.1,
        "subsample": None if random.integers(2) else int(random.integers(1, batch + 1)),
    }
    eigen, dtype = bool(random.integers(2)), (np.float32, np.float64)[random.integers(2)]
    one, other = (
        KFAC({"fc": Linear(n, m, bias, sharing=sharing)}, eigen=eigen, damping=0.1) for _ in range(2)
    )
    for _ in range(3):
        a, g, V = (random.standard_normal(s).astype(dtype) for s in ((*lead, n), (*lead, m), (m, n + bias)))
        one.update("fc", a, g, **options)
        other.update("fc", laid_out(a, random), laid_out(g, random), **options)
        assert one.invert().success
        assert other.invert().success
        expected = one.precondition({"fc": V})["fc"]
        # Orders of sums differ: some 100 eps of the largest, for conditions of some 10 to 100.
        close: dict[str, Any] = {"rtol": 0, "atol": 1e4 * float(np.finfo(dtype).eps) * np.abs(expected).max()}
        np.testing.assert_allclose(other.precondition({"fc": laid_out(V, random)})["fc"], expected, **close)
        if bias:
            weight, end = other.precondition({"fc": (V[:, :-1], V[:, -1])})["fc"]
            np.testing.assert_allclose(np.column_stack([weight, end]), expected, **close)
        product = one.fisher_product({"fc": V}, damping=0.1)["fc"]
        place = np.empty((n + bias, m)).T
        other.fisher_product({"fc": laid_out(V, random)}, out={"fc": place}, damping=0.1)
        close["atol"] = 100 * float(np.finfo(dtype).eps) * np.abs(product).max()
        np.testing.assert_allclose(place, product, **close)
