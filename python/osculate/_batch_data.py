"""The arrays of a batch fit, checked and broadcast: nothing here copies a whole batch."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _arguments as arg

WHO = "fit"
FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Data:
    """Data of `fits` fits of N points each; arrays have the batch's axes first where they have any."""

    y: NDArray[Any]  # (..., N)
    x: tuple[NDArray[Any], ...]  # a coordinate each: (N,) or (..., N)
    own_x: bool  # whether fits have coordinates of their own
    sigma: NDArray[Any] | None  # broadcastable to y
    mask: NDArray[np.bool_] | None  # True: does not count
    stacked: bool  # whether the model takes its coordinates as one array (D, N)

    @property
    def shape(self) -> tuple[int, ...]:
        """The batch's shape."""
        return self.y.shape[:-1]

    @property
    def points(self) -> int:
        return int(self.y.shape[-1])

    @property
    def fits(self) -> int:
        return math.prod(self.shape)

    def argument(self, at: Any = ()) -> NDArray[Any]:
        """What the model's function gets as x: of all fits, or of the fits `at` where they have their own."""
        rows = [np.asarray(x if x.ndim == 1 else x[at], dtype=np.float64) for x in self.x]
        return np.stack(rows) if self.stacked else rows[0]

    def first_argument(self) -> NDArray[Any]:
        """What the function gets for the first fit: enough to trace it."""
        return self.argument((0,) * len(self.shape))

    def lift(self) -> Data:
        """A single fit as a batch of one."""
        return replace(self, y=self.y[np.newaxis])

    def take(self, key: Any) -> Data:
        """The data of some fits: `key` indexes the batch's axes."""

        def part(a: NDArray[Any] | None) -> Any:
            return None if a is None else np.broadcast_to(a, self.y.shape)[key] if a.ndim > 1 else a

        return replace(
            self,
            y=self.y[key],
            x=tuple(part(x) for x in self.x),
            sigma=part(self.sigma),
            mask=part(self.mask),
        )


def read_data(x: Any, y: Any, sigma: Any, mask: Any, nan_policy: str, coordinates: int | None) -> Data:
    """Check and broadcast; `coordinates` is the model's number of them, None where it does not say."""
    hidden = None
    # NumPy imports numpy.ma when it is first named, which takes longer than a small fit: who has not done
    # so has no masked array.
    if "numpy.ma" in sys.modules and isinstance(y, np.ma.MaskedArray):
        hidden = None if y.mask is np.ma.nomask else np.ma.getmaskarray(y)
        y = y.data
    data = real_array(y, "y")
    if data.ndim == 0 or data.shape[-1] == 0:
        raise ValueError(f"{WHO}: y must have shape (..., N) with at least one point, got shape {data.shape}")
    coords, own_x, stacked = _coordinates(x, data, coordinates)
    if nan_policy not in ("omit", "raise"):
        raise ValueError(f"{WHO}: nan_policy must be 'omit' or 'raise', got {arg.shown(nan_policy)}")
    if nan_policy == "raise" and data.dtype.kind == "f" and np.isnan(data).any():
        first = tuple(int(k) for k in np.argwhere(np.isnan(data))[0])
        raise ValueError(f"{WHO}: y must not hold NaN with nan_policy='raise', got one at index {first}")
    given_sigma = None
    if sigma is not None:
        given_sigma = _broadcastable(real_array(sigma, "sigma"), data.shape, "sigma")
        if given_sigma.ndim == 0:
            given_sigma = np.full(data.shape[-1], float(given_sigma))
    given_mask = None
    if mask is not None:
        given_mask = np.asarray(mask)
        if given_mask.dtype != np.bool_:
            raise TypeError(
                f"{WHO}: mask must be an array of bool, True where a point is left out, got {arg.shown(mask)}"
            )
        given_mask = _broadcastable(given_mask, data.shape, "mask")
    if hidden is not None:
        given_mask = hidden if given_mask is None else hidden | given_mask
    return Data(data, coords, own_x, given_sigma, given_mask, stacked)


def real_array(value: Any, name: str, who: str = WHO) -> NDArray[Any]:
    """An array of native real numbers as the core reads them; converted only where it cannot."""
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise TypeError(f"{who}: {name} must be an array of real numbers, got {arg.shown(value)}") from error
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{who}: {name} must be an array of real numbers, got dtype {array.dtype}")
    kind, size = array.dtype.kind, array.dtype.itemsize
    if kind == "b":
        return array.view(np.uint8)
    if kind == "f" and size not in (4, 8):
        return array.astype(np.float32 if size == 2 else np.float64)
    return array if array.dtype.isnative else array.astype(array.dtype.newbyteorder("="))


def _broadcastable(array: NDArray[Any], shape: tuple[int, ...], name: str) -> NDArray[Any]:
    try:
        fits = np.broadcast_shapes(array.shape, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"{WHO}: {name} must broadcast to y's shape {shape}, got shape {array.shape}")
    if array.ndim == 0 or array.shape[-1] != shape[-1]:
        array = np.broadcast_to(array, (*array.shape[:-1], shape[-1]))
    return array


