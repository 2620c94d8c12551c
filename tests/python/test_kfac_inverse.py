"""Inverses of osculate.KFAC: damping, failures that lose nothing, the eigenbasis, and the background."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from osculate import KFAC, Status, _core
from osculate.layers import Diagonal, Linear

Array = NDArray[Any]
EPS = float(np.finfo(float).eps)
B = 40
RNG = np.random.default_rng(2)


def batch(random: np.random.Generator, d_in: int, d_out: int) -> tuple[Array, Array]:
    scales = np.geomspace(0.1, 3, d_in)
    return random.standard_normal((B, d_in)) * scales, random.standard_normal((B, d_out)) * 0.1


def factors(kfac: KFAC, name: str = "fc") -> tuple[Array, Array]:
    state = kfac.state_dict()
    return state[f"{name}/A"], state[f"{name}/G"]


def damped(A: Array, G: Array, damping: float) -> tuple[Array, Array]:
    """Martens & Grosse, section 6.3."""
    pi = np.sqrt((np.trace(A) / len(A)) / (np.trace(G) / len(G)))
    gamma = np.sqrt(damping)
    return A + pi * gamma * np.eye(len(A)), G + gamma / pi * np.eye(len(G))


def test_the_inverse_is_that_of_the_dense_matrix_on_twenty_random_layers() -> None:
    random = np.random.default_rng(0)
    for _ in range(20):
        d_in, d_out = random.integers(1, 12, 2)
        bias, damping = bool(random.integers(2)), 10 ** random.uniform(-3, 0)
        kfac = KFAC({"fc": Linear(d_in, d_out, bias)}, damping=0.7 * damping, l2=0.3 * damping)
        kfac.update("fc", *batch(random, d_in, d_out), loss_average=None)
        assert kfac.invert().success
        A, G = damped(*factors(kfac), damping)
        full, V = np.kron(G, A), random.standard_normal((len(G), len(A)))
        found = kfac.precondition({"fc": V})["fc"]
        expected = np.linalg.solve(full, V.ravel())
        error = np.linalg.norm(found.ravel() - expected) / np.linalg.norm(expected)
        assert error < 20 * np.linalg.cond(full) * EPS  # both solves, each a few eps times the condition


def test_without_damping_it_is_the_inverse_of_the_product() -> None:
    kfac = KFAC({"fc": Linear(4, 3)}, damping=0)
    kfac.update("fc", *batch(RNG, 4, 3), loss_average=None)
    assert kfac.invert().success
    V = RNG.standard_normal((3, 5))
    back = kfac.precondition(kfac.fisher_product({"fc": V}))["fc"]
    np.testing.assert_allclose(back, V, rtol=1e-9, atol=1e-9)  # the condition is some 1e4


def test_ekfac_damps_exactly() -> None:
    kfac = KFAC({"fc": Linear(4, 3)}, eigen=True, damping=0.01, l2=0.02)
    kfac.update("fc", *batch(RNG, 4, 3), loss_average=None)
    assert kfac.invert().success
    for _ in range(2):
        full = np.kron(*factors(kfac)[::-1]) if kfac.updates["fc"] == 1 else dense_fisher(kfac)
        V = RNG.standard_normal((3, 5))
        expected = np.linalg.solve(full + 0.03 * np.eye(15), V.ravel())
        found = kfac.precondition({"fc": V})["fc"].ravel()
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)
        kfac.update("fc", *batch(RNG, 4, 3), loss_average=None)  # changes the mean squares alone
    kfac.damping = 1e6  # takes effect at once
    np.testing.assert_allclose(kfac.precondition({"fc": V})["fc"], V / 1e6, rtol=1e-4)


def dense_fisher(kfac: KFAC) -> Array:
    products = [kfac.fisher_product({"fc": e.reshape(3, 5)})["fc"].ravel() for e in np.eye(15)]
    return np.array(products).T


def test_ekfac_counts_the_rows_weights_and_scales_as_the_factors_do() -> None:
    a, g = batch(RNG, 4, 3)
    weights = np.arange(B) % 4
    kfac = KFAC({"fc": Linear(4, 3)}, eigen=True)
    kfac.update("fc", a, g, loss_average=None)
    kfac.invert()
    state = kfac.state_dict()
    left, right = state["fc/left"], state["fc/right"]
    given = g * weights[:, None] / weights.sum()
    kfac.update("fc", a, given, loss_average="batch", batch_weights=weights)
    ones = np.hstack([a, np.ones((B, 1))])
    mean = np.einsum("b,bi,bj->ij", weights, (g @ left) ** 2, (ones @ right) ** 2) / weights.sum()
    expected = (state["fc/moments"] + mean) / 2  # the products of the eigenvalues count as one batch
    np.testing.assert_allclose(kfac.state_dict()["fc/moments"], expected, rtol=1e-12)


def test_a_layer_never_updated_is_named_and_its_gradient_comes_back() -> None:
    for eigen in (False, True):
        kfac = KFAC({"one": Linear(4, 3), "other": Linear(2, 2), "bias": Diagonal(3)}, eigen=eigen)
        assert kfac.status().outcomes["other"] is Status.not_run
        kfac.update("one", *batch(RNG, 4, 3), loss_average=None)
        status = kfac.invert()
        assert not status.success
        assert status.outcomes["one"] is Status.gradient
        assert status.outcomes["other"] is Status.not_run
        assert status.failed == ["other", "bias"]
        assert "layer 'other': it was never updated" in status.message
        V = RNG.standard_normal((2, 3))
        found = kfac.precondition({"other": V, "bias": V[0], "one": np.ones((3, 5))})
        assert (found["other"] == V).all()
        assert (found["bias"] == V[0]).all()
        assert not (found["one"] == 1).any()


@pytest.mark.parametrize("eigen", [False, True])
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e200])  # the last overflows where it is squared
def test_a_batch_that_is_not_finite_changes_nothing(eigen: bool, value: float) -> None:
    kfac = KFAC({"fc": Linear(4, 3), "good": Linear(4, 3), "bias": Diagonal(3)}, eigen=eigen)
    a, g = batch(RNG, 4, 3)
    good = {"fc": (a, g), "good": (a, g), "bias": (None, g)}
    kfac.update_all(good, loss_average=None)
    kfac.invert()
    before = kfac.state_dict()
    for place in ("activations", "output gradients"):
        bad = [a.copy(), g.copy()]
        bad[place == "output gradients"][5, 1] = value
        status = kfac.update_all({"fc": tuple(bad), "good": (a, g)}, loss_average=None)
        assert status.outcomes == {"fc": Status.nonfinite, "good": Status.gradient}
        assert f"layer 'fc': the last {place} have NaN or infinity" in status.message
    bad[1][:] = g
    assert kfac.update("bias", None, bad[1] * value, loss_average=None).failed == ["bias"]
    assert kfac.invert().failed == ["fc", "bias"]
    after = kfac.state_dict()
    assert (after["fc/A"] == before["fc/A"]).all()
    assert (after["fc/G"] == before["fc/G"]).all()
    assert (after["bias/squares"] == before["bias/squares"]).all()
    assert kfac.updates == {"fc": 1, "good": 3, "bias": 1}
    assert kfac.update_all(good, loss_average=None).success


@pytest.mark.parametrize("eigen", [False, True])
def test_a_factor_without_an_inverse_leaves_the_last_good_one_in_use(eigen: bool) -> None:
    names = {"fc": Linear(4, 3), "good": Linear(4, 3)}
    kfac = KFAC(names, damping=1e-3, eigen=eigen)
    kfac.update_all({name: batch(RNG, 4, 3) for name in names}, loss_average=None)
    assert kfac.invert().success
    V = RNG.standard_normal((3, 5))
    before = kfac.precondition(dict.fromkeys(names, V))
    spoiled = {"A": (np.nan, Status.nonfinite), "G": (-10.0, Status.singular)}
    for factor, (value, outcome) in spoiled.items():
        state = kfac.state_dict()
        good = state[f"fc/{factor}"][1, 1]
        state[f"fc/{factor}"][1, 1] = value
        kfac.load_state_dict(state)
        kfac.update("good", *batch(RNG, 4, 3), loss_average=None)
        status = kfac.invert()
        assert status.outcomes == {"fc": outcome, "good": Status.gradient}
        assert f"layer 'fc': {factor} " in status.message
        assert "the last good inverse stays in use" in status.message
        after = kfac.precondition(dict.fromkeys(names, V))
        assert (after["fc"] == before["fc"]).all()
        assert not (after["good"] == before["good"]).any()
        state = kfac.state_dict()
        state[f"fc/{factor}"][1, 1] = good
        kfac.load_state_dict(state)
        assert kfac.invert().success
        before = kfac.precondition(dict.fromkeys(names, V))


def test_too_few_samples_are_singular_without_damping() -> None:
    kfac = KFAC({"fc": Linear(4, 3), "bias": Diagonal(2)}, damping=0)
    kfac.update("fc", np.ones((2, 4)), np.ones((2, 3)), loss_average=None)
    kfac.update("bias", None, np.zeros((2, 2)), loss_average=None)
    status = kfac.invert()
    assert status.outcomes == {"fc": Status.singular, "bias": Status.singular}
    assert "not positive definite" in status.messages["fc"]
    V = np.arange(15.0).reshape(3, 5)
    assert (kfac.precondition({"fc": V})["fc"] == V).all()
    kfac.damping = 0.1
    assert kfac.invert().success


def test_gradients_of_zero_have_an_inverse_by_the_damping() -> None:
    kfac = KFAC({"fc": Linear(4, 3)}, damping=0.01)
    kfac.update("fc", np.zeros((B, 4)), np.zeros((B, 3)), loss_average="batch")
    assert kfac.invert().success
    found = kfac.precondition({"fc": np.ones((3, 5))})["fc"]
    np.testing.assert_allclose(found[:, :4], 1 / 0.01, rtol=1e-12)


@pytest.mark.parametrize("eigen", [False, True])
def test_the_background_gives_the_bits_of_the_foreground_one_step_later(eigen: bool) -> None:
    batches = [batch(RNG, 4, 3) for _ in range(4)]
    now, later = (KFAC({"fc": Linear(4, 3)}, background=b, eigen=eigen) for b in (False, True))
    V = RNG.standard_normal((3, 5))
    for a, g in batches:
        now.update("fc", a, g, loss_average=None)
        later.update("fc", a, g, loss_average=None)
        now.invert()
        later.invert()
        expected = now.state_dict()
        now.update("fc", a, g, loss_average=None)
        later.update("fc", a, g, loss_average=None)  # while the inversion may run, on its snapshot
        assert later.join().success
        found = later.state_dict()
        names = ("fc/left", "fc/right")
        assert all((found[name] == expected[name]).all() for name in names)
        if not eigen:  # whose mean squares are of the updates since
            assert (later.precondition({"fc": V})["fc"] == now.precondition({"fc": V})["fc"]).all()


def test_training_does_not_wait_for_the_background(monkeypatch: pytest.MonkeyPatch) -> None:
    kfac = KFAC({"fc": Linear(4, 3)}, background=True, inverse_update_period=1)
    kfac.update("fc", *batch(RNG, 4, 3), loss_average=None)
    kfac.invert()  # the first is waited for
    V = RNG.standard_normal((3, 5))
    before = kfac.precondition({"fc": V})["fc"]
    gate, real = threading.Event(), _core.spd_inverses

    def gated(*given: Any) -> Any:
        assert gate.wait(60)
        return real(*given)

    monkeypatch.setattr(_core, "spd_inverses", gated)
    kfac.update("fc", *batch(RNG, 4, 3), loss_average=None)
    kfac.invert(when_due=True)
    kfac.invert(when_due=True)  # put off
    assert (kfac.precondition({"fc": V})["fc"] == before).all()
    assert kfac.memory()["buffers"] > 0
    gate.set()
    kfac.join()
    assert not (kfac.precondition({"fc": V})["fc"] == before).any()


def test_what_the_background_raises_comes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    kfac = KFAC({"fc": Linear(4, 3)}, background=True)
    kfac.update("fc", *batch(RNG, 4, 3), loss_average=None)
    kfac.invert()
    error = MemoryError("none left")

    def failing(*given: Any) -> Any:
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(_core, "spd_inverses", failing)
        kfac.invert()
        with pytest.raises(MemoryError) as caught:
            kfac.join()
    assert caught.value is error
    kfac.invert()
    assert kfac.join().success


def test_inverses_are_due_at_first_and_then_by_the_period(monkeypatch: pytest.MonkeyPatch) -> None:
    kfac = KFAC({"fc": Linear(4, 3)}, inverse_update_period=5)
    kfac.update("fc", *batch(RNG, 4, 3), loss_average=None)
    real, seen = _core.spd_inverses, []

    def record(*given: Any) -> Any:
        seen.append(given)
        return real(*given)

    monkeypatch.setattr(_core, "spd_inverses", record)
    due: list[int] = []
    for call in range(1, 18):
        kfac.invert(when_due=True)
        due += [call] * (len(seen) - len(due))
    assert due == [1, 2, 3, 5, 10, 15]


def test_memory_is_that_of_the_arrays_and_does_not_grow() -> None:
    kfac = KFAC({"fc": Linear(4, 3), "bias": Diagonal(7)})
    assert kfac.memory() == {"factors": 0, "inverses": 0, "buffers": 0, "total": 0}
    found = []
    for _ in range(4):
        kfac.update_all({"fc": batch(RNG, 4, 3), "bias": (None, np.ones((B, 7)))}, loss_average=None)
        kfac.invert()
        found.append(kfac.memory())
    pair = 8 * (25 + 9)
    expected = {"factors": pair + 56, "inverses": pair + 56, "buffers": pair, "total": 3 * pair + 112}
    assert found[1:] == [expected] * 3
    eigen = KFAC({"fc": Linear(4, 3)}, eigen=True)
    eigen.update("fc", *batch(RNG, 4, 3), loss_average=None)
    eigen.invert()
    assert eigen.memory() == {"factors": pair, "inverses": pair + 120, "buffers": 0, "total": 2 * pair + 120}
