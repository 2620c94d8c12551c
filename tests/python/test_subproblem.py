"""osculate.linalg.trust_region_subproblem and modified_cholesky, by their optimality conditions."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.optimize
from test_cg import symmetric

from osculate.linalg import modified_cholesky, trust_region_subproblem

N = 30
G = np.random.default_rng(5).standard_normal(N)


@pytest.mark.parametrize("least", [1.0, 0.0, -4.0])
@pytest.mark.parametrize("radius", [1e-3, 1.0, 100.0])
def test_step_is_optimal(least: float, radius: float) -> None:
    B = symmetric(np.linspace(least, least + 9, N))
    d, damping, reduction, at_radius, hard_case = trust_region_subproblem(G, B, radius)
    assert np.linalg.eigvalsh(B)[0] + damping >= -1e-12
    np.testing.assert_allclose(B @ d + damping * d, -G, atol=1e-11 * (1 + radius))
    assert np.linalg.norm(d) <= radius * (1 + 1e-13)
    assert at_radius == (damping > 0)
    if at_radius:
        assert np.linalg.norm(d) == pytest.approx(radius, rel=1e-13)
    assert reduction == pytest.approx(-(G @ d + d @ B @ d / 2), rel=1e-12)
    assert not hard_case


def test_no_other_step_is_better() -> None:
    B = symmetric(np.linspace(-3, 4, N))
    result = trust_region_subproblem(G, B, 2.0)
    rng = np.random.default_rng(0)
    for _ in range(50):
        d = rng.standard_normal(N)
        d *= 2.0 / np.linalg.norm(d)
        assert -(G @ d + d @ B @ d / 2) <= result.reduction
    descent = scipy.optimize.minimize(
        lambda u: G @ u * 2 / np.linalg.norm(u) + 2 * (u @ B @ u) / (u @ u), result.step, method="BFGS"
    )
    assert -descent.fun <= result.reduction * (1 + 1e-12)


def test_hard_case() -> None:
    B = np.diag([-2.0, 1.0, 3.0])
    result = trust_region_subproblem([0.0, 1.0, 1.0], B, 5.0)
    assert result.hard_case
    assert result.damping == pytest.approx(2.0)
    assert np.linalg.norm(result.step) == pytest.approx(5.0)
    np.testing.assert_allclose(result.step[1:], [-1 / 3, -1 / 5])


def test_lower_triangle_lists_and_one_unknown() -> None:
    result = trust_region_subproblem([2], [[4]], 10)
    assert result.step.tolist() == [-0.5]
    B = np.array([[2.0, np.nan], [1.0, 3.0]])
    step = trust_region_subproblem([1.0, 1.0], B, 10.0).step
    np.testing.assert_allclose(np.array([[2, 1], [1, 3]]) @ step, [-1, -1])


def test_modified_cholesky_shifts_what_is_not_definite() -> None:
    A = symmetric(np.linspace(1, 5, N))
    L, shift = modified_cholesky(A)
    assert shift == 0
    np.testing.assert_allclose(L, np.linalg.cholesky(A), atol=1e-14)
    indefinite = symmetric(np.linspace(-2, 5, N))
    L, shift = modified_cholesky(indefinite)
    assert 2 < shift < 8
    np.testing.assert_allclose(L @ L.T, indefinite + shift * np.eye(N), atol=1e-13)
    np.testing.assert_array_equal(L, np.tril(L))
    assert modified_cholesky(np.empty((0, 0))).L.shape == (0, 0)
