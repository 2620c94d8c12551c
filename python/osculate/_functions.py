"""The functions and constants a model expression may use, and which of them complex steps may differentiate.

A complex step takes f'(x) from Im f(x + ih) / h (Squire & Trapp 1998, doi:10.1137/S003614459631241X), which
is exact to rounding if every function of f is analytic and NumPy evaluates it in complex arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Value = npt.NDArray[Any] | np.generic | float


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the whitelist.

    Attributes
    ----------
    call : callable
        Elementwise on floats and arrays; on complex ones too if `analytic`.
    arguments : int
        The number of arguments, exactly.
    analytic : bool
        Whether complex steps through it give its derivative.
    """

    call: Callable[..., Any]
    arguments: int = 1
    analytic: bool = True


def power(base: Any, exponent: Any) -> Any:
    """Return base**exponent, with a first-order imaginary part where the operands are complex.

    NumPy's complex power is NaN for 0**(b + ih) and loses the tiny imaginary part for a negative base with a
    large integer exponent, so the imaginary part is b a**(b-1) Im(a) + a**b log(a) Im(b), which is exact to
    O(h^2).
    """
    if not (np.iscomplexobj(base) or np.iscomplexobj(exponent)):
        return base**exponent
    a, b = np.real(base), np.real(exponent)
    h, k = np.imag(base), np.imag(exponent)
    real = a**b
    imaginary = np.where(h == 0, 0.0, b * a ** (b - 1) * h)
    if np.iscomplexobj(exponent):
        imaginary = imaginary + np.where((k == 0) | (real == 0), 0.0, real * np.log(a) * k)
    result = np.empty(np.broadcast(real, imaginary).shape, dtype=complex)
    result.real, result.imag = real, imaginary
    return result


def _elementwise(function: Callable[[float], float]) -> Callable[[Any], Any]:
    """Lift a function of `math` that NumPy lacks to arrays, and to symbols of a traced model."""
    lifted = np.frompyfunc(function, 1, 1)

    def call(x: Any) -> Any:
        if hasattr(x, "__osculate_unary__"):
            return x.__osculate_unary__(function.__name__)
        return np.asarray(lifted(x), dtype=float)

    return call


FUNCTIONS: dict[str, Function] = {
    "exp": Function(np.exp),
    "expm1": Function(np.expm1),
    "log": Function(np.log),
    "ln": Function(np.log),
    "log10": Function(np.log10),
    "log2": Function(np.log2),
    "log1p": Function(np.log1p),
    "sqrt": Function(np.sqrt),
    "sin": Function(np.sin),
    "cos": Function(np.cos),
    "tan": Function(np.tan),
    "arcsin": Function(np.arcsin),
    "asin": Function(np.arcsin),
    "arccos": Function(np.arccos),
    "acos": Function(np.arccos),
    "arctan": Function(np.arctan),
    "atan": Function(np.arctan),
    "sinh": Function(np.sinh),
    "cosh": Function(np.cosh),
    "tanh": Function(np.tanh),
    "arcsinh": Function(np.arcsinh),
    "asinh": Function(np.arcsinh),
    "arccosh": Function(np.arccosh),
    "acosh": Function(np.arccosh),
    "arctanh": Function(np.arctanh),
    "atanh": Function(np.arctanh),
    "pow": Function(power, 2),
    "abs": Function(np.abs, analytic=False),
    "sign": Function(np.sign, analytic=False),
    "cbrt": Function(np.cbrt, analytic=False),
    "erf": Function(_elementwise(math.erf), analytic=False),
    "erfc": Function(_elementwise(math.erfc), analytic=False),
    "arctan2": Function(np.arctan2, 2, analytic=False),
    "atan2": Function(np.arctan2, 2, analytic=False),
    "hypot": Function(np.hypot, 2, analytic=False),
    "minimum": Function(np.minimum, 2, analytic=False),
    "min": Function(np.minimum, 2, analytic=False),
    "maximum": Function(np.maximum, 2, analytic=False),
    "max": Function(np.maximum, 2, analytic=False),
    "heaviside": Function(np.heaviside, 2, analytic=False),
    "where": Function(np.where, 3, analytic=False),
}

CONSTANTS: dict[str, float] = {"pi": math.pi, "e": math.e}
