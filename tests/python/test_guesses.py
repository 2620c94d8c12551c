"""The guesses of the ready-made models: near enough to converge from, finite, the same in any batch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from model_cases import CASES, PIXELS, Case, X

import osculate
from osculate import models
from osculate.models._guess import Data
from osculate.models._linear import fit_linear, fit_offset

SETS = 200
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
TIGHT = dict.fromkeys(("ftol", "xtol", "gtol"), 1e-10)
LINEAR = ("constant", "linear", "polynomial")


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with np.errstate(all="ignore"):  # trial points may overflow a model
        yield


def _costs(case: Case, y: np.ndarray, p0: np.ndarray) -> np.ndarray:
    """Half the sum of squares that least_squares ends with, from each start."""
    solve = osculate.least_squares
    return np.array(
        [
            solve(lambda p, d=d: case.model(case.x, *p) - d, p, **TIGHT).cost
            for d, p in zip(y, p0, strict=True)
        ]
    )


@each_case
@pytest.mark.parametrize("noise", [0.0, 0.02, 0.1])
def test_least_squares_reaches_the_global_solution(case: Case, noise: float) -> None:
    _, clean, y = case.simulate(SETS, noise)
    cost = _costs(case, y, case.model.guess(case.x, y))
    # a global minimum is at most the cost of the true parameters; without noise that is rounding, and a fit
    # that ends within 1e-4 of the range has found the curve
    enough = 0.5 * ((clean - y) ** 2).sum(axis=1) * (1 + 1e-6)
    enough += 0.5 * y.shape[1] * (1e-4 * np.ptp(clean, axis=1)) ** 2 + 1e-20
    assert np.mean(cost <= enough) >= 0.99


@each_case
def test_guess_explains_most_of_clean_data(case: Case) -> None:
    _, clean, _ = case.simulate(SETS, 0.0)
    curves = case.model(case.x, *case.model.guess(case.x, clean).T[:, :, None])
    unexplained = ((curves - clean) ** 2).sum(axis=1) / (np.abs(clean).max(axis=1) ** 2 * clean.shape[1])
    assert np.median(unexplained) < 0.01  # a residual of a tenth of the range
    if case.name in LINEAR:
        assert unexplained.max() < 1e-20


@each_case
def test_guess_with_missing_points_converges_as_well(case: Case) -> None:
    _, clean, y = case.simulate(50, 0.02)
    rng = np.random.default_rng(2)
    y[rng.random(y.shape) < 0.15] = np.nan
    p0 = case.model.guess(case.x, y)
    solved = 0
    for data, truth, start in zip(y, clean, p0, strict=True):
        present = np.isfinite(data)
        x = case.x[..., present]
        result = osculate.least_squares(lambda p, x=x, d=data[present]: case.model(x, *p) - d, start, **TIGHT)
        solved += result.cost <= 0.5 * ((data - truth)[present] ** 2).sum() * (1 + 1e-6) + 1e-20
    assert solved >= 49


@each_case
def test_guess_is_the_same_alone_and_in_any_batch(case: Case) -> None:
    _, _, y = case.simulate(75, 0.05)
    y[3, 4] = np.nan
    y[10] = 1.0
    batch = case.model.guess(case.x, y)
    alone = np.array([case.model.guess(case.x, row) for row in y])
    np.testing.assert_array_equal(batch, alone)
    np.testing.assert_array_equal(case.model.guess(case.x, np.tile(y, (30, 1)))[-75:], alone)
    assert case.model.guess(case.x, y.reshape(5, 15, -1)).shape == (5, 15, len(case.model.parameters))


@each_case
def test_guess_does_not_depend_on_the_order_of_points(case: Case) -> None:
    _, _, y = case.simulate(5, 0.02)
    order = np.random.default_rng(3).permutation(y.shape[1])
    sorted_first = case.model.guess(case.x, y)
    shuffled = case.model.guess(case.x[..., order], y[:, order])
    np.testing.assert_allclose(shuffled, sorted_first, rtol=1e-6, atol=1e-6)  # sums in another order in 2-D


@each_case
@pytest.mark.parametrize("factor", [2.0**40, 2.0**-40, -1.0])
def test_guess_follows_the_scale_of_y(case: Case, factor: float) -> None:
    """A power of two changes no choice of a guess; a sign only that of what is proportional to y."""
    _, _, y = case.simulate(20, 0.02)
    p0, scaled = case.model.guess(case.x, y), case.model.guess(case.x, factor * y)
    np.testing.assert_allclose(
        case.model(case.x, *scaled.T[:, :, None]),
        factor * case.model(case.x, *p0.T[:, :, None]),
        rtol=0,
        atol=1e-9 * abs(factor) * np.ptp(y),
    )


def _hostile(n: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(4)
    noise = rng.standard_normal(n)
    spike, one, two = np.zeros(n), np.full(n, np.nan), np.full(n, np.nan)
    spike[n // 2] = 1.0
    one[-1] = 3.0
    two[[0, -1]] = 1.0, -2.0
    return {
        "zero": np.zeros(n),
        "constant": np.full(n, 7.3),
        "negative": -5 - abs(noise),
        "missing": np.full(n, np.nan),
        "one point": one,
        "two points": two,
        "infinite": np.where(noise > 0, np.inf, noise),
        "noise": noise,
        "spike": spike,
        "ramp": np.linspace(0, 1, n),
        "large": 1e12 * noise,
        "small": 1e-12 * noise,
        "huge": 1e308 * np.sign(noise),
        "denormal": 5e-324 * np.sign(noise),
        "offset": 1e12 + noise,
        "alternating": (-1.0) ** np.arange(n),
    }


@each_case
@pytest.mark.parametrize("scale", [1.0, 1e12, 1e-12])
def test_guess_is_finite_for_hostile_data(case: Case, scale: float) -> None:
    y = _hostile(case.x.shape[-1])
    p0 = case.model.guess(scale * case.x, np.stack(list(y.values())))
    for name, row in zip(y, p0, strict=True):
        assert np.isfinite(row).all(), (name, row)


@each_case
@pytest.mark.parametrize("points", [0, 1, 2, 3, 5])
def test_guess_is_finite_for_few_points(case: Case, points: int) -> None:
    rng = np.random.default_rng(6)
    x = case.x[..., rng.permutation(case.x.shape[-1])[:points]]
    for y in (rng.standard_normal((4, points)), np.ones((4, points)), np.full((4, points), np.nan)):
        assert np.isfinite(case.model.guess(x, y)).all()


@each_case
def test_guess_is_finite_for_equal_negative_or_missing_x(case: Case) -> None:
    y = np.random.default_rng(7).standard_normal((3, case.x.shape[-1]))
    bad = case.x.copy()
    bad[..., :3] = np.nan, np.inf, -np.inf
    for x in (np.zeros_like(case.x), np.full_like(case.x, -3.0), -case.x, case.x + 1e6, bad):
        assert np.isfinite(case.model.guess(x, y)).all()


@pytest.mark.parametrize("shift", [-50.0, 1e3, 1e6])
def test_peaks_far_from_zero(shift: float) -> None:
    for model, params in ((models.gaussian, [2, 4.3, 0.6, 1]), (models.logistic, [2, 4.3, 0.6, 1])):
        y = model(X, *params)
        near, far = model.guess(X, y), model.guess(X + shift, y)
        np.testing.assert_allclose(far - [0, shift, 0, 0], near, rtol=1e-5, atol=1e-5)


def test_dip_and_wide_peak_are_told_apart() -> None:
    y = models.gaussian(X, 2.0, 8.3, 2.4, 1.0)
    assert models.gaussian.guess(X, y)[0] > 0
    assert models.gaussian.guess(X, -y)[0] < 0


def test_large_image_is_averaged_in_cells() -> None:
    pixels = np.indices((64, 80)).reshape(2, -1).astype(float)
    truth = [100.0, 20.3, 55.1, 3.0, 10.0]
    y = models.gaussian2d(pixels, *truth) + np.random.default_rng(8).standard_normal(pixels.shape[1])
    result = osculate.least_squares(
        lambda p: models.gaussian2d(pixels, *p) - y, models.gaussian2d.guess(pixels, y)
    )
    np.testing.assert_allclose(result.x, truth, atol=1)


def test_long_decay_keeps_its_fast_start() -> None:
    x = np.arange(20000.0)
    y = models.exponential_decay(x, 3.0, 8.0, 1.0)
    np.testing.assert_allclose(models.exponential_decay.guess(x, y), [3, 8, 1], rtol=0.15)


def test_grid_is_as_good_as_the_integral_equation() -> None:
    """Jacquelin's method (2009): regress y on x and the running integral of y; noise biases that integral."""
    x, rng = X, np.random.default_rng(9)
    tau = np.exp(rng.uniform(np.log(0.3), np.log(10), 500))
    clean = models.exponential_decay(x, 1.0, tau[:, None], 0.0)
    y = clean + 0.1 * rng.standard_normal(clean.shape)
    grid = models.exponential_decay.guess(x, y)[:, 1]
    area = np.concatenate(
        [np.zeros((500, 1)), np.cumsum((y[:, 1:] + y[:, :-1]) / 2 * np.diff(x), axis=1)], axis=1
    )
    slopes = [
        np.linalg.lstsq(np.column_stack([a, x - x[0], np.ones_like(x)]), r, rcond=None)[0][0]
        for a, r in zip(area, y, strict=True)
    ]
    integral = -1 / np.array(slopes)
    within = [np.mean(abs(np.log(np.where(t > 0, t, 1e-300) / tau)) < np.log(2)) for t in (grid, integral)]
    assert within[0] > within[1]


