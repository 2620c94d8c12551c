"""osculate.linalg.spd_inverse: one and many matrices, damped, against the identity it must give."""

from __future__ import annotations

import numpy as np
import pytest

from osculate import linalg


def definite(shape: tuple[int, ...], seed: int, dtype: type = np.float64) -> np.ndarray:
    """Matrices with eigenvalues from 0.5 to about 4."""
    n = shape[-1]
    a = np.random.default_rng(seed).standard_normal((*shape[:-1], 2 * n)) / np.sqrt(2 * n)
    return (a @ a.swapaxes(-1, -2) + 0.5 * np.eye(n)).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "shape", [(1, 1), (32, 32), (33, 33), (300, 300), (3, 2, 50, 50), (0, 40, 40), (5, 4, 4)]
)
def test_spd_inverse_times_the_damped_matrix_is_the_identity(shape: tuple[int, ...], dtype: type) -> None:
    a, n = definite(shape, 1, dtype), shape[-1]
    x = linalg.spd_inverse(a, damping=0.25)
    assert x.dtype == dtype
    assert x.shape == shape
    np.testing.assert_array_equal(x, x.swapaxes(-1, -2))
    residual = x.astype(float) @ (a.astype(float) + 0.25 * np.eye(n)) - np.eye(n)
    # |X A - I| <= c n eps cond (Higham 2002, section 14.3), cond <= 10.
    assert np.abs(residual).max(initial=0) <= 10 * (n + 5) * np.finfo(dtype).eps


def test_spd_inverse_reads_lower_triangles_of_any_storage() -> None:
    a = definite((4, 60, 60), 2)
    lower = np.tril(a) + np.triu(np.full((60, 60), np.nan), 1)
    expected = linalg.spd_inverse(a)
    np.testing.assert_array_equal(linalg.spd_inverse(lower), expected)
    np.testing.assert_array_equal(linalg.spd_inverse(np.asfortranarray(lower)), expected)
    np.testing.assert_array_equal(linalg.spd_inverse(np.repeat(lower, 2, axis=-1)[:, :, ::2]), expected)
    assert np.isnan(lower[0, 0, 1])  # the argument is left as it was


def test_spd_inverse_has_the_same_bits_alone_and_with_any_threads() -> None:
    a = definite((3, 400, 400), 3)
    together = linalg.spd_inverse(a, damping=[0.1, 0.2, 0.3], threads=1)
    for threads in (2, 3):
        np.testing.assert_array_equal(
            linalg.spd_inverse(a, damping=[0.1, 0.2, 0.3], threads=threads), together
        )
        np.testing.assert_array_equal(linalg.spd_inverse(a[1], damping=0.2, threads=threads), together[1])


@pytest.mark.parametrize("n", [4, 40])
@pytest.mark.parametrize("value", [-1.0, 0.0, np.nan, np.inf])
def test_spd_inverse_names_or_marks_what_is_not_positive_definite(n: int, value: float) -> None:
    a = np.stack([np.eye(n)] * 3)
    a[1, 2, 2] = value
    with pytest.raises(np.linalg.LinAlgError, match=r"A\[1\] must be positive definite"):
        linalg.spd_inverse(a)
    x = linalg.spd_inverse(a, check=False)
    assert np.isnan(x[1]).all()
    np.testing.assert_array_equal(x[[0, 2]], a[[0, 2]])


def test_spd_inverse_of_badly_scaled_matrices_is_as_good_as_their_condition() -> None:
    scale = 10.0 ** np.linspace(-6, 6, 64)
    a = definite((64, 64), 4)
    x = linalg.spd_inverse(a * scale[:, None] * scale)
    # Scaling by powers of ten changes no error but that of rounding the scaled elements: compare unscaled.
    np.testing.assert_allclose(x * scale[:, None] * scale, linalg.spd_inverse(a), rtol=0, atol=1e-12)
