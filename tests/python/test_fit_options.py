"""Options of `fit`: fixed parameters, starts, linear parameters, rescue, limits, tolerances, threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fit_cases import X, bits, decay, decays, peak, peaks

import osculate
from osculate import Status

P0 = (2.0, 1.0, 0.1)
TRUTH, Y = decays(3, 4)
# A cosine of 1e-8 promises a reduction of 1e-16 of the cost: nothing smaller can be told from rounding. The
# parameters are then exact to 1e-8 times relative residuals and the condition of J, which is about 10.
EXACT = {"ftol": None, "xtol": None, "gtol": 1e-8}


def test_fixed_by_name_and_by_mask_keeps_the_start() -> None:
    expected = osculate.fit(lambda x, a, k: decay(x, a, k, 0.25), X, Y, P0[:2], **EXACT)
    p0 = (2.0, 1.0, 0.25)
    by_name = osculate.fit(decay, X, Y, p0, fixed=["c"], **EXACT)
    for fixed in ("c", ("c",), [False, False, True], np.array([False, False, True])):
        assert bits(osculate.fit(decay, X, Y, p0, fixed=fixed, **EXACT)) == bits(by_name)
    assert (by_name["c"] == 0.25).all()
    assert np.isnan(by_name.stderr[..., 2]).all()
    assert np.isnan(by_name.covariance[..., 2, :]).all()
    np.testing.assert_allclose(by_name.params[..., :2], expected.params, rtol=1e-7)
    np.testing.assert_allclose(by_name.covariance[..., :2, :2], expected.covariance, rtol=1e-6)
    np.testing.assert_allclose(by_name.redchi, expected.redchi, rtol=1e-7)


def test_fixed_values_may_differ_from_fit_to_fit() -> None:
    p0 = np.array(P0) * np.ones((3, 4, 1))
    p0[..., 1] = TRUTH[..., 1]
    result = osculate.fit(decay, X, Y, p0, fixed=["k"], **EXACT)
    assert (result["k"] == TRUTH[..., 1]).all()
    for at in np.ndindex(3, 4):  # a linear problem
        columns = np.stack([np.exp(-TRUTH[at][1] * X), np.ones_like(X)], axis=1)
        expected = np.linalg.lstsq(columns, Y[at], rcond=None)[0]
        np.testing.assert_allclose(result.params[at][[0, 2]], expected, rtol=1e-7)


def test_everything_fixed_evaluates_the_model() -> None:
    result = osculate.fit(decay, X, Y, TRUTH, fixed=["a", "k", "c"])
    assert (result.params == TRUTH).all()
    assert np.isnan(result.stderr).all()
    expected = 0.5 * ((decay(X, *np.moveaxis(TRUTH, -1, 0)[..., np.newaxis]) - Y) ** 2).sum(axis=-1)
    np.testing.assert_allclose(result.cost, expected, rtol=1e-12)


def test_dict_start_by_name_and_per_fit() -> None:
    expected = bits(osculate.fit(decay, X, Y, TRUTH))
    p0 = {"c": TRUTH[..., 2], "a": TRUTH[..., 0], "k": TRUTH[..., 1]}
    assert bits(osculate.fit(decay, X, Y, p0)) == expected
    mixed = osculate.fit(decay, X, Y, {"a": 2, "k": 1, "c": TRUTH[..., 2]})
    assert mixed.success.all()


def test_linear_parameters_start_at_their_least_squares_values() -> None:
    one = osculate.fit(decay, X, Y, {"k": 1.0}, max_iterations=1)
    full = osculate.fit(decay, X, Y, {"k": 1.0}, **EXACT)
    columns = np.stack([np.exp(-X), np.ones_like(X)], axis=1)
    best = np.linalg.lstsq(columns, Y.reshape(-1, X.size).T, rcond=None)[0].T.reshape(3, 4, 2)
    start = np.insert(best, 1, 1.0, axis=-1)
    np.testing.assert_allclose(
        one.params, osculate.fit(decay, X, Y, start, max_iterations=1).params, rtol=1e-7
    )
    np.testing.assert_allclose(full.params, osculate.fit(decay, X, Y, P0, **EXACT).params, rtol=1e-7)


def test_linear_parameters_start_within_their_bounds_and_at_missing_and_weighted_points() -> None:
    y, sigma = Y.copy(), np.random.default_rng(1).uniform(0.5, 2, X.size)
    y[..., ::9] = np.nan
    bounded = osculate.fit(decay, X, y, {"k": 1.0}, sigma=sigma, bounds={"a": (0, 1.5)})
    assert bounded.success.all()
    assert bounded["a"].max() == 1.5
    free = osculate.fit(decay, X, y, {"k": 1.0}, sigma=sigma, **EXACT)
    np.testing.assert_allclose(
        free.params, osculate.fit(decay, X, y, P0, sigma=sigma, **EXACT).params, rtol=1e-7
    )


def test_ready_made_models_guess_their_starts() -> None:
    truth, y = peaks(5, 3)
    result = osculate.fit(osculate.models.gaussian, X, y)
    assert result.success.all()
    assert result.params.shape == (5, 3, 4)
    np.testing.assert_allclose(result.predict(), osculate.fit(peak, X, y, truth).predict(), atol=1e-4)


def test_rescue_tries_failed_fits_again_and_leaves_the_others() -> None:
    truth, y = peaks(40, noise=0.01)
    p0 = truth * (1, 1, 1, 1)
    p0[::2, 1] = 4.5  # beside the data: many of these end elsewhere or nowhere
    p0[::4, 2] = 1e-3
    limits = {"max_iterations": 12}
    before = osculate.fit(peak, X, y, p0, **limits)
    assert 0 < before.success.sum() < 40
    after = osculate.fit(peak, X, y, p0, rescue=5, **limits)
    good = before.success
    assert after.success.sum() > good.sum()
    assert bits(after, good) == bits(before, good)
    assert (after.cost <= before.cost).all() or (after.success & ~good)[after.cost > before.cost].all()
    for threads in (1, 3):
        assert bits(osculate.fit(peak, X, y, p0, rescue=5, threads=threads, **limits)) == bits(after)
    other = osculate.fit(peak, X, y, p0, rescue=5, seed=1, **limits)
    assert bits(other) != bits(after)
    shared = osculate.fit(peak, X, y[1::2], (3, 4.5, 1e-3, 0), rescue=5, fixed=["offset"])
    assert (shared["offset"] == 0).all()


def test_rescue_of_a_single_fit() -> None:
    _, y = peaks(1, noise=0.01)
    start = (3.0, 9.0, 0.01, 0.0)  # the peak is invisible from there
    assert not np.allclose(osculate.fit(peak, X, y[0], start).params[1], 2, atol=0.5)
    result = osculate.fit(peak, X, y[0], (3.0, 2.0, -300.0, 1e200), rescue=3)
    assert result.params.shape == (4,)


@pytest.mark.parametrize("options", [{}, {"max_iterations": 2000}])
def test_retry_fits_the_failed_ones_again(options: Any) -> None:
    _, y = decays(8)
    y[3] = np.nan
    short = osculate.fit(decay, X, y, P0, max_iterations=1)
    assert not short.success.any()
    more = short.retry(max_iterations=50)
    assert (more.success == (np.arange(8) != 3)).all()
    np.testing.assert_allclose(more.params[more.success], osculate.fit(decay, X, y[more.success], P0).params)
    assert (short.iterations <= 1).all()  # is left as it was
    again = more.retry(p0=(1.0, 1.0, 0.0), **options)
    assert bits(again, more.success) == bits(more, more.success)


def test_retry_takes_starts_of_all_or_of_the_failed_fits() -> None:
    truth, y = peaks(30, noise=0.01)
    p0 = truth.copy()
    p0[::3] = (3.0, 2.0, 1e-200, 0.0)  # nothing of the peak is seen
    first = osculate.fit(peak, X, y, p0, max_iterations=20)
    failed = first.failed()
    assert len(failed)
    for start in (truth, truth[failed[:, 0]], (3, 2, 0.7, 0)):
        assert first.retry(start).success.all()
    held = osculate.fit(peak, X, y, p0, fixed=["offset"], max_iterations=3)
    assert (held.retry(truth)["offset"] == p0[:, 3]).all()


def test_limits_of_iterations() -> None:
    for most in (1, 2, 3):
        result = osculate.fit(decay, X, Y, P0, max_iterations=most)
        assert result.iterations.max() <= most
        assert (result.status[~result.success] == Status.max_iterations).all()
    endless = osculate.fit(decay, X, Y, P0, ftol=None, xtol=None, gtol=None)
    assert np.isfinite(endless.params).all()
    assert not endless.success.any()


def test_each_tolerance_alone_ends_a_fit_with_its_status() -> None:
    off: dict[str, Any] = {"ftol": None, "xtol": None, "gtol": None}
    for name, status in (("ftol", Status.cost), ("xtol", Status.step), ("gtol", Status.gradient)):
        result = osculate.fit(decay, X, Y, P0, **{**off, name: 1e-6})
        assert (result.status == status).all()
        loose = osculate.fit(decay, X, Y, P0, **{**off, name: 1e-2})
        assert (loose.iterations <= result.iterations).all()
        assert (loose.iterations < result.iterations).any()


def test_defaults_are_those_of_the_precision() -> None:
    names = ("ftol", "xtol", "gtol")
    for dtype in (np.float32, np.float64):
        values = osculate._core.default_tolerances(dtype is np.float32)
        given = dict(zip(names, values, strict=True))
        y = Y.astype(dtype)
        assert bits(osculate.fit(decay, X, y, P0)) == bits(osculate.fit(decay, X, y, P0, **given))


def test_expressions_models_and_functions_of_any_number_of_parameters() -> None:
    expected = osculate.fit(decay, X, Y, P0)
    text = osculate.fit("a*exp(-k*x) + c", X, Y, P0)
    assert text.names == ("a", "k", "c")
    np.testing.assert_allclose(text.params, expected.params, rtol=1e-7)
    star = osculate.fit(lambda x, *p: decay(x, *p), X, Y, P0)
    assert star.names == ("p0", "p1", "p2")
    np.testing.assert_allclose(star.params, expected.params, rtol=1e-7)
    assert osculate.fit(osculate.Model(decay), X, Y, P0).names == ("a", "k", "c")


def test_without_covariances_there_are_errors_all_the_same() -> None:
    result = osculate.fit(decay, X, Y, P0, covariance=False)
    assert result.stderr.tobytes() == osculate.fit(decay, X, Y, P0).stderr.tobytes()
    with pytest.raises(AttributeError, match="covariance=False"):
        _ = result.covariance