def test_guess_refuses_wrong_shapes() -> None:
    with pytest.raises(ValueError, match=r"guess: y must have shape \(\.\.\., 64\) as x has it, got \(3,\)"):
        models.gaussian.guess(X, [1, 2, 3])
    with pytest.raises(ValueError, match=r"guess: x must have shape \(N,\), got \(2, 81\)"):
        models.gaussian.guess(PIXELS, np.zeros(81))
    with pytest.raises(ValueError, match=r"guess: x must have shape \(2, N\), got \(64,\)"):
        models.gaussian2d.guess(X, np.zeros(64))


@pytest.mark.parametrize("missing", [False, True])
def test_linear_helpers_solve_least_squares(missing: bool) -> None:
    rng = np.random.default_rng(10)
    y = rng.standard_normal((6, 30))
    weights = (rng.random(y.shape) < 0.7).astype(float) if missing else None
    data = Data(X[:30], y, weights)
    shape = np.exp(-X[:30] / rng.uniform(1, 3, (6, 1)))
    height, offset, sse = fit_offset(data, shape)
    coefficients, sums = fit_linear(data, [shape, 1.0])
    for i in range(6):
        keep = np.ones(30, bool) if weights is None else weights[i] > 0
        A = np.column_stack([shape[i], np.ones(30)])[keep]
        exact, residual = np.linalg.lstsq(A, y[i, keep], rcond=None)[:2]
        # the normal equations lose cond^2 * eps, with cond about 10
        np.testing.assert_allclose([height[i], offset[i]], exact, rtol=1e-10)
        np.testing.assert_allclose(coefficients[i], exact, rtol=1e-10)
        np.testing.assert_allclose([sse[i], sums[i]], residual[0], rtol=1e-10)
