"""Whether a function does many fits at once: tried on fits of different parameters, compared with each alone.

NumPy code that does not broadcast over fits raises, returns another shape, or mixes them (``y / y.max()``,
``np.cumsum(y)``, ``if np.any(t < 0)``), and then gives other numbers than alone.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._batch_columns import columns
from ._batch_data import WHO, Data, FloatArray

Function = Callable[..., Any]
TOLERANCE = 1e-12  # of a fit's largest value: where loops end, SIMD and plain code may round differently
ORDERS = ((0, 1, 2), (2, 1, 0, 2, 0))  # of the fits in a call; by another number their count shows


class Probe:
    """Calls f (and jac) for three fits near the start, one by one. What f raises at the start comes out.

    Parameters
    ----------
    f, jac : callable
        The functions; `jac` may be None.
    name : str
        What messages call f.
    data : Data
        Of the call: the x of its first fits is used.
    start : ndarray, shape (P,)
        Where to try.
    bounds : pair of ndarray or None
        What the parameters must not leave.
    """

    def __init__(
        self,
        f: Function,
        jac: Function | None,
        name: str,
        data: Data,
        start: FloatArray,
        bounds: tuple[FloatArray, FloatArray] | None,
    ) -> None:
        self.f, self.jac, self.name, self.data, self.bounds = f, jac, name, data, bounds
        self.modifies = False  # whether f or jac changes x
        self.epsilon = float(np.finfo(np.float64).eps)
        self.fits = [np.unravel_index(k % min(3, data.fits), data.shape) for k in range(3)]
        self.parameters = self._within(near(start))
        with np.errstate(all="ignore"):
            first = self._values(self.parameters[0], self.fits[0])
            if first.dtype.kind == "f" and first.dtype.itemsize < 8:
                # float16 computes with 11 bits
                self.epsilon = float(np.finfo(first.dtype).eps)
            self.first = np.asarray(first, dtype=np.float64)

    def refusal(self, wanted: bool | None) -> str | None:
        """Why f does not do many fits at once, or None. A single fit is tried only if it is wanted."""
        if wanted is None and self.data.fits == 1:
            return "there is one fit only"
        with np.errstate(all="ignore"):
            for function, single, many in self._functions():
                try:
                    alone = [self.first] if function is self.f else [single(self.parameters[0], self.fits[0])]
                    alone += [single(p, at) for p, at in zip(self.parameters[1:], self.fits[1:], strict=True)]
                except Exception as error:
                    return f"near the start it raises {_told(error)}"
                what = "" if function is self.f else "jac: "
                for order in ORDERS:
                    reason = self._compare(many, alone, self.parameters, order)
                    if reason is not None:
                        return what + reason
                reason = self._compare_far(single, many)
                if reason is not None:
                    return what + reason
        return None

    def careful(self, f: Function) -> Function:
        """f, with a copy of x for every call where it changes x."""
        if not self.modifies:
            return f
        return lambda x, *params: f(x.copy(), *params)

    def _functions(self) -> list[tuple[Function, Function, Function]]:
        """Each function, how it is called for a fit, and for several."""

        def values(p: FloatArray, at: Any) -> FloatArray:
            return np.asarray(self._values(p, at), dtype=np.float64)

        def many_values(x: NDArray[Any], p: FloatArray) -> Any:
            return self.f(x, *p)

        found: list[tuple[Function, Function, Function]] = [(self.f, values, many_values)]
        jac = self.jac
        if jac is not None:
            count, n = len(self.parameters[0]), self.data.points

            def slopes(p: FloatArray, at: Any) -> FloatArray:
                return self._row(columns(self._call(jac, self._x(at), p), count, (n,)))

            def many_slopes(x: NDArray[Any], p: FloatArray) -> Any:
                return self._row(columns(jac(x, *p), count, (p.shape[1], n)))

            found.append((jac, slopes, many_slopes))
        return found

    @staticmethod
    def _row(slopes: FloatArray) -> FloatArray:
        """The columns of a fit one after the other."""
        moved = np.moveaxis(slopes, 0, -2)
        return moved.reshape(*moved.shape[:-2], -1)

    def _x(self, at: Any) -> NDArray[Any]:
        return self.data.argument(at if self.data.own_x else ())

    def _call(self, f: Function, x: NDArray[Any], p: FloatArray) -> Any:
        mine = x.copy()
        value = f(mine, *p)
        self.modifies = self.modifies or not np.array_equal(mine, x, equal_nan=True)
        return value

    def _values(self, p: FloatArray, at: Any) -> NDArray[Any]:
        """The values for one fit, checked."""
        n = self.data.points
        result = self._call(self.f, self._x(at), p)
        if result is None:
            raise TypeError(f"{WHO}: {self.name} must return an array of numbers, got None")
        values = np.asarray(result)
        if values.dtype.kind not in "biufO":
            kind = "complex numbers" if values.dtype.kind == "c" else f"an array of dtype {values.dtype}"
            raise TypeError(f"{WHO}: {self.name} must return real numbers, got {kind}")
        if values.shape != (n,) and not (values.size == 1 and values.ndim <= 1):
            raise ValueError(
                f"{WHO}: {self.name} must return an array of shape ({n},), as y has {n} points, "
                f"got {values.shape}"
            )
        return np.broadcast_to(values, (n,))

    def _compare(
        self, many: Function, alone: list[FloatArray], parameters: FloatArray, order: tuple[int, ...]
    ) -> str | None:
        """What differs between fits together and each alone."""
        count = len(order)
        if self.data.own_x:
            rows = [self._x(self.fits[k]) for k in order]
            x = np.stack(rows, axis=rows[0].ndim - 1)  # (R, N) or (D, R, N)
        else:
            x = self._x(()).copy()
        try:
            result = np.asarray(many(x, parameters[list(order)].T[:, :, np.newaxis]))
        except Exception as error:
            return f"for {count} fits at once it raises {_told(error)}"
        expected = np.stack([alone[k] for k in order])
        if result.shape != expected.shape or result.dtype.kind not in "biuf":
            return f"for {count} fits at once it returns shape {result.shape}, not {expected.shape}"
        result = result.astype(np.float64)
        finite = np.isfinite(result) & np.isfinite(expected)
        size = np.max(np.abs(expected), axis=1, keepdims=True, where=finite, initial=0)
        tolerance = max(TOLERANCE, 16 * self.epsilon if self.epsilon > 1e-10 else 0.0)
        same = (result == expected) | (np.isnan(result) & np.isnan(expected))
        same |= finite & (np.abs(result - expected) <= tolerance * size)
        if same.all():
            return None
        fit, point = (int(k) for k in np.argwhere(~same)[0])
        got, should = result[fit, point], expected[fit, point]
        return f"for {count} fits at once it gives {got:.10g} where it gives {should:.10g} for one"

    def _compare_far(self, single: Function, many: Function) -> str | None:
        """As near the start where signs differ, which may decide on all fits: ``if np.any(t < 0)``."""
        start = self.parameters[0]
        parameters = self._within(np.array([start, -start, 3 * start]))
        try:
            alone = [single(p, at) for p, at in zip(parameters, self.fits, strict=True)]
        except Exception:  # no parameters for f
            return None
        return self._compare(many, alone, parameters, (0, 1, 2))

    def _within(self, parameters: FloatArray) -> FloatArray:
        if self.bounds is None:
            return parameters
        low, high = (side.reshape(-1, side.shape[-1])[0] for side in self.bounds)
        return np.clip(parameters, low, high)


def near(start: FloatArray) -> FloatArray:
    """The start and two more points, each parameter changed by another half to one and a half hundredth."""
    k = np.arange(len(start))
    change = 1e-2 * (0.5 + k * 0.6180339887 % 1)
    size = np.where(start == 0, 1.0, np.abs(start))
    return np.stack([start, start + change * size, start - change[::-1] * size])


def _told(error: Exception) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text if len(text) <= 120 else text[:117] + '...'}"
