"""Models that are C functions, called by their address without the GIL."""

from __future__ import annotations

import ctypes
from _ctypes import CFuncPtr
from typing import Any

import numpy as np

from ._tracer import FloatArray

SIGNATURE = "int f(int64_t n, const double *x, const double *p, double *out)"
_DOUBLES = ctypes.POINTER(ctypes.c_double)
_PROTOTYPE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int64, _DOUBLES, _DOUBLES, _DOUBLES)


def is_pointer(f: Any) -> bool:
    """Whether f is a ctypes function or has an address, as numba's cfunc has."""
    return isinstance(f, CFuncPtr) or (callable(f) and isinstance(getattr(f, "address", None), int))


class Pointer:
    """The C function ``int f(int64_t n, const double *x, const double *p, double *out)`` as f(x, *params).

    It fills `out` with the model at the n points x, which are (D, n) for several coordinates, and returns 0.
    Any other number says that there is no model for the parameters `p`, which counts as not finite.
    """

    def __init__(self, function: Any) -> None:
        arguments = getattr(function, "argtypes", None)
        if isinstance(function, CFuncPtr) and arguments is not None and len(arguments) != 4:
            raise TypeError(
                f"Model: f must be a C function {SIGNATURE}, got one of {len(arguments)} arguments"
            )
        self.function = function  # kept alive
        self.__name__ = str(getattr(function, "__name__", "f"))
        if isinstance(function, CFuncPtr):
            self.address = ctypes.cast(function, ctypes.c_void_p).value or 0
        else:
            self.address = int(function.address)
        if self.address == 0:
            raise ValueError(f"Model: f must be a C function {SIGNATURE}, got a null pointer")

    def __call__(self, x: Any, *params: Any) -> FloatArray:
        """Return the model at x, shape (N,)."""
        points = np.ascontiguousarray(x, dtype=np.float64)
        p = np.array(params, dtype=np.float64)
        if p.ndim != 1:
            raise ValueError(
                f"{self.__name__}: a C function takes numbers for parameters, got shape {p.shape}"
            )
        count = points.shape[-1] if points.ndim else 1
        return self.fill(points, p, np.empty(count))

    def fill(self, x: FloatArray, p: FloatArray, out: FloatArray) -> FloatArray:
        """Let the function write into `out`, contiguous as all three; NaN where it fails."""
        call = _PROTOTYPE(self.address)
        n = x.shape[-1] if x.ndim else 1
        if call(n, *(a.ctypes.data_as(_DOUBLES) for a in (x, p, out))) != 0:
            out[...] = np.nan
        return out
