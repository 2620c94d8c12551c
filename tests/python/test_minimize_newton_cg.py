"""`minimize(method="newton-cg")`: preconditioners, float32, Hessians that are not finite."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from refusals import refused
from scipy.optimize import rosen, rosen_der, rosen_hess_prod

from osculate import Certificate, Status, minimize

N = 80
SCALES = np.logspace(-2, 2, N)


def _quadratic() -> dict[str, Any]:
    """x'(D + uu')x / 2 - b'x with a minimum at 1: badly scaled, with little beside the diagonal."""
    u = np.sqrt(SCALES) * np.random.default_rng(0).standard_normal(N) / np.sqrt(N)
    matrix = np.diag(SCALES) + np.outer(u, u)
    b = matrix @ np.ones(N)
    return {
        "fun": lambda x: float(x @ (matrix @ x) / 2 - b @ x),
        "x0": np.zeros(N),
        "jac": lambda x: matrix @ x - b,
        "hessp": lambda x, v: matrix @ v,
        "method": "newton-cg",
    }


@pytest.mark.parametrize(
    "preconditioner",
    [1 / SCALES, (1 / SCALES).tolist(), lambda x, r: r / SCALES, "diagonal"],
    ids=["array", "list", "callable", "estimated"],
)
def test_a_preconditioner_saves_products(preconditioner: Any) -> None:
    plain = minimize(**_quadratic())
    result = minimize(**_quadratic(), options={"preconditioner": preconditioner})
    assert plain.success
    assert result.success
    assert result.optimality <= 1e-8
    np.testing.assert_allclose(result.x, 1, atol=1e-8 / 1e-2 * np.sqrt(N))  # gtol over the least eigenvalue
    # one outlier in units of the diagonal; an estimate costs 20 products, and plain CG comes before it
    assert result.nhvp <= plain.nhvp / (1.5 if isinstance(preconditioner, str) else 8)


def test_the_directions_of_a_step_precondition_the_next() -> None:
    plain = minimize(**_quadratic())
    result = minimize(**_quadratic(), options={"preconditioner": "lbfgs"})
    assert result.success
    np.testing.assert_allclose(result.x, 1, atol=1e-8 / 1e-2 * np.sqrt(N))
    assert result.nhvp < plain.nhvp


@pytest.mark.parametrize("x0", [np.full(30, 1.3), np.full(30, -1.2), np.full(30, 1.3, np.float32)])
@pytest.mark.parametrize("options", [{"preconditioner": "lbfgs"}, {"subproblem": "lanczos"}], ids=str)
def test_preconditioned_by_pairs_and_by_lanczos_the_minimum_is_the_same(x0: Any, options: Any) -> None:
    result = minimize(rosen, x0, jac=rosen_der, hessp=rosen_hess_prod, method="newton-cg", options=options)
    assert result.success
    assert result.x.dtype == x0.dtype
    assert result.fun < 4  # a local minimum of the function in 30 variables has 3.99
    assert result.certificate is Certificate.no_negative_curvature_found


def test_lanczos_steps_leave_a_saddle() -> None:
    result = minimize(
        lambda x: x[0] ** 2 - x[1] ** 2 + x[1] ** 4,
        [1.0, 0.0],
        jac=lambda x: np.array([2 * x[0], -2 * x[1] + 4 * x[1] ** 3]),
        hessp=lambda x, v: np.array([2 * v[0], (-2 + 12 * x[1] ** 2) * v[1]]),
        method="newton-cg",
        options={"subproblem": "lanczos"},
    )
    assert result.success
    assert result.fun == pytest.approx(-0.25)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"subproblem": "gltr"}, "options['subproblem'] must be one of 'steihaug', 'lanczos', got 'gltr'"),
        ({"preconditioner": "bfgs"}, "options['preconditioner'] must be one of 'diagonal', 'lbfgs'"),
        ({"subproblem": "lanczos", "preconditioner": "lbfgs"}, "'lanczos' takes no preconditioner"),
    ],
)
def test_words_that_mean_nothing_are_refused(options: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValueError, match=re.escape(expected)):
        minimize(**_quadratic(), options=options)


def test_the_callable_sees_the_point_and_may_depend_on_it() -> None:
    points = set()

    def inverse(x: Any, r: Any) -> Any:
        points.add(x.tobytes())
        return r / (1200 * x**2 + 202)

    result = minimize(
        rosen,
        np.full(30, 1.3),
        jac=rosen_der,
        hessp=rosen_hess_prod,
        method="newton-cg",
        options={"preconditioner": inverse},
    )
    assert result.success
    np.testing.assert_allclose(result.x, 1, atol=1e-7)
    assert len(points) > 1


def test_a_preconditioner_that_is_not_positive_definite_is_no_success() -> None:
    result = minimize(**_quadratic(), options={"preconditioner": lambda x, r: -r})
    assert result.outcome is Status.singular
    assert not result.success


