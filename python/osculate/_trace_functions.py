"""NumPy's functions that are no ufuncs but elementwise, as operations of the graph.

A rule takes the trace and the arguments of the function; what it does not know it refuses by name.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ._symbol import Coordinates, Symbol, assign
from ._trace_ufuncs import isnan, select, trunc
from ._tracer import Rule, Shape, Tracer


def _where(t: Tracer, condition: Any, *choices: Any) -> Symbol:
    if len(choices) != 2:
        t.fail("numpy.where(condition), which takes data points by number")
    return select(t.lift(condition), *choices)


def _select(t: Tracer, condlist: Any, choicelist: Any, default: Any = 0) -> Symbol:
    if len(condlist) != len(choicelist):
        t.fail(f"numpy.select with {len(condlist)} conditions and {len(choicelist)} choices")
    result = t.lift(default)
    for condition, choice in reversed(list(zip(condlist, choicelist, strict=True))):
        result = select(t.lift(condition), choice, result)
    return result


def _piecewise(t: Tracer, x: Any, condlist: Any, funclist: Any, *args: Any, **keywords: Any) -> Symbol:
    if isinstance(condlist, Symbol) or not isinstance(condlist[0], (list, np.ndarray, Symbol)):
        condlist = [condlist]
    pieces = list(funclist)
    if len(pieces) == len(condlist) + 1:
        pieces.insert(0, pieces.pop())
    elif len(pieces) == len(condlist):
        pieces.insert(0, 0.0)
    else:
        t.fail(f"numpy.piecewise with {len(condlist)} conditions and {len(pieces)} functions")
    argument = t.lift(x)
    values = [piece(argument.copy(), *args, **keywords) if callable(piece) else piece for piece in pieces]
    result = t.lift(values[0]).like(argument.shape)
    for condition, value in zip(condlist, values[1:], strict=True):  # the last that holds counts
        result = select(t.lift(condition), value, result)
    return result


def _clip(
    t: Tracer,
    a: Any,
    a_min: Any = None,
    a_max: Any = None,
    out: Any = None,
    *,
    min: Any = None,
    max: Any = None,
    **options: Any,
) -> Any:
    _no_options(t, "numpy.clip", options)
    lower, upper = a_min if min is None else min, a_max if max is None else max
    result: Any = t.lift(a)
    if lower is not None:
        result = np.maximum(result, t.lift(lower))
    if upper is not None:
        result = np.minimum(result, t.lift(upper))
    return result if out is None else assign(t, out, result, "numpy.clip")


def _full_like(t: Tracer, a: Any, value: Any, dtype: Any = None, **options: Any) -> Any:
    shape = options.pop("shape", None)
    options.pop("order", None), options.pop("subok", None), options.pop("device", None)
    _no_options(t, "numpy.full_like", options)
    if isinstance(a, Coordinates):
        t.fail("an array of the shape of all coordinates")
    kind = a.dtype if dtype is None else np.dtype(dtype)
    if kind.kind not in "biuf":
        t.fail(f"an array of {kind.name}: a trace has real numbers only")
    given = a.shape if shape is None else _shape(t, a, shape)
    filled = t.lift(value)
    if kind.kind == "b" and not filled.mask:
        filled = filled != 0
    return filled.like(given, mask=kind.kind == "b")


def _zeros_like(t: Tracer, a: Any, dtype: Any = None, *order: Any, **options: Any) -> Any:
    return _full_like(t, a, 0.0, dtype, **options)


def _ones_like(t: Tracer, a: Any, dtype: Any = None, *order: Any, **options: Any) -> Any:
    return _full_like(t, a, 1.0, dtype, **options)


def _polyval(t: Tracer, p: Any, x: Any) -> Any:
    if isinstance(p, Symbol):
        t.fail("numpy.polyval with a traced value for its list of coefficients")
    coefficients = list(p.coeffs if isinstance(p, np.poly1d) else p) or [0.0]
    argument = t.lift(x)
    result = t.lift(coefficients[0]).like(argument.shape)
    for coefficient in coefficients[1:]:
        result = result * argument + coefficient
    return result


def _sinc(t: Tracer, x: Any) -> Any:
    symbol = t.lift(x)
    y = math.pi * select(symbol == 0, 1e-20, symbol)  # NumPy's number
    return np.sin(y) / y


def _nan_to_num(
    t: Tracer, x: Any, copy: bool = True, nan: Any = 0.0, posinf: Any = None, neginf: Any = None
) -> Symbol:
    symbol = t.lift(x)
    largest = float(np.finfo(np.float64).max)
    result = select(symbol == math.inf, largest if posinf is None else posinf, symbol)
    result = select(symbol == -math.inf, -largest if neginf is None else neginf, result)
    result = select(isnan(symbol), nan, result)
    return result if copy else assign(t, x, result, "numpy.nan_to_num")


def _isclose(t: Tracer, a: Any, b: Any, rtol: Any = 1e-5, atol: Any = 1e-8, equal_nan: bool = False) -> Any:
    a, b = t.lift(a), t.lift(b)
    close = np.logical_and(abs(a - b) <= atol + rtol * abs(b), abs(b) < math.inf)
    close = np.logical_or(close, a == b)
    return np.logical_or(close, np.logical_and(isnan(a), isnan(b))) if equal_nan else close


def _copyto(t: Tracer, dst: Any, src: Any, casting: Any = None, where: Any = True) -> None:
    value = t.lift(src)
    if where is not True:
        value = select(t.lift(where), value, dst)
    assign(t, dst, value, "numpy.copyto")


def _copy(t: Tracer, a: Any, *args: Any, **options: Any) -> Any:
    return a.copy()


def _same(t: Tracer, x: Any, *args: Any, **options: Any) -> Any:
    return x


def _fix(t: Tracer, x: Any, out: Any = None) -> Symbol:
    result = trunc(t.lift(x))
    return result if out is None else assign(t, out, result, "numpy.fix")


def _atleast_1d(t: Tracer, *arrays: Any) -> Any:
    results = tuple(
        array if isinstance(array, Coordinates) or array.shape else array.like((1,))
        for array in (a if isinstance(a, Coordinates) else t.lift(a) for a in arrays)
    )
    return results if len(results) > 1 else results[0]


def _squeeze(t: Tracer, a: Any, axis: Any = None) -> Any:
    if isinstance(a, Coordinates):
        t.fail("numpy.squeeze of all coordinates")
    return a.like(()) if a.shape == (1,) else a


def _reshape(t: Tracer, a: Any, shape: Any = -1, *order: Any, **options: Any) -> Any:
    if isinstance(a, Coordinates):
        t.fail("a new shape for all coordinates: take x[0], x[1], ... or unpack them")
    new = _shape(t, a, options.pop("newshape", shape))
    return a if new == a.shape else a.like(new)


def _ravel(t: Tracer, a: Any, order: Any = "C") -> Any:
    return _reshape(t, a)


def _shape(t: Tracer, a: Symbol, shape: Any) -> Shape:
    """Check a new shape with as many elements as `a` has: one dimension more or less at the most."""
    new = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    if new == (-1,):
        new = (a.size,)
    if new not in ((t.points,), (1,), ()) or math.prod(new) != a.size:
        t.fail(f"the shape {shape} for a traced value of shape {a.shape}")
    return new


def _broadcast_to(t: Tracer, array: Any, shape: Any, subok: bool = False) -> Symbol:
    new = tuple(shape) if isinstance(shape, (tuple, list)) else (shape,)
    symbol = t.lift(array)
    if new != (t.points,) and new != symbol.shape:
        t.fail(f"the shape {new} for a traced value of shape {symbol.shape}")
    return symbol.like(new)


def _broadcast_arrays(t: Tracer, *arrays: Any, subok: bool = False) -> tuple[Symbol, ...]:
    symbols = [t.lift(array) for array in arrays]
    shape: Shape = ()
    for symbol in symbols:
        shape = t.broadcast(shape, symbol.shape)
    return tuple(symbol.like(shape) for symbol in symbols)


def _result_type(t: Tracer, *arrays: Any) -> Any:
    return np.result_type(*[a.dtype if isinstance(a, (Symbol, Coordinates)) else a for a in arrays])


def _size(t: Tracer, a: Any, axis: Any = None) -> int:
    return a.size if axis is None else a.shape[axis]  # type: ignore[no-any-return]


def _no_options(t: Tracer, name: str, options: dict[str, Any]) -> None:
    for option in options:
        t.fail(f"{name} with {option}=")


FUNCTIONS: dict[Any, Rule] = {
    np.where: _where,
    np.select: _select,
    np.piecewise: _piecewise,
    np.clip: _clip,
    np.zeros_like: _zeros_like,
    np.empty_like: _zeros_like,  # whatever fills it
    np.ones_like: _ones_like,
    np.full_like: _full_like,
    np.polyval: _polyval,
    np.sinc: _sinc,
    np.nan_to_num: _nan_to_num,
    np.isclose: _isclose,
    np.real: lambda t, val: val,
    np.imag: lambda t, val: val.imag,
    np.real_if_close: _same,
    np.isreal: lambda t, x: _full_like(t, x, True, bool),
    np.iscomplexobj: lambda t, x: False,
    np.isrealobj: lambda t, x: True,
    np.fix: _fix,
    np.copy: _copy,
    np.copyto: _copyto,
    np.atleast_1d: _atleast_1d,
    np.squeeze: _squeeze,
    np.ravel: _ravel,
    np.reshape: _reshape,
    np.broadcast_to: _broadcast_to,
    np.broadcast_arrays: _broadcast_arrays,
    np.shape: lambda t, a: a.shape,
    np.ndim: lambda t, a: a.ndim,
    np.size: _size,
    np.result_type: _result_type,
}
