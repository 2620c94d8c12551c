"""Wrong arguments and callbacks of osculate.linalg: the exception, and a message with what came."""

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

from osculate import linalg

NAN, INF = np.nan, np.inf
A = np.diag([1.0, 2.0, 3.0])
B = [1.0, 2.0, 3.0]

NUMBERS = "must be an array of numbers, got"
KINDS = "must be a function v -> A v, a matrix or a linear operator, got"
COUNT = "must be a whole number or None, got"

# Argument, its value, exception, what the message says behind the name.
BOTH: list[tuple[str, Any, type[Exception], str]] = [
    ("A", np.eye(2), ValueError, "must have shape (3, 3), as b has 3, got shape (2, 2)"),
    ("A", np.ones(3), ValueError, "must have shape (3, 3), as b has 3, got shape (3,)"),
    ("A", scipy.sparse.eye_array(4, format="csr"), ValueError, "as b has 3, got shape (4, 4)"),
    ("A", aslinearoperator(np.ones((3, 2))), ValueError, "as b has 3, got shape (3, 2)"),
    ("A", A + 0j, TypeError, "must be a matrix of real numbers, got array("),
    ("A", scipy.sparse.csr_array(A + 1j * A), TypeError, "must be real, got dtype complex128"),
    ("A", [["1", "2"]], TypeError, "must be a matrix of real numbers, got [['1', '2']]"),
    ("A", [[1], [1, 2]], TypeError, "must be a matrix of real numbers, got [[1], [1, 2]]"),
    ("A", None, TypeError, f"{KINDS} None"),
    ("A", "A", TypeError, f"{KINDS} 'A'"),
    ("b", [1j, 1, 1], TypeError, "must be real, got complex numbers"),
    ("b", np.ones((3, 2)), ValueError, "must be 1-D, got shape (3, 2)"),
    ("b", 1.0, ValueError, "must be 1-D, got shape ()"),
    ("b", [1, NAN, 1], ValueError, "must be finite, got b[1] = nan"),
    ("b", [1, 1, -INF], ValueError, "must be finite, got b[2] = -inf"),
    ("b", "abc", TypeError, f"{NUMBERS} 'abc'"),
    ("b", None, TypeError, f"{NUMBERS} None"),
    ("x0", [1, 2], ValueError, "must be of shape (3,), got shape (2,)"),
    ("x0", [1, NAN, 2], ValueError, "must be finite, got x0[1] = nan"),
    ("x0", "Mb", TypeError, f"{NUMBERS} 'Mb'"),
    ("M", [1, 2], ValueError, "must be of shape (3,), got shape (2,)"),
    ("M", [1, 0, 2], ValueError, "must be positive, got M[1] = 0.0"),
    ("M", [1, 1, -1e-3], ValueError, "must be positive, got M[2] = -0.001"),
    ("M", np.eye(2), ValueError, "must have shape (3, 3), as b has 3, got shape (2, 2)"),
    ("M", "jacobi", TypeError, "must be a function v -> M v, a matrix or a linear operator, got 'jacobi'"),
    ("rtol", -1e-5, ValueError, "must be finite and at least 0, got -1e-05"),
    ("rtol", NAN, ValueError, "must be finite and at least 0, got nan"),
    ("rtol", "1", TypeError, "must be a number, got '1'"),
    ("atol", INF, ValueError, "must be finite and at least 0, got inf"),
    ("atol", None, TypeError, "must be a number, got None"),
    ("maxiter", 0, ValueError, "must be at least 1, got 0"),
    ("maxiter", 1.5, TypeError, f"{COUNT} 1.5"),
    ("maxiter", True, TypeError, f"{COUNT} True"),
    ("callback", 5, TypeError, "must be callable, got 5"),
    ("threads", 0, ValueError, "got 0, expected an integer from 1 to"),
    ("threads", 1.5, TypeError, "got 1.5 of type float, expected a positive integer or None"),
]
CG: list[tuple[str, Any, type[Exception], str]] = [
    ("damping", -1, ValueError, "must be finite and at least 0, got -1"),
    ("damping", [1], TypeError, "must be a number, got [1]"),
    ("radius", 0, ValueError, "must be positive and finite, got 0"),
    ("radius", NAN, ValueError, "must be positive and finite, got nan"),
    ("progress_tolerance", 0, ValueError, "must be positive and finite, got 0"),
    ("progress_tolerance", True, TypeError, "must be a number, got True"),
]
MINRES: list[tuple[str, Any, type[Exception], str]] = [
    ("shift", NAN, ValueError, "must be finite, got nan"),
    ("shift", "1", TypeError, "must be a number, got '1'"),
]
METHODS = {"cg": linalg.cg, "minres": linalg.minres}
CASES = [
    pytest.param(method, *case, id=f"{method}-{case[0]}-{k}")
    for method, own in (("cg", CG), ("minres", MINRES))
    for k, case in enumerate(BOTH + own)
]


