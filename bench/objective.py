"""One smooth function with gradient, Hessian and Hessian-vector products, and the check of its derivatives.

Three ways to state one: a sum of squares from residual, Jacobian and sum_i w_i r_i'' (`of_squares`), a
sum of squares whose Jacobian accepts complex arguments (`of_small_squares`), and a sum of terms of two
variables each (`of_pairs`). Complex step (Squire & Trapp, SIAM Rev. 40, 1998) is exact to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from problem import Array, Function, Problem

TINY = 1e-30  # complex step: no difference is formed, so only underflow bounds it from below
GTOL = 1e-6


@dataclass(frozen=True, kw_only=True)
class Objective:
    """Minimize value(x) over all x.

    A point is stationary where no element of the gradient exceeds `gtol`: 1e-6 unless the values are so large
    that rounding alone exceeds it. `infimum` is where the value says more than the gradient does.
    """

    name: str
    value: Callable[[Array], float]
    gradient: Function
    hessian: Function
    product: Callable[[Array, Array], Array]
    starts: dict[str, Array]
    gtol: float = GTOL
    infimum: float | None = None

    @property
    def n(self) -> int:
        return len(next(iter(self.starts.values())))


def starts_of(x0: Array, *factors: int) -> dict[str, Array]:
    """x1 the standard start, x10 ten times it (10 everywhere where it is zero)."""
    points = {"x1": np.array(x0, dtype=float)}
    for factor in factors:
        points[f"x{factor}"] = factor * points["x1"] if np.any(x0) else np.full(len(x0), float(factor))
    return points


def dense_product(hessian: Function) -> Callable[[Array, Array], Array]:
    """Products of a Hessian that is formed anew for each."""
    return lambda x, v: hessian(x) @ v


def _along(gradient: Function, x: Array, v: Array) -> Array:
    """The gradient's derivative along v by complex step."""
    h = TINY / max(float(np.max(np.abs(v))), 1e-300)
    return gradient(x + 1j * h * v).imag / h


def of_small_squares(problem: Problem, factors: Sequence[int], gtol: float = GTOL) -> Objective:
    """f = |r|^2 with second derivatives by complex step of g = 2 J'r: n gradients a Hessian."""

    def value(x: Array) -> float:
        r = problem.residual(x)
        return float(r @ r)

    def gradient(x: Array) -> Array:
        return 2 * problem.jacobian(x).T @ problem.residual(x)

    def hessian(x: Array) -> Array:
        H = np.column_stack([_along(gradient, x, e) for e in np.eye(len(x))])
        return (H + H.T) / 2

    return Objective(
        name=problem.name,
        value=value,
        gradient=gradient,
        hessian=hessian,
        product=lambda x, v: _along(gradient, x, v),
        starts={f"x{factor}": problem.starts[f"x{factor}"] for factor in (1, *factors)},
        gtol=gtol,
    )


def of_squares(
    name: str,
    residual: Function,
    jacobian: Callable[[Array], Any],
    second: Callable[[Array, Array], Any] | None,
    starts: dict[str, Array],
    **facts: Any,
) -> Objective:
    """f = |r|^2, H = 2 (J'J + sum_i r_i r_i''); `second(x, w)` is sum_i w_i r_i'', a diagonal or a matrix.

    The Jacobian may be sparse; the Hessian is dense all the same.
    """

    def value(x: Array) -> float:
        r = residual(x)
        return float(r @ r)

    def gradient(x: Array) -> Array:
        return np.asarray(2 * (jacobian(x).T @ residual(x)))

    def hessian(x: Array) -> Array:
        J = jacobian(x)
        H = J.T @ J
        H = H.toarray() if hasattr(H, "toarray") else H
        if second is not None:
            bend = second(x, residual(x))
            if bend.ndim == 1:
                H[np.diag_indices(len(x))] += bend
            else:
                H += bend
        return 2 * H

    def product(x: Array, v: Array) -> Array:
        J = jacobian(x)
        Hv = J.T @ (J @ v)
        if second is not None:
            bend = second(x, residual(x))
            Hv = Hv + (bend * v if bend.ndim == 1 else bend @ v)
        return np.asarray(2 * Hv)

    facts = {"hessian": hessian, "product": product, **facts}
    return Objective(name=name, value=value, gradient=gradient, starts=starts, **facts)


