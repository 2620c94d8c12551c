"""Functions on which a Newton method goes wrong: singular, infinite or undefined Hessians, saddles, maxima.

Named by their kind: `rank_one_*`, `infinite_*`, `undefined_*`, and `saddle_*` and `maximum_*`, whose start
has a vanishing gradient (or meets one along the way) and negative curvature.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from objective import Objective, dense_product, of_pairs
from objectives_pairs import double_well_chain, himmelblau_terms
from problem import Array


def _ridge(n: int, kind: str, *, ones: bool = False) -> Objective:
    """h(a'x), a = 1, 1/2, ..., 1/n: the Hessian h'' aa' has rank one up to rounding, exactly with a = 1."""
    a = np.ones(n) if ones else 1 / np.arange(1.0, n + 1)
    h = {
        "quadratic": (lambda s: (s - 1) ** 2 / 2, lambda s: s - 1, lambda s: 1.0),
        "cosh": (np.cosh, np.sinh, np.cosh),
        "log": (lambda s: np.logaddexp(0, s) - s / 3, lambda s: 1 / (1 + np.exp(-s)) - 1 / 3,
                lambda s: 1 / (2 + np.exp(s) + np.exp(-s))),
    }[kind]  # fmt: skip
    return Objective(
        name=f"rank_one_{kind}_{n}{'_exactly' * ones}",
        value=lambda x: float(h[0](a @ x)),
        gradient=lambda x: h[1](a @ x) * a,
        hessian=lambda x: h[2](a @ x) * np.outer(a, a),
        product=lambda x, v: h[2](a @ x) * (a @ v) * a,
        starts={"x1": np.full(n, 2.0)},
    )


def _separable(name: str, value: Any, slope: Any, bend: Any, x0: Any, **facts: Any) -> Objective:
    return Objective(
        name=name,
        value=lambda x: float(np.sum(value(x))),
        gradient=slope,
        hessian=lambda x: np.diag(bend(x)),
        product=lambda x, v: bend(x) * v,
        starts={"x1": np.array(x0, dtype=float)},
        **facts,
    )


def _powers(p: float) -> tuple[Any, Any, Any]:
    """|x|^p and its derivatives."""
    return (
        lambda x: np.abs(x) ** p,
        lambda x: p * np.sign(x) * np.abs(x) ** (p - 1),
        lambda x: p * (p - 1) * np.abs(x) ** (p - 2),
    )


def _power(p: float, x0: Any, name: str) -> Objective:
    """sum |x_i|^p + (x_i - 1)^2, 1 < p < 2: the Hessian is infinite where x_i = 0, which is no minimum."""
    value, slope, bend = _powers(p)
    return _separable(
        name,
        lambda x: value(x) + (x - 1) ** 2,
        lambda x: slope(x) + 2 * (x - 1),
        lambda x: bend(x) + 2,
        x0,
    )


def _norm_cubed() -> Objective:
    """|x|^3 + (x_0 - x_1)^2: coded as (x x' + |x|^2 I) / |x|, undefined at the minimum 0."""

    def hessian(x: Array) -> Array:
        length = np.sqrt(x @ x)
        return 3 * (np.outer(x, x) / length + length * np.eye(2)) + 2 * np.array([[1.0, -1], [-1, 1]])

    def gradient(x: Array) -> Array:
        return 3 * np.sqrt(x @ x) * x + 2 * (x[0] - x[1]) * np.array([1.0, -1])

    return Objective(
        name="undefined_at_minimum",
        value=lambda x: float((x @ x) ** 1.5 + (x[0] - x[1]) ** 2),
        gradient=gradient,
        hessian=hessian,
        product=dense_product(hessian),
        starts={"x1": np.array([1.0, -2.0])},
    )


def _fold(x: Array) -> tuple[float, Array, Array]:
    return float(x[0] ** 2 - x[1] ** 2 + x[1] ** 4), np.array([2 * x[0], -2 * x[1] + 4 * x[1] ** 3]), np.diag(
        [2.0, -2 + 12 * x[1] ** 2]
    )  # fmt: skip


def _saddle(name: str, x0: Any) -> Objective:
    """x^2 - y^2 + y^4: a saddle at 0, minima at (0, +- sqrt(1/2))."""
    return Objective(
        name=name,
        value=lambda x: _fold(x)[0],
        gradient=lambda x: _fold(x)[1],
        hessian=lambda x: _fold(x)[2],
        product=lambda x, v: _fold(x)[2] @ v,
        starts={"x1": np.array(x0, dtype=float)},
    )


def problems() -> list[Objective]:
    """Every special case."""
    first = np.zeros(100)
    first[0] = 0.7
    cosine = (np.cos, lambda x: -np.sin(x), lambda x: -np.cos(x))
    log = (lambda x: x**2 - np.log(1 - x**2), lambda x: 2 * x + 2 * x / (1 - x**2),
           lambda x: 2 + 2 * (1 + x**2) / (1 - x**2) ** 2)  # fmt: skip
    root = (lambda x: np.sqrt(x) - 2 * np.log(x), lambda x: 0.5 / np.sqrt(x) - 2 / x,
            lambda x: 2 / x**2 - 0.25 / x**1.5)  # fmt: skip
    entropy = (lambda x: x * np.log(x) - x, np.log, lambda x: 1 / x)
    return [
        *(_ridge(n, kind) for n in (2, 10, 100) for kind in ("quadratic", "cosh", "log")),
        *(_ridge(n, kind, ones=True) for n in (2, 10, 100) for kind in ("quadratic", "log")),
        _power(1.5, [0.0, 2.0], "infinite_at_start"),
        _power(4 / 3, [-1.0, 3.0, -2.0], "infinite_on_the_way"),
        _separable("infinite_at_minimum", *_powers(4 / 3), [1.0]),  # a step of length |x0| ends at 0 exactly
        _separable("infinite_by_overflow", *entropy, [1e-310, 2.0]),
        _separable("undefined_outside", *log, [0.9, -0.99]),
        _separable("undefined_below_zero", *root, [1e-3, 100.0]),
        _norm_cubed(),
        _saddle("saddle_on_the_way", [1.0, 0.0]),
        _saddle("saddle_at_start", [0.0, 0.0]),
        _saddle("saddle_beside", [1.0, 1e-12]),
        _separable("maximum_cosines", *cosine, np.zeros(5)),
        _separable("maximum_cosines_mixed", *cosine, [0.0, 1.0, 2.0, 0.0]),
        of_pairs("maximum_himmelblau", himmelblau_terms(2), {"x1": np.array([-0.27084459, -0.92303856])}),
        double_well_chain("saddle_chain_10", 10, {"zero": np.zeros(10)}),
        double_well_chain("saddle_chain_100", 100, {"zero": np.zeros(100), "first": first}),
    ]
