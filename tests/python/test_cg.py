"""osculate.linalg.cg: solutions in every form a matrix may have, and why it ends."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import scipy.sparse
import scipy.sparse.linalg
from numpy.typing import NDArray

from osculate.linalg import CgResult, cg

N = 60


def symmetric(eigenvalues: Any, seed: int = 0) -> NDArray[np.float64]:
    values = np.asarray(eigenvalues, dtype=float)
    q, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((values.size, values.size)))
    a = (q * values) @ q.T
    return np.asarray((a + a.T) / 2)


A = symmetric(np.linspace(1, 40, N))
B = np.random.default_rng(1).standard_normal(N)
X = np.linalg.solve(A, B)


class WithMatmul:
    """A matrix that knows nothing but @."""

    def __matmul__(self, v: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(A @ v)


FORMS = {
    "array": A,
    "fortran": np.asfortranarray(A),
    "list": A.tolist(),
    "callable": lambda v: A @ v,
    "csr": scipy.sparse.csr_array(A),
    "csc matrix": scipy.sparse.csc_matrix(A),
    "linear operator": scipy.sparse.linalg.aslinearoperator(A),
    "matmul": WithMatmul(),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_every_form_of_a_matrix_gives_the_solution(form: Any) -> None:
    result = cg(form, B, rtol=1e-12)
    assert result.success
    assert result.reason == "residual"
    assert result.iterations == result.products <= N
    np.testing.assert_allclose(result.x, X, atol=40 * 1e-12 * np.linalg.norm(B))
    assert np.linalg.norm(B - A @ result.x) <= 1.1e-12 * np.linalg.norm(B)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_preconditioner_in_every_form(form: Any) -> None:
    inverse = np.linalg.inv(A)
    result = cg(form, B, M=lambda r: inverse @ r, rtol=1e-10)
    assert result.iterations <= 2
    assert cg(A, B, M=inverse, rtol=1e-10).iterations <= 2
    # A itself as M: its square has the iterations of a worse condition, and the same solution
    np.testing.assert_allclose(cg(A, B, M=form, rtol=1e-12, maxiter=10 * N).x, X, atol=1e-9)


@pytest.mark.parametrize("M", [None, "diagonal", "function"])
@pytest.mark.parametrize("x0", [None, np.ones(N)])
def test_iterations_and_solution_are_scipys(M: str | None, x0: Any) -> None:
    scale = np.logspace(0, 3, N)
    a = scale[:, None] * A * scale
    inverse = 1 / np.diagonal(a)
    theirs_M = None if M is None else scipy.sparse.diags_array(inverse)
    ours_M = {None: None, "diagonal": inverse, "function": lambda r: inverse * r}[M]
    iterates: list[Any] = []
    expected, info = scipy.sparse.linalg.cg(a, B, x0, rtol=1e-6, M=theirs_M, callback=iterates.append)
    result = cg(a, B, x0, rtol=1e-6, M=ours_M)
    assert info == result.info == 0
    if M is not None:  # without, hundreds of iterations enlarge the difference of roundings
        assert abs(result.iterations - len(iterates)) <= 2
    assert np.linalg.norm(a @ result.x - B) <= 1.01e-6 * np.linalg.norm(B)
    assert np.linalg.norm(a @ expected - B) <= 1.01e-6 * np.linalg.norm(B)


def test_result_unpacks_as_scipys_pair() -> None:
    result = cg(A, B)
    x, info = result
    assert x is result.x is result[0]
    assert info == result[1] == 0
    assert len(result) == 2
    cut = cg(A, B, maxiter=3)
    assert (cut.info, cut.iterations, cut.reason, cut.success) == (3, 3, "max_iterations", False)
    assert "limit of iterations" in cut.message


def test_result_pickles_and_has_a_readable_repr() -> None:
    result = cg(A, B)
    again = pickle.loads(pickle.dumps(result))
    assert type(again) is CgResult
    np.testing.assert_array_equal(again.x, result.x)
    assert again.message == result.message
    text = repr(result)
    assert "reason: residual" in text
    assert "_ritz" not in text


def test_damping_is_added_to_the_diagonal() -> None:
    result = cg(A, B, damping=3.0, rtol=1e-12)
    np.testing.assert_allclose((A + 3 * np.eye(N)) @ result.x, B, atol=1e-11)
    assert result.model == pytest.approx(-B @ result.x / 2, rel=1e-12)


def test_radius_bounds_the_step() -> None:
    full = float(np.linalg.norm(X))
    inside = cg(A, B, radius=2 * full, rtol=1e-12)
    np.testing.assert_allclose(inside.x, X, atol=1e-10)
    assert inside.reason == "residual"
    result = cg(A, B, radius=full / 3, rtol=1e-12)
    assert result.reason == "boundary"
    assert result.success
    assert np.linalg.norm(result.x) == pytest.approx(full / 3, rel=1e-12)
    assert result.step_norm == pytest.approx(full / 3, rel=1e-14)


def test_radius_is_measured_in_the_preconditioners_norm() -> None:
    M = np.linspace(0.5, 2, N)
    result = cg(A, B, M=M, radius=0.1)
    assert np.sqrt(np.sum(result.x**2 / M)) == pytest.approx(0.1, rel=1e-12)
    as_function = cg(A, B, M=lambda r: M * r, radius=0.1)
    np.testing.assert_allclose(as_function.x, result.x, rtol=1e-11)


def test_negative_curvature_ends_with_its_direction_or_on_the_boundary() -> None:
    a = symmetric(np.linspace(-1, 20, N))
    result = cg(a, B, rtol=1e-10)
    assert result.reason == "negative_curvature"
    assert not result.success
    assert result.info == result.status < 0
    d = result.direction
    assert d is not None
    assert d @ a @ d < 0 < B @ d
    assert result.curvature[0] == pytest.approx(d @ a @ d / (d @ d), rel=1e-8)
    bounded = cg(a, B, radius=1e3)
    assert bounded.reason == "negative_curvature_boundary"
    assert bounded.success
    assert bounded.direction is None
    assert np.linalg.norm(bounded.x) == pytest.approx(1e3)
    assert bounded.model < result.model < 0
    assert cg(a, B, damping=1.1).reason == "residual"


def test_progress_tolerance_is_martens_rule() -> None:
    a = symmetric(np.logspace(0, 6, N))
    values: list[float] = [0.0]
    result = cg(
        a,
        B,
        rtol=0,
        progress_tolerance=5e-4,
        callback=lambda x: values.append(x @ a @ x / 2 - B @ x),
    )
    assert result.reason == "progress"
    assert len(values) == result.iterations + 1

    def holds(i: int) -> bool:
        k = max(10, i // 10)
        return i > k and values[i] < 0 and 1 - values[i - k] / values[i] < k * 5e-4

    assert result.iterations > 100  # so that k is not always 10
    assert [i for i in range(len(values)) if holds(i)] == [result.iterations]


def test_ritz_values_are_the_eigenvalues() -> None:
    result = cg(A, B, rtol=1e-14, maxiter=N)
    ritz = result.ritz_values()
    assert ritz.size <= N
    assert ritz[0] == pytest.approx(1, rel=1e-6)
    assert ritz[-1] == pytest.approx(40, rel=1e-6)
    assert 1 - 1e-12 <= result.curvature[0] <= result.curvature[1] <= 40 * (1 + 1e-12)
    assert cg(A, np.zeros(N)).ritz_values().size == 0


def test_float32_stays_float32_unless_something_is_more_precise() -> None:
    b32, a32 = B.astype(np.float32), A.astype(np.float32)
    seen: list[Any] = []

    def product(v: NDArray[Any]) -> NDArray[Any]:
        seen.append(v.dtype)
        return np.asarray(a32 @ v)

    for form in (product, a32, scipy.sparse.csr_array(a32)):
        result = cg(form, b32, rtol=1e-5)
        assert result.x.dtype == np.float32
        assert result.success
        assert np.linalg.norm(A @ result.x - B) <= 1e-4 * np.linalg.norm(B)
    assert set(seen) == {np.dtype(np.float32)}
    assert cg(A, b32).x.dtype == np.float64
    assert cg(a32, B).x.dtype == np.float64
    assert cg(lambda v: A @ v, b32, M=np.ones(N)).x.dtype == np.float32  # the product is float64
    assert cg(np.eye(2, dtype=int), [1, 2]).x.dtype == np.float64


def test_zero_right_side_and_no_unknowns() -> None:
    result = cg(A, np.zeros(N), np.ones(N))
    assert (result.success, result.iterations, result.products) == (True, 0, 0)
    np.testing.assert_array_equal(result.x, np.zeros(N))
    assert cg(lambda v: v, []).x.shape == (0,)
    assert cg([[4.0]], [2.0]).x == pytest.approx([0.5])
    assert cg(A, B[:, None]).x.shape == (N,)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_any_number_of_threads_gives_the_same_bits(dtype: Any) -> None:
    n = 100_000
    rng = np.random.default_rng(3)
    d, b, M = (1 + rng.random(n).astype(dtype) for _ in range(3))
    one, two, three = (cg(lambda v: d * v, b, M=M, rtol=1e-6, threads=t) for t in (1, 2, 3))
    assert one.success
    np.testing.assert_array_equal(one.x, two.x)
    np.testing.assert_array_equal(one.x, three.x)
    assert one.model == two.model == three.model
