"""Wrong arguments of least_squares: the exception, and a message with what came and what was expected."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse
from numpy.typing import NDArray
from refusals import refused, require

import osculate

FloatArray = NDArray[np.float64]
NAN, INF = np.nan, np.inf


def residual(x: FloatArray) -> FloatArray:
    return np.array([x[0] - 1, x[1] - 2, x[0] * x[1] - 2])


def jacobian(x: FloatArray) -> FloatArray:
    return np.array([[1, 0], [0, 1], [x[1], x[0]]])


def sparse_jacobian(x: FloatArray) -> Any:
    return scipy.sparse.csr_array(jacobian(x))


class Operator:
    """The Jacobian by products only."""

    shape = (3, 2)

    def __init__(self, x: FloatArray) -> None:
        self.array = jacobian(x)

    def matvec(self, v: FloatArray) -> FloatArray:
        return self.array @ v

    def rmatvec(self, u: FloatArray) -> FloatArray:
        return u @ self.array


NUMBERS, SHAPE = "must be an array of numbers, got", "have shape (2,), got shape"
EPSILON = "at least the machine epsilon 2.22e-16, or None for no such test, got"

# Argument, its value, exception, what the message says behind the name.
ARGUMENTS: list[tuple[str, Any, type[Exception], str]] = [
    ("x0", [1j, 1], ValueError, "must be real, got complex numbers; fit real and imaginary parts"),
    ("x0", np.ones((2, 1)), ValueError, "must be 1-D, got shape (2, 1)"),
    ("x0", [], ValueError, "must have at least one parameter, got an empty array"),
    ("x0", [1, NAN], ValueError, "must be finite, got x0[1] = nan"),
    ("x0", [-INF, 1], ValueError, "must be finite, got x0[0] = -inf"),
    ("x0", "ab", TypeError, f"{NUMBERS} 'ab'"),
    ("x0", ["1", "2"], TypeError, f"{NUMBERS} ['1', '2']"),
    ("x0", [[1], [1, 2]], TypeError, f"{NUMBERS} [[1], [1, 2]]"),
    ("x0", None, TypeError, f"{NUMBERS} None"),
    ("x0", [1, None], TypeError, f"{NUMBERS} [1, None]"),
    ("x0", {"a": 1}, TypeError, f"{NUMBERS} {{'a': 1}}"),
    ("x0", np.array(["2020", "2021"], dtype="M8[D]"), TypeError, NUMBERS),
    ("bounds", ([0, 0, 0], 1), ValueError, f"[0] must be a number or {SHAPE} (3,)"),
    ("bounds", (0, [[1, 1]]), ValueError, f"[1] must be a number or {SHAPE} (1, 2)"),
    ("bounds", ([0, 3], [1, 1]), ValueError, " of parameter 1 must have lower <= upper, got 3.0 and 1.0"),
    ("bounds", ([0, NAN], 1), ValueError, " of parameter 1 must have lower <= upper, got nan and 1.0"),
    ("bounds", 5, ValueError, "must be a pair (lower, upper), each a number or of shape (2,), got 5"),
    ("bounds", None, ValueError, "must be a pair (lower, upper), each a number or of shape (2,), got None"),
    ("bounds", (0, 1, 2), ValueError, "must be a pair (lower, upper), each a number or of shape (2,), got"),
    ("bounds", (None, 1), TypeError, "[0] must be numbers, got None; write -numpy.inf for no bound"),
    ("bounds", (0, [1, None]), TypeError, "[1] must be numbers, got [1, None]; write numpy.inf for no bound"),
    ("bounds", ("a", 1), TypeError, "[0] must be a number or 2 numbers, got 'a'"),
    ("bounds", (0j, 1), TypeError, "[0] must be a number or 2 numbers, got 0j"),
    ("method", "bfgs", ValueError, "must be one of 'trf', 'dogbox', 'lm', got 'bfgs'"),
    ("method", ["lm"], ValueError, "must be one of 'trf', 'dogbox', 'lm', got ['lm']"),
    ("ftol", 0, ValueError, f"must be finite and {EPSILON} 0"),
    ("ftol", -1e-8, ValueError, f"must be finite and {EPSILON} -1e-08"),
    ("xtol", 1e-17, ValueError, f"must be finite and {EPSILON} 1e-17"),
    ("xtol", NAN, ValueError, f"must be finite and {EPSILON} nan"),
    ("gtol", INF, ValueError, f"must be finite and {EPSILON} inf"),
    ("ftol", "1e-8", TypeError, "must be a number, got '1e-8'"),
    ("gtol", True, TypeError, "must be a number, got True"),
    ("gtol", np.True_, TypeError, "must be a number, got np.True_"),
    ("xtol", [1e-8, 1e-8], TypeError, "must be a number, got [1e-08, 1e-08]"),
    ("xtol", 1e-8j, TypeError, "must be a number, got 1e-08j"),
    ("jac", "4-point", ValueError, "must be '2-point', '3-point', 'cs', True or a callable, got '4-point'"),
    ("jac", None, ValueError, "must be '2-point', '3-point', 'cs', True or a callable, got None"),
    ("jac", False, ValueError, "must be '2-point', '3-point', 'cs', True or a callable, got False"),
    ("jac", np.eye(2), ValueError, "True or a callable, got array([[1., 0.], [0., 1.]])"),
    ("loss", "l1", ValueError, "must be one of 'linear', 'soft_l1', 'huber', 'cauchy', 'arctan', got 'l1'"),
    ("loss", None, ValueError, "must be one of 'linear', 'soft_l1', 'huber', 'cauchy', 'arctan', got None"),
    ("f_scale", 0, ValueError, "must be positive and finite, got 0"),
    ("f_scale", -1.0, ValueError, "must be positive and finite, got -1.0"),
    ("f_scale", None, TypeError, "must be a number, got None"),
    ("x_scale", "auto", ValueError, "must be None, 'jac' or positive numbers, got 'auto'"),
    ("x_scale", [1, -1], ValueError, "must be positive and finite, got [1, -1]"),
    ("x_scale", [1, 2, 3], ValueError, f"must be a number or {SHAPE} (3,)"),
    ("x_scale", ["1", "2"], TypeError, "must be a number or 2 numbers, got ['1', '2']"),
    ("diff_step", 0, ValueError, "must be positive and finite, got 0"),
    ("diff_step", [NAN, 1e-6], ValueError, "must be positive and finite, got [nan, 1e-06]"),
    ("diff_step", [1e-6] * 3, ValueError, f"must be a number or {SHAPE} (3,)"),
    ("max_nfev", 0, ValueError, "must be at least 1, got 0"),
    ("max_nfev", 1.5, TypeError, "must be a whole number or None, got 1.5"),
    ("max_nfev", INF, TypeError, "must be a whole number or None, got inf"),
    ("max_nfev", "9", TypeError, "must be a whole number or None, got '9'"),
    ("max_nfev", True, TypeError, "must be a whole number or None, got True"),
    ("max_iterations", -1, ValueError, "must be at least 1, got -1"),
    ("max_iterations", NAN, TypeError, "must be a whole number or None, got nan"),
    ("fixed", [True], ValueError, "must be a boolean mask of shape (2,), got [True]"),
    ("fixed", [1, 0], ValueError, "must be a boolean mask of shape (2,), got [1, 0]"),
    ("fixed", 0, ValueError, "must be a boolean mask of shape (2,), got 0"),
    (
        "fixed",
        [[True], [True, False]],
        ValueError,
        "must be a boolean mask of shape (2,), got [[True], [True",
    ),
    ("damping", "marquardt", ValueError, "must be one of 'more', 'nielsen', 'delayed_gratification', got 'm"),
    ("linear_solver", "svd", ValueError, "'qr', 'sparse_cholesky', 'lsmr', got 'svd'"),
    ("tr_solver", "svd", ValueError, "must be one of 'exact', 'lsmr', got 'svd'"),
    ("tr_options", {"damp": 1}, ValueError, "may have atol, btol, maxiter, regularize, got damp"),
    ("tr_options", "lsmr", TypeError, "must be a dict, got 'lsmr'"),
    ("tr_options", {"atol": -1}, ValueError, "['atol'] must be positive and finite, got -1"),
    ("tr_options", {"maxiter": 0}, ValueError, "['maxiter'] must be at least 1, got 0"),
    ("initial_radius", 0, ValueError, "must be positive and finite, got 0"),
    ("max_factor_bytes", -1, ValueError, "must be positive and finite, got -1"),
    (
        "jac_sparsity",
        np.ones((3, 3)),
        ValueError,
        "must have shape (m, 2), residuals by parameters, got (3, 3)",
    ),
    ("jac_sparsity", "x", TypeError, "must be a mask of numbers, nonzero where the Jacobian is, got 'x'"),
    ("workers", 0, ValueError, "must be at least 1, or -1 for all CPUs, got 0"),
    ("workers", -2, ValueError, "must be at least 1, or -1 for all CPUs, got -2"),
    ("workers", 2.0, TypeError, "must be a whole number or a map-like callable, got 2.0"),
    ("workers", "all", TypeError, "must be a whole number or a map-like callable, got 'all'"),
    ("workers", True, TypeError, "must be a whole number or a map-like callable, got True"),
    ("threads", 0, ValueError, "got 0, expected an integer from 1 to 4096, or None"),
    ("threads", 2.0, TypeError, "got 2.0 of type float, expected a positive integer or None"),
    ("args", 3, TypeError, "must be a tuple of extra arguments, got 3; write args=(value,)"),
    ("args", "a", TypeError, "must be a tuple of extra arguments, got 'a'; write args=(value,)"),
    ("kwargs", [1], TypeError, "must be a dict, got [1]"),
    ("verbose", 3, ValueError, "must be 0, 1 or 2, got 3"),
    ("verbose", "1", ValueError, "must be 0, 1 or 2, got '1'"),
    ("callback", 3, TypeError, "must be callable, got 3"),
    ("fun", 3, TypeError, "must be callable, got 3"),
]


@pytest.mark.parametrize(
    ("argument", "value", "exception", "rest"),
    [pytest.param(*case, id=f"{case[0]}-{i}") for i, case in enumerate(ARGUMENTS)],
)
def test_wrong_argument_is_refused_before_any_work(
    argument: str, value: Any, exception: type[Exception], rest: str
) -> None:
    calls = []

    def fun(x: FloatArray) -> FloatArray:
        calls.append(x)
        return residual(x)

    arguments = {"fun": fun, "x0": [0.5, 0.5]} | {argument: value}
    refused(lambda: osculate.least_squares(**arguments), exception, f"least_squares: {argument}", rest)
    require(not calls, "the residuals were evaluated before the argument was refused")


@pytest.mark.parametrize(("bounds", "at"), [(([0, 1], [1, 3]), 1), (([-3, 0], [-2, 1]), 0)])
def test_start_outside_its_bounds_is_refused_with_the_parameter(bounds: Any, at: int) -> None:
    refused(
        lambda: osculate.least_squares(residual, [0.5, 0.5], bounds=bounds),
        ValueError,
        f"least_squares: x0 must lie within the bounds, but parameter {at} starts at 0.5, outside [",
    )


def test_unknown_argument_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match=r"least_squares\(\) got an unexpected keyword argument 'tol'"):
        osculate.least_squares(residual, [0.5, 0.5], tol=1e-8)  # type: ignore[call-arg]


@pytest.mark.parametrize(
    ("jac", "options", "text"),
    [
        (jacobian, {"linear_solver": "sparse_cholesky"}, "sparse_cholesky needs a sparse Jacobian"),
        ("2-point", {"linear_solver": "sparse_cholesky"}, "sparse_cholesky needs a sparse Jacobian"),
        (sparse_jacobian, {"linear_solver": "cholesky"}, "cholesky and qr need a dense Jacobian"),
        (sparse_jacobian, {"linear_solver": "qr"}, "cholesky and qr need a dense Jacobian"),
        (Operator, {"linear_solver": "cholesky"}, "cholesky and qr need a dense Jacobian"),
        (Operator, {"linear_solver": "qr"}, "cholesky and qr need a dense Jacobian"),
        (Operator, {"linear_solver": "sparse_cholesky"}, "sparse_cholesky needs a sparse Jacobian"),
        ("2-point", {"linear_solver": "qr", "jac_sparsity": np.ones((3, 2))}, "cholesky and qr need a dense"),
    ],
)
def test_linear_solver_that_does_not_fit_the_jacobian_is_refused(jac: Any, options: Any, text: str) -> None:
    refused(
        lambda: osculate.least_squares(residual, [0.5, 0.5], jac, **options),
        ValueError,
        "least_squares: linear_solver",
        text,
    )


@pytest.mark.parametrize(
    ("jac", "options"),
    [(jacobian, {"linear_solver": "lsmr"}), (jacobian, {"tr_solver": "lsmr"}), (Operator, {})],
)
def test_geodesic_acceleration_without_a_factorization_is_refused(jac: Any, options: Any) -> None:
    refused(
        lambda: osculate.least_squares(residual, [0.5, 0.5], jac, geodesic_acceleration=True, **options),
        ValueError,
        "least_squares: geodesic_acceleration needs a factorization, which linear_solver lsmr is not",
    )


def test_a_check_that_should_fail_does_fail() -> None:
    """Under `python -O` too: the helper of these tests is not an assert."""

    def wrong() -> None:
        raise ValueError("least_squares: x0 must be real")

    for exception, fragments in (
        (ValueError, ("least_squares: x0", "must be finite")),
        (ValueError, ("curve_fit: x0",)),
        (Exception, ("least_squares: x0",)),
    ):
        with pytest.raises(AssertionError):
            refused(wrong, exception, *fragments)
    with pytest.raises(pytest.fail.Exception):
        refused(lambda: None, ValueError, "")
