"""Robust losses of `fit` agree with least_squares, Poisson fits with a maximization of the likelihood."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.optimize
from fit_cases import X, decay, decays, peak
from numpy.typing import NDArray

import osculate

FloatArray = NDArray[np.float64]
P0 = (2.0, 1.0, 0.1)
TRUTH, CLEAN = decays(8, noise=0.03)
OUTLIERS = np.random.default_rng(1).random(CLEAN.shape) < 0.08
Y = CLEAN + np.where(OUTLIERS, np.random.default_rng(2).choice([-1.0, 1.5], CLEAN.shape), 0.0)
SIGMA = np.random.default_rng(3).uniform(0.5, 2, X.size)
LOSSES = ("soft_l1", "huber", "cauchy", "arctan")
# Robust costs are flat where outliers dominate: tests of cost and step at their smallest, 1e-14 and 1e-9.
TIGHT = {"ftol": 1e-14, "xtol": 1e-9, "gtol": 1e-9}


def jacobian(p: FloatArray) -> FloatArray:
    e = np.exp(-p[1] * X)
    return np.stack([e, -p[0] * X * e, np.ones_like(X)], axis=1)


def derivatives(loss: str, z: FloatArray) -> tuple[FloatArray, FloatArray]:
    """rho' and rho'' as SciPy defines them."""
    t = 1 + z
    one = np.ones_like(z)
    if loss == "soft_l1":
        return t**-0.5, -0.5 * t**-1.5
    if loss == "huber":
        inside, safe = z <= 1, np.maximum(z, 1)
        return np.where(inside, one, safe**-0.5), np.where(inside, 0 * one, -0.5 * safe**-1.5)
    if loss == "cauchy":
        return 1 / t, -1 / t**2
    return 1 / (1 + z**2), -2 * z / (1 + z**2) ** 2


@pytest.mark.parametrize("sigma", [None, SIGMA], ids=["plain", "sigma"])
@pytest.mark.parametrize("loss", LOSSES)
def test_robust_fits_are_those_of_least_squares(loss: str, sigma: Any) -> None:
    scale = 0.06
    result = osculate.fit(
        decay, X, Y, TRUTH, sigma=sigma, loss=loss, f_scale=scale, covariance="model", **TIGHT
    )
    assert result.success.all(), result.summary()
    s = 1.0 if sigma is None else sigma
    for k, y in enumerate(Y):
        single = osculate.least_squares(
            lambda p, y=y: (decay(X, *p) - y) / s,
            TRUTH[k],
            lambda p: jacobian(p) / np.reshape(s, (-1, 1)),
            loss=loss,
            f_scale=scale,
            **TIGHT,
        )
        assert single.success
        np.testing.assert_allclose(result.cost[k], single.cost, rtol=1e-10)
        # where the cost is flat to 1e-14 the parameters are known to 1e-7 of their errors, about
        np.testing.assert_allclose(result.params[k], single.x, rtol=1e-6, atol=1e-6)
        np.testing.assert_allclose(
            result.covariance[k], single.covariance(), rtol=1e-4, atol=1e-4 * single.covariance().max()
        )


