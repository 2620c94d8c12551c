"""Functions that cannot be traced: the same fits by whichever path, right where a careless path is wrong."""

import numpy as np
import pytest
from scipy.optimize import curve_fit

from osculate import Model, Status, fit

X = np.linspace(0, 4, 30)
KNOTS = np.linspace(0, 4, 7)
BASIS = np.stack([np.ones(30), X, np.sin(3 * X)])


def hidden(f):
    """f for which tracing fails: its first parameter has to be a number or an array."""

    def g(x, *params):
        assert isinstance(params[0], (float, np.ndarray))
        return f(x, *params)

    return Model(g, parameters=f.__code__.co_varnames[1 : f.__code__.co_argcount])


def decay(x, a, tau, c):
    return a * np.exp(-x / tau) + c


def interpolated(x, a, shift):
    return a * np.interp(x - shift, KNOTS, np.cos(KNOTS))


def branching(x, a, t):
    if t <= 0:
        return np.full_like(x, 1e3)
    return a * np.exp(-x / t)


def branching_for_all(x, a, t):
    if np.any(t <= 0):
        return np.full(np.broadcast_shapes(x.shape, np.shape(t)), 1e3)
    return a * np.exp(-x / t)


def convolved(x, a, t):
    return np.convolve(np.exp(-x / t), [0.25 * a, 0.5 * a, 0.25 * a])[: len(x)]


def masked(x, a, t):
    y = np.zeros_like(x)
    y[x > 1] = a * np.exp(-x[x > 1] / t)
    return y


def linear(x, a, b, c):
    return np.stack([np.ones(30), x, np.sin(3 * x)]).T @ np.array([a, b, c])


def normalized(x, t, c):
    y = np.exp(-x / t) + c
    return y / np.sum(y)


def peaked(x, m, w):
    y = np.exp(-(((x - m) / w) ** 2))
    return y / y.max()


def cumulated(x, a, t):
    return np.cumsum(a * np.exp(-x / t))


CARELESS = {
    interpolated: (2.0, 0.3),
    branching: (2.0, 1.5),
    branching_for_all: (2.0, 1.5),
    convolved: (3.0, 1.2),
    masked: (5.0, 0.9),
    linear: (1.0, -2.0, 0.7),
    normalized: (1.2, 0.3),
    peaked: (2.1, 0.8),
    cumulated: (0.7, 1.4),
}


def batch(f, truth, fits=21, noise=0.01, x=X):
    rng = np.random.default_rng(3)
    p = np.array(truth) * (1 + 0.1 * rng.standard_normal((fits, len(truth))))
    y = np.stack([f(x, *q) for q in p])
    y += noise * np.abs(y).max() * rng.standard_normal(y.shape)
    return y, p * (1 + 0.05 * rng.standard_normal(p.shape))


@pytest.mark.parametrize("f", CARELESS, ids=lambda f: f.__name__)
def test_a_careless_function_fits_as_scipy_fits_it(f):
    y, p0 = batch(f, CARELESS[f])
    result = fit(f, X, y, p0)
    assert result.success.all()
    assert (result.why_not is None) == (result.path == "tape")
    for k in range(len(y)):
        expected, covariance = curve_fit(f, X, y[k], p0[k], xtol=1e-12, ftol=1e-12)
        error = np.sqrt(np.diag(covariance))
        # Both stop where the cost is flat to 1e-8: sqrt(1e-8) of an error at most, and differences of 1e-8.
        np.testing.assert_array_less(np.abs(result.params[k] - expected), 1e-3 * error + 1e-7)
        np.testing.assert_allclose(result.stderr[k], error, rtol=1e-3)


@pytest.mark.parametrize("f", CARELESS, ids=lambda f: f.__name__)
def test_no_careless_function_is_taken_for_one_of_many_fits(f):
    y, p0 = batch(f, CARELESS[f], fits=5)
    if f is interpolated:  # which does many fits at once
        assert fit(hidden(f), X, y, p0).path == "batched"
        return
    result = fit(hidden(f), X, y, p0)
    assert result.path == "per_fit"
    assert "at once" in result.why_not
    with pytest.raises(
        ValueError, match=r"fit: batched=True needs a function that does many fits at once: for"
    ):
        fit(f, X, y, p0, batched=True)


