"""NumPy's ufuncs, and those of scipy.special by name, as operations of the graph.

Formulas are chosen such that values and derivatives stay finite wherever the function's own are: at the
point where two branches meet, each branch has the function's derivative.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ._symbol import Symbol
from ._tracer import Rule

_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


def rule(ufunc: np.ufunc) -> Rule | None:
    """Return how a ufunc is traced. SciPy's are known by name, so that SciPy need not be imported."""
    return _NUMPY.get(ufunc) or _BY_NAME.get(ufunc.__name__)


def select(condition: Symbol, yes: Any, no: Any) -> Symbol:
    """Return yes where the condition holds, else no."""
    tracer = condition.tracer
    yes, no = tracer.lift(yes), tracer.lift(no)
    return tracer.apply("select", condition, yes, no, mask=yes.mask and no.mask)


def unary(operation: str) -> Rule:
    """Return the rule of a function of one argument that the graph has."""
    return lambda x: x.tracer.apply(operation, x)


def binary(operation: str) -> Rule:
    """Return the rule of a function of two arguments that the graph has."""
    return lambda a, b: a.tracer.apply(operation, a, b)


def _predicate(operation: str, *, reverse: bool = False) -> Rule:
    if reverse:
        return lambda a, b: a.tracer.apply(operation, b, a, mask=True)
    return lambda *operands: operands[0].tracer.apply(operation, *operands, mask=True)


def _bitwise(name: str, logical: Rule) -> Rule:
    """Masks only: bits of floats are nothing NumPy combines either."""

    def apply(*operands: Symbol) -> Symbol:
        if not all(operand.mask for operand in operands):
            operands[0].tracer.fail(f"numpy.{name} of numbers, which is defined for masks only")
        return logical(*operands)  # type: ignore[no-any-return]

    return apply


def _arithmetic(name: str, operation: str, of_masks: str | None) -> Rule:
    """NumPy adds masks by 'or', multiplies them by 'and', and does not subtract them."""

    def apply(a: Symbol, b: Symbol) -> Symbol:
        if not (a.mask and b.mask):
            return a.tracer.apply(operation, a, b)
        if of_masks is None:
            a.tracer.fail(f"numpy.{name} of masks, which NumPy refuses")
        return a.tracer.apply(of_masks, a, b, mask=True)

    return apply


def _negative(x: Symbol) -> Symbol:
    if x.mask:
        x.tracer.fail("numpy.negative of a mask, which NumPy refuses")
    return x.tracer.apply("neg", x)


def _logical_xor(a: Any, b: Any) -> Any:
    return (a != 0) != (b != 0)


def isnan(x: Any) -> Any:
    """NaN alone differs from itself."""
    return x.tracer.apply("not_equal", x, x, mask=True)


def isinf(x: Any) -> Any:
    """Both infinities."""
    return abs(x) == math.inf


def _isfinite(x: Any) -> Any:
    return abs(x) < math.inf


def trunc(x: Any) -> Any:
    """Round towards zero."""
    return select(x < 0, np.ceil(x), np.floor(x))


def _divmod(a: Any, b: Any) -> tuple[Any, Any]:
    """Quotient and remainder; the latter has b's sign also where a / b was rounded up."""
    quotient = np.floor(a / b)
    rest = a - b * quotient
    too_much = rest * b < 0
    return select(too_much, quotient - 1, quotient), select(too_much, rest + b, rest)


def _fmod(a: Any, b: Any) -> Any:
    return a - b * trunc(a / b)


def _fmin(a: Any, b: Any) -> Any:
    return select(isnan(a), b, select(isnan(b), a, np.minimum(a, b)))


def _fmax(a: Any, b: Any) -> Any:
    return select(isnan(a), b, select(isnan(b), a, np.maximum(a, b)))


def _heaviside(x: Any, at_zero: Any) -> Any:
    return select(x < 0, 0.0, select(x > 0, 1.0, select(x == 0, at_zero, x)))


def _sign(x: Any) -> Any:
    if x.mask:
        x.tracer.fail("numpy.sign of a mask, which NumPy refuses")
    return x.tracer.apply("sign", x)


def _minus_abs(x: Any) -> Any:
    """-|x| with the derivative of -x at 0."""
    return select(x < 0, x, -x)


def _logaddexp(a: Any, b: Any) -> Any:
    difference = a - b
    finite = select(difference < 0, b, a) + np.log1p(np.exp(_minus_abs(difference)))
    return select(np.logical_and(a == b, isinf(a)), a, finite)


def _expit(x: Any) -> Any:
    e = np.exp(_minus_abs(x))
    return select(x < 0, e, 1.0) / (1 + e)


def _log_expit(x: Any) -> Any:
    return select(x < 0, x, 0.0) - np.log1p(np.exp(_minus_abs(x)))


def _logit(x: Any) -> Any:
    return np.log(x / (1 - x))


def _ndtr(x: Any) -> Any:
    return 0.5 * unary("erfc")(-math.sqrt(0.5) * x)


