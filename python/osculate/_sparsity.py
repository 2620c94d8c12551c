"""Sparse Jacobians between Python and the core, which reads compressed columns."""

from __future__ import annotations

from typing import Any

import numpy as np


class DensePattern:
    """The pattern of a dense mask as the compressed columns the core reads; SciPy is not needed for it."""

    has_canonical_format = True

    def __init__(self, mask: Any) -> None:
        columns, rows = np.nonzero(mask.T)
        self.shape = mask.shape
        self.indices = rows.astype(np.int32)
        self.data = np.ones(rows.size)
        self.indptr = np.searchsorted(columns, np.arange(mask.shape[1] + 1)).astype(np.int32)

    def tocsc(self) -> DensePattern:
        """The object itself."""
        return self


def hessian_pattern(caller: str, given: Any, n: int) -> Any:
    """`hess_sparsity` with a `tocsc` method, of shape (n, n)."""
    pattern = given if hasattr(given, "tocsc") else _dense_mask(caller, given, "hess_sparsity", "Hessian")
    if pattern.shape != (n, n):
        raise ValueError(f"{caller}: hess_sparsity must have shape ({n}, {n}), got {pattern.shape}")
    return pattern if hasattr(pattern, "tocsc") else DensePattern(pattern != 0)


def sparsity_pattern(caller: str, given: Any, n: int) -> Any:
    """`jac_sparsity` with a `tocsc` method; a dense one may be of any dtype, nonzero meaning present."""
    pattern = given if hasattr(given, "tocsc") else _dense_mask(caller, given)
    if getattr(pattern, "ndim", 2) != 2 or pattern.shape[1] != n:
        raise ValueError(
            f"{caller}: jac_sparsity must have shape (m, {n}), residuals by parameters, got {pattern.shape}"
        )
    return pattern if hasattr(pattern, "tocsc") else DensePattern(pattern != 0)


def _dense_mask(caller: str, given: Any, name: str = "jac_sparsity", of: str = "Jacobian") -> Any:
    try:
        mask = np.atleast_2d(np.asarray(given))
    except ValueError:  # ragged
        mask = np.empty((1, 1), dtype=object)
    if mask.dtype.kind not in "biufc":
        raise TypeError(
            f"{caller}: {name} must be a mask of numbers, nonzero where the {of} is, got {given!r}"
        )
    return mask


def jacobian_from_core(jacobian: Any) -> Any:
    """A scipy.sparse.csc_array from the core's parts; operators and dense arrays pass through.

    Where SciPy is not installed (a dense pattern with differences does not need it) the array is dense.
    """
    if not isinstance(jacobian, tuple):
        return jacobian
    data, indices, starts, shape = jacobian
    try:
        from scipy.sparse import csc_array
    except ImportError:
        dense = np.zeros(shape)
        dense[indices, np.repeat(np.arange(shape[1]), np.diff(starts))] = data
        return dense
    return csc_array((data, indices, starts), shape=shape)
