"""A fit has the same bits alone, in any batch, at any place of it and with any number of threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from fit_cases import X, bits, decay, decays, peak, peaks
from numpy.typing import NDArray

import osculate
from osculate import Status

COUNT = 61  # not a multiple of any number of lanes, and more than a group of them has
P0 = (2.0, 1.0, 0.1)
RNG = np.random.default_rng(3)
SIGMA = RNG.uniform(0.03, 0.1, (COUNT, X.size))
MASK = RNG.random((COUNT, X.size)) < 0.1
STARTS = RNG.uniform([1.5, 0.7, -0.2], [2.5, 1.5, 0.2], (COUNT, 3))
OWN_X = X + RNG.uniform(0, 0.01, (COUNT, X.size))
LOWER = np.stack([np.zeros(COUNT), RNG.uniform(0.5, 1.2, COUNT), np.full(COUNT, -1.0)], axis=1)

# What of the arguments below has a row for each fit: the names in the first tuple.
CASES: dict[str, tuple[tuple[str, ...], dict[str, Any]]] = {
    "plain": ((), {}),
    "own starts": (("p0",), {"p0": STARTS}),
    "sigma": (("sigma",), {"sigma": SIGMA}),
    "mask": (("mask",), {"mask": MASK}),
    "own x": (("x",), {"x": OWN_X}),
    "bounds": (("lower",), {"lower": LOWER, "p0": (2.0, 1.3, 0.1)}),
    "fixed": ((), {"fixed": ["c"]}),
    "linear start": ((), {"p0": {"k": 1.0}}),
    "huber": ((), {"loss": "huber", "f_scale": 0.05}),
    "cauchy": (("sigma",), {"loss": "cauchy", "sigma": SIGMA}),
    "curvature": ((), {"loss": "soft_l1", "covariance": "model"}),
    "few iterations": ((), {"max_iterations": 2}),
}


def run(y: NDArray[Any], case: str, where: Any = ..., **options: Any) -> osculate.FitResult:
    """The fits `where` of the batch, in the order it has them."""
    own, arguments = CASES[case]
    chosen = {name: value[where] if name in own else value for name, value in arguments.items()}
    if "lower" in chosen:
        chosen["bounds"] = (chosen.pop("lower"), np.inf)
    x, p0 = chosen.pop("x", X), chosen.pop("p0", P0)
    result = osculate.fit(decay, x, y[where], p0, **chosen, **options)
    assert result.path == "tape", result.why_not
    return result


def data(dtype: Any) -> NDArray[Any]:
    return decays(COUNT)[1].astype(dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES)
def test_a_fit_alone_has_the_bits_it_has_in_a_batch(case: str, dtype: Any) -> None:
    y = data(dtype)
    batch = run(y, case)
    assert batch.params.dtype == dtype
    for k in (0, 1, 17, COUNT - 1):
        assert bits(run(y, case, k)) == bits(batch, k)
        assert bits(run(y, case, slice(k, k + 1)), 0) == bits(batch, k)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES)
def test_position_and_batch_size_do_not_change_a_bit(case: str, dtype: Any) -> None:
    y = data(dtype)
    batch = run(y, case)
    order = np.random.default_rng(4).permutation(COUNT)
    assert bits(run(y, case, order)) == bits(batch, order)
    for first in (1, 2, 3, 5, 30):
        assert bits(run(y, case, slice(first, None))) == bits(batch, slice(first, None))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES)
def test_threads_do_not_change_a_bit(case: str, dtype: Any) -> None:
    y = data(dtype)
    one, two, three = (bits(run(y, case, threads=threads)) for threads in (1, 2, 3))
    assert one == two == three


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("weighted", [False, True])
def test_bad_neighbours_do_not_change_a_bit(dtype: Any, weighted: bool) -> None:
    y = data(dtype)
    sigma = SIGMA.copy() if weighted else None
    p0 = np.tile(np.array(P0), (COUNT, 1))
    clean = osculate.fit(decay, X, y, p0, sigma=sigma)
    bad = {
        2: np.nan,  # no data
        3: np.inf,
        9: np.finfo(dtype).max,  # squares overflow
        20: 0.0,  # a singular solution: nothing of it depends on k
        COUNT - 1: np.nan,
    }
    spoiled = y.copy()
    for k, value in bad.items():
        spoiled[k] = value
    spoiled[30, ::2] = np.nan  # half of the points
    p0[40] = (2.0, -300.0, 0.1)  # overflows
    p0[41] = (1e30, 0.0, -1e30)
    if sigma is not None:
        sigma[50] = 0
        sigma[51] = np.nan
    good = np.setdiff1d(np.arange(COUNT), [*bad, 30, 40, 41, 50, 51])
    result = osculate.fit(decay, X, spoiled, p0, sigma=sigma)
    assert bits(result, good) == bits(clean, good)
    assert result.success[good].all()
    assert not result.success[[2, 3, 9, 40, COUNT - 1]].any()
    assert result.status[3] == Status.nonfinite
    assert result.n_points[30] == X.size // 2
    assert result.n_points[2] == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_poisson_fits_have_the_same_bits_anywhere(dtype: Any) -> None:
    truth = peaks(COUNT)[0] + (0, 0, 0, 1)
    mean = peak(X, *(truth[:, k, np.newaxis] for k in range(4)))
    y = np.random.default_rng(5).poisson(20 * mean).astype(dtype)
    p0 = truth * (20, 1, 1, 20)
    batch = osculate.fit(peak, X, y, p0, loss="poisson")
    assert batch.success.all()
    for threads in (1, 3):
        part = osculate.fit(peak, X, y[7:], p0[7:], loss="poisson", threads=threads)
        assert bits(part) == bits(batch, slice(7, None))
    assert bits(osculate.fit(peak, X, y[9], p0[9], loss="poisson")) == bits(batch, 9)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("missing", [False, True])
def test_fits_of_many_points_have_the_same_bits_for_any_threads_and_batch(dtype: Any, missing: bool) -> None:
    x = np.linspace(0, 4, 20011)  # from 8192 on the points of a fit are spread
    rng = np.random.default_rng(6)
    y = (decay(x, 2.0, 1.2, 0.3) + 0.1 * rng.standard_normal((3, x.size))).astype(dtype)
    if missing:
        y[1, ::7] = np.nan
    one = osculate.fit(decay, x, y, P0, threads=1)
    assert one.success.all()
    for threads in (2, 3):
        assert bits(osculate.fit(decay, x, y, P0, threads=threads)) == bits(one)
    for k in range(3):
        assert bits(osculate.fit(decay, x, y[k], P0, threads=2)) == bits(one, k)