def test_every_path_says_what_it_is():
    y, p0 = batch(decay, (2.0, 1.0, 0.3))
    tape, batched, per_fit = (fit(decay, X, y, p0, batched=b) for b in (None, True, False))
    assert (tape.path, tape.why_not) == ("tape", None)
    assert (batched.path, batched.why_not) == ("batched", "batched=True was asked for")
    assert (per_fit.path, per_fit.why_not) == ("per_fit", "batched=False was asked for")
    assert "path batched" in batched.summary()
    single = fit(hidden(decay), X, y[0], p0[0])
    assert single.path == "per_fit"
    assert single.why_not.endswith("there is one fit only")


OPTIONS = {
    "plain": {},
    "sigma": {"sigma": 0.01 * (1 + X), "absolute_sigma": True},
    "sigma each": {"sigma": 0.01 * (1 + np.arange(23.0)[:, None] + X)},
    "mask": {"mask": X > 3},
    "bounds": {"bounds": {"tau": (0.99, 1.01), "c": (0, None)}},
    "fixed": {"fixed": ["c"]},
    "soft_l1": {"loss": "soft_l1", "f_scale": 0.02},
    "huber": {"loss": "huber", "f_scale": 0.02},
    "cauchy": {"loss": "cauchy", "f_scale": 0.05},
    "arctan": {"loss": "arctan", "f_scale": 0.2},
    "model covariance": {"loss": "huber", "f_scale": 0.02, "covariance": "model"},
    "x each": {"x": X + 0.01 * np.arange(23.0)[:, None]},
}


@pytest.mark.parametrize("batched", [True, False], ids=["batched", "per_fit"])
@pytest.mark.parametrize("name", OPTIONS)
def test_called_back_fits_equal_the_traced_ones(name, batched):
    options = dict(OPTIONS[name])
    x = options.pop("x", X)
    y, p0 = batch(decay, (2.0, 1.0, 0.3), fits=23)
    y[3, 5:8] = np.nan
    y[7] = np.nan
    p0[:, 1] = 1.0
    options |= {"ftol": 1e-13, "xtol": 1e-13, "gtol": 1e-11}
    tape = fit(decay, x, y, p0, **options)
    called = fit(decay, x, y, p0, batched=batched, jac="3-point", **options)
    assert (tape.path, called.path) == ("tape", "batched" if batched else "per_fit")
    np.testing.assert_array_equal(called.status > 0, tape.status > 0)
    good = tape.success
    assert good.sum() == 22
    # Errors of central differences are about 1e-10, those of forward ones 1e-8; covariances have their size.
    np.testing.assert_allclose(called.params[good], tape.params[good], rtol=1e-6)
    np.testing.assert_allclose(called.cost, tape.cost, rtol=1e-9)
    np.testing.assert_allclose(called.stderr[good], tape.stderr[good], rtol=1e-5)
    np.testing.assert_allclose(called.covariance[good], tape.covariance[good], rtol=1e-4, atol=1e-12)
    np.testing.assert_array_equal(called.n_points, tape.n_points)
    np.testing.assert_array_equal(called.flags, tape.flags)


@pytest.mark.parametrize("batched", [True, False], ids=["batched", "per_fit"])
def test_poisson_fits_equal_the_traced_ones(batched):
    rng = np.random.default_rng(0)
    p = np.array([50.0, 1.0, 3.0]) * (1 + 0.1 * rng.standard_normal((19, 3)))
    y = rng.poisson(decay(X, *p.T[..., None]))
    tape = fit(decay, X, y, (40.0, 1.2, 2.0), loss="poisson", gtol=1e-10, ftol=1e-14)
    called = fit(decay, X, y, (40.0, 1.2, 2.0), loss="poisson", gtol=1e-10, ftol=1e-14, batched=batched)
    assert tape.success.all()
    assert called.success.all()
    np.testing.assert_allclose(called.params, tape.params, rtol=1e-6)
    np.testing.assert_allclose(called.stderr, tape.stderr, rtol=1e-6)


