"""Difference Jacobians: accuracy, bounds, dtypes, steps, fixed parameters, and complex steps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from numpy.typing import NDArray

import osculate

FloatArray = NDArray[np.float64]
EPSILON = float(np.finfo(float).eps)
METHODS = ["2-point", "3-point", "cs"]
T = np.linspace(0.1, 3, 25)


def curve(x: NDArray[Any]) -> NDArray[Any]:
    return x[0] * np.exp(-x[1] * T) + np.sin(x[2] * T)


def curve_jacobian(x: FloatArray) -> FloatArray:
    e = np.exp(-x[1] * T)
    return np.stack([e, -x[0] * T * e, T * np.cos(x[2] * T)], axis=1)


def at_start(fun: Callable[..., Any], x0: Any, jac: str, **options: Any) -> osculate.LeastSquaresResult:
    """One evaluation and one Jacobian."""
    return osculate.least_squares(fun, x0, jac, max_nfev=1, **options)


X = np.array([2.0, 1.3, -0.7])
# Truncation h |r''| / 2 (second and third derivatives are at most 2 T^3 = 54) or h^2 |r'''| / 6, and rounding
# eps |r| / h, at relative steps h of eps^(1/2) and eps^(1/3); a complex step has neither.
ACCURACY = {"2-point": 30 * EPSILON ** (1 / 2), "3-point": 30 * EPSILON ** (2 / 3), "cs": 30 * EPSILON}


@pytest.mark.parametrize("jac", METHODS)
def test_accuracy_is_that_of_the_method(jac: str) -> None:
    error = np.abs(at_start(curve, X, jac).jac - curve_jacobian(X)).max()
    assert error <= ACCURACY[jac]
    if jac == "2-point":  # otherwise it is another method
        assert error > ACCURACY["3-point"]


@pytest.mark.parametrize("jac", METHODS)
@pytest.mark.parametrize("size", [1e-200, 1e-30, 1e-8, 1.0, 1e8, 1e30, 1e200])
def test_accuracy_is_relative_to_the_size_of_the_parameter(jac: str, size: float) -> None:
    """r = (x / size)^2: derivative 2 / size, in the parameter's own unit."""
    result = at_start(lambda x: (x / size) ** 2, [1.5 * size], jac)
    assert result.jac[0, 0] * size == pytest.approx(3.0, rel=ACCURACY[jac])


@pytest.mark.parametrize("jac", METHODS)
def test_parameter_of_zero_is_perturbed_too(jac: str) -> None:
    result = at_start(lambda x: 3 * x + x**2 - 1, [0.0], jac)
    assert result.jac[0, 0] == pytest.approx(3.0, rel=ACCURACY[jac])
    scaled = at_start(lambda x: 3 * x + x**2 - 1, [0.0], jac, x_scale=1e-3)
    assert scaled.jac[0, 0] == pytest.approx(3.0, rel=1e3 * ACCURACY[jac])


@pytest.mark.parametrize(("jac", "points"), [("2-point", 1), ("3-point", 2), ("cs", 1)])
def test_evaluations_are_one_or_two_a_parameter(jac: str, points: int) -> None:
    calls: list[NDArray[Any]] = []

    def fun(x: NDArray[Any]) -> NDArray[Any]:
        calls.append(x.copy())
        return curve(x)

    result = at_start(fun, X, jac)
    assert len(calls) == result.evaluations == 1 + 3 * points
    assert (result.nfev, result.njev) == (1, 1)
    moved = [np.flatnonzero(x != X).tolist() for x in calls]
    assert sorted(moved) == [[], *([[j] for j in range(3) for _ in range(points)])]
    for x in calls[1:]:
        step = x - X
        if jac == "cs":
            assert np.array_equal(x.real, X)
            assert 0 < np.abs(step).max() < 1e-18 * np.abs(X).max()
        else:
            expected = EPSILON ** (1 / 2 if jac == "2-point" else 1 / 3) * np.abs(X)
            assert np.abs(step).max() == pytest.approx(expected[step != 0][0], rel=1e-6)


BOXES = {
    "lower": (X, np.inf),
    "upper": (-np.inf, X),
    "narrow": (X - 1e-12, X + 3e-12),
    "at one end of a narrow box": (X, X + 1e-11),
    "at the other": (X - 1e-11, X),
}


