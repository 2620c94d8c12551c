"""Linear algebra of second-order methods: systems known by products alone, positive definite matrices."""

from __future__ import annotations

from ._krylov import cg, minres
from ._krylov_result import CgResult, LinearResult, MinresResult
from ._spd import cholesky_inverse, cholesky_solve, spd_inverse
from ._subproblem import ModifiedCholesky, SubproblemResult, modified_cholesky, trust_region_subproblem

__all__ = [
    "CgResult",
    "LinearResult",
    "MinresResult",
    "ModifiedCholesky",
    "SubproblemResult",
    "cg",
    "cholesky_inverse",
    "cholesky_solve",
    "minres",
    "modified_cholesky",
    "spd_inverse",
    "trust_region_subproblem",
]