@pytest.mark.parametrize(
    ("points", "batched"), [(50, None), (9000, None), (50, False)], ids=["lanes", "many points", "callback"]
)
@pytest.mark.parametrize("loss", LOSSES)
def test_robust_fits_take_the_steps_of_least_squares(loss: str, points: int, batched: bool | None) -> None:
    """The metric of the trust region is sqrt(rho') J's, which does not shrink where a loss is concave."""
    x = np.linspace(0, 4, points)
    rng = np.random.default_rng(6)
    truth = rng.uniform([1.0, 0.8, -0.5], [3.0, 1.6, 0.5], (24, 3))[: 24 if points < 100 else 4]
    y = decay(x, *(truth[:, k, np.newaxis] for k in range(3))) + 0.05 * rng.standard_normal(
        (len(truth), points)
    )
    y[rng.random(y.shape) < 0.2] += 2

    def jac(x: Any, a: Any, k: Any, c: Any) -> Any:
        return np.exp(-k * x), -a * x * np.exp(-k * x), 1.0

    options: dict[str, Any] = {"loss": loss, "f_scale": 0.1, "ftol": 1e-4, "xtol": None, "gtol": 1e-4}
    result = osculate.fit(
        decay,
        x,
        y,
        P0,
        batched=batched,
        jac=None if batched is None else jac,
        threads=1,
        **options,
    )
    single = [
        osculate.least_squares(
            lambda p, row=row: decay(x, *p) - row,
            P0,
            lambda p: np.stack(np.broadcast_arrays(*jac(x, *p)), axis=1),
            **options,
        )
        for row in y
    ]
    assert result.success.all()
    np.testing.assert_array_equal(result.iterations, [one.iterations for one in single])
    np.testing.assert_array_equal(result.status, [one.outcome for one in single])


@pytest.mark.parametrize("loss", LOSSES)
def test_gradient_of_a_robust_cost_is_zero_at_its_fit(loss: str) -> None:
    scale = 0.06
    result = osculate.fit(decay, X, Y, TRUTH, loss=loss, f_scale=scale, **TIGHT)
    for p, y in zip(result.params, Y, strict=True):
        r, J = decay(X, *p) - y, jacobian(p)
        weighted = derivatives(loss, (r / scale) ** 2)[0] * r
        terms = np.abs(J * weighted[:, np.newaxis]).sum(axis=0)
        assert (np.abs(J.T @ weighted) <= 1e-6 * terms).all()


@pytest.mark.parametrize("loss", LOSSES)
def test_covariances_of_robust_fits_come_from_the_scatter(loss: str) -> None:
    scale = 0.06
    result = osculate.fit(decay, X, Y, TRUTH, loss=loss, f_scale=scale, **TIGHT)
    n, floor = X.size, np.sqrt(np.finfo(float).eps)
    for p, y, covariance in zip(result.params, Y, result.covariance, strict=True):
        r, J = decay(X, *p) - y, jacobian(p)
        z = (r / scale) ** 2
        first, second = derivatives(loss, z)
        H = J.T @ (J * np.maximum(first + 2 * second * z, floor * first)[:, np.newaxis])
        M = J.T @ (J * ((first * r) ** 2)[:, np.newaxis])
        inverse = np.linalg.inv(H)
        expected = inverse @ M @ inverse * n / (n - 3)
        np.testing.assert_allclose(covariance, expected, rtol=1e-6, atol=1e-8 * expected.max())


@pytest.mark.parametrize("loss", LOSSES)
def test_outliers_move_a_robust_fit_less(loss: str) -> None:
    plain = osculate.fit(decay, X, Y, TRUTH)
    robust = osculate.fit(decay, X, Y, TRUTH, loss=loss, f_scale=0.06)
    assert np.abs(robust.params - TRUTH).mean() < 0.3 * np.abs(plain.params - TRUTH).mean()


def test_a_large_scale_is_no_loss() -> None:
    plain = osculate.fit(decay, X, CLEAN, P0)
    for loss in LOSSES:
        robust = osculate.fit(decay, X, CLEAN, P0, loss=loss, f_scale=1e6, covariance="model")
        np.testing.assert_allclose(robust.params, plain.params, rtol=1e-8)
        np.testing.assert_allclose(robust.covariance, plain.covariance, rtol=1e-7)


# Poisson: a peak of some counts over a low background, where chi-square is biased.
RNG = np.random.default_rng(4)
PEAK = np.stack(
    [RNG.uniform(5, 20, 12), RNG.uniform(1.5, 2.5, 12), RNG.uniform(0.4, 0.8, 12), 0 * np.ones(12)]
)
PEAK[3] = RNG.uniform(0.5, 2, 12)
MEAN = peak(X, *PEAK[..., np.newaxis])
COUNTS = RNG.poisson(MEAN)


