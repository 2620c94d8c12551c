"""Saving and loading osculate.KFAC, copies and pickles."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from refusals import refused

from osculate import KFAC
from osculate.layers import Conv2d, Diagonal, Linear, Scale

Array = NDArray[Any]
B = 12
CHAIN = {"one": Linear(3, 4), "two": Linear(4, 2)}
LAYERS: dict[str, Any] = {**CHAIN, "conv/1": Conv2d(1, 2, 2), "norm": Scale(4), "free": Diagonal((2, 3))}
OPTIONS: list[dict[str, Any]] = [{}, {"eigen": True}, {"background": True}, {"tridiagonal": True}]


def make(options: dict[str, Any]) -> KFAC:
    return KFAC(CHAIN if options.get("tridiagonal") else LAYERS, inverse_update_period=2, **options)


def statistics(step: int, names: Any) -> dict[str, Any]:
    random = np.random.default_rng(step)
    shapes: dict[str, Any] = {
        "one": ((B, 3), (B, 4)),
        "two": ((B, 4), (B, 2)),
        "conv/1": ((B, 1, 3, 3), (B, 2, 2, 2)),
        "norm": ((B, 4), (B, 4)),
        "free": (None, (B, 2, 3)),
    }
    dtype = np.float32
    made = {}
    for name in names:
        a, g = shapes[name]
        inputs = None if a is None else random.standard_normal(a).astype(dtype)
        made[name] = inputs, random.standard_normal(g).astype(dtype)
    return made


def steps(kfac: KFAC, first: int, last: int) -> list[Array]:
    """What some steps of training give."""
    found = []
    for step in range(first, last):
        kfac.update_all(statistics(step, kfac.layers), loss_average="batch")
        kfac.invert(when_due=True)
        kfac.join()
        kfac.adapt_damping(1.0, step % 2, 1.0)
        random = np.random.default_rng(100 + step)
        gradients = {}
        for name, layer in kfac.layers.items():
            shape = layer.parameter_shape if isinstance(layer, Diagonal) else layer.shape
            gradients[name] = random.standard_normal(shape).astype(np.float32)
        found += list(kfac.precondition(gradients).values())
    return found


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: next(iter(o), "blocks"))
def test_training_goes_on_with_the_same_bits(options: dict[str, Any], tmp_path: Path) -> None:
    kfac = make(options)
    steps(kfac, 0, 4)
    np.savez(tmp_path / "state.npz", **kfac.state_dict())
    others = [make(options), pickle.loads(pickle.dumps(kfac)), copy.deepcopy(kfac)]
    with np.load(tmp_path / "state.npz") as state:
        others[0].load_state_dict(state)
    expected = steps(kfac, 4, 9)
    for other in others:
        found = steps(other, 4, 9)
        assert all((x == y).all() for x, y in zip(expected, found, strict=True))
        assert other.damping == kfac.damping
        assert repr(other) == repr(kfac)
        first, second = kfac.state_dict(), other.state_dict()
        assert list(first) == list(second)
        assert all(np.array_equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: next(iter(o), "blocks"))
def test_a_state_may_be_of_any_time(options: dict[str, Any]) -> None:
    for count in range(3):
        kfac, other = make(options), make(options)
        for step in range(count):
            kfac.update_all(statistics(step, kfac.layers), loss_average=None)
        state = kfac.state_dict()
        other.load_state_dict(state)
        state["version"][...] = 7  # copies, all of them
        for name in state:
            if name.endswith(("/A", "/G")):
                state[name][:] = 0
        assert all((x == y).all() for x, y in zip(steps(kfac, 5, 7), steps(other, 5, 7), strict=True))


def test_arrays_alone_are_in_a_state() -> None:
    kfac = make({})
    steps(kfac, 0, 2)
    state = kfac.state_dict()
    assert all(type(value) is np.ndarray for value in state.values())
    assert state["version"] == 1
    assert state["one/A"].dtype == np.float32
    assert state["conv/1/A"].shape == (5, 5)


def test_merging_keeps_mean_squares_of_the_same_basis() -> None:
    kfac, other = (KFAC(CHAIN, eigen=True) for _ in range(2))
    for each in (kfac, other):
        each.update_all(statistics(0, CHAIN), loss_average=None)
        each.invert()
    other.update_all(statistics(1, CHAIN), loss_average=None)
    mine, theirs = kfac.state_dict()["one/moments"], other.state_dict()["one/moments"]
    kfac.merge(other)
    merged = kfac.state_dict()["one/moments"]
    np.testing.assert_allclose(merged, (mine + theirs) / 2, rtol=1e-6)  # float32
    other.invert()  # another basis
    kfac.merge(other)
    assert (kfac.state_dict()["one/moments"] == merged).all()
    kfac.merge(kfac)
    assert (kfac.state_dict()["one/moments"] == merged).all()


WHO = "KFAC.load_state_dict"
CHANGES: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"version": np.array(2)}, ValueError, "version must be 1, got array(2)"),
    ({"damping": np.array(-1.0)}, ValueError, "damping must be finite and at least 0"),
    ({"more": np.array(1)}, ValueError, "state must fit the layers and options, but has 'more' too"),
    ({"one/A": np.eye(3)}, ValueError, "one/A must have shape (4, 4) and dtype float32, got shape (3, 3)"),
    (
        {"one/A": np.eye(4)},
        ValueError,
        "one/A must have shape (4, 4) and dtype float32, got shape (4, 4) and",
    ),
    ({"one/moments": np.eye(4)}, ValueError, "one/moments must not be there"),
    ({"one/dtype": np.array("int8")}, ValueError, "one/dtype must be float32 or float64, got 'int8'"),
    ({"one/updates": np.array("a")}, ValueError, "one/updates must be a number, got array('a'"),
    ({"approximation": np.array("eigen")}, ValueError, "approximation must be 'blocks', as the options say"),
]


@pytest.mark.parametrize(("change", "exception", "message"), CHANGES)
def test_a_state_that_does_not_fit_is_refused(
    change: dict[str, Any], exception: type[Exception], message: str
) -> None:
    kfac = make({})
    steps(kfac, 0, 3)
    before = kfac.state_dict()
    refused(lambda: kfac.load_state_dict(before | change), exception, f"{WHO}: {message}")
    after = kfac.state_dict()
    if not all(np.array_equal(before[name], after[name]) for name in before):
        raise AssertionError("the object changed")


def test_a_state_of_other_layers_is_refused() -> None:
    kfac, other = KFAC(CHAIN), KFAC({"one": Linear(3, 4)})
    refused(
        lambda: kfac.load_state_dict(other.state_dict()), ValueError, f"{WHO}: state must have 'two/dtype'"
    )
    refused(lambda: other.load_state_dict(kfac.state_dict()), ValueError, f"{WHO}: state must fit the layers")
    refused(lambda: kfac.load_state_dict(3), TypeError, f"{WHO}: state must be a mapping, got 3")  # type: ignore[arg-type]
    refused(
        lambda: kfac.load_state_dict({}), ValueError, f"{WHO}: state must have 'version', which is missing"
    )
    chain = KFAC(CHAIN, tridiagonal=True)
    steps(chain, 0, 3)
    state = chain.state_dict()
    del state["/tridiagonal/3"]
    refused(
        lambda: chain.load_state_dict(state), ValueError, f"{WHO}: state must have all parts of the chain"
    )
