"""What `fit` takes as data: every real dtype, any strides and shapes, masks, missing points, sigma, x."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fit_cases import X, bits, decay, decays, peak

import osculate
from osculate import Flag, Status

P0 = (2.0, 1.0, 0.1)
TRUTH, Y = decays(4, 5)
COUNTS = np.clip(np.round(30 * (Y + 1)), 0, 120)  # whole numbers that every integer type holds
BIG_ENDIAN = (">i2", ">u4", ">i8", ">f4", ">f8")
DTYPES = ("i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f4", "f8", *BIG_ENDIAN)


def run(y: Any, **options: Any) -> osculate.FitResult:
    result = osculate.fit(decay, options.pop("x", X), y, options.pop("p0", P0), **options)
    assert result.path == "tape", result.why_not
    return result


@pytest.mark.parametrize("dtype", DTYPES)
def test_numbers_of_every_type_are_read_as_they_are(dtype: str) -> None:
    y = COUNTS.astype(dtype)
    result = run(y, p0=(60, 1, 30), dtype=np.float64)
    assert bits(result) == bits(run(COUNTS, p0=(60, 1, 30)))
    assert result.success.all()


def test_half_precision_and_bool_are_read_as_they_are() -> None:
    half = Y.astype(np.float16)
    assert bits(run(half)) == bits(run(half.astype(np.float32)))
    above = Y > 1
    assert bits(run(above)) == bits(run(above.astype(np.float64)))


@pytest.mark.parametrize(
    ("given", "computed"),
    [
        ("f2", "f4"),
        ("f4", "f4"),
        ("f8", "f8"),
        ("u2", "f8"),
        ("i8", "f8"),
        (">f4", "f4"),
        ("longdouble", "f8"),
    ],
)
def test_precision_is_that_of_the_data(given: str, computed: str) -> None:
    y = COUNTS[0].astype(given)
    result = run(y, p0=(60, 1, 30))
    for array in (result.params, result.stderr, result.cost, result.covariance):
        assert array.dtype == computed
    assert run(y, p0=(60, 1, 30), dtype=np.float32).params.dtype == np.float32


def test_strides_do_not_matter() -> None:
    expected = bits(run(Y))
    wide = np.zeros((4, 10, 2 * X.size))
    wide[:, ::2, ::2] = Y
    backwards = Y[::-1, ::-1, ::-1].copy()[::-1, ::-1, ::-1]
    first = np.moveaxis(np.ascontiguousarray(np.moveaxis(Y, -1, 0)), 0, -1)  # time is the first axis
    for y in (wide[:, ::2, ::2], backwards, first, np.asfortranarray(Y), Y.tolist()):
        assert bits(run(y)) == expected
    transposed = run(np.ascontiguousarray(Y.transpose(1, 0, 2)).transpose(1, 0, 2))
    assert bits(transposed) == expected


def test_memory_mapped_data_are_read_in_place(tmp_path: Path) -> None:
    np.save(tmp_path / "stack.npy", COUNTS.astype(np.uint16))
    stack = np.load(tmp_path / "stack.npy", mmap_mode="r")
    assert bits(run(stack, p0=(60, 1, 30))) == bits(run(COUNTS, p0=(60, 1, 30)))


def test_a_row_that_all_fits_share_is_not_copied() -> None:
    one = run(Y[1, 2])
    many = run(np.broadcast_to(Y[1, 2], (1000, 100, X.size)))  # 40 MB if it were copied
    assert many.params.shape == (1000, 100, 3)
    assert (many.params == one.params).all()


@pytest.mark.parametrize("shape", [(), (1,), (20,), (4, 5), (2, 2, 5), (1, 4, 1, 5)])
def test_results_have_the_shape_of_the_batch(shape: tuple[int, ...]) -> None:
    y = Y[0, 0] if shape == () else Y.reshape(-1, X.size)[: int(np.prod(shape))].reshape(*shape, X.size)
    result = run(y)
    assert result.params.shape == result.stderr.shape == (*shape, 3)
    assert result.covariance.shape == (*shape, 3, 3)
    for array in (
        result.cost,
        result.redchi,
        result.status,
        result.flags,
        result.iterations,
        result.n_points,
    ):
        assert array.shape == shape
    assert result["k"].shape == shape
    assert result.predict().shape == result.residuals().shape == (*shape, X.size)


@pytest.mark.parametrize("shape", [(0,), (3, 0), (0, 2)])
def test_a_batch_of_no_fits_gives_an_empty_result(shape: tuple[int, ...]) -> None:
    result = run(np.empty((*shape, X.size)))
    assert result.params.shape == (*shape, 3)
    assert result.covariance.shape == (*shape, 3, 3)
    assert result.failed().shape == (0, len(shape))
    assert result.summary().startswith("0 fits")


def test_missing_points_are_those_of_each_fit() -> None:
    y = Y.reshape(20, -1).copy()
    gaps = np.random.default_rng(0).random(y.shape) < np.linspace(0, 0.5, 20)[:, np.newaxis]
    y[gaps] = np.nan
    result = run(y)
    assert (result.n_points == (~gaps).sum(axis=1)).all()
    for k in range(20):
        alone = osculate.fit(decay, X[~gaps[k]], y[k][~gaps[k]], P0)
        # the same sums in another order: cond(J'J) ~ 1e2 roundings, and steps to the tolerance 1e-8
        np.testing.assert_allclose(result.params[k], alone.params, rtol=1e-7)
        np.testing.assert_allclose(result.covariance[k], alone.covariance, rtol=1e-6)
    masked = run(np.where(gaps, 1e300, y), mask=gaps)
    # fits without a gap are summed without weights there: the same sums in another order
    np.testing.assert_allclose(masked.params, result.params, rtol=1e-7)
    np.testing.assert_array_equal(masked.n_points, result.n_points)
    assert bits(run(np.ma.masked_array(np.where(gaps, np.inf, y), gaps))) == bits(masked)
    assert bits(run(y, sigma=np.where(gaps, 5.0, 1.0))) == bits(masked)


def test_mask_and_masked_array_are_joined() -> None:
    y = Y[0, 0]
    first, second = X < 0.5, X > 3.5
    both = run(np.ma.masked_array(y, first), mask=second)
    assert bits(both) == bits(run(y, mask=first | second))
    assert both.n_points == (~(first | second)).sum()
    assert bits(run(np.ma.masked_array(y))) == bits(run(y))


def test_mask_broadcasts() -> None:
    columns = X > 3
    rows = np.arange(5) == 2
    assert (run(Y, mask=columns).n_points == np.count_nonzero(~columns)).all()
    result = run(Y, mask=rows[:, np.newaxis])  # whole fits
    assert (result.n_points == np.where(rows, 0, 50)).all()
    assert (result.success == ~rows).all()
    assert bits(run(Y, mask=np.False_)) == bits(run(Y, mask=np.zeros(Y.shape, bool)))
    assert (run(Y, mask=True).n_points == 0).all()


def test_a_fit_without_points_ends_with_a_status_and_its_start() -> None:
    y = Y[0].copy()
    y[3] = np.nan
    result = run(y)
    assert (result.success == (np.arange(5) != 3)).all()
    assert result.status[3] == Status.singular
    assert (result.params[3] == P0).all()
    assert np.isnan(result.stderr[3]).all()
    assert result.flags[3] == Flag.no_freedom | Flag.rank_deficient
    assert result.flags[[0, 1, 2, 4]].sum() == 0


def test_sigma_of_one_value_changes_only_the_scale_of_the_cost() -> None:
    plain, scaled = run(Y), run(Y, sigma=0.25)  # a power of two: no rounding
    np.testing.assert_array_equal(plain.iterations, scaled.iterations)
    for name in ("params", "stderr", "covariance"):  # the sums are made in another order with weights
        np.testing.assert_allclose(getattr(plain, name), getattr(scaled, name), rtol=1e-9)
    np.testing.assert_allclose(scaled.cost, 16 * plain.cost, rtol=1e-13)
    np.testing.assert_allclose(scaled.redchi, 16 * plain.redchi, rtol=1e-13)


def test_sigma_broadcasts() -> None:
    rng = np.random.default_rng(1)
    row = rng.uniform(0.5, 2, X.size)
    expected = bits(run(Y, sigma=np.broadcast_to(row, Y.shape).copy()))
    for sigma in (row, row.tolist(), row[np.newaxis], row[np.newaxis, np.newaxis]):
        assert bits(run(Y, sigma=sigma)) == expected
    each = rng.uniform(0.5, 2, (4, 1, 1))
    assert bits(run(Y, sigma=each)) == bits(run(Y, sigma=np.broadcast_to(each, Y.shape).copy()))
    whole = np.array([1, 2, 3, 4], dtype=np.uint8)[:, np.newaxis, np.newaxis]
    assert bits(run(Y, sigma=whole)) == bits(run(Y, sigma=whole.astype(float)))


@pytest.mark.parametrize("bad", [0.0, -1.0, np.nan, -np.inf])
def test_points_of_a_bad_sigma_are_left_out_with_a_flag(bad: float) -> None:
    sigma = np.full(Y.shape, 0.1)
    sigma[1, 2, 10:20] = bad
    result = run(Y, sigma=sigma)
    assert result.n_points[1, 2] == 40
    assert (result.flags != 0).sum() == 1
    assert result.flags[1, 2] == Flag.points_excluded
    left_out = run(Y[1, 2], sigma=0.1, mask=(np.arange(50) >= 10) & (np.arange(50) < 20))
    assert result.params[1, 2].tobytes() == left_out.params.tobytes()
    assert left_out.flags == 0  # as asked for


def test_x_of_all_fits_and_of_each() -> None:
    own = X + np.random.default_rng(2).uniform(0, 0.5, (4, 5, 1))
    y = decay(own, *(TRUTH[..., k, np.newaxis] for k in range(3)))
    result = run(y, x=own, ftol=None, xtol=1e-12)
    np.testing.assert_allclose(result.params, TRUTH, rtol=1e-9)
    np.testing.assert_allclose(result.predict(), y, rtol=1e-9)
    same = run(Y, x=np.broadcast_to(X, Y.shape))  # no bits: exponentials of shared points are products
    np.testing.assert_allclose(same.params, run(Y).params, rtol=1e-12)
    whole = np.arange(50)
    assert bits(run(Y, x=whole)) == bits(run(Y, x=whole.astype(float)))


def surface(x: Any, height: float, left: float, top: float, width: float) -> Any:
    u, v = x
    return height * np.exp(-((u - left) ** 2 + (v - top) ** 2) / width**2)


def test_x_of_several_coordinates() -> None:
    grid = np.stack(np.meshgrid(np.arange(8.0), np.arange(9.0))).reshape(2, -1)
    truth = np.random.default_rng(3).uniform([1, 3, 3, 2], [2, 5, 5, 3], (6, 4))
    y = surface(grid, *(truth[:, k, np.newaxis] for k in range(4)))
    shared = osculate.fit(surface, grid, y, (1.5, 4, 4, 2.5), ftol=None, xtol=1e-12)
    assert shared.path == "tape"
    np.testing.assert_allclose(shared.params, truth, rtol=1e-9)
    moves = np.arange(6.0)[:, np.newaxis]
    own = osculate.fit(
        surface,
        grid[:, np.newaxis] + moves,
        y,
        truth + np.array([0.1, 0.1, -0.1, 0.1]),
        ftol=None,
        xtol=1e-12,
    )
    np.testing.assert_allclose(own.params, truth + [0, 1, 1, 0] * moves, rtol=1e-9)
    model = osculate.Model(lambda u, v, a, b: a * u + b * v, coordinates=("u", "v"))
    linear = osculate.fit(model, grid, 2 * grid[0] - 3 * grid[1], (1, 1))
    np.testing.assert_allclose(linear.params, [2, -3], rtol=1e-12)


def test_infinite_data_end_with_their_status() -> None:
    y = Y[0].copy()
    y[2, 7] = np.inf
    result = run(y)
    assert result.status[2] == Status.nonfinite
    assert result.flags[2] & Flag.nonfinite_model
    assert result.success[[0, 1, 3, 4]].all()


def test_data_of_a_call_are_not_changed() -> None:
    y, sigma, mask, p0 = Y.copy(), np.full(Y.shape, 0.1), Y > 2, np.array(P0)
    for array in (y, sigma, mask, p0):
        array.flags.writeable = False
    assert run(y, sigma=sigma, mask=mask, p0=p0, bounds=([-9] * 3, [9] * 3)).success.all()
    assert peak(X, 1, 2, 3, 4).shape == X.shape
