"""Callbacks that are legal but unpleasant: NaN at trial points, arrays of every make, buffers that change."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from decay_data import INF, X, Y, decay, decay_jacobian
from numpy.typing import NDArray
from scipy.sparse.linalg import aslinearoperator

import osculate

FloatArray = NDArray[np.float64]
NAN = np.nan
START = [1.0, 1.0, 0.0]


def residual(x: FloatArray) -> FloatArray:
    return decay(X, *x) - Y


def jacobian(x: FloatArray) -> FloatArray:
    return decay_jacobian(X, *x)


PLAIN = osculate.least_squares(residual, START, jacobian)


@pytest.mark.parametrize("bad", [NAN, INF, -INF, 1e200])
@pytest.mark.parametrize("damping", ["more", "nielsen", "delayed_gratification"])
def test_trial_points_that_are_not_finite_shorten_the_step(bad: float, damping: str) -> None:
    """log(x) from 20: the undamped step goes to 20 (1 - log 20) < 0. 1e200 overflows in the sum."""
    seen: list[float] = []

    def fun(x: FloatArray) -> FloatArray:
        seen.append(x[0])
        return np.log(x) if x[0] > 0 else np.array([bad])

    result = osculate.least_squares(
        fun, [20.0], lambda x: 1 / x[:, np.newaxis], damping=damping, initial_radius=100
    )
    assert min(seen) <= 0, "the test is to meet such a point"
    assert result.success, result.message
    assert result.x == pytest.approx([1.0], abs=1e-7)


def test_one_residual_that_is_not_finite_shortens_the_step() -> None:
    """NaN beyond 1.5 in one residual of fifty."""

    def fun(x: FloatArray) -> FloatArray:
        r = residual(x)
        r[7] = NAN if x[1] > 1.5 else r[7]
        return r

    result = osculate.least_squares(fun, [9.0, 0.1, 3.0], jacobian)
    assert result.success
    assert result.x == pytest.approx(PLAIN.x, abs=1e-5)


def doubled(array: FloatArray) -> FloatArray:
    """Every other element of an array twice as long."""
    return np.repeat(array, 2, axis=0)[::2]


class WithArray:
    """Has __array__ and nothing else."""

    def __init__(self, array: FloatArray) -> None:
        self.array = array

    def __array__(self, dtype: Any = None, copy: Any = None) -> FloatArray:
        return self.array


KINDS: dict[str, Callable[[FloatArray], Any]] = {
    "strided": doubled,
    "reversed": lambda a: np.ascontiguousarray(a[::-1])[::-1],
    "Fortran order": np.asfortranarray,
    "transposed": lambda a: np.ascontiguousarray(a.T).T,
    "part of a larger one": lambda a: np.pad(a, 2)[tuple(slice(2, -2) for _ in a.shape)],
    "read-only": lambda a: np.lib.stride_tricks.as_strided(a, writeable=False),
    "big-endian": lambda a: a.astype(">f8"),
    "misaligned": lambda a: (
        np.frombuffer(b"\0" + a.tobytes(), dtype=np.uint8)[1:].view(np.float64).reshape(a.shape)
    ),
    "list": lambda a: a.tolist(),
    "objects": lambda a: a.astype(object),
    "long double": lambda a: a.astype(np.longdouble),
    "__array__": WithArray,
    "subclass": lambda a: np.ma.masked_array(a),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("where", ["fun", "jac", "loss"])
def test_arrays_of_every_make_give_the_same_bits(kind: str, where: str) -> None:
    make = KINDS[kind]

    def cauchy(z: FloatArray) -> FloatArray:
        return np.stack([np.log1p(z), 1 / (1 + z), -1 / (1 + z) ** 2])

    arguments: dict[str, Any] = {"fun": residual, "jac": jacobian, "loss": cauchy}
    plain = osculate.least_squares(x0=START, **arguments)
    function = arguments[where]
    made = osculate.least_squares(x0=START, **arguments | {where: lambda x: make(function(x))})
    assert np.array_equal(made.x, plain.x)
    assert np.array_equal(made.jac, plain.jac)
    assert made.cost == plain.cost


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_lower_precision_is_taken_with_its_rounding(dtype: Any) -> None:
    eps = float(np.finfo(dtype).eps)
    result = osculate.least_squares(lambda x: residual(x).astype(dtype), START, jacobian)
    assert result.fun.dtype == np.float64
    # The rounding of residuals and derivatives of size 1 or less, times the condition, below 20.
    assert result.x == pytest.approx(PLAIN.x, abs=20 * eps)
    rounded = osculate.least_squares(residual, START, lambda x: jacobian(x).astype(dtype))
    assert rounded.x == pytest.approx(PLAIN.x, abs=20 * eps)


@pytest.mark.parametrize("dtype", [np.int8, np.int64, np.uint8, np.bool_])
def test_integers_are_numbers(dtype: Any) -> None:
    """A Jacobian of zeros and ones, and residuals that are whole at the end."""
    design = np.array([[1, 0], [0, 1], [1, 1]], dtype=dtype)
    result = osculate.least_squares(lambda x: design @ x - np.array([1, 2, 3]), [0.5, 0.5], lambda x: design)
    assert result.success
    assert result.x == pytest.approx([1, 2], abs=1e-12)
    constant = osculate.least_squares(
        lambda x: np.array([1, 0, 1], dtype=dtype), [0.5], lambda x: np.zeros((3, 1), dtype=dtype)
    )
    assert constant.success
    assert constant.cost == 1


@pytest.mark.parametrize("jac", [jacobian, "2-point", "3-point", "cs", True])
def test_callback_that_mutates_x_changes_nothing(jac: Any) -> None:
    def spoiled(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        def wrapped(x: NDArray[Any]) -> Any:
            value = function(x.copy())
            x[:] = NAN
            return value

        return wrapped

    fun: Any = (lambda x: (residual(x), jacobian(x))) if jac is True else residual
    plain = osculate.least_squares(fun, START, jac)
    start = np.array(START)
    result = osculate.least_squares(
        spoiled(fun), start, spoiled(jac) if callable(jac) else jac, callback=spoiled(lambda x: None)
    )
    assert np.array_equal(result.x, plain.x)
    assert result.nfev == plain.nfev
    assert start.tolist() == START


def test_callback_that_mutates_its_intermediate_result_changes_nothing() -> None:
    def spoil(intermediate_result: Any) -> None:
        for name in ("x", "fun", "jac", "grad"):
            intermediate_result[name][...] = NAN

    result = osculate.least_squares(residual, START, jacobian, callback=spoil)
    assert np.array_equal(result.x, PLAIN.x)
    assert np.array_equal(result.jac, PLAIN.jac)


def test_callback_that_keeps_x_has_an_array_of_its_own() -> None:
    kept: list[FloatArray] = []
    result = osculate.least_squares(
        lambda x: kept.append(x) or residual(x), START, jacobian, callback=kept.append
    )
    assert kept[0].tolist() == START
    assert np.array_equal(kept[-1], result.x)
    assert len({x.__array_interface__["data"][0] for x in kept}) == len(kept)


@pytest.mark.parametrize("form", ["dense", "csc", "csr", "operator", "fused"])
def test_same_buffer_every_time_gives_the_same_bits(form: str) -> None:
    """What the callbacks return is overwritten by their next call."""
    values, derivatives = np.empty(X.size), np.empty((X.size, 3))
    sparse = scipy.sparse.csc_array(jacobian(np.array(START)))
    rows = scipy.sparse.csr_array(jacobian(np.array(START)))
    assert sparse.nnz == rows.nnz == 3 * X.size - 1  # the derivative by b at X = 0

    def fun(x: FloatArray) -> FloatArray:
        values[:] = residual(x)
        return values

    def derivative(x: FloatArray) -> Any:
        derivatives[:] = jacobian(x)
        if form == "csc":
            sparse.data[:] = scipy.sparse.csc_array(derivatives).data
            return sparse
        if form == "csr":
            rows.data[:] = scipy.sparse.csr_array(derivatives).data
            return rows
        return aslinearoperator(derivatives) if form == "operator" else derivatives

    def fused(x: FloatArray) -> Any:
        return fun(x), derivative(x)

    make: dict[str, Callable[[FloatArray], Any]] = {
        "csc": scipy.sparse.csc_array,
        "csr": scipy.sparse.csr_array,
        "operator": aslinearoperator,
    }
    plain = osculate.least_squares(residual, START, lambda x: make.get(form, np.asarray)(jacobian(x)))
    if form == "fused":
        result = osculate.least_squares(fused, START, True)
    else:
        result = osculate.least_squares(fun, START, derivative)
    assert np.array_equal(result.x, plain.x)
    assert result.cost == plain.cost
    assert result.nfev == plain.nfev


def test_results_are_not_overwritten_by_a_buffer_that_is_used_again() -> None:
    buffer, derivatives = np.empty(X.size), np.empty((X.size, 3))

    def fun(x: FloatArray) -> FloatArray:
        buffer[:] = residual(x)
        return buffer

    def derivative(x: FloatArray) -> FloatArray:
        derivatives[:] = jacobian(x)
        return derivatives

    result = osculate.least_squares(fun, START, derivative)
    before = result.fun.copy(), result.jac.copy()
    buffer[:], derivatives[:] = 0, 0
    assert np.array_equal(result.fun, before[0])
    assert np.array_equal(result.jac, before[1])
