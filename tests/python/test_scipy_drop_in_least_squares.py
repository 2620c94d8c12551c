"""Code written for scipy.optimize.least_squares, after the examples of its documentation, runs with ours.

Both stop by ftol = 1e-8, sqrt(2 ftol F) from the minimum in the norm of J: with residuals that do not vanish
that is 1e-4 of their length over that of a column of J, which the comparisons allow.
"""

from __future__ import annotations

import contextlib
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import scipy.optimize
import scipy.sparse
from numpy.typing import NDArray
from scipy.sparse.linalg import aslinearoperator

import osculate

pytest.importorskip("scipy", minversion="1.17")  # older ones have other signatures and messages

FloatArray = NDArray[np.float64]
INF = np.inf
LIBRARIES = pytest.mark.parametrize("library", [osculate, scipy.optimize], ids=["osculate", "scipy"])


def rosenbrock(x: FloatArray) -> FloatArray:
    return np.array([10 * (x[1] - x[0] ** 2), 1 - x[0]])


def rosenbrock_jacobian(x: FloatArray) -> FloatArray:
    return np.array([[-20 * x[0], 10], [-1, 0]])


@LIBRARIES
@pytest.mark.parametrize("method", ["trf", "dogbox", "lm"])
@pytest.mark.parametrize("jac", ["2-point", "3-point", "cs", rosenbrock_jacobian])
def test_rosenbrock(library: ModuleType, method: str, jac: Any) -> None:
    result = library.least_squares(rosenbrock, np.array([2, 2]), jac, method=method)
    assert result.success
    assert result.status in (1, 2, 3, 4)
    assert result.x == pytest.approx([1, 1], abs=1e-6)
    assert result.cost < 1e-12


@LIBRARIES
@pytest.mark.parametrize(
    "bounds", [([-INF, 1.6], INF), scipy.optimize.Bounds([-INF, 1.6], [INF, INF])], ids=["pair", "Bounds"]
)
def test_rosenbrock_with_an_active_bound(library: ModuleType, bounds: Any) -> None:
    result = library.least_squares(rosenbrock, [2, 2], rosenbrock_jacobian, bounds)
    # On x1 = 1.6: 200 x0^3 - (320 - 1) x0 - 1 = 0, here by Newton's method.
    x0 = 1.26
    for _ in range(20):
        x0 -= (200 * x0**3 - 319 * x0 - 1) / (600 * x0**2 - 319)
    assert result.x == pytest.approx([x0, 1.6], abs=1e-5)
    assert result.active_mask.tolist() == [0, -1]
    assert result.cost == pytest.approx(0.5 * np.sum(rosenbrock(np.array([x0, 1.6])) ** 2), rel=1e-6)


def broyden(x: FloatArray) -> FloatArray:
    f = (3 - x) * x + 1
    f[1:] -= x[:-1]
    f[:-1] -= 2 * x[1:]
    return f


def tridiagonal(n: int) -> Any:
    pattern = scipy.sparse.lil_array((n, n), dtype=int)
    for k in (-1, 0, 1):
        pattern.setdiag(1, k)
    return pattern


@LIBRARIES
@pytest.mark.parametrize("tr_solver", [None, "lsmr"])
def test_sparse_differences(library: ModuleType, tr_solver: str | None) -> None:
    """Broyden's tridiagonal function; three groups of columns, so three evaluations a Jacobian."""
    n, calls = 3000, 0

    def fun(x: FloatArray) -> FloatArray:
        nonlocal calls
        calls += 1
        return broyden(x)

    result = library.least_squares(fun, -np.ones(n), jac_sparsity=tridiagonal(n), tr_solver=tr_solver)
    assert abs(broyden(result.x)).max() < 1e-6
    assert scipy.sparse.issparse(result.jac)
    if library is osculate:  # SciPy evaluates a few more
        assert calls == result.nfev + 3 * result.njev == result.evaluations


