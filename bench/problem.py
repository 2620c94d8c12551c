"""One least-squares problem with known answers, and the small helpers its consumers share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Function = Callable[[Array], Array]


@dataclass(frozen=True)
class End:
    """Where a run may end: a local minimum, or an infimum that is approached but never attained.

    `sum_of_squares` is |r|^2, twice the cost: what NIST and the paper of More, Garbow and Hillstrom tabulate.
    """

    sum_of_squares: float
    at_infinity: bool = False


@dataclass(frozen=True, kw_only=True)
class Problem:
    """Minimize |residual(x)|^2 / 2 subject to lower <= x <= upper.

    `residual` accepts complex arguments (complex step); `jacobian` is analytic. `starts` maps a start's name
    to its point and `ends` the same names to the ends that are right from there. `hard` names the starts from
    which MINPACK's `lmder` needs 400 evaluations or more or does not arrive: an honest failure is right there
    too. `active` is the active set at the solution (-1 lower, 1 upper bound, 0 free). `certified` and
    `certified_stderr` are set where the solution is known to all digits (NIST).
    """

    name: str
    residual: Function
    jacobian: Function
    starts: dict[str, Array]
    ends: dict[str, tuple[End, ...]] = field(default_factory=dict)
    active: NDArray[np.int_] | None = None
    hard: frozenset[str] = frozenset()
    lower: Array | None = None
    upper: Array | None = None
    certified: Array | None = None
    certified_stderr: Array | None = None

    @property
    def n(self) -> int:
        return len(next(iter(self.starts.values())))

    @property
    def bounds(self) -> tuple[Array, Array]:
        lower = np.full(self.n, -np.inf) if self.lower is None else self.lower
        upper = np.full(self.n, np.inf) if self.upper is None else self.upper
        return lower, upper


def correct_digits(value: Array, certified: Array) -> float:
    """-log10(|value - certified| / |certified|) of the worst component: NIST's log relative error.

    At most 11, the digits that NIST certifies.
    """
    value, certified = np.asarray(value, dtype=float), np.asarray(certified, dtype=float)
    if not np.all(np.isfinite(value)):
        return -np.inf
    with np.errstate(divide="ignore"):
        digits = -np.log10(np.abs(value - certified) / np.abs(certified))
    return float(np.min(np.minimum(digits, 11.0)))


def reached_end(sum_of_squares: float, start_sum_of_squares: float, ends: tuple[End, ...]) -> End | None:
    """The end that a final |r|^2 belongs to, or None.

    A non-zero minimum is reached when |r|^2 agrees to 1e-6 (it is stationary there: the model's values are
    good to 1e-3 of |r|), a zero one when |r| is below 1e-6 of the start's and of 1, or below 1e-12. At an
    infimum at infinity |r|^2 need be within 1e-3 only: the approach is as slow as a solver likes.
    """
    for end in ends:
        if end.at_infinity:
            near = abs(sum_of_squares - end.sum_of_squares) <= 1e-3 * end.sum_of_squares
        elif end.sum_of_squares == 0.0:
            near = sum_of_squares <= max(1e-12 * min(1.0, start_sum_of_squares), 1e-24)
        else:
            near = abs(sum_of_squares - end.sum_of_squares) <= 1e-6 * end.sum_of_squares
        if near:
            return end
    return None