@pytest.mark.parametrize("jac", ["2-point", "3-point"])
@pytest.mark.parametrize("box", BOXES)
@pytest.mark.parametrize("sparsity", [None, np.ones((25, 3))])
def test_steps_stay_within_the_bounds(jac: str, box: str, sparsity: Any) -> None:
    lower, upper = np.broadcast_arrays(*BOXES[box], subok=False)

    def fun(x: FloatArray) -> FloatArray:
        assert np.all(x >= lower)
        assert np.all(x <= upper)
        return curve(x)

    result = osculate.least_squares(fun, X, jac, bounds=(lower, upper), jac_sparsity=sparsity)
    start = osculate.least_squares(fun, X, jac, bounds=(lower, upper), jac_sparsity=sparsity, max_nfev=1)
    assert result.cost <= start.cost
    # In the narrow boxes a step of some 1e-12 leaves a rounding error of eps / 1e-12.
    accuracy = 10 * ACCURACY["2-point"] if box in ("lower", "upper") else 30 * EPSILON / 1e-12
    dense = start.jac if sparsity is None else start.jac.toarray()
    assert np.abs(dense - curve_jacobian(X)).max() <= accuracy


def test_one_sided_three_point_differences_keep_their_order() -> None:
    """At a bound: error h^2 |r'''| / 3 instead of h |r''| / 2."""
    result = at_start(curve, X, "3-point", bounds=(X, np.inf))
    assert np.abs(result.jac - curve_jacobian(X)).max() <= 4 * ACCURACY["3-point"]