@dataclass(frozen=True)
class Pairs:
    """sum_k weight_k phi(x[a_k], x[b_k]); phi gives value, both slopes, and the curvatures aa, ab, bb."""

    a: Array
    b: Array
    phi: Callable[..., Sequence[Any]]
    weight: Array | float = 1.0


def of_pairs(name: str, terms: Sequence[Pairs], starts: dict[str, Array], **facts: Any) -> Objective:
    """A sum of terms of two variables each: the Hessian is assembled term by term."""

    def value(x: Array) -> float:
        return float(sum(np.sum(t.weight * t.phi(x[t.a], x[t.b])[0]) for t in terms))

    def gradient(x: Array) -> Array:
        g = np.zeros(len(x), dtype=x.dtype)
        for t in terms:
            _, slope_a, slope_b, *_ = t.phi(x[t.a], x[t.b])
            np.add.at(g, t.a, t.weight * slope_a)
            np.add.at(g, t.b, t.weight * slope_b)
        return g

    def hessian(x: Array) -> Array:
        H = np.zeros((len(x), len(x)))
        for t in terms:
            aa, ab, bb = t.phi(x[t.a], x[t.b])[3:]
            for i, j, bend in ((t.a, t.a, aa), (t.a, t.b, ab), (t.b, t.a, ab), (t.b, t.b, bb)):
                np.add.at(H, (i, j), t.weight * bend)
        return H

    def product(x: Array, v: Array) -> Array:
        out = np.zeros(len(x))
        for t in terms:
            aa, ab, bb = t.phi(x[t.a], x[t.b])[3:]
            np.add.at(out, t.a, t.weight * (aa * v[t.a] + ab * v[t.b]))
            np.add.at(out, t.b, t.weight * (ab * v[t.a] + bb * v[t.b]))
        return out

    return Objective(
        name=name, value=value, gradient=gradient, hessian=hessian, product=product, starts=starts, **facts
    )


def derivative_errors(objective: Objective, x: Array, seed: int = 7) -> dict[str, float]:
    """Relative errors at x: gradient and Hessian by central differences, the product by the Hessian.

    Along three directions each: random signs, one element, the gradient. A difference's error is what
    Richardson's extrapolation of two steps leaves; errors are relative to the sizes of what cancels.
    """
    rng = np.random.default_rng(seed)
    n, H, g = len(x), objective.hessian(x), objective.gradient(x)
    unit = np.zeros(n)
    unit[rng.integers(n)] = 1
    errors = {"gradient": 0.0, "hessian": 0.0, "product": 0.0, "symmetry": 0.0}
    size = float(np.max(np.abs(H))) or 1.0
    errors["symmetry"] = float(np.max(np.abs(H - H.T))) / size
    for u in (rng.choice([-1.0, 1.0], n), unit, g / (float(np.max(np.abs(g))) or 1.0)):
        v = u * np.maximum(np.abs(x), 1e-2)  # in units of x: badly scaled variables move alike
        slope, bend = float(g @ v), H @ v
        h = 1e-3

        def differences(function: Callable[[Array], Any], h: float = h, v: Array = v) -> Any:
            def central(h: float) -> Any:
                return (function(x + h * v) - function(x - h * v)) / (2 * h)

            return (4 * central(h / 2) - central(h)) / 3

        noise = 1e-16 * abs(objective.value(x)) / h
        scale = np.abs(g) @ np.abs(v) + abs(differences(objective.value)) + 1e6 * noise
        errors["gradient"] = max(errors["gradient"], abs(slope - differences(objective.value)) / (scale or 1))
        largest = np.max(np.abs(bend)) + 1e-9 * np.max(np.abs(g)) / h
        off = np.max(np.abs(bend - differences(objective.gradient))) / (largest or 1)
        errors["hessian"] = max(errors["hessian"], float(off))
        off = np.max(np.abs(bend - objective.product(x, v))) / (np.max(np.abs(H) @ np.abs(v)) or 1)
        errors["product"] = max(errors["product"], float(off))
    return errors
