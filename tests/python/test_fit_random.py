"""Random batches: each fit has the bits it has alone, and what has converged is a minimum within bounds."""

from __future__ import annotations

from typing import Any

import numpy as np
from fit_cases import bits, decay
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import osculate
from osculate import Flag, Status

LOSSES = ("linear", "soft_l1", "huber", "cauchy")
NAMES = ("a", "k", "c")
FIXED: list[Any] = [None, None, "c", ["a", "k"], [False, True, False], np.ones(3, bool)]
FORMS = ("none", "shared", "rows", "last axis", "numbers")  # of sigma; masks have the first three


def arranged(draw: Any, a: NDArray[Any]) -> NDArray[Any]:
    """The same numbers in memory of any order of axes, with gaps and negative strides."""
    steps = draw(st.lists(st.sampled_from([1, 1, 2, 3, -1, -2]), min_size=a.ndim, max_size=a.ndim))
    order = draw(st.permutations(range(a.ndim)))
    size = [n * abs(step) for n, step in zip(a.shape, steps, strict=True)]
    memory = np.zeros([size[k] for k in order], a.dtype).transpose(np.argsort(order))
    view = memory[tuple(slice(None, None, step) for step in steps)]
    view[...] = a
    return view


class Batch:
    """The arguments of a call, drawn at random; decays of height 2 or, where data are integers, 2000."""

    def __init__(self, draw: Any) -> None:
        rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
        self.shape = tuple(draw(st.lists(st.integers(1, 5), max_size=3).filter(lambda s: np.prod(s) <= 20)))
        n = draw(st.integers(12, 40))
        full = (*self.shape, n)
        dtype = np.dtype(draw(st.sampled_from(["uint16", "int32", "float32", "float64"])))
        unit = 1.0 if dtype.kind == "f" else 1000.0
        size = np.array([unit, 1.0, unit])
        x = np.linspace(0, 4, n)
        if draw(st.booleans()):
            x = arranged(draw, x + rng.uniform(0, 0.02, full))
        truth = rng.uniform([1.5, 0.8, 0.3], [2.5, 1.6, 0.5], (*self.shape, 3)) * size
        y = decay(x, *(truth[..., k, np.newaxis] for k in range(3)))
        y = y + 0.02 * unit * rng.standard_normal(full)
        if dtype.kind == "f" and draw(st.booleans()):
            y[rng.random(full) < 0.1] = np.nan
            bad = draw(st.sampled_from([None, np.nan, np.inf]))
            if bad is not None:
                y[tuple(int(rng.integers(k)) for k in self.shape)][...] = bad
        self.x, self.y = x, arranged(draw, y.astype(dtype))
        self.p0 = truth * rng.uniform(0.8, 1.2, truth.shape)
        if draw(st.booleans()):
            self.p0 = np.array([2.0, 1.2, 0.4]) * size
        form = draw(st.sampled_from(FORMS))
        shapes = {
            "shared": (n,),
            "rows": full,
            "last axis": full[-2:],
            "numbers": (*self.shape, 1),
            "none": (),
        }
        sigma = rng.uniform(0.5, 2.0, shapes[form]) * 0.02 * unit
        self.sigma = None if form == "none" else arranged(draw, sigma)
        if form == "rows" and draw(st.booleans()):
            sigma[rng.random(full) < 0.05] = draw(st.sampled_from([0.0, -1.0, np.nan]))
            self.sigma = arranged(draw, sigma)
        form = draw(st.sampled_from(FORMS[:3]))
        self.mask = None if form == "none" else arranged(draw, rng.random(shapes[form]) < 0.1)
        self.bounds: Any = None
        form = draw(st.sampled_from(["none", "shared", "rows"]))
        if form != "none":  # about the start, so that some parameters end on one
            low, high = self.p0 - rng.uniform(0.0, 0.4, self.p0.shape) * size, self.p0 + 0.3 * size
            if form == "shared":
                low, high = low.reshape(-1, 3).min(axis=0), high.reshape(-1, 3).max(axis=0)
            self.bounds = (low, high)
        self.fixed = draw(st.sampled_from(FIXED))
        self.options: dict[str, Any] = {
            "loss": draw(st.sampled_from(LOSSES)),
            "f_scale": 1.0 if self.sigma is not None else 0.02 * unit,
            "absolute_sigma": draw(st.booleans()),
            "dtype": draw(st.sampled_from([None, None, "float32", "float64"])),
            "threads": 1,
        }

    def fit(self) -> osculate.FitResult:
        result = osculate.fit(
            decay,
            self.x,
            self.y,
            self.p0,
            sigma=self.sigma,
            mask=self.mask,
            bounds=self.bounds,
            fixed=self.fixed,
            **self.options,
        )
        assert result.path == "tape", result.why_not
        return result

    def fit_alone(self, at: tuple[int, ...]) -> osculate.FitResult:
        def row(a: Any, n: int) -> Any:
            return None if a is None else np.array(np.broadcast_to(a, (*self.shape, n))[at])

        n = self.y.shape[-1]
        return osculate.fit(
            decay,
            row(self.x, n),
            row(self.y, n),
            row(self.p0, 3),
            sigma=row(self.sigma, n),
            mask=row(self.mask, n),
            bounds=None if self.bounds is None else tuple(row(side, 3) for side in self.bounds),
            fixed=self.fixed,
            **self.options,
        )

    def weights(self) -> NDArray[Any]:
        """1 / sigma where a point counts, else 0."""
        sigma = np.ones(1) if self.sigma is None else self.sigma
        counts = (sigma > 0) & ~np.isnan(self.y)
        if self.mask is not None:
            counts &= ~self.mask
        return np.divide(1.0, sigma, out=np.zeros(self.y.shape), where=counts)


