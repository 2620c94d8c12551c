"""osculate.linalg.cholesky_solve and cholesky_inverse: many small matrices at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from osculate.linalg import cholesky_inverse, cholesky_solve


def matrices(*shape: int, seed: int = 0, dtype: Any = np.float64) -> NDArray[Any]:
    """Positive definite matrices of shape (..., n, n) with eigenvalues from 1 to about 4 n."""
    half = np.random.default_rng(seed).standard_normal(shape)
    made = half @ half.swapaxes(-1, -2) + np.eye(shape[-1])
    return np.asarray(made, dtype=dtype)


def right_sides(*shape: int, dtype: Any = np.float64) -> NDArray[Any]:
    return np.random.default_rng(9).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "shape", [(1, 1), (3, 3), (40, 2, 2), (5, 7, 10, 10), (21, 32, 32), (6, 33, 33), (100, 100)]
)
def test_solution_is_numpys(shape: tuple[int, ...], dtype: Any) -> None:
    a = matrices(*shape, dtype=dtype)
    n = shape[-1]
    # Condition at most 4 n + 1; both err by n eps condition times the solution.
    error = 8 * n * n * float(np.finfo(dtype).eps)
    b, wide = right_sides(*shape[:-1], dtype=dtype), right_sides(*shape[:-1], 3, dtype=dtype)
    x, y = cholesky_solve(a, b), cholesky_solve(a, wide)
    assert x.dtype == y.dtype == dtype
    assert x.shape == b.shape
    assert y.shape == wide.shape
    np.testing.assert_allclose(x, np.linalg.solve(a, b[..., None])[..., 0], rtol=error, atol=error)
    np.testing.assert_allclose(y, np.linalg.solve(a, wide), rtol=error, atol=error)
    inverse = cholesky_inverse(a)
    assert inverse.dtype == dtype
    np.testing.assert_allclose(inverse, np.linalg.inv(a), rtol=error, atol=error)
    np.testing.assert_array_equal(inverse, inverse.swapaxes(-1, -2))


def test_leading_axes_are_broadcast() -> None:
    a, b = matrices(4, 1, 3, 3), right_sides(5, 3)
    x = cholesky_solve(a, b)
    assert x.shape == (4, 5, 3)
    np.testing.assert_allclose(np.einsum("akij,abj->abi", a, x), np.broadcast_to(b, x.shape), atol=1e-13)
    one = matrices(3, 3)
    many = cholesky_solve(one, right_sides(5, 3, 2))
    assert many.shape == (5, 3, 2)
    np.testing.assert_allclose(one @ many, right_sides(5, 3, 2), atol=1e-13)


def test_only_the_lower_triangle_is_read() -> None:
    for n in (4, 40):
        a = matrices(3, n, n)
        spoiled = a + np.triu(np.full((n, n), np.nan), 1)
        np.testing.assert_array_equal(cholesky_inverse(spoiled), cholesky_inverse(a))


def test_strided_integer_and_mixed_arrays() -> None:
    a = matrices(6, 8, 8)[::2, ::2, ::2]
    np.testing.assert_array_equal(cholesky_inverse(a), cholesky_inverse(a.copy()))
    assert cholesky_solve(np.array([[2, 0], [0, 4]]), [2, 4]) == pytest.approx([1, 1], rel=1e-15)
    assert cholesky_inverse(a.astype(np.float16)).dtype == np.float32
    assert cholesky_solve(a.astype(np.float32), right_sides(3, 4)).dtype == np.float64


@pytest.mark.parametrize("n", [3, 40])
def test_bad_matrix_raises_and_is_named_or_gives_nan(n: int) -> None:
    a = matrices(2, 10, n, n)
    good = cholesky_inverse(a)
    a[0, 7, 0, 0] = -1
    a[1, 2, n - 1, 0] = np.nan
    for call in (lambda **o: cholesky_inverse(a, **o), lambda **o: cholesky_solve(a, np.ones(n), **o)):
        with pytest.raises(
            np.linalg.LinAlgError, match=r"A\[0, 7\] must be positive definite.*and 1 more of 20"
        ):
            call()
        loose = call(check=False)
        bad = np.isnan(loose).reshape(2, 10, -1)
        assert bad[0, 7].all()
        assert bad[1, 2].all()
        assert bad.any(axis=-1).sum() == 2
    inverse = cholesky_inverse(a, check=False)
    np.testing.assert_array_equal(inverse[0, :7], good[0, :7])
    with pytest.raises(np.linalg.LinAlgError, match="cholesky_inverse: A must be positive definite"):
        cholesky_inverse(-np.eye(n))


def test_bits_depend_neither_on_threads_nor_on_the_batch() -> None:
    for n in (5, 34):
        a, b = matrices(2000 // n, n, n), right_sides(2000 // n, n)
        one = cholesky_solve(a, b, threads=1)
        np.testing.assert_array_equal(cholesky_solve(a, b, threads=3), one)
        np.testing.assert_array_equal(cholesky_solve(a[7:], b[7:]), one[7:])
        np.testing.assert_array_equal(cholesky_solve(a[13], b[13]), one[13])


def test_empty_arrays() -> None:
    assert cholesky_solve(np.empty((0, 3, 3)), np.empty((0, 3))).shape == (0, 3)
    assert cholesky_inverse(np.empty((4, 0, 0))).shape == (4, 0, 0)
    assert cholesky_solve(np.eye(3), np.empty((3, 0))).shape == (3, 0)
