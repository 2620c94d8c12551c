"""Linear systems of second-order methods: from products alone, and small ones by the million."""

from __future__ import annotations

from ._krylov import cg, minres
from ._krylov_result import CgResult, LinearResult, MinresResult

__all__ = ["CgResult", "LinearResult", "MinresResult", "cg", "minres"]