def slopes(loss: str, z: NDArray[Any]) -> NDArray[Any]:
    """The derivative rho'(z)."""
    if loss == "soft_l1":
        return (1 + z) ** -0.5
    if loss == "huber":
        return np.where(z <= 1, 1.0, np.maximum(z, 1) ** -0.5)
    return 1 / (1 + z) if loss == "cauchy" else np.ones_like(z)


def check_minimum(batch: Batch, result: osculate.FitResult) -> None:
    """The cosines of what has converged are as small as its status says, up to the rounding of the model."""
    eps = float(np.finfo(result.params.dtype).eps)
    single = result.params.dtype == np.float32
    p = result.params.astype(float)
    a, k, c = (p[..., j, np.newaxis] for j in range(3))
    weight = batch.weights()
    y = np.where(weight > 0, batch.y, 0.0)
    f = decay(batch.x, a, k, c)
    e = np.exp(-k * batch.x)
    r = weight * (f - y)
    root = np.sqrt(slopes(batch.options["loss"], (r / batch.options["f_scale"]) ** 2))
    J = (weight * root)[..., np.newaxis, :] * np.stack([e, -a * batch.x * e, np.ones_like(f)], axis=-2)
    r = root * r
    size = np.linalg.norm(J, axis=-1) * np.linalg.norm(r, axis=-1, keepdims=True)
    cosine = (J * r[..., np.newaxis, :]).sum(axis=-1) / size
    free = np.zeros(p.shape, dtype=bool)
    free[..., result.active] = True
    if batch.bounds is not None:
        low, high = (side.astype(result.params.dtype) for side in batch.bounds)
        assert (p[..., result.active] >= np.broadcast_to(low, p.shape)[..., result.active]).all()
        assert (p[..., result.active] <= np.broadcast_to(high, p.shape)[..., result.active]).all()
        free &= ~(((p <= low) & (cosine > 0)) | ((p >= high) & (cosine < 0)))
    largest = np.abs(np.where(free, cosine, 0.0)).max(axis=-1)
    terms = np.linalg.norm(np.linalg.norm(J, axis=-1) * p, axis=-1) / np.linalg.norm(r, axis=-1)
    # stop.hpp: gtol; sqrt(eps) or ftol^(3/4) for the cost, 0.01 for steps, or a promise lost in rounding
    gtol, ftol = (1e-4, 4 * eps) if single else (1e-8, 1e-8)
    drowned = np.sqrt(100 * eps * (1 + 2 * terms))
    allowed = np.select(
        [result.status == Status.gradient, result.status == Status.cost, result.status == Status.step],
        [
            np.full(p.shape[:-1], gtol),
            np.maximum(drowned, max(eps**0.5, ftol**0.75)),
            np.maximum(drowned, 0.01),
        ],
        np.inf,
    )
    assert (largest <= allowed + 10 * eps * (1 + terms))[result.success].all()


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.data())
def test_fits_of_random_batches_have_the_bits_they_have_alone_and_are_minima(data: st.DataObject) -> None:
    batch = Batch(data.draw)
    result = batch.fit()
    single = batch.options["dtype"] == "float32" or (
        batch.y.dtype == np.float32 and batch.options["dtype"] is None
    )
    assert result.params.dtype == (np.float32 if single else np.float64)
    assert result.params.shape == (*batch.shape, 3)
    for at in np.ndindex(batch.shape):
        assert bits(batch.fit_alone(at)) == bits(result, at)
    counted = np.count_nonzero(batch.weights(), axis=-1)
    np.testing.assert_array_equal(result.n_points, counted)
    held = [k for k in range(3) if k not in result.active]
    start = np.broadcast_to(batch.p0, result.params.shape)[..., held].astype(result.params.dtype)
    np.testing.assert_array_equal(result.params[..., held], start)
    infinite = (np.isinf(batch.y) & (batch.weights() > 0)).any(axis=-1)
    assert (result.status[infinite] == Status.nonfinite).all()
    assert (result.status[counted == 0] == Status.singular).all()
    assert result.success[(counted > 5) & ~infinite].all(), result.summary()
    assert (result.flags[infinite] & Flag.nonfinite_model != 0).all()
    if result.success.any():
        with np.errstate(invalid="ignore", divide="ignore"):
            check_minimum(batch, result)
