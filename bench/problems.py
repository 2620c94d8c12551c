"""Every problem of the tests and benches: `nist()`, `mgh()`, `bounded()`.

Each is a `problem.Problem`: name, residual(x), analytic jacobian(x), starts, the right ends of each start.
"""

from __future__ import annotations

import bounded as _bounded
import mgh as _mgh
import nist_data as _nist_data
from problem import Array, End, Problem, correct_digits, reached_end

__all__ = ["Array", "End", "Problem", "bounded", "correct_digits", "mgh", "nist", "reached_end"]


def nist() -> list[Problem]:
    """The 27 NIST StRD regressions, two starts each."""
    return _nist_data.problems()


def mgh() -> list[Problem]:
    """37 problems of More, Garbow & Hillstrom, three starts each."""
    return _mgh.problems()


def bounded() -> list[Problem]:
    """25 problems with bounds active at the solution, two or three starts each."""
    return _bounded.problems()
