"""Learning rate and momentum from the exact quadratic model, and the damping from how well it predicts.

M(d) = f + g.d + d.(F + (lambda + eta) I) d / 2 over d = alpha D + mu d0, a 2 x 2 system (Martens & Grosse
2015, arXiv:1503.05671, sections 6.4, 6.5 and 7). F d comes from the caller: it is the exact Fisher or
Gauss-Newton matrix, not K-FAC's approximation.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _arguments as arg
from ._kfac_rows import floating
from ._kfac_status import QuadraticStep
from ._result import Status

Array = NDArray[Any]
OMEGA = 19 / 20  # section 6.5, for each step between two changes


class WithModel:
    """The part of `KFAC` that chooses lengths of steps and the damping."""

    _damping: float
    _l2: float
    _min_damping: float
    _damping_update_period: int

    @property
    def damping(self) -> float:
        """Lambda, which may be set; `l2` is added to it."""
        return self._damping

    @damping.setter
    def damping(self, value: float) -> None:
        self._damping = arg.at_least_zero("KFAC", "damping", value)

    def quadratic_step(
        self,
        gradients: Any,
        direction: Any,
        previous: Any = None,
        *,
        products: Any = None,
        curvature: Any = None,
    ) -> QuadraticStep:
        """Minimize ``g.d + d.(F + (damping + l2) I) d / 2`` over ``d = alpha direction + mu previous``.

        Parameters
        ----------
        gradients : array, mapping, tuple or list
            The gradient of the loss, with the l2 term where there is one: arrays in any nesting of mappings,
            tuples and lists, None where there is nothing. Names beyond those of `direction` are ignored.
        direction : of the same structure
            As a rule the negative of what `precondition` returns.
        previous : of the same structure, optional
            The step before, for momentum.
        products : (F direction,) or (F direction, F previous), optional
            In the same structure, with the exact Fisher or Gauss-Newton matrix of the loss without its l2
            term.
        curvature : float or array_like, shape (1, 1) or (2, 2), optional
            ``direction.F direction`` and its like with `previous`, instead of `products`: half the work where
            F = J'H J, since J d is enough.

        Returns
        -------
        QuadraticStep
            `learning_rate` alpha, `momentum` mu, and `predicted_reduction`.

        Raises
        ------
        TypeError, ValueError
            Structures or shapes differ, or not just one of `products` and `curvature` is given.

        Notes
        -----
        The gradient and F may come from different batches; the noise of F's enters alpha, so a quarter of
        the gradient's batch is about as few as works.
        """
        who = "KFAC.quadratic_step"
        steps = [direction] if previous is None else [direction, previous]
        k = len(steps)
        if (products is None) is (curvature is None):
            raise ValueError(f"{who}: either products or curvature must be given, got both or none")
        slopes = np.array([_dot(who, "gradients", d, gradients) for d in steps])
        matrix = np.empty((k, k))
        if curvature is not None:
            given = floating(who, "curvature", curvature).astype(np.float64)
            if given.size != k * k or given.shape not in ((), (1, 1), (2, 2)):
                raise ValueError(f"{who}: curvature must have shape {(k, k)}, got {given.shape}")
            matrix[:] = given
        else:
            if not isinstance(products, (tuple, list)) or len(products) != k:
                raise ValueError(f"{who}: products must be a tuple of {k}, got {arg.shown(products)}")
            for i in range(k):
                for j in range(k):
                    matrix[i, j] = _dot(who, "products", steps[i], products[j])
        matrix = (matrix + matrix.T) / 2
        for i in range(k):
            for j in range(i, k):
                square = (self._damping + self._l2) * _dot(who, "previous", steps[i], steps[j])
                matrix[i, j] += square
                matrix[j, i] = matrix[i, j]
        return minimize_quadratic(slopes, matrix)

    def adapt_damping(self, loss_before: float, loss_after: float, predicted_reduction: float) -> float:
        """Change the damping by how well the quadratic model predicted the loss, and return the ratio.

        Parameters
        ----------
        loss_before, loss_after : float
            The loss before and after a step, on one batch, with the l2 term where there is one.
        predicted_reduction : float
            Of `quadratic_step`, for that step.

        Returns
        -------
        float
            ``(loss_before - loss_after) / predicted_reduction``; NaN where that is not defined.

        Raises
        ------
        TypeError
            An argument is no number.

        Notes
        -----
        To be called every `damping_update_period` steps, T1. Above 3/4 the damping takes the factor
        (19/20)^T1, below 1/4, or where the ratio is not finite, its inverse. The factor takes it no lower
        than `min_damping`: on the batch that the step was made from, the ratio is too good, and without a
        floor the damping goes to 0 and the loss explodes.
        """
        who = "KFAC.adapt_damping"
        before, after, predicted = (
            arg.real(who, name, value)
            for name, value in (
                ("loss_before", loss_before),
                ("loss_after", loss_after),
                ("predicted_reduction", predicted_reduction),
            )
        )
        ratio = (before - after) / predicted if predicted > 0 else math.nan
        omega = OMEGA**self._damping_update_period
        if ratio > 0.75 and math.isfinite(ratio):
            self._damping = max(self._damping * omega, min(self._damping, self._min_damping))
        elif not ratio >= 0.25 or not math.isfinite(ratio):
            self._damping /= omega
        return ratio


def minimize_quadratic(slopes: Array, matrix: Array) -> QuadraticStep:
    """The minimum of b.z + z.C z / 2 for one or two unknowns; parallel directions are taken for one."""
    if not (np.isfinite(slopes).all() and np.isfinite(matrix).all()):
        return QuadraticStep(0.0, 0.0, 0.0, Status.nonfinite)
    lengths = np.sqrt(np.maximum(np.diagonal(matrix), 0))
    if not lengths[0] > 0:
        return QuadraticStep(0.0, 0.0, 0.0, Status.singular)
    first = float(slopes[0] / lengths[0])
    if len(slopes) == 2 and lengths[1] > 0:
        second = float(slopes[1] / lengths[1])
        cosine = float(matrix[0, 1] / lengths[0] / lengths[1])
        rest = 1 - cosine * cosine
        if rest > 1e-6:  # float32 products tell cosines apart no better
            alpha, mu = (cosine * second - first) / rest, (cosine * first - second) / rest
            reduction = -(alpha * first + mu * second) / 2
            return QuadraticStep(
                float(alpha / lengths[0]), float(mu / lengths[1]), max(reduction, 0.0), Status.gradient
            )
    return QuadraticStep(float(-first / lengths[0]), 0.0, first * first / 2, Status.gradient)


def _dot(who: str, name: str, x: Any, y: Any) -> float:
    """x.y over the arrays of two equal structures; y may have more names."""
    if x is None or y is None:
        if x is not None or y is not None:
            raise ValueError(f"{who}: {name} must have the structure of direction, got None beside an array")
        return 0.0
    if isinstance(x, Mapping):
        if not isinstance(y, Mapping) or not all(key in y for key in x):
            raise ValueError(
                f"{who}: {name} must be a mapping with the names of direction, got {arg.shown(y)}"
            )
        return math.fsum(_dot(who, name, x[key], y[key]) for key in x)
    if isinstance(x, (tuple, list)) and not all(isinstance(item, (int, float)) for item in x):
        if not isinstance(y, (tuple, list)) or len(y) != len(x):
            raise ValueError(f"{who}: {name} must have the structure of direction, got {arg.shown(y)}")
        return math.fsum(_dot(who, name, one, other) for one, other in zip(x, y, strict=True))
    left, right = floating(who, name, x), floating(who, name, y)
    if left.shape != right.shape:
        raise ValueError(f"{who}: {name} must have the shape {left.shape} of direction, got {right.shape}")
    if left.flags.f_contiguous and right.flags.f_contiguous:
        left, right = left.T, right.T
    return float(np.vdot(left, right))
