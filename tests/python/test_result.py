"""What a result can do: access, printing, copies, covariance and standard errors."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from numpy.typing import NDArray
from scipy.sparse.linalg import aslinearoperator

import osculate

FloatArray = NDArray[np.float64]
EPSILON = np.finfo(float).eps
T = np.linspace(0, 3, 40)
DATA = 2 * np.exp(-1.3 * T) + 0.4 + 0.05 * np.random.default_rng(3).standard_normal(T.size)
START = [1.0, 1.0, 0.0]


def residual(x: FloatArray) -> FloatArray:
    return x[0] * np.exp(-x[1] * T) + x[2] - DATA


def jacobian(x: FloatArray) -> FloatArray:
    e = np.exp(-x[1] * T)
    return np.stack([e, -x[0] * T * e, np.ones_like(T)], axis=1)


def solve(form: Callable[[FloatArray], Any] = np.asarray, **options: Any) -> osculate.LeastSquaresResult:
    return osculate.least_squares(residual, START, lambda x: form(jacobian(x)), **options)


RESULT = solve()


def reference(jac: FloatArray, r: FloatArray) -> FloatArray:
    """(J'J)^-1 r'r / (m - n) by its definition."""
    m, n = jac.shape
    return np.asarray(np.linalg.inv(jac.T @ jac) * (r @ r) / (m - n))


def test_fields_are_reached_as_attributes_and_as_items() -> None:
    for name in RESULT:
        assert RESULT[name] is getattr(RESULT, name) is RESULT.get(name)
        assert name in RESULT
    assert list(RESULT) == list(RESULT.keys())
    assert len(RESULT) == len(RESULT.keys()) == len(RESULT.values())
    assert dict(RESULT) == dict(RESULT.items()) == {**RESULT}
    assert "_fixed" not in RESULT
    assert not any(name.startswith("_") for name in RESULT)


def test_missing_field_is_a_key_error_or_the_default() -> None:
    for name in ("nit", "_fixed", "covariance", "keys"):
        assert name not in RESULT
        assert RESULT.get(name) is None
        assert RESULT.get(name, 3) == 3
        with pytest.raises(KeyError, match=name):
            RESULT[name]
    with pytest.raises(AttributeError, match="nit"):
        RESULT.nit  # type: ignore[attr-defined] # noqa: B018


def test_result_is_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        RESULT.cost = 0.0  # type: ignore[misc]
    with pytest.raises(TypeError):
        RESULT["cost"] = 0.0  # type: ignore[index]


def test_repr_is_a_readable_table() -> None:
    lines = repr(RESULT).splitlines()
    width = max(map(len, RESULT.keys()))
    names = [line[:width].strip() for line in lines if line[width : width + 1] == ":"]
    assert names == list(RESULT.keys())
    assert all(not line[: width + 2].strip() for line in lines if line[width : width + 1] != ":")
    assert max(map(len, lines)) <= 120
    text = "\n".join(lines)
    assert f"outcome: {RESULT.outcome.name} ({int(RESULT.outcome)})" in text
    assert f"trace: array of {RESULT.trace.size} rows with cost, optimality, step" in text
    assert str(RESULT) == text
    for form in (scipy.sparse.csr_array, aslinearoperator):
        assert len(repr(solve(form)).splitlines()) < 25


@pytest.mark.parametrize("form", [np.asarray, scipy.sparse.csr_array])
@pytest.mark.parametrize("clone", [lambda r: pickle.loads(pickle.dumps(r)), copy.copy, copy.deepcopy])
def test_copies_are_equal(form: Any, clone: Any) -> None:
    result = solve(form, fixed=[False, True, False])
    other = clone(result)
    assert type(other) is osculate.LeastSquaresResult
    assert repr(other) == repr(result)
    assert other.outcome is result.outcome
    for name in ("x", "fun", "grad", "active_mask", "trace"):
        assert np.array_equal(other[name], result[name])
    assert np.array_equal(other.covariance(), result.covariance(), equal_nan=True)
    assert np.array_equal(abs(other.jac - result.jac).max(), 0)


def test_trace_has_a_row_for_the_start_and_every_accepted_step() -> None:
    trace = RESULT.trace
    assert trace.dtype.names is not None
    assert set(trace.dtype.names) >= {
        "cost",
        "optimality",
        "step",
        "radius",
        "damping",
        "ratio",
        "evaluations",
    }
    assert trace.size == RESULT.iterations + 1
    assert trace["cost"][0] == pytest.approx(0.5 * np.sum(residual(np.array(START)) ** 2), rel=1e-15)
    assert trace["cost"][-1] == RESULT.cost
    assert trace["evaluations"][-1] <= RESULT.nfev
    assert np.all(np.diff(trace["cost"]) <= 0)


def test_counts_and_gradient_belong_to_the_result() -> None:
    calls = []
    result = osculate.least_squares(lambda x: calls.append(x) or residual(x), START)
    assert len(calls) == result.evaluations == result.nfev + 3 * result.njev
    assert result.grad == pytest.approx(result.jac.T @ result.fun, abs=1e-12)
    assert result.cost == pytest.approx(0.5 * result.fun @ result.fun, rel=1e-14)


# The Jacobian's condition with unit columns is below 10: inverting its square costs a hundred eps at most.
RELATIVE = 1e3 * EPSILON


@pytest.mark.parametrize("form", [np.asarray, scipy.sparse.csr_array])
def test_covariance_is_its_formula(form: Any) -> None:
    result = solve(form)
    expected = reference(jacobian(result.x), result.fun)
    assert result.covariance() == pytest.approx(expected, rel=RELATIVE)
    assert result.stderr == pytest.approx(np.sqrt(np.diag(expected)), rel=RELATIVE)
    scale = 2 * result.cost / (T.size - 3)
    assert result.covariance(absolute_sigma=True) == pytest.approx(expected / scale, rel=RELATIVE)


def test_covariance_of_fixed_parameters_is_nan_and_that_of_the_others_from_the_reduced_problem() -> None:
    result = solve(fixed=[False, True, False])
    expected = reference(jacobian(result.x)[:, [0, 2]], result.fun)
    covariance = result.covariance()
    assert covariance[np.ix_([0, 2], [0, 2])] == pytest.approx(expected, rel=RELATIVE)
    assert np.isnan(covariance[1]).all()
    assert np.isnan(covariance[:, 1]).all()
    assert np.isnan(result.stderr).tolist() == [False, True, False]


@pytest.mark.parametrize("form", [np.asarray, scipy.sparse.csr_array])
def test_covariance_of_parameters_pushed_against_a_bound_is_nan(form: Any) -> None:
    result = osculate.least_squares(residual, [1.0, 1.0, 0.7], lambda x: form(jacobian(x)), ([0, 0, 0.6], 9))
    assert result.active_mask.tolist() == [0, 0, -1]
    expected = reference(jacobian(result.x)[:, :2], result.fun)
    assert result.covariance()[:2, :2] == pytest.approx(expected, rel=RELATIVE)
    assert np.isnan(result.stderr).tolist() == [False, False, True]


@pytest.mark.parametrize("form", [np.asarray, scipy.sparse.csr_array])
def test_covariance_of_parameters_that_are_not_identified_is_nan(form: Any) -> None:
    """Only the sum of the first two and nothing of the last enters the residuals."""
    design = np.stack([T, T, np.cos(T), 0 * T], axis=1)
    result = osculate.least_squares(lambda x: design @ x - DATA, np.ones(4), lambda x: form(design))
    assert np.isnan(result.stderr).tolist() == [True, True, False, True]
    # As if the redundant columns were left out.
    expected = reference(design[:, [0, 2]], result.fun)[1, 1]
    assert result.covariance()[2, 2] == pytest.approx(expected, rel=RELATIVE)


def test_covariance_where_every_parameter_is_fixed_is_nan() -> None:
    assert np.isnan(solve(fixed=[True] * 3).covariance()).all()


@pytest.mark.parametrize("rows", [2, 3])
def test_covariance_without_degrees_of_freedom_needs_absolute_sigma(rows: int) -> None:
    design = np.array([[1.0, 2, 0], [0, 1, 0], [1, 1, 4]])[:rows]
    result = osculate.least_squares(lambda x: design @ x - 1, np.ones(3), lambda x: design)
    assert np.isnan(result.covariance()).all()
    absolute = result.covariance(absolute_sigma=True)
    if rows == 3:
        assert absolute == pytest.approx(np.linalg.inv(design.T @ design), rel=RELATIVE)
    else:  # the first two are known from two residuals, the third is not
        expected = np.linalg.inv(design[:, :2].T @ design[:, :2])
        assert absolute[:2, :2] == pytest.approx(expected, rel=RELATIVE)
        assert np.isnan(absolute[2]).all()


@pytest.mark.parametrize("form", [np.asarray, scipy.sparse.csr_array])
@pytest.mark.parametrize("powers", [(500, 0, -500), (-500, -500, -500), (480, 500, 490), (0, 33, -33)])
def test_covariance_follows_the_units_of_the_parameters(form: Any, powers: tuple[int, ...]) -> None:
    """Powers of two up to 1e150: the same numbers but for their exponents."""
    units = np.ldexp(1.0, powers)
    design = jacobian(np.array([2.0, 1.3, 0.4]))
    plain = dataclasses.replace(RESULT, jac=form(design))
    scaled = dataclasses.replace(RESULT, jac=form(design * units))
    for absolute in (False, True):
        expected = plain.covariance(absolute_sigma=absolute)
        found = scaled.covariance(absolute_sigma=absolute) * units * units[:, np.newaxis]
        assert found == pytest.approx(expected, rel=RELATIVE)
    assert scaled.stderr * units == pytest.approx(plain.stderr, rel=RELATIVE)


def test_covariance_of_many_residuals_takes_no_square_array_of_them() -> None:
    """200,000 residuals: a full left factor would be 320 GB."""
    m = 200_000
    design = np.stack([np.ones(m), np.linspace(-1, 1, m)], axis=1)
    data = np.random.default_rng(0).standard_normal(m)
    result = osculate.least_squares(lambda x: design @ x - data, [0.0, 0.0], lambda x: design)
    assert result.covariance() == pytest.approx(reference(design, result.fun), rel=1e-10, abs=1e-18)


def test_covariance_of_a_large_sparse_jacobian() -> None:
    """Beyond the size where the Jacobian is made dense, from J'J; the last column is empty."""
    m, n = 30_000, 400
    rng = np.random.default_rng(1)
    columns = rng.integers(0, n - 1, (m, 2))
    jac = scipy.sparse.csr_array(
        (rng.uniform(0.5, 2, 2 * m), (np.repeat(np.arange(m), 2), columns.ravel())), shape=(m, n)
    )
    unit = 2.0**300
    scale = np.where(np.arange(n) % 2 == 0, unit, 1 / unit)
    plain = dataclasses.replace(
        RESULT, x=np.zeros(n), fun=np.ones(m), cost=m / 2, jac=jac, _fixed=np.zeros(n, dtype=bool)
    )
    scaled = dataclasses.replace(plain, jac=scipy.sparse.csc_array(jac.multiply(scale)))
    expected = np.linalg.inv((jac.T @ jac).toarray()[:-1, :-1]) * m / (m - n + 1)
    for covariance in (plain.covariance(), scaled.covariance() * scale * scale[:, np.newaxis]):
        assert np.isnan(covariance[-1]).all()
        assert np.allclose(covariance[:-1, :-1], expected, rtol=0, atol=1e-12 * expected.max())


def test_covariance_of_an_operator_is_a_type_error() -> None:
    result = solve(aslinearoperator)
    for call in (result.covariance, lambda: result.stderr):
        with pytest.raises(TypeError, match="covariance needs the Jacobian as an array; it is known only by"):
            call()


def test_covariance_too_large_for_an_array_is_refused() -> None:
    n = 5001
    result = osculate.least_squares(lambda x: x - 1, np.zeros(n), jac_sparsity=scipy.sparse.eye_array(n))
    with pytest.raises(ValueError, match=r"too large for 5001 parameters; solve with result\.jac"):
        result.covariance()


def test_covariance_of_a_jacobian_that_is_not_finite_is_nan() -> None:
    for form in (np.asarray, scipy.sparse.csr_array):
        broken = dataclasses.replace(RESULT, jac=form(np.nan * jacobian(RESULT.x)))
        assert np.isnan(broken.covariance()).all()
        assert np.isnan(broken.stderr).all()


def test_standard_errors_cover_the_truth() -> None:
    """Of 200 fits 68 % have their slope within one standard error, to 5 deviations of that share."""
    rng = np.random.default_rng(11)
    design = np.stack([np.ones_like(T), T], axis=1)
    inside = 0
    for _ in range(200):
        data = design @ [1.0, 2.0] + 0.3 * rng.standard_normal(T.size)
        result = osculate.least_squares(lambda x, y=data: design @ x - y, [0.0, 0.0], lambda x: design)
        inside += abs(result.x[1] - 2.0) < result.stderr[1]
    assert abs(inside / 200 - 0.675) < 5 * np.sqrt(0.675 * 0.325 / 200)