def test_exceptions_of_the_preconditioner_come_out_as_they_are() -> None:
    error = RuntimeError("mine")

    def fails(x: Any, r: Any) -> Any:
        raise error

    with pytest.raises(RuntimeError) as caught:
        minimize(**_quadratic(), options={"preconditioner": fails})
    assert caught.value is error


BAD: list[tuple[Any, type[Exception], tuple[str, ...]]] = [
    (
        "ilu",
        ValueError,
        ("minimize: options['preconditioner'] must be one of 'diagonal', 'lbfgs'", "got 'ilu'"),
    ),
    (np.ones(3), ValueError, ("minimize: options['preconditioner'] must be of shape (80,), got shape (3,)",)),
    (np.full(N, -1.0), ValueError, ("minimize: options['preconditioner'] must be positive, got element 0",)),
    (np.full(N, np.nan), ValueError, ("minimize: options['preconditioner'] must be finite",)),
    (lambda x, r: r[:3], ValueError, ("minimize: preconditioner must return shape (80,)", "got 3 numbers")),
    (lambda x, r: "ab", TypeError, ("minimize: preconditioner must return",)),
]


@pytest.mark.parametrize(("value", "error", "fragments"), BAD, ids=range(len(BAD)))
def test_refusals(value: Any, error: type[Exception], fragments: tuple[str, ...]) -> None:
    refused(lambda: minimize(**_quadratic(), options={"preconditioner": value}), error, *fragments)


@pytest.mark.parametrize("method", ["newton-cg", "hessian-free"])
@pytest.mark.parametrize("jac", [rosen_der, True, "cs"])
def test_float32_is_computed_in_float32(method: str, jac: Any) -> None:
    seen = set()

    def product(x: Any, v: Any) -> Any:
        seen.update((x.dtype, v.dtype))
        return rosen_hess_prod(x, v).astype(np.float32)

    def fun(x: Any) -> Any:
        return (rosen(x), rosen_der(x)) if jac is True else rosen(x)

    start = np.full(6, 1.3, dtype=np.float32)
    result = minimize(fun, start, jac=jac, hessp=product, method=method, options={"gtol": 1e-3})
    assert result.success
    assert seen == {np.dtype(np.float32)}
    assert result.x.dtype == result.jac.dtype == np.float32
    assert result.trace["cost"].dtype == np.float64
    assert result.optimality <= 1e-3 or result.outcome is Status.cost
    np.testing.assert_allclose(result.x, 1, atol=1e-2)  # gtol over the least eigenvalue, about 0.5


@pytest.mark.parametrize("method", ["newton-cg", "hessian-free"])
def test_float32_by_differences_and_by_default(method: str) -> None:
    d = np.linspace(1, 5, 4, dtype=np.float32)
    result = minimize(lambda x: float(x @ (d * x)) / 2, np.ones(4, np.float32), method=method)
    assert result.success
    assert result.x.dtype == np.float32
    np.testing.assert_allclose(result.x, 0, atol=1e-2)  # the default gtol of float32's central differences
    exact = minimize(
        lambda x: float(x @ (d * x)) / 2, np.ones(4, np.float32), jac=lambda x: d * x, method=method
    )
    assert exact.success
    assert exact.optimality <= 1e-4


def test_float32_keeps_to_float64_where_the_method_factors() -> None:
    result = minimize(lambda x: float(x @ x), np.ones(2, np.float32), method="newton")
    assert result.x.dtype == np.float64


def test_float32_tolerances_below_its_rounding_are_refused() -> None:
    refused(
        lambda: minimize(
            rosen, np.ones(2, np.float32), jac=rosen_der, hessp=rosen_hess_prod, tol=1e-10, method="newton-cg"
        ),
        ValueError,
        "minimize: gtol must be 0 (no such test) or at least the machine epsilon 1.19209e-07",
    )


def test_infinite_curvature_at_the_start_is_left() -> None:
    def curvature(x: Any) -> Any:
        with np.errstate(divide="ignore"):
            return 0.75 / np.sqrt(np.abs(x)) + 1

    result = minimize(
        lambda x: float((np.abs(x) ** 1.5 + (x - 1) ** 2 / 2).sum()),
        [0.0, 2.0],
        jac=lambda x: 1.5 * np.sign(x) * np.sqrt(np.abs(x)) + x - 1,
        hessp=lambda x, v: curvature(x) * v,
        method="newton-cg",
    )
    assert result.success
    assert result.certificate is Certificate.no_negative_curvature_found


def test_products_that_are_never_finite_are_no_success() -> None:
    result = minimize(
        lambda x: x[0] ** 2 - x[1] ** 2 + x[1] ** 4,
        [1.0, 1.0],  # the step that stands in for Newton's ends at the saddle
        jac=lambda x: np.array([2 * x[0], -2 * x[1] + 4 * x[1] ** 3]),
        hessp=lambda x, v: np.full(2, np.nan),
        method="newton-cg",
    )
    assert result.outcome is Status.nonfinite
