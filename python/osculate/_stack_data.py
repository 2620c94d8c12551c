"""The data sets of `osculate fit` that are fitted in one call: an array with the points along one axis."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from osculate import _python_file
from osculate._errors import InputError
from osculate._table import read_table

Array = npt.NDArray[Any]

COORDINATES = ("x", "y", "z")
_NUMBER = r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)"
_REGULAR = re.compile(rf"\s*{_NUMBER}\s*:\s*{_NUMBER}\s*")


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """Data sets of N points each.

    Attributes
    ----------
    source : str
        The file, as the user wrote it.
    y : ndarray, shape (..., N)
        The data, the axis of the points moved to the end.
    x : ndarray, shape (N,), (D, N) or that of y
        The coordinates; the last for points of each data set's own.
    coordinates : tuple of str
        Their names, D of them.
    sigma : ndarray or None
        Standard deviations, broadcastable to y.
    labels : tuple of str
        What the data sets are called where they are columns.
    notes : tuple of str
        What was renamed or guessed, one sentence each.
    image : tuple of int or None
        Rows and columns where the points of a data set are the pixels of an image.
    """

    source: str
    y: Array
    x: Array
    coordinates: tuple[str, ...]
    sigma: Array | None = None
    labels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    image: tuple[int, int] | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """How the fits are arranged."""
        return self.y.shape[:-1]

    @property
    def points(self) -> int:
        """N."""
        return int(self.y.shape[-1])

    @property
    def fits(self) -> int:
        """How many data sets there are."""
        return math.prod(self.shape)

    def first_x(self) -> Array:
        """The coordinates of the first data set."""
        own = self.x.shape == self.y.shape and self.y.ndim > 1
        return np.asarray(self.x[(0,) * len(self.shape)] if own else self.x)

    def name(self, index: tuple[int, ...]) -> str:
        """What messages call one data set."""
        return self.labels[index[0]] if self.labels else str(list(index))


def open_arrays(source: str) -> dict[str, Array] | None:
    """The arrays of a .npy or .npz file or of FILE.py:NAME; None for what must be a table.

    The only array of a file has the name "y". A .npy file is mapped, not read.
    """
    if (named := _python_file.reference(source)) is not None:
        return _made(*named)
    path = Path(source)
    try:
        with path.open("rb") as file:
            start = file.read(6)
        if start == b"\x93NUMPY":
            array = np.load(path, mmap_mode="r", allow_pickle=False)
            return None if array.dtype.names else {"y": array}
        if start.startswith(b"PK\x03\x04"):
            with np.load(path, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
            if any(array.dtype.names for array in arrays.values()):
                return None
            return {"y": next(iter(arrays.values()))} if len(arrays) == 1 else arrays
    except (OSError, ValueError, EOFError):  # the reader of tables says what is wrong
        return None
    return None


def is_stack(arrays: Mapping[str, Array] | None) -> bool:
    """Whether arrays can only be a stack, no table."""
    if arrays is None:
        return False
    most = max(array.ndim for array in arrays.values())
    return most > 2 or (most == 2 and len(arrays) > 1)


def read_stack(
    source: str, arrays: Mapping[str, Array], axes: tuple[int, ...], x: str | None, sigma: str | None
) -> Stack:
    """Arrange arrays as a stack; `x` and `sigma` are what the options say."""
    y = _main(source, arrays)
    if y.dtype.kind not in "biuf":
        raise InputError(f"{source} holds {y.dtype}: give real numbers")
    axes = _checked_axes(source, y, axes)
    sizes = [y.shape[axis] for axis in axes]
    data = _points_last(y, axes)
    if data.size == 0:
        raise InputError(f"{source} is empty: its shape is {y.shape}")
    if x is None and "x" in arrays:
        coordinates = _coordinates(arrays["x"], y, axes, "the array x")
    elif x is None:
        coordinates = _indices(sizes)
    else:
        coordinates = _coordinates(read_x(x, arrays, data.shape[-1]), y, axes, f"--x {x}")
    rows = len(coordinates) if coordinates.ndim == 2 and coordinates.shape != data.shape else 1
    return Stack(
        source=source,
        y=data,
        x=coordinates[0] if coordinates.ndim == 2 and len(coordinates) == 1 else coordinates,
        coordinates=COORDINATES[:rows] if rows <= 3 else tuple(f"x{k}" for k in range(rows)),
        sigma=None if sigma is None else _sigma(sigma, arrays, y, axes),
        image=(sizes[0], sizes[1]) if len(sizes) == 2 else None,
    )


def _made(path: str, name: str) -> dict[str, Array]:
    """What a function of a Python file returns, or an array in it: y, (x, y), or a dict."""
    value = _python_file.load(path, name)
    if callable(value):
        try:
            value = value()
        except Exception as error:
            raise InputError(f"'{path}:{name}' failed: {_python_file.told(error, path)}") from None
    if isinstance(value, Mapping):
        arrays = {str(key): np.asarray(array) for key, array in value.items()}
    elif isinstance(value, tuple) and len(value) == 2:
        arrays = {"x": np.asarray(value[0]), "y": np.asarray(value[1])}
    else:
        arrays = {"y": np.asarray(value)}
    if any(array.dtype.kind not in "biuf" for array in arrays.values()):
        raise InputError(f"'{path}:{name}' must give an array y, a pair x, y or a dict of arrays of numbers")
    return arrays


def _main(source: str, arrays: Mapping[str, Array]) -> Array:
    if "y" in arrays:
        return arrays["y"]
    listed = ", ".join(f"{name}: {array.shape}" for name, array in arrays.items())
    raise InputError(f"{source} has no array y: call the data y and their coordinates x; it has {listed}")


def _checked_axes(source: str, y: Array, axes: tuple[int, ...]) -> tuple[int, ...]:
    for axis in axes:
        if not -y.ndim <= axis < y.ndim:
            raise InputError(f"--axis {axis} is none of {source}, whose shape is {y.shape}")
    found = tuple(axis % y.ndim for axis in axes) if y.ndim else ()
    if len(set(found)) < len(axes) or not found:
        raise InputError(f"--axis names an axis twice, or {source} has none: its shape is {y.shape}")
    if len(found) > len(COORDINATES):
        raise InputError(
            f"--axis names {len(found)} axes: at most {len(COORDINATES)} make the points of a fit"
        )
    return found


def _points_last(array: Array, axes: tuple[int, ...]) -> Array:
    """Move the axes of the points to the end, and make one of them."""
    moved = np.moveaxis(array, axes, range(-len(axes), 0))
    return moved if len(axes) == 1 else moved.reshape(*moved.shape[: -len(axes)], -1)


def _indices(sizes: list[int]) -> Array:
    """0, 1, 2, ...; of images (rows, columns) x is the number of the column, y that of the row."""
    if len(sizes) == 1:
        return np.arange(float(sizes[0]))
    return np.indices(sizes, dtype=float)[::-1].reshape(len(sizes), -1)


def _coordinates(x: Array, y: Array, axes: tuple[int, ...], what: str) -> Array:
    n = math.prod(y.shape[axis] for axis in axes)
    if x.dtype.kind not in "biuf":
        raise InputError(f"{what} holds {x.dtype}: give real numbers")
    if x.ndim > 1 and x.shape == y.shape and not (x.ndim == 2 and len(x) <= len(COORDINATES)):
        found = _points_last(x, axes)
    elif x.size == n and x.ndim <= 2 and len(axes) == 1:
        found = x.reshape(n)
    elif x.ndim == 2 and x.shape[-1] == n:
        found = x
    else:
        of_its_own = f", or y's own shape {y.shape}" if y.ndim > 1 else ""
        raise InputError(
            f"{what} has shape {x.shape}, but a fit has {n} points: give {n} numbers{of_its_own}, "
            "or choose another axis of the points with --axis"
        )
    if not np.isfinite(found).all():
        raise InputError(f"{what} must be finite, it has NaN or infinity")
    return np.asarray(found, dtype=float)


def read_x(text: str, arrays: Mapping[str, Array], n: int) -> Array:
    """What --x says: one of the arrays, START:STEP, or a file."""
    if text in arrays:
        return arrays[text]
    if (match := _REGULAR.fullmatch(text)) is not None:
        return float(match[1]) + float(match[2]) * np.arange(n)
    return read_numbers(text, "--x")


def read_numbers(path: str, option: str) -> Array:
    """The array of a file: .npy, .npz with one array, a column of text, or FILE.py:NAME."""
    arrays = open_arrays(path)
    if arrays is not None:
        if len(arrays) == 1:
            return next(iter(arrays.values()))
        raise InputError(f"{option}: '{path}' has several arrays, {', '.join(arrays)}: give one array")
    try:
        table = read_table(path)
        if len(table.names) == 1:
            return table.column(table.names[0])
    except InputError as error:
        raise InputError(f"{option}: {error}") from None
    raise InputError(f"{option}: '{path}' has {len(table.names)} columns: give a file with one")


def _sigma(text: str, arrays: Mapping[str, Array], y: Array, axes: tuple[int, ...]) -> Array:
    try:
        value: Array = np.asarray(float(text))
    except ValueError:
        value = arrays[text] if text in arrays else read_numbers(text, "--sigma")
    if value.dtype.kind not in "biuf":
        raise InputError(f"--sigma {text} holds {value.dtype}: give real numbers")
    n = math.prod(y.shape[axis] for axis in axes)
    if value.ndim == 0:
        return _positive(np.full(n, float(value)))
    if value.shape == y.shape:
        return _points_last(value, axes)
    if value.size == n:
        return value.reshape(n)
    raise InputError(
        f"--sigma {text} has shape {value.shape}: give a number, {n} numbers, or y's shape {y.shape}"
    )


def _positive(sigma: Array) -> Array:
    if not (np.isfinite(sigma) & (sigma > 0)).all():
        raise InputError(f"--sigma is {sigma[0]:g}: standard deviations must be positive")
    return sigma
