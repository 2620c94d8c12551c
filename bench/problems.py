"""Every problem of the tests and benches: `nist()`, `mgh()`, `bounded()`, `smooth()`, `special()`.

The first three give `problem.Problem`: name, residual(x), analytic jacobian(x), starts, the right ends of
each start. The others give `objective.Objective`: value, gradient, Hessian and its products, starts.
"""

from __future__ import annotations

import bounded as _bounded
import mgh as _mgh
import nist_data as _nist_data
import objectives_pairs as _pairs
import objectives_special as _special
import objectives_squares as _squares
from objective import Objective
from problem import Array, End, Problem, correct_digits, reached_end

__all__ = [
    "Array",
    "End",
    "Objective",
    "Problem",
    "bounded",
    "correct_digits",
    "mgh",
    "nist",
    "reached_end",
    "smooth",
    "special",
]


def nist() -> list[Problem]:
    """The 27 NIST StRD regressions, two starts each."""
    return _nist_data.problems()


def mgh() -> list[Problem]:
    """37 problems of More, Garbow & Hillstrom, three starts each."""
    return _mgh.problems()


def bounded() -> list[Problem]:
    """25 problems with bounds active at the solution, two or three starts each."""
    return _bounded.problems()


def smooth() -> list[Objective]:
    """Unconstrained minimization, n from 2 to 1000, most from two starts."""
    return [*_squares.small(), *_squares.large(), *_pairs.problems()]


def special() -> list[Objective]:
    """Singular, infinite and undefined Hessians, saddles and maxima as starts."""
    return _special.problems()
