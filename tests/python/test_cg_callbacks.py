"""What osculate.linalg.cg shows its callbacks, and takes from them."""

from __future__ import annotations

import gc
import itertools
import threading
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from test_cg import A, B, N, X

from osculate.linalg import cg


def test_product_sees_one_read_only_array_whose_numbers_change() -> None:
    seen: list[NDArray[Any]] = []

    def product(v: NDArray[Any]) -> NDArray[Any]:
        assert v.shape == (N,)
        assert not v.flags.writeable
        seen.append(v)
        return np.asarray(A @ v)

    cg(product, B, np.ones(N))
    assert all(v is seen[0] for v in seen)
    first = seen[0].copy()
    seen.clear()
    gc.collect()
    cg(product, B)
    kept = seen[0]
    seen.clear()
    gc.collect()
    assert np.isfinite(kept).all()  # its memory is alive after the call
    assert first.shape == kept.shape


def test_product_may_return_its_argument() -> None:
    result = cg(lambda v: v, B, rtol=1e-12)
    np.testing.assert_array_equal(result.x, B)
    damped = cg(lambda v: v, B, damping=1.0, M=lambda r: r, rtol=1e-12)
    np.testing.assert_array_equal(damped.x, B / 2)


def test_product_may_return_the_same_array_each_time() -> None:
    out = np.empty(N)
    np.testing.assert_allclose(cg(lambda v: np.dot(A, v, out=out), B, rtol=1e-12).x, X, atol=1e-9)


@pytest.mark.parametrize(
    "disguise",
    [
        lambda q: q.tolist(),
        lambda q: np.repeat(q, 2)[::2],
        lambda q: q[::-1].copy()[::-1],
        lambda q: q.astype(np.longdouble),
        lambda q: q.astype(object),
        lambda q: np.frombuffer(b"\0" + q.tobytes(), dtype=np.uint8)[1:].view(q.dtype),
        lambda q: q.astype(q.dtype.newbyteorder()),
    ],
    ids=["list", "strided", "reversed", "longdouble", "object", "unaligned", "swapped"],
)
def test_product_may_have_any_strides_and_real_dtype(disguise: Any) -> None:
    plain, hidden = cg(lambda v: A @ v, B), cg(lambda v: disguise(A @ v), B)
    np.testing.assert_array_equal(hidden.x, plain.x)
    preconditioned = cg(lambda v: A @ v, B, M=lambda r: disguise(r + 0.0))
    np.testing.assert_allclose(preconditioned.x, plain.x, rtol=1e-9)


def test_right_side_start_and_diagonal_may_be_strided() -> None:
    wide = np.column_stack([B, np.ones(N), np.linspace(1, 2, N)])
    strided = cg(A, wide[:, 0], wide[:, 1], M=wide[:, 2])
    copied = cg(A, B.copy(), np.ones(N), M=np.linspace(1, 2, N))
    np.testing.assert_array_equal(strided.x, copied.x)


def test_callback_sees_every_iterate_read_only() -> None:
    iterates: list[NDArray[Any]] = []
    arrays: list[NDArray[Any]] = []

    def callback(x: NDArray[Any]) -> None:
        assert not x.flags.writeable
        arrays.append(x)
        iterates.append(x.copy())

    result = cg(A, B, callback=callback)
    assert len(iterates) == result.iterations
    assert all(x is arrays[0] for x in arrays)
    np.testing.assert_array_equal(iterates[-1], result.x)
    models = [x @ A @ x / 2 - B @ x for x in iterates]
    assert all(later < before for before, later in itertools.pairwise(models))


def test_stop_iteration_ends_the_solve() -> None:
    calls = 0

    def callback(x: NDArray[Any]) -> None:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise StopIteration

    result = cg(A, B, rtol=1e-12, callback=callback)
    assert (result.reason, result.iterations, result.info) == ("user_stop", 4, 4)
    np.testing.assert_array_equal(result.x, cg(A, B, rtol=1e-12, maxiter=4).x)


@pytest.mark.parametrize("n", [50, 50_000])
def test_product_may_call_cg_again(n: int) -> None:
    outer, inner = np.linspace(1, 3, n), np.linspace(2, 5, n)

    def product(v: NDArray[Any]) -> NDArray[Any]:  # v -> C D^-1 v, with an inner solve for D
        return outer * cg(lambda w: inner * w, v, rtol=1e-13).x

    result = cg(product, np.ones(n), rtol=1e-10)
    np.testing.assert_allclose(result.x, inner / outer, rtol=1e-8)


@pytest.mark.parametrize("n", [50, 50_000])
def test_solves_in_several_threads_at_once(n: int) -> None:
    d = np.linspace(1, 5, n)
    results: list[Any] = [None] * 4

    def solve(k: int) -> None:
        results[k] = cg(lambda v: d * v, np.full(n, k + 1.0), rtol=1e-10).x

    threads = [threading.Thread(target=solve, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for k, x in enumerate(results):
        np.testing.assert_allclose(x, (k + 1) / d, rtol=1e-8)


@pytest.mark.parametrize("n", [3, 40_000])
def test_nonfinite_product_is_a_reason(n: int) -> None:
    for bad in (np.nan, np.inf):
        calls = 0

        def product(v: NDArray[Any], bad: float = bad) -> NDArray[Any]:
            nonlocal calls
            calls += 1
            q = np.linspace(1, 2, n) * v
            if calls == 2:
                q[-1] = bad
            return q

        result = cg(product, np.ones(n), rtol=1e-10)
        assert result.reason == "nonfinite"
        assert not result.success
        assert np.isfinite(result.x).all()
        assert result.iterations == 1


def test_indefinite_preconditioner_is_a_reason() -> None:
    result = cg(A, B, M=lambda r: -r)
    assert (result.reason, result.success, result.iterations) == ("preconditioner", False, 0)