def peak_jacobian(p: FloatArray) -> FloatArray:
    z = (X - p[1]) / p[2]
    e = np.exp(-(z**2))
    return np.stack([e, 2 * p[0] * e * z / p[2], 2 * p[0] * e * z**2 / p[2], np.ones_like(X)], axis=1)


def test_poisson_fits_maximize_the_likelihood() -> None:
    assert (COUNTS == 0).any()
    result = osculate.fit(peak, X, COUNTS, PEAK.T, loss="poisson", ftol=1e-15, xtol=1e-10, gtol=1e-9)
    assert result.success.all(), result.summary()
    for k, y in enumerate(COUNTS):

        def negative(p: FloatArray, y: Any = y) -> tuple[float, FloatArray]:
            f = peak(X, *p)
            if (f <= 0).any():
                return np.inf, np.zeros(4)
            return float((f - y * np.log(f)).sum()), peak_jacobian(p).T @ (1 - y / f)

        direct = scipy.optimize.minimize(
            negative, PEAK[:, k], jac=True, method="BFGS", options={"gtol": 1e-6}
        )
        p, f = result.params[k], peak(X, *result.params[k])
        value, gradient = negative(p)
        assert value <= direct.fun + 1e-10
        np.testing.assert_allclose(np.abs(p), np.abs(direct.x), rtol=1e-5)  # the width's sign is free
        J = peak_jacobian(p)
        assert (np.abs(gradient) <= 1e-7 * np.abs(J * (1 - y / f)[:, np.newaxis]).sum(axis=0)).all()
        deviance = 2 * (f - y + np.where(y > 0, y * np.log(np.where(y > 0, y, 1) / f), 0)).sum()
        np.testing.assert_allclose(2 * result.cost[k], deviance, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.float64])
def test_poisson_covariances_are_the_inverse_of_fishers_matrix(dtype: Any) -> None:
    result = osculate.fit(peak, X, COUNTS.astype(dtype), PEAK.T, loss="poisson")
    rtol = 3e-5 if result.params.dtype == np.float64 else 1e-4  # 5e-6 in J'J, its condition about 1e3
    for p, covariance in zip(result.params.astype(float), result.covariance, strict=True):
        J, f = peak_jacobian(p), peak(X, *p)
        expected = np.linalg.inv(J.T @ (J / f[:, np.newaxis]))
        np.testing.assert_allclose(covariance, expected, rtol=rtol, atol=rtol * expected.max())


def test_poisson_leaves_masked_and_missing_counts_out() -> None:
    y = COUNTS.astype(float)
    gaps = RNG.random(y.shape) < 0.1
    masked = osculate.fit(peak, X, COUNTS, PEAK.T, loss="poisson", mask=gaps)
    missing = osculate.fit(peak, X, np.where(gaps, np.nan, y), PEAK.T, loss="poisson")
    np.testing.assert_array_equal(masked.params, missing.params)
    alone = osculate.fit(peak, X[~gaps[3]], y[3][~gaps[3]], PEAK[:, 3], loss="poisson")
    np.testing.assert_allclose(masked.params[3], alone.params, rtol=1e-6)
    np.testing.assert_allclose(masked.covariance[3], alone.covariance, rtol=1e-5)


def test_poisson_fits_of_a_constant_are_the_mean() -> None:
    counts = RNG.poisson(0.3, (20, 40))
    counts[0] = 0
    counts[0, 0] = 1
    result = osculate.fit(lambda x, a: a + 0 * x, np.arange(40), counts, [1.0], loss="poisson")
    assert result.success.all()
    np.testing.assert_allclose(result.params[:, 0], counts.mean(axis=1), rtol=1e-7)
    np.testing.assert_allclose(result.stderr[:, 0], np.sqrt(counts.mean(axis=1) / 40), rtol=1e-6)