@LIBRARIES
@pytest.mark.parametrize(
    "form", [scipy.sparse.csr_array, scipy.sparse.coo_matrix, aslinearoperator, np.asarray]
)
def test_forms_of_a_jacobian(library: ModuleType, form: Any) -> None:
    n = 200

    def jacobian(x: FloatArray) -> Any:
        dense = np.diag(3 - 2 * x) - np.eye(n, k=-1) - 2 * np.eye(n, k=1)
        return form(dense)

    result = library.least_squares(broyden, -np.ones(n), jacobian)
    assert abs(broyden(result.x)).max() < 1e-5
    assert result.jac.shape == (n, n)


TIMES = np.linspace(0, 10, 40)
_RNG = np.random.default_rng(2)
DATA = 1.5 * np.sin(1.1 * TIMES + 0.3) + 0.05 * _RNG.standard_normal(TIMES.size)
DATA[_RNG.choice(TIMES.size, 5, replace=False)] += 2.0


def sine(x: FloatArray, t: FloatArray, y: FloatArray) -> FloatArray:
    return x[0] * np.sin(x[1] * t + x[2]) - y


def soft_l1(z: FloatArray) -> FloatArray:
    root = np.sqrt(1 + z)
    return np.stack([2 * (root - 1), 1 / root, -0.5 / root**3])


@pytest.mark.parametrize("loss", ["soft_l1", "huber", "cauchy", "arctan", soft_l1])
def test_robust_fit_of_a_sine(loss: Any) -> None:
    options = {"args": (TIMES, DATA), "loss": loss, "f_scale": 0.1, "xtol": 1e-12, "ftol": 1e-12}
    ours = osculate.least_squares(sine, [1.4, 1.1, 0.2], **options)
    theirs = scipy.optimize.least_squares(sine, [1.4, 1.1, 0.2], **options)
    assert ours.cost == pytest.approx(theirs.cost, rel=1e-9)
    assert ours.x == pytest.approx(theirs.x, abs=1e-5)
    # jac and grad are corrected for the loss in the same way.
    assert ours.grad == pytest.approx(theirs.grad, abs=1e-4)
    assert ours.jac.T @ ours.jac == pytest.approx(theirs.jac.T @ theirs.jac, rel=1e-3, abs=1e-3)
    assert ours.fun == pytest.approx(sine(ours.x, TIMES, DATA), abs=1e-12)  # not corrected
    assert ours.x == pytest.approx([1.5, 1.1, 0.3], abs=0.1)  # the outliers do not count


def test_least_squares_fit_of_a_sine_is_pulled_by_outliers() -> None:
    ours = osculate.least_squares(sine, [1.4, 1.1, 0.2], args=(TIMES,), kwargs={"y": DATA})
    theirs = scipy.optimize.least_squares(sine, [1.4, 1.1, 0.2], args=(TIMES,), kwargs={"y": DATA})
    assert ours.x == pytest.approx(theirs.x, abs=1e-4)
    assert ours.cost == pytest.approx(theirs.cost, rel=1e-8)


@LIBRARIES
def test_complex_residuals_as_real_ones(library: ModuleType) -> None:
    def fun(x: FloatArray) -> FloatArray:
        value = (x[0] + 1j * x[1]) ** 2 - (0.3 + 0.4j)
        return np.array([value.real, value.imag])

    result = library.least_squares(fun, (0.5, 0.5), bounds=([0, 0], [1, 1]))
    root = np.sqrt(0.3 + 0.4j)
    assert result.x == pytest.approx([root.real, root.imag], abs=1e-7)


@LIBRARIES
def test_scalar_start_and_scalar_residual(library: ModuleType) -> None:
    result = library.least_squares(lambda x: x[0] ** 2 - 2, 1.0)
    assert result.x.shape == result.fun.shape == result.grad.shape == (1,)
    assert result.jac.shape == (1, 1)
    assert result.x[0] == pytest.approx(np.sqrt(2), abs=1e-8)


def test_result_has_scipys_fields() -> None:
    ours = osculate.least_squares(rosenbrock, [2, 2])
    theirs = scipy.optimize.least_squares(rosenbrock, [2, 2])
    assert set(theirs.keys()) <= set(ours.keys())
    for name in theirs:
        assert type(ours[name]) is type(theirs[name]) or np.isscalar(theirs[name]), name
        assert np.shape(ours[name]) == np.shape(theirs[name]), name
        if isinstance(theirs[name], np.ndarray):
            # The active mask is of int, as SciPy documents it; its "trf" returns float.
            assert ours[name].dtype.kind == ("i" if name == "active_mask" else theirs[name].dtype.kind)


