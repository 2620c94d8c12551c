"""Checks of arguments that several functions share.

Every refusal names the function, the argument, what came and what was expected, before any work is done.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
EPSILON = float(np.finfo(float).eps)
LSMR_OPTIONS = ("atol", "btol", "maxiter", "regularize")  # SciPy's regularize: our damping always does
UNBOUNDED = (-np.inf, np.inf)
MOST = 2**62  # what the core's integers hold
NOT_NUMBERS = (bool, np.bool_, str, bytes, complex, np.complexfloating)


def shown(value: Any) -> str:
    """The repr of what came, on one line and not too long."""
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else text[:77] + "..."


def numbers(value: Any) -> NDArray[Any]:
    """An array of real numbers; TypeError for strings, dates, complex numbers and what holds None."""
    given = np.asarray(value)  # ValueError where it is ragged
    if given.dtype.kind not in "biuf" and (
        given.dtype.kind != "O" or any(item is None for item in given.flat)
    ):
        raise TypeError(given.dtype)
    return given


def start_vector(caller: str, x0: Any, name: str = "x0") -> FloatArray:
    """The start as a contiguous float64 vector of its own."""
    try:
        start = np.array(numbers(x0), dtype=np.float64, ndmin=1, order="C")
    except (TypeError, ValueError) as error:
        if str(error).startswith("complex"):
            raise ValueError(
                f"{caller}: {name} must be real, got complex numbers; "
                "fit real and imaginary parts as parameters"
            ) from error
        raise TypeError(f"{caller}: {name} must be an array of numbers, got {shown(x0)}") from error
    if start.ndim != 1:
        raise ValueError(f"{caller}: {name} must be 1-D, got shape {start.shape}")
    if start.size == 0:
        raise ValueError(f"{caller}: {name} must have at least one parameter, got an empty array")
    few = start.size < 30  # where Python's numbers are checked sooner than NumPy's functions are called
    if not (all(map(math.isfinite, start.tolist())) if few else np.isfinite(start).all()):
        where = int(np.flatnonzero(~np.isfinite(start))[0])
        raise ValueError(f"{caller}: {name} must be finite, got {name}[{where}] = {start[where]}")
    return start


def parameter_vector(caller: str, name: str, value: Any, n: int) -> FloatArray:
    """A number or n numbers as a float64 vector of length n."""
    try:
        given = np.asarray(numbers(value), dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{caller}: {name} must be a number or {n} numbers, got {shown(value)}") from error
    if given.ndim > 1 or (given.ndim == 1 and given.size not in (1, n)):
        raise ValueError(f"{caller}: {name} must be a number or have shape ({n},), got shape {given.shape}")
    vector = np.empty(n)
    vector[:] = given
    return vector


def positive_vector(caller: str, name: str, value: Any, n: int) -> FloatArray:
    """A positive finite number or n of them."""
    vector = parameter_vector(caller, name, value, n)
    if not (np.isfinite(vector).all() and (vector > 0).all()):
        raise ValueError(f"{caller}: {name} must be positive and finite, got {shown(value)}")
    return vector


def bound_vectors(caller: str, bounds: Any, n: int) -> tuple[FloatArray, FloatArray]:
    """Lower and upper bounds, infinite where there is none."""
    if hasattr(bounds, "lb") and hasattr(bounds, "ub"):
        bounds = (bounds.lb, bounds.ub)
    try:
        low, high = bounds
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{caller}: bounds must be a pair (lower, upper), each a number or of shape ({n},), "
            f"got {shown(bounds)}"
        ) from error
    for name, side, none in (("bounds[0]", low, "-numpy.inf"), ("bounds[1]", high, "numpy.inf")):
        if side is None or (isinstance(side, (list, tuple)) and any(item is None for item in side)):
            raise TypeError(f"{caller}: {name} must be numbers, got {shown(side)}; write {none} for no bound")
    lower, upper = (
        parameter_vector(caller, "bounds[0]", low, n),
        parameter_vector(caller, "bounds[1]", high, n),
    )
    for i in np.flatnonzero(~(lower <= upper)):
        raise ValueError(
            f"{caller}: bounds of parameter {i} must have lower <= upper, got {lower[i]} and {upper[i]}"
        )
    return lower, upper


def box(caller: str, bounds: Any, x0: FloatArray) -> tuple[FloatArray | None, FloatArray | None]:
    """Lower and upper bounds of x0, or (None, None) where nothing is bounded."""
    if bounds is UNBOUNDED:
        return None, None
    lower, upper = bound_vectors(caller, bounds, x0.size)
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
        try:
            given = np.asarray(fixed)
        except ValueError:  # ragged
            given = np.empty(0, dtype=object)
        if given.dtype != np.bool_ or given.shape != (n,):
            raise ValueError(f"{caller}: fixed must be a boolean mask of shape ({n},), got {shown(fixed)}")
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
            f"{caller}: {name} must be finite and at least the machine epsilon {EPSILON:.3g}, "
            f"or None for no such test, got {value!r}"
        )
    return number


def real(caller: str, name: str, value: Any) -> float:
    """A float, not a bool, not a string."""
    if type(value) is float:
        return value
    try:
        if isinstance(value, NOT_NUMBERS):
            raise TypeError
        return float(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise TypeError(f"{caller}: {name} must be a number, got {shown(value)}") from error


def positive(caller: str, name: str, value: Any) -> float:
    """A positive finite float."""
    number = real(caller, name, value)
    if not 0 < number < math.inf:
        raise ValueError(f"{caller}: {name} must be positive and finite, got {value!r}")
    return number


def finite(caller: str, name: str, value: Any) -> float:
    """A finite float."""
    number = real(caller, name, value)
    if not math.isfinite(number):
        raise ValueError(f"{caller}: {name} must be finite, got {value!r}")
    return number


def at_least_zero(caller: str, name: str, value: Any) -> float:
    """A finite float that is not negative."""
    number = real(caller, name, value)
    if not 0 <= number < math.inf:
        raise ValueError(f"{caller}: {name} must be finite and at least 0, got {value!r}")
    return number


def count(caller: str, name: str, value: Any) -> int:
    """A positive whole number; 0 for None. Integral floats are taken, as SciPy takes them."""
    if value is None:
        return 0
    if type(value) is int and 1 <= value <= MOST:
        return value
    try:
        if isinstance(value, NOT_NUMBERS) or value != int(value):
            raise TypeError
        number = int(value)
    except (TypeError, ValueError, OverflowError) as error:
        raise TypeError(f"{caller}: {name} must be a whole number or None, got {shown(value)}") from error
    if number < 1:
        raise ValueError(f"{caller}: {name} must be at least 1, got {value!r}")
    return min(number, MOST)


def choice(caller: str, name: str, value: Any, choices: Mapping[str, int]) -> int:
    """The code of one of several words."""
    if isinstance(value, str) and value in choices:
        return choices[value]
    words = ", ".join(repr(word) for word in choices)
    raise ValueError(f"{caller}: {name} must be one of {words}, got {shown(value)}")


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
        raise TypeError(f"{caller}: {name} must be callable, got {shown(fun)}")
    if isinstance(args, tuple) and not args and not kwargs:
        return fun  # type: ignore[no-any-return]
    if not isinstance(args, Iterable) or isinstance(args, (str, bytes)):
        raise TypeError(
            f"{caller}: args must be a tuple of extra arguments, got {shown(args)}; write args=(value,)"
        )
    if kwargs is not None and not isinstance(kwargs, Mapping):
        raise TypeError(f"{caller}: kwargs must be a dict, got {shown(kwargs)}")
    return WithArguments(fun, tuple(args), dict(kwargs or {}))


def wants_intermediate_result(callback: Callable[..., Any]) -> bool:
    """Whether a callback is of SciPy's form callback(intermediate_result)."""
    try:
        return set(inspect.signature(callback).parameters) == {"intermediate_result"}
    except (TypeError, ValueError):  # a builtin without a signature
        return False


def lsmr_options(who: str, options: Mapping[str, Any] | None) -> tuple[float, int]:
    """Relative accuracy and most iterations of LSMR from SciPy's `tr_options`; 0 where not given."""
    if not options:
        return 0.0, 0
    if not isinstance(options, Mapping):
        raise TypeError(f"{who}: tr_options must be a dict, got {shown(options)}")
    unknown = sorted(str(name) for name in options if name not in LSMR_OPTIONS)
    if unknown:
        raise ValueError(f"{who}: tr_options may have {', '.join(LSMR_OPTIONS)}, got {', '.join(unknown)}")
    accuracies = [positive(who, f"tr_options[{k!r}]", options[k]) for k in ("atol", "btol") if k in options]
    return max(accuracies, default=0.0), count(who, "tr_options['maxiter']", options.get("maxiter"))
