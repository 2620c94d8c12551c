"""From what a caller gives of a batch to rows, weights and scales for the factors of K-FAC.

Where the loss is a mean of T terms, its output gradients are those of the terms divided by T, so that G takes
the factor T^2 / T = T; where the mean is weighted, a gradient g of weight w stands for T g / w.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _arguments as arg
from ._kfac_layers import Layer

Array = NDArray[Any]
FLOATS = (np.dtype(np.float32), np.dtype(np.float64))


def floating(who: str, what: str, value: Any) -> Array:
    """An array of float32 or float64: the given one if it is; whole numbers and other floats converted."""
    try:
        given = np.asarray(value)
    except ValueError:  # ragged
        given = np.empty(0, dtype=object)
    if given.dtype in FLOATS:
        return given
    if given.dtype.kind not in "biuf":
        raise TypeError(f"{who}: {what} must be an array of real numbers, got {arg.shown(value)}")
    half = given.dtype.kind == "f" and given.dtype.itemsize <= 4
    return given.astype(np.float32 if half else np.float64)


@dataclass(frozen=True)
class Use:
    """One use of a layer's weights in all samples: 2-D rows, or whole arrays before `rows_of`."""

    a: Array | None
    g: Array


@dataclass(frozen=True)
class Rows:
    """What the factors are made of: rows of a and g in the same order, and their weights."""

    a: Array | None
    g: Array
    a_weights: Array | None
    g_weights: Array | None


@dataclass(frozen=True)
class Weighting:
    """How sums over rows become means: A = sum(w a a') / mass, G = scale sum(w_g g g')."""

    scale: float
    terms: float
    mass: float
    a_weights: Array | None
    g_weights: Array | None


class Batch:
    """The mean that the loss is, the weights in it, and the part of the batch that is looked at."""

    def __init__(self, who: str, loss_average: Any, batch_weights: Any, subsample: Any) -> None:
        self.who = who
        self.average: Any = loss_average
        if not (loss_average is None or isinstance(loss_average, str)):
            self.average = _number_of_terms(who, loss_average)
        elif loss_average not in (None, "batch", "batch+sequence"):
            raise _wrong_average(who, loss_average)
        self.weights = None if batch_weights is None else _weights(who, batch_weights)
        self.subsample = _subsample(who, subsample)

    def selected(self, array: Array) -> Array:
        """The samples that are looked at."""
        return array if self.subsample is None else array[self.subsample]

    def size(self, what: str, samples: int, positions: int) -> int:
        """How many of the samples are looked at."""
        if samples * positions == 0:
            raise ValueError(f"{self.who}: {what} must have at least one sample, got an empty batch")
        if self.subsample is None:
            return samples
        try:
            kept = int(np.arange(samples)[self.subsample].size)
        except IndexError:
            kept = 0
        if kept == 0:
            raise ValueError(
                f"{self.who}: subsample must choose from the {samples} samples of {what}, "
                f"got {arg.shown(self.subsample)}"
            )
        return kept

    def weighting(self, what: str, samples: int, positions: int, *, row_a_sample: bool) -> Weighting:
        """For a layer with that many samples and uses in each; `row_a_sample` where these were summed."""
        kept, w = self.size(what, samples, positions), self.weights
        if w is not None and w.shape != (samples,) and (row_a_sample or w.shape != (samples, positions)):
            raise ValueError(
                f"{self.who}: batch_weights must have shape ({samples},) for {what}, got {w.shape}"
            )
        part = None if w is None else self.selected(w)
        all_samples, all_terms = _count(w, samples, positions)
        samples_here, terms_here = _count(part, kept, positions)
        if not samples_here > 0:
            raise ValueError(f"{self.who}: batch_weights must not all be 0 in the subsample")
        if self.average is None:
            factor, terms = 1.0, samples_here
        elif self.average == "batch":
            factor, terms = all_samples, samples_here
        elif self.average == "batch+sequence":
            factor, terms = all_terms, terms_here
        else:
            factor, terms = self.average, self.average * samples_here / all_samples
        of_gradients = part
        if part is not None and self.average is not None:
            of_gradients = np.divide(1, part, out=np.zeros_like(part), where=part > 0)
        mass = samples_here if row_a_sample else terms_here
        return Weighting(factor**2 / terms, terms, mass, part, of_gradients)


