"""Callbacks of least_squares that return what they should not, at the start or later, or that raise."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from numpy.typing import NDArray
from refusals import refused, require
from scipy.sparse.linalg import aslinearoperator

import osculate

FloatArray = NDArray[np.float64]
NAN, INF = np.nan, np.inf
START = [0.5, 0.5]


def residual(x: FloatArray) -> FloatArray:
    return np.array([x[0] - 1, x[1] - 2, x[0] * x[1] - 2])


def jacobian(x: FloatArray) -> FloatArray:
    return np.array([[1, 0], [0, 1], [x[1], x[0]]])


def sparse(x: FloatArray) -> Any:
    return scipy.sparse.csr_array(jacobian(x))


def operator(x: FloatArray) -> Any:
    return aslinearoperator(jacobian(x))


def always(value: Any) -> Callable[[FloatArray], Any]:
    return lambda x: value


def later(
    first: Callable[[FloatArray], Any], then: Callable[[FloatArray], Any]
) -> Callable[[FloatArray], Any]:
    """`first` on the first call, `then` on all others."""
    calls = iter([first])
    return lambda x: next(calls, then)(x)


def complex_only(x: NDArray[Any]) -> FloatArray:
    """The residuals, but wrong ones for a complex argument: its imaginary part is lost."""
    return np.asarray(residual(x).real)


class NoTranspose:
    """Lacks the second product that a linear operator needs."""

    def matvec(self, v: FloatArray) -> FloatArray:
        return v


class WrongProduct(NoTranspose):
    """Returns as many numbers as it receives."""

    rmatvec = NoTranspose.matvec


CHANGED = "returned 3 residuals at the start and 2 later; their number must not change"
RESIDUALS: list[tuple[str, Callable[..., Any], type[Exception], str]] = [
    ("None", always(None), TypeError, "must return an array of numbers, got None"),
    ("string", always("abc"), TypeError, "must return numbers, got an array of dtype <U3"),
    ("strings", always(["1", "2", "3"]), TypeError, "must return numbers, got an array of dtype <U1"),
    ("2-D", always(np.ones((3, 2))), ValueError, "must return a 1-D array, got shape (3, 2)"),
    ("complex", lambda x: residual(x) + 0j, TypeError, "must return real numbers, got complex ones"),
    ("empty", always([]), ValueError, "must return at least one residual, got an empty array"),
    ("ragged", always([[1], [1, 2]]), TypeError, "must return an array of numbers, got list"),
    ("dict", always({}), TypeError, "must return an array of numbers, got dict"),
    ("sparse", sparse, TypeError, "must return an array of numbers, got csr_array"),
    ("pair", lambda x: (residual(x), jacobian(x)), TypeError, "must return an array of numbers, got tuple"),
    ("NaN", lambda x: residual(x) * [1, NAN, 1], ValueError, "at x0, got NaN in residual 1 of 3"),
    ("inf", lambda x: residual(x) * [1, 1, INF], ValueError, "at x0, got infinity in residual 2 of 3"),
    ("shorter later", later(residual, lambda x: residual(x)[:2]), ValueError, CHANGED),
    ("None later", later(residual, always(None)), TypeError, "must return an array of numbers, got None"),
    ("2-D later", later(residual, jacobian), ValueError, "must return a 1-D array, got shape (3, 2)"),
]
SHAPE = "must return an array of shape (3, 2), residuals by parameters, got"
JACOBIANS: list[tuple[str, Callable[..., Any], type[Exception], str]] = [
    ("None", always(None), TypeError, "must return an array of numbers, got None"),
    ("string", always("abc"), TypeError, "must return numbers, got an array of dtype <U3"),
    ("transposed", lambda x: jacobian(x).T, ValueError, f"{SHAPE} (2, 3)"),
    ("one row", lambda x: jacobian(x)[0], ValueError, f"{SHAPE} (2,)"),
    ("ragged", always([[1, 0], [0], [1, 2]]), TypeError, "must return an array of numbers, got list"),
    ("complex", lambda x: jacobian(x) + 0j, TypeError, "must return real numbers, got complex ones"),
    ("NaN", lambda x: jacobian(x) * NAN, ValueError, "must return finite derivatives at x0"),
    ("infinite", lambda x: jacobian(x) + INF, ValueError, "must return finite derivatives at x0"),
    ("transposed later", later(jacobian, lambda x: jacobian(x).T), ValueError, f"{SHAPE} (2, 3)"),
    ("None later", later(jacobian, always(None)), TypeError, "must return an array of numbers, got None"),
    (
        "dense, then sparse",
        later(jacobian, sparse),
        TypeError,
        "a dense array at the start and csr_array later",
    ),
    (
        "dense, then operator",
        later(jacobian, operator),
        TypeError,
        "returned a dense array at the start and Matrix",
    ),
    (
        "sparse, then dense",
        later(sparse, jacobian),
        TypeError,
        "a sparse matrix at the start and ndarray later",
    ),
    (
        "operator, then dense",
        later(operator, jacobian),
        TypeError,
        "linear operator at the start and ndarray",
    ),
    (
        "sparse transposed",
        lambda x: sparse(x).T,
        ValueError,
        "must return shape (3, 2), residuals by parameters",
    ),
    ("sparse complex", lambda x: sparse(x) * 1j, TypeError, "must return real numbers, got complex ones"),
    ("sparse NaN", lambda x: sparse(x) * NAN, ValueError, "must return finite derivatives at x0"),
    ("operator transposed", lambda x: operator(x).T, ValueError, "an operator of shape (3, 2), got (2, 3)"),
    (
        "operator without rmatvec",
        always(NoTranspose()),
        TypeError,
        "a linear operator with matvec and rmatvec",
    ),
    ("operator's product", always(WrongProduct()), ValueError, "'s rmatvec must return 2 numbers, got 3"),
]
RHO = "must return an array of shape (3, 3), rows rho, rho' and rho'', got"
LOSSES: list[tuple[str, Callable[..., Any], type[Exception], str]] = [
    ("rho alone", lambda z: z, ValueError, f"{RHO} (3,)"),
    ("two rows", lambda z: np.array([z, z]), ValueError, f"{RHO} (2, 3)"),
    ("transposed", lambda z: np.zeros((z.size + 1, 3)), ValueError, f"{RHO} (4, 3)"),
    ("None", always(None), TypeError, "must return an array of numbers, got None"),
    ("complex", lambda z: np.zeros((3, 3)) + 0j, TypeError, "must return real numbers, got complex ones"),
]
RETURNED = "(fun, points) must return one result a point"
WORKERS: list[tuple[str, Callable[..., Any], type[Exception], str]] = [
    ("too few", lambda f, points: [f(points[0])], ValueError, f"{RETURNED}: expected 2, got 1"),
    ("too many", lambda f, points: [f(points[0])] * 3, ValueError, f"{RETURNED}: expected 2, got 3"),
    ("None", lambda f, points: None, TypeError, f"{RETURNED}, got None"),
]
CASES = [
    pytest.param(argument, *case[1:], id=f"{argument}-{case[0]}")
    for argument, cases in (("fun", RESIDUALS), ("jac", JACOBIANS), ("loss", LOSSES), ("workers", WORKERS))
    for case in cases
]


@pytest.mark.parametrize(("argument", "callback", "exception", "rest"), CASES)
def test_wrong_return_is_refused(
    argument: str, callback: Callable[..., Any], exception: type[Exception], rest: str
) -> None:
    arguments = {"fun": residual, "x0": START} | {argument: callback}
    refused(lambda: osculate.least_squares(**arguments), exception, f"least_squares: {argument}", rest)


@pytest.mark.parametrize("value", [residual(np.ones(2)), None, [residual(np.ones(2)), jacobian(np.ones(2))]])
def test_fused_callback_must_return_a_pair(value: Any) -> None:
    refused(
        lambda: osculate.least_squares(always(value), START, jac=True),
        TypeError,
        "least_squares: fun with jac=True must return a tuple (residuals, Jacobian), got",
    )


def test_jac_sparsity_with_other_rows_than_residuals_is_refused() -> None:
    for pattern in (np.ones((2, 2)), scipy.sparse.csr_array(np.ones((2, 2)))):
        refused(
            lambda pattern=pattern: osculate.least_squares(residual, START, jac_sparsity=pattern),
            ValueError,
            "least_squares: jac_sparsity must have shape (3, 2), residuals by parameters, got (2, 2)",
        )


@pytest.mark.parametrize("sparsity", [None, np.ones((3, 2))])
def test_complex_step_of_a_function_that_returns_reals_is_refused(sparsity: Any) -> None:
    refused(
        lambda: osculate.least_squares(complex_only, START, jac="cs", jac_sparsity=sparsity),
        TypeError,
        "least_squares: jac='cs' needs a function of complex numbers",
        "returned dtype float64; use jac='3-point'",
    )


def test_complex_step_that_changes_the_number_of_residuals_is_refused() -> None:
    fun = later(residual, lambda x: residual(x)[:2])
    refused(lambda: osculate.least_squares(fun, START, jac="cs"), ValueError, f"least_squares: fun {CHANGED}")


class CallbackError(Exception):
    """Not one of ours."""


def boom(*args: Any, **kwargs: Any) -> Any:
    raise CallbackError("from the callback")


@pytest.mark.parametrize(
    "arguments",
    [
        {"fun": boom},
        {"fun": later(residual, boom)},
        {"fun": boom, "jac": True},
        {"jac": boom},
        {"jac": later(jacobian, boom)},
        {"jac": later(sparse, boom)},
        {"loss": boom},
        {"callback": boom},
        {"workers": boom},
    ],
    ids=lambda a: "-".join(a),
)
def test_exception_comes_out_of_a_callback_with_its_traceback(arguments: dict[str, Any]) -> None:
    with pytest.raises(CallbackError, match="from the callback") as caught:
        osculate.least_squares(**{"fun": residual, "x0": START} | arguments)
    frames = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    require(frames[-1] == "boom" and "least_squares" in frames, frames)


def test_message_of_a_nested_solve_names_the_inner_function() -> None:
    """curve_fit puts refusals of its own solve in its words, but not those that a model passes on."""

    def model(x: FloatArray, a: float) -> FloatArray:
        return osculate.least_squares(residual, [NAN, a]).x[0] * x

    refused(
        lambda: osculate.curve_fit(model, [1.0, 2.0], [1.0, 2.0]),
        ValueError,
        "least_squares: x0 must be finite, got x0[0] = nan",
    )
