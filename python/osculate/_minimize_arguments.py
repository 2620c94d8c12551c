"""The derivatives and options that `minimize` is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from . import _arguments as arg
from ._result import FloatArray

# Sources of the gradient and of the Hessian, as the core numbers them
CALLBACK, FUSED = 0, 1
DIFFERENCES = {"2-point": 2, "3-point": 3, "cs": 4}
RULES = {code: rule for rule, code in DIFFERENCES.items()}
HESSIAN_CALLBACK = 1
HESSIAN_DIFFERENCES = {"2-point": 2, "3-point": 3}
DIFFERENCED = (2, 3)
# What the gradient's own error leaves of gtol's default
GTOL = {CALLBACK: 1e-8, FUSED: 1e-8, 2: 1e-5, 3: 1e-6, 4: 1e-8}
GTOL_SINGLE = {CALLBACK: 1e-4, FUSED: 1e-4, 2: 1e-1, 3: 1e-2, 4: 1e-4}
CERTIFYING_PRODUCTS = 20
OPTIONS = {  # SciPy's names among them
    "gtol": "gtol",
    "gtol_relative": "gtol_relative",
    "ftol": "ftol",
    "xtol": "xtol",
    "maxiter": "max_iterations",
    "max_iterations": "max_iterations",
    "maxfev": "max_evaluations",
    "max_evaluations": "max_evaluations",
    "disp": "disp",
}
MATRIX_FREE = ("max_cg_iterations", "certifying_products", "threads")
HESSIAN_FREE = ("damping", "min_damping", "decay", "progress_tolerance", "checkpoint_ratio")
OPTIONS_OF = {
    "newton": ("initial_radius", "scale"),
    "newton-linesearch": ("initial_radius", "scale"),
    "newton-cg": ("initial_radius", "preconditioner", "subproblem", *MATRIX_FREE),
    "hessian-free": (*HESSIAN_FREE, *MATRIX_FREE),
}


def read_gradient(who: str, jac: Any, args: tuple[Any, ...]) -> tuple[Any, int]:
    """The gradient's function, if it has one, and where it comes from."""
    if jac is True:
        return None, FUSED
    if callable(jac):
        return arg.with_arguments(who, "jac", jac, args, None), CALLBACK
    rule = "3-point" if jac is None or jac is False else jac
    if not isinstance(rule, str) or rule not in DIFFERENCES:
        raise ValueError(
            f"{who}: jac must be a callable, True, '2-point', '3-point', 'cs' or None, got {arg.shown(jac)}"
        )
    return None, DIFFERENCES[rule]


def read_hessian(who: str, hess: Any, args: tuple[Any, ...], gradient_source: int) -> tuple[Any, int]:
    """The Hessian's function, if it has one, and where it comes from."""
    if callable(hess):
        return arg.with_arguments(who, "hess", hess, args, None), HESSIAN_CALLBACK
    return None, _rule(who, hess, gradient_source)


def read_products(
    who: str, hess: Any, hessp: Any, args: tuple[Any, ...], gradient_source: int
) -> tuple[Any, int]:
    """The function H(x) v, if there is one, and where products come from."""
    if hessp is not None:
        if not callable(hessp):
            raise TypeError(f"{who}: hessp must be callable, got {arg.shown(hessp)}")
        return (hessp if not args else lambda x, v: hessp(x, v, *args)), HESSIAN_CALLBACK
    if callable(hess):
        return ProductsOfHessian(arg.with_arguments(who, "hess", hess, args, None)), HESSIAN_CALLBACK
    return None, _rule(who, hess, gradient_source)


def _rule(who: str, hess: Any, gradient_source: int) -> int:
    rule = ("3-point" if gradient_source in DIFFERENCED else "2-point") if hess is None else hess
    if not isinstance(rule, str) or rule not in HESSIAN_DIFFERENCES:
        raise ValueError(
            f"{who}: hess must be a callable, '2-point', '3-point' or None, got {arg.shown(hess)}"
        )
    return HESSIAN_DIFFERENCES[rule]


class ProductsOfHessian:
    """H(x) v of a function that gives H(x), which is asked once a point."""

    def __init__(self, hess: Callable[[FloatArray], Any]) -> None:
        self.hess, self.at = hess, np.empty(0)
        self.matrix: Any = None

    def __call__(self, x: FloatArray, v: FloatArray) -> Any:
        if self.matrix is None or not np.array_equal(x, self.at):
            self.at, self.matrix = x.copy(), self.hess(x)
            if not hasattr(self.matrix, "dot"):
                self.matrix = np.asarray(self.matrix)
        return self.matrix.dot(v)


def approximations(gradient_source: int, hessian_source: int, *, products: bool) -> tuple[str, ...]:
    """What was not given, and how it is approximated."""
    found = [f"jac: {RULES[gradient_source]}"] if gradient_source in DIFFERENCED else []
    if hessian_source != HESSIAN_CALLBACK:
        found.append(f"{'hessp' if products else 'hess'}: {RULES[hessian_source]} of jac")
    return tuple(found)


def known_options(method: str) -> dict[str, str]:
    """The options of a method, by SciPy's names too, and our name of each."""
    return OPTIONS | {name: name for name in OPTIONS_OF[method]}


def read_options(who: str, options: Any, tol: Any, method: str) -> dict[str, Any]:
    """The options by our names."""
    chosen: dict[str, Any] = {} if tol is None else {"gtol": tol}
    if options is None:
        return chosen
    if not isinstance(options, Mapping):
        raise TypeError(f"{who}: options must be a dict, got {arg.shown(options)}")
    known = known_options(method)
    unknown = sorted(str(key) for key in options if key not in known)
    if unknown:
        names = ", ".join(dict.fromkeys(known.values()))
        raise ValueError(f"{who}: options of method {method!r} may have {names}, got {', '.join(unknown)}")
    return chosen | {known[key]: value for key, value in options.items()}


def certifying_products(who: str, options: Mapping[str, Any]) -> int:
    """Most products of the look for negative curvature; 0 for none."""
    value = options.get("certifying_products", CERTIFYING_PRODUCTS)
    return (
        0
        if value == 0 and not isinstance(value, bool)
        else arg.count(who, "options['certifying_products']", value)
    )
