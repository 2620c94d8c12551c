"""Checks of arguments that several functions share. Every refusal names the function, the argument, what came and what
was expected, before any work is done."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
EPSILON = float(np.finfo(float).eps)
UNBOUNDED = (-np.inf, np.inf)


def start_vector(caller: str, x0: Any) -> FloatArray:
    """`x0` as a contiguous float64 vector of its own."""
    try:
        given = np.asarray(x0)
        if given.dtype.kind == "c":
            raise ValueError(f"{caller}: x0 must be real, got complex numbers; fit real and imaginary parts as parameters")
        start = np.array(given, dtype=np.float64, ndmin=1, order="C")
    except (TypeError, ValueError) as error:
        if str(error).startswith(caller):
            raise
        raise TypeError(f"{caller}: x0 must be an array of numbers, got {x0!r}") from error
    if start.ndim != 1:
        raise ValueError(f"{caller}: x0 must be 1-D, got shape {start.shape}")
    if start.size == 0:
        raise ValueError(f"{caller}: x0 must have at least one parameter, got an empty array")
    if not np.isfinite(start).all():
        where = int(np.flatnonzero(~np.isfinite(start))[0])
        raise ValueError(f"{caller}: x0 must be finite, got x0[{where}] = {start[where]}")
    return start


def parameter_vector(caller: str, name: str, value: Any, n: int) -> FloatArray:
    """A number or n numbers as a float64 vector of length n."""
    try:
        given = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{caller}: {name} must be a number or {n} numbers, got {value!r}") from error
    if given.ndim > 1 or (given.ndim == 1 and given.size not in (1, n)):
        raise ValueError(f"{caller}: {name} must be a number or have shape ({n},), got shape {given.shape}")
    return np.array(np.broadcast_to(given, (n,)))


def box(caller: str, bounds: Any, x0: FloatArray) -> tuple[FloatArray | None, FloatArray | None]:
    """Lower and upper bounds of x0, or (None, None) where nothing is bounded."""
    if bounds is UNBOUNDED:
        return None, None
    if hasattr(bounds, "lb") and hasattr(bounds, "ub"):
        bounds = (bounds.lb, bounds.ub)
    try:
        low, high = bounds
    except (TypeError, ValueError) as error:
        raise ValueError(f"{caller}: bounds must be a pair (lower, upper), got {bounds!r}") from error
    lower = parameter_vector(caller, "bounds[0]", low, x0.size)
    upper = parameter_vector(caller, "bounds[1]", high, x0.size)
    for i in np.flatnonzero(~(lower <= upper)):
        raise ValueError(f"{caller}: bounds of parameter {i} must have lower <= upper, got {lower[i]} and {upper[i]}")
    for i in np.flatnonzero(~((x0 >= lower) & (x0 <= upper))):
        raise ValueError(
            f"{caller}: x0 must lie within the bounds, but parameter {i} starts at {x0[i]}, "
            f"outside [{lower[i]}, {upper[i]}]"
        )
    if np.isneginf(lower).all() and np.isposinf(upper).all():
        return None, None
    return lower, upper


def fixed_mask(caller: str, fixed: Any, lower: Any, upper: Any, n: int) -> NDArray[np.bool_] | None:
    """Parameters that keep their start: those asked for, and those whose bounds coincide."""
    mask = np.zeros(n, dtype=bool)
    if fixed is not None:
        given = np.asarray(fixed)
        if given.dtype != np.bool_ or given.shape != (n,):
            raise ValueError(
                f"{caller}: fixed must be a boolean mask of shape ({n},), got shape {given.shape} of dtype {given.dtype}"
            )
        mask |= given
    if lower is not None:
        mask |= lower == upper
    return mask if mask.any() else None


def tolerance(caller: str, name: str, value: Any) -> float:
    """A tolerance, 0.0 for None (no such test)."""
    if value is None:
        return 0.0
    number = real(caller, name, value)
    if not EPSILON <= number < math.inf:
        raise ValueError(
            f"{caller}: {name} must be at least the machine epsilon {EPSILON:.3g}, or None for no such test, got {value!r}"
        )
    return number


def real(caller: str, name: str, value: Any) -> float:
    """A float, not a bool, not a string."""
    if isinstance(value, (bool, str, bytes, complex)):
        raise TypeError(f"{caller}: {name} must be a number, got {value!r}")
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{caller}: {name} must be a number, got {value!r}") from error


def positive(caller: str, name: str, value: Any) -> float:
    """A positive finite float."""
    number = real(caller, name, value)
    if not 0 < number < math.inf:
        raise ValueError(f"{caller}: {name} must be positive and finite, got {value!r}")
    return number


def count(caller: str, name: str, value: Any) -> int:
    """A positive whole number; 0 for None. Integral floats are taken, as SciPy takes them."""
    if value is None:
        return 0
    if isinstance(value, (bool, str, bytes)) or real(caller, name, value) != int(value):
        raise TypeError(f"{caller}: {name} must be a whole number, got {value!r}")
    if value < 1:
        raise ValueError(f"{caller}: {name} must be at least 1, got {value!r}")
    return int(value)


def choice(caller: str, name: str, value: Any, choices: Mapping[str, int]) -> int:
    """The code of one of several words."""
    if isinstance(value, str) and value in choices:
        return choices[value]
    words = ", ".join(repr(word) for word in choices)
    raise ValueError(f"{caller}: {name} must be one of {words}, got {value!r}")


class WithArguments:
    """f(x, *args, **kwargs) as a function of x; picklable, for worker processes."""

    __slots__ = ("args", "fun", "kwargs")

    def __init__(self, fun: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.fun, self.args, self.kwargs = fun, args, kwargs

    def __call__(self, x: Any) -> Any:
        return self.fun(x, *self.args, **self.kwargs)


def with_arguments(caller: str, name: str, fun: Any, args: Any, kwargs: Any) -> Callable[[Any], Any]:
    """A callable of x alone."""
    if not callable(fun):
        raise TypeError(f"{caller}: {name} must be callable, got {fun!r}")
    if isinstance(args, tuple) and not args and not kwargs:
        return fun  # type: ignore[no-any-return]
    if not isinstance(args, Iterable) or isinstance(args, (str, bytes)):
        raise TypeError(f"{caller}: args must be a tuple of extra arguments, got {args!r}; write args=({args!r},)")
    if kwargs is not None and not isinstance(kwargs, Mapping):
        raise TypeError(f"{caller}: kwargs must be a dict, got {kwargs!r}")
    return WithArguments(fun, tuple(args), dict(kwargs or {}))


def wants_intermediate_result(callback: Callable[..., Any]) -> bool:
    """Whether a callback is of SciPy's form callback(intermediate_result)."""
    try:
        return set(inspect.signature(callback).parameters) == {"intermediate_result"}
    except (TypeError, ValueError):  # a builtin without a signature
        return False
