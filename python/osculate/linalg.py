"""Linear systems of second-order methods: from products alone, and small ones by the million."""

from __future__ import annotations

from ._krylov import cg
from ._krylov_result import CgResult, LinearResult

__all__ = ["CgResult", "LinearResult", "cg"]