@pytest.mark.parametrize(("method", "name", "value", "exception", "rest"), CASES)
def test_argument_is_refused(
    method: str, name: str, value: Any, exception: type[Exception], rest: str
) -> None:
    arguments = {"A": A, "b": B} | {name: value}
    refused(lambda: METHODS[method](**arguments), exception, f"{method}: {name}", rest)


def test_cg_refuses_a_start_within_a_radius() -> None:
    refused(
        lambda: linalg.cg(A, B, [1, 0, 0], radius=1.0),
        ValueError,
        "cg: x0 must be None with a radius, which bounds the step from zero",
    )


def test_cg_refuses_a_tolerance_that_float32_cannot_hold() -> None:
    refused(
        lambda: linalg.cg(lambda v: v, np.ones(3, np.float32), atol=1e300), ValueError, "cg: atol must be"
    )


def always(value: Any) -> Callable[[Any], Any]:
    return lambda v: value


RETURNS: list[tuple[str, Callable[..., Any], type[Exception], str]] = [
    ("None", always(None), TypeError, "must return an array of numbers, got None"),
    ("string", always("abc"), TypeError, "must return numbers, got an array of dtype <U3"),
    ("complex", lambda v: v + 0j, TypeError, "must return real numbers, got complex ones"),
    ("short", lambda v: v[:2], ValueError, "must return 3 numbers, got 2"),
    ("long", always(np.ones(4)), ValueError, "must return 3 numbers, got 4"),
    ("scalar", always(1.0), ValueError, "must return 3 numbers, got 1"),
    ("column", lambda v: v[:, None], ValueError, "must return a 1-D array, got shape (3, 1)"),
    ("ragged", always([[1], [1, 2]]), TypeError, "must return an array of numbers, got list"),
    ("sparse", lambda v: scipy.sparse.csr_array(A), TypeError, "must return an array of numbers, got csr"),
]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("argument", ["A", "M"])
@pytest.mark.parametrize(("exception", "function", "rest"), [(e, f, r) for _, f, e, r in RETURNS])
def test_wrong_return_is_refused(
    method: str, argument: str, function: Callable[..., Any], exception: type[Exception], rest: str
) -> None:
    calls = 0

    def later(v: NDArray[Any]) -> Any:
        nonlocal calls
        calls += 1
        return np.array(B) * v if calls < 2 else function(v)

    for wrong in (function, later):
        arguments = {"A": A, "b": B, "rtol": 1e-12} | {argument: wrong}
        refused(
            lambda arguments=arguments: METHODS[method](**arguments),
            exception,
            f"{method}: {argument} must",
            rest,
        )
        calls = 0


class CallbackError(Exception):
    """Not one of ours."""


def boom(*args: Any) -> Any:
    raise CallbackError("from the callback")


@pytest.mark.parametrize("argument", ["A", "M", "callback"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [3, 40_000])
def test_exception_comes_out_of_a_callback_with_its_traceback(argument: str, n: int, method: str) -> None:
    d = np.linspace(1, 2, n)
    arguments: dict[str, Any] = {"A": lambda v: d * v, "b": np.ones(n)} | {argument: boom}
    with pytest.raises(CallbackError, match="from the callback") as caught:
        METHODS[method](**arguments)
    frames = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    require(frames[-1] == "boom" and method in frames, frames)


def test_argument_of_a_product_is_read_only() -> None:
    def spoil(v: NDArray[Any]) -> NDArray[Any]:
        v[0] = 1
        return v

    with pytest.raises(ValueError, match="read-only"):
        linalg.cg(spoil, B)