@pytest.mark.parametrize("jac", ["2-point", "3-point"])
def test_every_point_of_a_bounded_fit_is_feasible(jac: str) -> None:
    lower, upper = np.array([0.5, 0.0, -1.0]), np.array([1.5, 1.0, 1.0])
    data = curve(X)

    def fun(x: FloatArray) -> FloatArray:
        assert np.all((x >= lower) & (x <= upper))
        return curve(x) - data

    for start in (lower, upper, (lower + upper) / 2):
        result = osculate.least_squares(fun, start, jac, bounds=(lower, upper))
        assert result.success
        assert np.any(result.active_mask != 0)
        gradient = curve_jacobian(result.x).T @ result.fun
        # KKT, to the accuracy of forward differences beside |J_j| |r| < 10.
        assert np.all(gradient[result.active_mask == -1] > 0)
        assert np.all(gradient[result.active_mask == 1] < 0)
        assert np.all(np.abs(gradient[result.active_mask == 0]) < 1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("jac", ["2-point", "3-point"])
def test_functions_of_lower_precision_are_differenced_with_their_own_steps(dtype: Any, jac: str) -> None:
    result = at_start(lambda x: curve(x).astype(dtype), X, jac)
    eps = float(np.finfo(dtype).eps)
    order = eps ** (1 / 2 if jac == "2-point" else 2 / 3)
    assert np.abs(result.jac - curve_jacobian(X)).max() <= 30 * order


@pytest.mark.parametrize("jac", ["2-point", "3-point"])
def test_float32_function_is_fitted_to_its_precision(jac: str) -> None:
    data = curve(X)

    def fun(x: FloatArray) -> Any:
        assert x.dtype == np.float64
        return (curve(x) - data).astype(np.float32)

    result = osculate.least_squares(fun, [1.5, 1.0, -0.5], jac)
    assert result.success, result.message
    assert result.fun.dtype == np.float64
    # Residuals are differences of numbers of size 1 in float64, rounded: relative to themselves.
    assert result.x == pytest.approx(X, abs=1e-4)


@pytest.mark.parametrize("jac", ["2-point", "3-point"])
@pytest.mark.parametrize("diff_step", [1e-3, [1e-2, 1e-3, 1e-4]])
def test_diff_step_is_the_relative_step(jac: str, diff_step: Any) -> None:
    steps: list[FloatArray] = []

    def fun(x: FloatArray) -> FloatArray:
        steps.append(np.abs(x - X))
        return curve(x)

    at_start(fun, X, jac, diff_step=diff_step)
    expected = np.broadcast_to(diff_step, (3,)) * np.abs(X)
    assert np.max(steps, axis=0) == pytest.approx(expected, rel=1e-9)


def test_truncation_grows_with_diff_step_as_the_order_says() -> None:
    def error(jac: str, step: float) -> float:
        return float(np.abs(at_start(curve, X, jac, diff_step=step).jac - curve_jacobian(X)).max())

    # Ten times the step, ten and a hundred times the error, to the next order's 10 %.
    assert error("2-point", 1e-3) / error("2-point", 1e-4) == pytest.approx(10, rel=0.1)
    assert error("3-point", 1e-2) / error("3-point", 1e-3) == pytest.approx(100, rel=0.1)


@pytest.mark.parametrize("jac", METHODS)
def test_fixed_parameters_are_not_differenced(jac: str) -> None:
    def fun(x: NDArray[Any]) -> NDArray[Any]:
        assert x[1] == X[1]
        return curve(x)

    for options in ({"fixed": [False, True, False]}, {"bounds": ([-9, X[1], -9], [9, X[1], 9])}):
        result = at_start(fun, X, jac, **options)
        assert result.evaluations == 1 + 2 * (2 if jac == "3-point" else 1)
        assert np.array_equal(result.jac[:, 1], np.zeros(T.size))
        assert np.abs(result.jac[:, [0, 2]] - curve_jacobian(X)[:, [0, 2]]).max() <= ACCURACY[jac]


def test_nothing_is_differenced_where_all_parameters_are_fixed() -> None:
    result = osculate.least_squares(curve, X, fixed=[True] * 3)
    assert result.evaluations == 1
    assert np.array_equal(result.x, X)


def real_part(x: NDArray[Any]) -> FloatArray:
    return np.asarray(curve(x.real))


REALS: dict[str, Callable[[NDArray[Any]], Any]] = {
    "float64": real_part,
    "float32": lambda x: real_part(x).astype(np.float32),
    "integers": lambda x: np.arange(3),
    "list": lambda x: [1.0, 2.0],
    "object": lambda x: real_part(x).astype(object),
}


@pytest.mark.parametrize("kind", REALS)
@pytest.mark.parametrize("sparse", [False, True])
def test_complex_step_of_a_function_that_returns_reals_is_a_type_error(kind: str, sparse: bool) -> None:
    fun = REALS[kind]
    pattern = scipy.sparse.csr_array(np.ones((len(fun(X)), 3))) if sparse else None
    with pytest.raises(TypeError, match=r"least_squares: jac='cs' needs a function of complex numbers, but"):
        osculate.least_squares(fun, X, "cs", jac_sparsity=pattern)


def test_complex_step_reaches_fun_as_complex_and_trial_points_as_real() -> None:
    kinds: list[str] = []

    def fun(x: NDArray[Any]) -> NDArray[Any]:
        kinds.append(x.dtype.kind)
        return curve(x) - 1

    result = osculate.least_squares(fun, X, "cs")
    assert kinds.count("f") == result.nfev
    assert kinds.count("c") == 3 * result.njev


@pytest.mark.parametrize("jac", METHODS)
def test_workers_map_gives_the_bits_of_the_loop(jac: str) -> None:
    sizes: list[int] = []

    def mapped(function: Callable[[Any], Any], points: Any) -> list[Any]:
        sizes.append(len(points))
        return [function(point) for point in points]

    alone = osculate.least_squares(curve, X, jac)
    together = osculate.least_squares(curve, X, jac, workers=mapped)
    assert np.array_equal(alone.x, together.x)
    assert alone.evaluations == together.evaluations
    if jac != "cs":
        assert sizes == [3 if jac == "2-point" else 6] * together.njev


@pytest.mark.parametrize("sparse", [False, True])
def test_noise_of_differences_is_no_lack_of_progress(sparse: bool) -> None:
    """At the solution J'r is rounding error over h, whose promise no step can keep."""
    pattern = np.ones((1000, 10)) if sparse else None
    for seed in range(100):
        design = np.random.default_rng(seed).standard_normal((1000, 10))
        result = osculate.least_squares(lambda x, a=design: a @ x - 1, np.zeros(10), jac_sparsity=pattern)
        assert result.success, (seed, result.message)
        exact = np.linalg.lstsq(design, np.ones(1000), rcond=None)[0]
        # s.d. 1/30 of a parameter, of which a cost within 1e-8 of the minimum determines sqrt(2e-8 * 1000)
        assert np.abs(result.x - exact).max() <= 5e-3 / 30


def test_noise_of_differences_does_not_excuse_a_wrong_jacobian() -> None:
    for seed in range(10):
        design = np.random.default_rng(seed).standard_normal((1000, 10))
        for wrong in (-design, design[:, ::-1]):
            result = osculate.least_squares(
                lambda x, a=design: a @ x - 1, np.zeros(10), lambda x, j=wrong: j, max_nfev=5000
            )
            assert not result.success


@pytest.mark.parametrize("start", [0.0, 1.0])
def test_parameter_that_comes_to_zero_is_differenced_by_more_than_rounding(start: float) -> None:
    """The slope of a parabola on a symmetric interval is 0: in units of its value h would be nothing."""
    t = np.linspace(-1, 1, 101)
    for height in range(1, 20):
        result = osculate.least_squares(lambda x, h=height: x[0] + x[1] * t - h * t**2, [start, start])
        assert result.success, (height, result.message)
        assert np.allclose(result.jac, np.stack([np.ones_like(t), t], axis=1), atol=1e-4)
        assert result.nfev <= 10
