"""osculate.linalg.minres: indefinite, shifted and singular systems."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import scipy.sparse
import scipy.sparse.linalg
from numpy.typing import NDArray
from test_cg import symmetric

from osculate.linalg import MinresResult, minres

N = 60
A = symmetric(np.linspace(1, 20, N) * np.where(np.arange(N) % 3, 1, -1))
B = np.random.default_rng(1).standard_normal(N)
X = np.linalg.solve(A, B)


@pytest.mark.parametrize(
    "form",
    [A, lambda v: A @ v, scipy.sparse.csr_array(A), scipy.sparse.linalg.aslinearoperator(A)],
    ids=["array", "callable", "csr", "operator"],
)
def test_indefinite_system_in_every_form(form: Any) -> None:
    result = minres(form, B, rtol=1e-12)
    assert result.success
    assert result.reason == "residual"
    np.testing.assert_allclose(result.x, X, atol=1e-10)  # |A^-1| = 1
    x, info = result
    assert x is result.x
    assert info == 0


def test_iterations_and_solution_are_scipys() -> None:
    iterates: list[Any] = []
    scipy.sparse.linalg.minres(A, B, rtol=1e-9, callback=iterates.append)
    result = minres(A, B, rtol=1e-9)
    # SciPy's test |r| <= rtol |A| |x| is a little weaker than ours by |b|.
    assert abs(result.iterations - len(iterates)) <= 6
    fixed = minres(A, B, rtol=0, maxiter=10)
    expected, _ = scipy.sparse.linalg.minres(A, B, rtol=1e-300, maxiter=10)
    np.testing.assert_allclose(fixed.x, expected, rtol=1e-9, atol=1e-12)
    assert fixed.info == 10


def test_shift_is_subtracted_from_the_diagonal() -> None:
    result = minres(A, B, shift=1.5, rtol=1e-12)
    np.testing.assert_allclose(A @ result.x - 1.5 * result.x, B, atol=1e-9)
    warm = minres(A, B, result.x, shift=1.5, rtol=1e-6)
    assert (warm.iterations, warm.products) == (0, 1)


def test_preconditioner_as_diagonal_matrix_and_function() -> None:
    scale = np.logspace(-1, 1, N)
    a = scale[:, None] * A * scale
    M = 1 / scale**2
    plain, diagonal = minres(a, B, rtol=1e-8, maxiter=2000), minres(a, B, M=M, rtol=1e-8)
    assert diagonal.iterations < plain.iterations
    for form in (lambda r: M * r, np.diag(M), scipy.sparse.diags_array(M)):
        again = minres(a, B, M=form, rtol=1e-8)
        assert abs(again.iterations - diagonal.iterations) <= 0.1 * diagonal.iterations  # rounding differs
        np.testing.assert_allclose(again.x, diagonal.x, rtol=1e-4, atol=1e-6)
    residual = B - a @ diagonal.x
    assert np.sqrt(residual @ (M * residual)) <= 1.01e-8 * np.sqrt(B @ (M * B))


def test_singular_compatible_system_has_its_shortest_solution() -> None:
    eigenvalues = np.linspace(-3, 4, N)
    eigenvalues[20:30] = 0
    a = symmetric(eigenvalues)
    b = a @ B
    result = minres(a, b, rtol=1e-11)
    assert result.reason == "residual"
    np.testing.assert_allclose(result.x, np.linalg.pinv(a, rcond=1e-10) @ b, atol=1e-8)


def test_system_without_solution_gets_the_least_residual() -> None:
    eigenvalues = np.linspace(-3, 4, N)
    eigenvalues[20:30] = 0
    a = symmetric(eigenvalues)
    result = minres(a, B)
    assert result.reason == "least_squares"
    assert result.success
    least = np.linalg.norm(B - a @ (np.linalg.pinv(a, rcond=1e-10) @ B))
    assert result.residual_norm == pytest.approx(least, rel=1e-12)
    assert np.linalg.norm(B - a @ result.x) == pytest.approx(least, rel=1e-12)


def test_float32_callbacks_and_stop() -> None:
    b32 = B.astype(np.float32)
    result = minres(A.astype(np.float32), b32)
    assert result.x.dtype == np.float32
    assert np.linalg.norm(A @ result.x - B) <= 1e-4 * np.linalg.norm(B)
    count = 0

    def callback(x: NDArray[Any]) -> None:
        nonlocal count
        count += 1
        if count == 3:
            raise StopIteration

    stopped = minres(A, B, callback=callback)
    assert (stopped.reason, stopped.iterations) == ("user_stop", 3)


def test_any_number_of_threads_gives_the_same_bits() -> None:
    n = 50_000
    rng = np.random.default_rng(3)
    d = rng.choice([-1.0, 1.0], n) * (1 + rng.random(n))
    b = rng.standard_normal(n)
    one, two = (minres(lambda v: d * v, b, rtol=1e-6, threads=t) for t in (1, 2))
    assert one.success
    np.testing.assert_array_equal(one.x, two.x)


def test_preconditioner_sees_two_arrays_in_turn() -> None:
    seen: dict[int, NDArray[Any]] = {}

    def M(r: NDArray[Any]) -> NDArray[Any]:
        assert not r.flags.writeable
        seen[id(r)] = r
        return r + 0.0

    assert minres(A, B, M=M).iterations > 5
    assert len(seen) == 2


def test_result_pickles() -> None:
    result = minres(A, B)
    again = pickle.loads(pickle.dumps(result))
    assert type(again) is MinresResult
    assert (again.matrix_norm, again.reason) == (result.matrix_norm, result.reason)
    assert "matrix_norm" in repr(result)