@LIBRARIES
def test_evaluation_limit_is_status_zero(library: ModuleType) -> None:
    result = library.least_squares(rosenbrock, [-1.2, 1], max_nfev=3)
    assert (result.status, result.success, result.nfev) == (0, False, 3)


@LIBRARIES
def test_callback_sees_the_state_and_ends_the_solve(library: ModuleType) -> None:
    seen: list[Any] = []

    def callback(intermediate_result: Any) -> None:
        seen.append(intermediate_result)
        if len(seen) == 3:
            raise StopIteration

    result = library.least_squares(rosenbrock, [-1.2, 1], rosenbrock_jacobian, callback=callback)
    assert (result.status, result.success, len(seen)) == (-2, False, 3)
    assert seen[-1].x == pytest.approx(result.x)
    assert seen[-1].fun == pytest.approx(rosenbrock(seen[-1].x))
    assert seen[-1]["cost"] == pytest.approx(0.5 * np.sum(rosenbrock(seen[-1].x) ** 2))
    assert [state.nit for state in seen] == sorted({state.nit for state in seen})


@LIBRARIES
def test_callback_of_x_alone(library: ModuleType) -> None:
    seen: list[FloatArray] = []
    result = library.least_squares(rosenbrock, [-1.2, 1], callback=lambda x: seen.append(x.copy()))
    assert result.success
    assert seen[-1] == pytest.approx(result.x, abs=1e-6)


@LIBRARIES
@pytest.mark.parametrize("verbose", [0, 1, 2])
def test_verbose_prints(library: ModuleType, verbose: int, capsys: pytest.CaptureFixture[str]) -> None:
    result = library.least_squares(rosenbrock, [2, 2], verbose=verbose)
    lines = capsys.readouterr().out.splitlines()
    if verbose == 0:
        assert lines == []
    else:
        assert result.message in " ".join(lines)
    if verbose == 1:
        assert len(lines) <= 2
    if verbose == 2:
        assert len(lines) >= result.njev


@LIBRARIES
@pytest.mark.parametrize("workers", [map, 1])
def test_workers_evaluate_differences(library: ModuleType, workers: Any) -> None:
    result = library.least_squares(rosenbrock, [2, 2], workers=workers)
    assert result.x == pytest.approx([1, 1], abs=1e-6)


@LIBRARIES
@pytest.mark.parametrize("options", [{"atol": 1e-10, "btol": 1e-10}, {"maxiter": 50}, {"regularize": True}])
def test_options_of_lsmr(library: ModuleType, options: dict[str, Any]) -> None:
    result = library.least_squares(
        broyden, -np.ones(50), jac_sparsity=tridiagonal(50), tr_solver="lsmr", tr_options=options
    )
    assert abs(broyden(result.x)).max() < 1e-6


@LIBRARIES
@pytest.mark.parametrize(
    "arguments",
    [
        {"x0": [[2, 2]]},
        {"x0": [2j, 2]},
        {"method": "bfgs"},
        {"jac": "4-point"},
        {"loss": "l1"},
        {"bounds": ([0, 0, 0], 1)},
        {"bounds": ([3, 3], [4, 4])},
        {"bounds": ([4, 4], [3, 3])},
        {"x_scale": "auto"},
        {"x_scale": [1, 2, 3]},
        {"max_nfev": 0},
        {"verbose": 3},
        {"tr_solver": "svd"},
        {"fun": lambda x: np.array([np.nan, 1])},
        {"fun": lambda x: np.ones((2, 2))},
        {"jac": lambda x: np.ones((3, 2))},
        {"loss": lambda z: np.ones((3, z.size + 1))},
        {"jac_sparsity": np.ones((2, 3))},
    ],
    ids=lambda a: "-".join(a),
)
def test_wrong_arguments_are_value_errors(library: ModuleType, arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"), contextlib.redirect_stdout(None):
        library.least_squares(**{"fun": rosenbrock, "x0": [2, 2]} | arguments)
