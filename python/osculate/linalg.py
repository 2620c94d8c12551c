"""Linear algebra of second-order methods: systems known by products alone, positive definite matrices."""

from __future__ import annotations

from ._krylov import cg, minres
from ._krylov_result import CgResult, LinearResult, MinresResult
from ._line_search import LineSearchResult, line_search
from ._spd import cholesky_inverse, cholesky_solve, spd_inverse
from ._subproblem import ModifiedCholesky, SubproblemResult, modified_cholesky, trust_region_subproblem

__all__ = [
    "CgResult",
    "LineSearchResult",
    "LinearResult",
    "MinresResult",
    "ModifiedCholesky",
    "SubproblemResult",
    "cg",
    "cholesky_inverse",
    "cholesky_solve",
    "line_search",
    "minres",
    "modified_cholesky",
    "spd_inverse",
    "trust_region_subproblem",
]
