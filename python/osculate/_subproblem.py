"""Steps of dense quadratic models: the public functions over the core's."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import _arguments as arg
from . import _core
from ._operators import real_vector, square_matrix

FloatArray = NDArray[np.float64]


class SubproblemResult(NamedTuple):
    """What `trust_region_subproblem` found."""

    step: FloatArray
    """The minimizer d, shape (n,)."""
    damping: float
    """The multiplier lambda: (B + lambda I) d = -g."""
    reduction: float
    """-(g'd + d'Bd / 2), at least 0."""
    at_radius: bool
    """Whether |d| is the radius."""
    hard_case: bool
    """Whether g has no part along the lowest eigenvectors of B, and d was filled up along one of them."""


class ModifiedCholesky(NamedTuple):
    """What `modified_cholesky` made."""

    L: FloatArray
    """Lower triangular, shape (n, n)."""
    shift: float
    """L L' = A + shift I; 0 where A is positive definite."""


def trust_region_subproblem(g: Any, B: Any, radius: float) -> SubproblemResult:
    """Minimize g'd + d'Bd / 2 over |d| <= radius, globally, for any symmetric B.

    Parameters
    ----------
    g : array_like, shape (n,)
        The gradient, finite.
    B : array_like, shape (n, n)
        The Hessian, finite; only the lower triangle is read.
    radius : float
        Positive.

    Returns
    -------
    SubproblemResult
        `step`, `damping`, `reduction`, `at_radius` and `hard_case`.

    Raises
    ------
    TypeError, ValueError
        An argument has a wrong type, shape or value.

    Notes
    -----
    By Cholesky factorizations of B + lambda I where B is positive definite, of which some five are needed,
    else in the eigenbasis of B, which also settles the hard case. To working precision, unlike the steps of
    the solvers, for which 10 % of the radius are enough. O(n^3).

    References
    ----------
    .. [1] J. J. More and D. C. Sorensen, SIAM J. Sci. Stat. Comput. 4 (1983), doi:10.1137/0904038

    Examples
    --------
    >>> import numpy as np
    >>> from osculate.linalg import trust_region_subproblem
    >>> result = trust_region_subproblem([0.0, 1.0], np.diag([-2.0, 1.0]), 2.0)
    >>> result.hard_case, round(result.damping, 12), round(float(np.linalg.norm(result.step)), 12)
    (True, 2.0, 2.0)
    """
    who = "trust_region_subproblem"
    gradient = np.asarray(real_vector(who, "g", g), dtype=np.float64)
    matrix = _finite_matrix(who, "B", B, gradient.size)
    return SubproblemResult(*_core.subproblem(gradient, matrix, arg.positive(who, "radius", radius)))


def modified_cholesky(A: Any) -> ModifiedCholesky:
    """Factor A + shift I = L L' with a shift that makes it positive definite.

    Parameters
    ----------
    A : array_like, shape (n, n)
        Symmetric and finite; only the lower triangle is read.

    Returns
    -------
    ModifiedCholesky
        `L`, shape (n, n), and `shift`: the first of 0 (or what makes the diagonal positive), then a geometric
        sequence from 1e-3 of the largest diagonal element on, that gives a factorization.

    Raises
    ------
    TypeError, ValueError
        An argument has a wrong type, shape or value.

    Notes
    -----
    n^3 / 6 multiply-adds a shift tried. The shift may be twice what is needed.

    References
    ----------
    .. [1] J. Nocedal and S. J. Wright, Numerical Optimization, 2nd ed. (2006), algorithm 3.3

    Examples
    --------
    >>> import numpy as np
    >>> from osculate.linalg import modified_cholesky
    >>> A = np.array([[1.0, 2.0], [2.0, 1.0]])
    >>> L, shift = modified_cholesky(A)
    >>> shift > 1, bool(np.allclose(L @ L.T, A + shift * np.eye(2)))
    (True, True)
    """
    who = "modified_cholesky"
    return ModifiedCholesky(*_core.modified_cholesky(_finite_matrix(who, "A", A, None)))


def _finite_matrix(caller: str, name: str, value: Any, n: int | None) -> FloatArray:
    why = f", as g has {n}"
    if n is None:
        why = ""
        try:
            shape = np.shape(value)
        except ValueError:  # ragged
            shape = ()
        n = shape[0] if shape else 0
    matrix = np.ascontiguousarray(square_matrix(caller, name, value, n, why), dtype=np.float64)
    if not np.isfinite(np.tril(matrix)).all():
        i, j = (int(k) for k in np.argwhere(~np.isfinite(np.tril(matrix)))[0])
        raise ValueError(f"{caller}: {name} must be finite, got {name}[{i}, {j}] = {matrix[i, j]}")
    return matrix