def test_a_fit_of_many_points_equals_the_traced_one():
    x = np.linspace(0, 4, 9001)
    y, p0 = batch(decay, (2.0, 1.0, 0.3), fits=3, x=x)
    y[1, 7] = np.nan
    tape = fit(decay, x, y, p0)
    for batched in (True, False):
        called = fit(decay, x, y, p0, batched=batched)
        assert called.success.all()
        np.testing.assert_allclose(called.params, tape.params, rtol=1e-6)
        np.testing.assert_allclose(called.stderr, tape.stderr, rtol=1e-6)
        np.testing.assert_array_equal(called.n_points, [9001, 9000, 9001])


def test_neighbours_do_not_change_a_called_back_fit():
    y, p0 = batch(decay, (2.0, 1.0, 0.3), fits=700)
    y[5:400:3] = np.inf
    together = fit(decay, X, y, p0, batched=True)
    alone = fit(decay, X, y[401:], p0[401:], batched=True)
    assert together.status[5] == Status.nonfinite
    # NumPy's loops may round differently at their ends
    np.testing.assert_allclose(together.params[401:], alone.params, rtol=1e-9)
    np.testing.assert_array_equal(together.status[401:], alone.status)


def test_own_coordinates_of_several_dimensions():
    def surface(xy, a, b, c):
        return a * xy[0] + np.exp(b * xy[1]) + c

    rng = np.random.default_rng(1)
    xy = rng.uniform(size=(2, 4, 5, 30))
    p = rng.uniform(0.5, 1.5, size=(4, 5, 3))
    y = surface(xy, *np.moveaxis(p, -1, 0)[..., None])
    for batched in (True, False):
        result = fit(surface, xy, y, (1.0, 1.0, 1.0), batched=batched)
        np.testing.assert_allclose(result.params, p, rtol=1e-6)
        np.testing.assert_allclose(result.predict(), y, rtol=1e-6)
        np.testing.assert_allclose(result.residuals(), 0, atol=1e-6)


def test_what_a_result_can_do():
    y, p0 = batch(decay, (2.0, 1.0, 0.3))
    p0[4] = (2.0, -1e-3, 0.3)
    for batched in (True, False):
        result = fit(decay, X, y, p0, batched=batched, max_iterations=1)
        assert not result.success.all()
        again = result.retry(p0=(2.0, 1.0, 0.3), max_iterations=None)
        assert again.success.all()
        assert again.path == result.path
        np.testing.assert_allclose(again.predict() + again.residuals(), y, rtol=1e-12)
        rescued, tape = (fit(decay, X, y, p0, batched=b, rescue=5) for b in (batched, None))
        np.testing.assert_array_equal(rescued.success, tape.success)
        started = fit(decay, X, y, {"tau": 1.2}, batched=batched)
        np.testing.assert_allclose(started.params, again.params, rtol=1e-4)


def test_a_start_without_numbers_needs_a_traced_function():
    y, _ = batch(decay, (2.0, 1.0, 0.3))
    with pytest.raises(ValueError, match="p0 lacks a, c, which do not enter linearly"):
        fit(hidden(decay), X, y, {"tau": 1.2})


def test_a_function_of_single_precision_is_differenced_with_its_steps():
    def single(x, a, tau, c):
        assert isinstance(a, (float, np.ndarray))
        a, tau, c = (np.float32(p) for p in (a, tau, c))
        return (a * np.exp(-x.astype(np.float32) / tau) + c).astype(np.float32)

    y, p0 = batch(decay, (2.0, 1.0, 0.3))
    exact = fit(decay, X, y, p0)
    for batched in (None, False):
        result = fit(single, X, y, p0, batched=batched)
        assert result.params.dtype == np.float64
        # Where the cost's own rounding refuses the last step the status is no_progress.
        assert set(result.status[~result.success]) <= {Status.no_progress}
        # sqrt of float32's eps in the derivatives, which shifts the minimum by as much of an error
        assert np.max(np.abs(result.params - exact.params) / exact.stderr) < 0.01


def test_single_precision_data_are_fitted_in_double():
    y, p0 = batch(decay, (2.0, 1.0, 0.3))
    result = fit(hidden(decay), X, y.astype(np.float32), p0, dtype=np.float32)
    assert result.params.dtype == result.stderr.dtype == np.float64
    np.testing.assert_allclose(result.params, fit(decay, X, y, p0).params, rtol=1e-5)
