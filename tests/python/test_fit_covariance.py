"""Errors of `fit`: SciPy's, those of the free subspace, their coverage, and single precision."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.optimize
from fit_cases import X, bits, decay, decays, peak, peaks

import osculate
from osculate import Flag, Status

P0 = (2.0, 1.0, 0.1)
TRUTH, Y = decays(12)
SIGMA = np.random.default_rng(1).uniform(0.02, 0.1, Y.shape)


@pytest.mark.parametrize("absolute", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_covariances_are_those_of_curve_fit(weighted: bool, absolute: bool) -> None:
    result = osculate.fit(
        decay, X, Y, P0, sigma=SIGMA if weighted else None, absolute_sigma=absolute, xtol=1e-12
    )
    for k, y in enumerate(Y):
        sigma = SIGMA[k] if weighted else np.ones(X.size)
        params, covariance = scipy.optimize.curve_fit(
            decay, X, y, P0, sigma=sigma, absolute_sigma=absolute, xtol=1e-12, ftol=1e-12
        )
        # SciPy's Jacobian is of forward differences: 1e-8, times the condition of J'J, about 1e2
        np.testing.assert_allclose(result.params[k], params, rtol=1e-6)
        size = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
        assert (np.abs(result.covariance[k] - covariance) <= 1e-5 * size).all()
        np.testing.assert_allclose(result.stderr[k], np.sqrt(np.diag(covariance)), rtol=1e-5)
        chi_square = (((decay(X, *params) - y) / sigma) ** 2).sum()
        np.testing.assert_allclose(2 * result.cost[k], chi_square, rtol=1e-9)
        np.testing.assert_allclose(result.redchi[k], chi_square / (X.size - 3), rtol=1e-9)


@pytest.mark.parametrize("loss", ["linear", "soft_l1", "poisson"])
@pytest.mark.parametrize("bounded", [False, True])
@pytest.mark.parametrize("traced", [False, True])
def test_a_last_step_without_evaluation_ends_where_one_with_it_does(
    loss: str, bounded: bool, traced: bool
) -> None:
    start, y = peaks(400)
    if loss == "poisson":
        start[:, 3] = 1
        y = np.random.default_rng(2).poisson(
            [peak(X, *(20 * start[k, :1]), *start[k, 1:]) for k in range(400)]
        )
        start[:, 0] *= 20
    options: dict[str, Any] = {"loss": loss, "batched": None if traced else True}
    if bounded:
        options["bounds"] = ([0, -5, 0.1, -5], [1e3, 5, 5, 50])
    evaluated = [0]

    def model(x: Any, *p: Any) -> Any:
        evaluated[0] += np.size(p[0])
        return peak(x, *p)

    shorter = osculate.fit(model, X, y, start, **options)
    fewer, evaluated[0] = evaluated[0], 0
    whole = osculate.fit(model, X, y, start, ftol=None, **options)
    assert traced or fewer < 0.95 * evaluated[0]
    good = shorter.success & whole.success  # differences may be too noisy for one of 400 fits to converge
    assert good.mean() > 0.99
    off = np.abs(shorter.params - whole.params)[good] / whole.stderr[good]
    assert 0 < off.max() <= 1e-3
    for name, rtol in (("cost", 1e-8), ("redchi", 1e-8), ("stderr", 1e-4)):
        np.testing.assert_allclose(getattr(shorter, name)[good], getattr(whole, name)[good], rtol=rtol)


@pytest.mark.parametrize("ftol", [1e-10, 1e-12])
def test_the_errors_of_a_last_step_without_evaluation_follow_ftol(ftol: float) -> None:
    result = osculate.fit(decay, X, Y, P0, ftol=ftol)
    exact = osculate.fit(decay, X, Y, P0, ftol=None, xtol=1e-13, gtol=1e-13)
    np.testing.assert_allclose(result.stderr, exact.stderr, rtol=max(1e-10, 3e3 * ftol))


def test_covariances_are_symmetric_and_their_diagonal_is_of_the_errors() -> None:
    result = osculate.fit(decay, X, Y, P0)
    np.testing.assert_array_equal(result.covariance, np.swapaxes(result.covariance, -1, -2))
    np.testing.assert_allclose(
        np.diagonal(result.covariance, axis1=-2, axis2=-1), result.stderr**2, rtol=1e-14
    )


def test_a_parameter_at_its_bound_has_no_error_and_the_others_have_theirs() -> None:
    result = osculate.fit(decay, X, Y, (2, 2, 0.1), bounds={"k": (1.8, 3)}, xtol=1e-12)
    assert (result.flags == Flag.at_bound).all()
    assert np.isnan(result.stderr[:, 1]).all()
    held = osculate.fit(decay, X, Y, (2, 1.8, 0.1), fixed="k", xtol=1e-12)
    assert (held.flags == 0).all()
    free = np.ix_(range(12), [0, 2], [0, 2])
    np.testing.assert_allclose(result.covariance[free], held.covariance[free], rtol=1e-8)
    np.testing.assert_allclose(result.redchi, held.redchi, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_parameters_that_the_data_do_not_determine_have_no_error(dtype: Any) -> None:
    def model(x: Any, a: float, b: float, c: float) -> Any:
        return (a + b) * x + c

    line = (2 * X + 0.5 + 0.01 * np.random.default_rng(2).standard_normal((5, X.size))).astype(dtype)
    result = osculate.fit(model, X, line, (1, 1, 0))
    assert result.success.all()
    assert (result.flags == Flag.rank_deficient).all()
    assert np.isnan(result.stderr[:, :2]).all()
    whole = osculate.fit("m*x + c", X, line, (1, 0))
    rtol = 1e-8 if dtype == np.float64 else 2e-3  # J'J is singular to its rounding
    np.testing.assert_allclose(result.stderr[:, 2], whole.stderr[:, 1], rtol=rtol)
    np.testing.assert_allclose(result.redchi, whole.redchi, rtol=rtol)


def test_a_parameter_without_influence_has_no_error() -> None:
    for text in ("a*x + c + 0*b", "a*x + c + where(x > 100, b, 0)"):
        result = osculate.fit(text, X, 2 * X + Y[0] / 10, {"a": 1.0, "b": 3.0, "c": 0.0})
        assert result.success
        assert result["b"] == 3
        assert result.flags == Flag.rank_deficient
        errors = dict(zip(result.names, result.stderr, strict=True))
        assert np.isnan(errors["b"])
        expected = osculate.fit("a*x + c", X, 2 * X + Y[0] / 10, (1, 0))
        np.testing.assert_allclose([errors["a"], errors["c"]], expected.stderr, rtol=1e-9)
        np.testing.assert_allclose(result.redchi, expected.redchi, rtol=1e-9)


def test_no_more_points_than_parameters_leaves_the_scatter_unknown() -> None:
    x, y = X[[0, 10, 40]], Y[:, [0, 10, 40]]
    result = osculate.fit(decay, x, y, TRUTH)
    assert (result.flags & Flag.no_freedom != 0).all()
    assert np.isnan(result.stderr).all()
    assert np.isnan(result.redchi).all()
    known = osculate.fit(decay, x, y, TRUTH, sigma=0.05, absolute_sigma=True)
    assert np.isfinite(known.stderr).all()
    fewer = osculate.fit(decay, x[:2], y[:, :2], TRUTH, sigma=0.05, absolute_sigma=True)
    assert (fewer.flags & Flag.rank_deficient != 0).all()
    assert not np.isinf(fewer.stderr).any()


def test_a_vanished_peak_leaves_the_offset_its_error() -> None:
    y = 1.5 + 0.01 * np.random.default_rng(3).standard_normal(X.size)
    result = osculate.fit(peak, X, y, (0.0, 9.0, 0.1, 0.0))  # the peak is out of sight
    assert result.success
    assert np.isnan(result.stderr[:3]).all()
    np.testing.assert_allclose(result["offset"], y.mean(), rtol=1e-12)
    assert result.flags == Flag.rank_deficient


def share_within_one_error(result: osculate.FitResult, truth: Any) -> Any:
    assert result.success.all()
    return (np.abs(result.params - truth) <= result.stderr).mean(axis=0)


COUNT = 4000
# 68.3% of them, to five standard deviations of the binomial distribution
SPREAD = 5 * np.sqrt(0.6827 * 0.3173 / COUNT)
LOW, HIGH = 0.6827 - SPREAD, 0.6827 + SPREAD


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("absolute", [False, True])
def test_errors_cover_the_truth_in_two_of_three_fits(absolute: bool, dtype: Any) -> None:
    truth, clean = peaks(COUNT, noise=0)
    rng = np.random.default_rng(5)
    sigma = rng.uniform(0.01, 0.03, X.size)
    y = clean + sigma * rng.standard_normal(clean.shape)
    y[rng.random(y.shape) < 0.05] = np.nan
    given = sigma if absolute else 7 * sigma
    result = osculate.fit(peak, X, y.astype(dtype), truth, sigma=given, absolute_sigma=absolute)
    share = share_within_one_error(result, truth)
    assert (share > LOW).all(), share
    assert (share < HIGH).all(), share


def test_errors_of_poisson_fits_cover_the_truth() -> None:
    truth = peaks(COUNT)[0] * (40, 1, 1, 0) + (0, 0, 0, 20)
    mean = peak(X, *(truth[:, k, np.newaxis] for k in range(4)))
    counts = np.random.default_rng(6).poisson(mean)
    result = osculate.fit(peak, X, counts, truth, loss="poisson")
    share = share_within_one_error(result, truth)
    assert (share > LOW).all(), share
    assert (share < HIGH).all(), share


def test_single_precision_agrees_to_five_digits_where_the_data_are_exact_to_three() -> None:
    for model, (truth, y) in ((decay, decays(200, noise=1e-3)), (peak, peaks(200, noise=1e-3))):
        data = y.astype(np.float32)
        single = osculate.fit(model, X, data, truth * 1.1)
        double = osculate.fit(model, X, data, truth * 1.1, dtype=np.float64)
        assert single.success.all()
        # an offset may be zero: its size is that of the curve
        size = np.maximum(np.abs(double.params), 1)
        assert (np.abs(single.params - double.params) <= 1e-5 * size).all()


@pytest.mark.parametrize("missing", [False, True])
def test_single_precision_agrees_with_double(missing: bool) -> None:
    for model, (truth, y), start in ((decay, decays(200), P0), (peak, peaks(200), None)):
        data = y.astype(np.float32)
        if missing:
            data[:, ::7] = np.nan
        p0 = truth * 1.1 if start is None else start
        single = osculate.fit(model, X, data, p0)
        double = osculate.fit(model, X, data, p0, dtype=np.float64)
        assert single.success.all()
        assert single.params.dtype == np.float32
        # A float32 cost knows the minimum to a cosine of sqrt(eps), 3e-4, times the condition of about 10 and
        # sqrt(points - parameters) = 7: this many standard errors.
        assert (np.abs(single.params - double.params) <= 2e-2 * double.stderr).all()
        np.testing.assert_allclose(single.stderr, double.stderr, rtol=1e-3)
        np.testing.assert_allclose(single.cost, double.cost, rtol=1e-5)


def test_single_precision_never_returns_the_start_as_converged() -> None:
    truth, y = decays(100, noise=1e-3)
    start = np.float32(truth * 1.003)  # so near that steps are small
    result = osculate.fit(decay, X, y.astype(np.float32), start)
    assert result.success.all()
    assert (result.status != Status.not_run).all()
    assert (np.abs(result.params - start).max(axis=1) > 1e-4).all()
    double = osculate.fit(decay, X, y.astype(np.float32), start, dtype=np.float64)
    assert (np.abs(result.params - double.params) <= 0.02 * double.stderr).all()


@pytest.mark.parametrize("outcome", [StopIteration, KeyboardInterrupt])
@pytest.mark.parametrize(("batched", "fits"), [(None, 6000), (False, 1000)], ids=["tape", "per_fit"])
def test_robust_errors_that_were_finished_before_an_early_end_are_kept(
    batched: bool | None, fits: int, outcome: type[BaseException]
) -> None:
    """They are computed when all fits have ended, and observers are then told that all are done."""
    told = []

    def enough(done: int, total: int) -> None:
        told.append(done)
        if told[-2:] == [total, total]:
            raise outcome

    x = np.linspace(0, 4, 8000)  # as many numbers as take tenths of a second
    y = decay(x, *P0) + 0.1 * np.random.default_rng(5).standard_cauchy(x.size)
    options: dict[str, Any] = {"loss": "huber", "max_iterations": 1, "threads": 1, "batched": batched}
    stack = np.broadcast_to(y, (fits, y.size))
    result = osculate.fit(decay, x, stack, P0, callback=enough, on_interrupt="return", **options)
    expected = osculate.fit(decay, x, y, P0, **options)
    assert (result.status == expected.status).all()
    assert (result.params == expected.params).all()
    known = np.isfinite(result.stderr).all(axis=-1)
    assert 0 < known.sum() < fits
    assert (result.stderr[known] == expected.stderr).all()
    assert (result.covariance[known] == expected.covariance).all()
    assert np.isnan(result.stderr[~known]).all()
    assert np.isnan(result.covariance[~known]).all()


@pytest.mark.parametrize("batched", [None, False], ids=["tape", "per_fit"])
def test_robust_errors_are_kept_when_the_last_observer_ends_the_call(batched: bool | None) -> None:
    def enough(done: int, total: int) -> None:
        raise StopIteration

    options: dict[str, Any] = {"loss": "soft_l1", "batched": batched}
    result, expected = (
        osculate.fit(decay, X, Y, P0, callback=enough, **options),
        osculate.fit(decay, X, Y, P0, **options),
    )
    assert bits(result) == bits(expected)
    assert np.isfinite(result.stderr).all()