def _coordinates(x: Any, y: NDArray[Any], wanted: int | None) -> tuple[tuple[NDArray[Any], ...], bool, bool]:
    """Coordinates, whether fits have their own, and whether the model takes them stacked."""
    given = real_array(x, "x")
    n, batch = y.shape[-1], y.shape[:-1]
    if given.ndim == 0 or given.shape[-1] != n:
        raise ValueError(
            f"{WHO}: x must have shape ({n},) or (D, {n}) as y has {n} points along its last axis, "
            f"or a row for each fit, got {given.shape}"
        )

    def float_rows(rows: Any) -> tuple[NDArray[Any], ...]:
        return tuple(np.ascontiguousarray(row, dtype=np.float64) for row in rows)

    if given.ndim == 1 and wanted in (None, 1):
        return float_rows([given]), False, False
    own_single = batch != () and given.shape == y.shape and wanted in (None, 1)
    if own_single:
        return (given,), True, False
    if given.ndim == 2 and wanted in (None, given.shape[0]):
        return float_rows(given), False, True
    if given.shape[1:] == y.shape and wanted in (None, given.shape[0]):
        return tuple(given), True, True
    shapes = [f"({n},)", f"(D, {n})"]
    if batch:
        shapes += [f"{y.shape} (a row for each fit)", f"(D, {', '.join(map(str, y.shape))})"]
    dimension = "any number D" if wanted is None else f"D = {wanted}"
    raise ValueError(
        f"{WHO}: x must have shape {', '.join(shapes[:-1])} or {shapes[-1]} for {dimension} of coordinates "
        f"as y has shape {y.shape}, got {given.shape}"
    )


def read_parameters(
    value: Any, name: str, names: tuple[str, ...], shape: tuple[int, ...], who: str = WHO
) -> FloatArray:
    """Numbers a parameter, (P,) or (..., P) broadcastable against the batch, as float64."""
    p = len(names)
    try:
        array = np.asarray(value)
        if array.dtype.kind not in "biuf":
            raise TypeError(array.dtype)
        array = array.astype(np.float64, copy=False)
        if array.ndim == 0:
            array = np.full(p, float(array))
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{who}: {name} must be numbers of shape (..., {p}), got {arg.shown(value)}"
        ) from error
    try:
        fits = array.shape[-1] == p and np.broadcast_shapes(array.shape[:-1], shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(
            f"{who}: {name} must have shape ({p},), for the parameters {', '.join(names)}, "
            f"or {(*shape, p)}, got {array.shape}"
        )
    return array


def read_bounds(
    bounds: Any, names: tuple[str, ...], shape: tuple[int, ...]
) -> tuple[FloatArray, FloatArray] | None:
    """Lower and upper bounds, each (P,) or (..., P); a dict gives those of some parameters."""
    if bounds is None:
        return None
    if isinstance(bounds, dict):
        unknown = [str(name) for name in bounds if name not in names]
        if unknown:
            raise ValueError(
                f"{WHO}: bounds has {', '.join(unknown)}, but the parameters are {', '.join(names)}"
            )
        pairs = [bounds.get(name, arg.UNBOUNDED) for name in names]
        try:
            sides = [
                [-np.inf if a is None else a for a, _ in pairs],
                [np.inf if b is None else b for _, b in pairs],
            ]
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{WHO}: bounds of a parameter must be a pair (lower, upper), got {arg.shown(bounds)}"
            ) from error
        try:
            bounds = [np.stack(np.broadcast_arrays(*map(np.asarray, side)), axis=-1) for side in sides]
        except ValueError as error:
            raise ValueError(
                f"{WHO}: bounds must hold numbers or arrays of the batch's shape {shape}, "
                f"got {arg.shown(bounds)}"
            ) from error
    if hasattr(bounds, "lb") and hasattr(bounds, "ub"):
        bounds = (bounds.lb, bounds.ub)
    try:
        low, high = bounds
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{WHO}: bounds must be a pair (lower, upper) or a dict, got {arg.shown(bounds)}"
        ) from error
    lower = read_parameters(low, "bounds[0]", names, shape)
    upper = read_parameters(high, "bounds[1]", names, shape)
    both = np.broadcast_shapes(lower.shape, upper.shape)
    wrong = np.argwhere(~(lower <= upper))
    if len(wrong):
        k = int(wrong[0][-1])
        low, high = (np.broadcast_to(side, both)[tuple(wrong[0])] for side in (lower, upper))
        raise ValueError(f"{WHO}: bounds of {names[k]} must have lower <= upper, got {low} and {high}")
    if np.isneginf(lower).all() and np.isposinf(upper).all():
        return None
    rank = max(lower.ndim, upper.ndim)
    return lower.reshape((1,) * (rank - lower.ndim) + lower.shape), upper.reshape(
        (1,) * (rank - upper.ndim) + upper.shape
    )


def read_fixed(fixed: Any, names: tuple[str, ...]) -> tuple[int, ...]:
    """Indices of the parameters that are fitted."""
    if fixed is None:
        return tuple(range(len(names)))
    if isinstance(fixed, str):
        fixed = [fixed]
    held: set[int] = set()
    try:
        array = np.asarray(list(fixed))
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{WHO}: fixed must be names or a mask of shape ({len(names)},), got {arg.shown(fixed)}"
        ) from error
    if array.dtype == np.bool_ and array.shape != (len(names),):
        raise ValueError(
            f"{WHO}: fixed must be names or a mask of shape ({len(names)},), got {arg.shown(fixed)}"
        )
    if array.dtype == np.bool_:
        held = {int(k) for k in np.flatnonzero(array)}
    else:
        for name in fixed:
            if name not in names:
                raise ValueError(
                    f"{WHO}: fixed has {arg.shown(name)}, but the parameters are {', '.join(names)}"
                )
            held.add(names.index(name))
    return tuple(k for k in range(len(names)) if k not in held)
