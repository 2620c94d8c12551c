"""Bounds of `fit`: the conditions of Karush, Kuhn and Tucker at the solution; every form they may have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.optimize
from fit_cases import X, bits, decay, decays

import osculate
from osculate import Flag

P0 = (2.0, 1.0, 0.1)
TRUTH, Y = decays(6, 5)
# A cosine of 1e-8 promises a reduction of 1e-16 of the cost, which cannot be told from rounding.
GTOL = 4e-8
EXACT = {"ftol": None, "xtol": None, "gtol": GTOL}


def cosines(params: Any, y: Any) -> Any:
    """The cosine of the angle of the residuals with each column of the Jacobian; > 0: the cost grows."""
    a, k, c = (params[..., j, np.newaxis] for j in range(3))
    e = np.exp(-k * X)
    r = decay(X, a, k, c) - y
    J = np.stack([e, -a * X * e, np.ones_like(e)], axis=-2)
    size = np.linalg.norm(J, axis=-1) * np.linalg.norm(r, axis=-1)[..., np.newaxis]
    return (J * r[..., np.newaxis, :]).sum(axis=-1) / size


def check_kkt(result: osculate.FitResult, lower: Any, upper: Any) -> None:
    """Inside no gradient beyond gtol and our own rounding, on a bound one that pushes outwards."""
    assert result.success.all()
    p, g = result.params, cosines(result.params, Y)
    low, high = np.broadcast_to(lower, p.shape), np.broadcast_to(upper, p.shape)
    assert (p >= low).all()
    assert (p <= high).all()
    free = (p > low) & (p < high)
    assert np.abs(g[free]).max() <= 1.01 * GTOL
    assert (g[(p == low) & (low < high)] >= -GTOL).all()
    assert (g[(p == high) & (low < high)] <= GTOL).all()


@pytest.mark.parametrize(
    ("lower", "upper"),
    [
        ((-np.inf, 1.2, -np.inf), np.inf),
        ((0, 0, 0), (1.5, 1.0, 0.1)),
        (-9, 9),
        ((0, -np.inf, 0.2), (np.inf, 1.1, 0.3)),
        ((2.5, 0, -1), (2.5, 3, 1)),  # equal bounds hold a parameter
    ],
)
def test_solution_obeys_the_conditions_of_a_minimum_within_bounds(lower: Any, upper: Any) -> None:
    p0 = np.clip(P0, lower, upper)
    result = osculate.fit(decay, X, Y, p0, bounds=(lower, upper), **EXACT)
    check_kkt(result, lower, upper)
    pairs = zip(result.params.reshape(-1, 3), Y.reshape(-1, X.size), strict=True)
    box = [np.full(3, float(side)) if np.ndim(side) == 0 else side for side in (lower, upper)]
    if (np.asarray(box[0]) < box[1]).all():
        for params, y in list(pairs)[:6]:
            other = scipy.optimize.curve_fit(decay, X, y, p0, bounds=box, xtol=1e-12, ftol=1e-12)[0]
            np.testing.assert_allclose(params, other, rtol=1e-4, atol=1e-6)


def test_bounds_of_each_fit() -> None:
    rng = np.random.default_rng(0)
    lower = TRUTH + rng.uniform(-0.3, 0.1, TRUTH.shape)
    upper = lower + rng.uniform(0.05, 0.5, TRUTH.shape)
    result = osculate.fit(decay, X, Y, (lower + upper) / 2, bounds=(lower, upper), **EXACT)
    check_kkt(result, lower, upper)
    at_bound = ((result.params == lower) | (result.params == upper)).any(axis=-1)
    assert 0 < at_bound.sum() < at_bound.size
    assert ((result.flags & Flag.at_bound != 0) == at_bound).all()
    for at in ((0, 0), (3, 2)):
        alone = osculate.fit(
            decay, X, Y[at], ((lower + upper) / 2)[at], bounds=(lower[at], upper[at]), **EXACT
        )
        assert bits(alone) == bits(result, at)
    column = np.linspace(1.0, 1.6, 6)[:, np.newaxis, np.newaxis] * (0, 1, 0) - (9, 0, 9)
    result = osculate.fit(decay, X, Y, (2, 2, 0.1), bounds=(column, np.inf), **EXACT)
    check_kkt(result, column, np.inf)


def test_start_on_a_bound_may_leave_it() -> None:
    for lower, upper in (((2.0, 1.0, 0.1), 9.0), (-9.0, (2.0, 1.0, 0.1))):
        result = osculate.fit(decay, X, Y, P0, bounds=(lower, upper), **EXACT)
        check_kkt(result, lower, upper)
    wide = osculate.fit(decay, X, Y, (0.0, 2.0, 0.0), bounds=(0, (9, 9, 9)), **EXACT)
    check_kkt(wide, 0, 9)


def test_every_form_of_bounds_says_the_same() -> None:
    expected = bits(osculate.fit(decay, X, Y, P0, bounds=([0, 0.9, -np.inf], [2.5, np.inf, np.inf])))
    forms: list[Any] = [
        ((0, 0.9, -np.inf), (2.5, np.inf, np.inf)),
        scipy.optimize.Bounds([0, 0.9, -np.inf], [2.5, np.inf, np.inf]),
        {"a": (0, 2.5), "k": (0.9, np.inf)},
        {"k": (0.9, None), "a": (0, 2.5), "c": (None, None)},
        {"k": (np.full((6, 5), 0.9), None), "a": (0, 2.5)},
        (np.tile([0, 0.9, -np.inf], (5, 1)), [2.5, np.inf, np.inf]),
    ]
    for bounds in forms:
        assert bits(osculate.fit(decay, X, Y, P0, bounds=bounds)) == expected


def test_infinite_bounds_are_none() -> None:
    free = bits(osculate.fit(decay, X, Y, P0))
    for bounds in ((-np.inf, np.inf), {}, {"a": (None, None)}, ([-np.inf] * 3, [np.inf] * 3)):
        assert bits(osculate.fit(decay, X, Y, P0, bounds=bounds)) == free


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_parameters_end_exactly_on_their_bounds(dtype: Any) -> None:
    bounds = ((-9, 1.7, -9), (9, 9, 9))
    result = osculate.fit(decay, X, Y.astype(dtype), (2, 2, 0.1), bounds=bounds)
    assert result.success.all()
    assert (result["k"] == dtype(1.7)).all()
    assert np.isnan(result.stderr[..., 1]).all()
    assert np.isfinite(result.stderr[..., [0, 2]]).all()
    assert (result.flags == Flag.at_bound).all()


def test_bounds_and_fixed_parameters_go_together() -> None:
    result = osculate.fit(decay, X, Y, (2, 1.0, 0.3), fixed="c", bounds={"k": (0.9, 1.1)}, **EXACT)
    assert result.success.all()
    assert (result["c"] == 0.3).all()
    g = cosines(result.params, Y)
    k = result["k"]
    inside = (k > 0.9) & (k < 1.1)
    assert np.abs(g[..., 0]).max() <= 1.01 * GTOL
    assert np.abs(g[..., 1][inside]).max(initial=0) <= 1.01 * GTOL
    assert (g[..., 1][k == 0.9] > 0).all()
    assert (g[..., 1][k == 1.1] < 0).all()
