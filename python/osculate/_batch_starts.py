"""Where fits start: given numbers, a model's guess, or a few numbers and a linear solve for the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import _arguments as arg
from ._batch_data import WHO, Data, FloatArray, read_parameters
from ._model import Model

RETRY = "retry"

if TYPE_CHECKING:
    from ._batch_call import Call


@dataclass(frozen=True)
class Starts:
    """The starts of every chunk."""

    values: FloatArray | None  # (..., P), NaN where `linear` fills in; None: guess
    linear: tuple[int, ...]
    model: Model

    @property
    def given(self) -> bool:
        """Whether nothing has to be computed."""
        return self.values is not None and not self.linear

    def __call__(self, call: Call, data: Data, key: Any) -> FloatArray:
        """Starts of the fits in `data`, which are those of the call at `key`: broadcastable to (..., P)."""
        p = len(call.names)
        if self.values is None:
            return self._guess(data, p).reshape(*data.shape, p)
        values = self.values
        if values.ndim > 1 and key is not ...:
            values = np.broadcast_to(values, (*call.data.shape, p))[key]
        if not self.linear:
            return values
        start = np.broadcast_to(np.where(np.isnan(values), 0.0, values), (*data.shape, p))
        return clipped(call.linear_start(data, start, self.linear), call, key)

    def first(self, data: Data, names: tuple[str, ...]) -> FloatArray:
        """A start of the first fit to try the model with; 1 for what a linear solve will find."""
        if data.fits == 0:
            return np.ones(len(names))
        if self.values is not None:
            start = self.values.reshape(-1, len(names))[0]
            return np.where(np.isnan(start), 1.0, start)
        return self._guess(data.take((0,) * len(data.shape)), len(names)).reshape(-1)

    def _guess(self, data: Data, parameters: int) -> FloatArray:
        guess = self.model.guess
        if guess is None:
            raise RuntimeError("a start without numbers needs a guess")
        y = np.array(data.y, dtype=np.float64).reshape(-1, data.points)
        if data.mask is not None:
            y[np.broadcast_to(data.mask, data.y.shape).reshape(y.shape)] = np.nan
        if not data.own_x:
            return np.asarray(guess(data.first_argument(), y), dtype=np.float64)
        rows = [guess(data.argument(at), y[k : k + 1])[0] for k, at in enumerate(np.ndindex(*data.shape))]
        return np.asarray(rows, dtype=np.float64).reshape(-1, parameters)


def clipped(start: FloatArray, call: Call, key: Any) -> FloatArray:
    """Within the bounds."""
    bounds = call._bounds(key)
    return start if bounds is None else np.clip(start, *bounds)


def read_starts(
    p0: Any,
    model: Model,
    names: tuple[str, ...],
    active: tuple[int, ...],
    shape: tuple[int, ...],
    linear: Any,
    bounds: Any,
) -> Starts:
    """Check p0. `linear` is called for the names that enter linearly, where they are needed."""
    if p0 is None:
        if model.guess is None:
            raise ValueError(
                f"{WHO}: p0 is needed: numbers for {', '.join(names)}, or a dict with those that do not "
                "enter linearly (the models of osculate.models guess their own)"
            )
        return Starts(None, (), model)
    if not isinstance(p0, dict):
        values = read_parameters(p0, "p0", names, shape)
        _check_starts(values, names, bounds)
        return Starts(values, (), model)
    unknown = [str(name) for name in p0 if name not in names]
    if unknown:
        raise ValueError(f"{WHO}: p0 has {', '.join(unknown)}, but the parameters are {', '.join(names)}")
    missing = [name for name in names if name not in p0]
    held = [name for name in missing if names.index(name) not in active]
    if held:
        raise ValueError(f"{WHO}: p0 lacks {', '.join(held)}: a fixed parameter needs its value")
    if missing:
        known = set(linear())
        stuck = [name for name in missing if name not in known]
        if stuck:
            raise ValueError(
                f"{WHO}: p0 lacks {', '.join(stuck)}, which do not enter linearly (or the model could not be "
                "traced): give a start for each"
            )
    try:
        columns = [np.asarray(p0.get(name, np.nan), dtype=np.float64) for name in names]
        values = np.stack(np.broadcast_arrays(*columns), axis=-1)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{WHO}: p0 must hold numbers or arrays of the batch's shape {shape}, got {arg.shown(p0)}"
        ) from error
    values = read_parameters(values, "p0", names, shape)
    _check_starts(values, names, bounds, allow_nan={names.index(name) for name in missing})
    return Starts(values, tuple(names.index(name) for name in missing), model)


def _check_starts(
    values: FloatArray,
    names: tuple[str, ...],
    bounds: Any,
    allow_nan: set[int] | None = None,
    who: str = WHO,
) -> None:
    given = [k for k in range(len(names)) if not allow_nan or k not in allow_nan]
    with np.errstate(all="ignore"):
        suspicious = not np.isfinite(values.sum())  # needs no memory, though finite numbers may overflow
    if allow_nan or suspicious:
        wrong = np.argwhere(~np.isfinite(values[..., given]))
        if len(wrong):
            value, name = values[..., given][tuple(wrong[0])], names[given[wrong[0][-1]]]
            raise ValueError(f"{who}: p0 must be finite, got {value} for {name}")
    if bounds is None:
        return
    lower, upper = bounds
    for k in given:
        outside = (values[..., k] < lower[..., k]) | (values[..., k] > upper[..., k])
        if np.any(outside):
            where = (
                "" if np.ndim(outside) == 0 else f" in fit {tuple(int(i) for i in np.argwhere(outside)[0])}"
            )
            raise ValueError(f"{WHO}: p0 must lie within the bounds, but {names[k]} starts outside{where}")


def retry_starts(
    p0: Any,
    names: tuple[str, ...],
    active: tuple[int, ...],
    at: FloatArray,
    where: Any,
    shape: tuple[int, ...],
) -> FloatArray:
    """Starts of the fits `where` from what `FitResult.retry` is given; fixed parameters stay as they are."""
    given = read_parameters(p0, "p0", names, (len(at),) if np.shape(p0) == at.shape else shape, RETRY)
    _check_starts(given, names, None, who=RETRY)
    if given.shape != at.shape:
        given = np.broadcast_to(given, (*shape, len(names)))[where]
    starts = at.copy()
    starts[:, list(active)] = given[:, list(active)]
    return starts


def rescue_starts(
    around: FloatArray, active: tuple[int, ...], index: NDArray[np.intp], tries: int, seed: int
) -> Iterator[FloatArray]:
    """`tries` seeded starts for every fit around (k, P) values, which depend on its number in the call.

    Each active parameter is multiplied by exp(normal deviate), or moved by a deviate where it is zero.
    """
    held = [k for k in range(around.shape[1]) if k not in active]
    for attempt in range(tries):
        out = np.empty_like(around)
        for row, number in enumerate(index):
            deviates = np.random.default_rng([seed, attempt, int(number)]).standard_normal(around.shape[1])
            out[row] = np.where(around[row] == 0, deviates, around[row] * np.exp(deviates))
        out[:, held] = around[:, held]
        yield out