def rows_of(layer: Layer, uses: list[Use], weighting: Weighting) -> list[Rows]:
    """The rows of the samples looked at, one entry a use; "reduce" leaves one use."""
    tokens = [Use(*layer.tokens(use.a, use.g)) for use in uses]
    if layer.sharing == "reduce":
        tokens = [_reduced(tokens, mean=layer.factored)]
    return [_flat(token, weighting) for token in tokens]


def _reduced(tokens: list[Use], *, mean: bool) -> Use:
    positions = sum(math.prod(token.g.shape[1:-1]) for token in tokens)
    a, g = (_sum_of_positions([getattr(token, name) for token in tokens]) for name in ("a", "g"))
    return Use(a / positions if mean and positions > 1 else a, g)


def _sum_of_positions(arrays: list[Array]) -> Array:
    sums = [x if x.ndim == 2 else x.sum(axis=tuple(range(1, x.ndim - 1))) for x in arrays]
    total = sums[0]
    for more in sums[1:]:
        total = total + more
    return total


def _flat(use: Use, weighting: Weighting) -> Rows:
    arrays = [x for x in (use.a, use.g) if x is not None]
    by_columns = all(x.ndim == 3 and x.flags.f_contiguous and not x.flags.c_contiguous for x in arrays)
    order: Any = "F" if by_columns else "C"
    positions = math.prod(use.g.shape[1:-1])

    def rows(x: Array | None) -> Array | None:
        return x if x is None or x.ndim == 2 else x.reshape(-1, x.shape[-1], order=order)

    def weights(w: Array | None) -> Array | None:
        if w is None or (w.ndim == 1 and positions == 1):
            return w
        if w.ndim == 2:
            return w.reshape(-1, order=order)
        return np.tile(w, positions) if by_columns else np.repeat(w, positions)

    g = use.g if use.g.ndim == 2 else use.g.reshape(-1, use.g.shape[-1], order=order)
    return Rows(rows(use.a), g, weights(weighting.a_weights), weights(weighting.g_weights))


def _count(weights: Array | None, samples: int, positions: int) -> tuple[float, float]:
    """Samples and terms, each counted with its weight."""
    if weights is None:
        return float(samples), float(samples * positions)
    if weights.ndim == 1:
        total = float(weights.sum())
        return total, total * positions
    return float(np.count_nonzero(weights.any(axis=1))), float(weights.sum())


def _wrong_average(who: str, value: Any) -> ValueError:
    return ValueError(
        f"{who}: loss_average must be None, 'batch', 'batch+sequence' or the number of terms in the mean, "
        f"got {arg.shown(value)}"
    )


def _number_of_terms(who: str, value: Any) -> float:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.number)):
        raise _wrong_average(who, value)
    return arg.positive(who, "loss_average", value)


def _weights(who: str, value: Any) -> Array:
    weights = floating(who, "batch_weights", value).astype(np.float64, copy=False)
    if weights.ndim not in (1, 2):
        raise ValueError(f"{who}: batch_weights must be of shape (B,) or (B, R), got shape {weights.shape}")
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise ValueError(f"{who}: batch_weights must be finite and at least 0, got {arg.shown(value)}")
    if not (weights > 0).any():
        raise ValueError(f"{who}: batch_weights must not all be 0, got {arg.shown(value)}")
    return weights


def _subsample(who: str, value: Any) -> Any:
    if value is None or isinstance(value, slice):
        return value
    if isinstance(value, (int, np.integer)) and not isinstance(value, (bool, np.bool_)):
        if value < 1:
            raise ValueError(f"{who}: subsample must be at least 1, got {value}")
        return slice(0, int(value))
    try:
        index = np.asarray(value)
    except ValueError:
        index = np.empty(0, dtype=object)
    if index.ndim != 1 or index.dtype.kind not in "iub":
        raise TypeError(
            f"{who}: subsample must be a number of samples, a slice, indices or a mask, "
            f"got {arg.shown(value)}"
        )
    return index