def _log_ndtr(x: Any) -> Any:
    """Below -20, where erfc underflows later, the asymptotic series (Abramowitz & Stegun 7.1.23) to 1e-13."""
    inverse = 1 / (x * x)
    series: Any = 0.0
    for k in range(6, 0, -1):  # 1 - 1/x^2 + 3/x^4 - 15/x^6 ...
        series = -(2 * k - 1) * inverse * (1 + series)
    tail = -0.5 * (x * x) - np.log(-x) - _HALF_LOG_2PI + np.log1p(series)
    body = np.log(_ndtr(x))
    head = np.log1p(-_ndtr(-x))
    return select(x < -20, tail, select(x < 0, body, head))


def _xlogy(x: Any, y: Any) -> Any:
    no_limit = np.logical_or(y <= 0, y == math.inf)
    return select(np.logical_and(x == 0, no_limit), 0.0, x * np.log(y))


def _xlog1py(x: Any, y: Any) -> Any:
    no_limit = np.logical_or(y <= -1, y == math.inf)
    return select(np.logical_and(x == 0, no_limit), 0.0, x * np.log1p(y))


def _exp10(x: Any) -> Any:
    return 10.0**x


_AND, _OR, _NOT = (_predicate(name) for name in ("and", "or", "not"))

_NUMPY: dict[np.ufunc, Rule] = {
    np.add: _arithmetic("add", "add", "or"),
    np.subtract: _arithmetic("subtract", "sub", None),
    np.multiply: _arithmetic("multiply", "mul", "and"),
    np.divide: binary("div"),
    np.floor_divide: lambda a, b: _divmod(a, b)[0],
    np.remainder: lambda a, b: _divmod(a, b)[1],
    np.divmod: _divmod,
    np.fmod: _fmod,
    np.power: binary("pow"),
    np.float_power: binary("pow"),
    np.negative: _negative,
    np.positive: lambda x: x.copy(),
    np.conjugate: lambda x: x.copy(),
    np.absolute: lambda x: x.copy() if x.mask else x.tracer.apply("abs", x),
    np.fabs: unary("abs"),
    np.sign: _sign,
    np.heaviside: _heaviside,
    np.square: lambda x: x.tracer.apply("mul", x, x),
    np.reciprocal: lambda x: 1.0 / x,
    np.sqrt: unary("sqrt"),
    np.cbrt: unary("cbrt"),
    np.exp: unary("exp"),
    np.exp2: unary("exp2"),
    np.expm1: unary("expm1"),
    np.log: unary("log"),
    np.log2: unary("log2"),
    np.log10: unary("log10"),
    np.log1p: unary("log1p"),
    np.logaddexp: _logaddexp,
    np.hypot: binary("hypot"),
    np.sin: unary("sin"),
    np.cos: unary("cos"),
    np.tan: unary("tan"),
    np.arcsin: unary("asin"),
    np.arccos: unary("acos"),
    np.arctan: unary("atan"),
    np.arctan2: binary("atan2"),
    np.sinh: unary("sinh"),
    np.cosh: unary("cosh"),
    np.tanh: unary("tanh"),
    np.arcsinh: unary("asinh"),
    np.arccosh: unary("acosh"),
    np.arctanh: unary("atanh"),
    np.deg2rad: lambda x: x * (math.pi / 180),
    np.radians: lambda x: x * (math.pi / 180),
    np.rad2deg: lambda x: x * (180 / math.pi),
    np.degrees: lambda x: x * (180 / math.pi),
    np.minimum: binary("min"),
    np.maximum: binary("max"),
    np.fmin: _fmin,
    np.fmax: _fmax,
    np.floor: unary("floor"),
    np.ceil: unary("ceil"),
    np.trunc: trunc,
    np.less: _predicate("less"),
    np.less_equal: _predicate("less_equal"),
    np.greater: _predicate("less", reverse=True),
    np.greater_equal: _predicate("less_equal", reverse=True),
    np.equal: _predicate("equal"),
    np.not_equal: _predicate("not_equal"),
    np.logical_and: _AND,
    np.logical_or: _OR,
    np.logical_not: _NOT,
    np.logical_xor: _logical_xor,
    np.bitwise_and: _bitwise("bitwise_and", _AND),
    np.bitwise_or: _bitwise("bitwise_or", _OR),
    np.bitwise_xor: _bitwise("bitwise_xor", _logical_xor),
    np.invert: _bitwise("invert", _NOT),
    np.isnan: isnan,
    np.isinf: isinf,
    np.isfinite: _isfinite,
}

_BY_NAME: dict[str, Rule] = {
    "erf": unary("erf"),
    "erfc": unary("erfc"),
    "expit": _expit,
    "log_expit": _log_expit,
    "logit": _logit,
    "ndtr": _ndtr,
    "log_ndtr": _log_ndtr,
    "exp10": _exp10,
    "xlogy": _xlogy,
    "xlog1py": _xlog1py,
    "exp2": unary("exp2"),
    "expm1": unary("expm1"),
    "log1p": unary("log1p"),
    "cbrt": unary("cbrt"),
}
