"""Functions as the core calls them: values (R, N) of R fits at once, and Jacobians with the columns first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._batch_data import WHO, Data, FloatArray


@dataclass(frozen=True)
class Many:
    """f for many fits at once."""

    f: Callable[..., Any]
    data: Data
    x: NDArray[Any] | None

    def __call__(self, parameters: FloatArray, fits: NDArray[np.int64]) -> Any:
        """Values for `parameters`, shape (P, R), of the R fits, shape (R, N)."""
        return self.f(self.argument(fits), *parameters[:, :, np.newaxis])

    def argument(self, fits: NDArray[np.int64]) -> NDArray[Any]:
        if self.x is not None:
            return self.x
        return self.data.argument(np.unravel_index(fits, self.data.shape))


class ManyColumns(Many):
    """A Jacobian for many fits at once, a column first: (P, R, N)."""

    def __call__(self, parameters: FloatArray, fits: NDArray[np.int64]) -> FloatArray:
        value = super().__call__(parameters, fits)
        return columns(value, len(parameters), (len(fits), self.data.points))


@dataclass(frozen=True)
class Columns:
    """A Jacobian for one fit, a column first: (P, N)."""

    jac: Callable[..., Any]
    parameters: int
    points: int

    def __call__(self, x: Any, *params: Any) -> FloatArray:
        return columns(self.jac(x, *params), self.parameters, (self.points,))


def columns(value: Any, p: int, shape: tuple[int, ...]) -> FloatArray:
    """A Jacobian of shape (*shape, P), or a tuple of P columns that broadcast to `shape`, as (P, *shape)."""
    out = np.empty((p, *shape))
    if isinstance(value, tuple):
        if len(value) != p:
            raise ValueError(f"{WHO}: jac must return a column for each of {p} parameters, got {len(value)}")
        try:
            for k, column in enumerate(value):
                out[k] = column
        except ValueError as error:
            raise ValueError(
                f"{WHO}: jac must return columns that broadcast to shape {shape}, got {np.shape(column)}"
            ) from error
        return out
    array = np.asarray(value)
    if array.shape != (*shape, p):
        raise ValueError(
            f"{WHO}: jac must return an array of shape {(*shape, p)} or a tuple of {p} columns, "
            f"got {array.shape}"
        )
    out[...] = np.moveaxis(array, -1, 0)
    return out
