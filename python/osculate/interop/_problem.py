"""What the adapters of frameworks have in common: the problem they make, and a memory of the latest point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._arguments import FloatArray, shown

LEAST_SQUARES = "least_squares"


@dataclass(frozen=True, repr=False, eq=False)
class Problem:
    """A function of a framework as `osculate.minimize` takes it, of one vector of n numbers.

    All functions take and return NumPy arrays in float64, and pass ``*args`` on. Arrays are shared with the
    framework where it computes in float64 on the CPU, and may then be read-only.
    """

    x0: FloatArray
    """The start, shape (n,)."""
    fun: Callable[..., tuple[float, FloatArray]]
    """``fun(x, *args)`` gives value and gradient, for ``jac=True``."""
    value: Callable[..., float]
    """``value(x, *args)`` gives the value alone."""
    jac: Callable[..., FloatArray]
    """``jac(x, *args)`` gives the gradient, shape (n,)."""
    hess: Callable[..., FloatArray]
    """``hess(x, *args)`` gives the Hessian, shape (n, n)."""
    hessp: Callable[..., FloatArray]
    """``hessp(x, v, *args)`` gives the Hessian times v, shape (n,)."""
    unravel: Callable[[Any], Any]
    """``unravel(x)`` gives what x stands for, in the shapes and types of the start."""
    framework: str
    dtype: str
    """The type that the framework computes in."""
    _gauss_newton: Callable[..., FloatArray] | None = None

    @property
    def gauss_newton_product(self) -> Callable[..., FloatArray]:
        """``gauss_newton_product(x, v, *args)`` gives J' (L (J v)), shape (n,): for `hessp`.

        J is the Jacobian of the outputs and L the Hessian of the loss by them, so that the product is never
        indefinite where the loss is convex (N. N. Schraudolph, "Fast curvature matrix-vector products for
        second-order gradient descent", Neural Computation 14, 2002, doi:10.1162/08997660260028683).
        ValueError where the problem has no `loss`.
        """
        if self._gauss_newton is None:
            raise ValueError(
                "problem: gauss_newton_product needs a loss of outputs, problem(f, x0, loss=...)"
            )
        return self._gauss_newton

    def __repr__(self) -> str:
        return f"<Problem of {self.x0.size} variables, {self.framework} in {self.dtype}>"


class Latest:
    """A function of a point and arguments that remembers its latest value.

    Conjugate gradients ask for many products at one point: what these share is computed once. `identity`
    gives the objects in the arguments and the versions of these, or None where they could change unseen: then
    nothing is kept.
    """

    def __init__(self, prepare: Callable[..., Any], identity: Callable[[tuple[Any, ...]], Any]) -> None:
        self.prepare, self.identity = prepare, identity
        self.kept: tuple[Any, ...] | None = None

    def __call__(self, x: FloatArray, args: tuple[Any, ...]) -> Any:
        kept, known = self.kept, self.identity(args)  # another thread may replace what is kept
        if (
            kept is not None
            and known is not None
            and known[1] == kept[1][1]
            and len(known[0]) == len(kept[1][0])
            and all(a is b for a, b in zip(known[0], kept[1][0], strict=True))
            and np.array_equal(x, kept[0])
        ):
            return kept[2]
        self.kept = None  # not two at a time: they may be large
        at = np.array(x, dtype=np.float64)
        prepared = self.prepare(at, *args)
        if known is not None:
            self.kept = at, known, prepared
        return prepared


def check(f: Any, loss: Any) -> None:
    """Refuse what is no function, and losses that are not known."""
    if not callable(f):
        raise TypeError(f"problem: f must be callable, got {shown(f)}")
    if not (loss is None or loss == LEAST_SQUARES or callable(loss)):
        raise ValueError(f"problem: loss must be a callable, {LEAST_SQUARES!r} or None, got {shown(loss)}")


def split(loss: Any, args: tuple[Any, ...]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """The arguments of f and those of the loss."""
    return (args[:1], args[1:]) if callable(loss) else (args, ())
