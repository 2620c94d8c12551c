"""Many small symmetric positive definite matrices at once: the public functions over the core's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _arguments as arg
from . import _core, _threads

LANES = 32  # the order up to which a matrix is one SIMD lane of many
LITTLE = 20_000  # multiply-adds that take less long than to find out how many threads there may be


def cholesky_solve(A: Any, b: Any, *, check: bool = True, threads: int | None = None) -> NDArray[Any]:
    """Solve A x = b for one or many symmetric positive definite matrices.

    Parameters
    ----------
    A : array_like, shape (..., n, n)
        Real matrices, of which only the lower triangles are read.
    b : array_like, shape (..., n) or (..., n, k)
        Right-hand sides: vectors where `b` has fewer axes than `A`, else matrices. The leading axes of `A`
        and `b` are broadcast against each other.
    check : bool, default True
        Whether a matrix that is not positive definite raises; otherwise its solution is NaN.
    threads : int, optional
        Default as many as the process may use. Any number gives the same bits.

    Returns
    -------
    array, shape (..., n) or (..., n, k)
        float32 where `A` and `b` are at most that precise, else float64.

    Raises
    ------
    numpy.linalg.LinAlgError
        With `check`, a matrix is not positive definite, or not finite; the message has the index of the
        first.
    TypeError, ValueError
        An argument has a wrong type or shape.

    Notes
    -----
    Cholesky's A = L L'. Up to n = 32 one matrix a SIMD lane, so that many are needed to be fast; the bits of
    a solution do not depend on the others. n^3 / 6 + k n^2 multiply-adds a matrix.

    References
    ----------
    .. [1] G. H. Golub and C. F. Van Loan, Matrix Computations, 4th ed. (2013), section 4.2

    Examples
    --------
    >>> import numpy as np
    >>> from osculate.linalg import cholesky_solve
    >>> J = np.random.default_rng(0).standard_normal((1000, 10, 3))
    >>> A = J.swapaxes(1, 2) @ J
    >>> x = cholesky_solve(A, np.ones(3))
    >>> bool(np.allclose(A @ x[:, :, None], 1))
    True
    """
    who = "cholesky_solve"
    a, right = _matrices(who, A), _numbers(who, "b", b)
    vectors = right.ndim < a.ndim
    if right.ndim == 0:
        raise ValueError(f"{who}: b must have shape (..., n) or (..., n, k), got shape ()")
    wide = right[..., None] if vectors else right
    n = a.shape[-1]
    leading: tuple[int, ...] | None = a.shape[:-2]
    if leading != wide.shape[:-2]:
        try:
            leading = np.broadcast_shapes(a.shape[:-2], wide.shape[:-2])
        except ValueError:
            leading = None
    if leading is None or wide.shape[-2] != n:
        raise ValueError(
            f"{who}: b must have shape (..., {n}) or (..., {n}, k) as A has shape {a.shape}, "
            f"got shape {right.shape}"
        )
    dtype = _common_dtype(a, right)
    x = np.empty((*leading, *wide.shape[-2:]), dtype)
    _run(who, _broadcast(a, (*leading, n, n)), _broadcast(wide, x.shape), x, check, threads)
    return x[..., 0] if vectors else x


def cholesky_inverse(A: Any, *, check: bool = True, threads: int | None = None) -> NDArray[Any]:
    """Invert one or many symmetric positive definite matrices.

    Parameters
    ----------
    A : array_like, shape (..., n, n)
        Real matrices, of which only the lower triangles are read.
    check : bool, default True
        Whether a matrix that is not positive definite raises; otherwise its inverse is NaN.
    threads : int, optional
        Default as many as the process may use. Any number gives the same bits.

    Returns
    -------
    array, shape (..., n, n)
        Exactly symmetric; float32 where `A` is at most that precise, else float64.

    Raises
    ------
    numpy.linalg.LinAlgError
        With `check`, a matrix is not positive definite, or not finite; the message has the index of the
        first.
    TypeError, ValueError
        An argument has a wrong type or shape.

    Notes
    -----
    `spd_inverse` without damping: n^3 / 2 multiply-adds. See `cholesky_solve`, which is cheaper and more
    accurate where only a solution is wanted.

    References
    ----------
    .. [1] G. H. Golub and C. F. Van Loan, Matrix Computations, 4th ed. (2013), section 4.2

    Examples
    --------
    >>> from osculate.linalg import cholesky_inverse
    >>> cholesky_inverse([[[4.0, 0.0], [0.0, 2.0]], [[1.0, 0.0], [0.0, 5.0]]]).round(12).tolist()
    [[[0.25, 0.0], [0.0, 0.5]], [[1.0, 0.0], [0.0, 0.2]]]
    """
    return _inverse("cholesky_inverse", A, 0.0, check, threads)


def spd_inverse(
    A: Any, *, damping: Any = 0.0, check: bool = True, threads: int | None = None
) -> NDArray[Any]:
    """Invert (A + damping I) for one or many symmetric positive definite matrices, large ones fast.

    Parameters
    ----------
    A : array_like, shape (..., n, n)
        Real matrices, of which only the lower triangles are read.
    damping : float or array_like, shape (...), default 0
        Added to the diagonal: one number, or one a matrix. In the unit of `A`.
    check : bool, default True
        Whether a matrix that is not positive definite raises; otherwise its inverse is NaN.
    threads : int, optional
        Default as many as the process may use. Any number gives the same bits.

    Returns
    -------
    array, shape (..., n, n)
        Exactly symmetric; float32 where `A` is at most that precise, else float64.

    Raises
    ------
    numpy.linalg.LinAlgError
        With `check`, a matrix is not positive definite, or not finite; the message has the index of the
        first.
    TypeError, ValueError
        An argument has a wrong type or shape.

    Notes
    -----
    From n = 33 on by recursion on the Schur complement of one half in the other: n^3 / 2 multiply-adds,
    nearly all of them in products of matrices. Matrices go to the threads by their cost, a single large one
    is divided between them. Up to n = 32, one matrix a SIMD lane: A = L L' has the inverse W'W with
    W = L^-1.

    References
    ----------
    .. [1] G. H. Golub and C. F. Van Loan, Matrix Computations, 4th ed. (2013), section 3.2.10
    .. [2] N. J. Higham, Accuracy and Stability of Numerical Algorithms, 2nd ed. (2002), section 14.3,
       doi:10.1137/1.9780898718027

    Examples
    --------
    >>> import numpy as np
    >>> from osculate.linalg import spd_inverse
    >>> a = np.random.default_rng(0).standard_normal((500, 100))
    >>> A = a.T @ a / 500
    >>> bool(np.allclose(spd_inverse(A, damping=0.1) @ (A + 0.1 * np.eye(100)), np.eye(100)))
    True
    """
    return _inverse("spd_inverse", A, damping, check, threads)


def _numbers(caller: str, name: str, value: Any) -> NDArray[Any]:
    try:
        given = np.asarray(arg.numbers(value))
        return given if given.dtype.kind == "f" else given.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{caller}: {name} must be an array of real numbers, got {arg.shown(value)}"
        ) from error


def _matrices(caller: str, A: Any) -> NDArray[Any]:
    a = _numbers(caller, "A", A)
    if a.ndim < 2 or a.shape[-1] != a.shape[-2]:
        raise ValueError(f"{caller}: A must have shape (..., n, n), got shape {a.shape}")
    return a


def _broadcast(array: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    return array if array.shape == shape else np.broadcast_to(array, shape)


def _common_dtype(*arrays: NDArray[Any]) -> np.dtype[Any]:
    return np.dtype(np.float32 if all(a.dtype.itemsize <= 4 for a in arrays) else np.float64)


def _run(
    caller: str, a: NDArray[Any], b: NDArray[Any] | None, x: NDArray[Any], check: bool, threads: int | None
) -> None:
    """Fill the contiguous x, of shape (..., n, k)."""
    leading, (n, k) = a.shape[:-2], x.shape[-2:]
    little = threads is None and x.size * n < LITTLE
    count = 1 if little else _threads.resolve(threads, f"{caller}: ")
    matrices = np.ascontiguousarray(a, dtype=x.dtype).reshape(math.prod(leading), n, n)
    right = None if b is None else np.ascontiguousarray(b, dtype=x.dtype).reshape(matrices.shape[0], n, k)
    definite = np.zeros(matrices.shape[0], dtype=bool)
    _core.spd(matrices, right, x.reshape(matrices.shape[0], n, k), definite, count)
    if check:
        _refuse_indefinite(caller, definite, leading)


def _inverse(who: str, A: Any, damping: Any, check: bool, threads: int | None) -> NDArray[Any]:
    """(A + damping I)^-1: one matrix a lane where they are small, else by `_core.spd_inverses`."""
    a = _matrices(who, A)
    leading, n = a.shape[:-2], a.shape[-1]
    added = _numbers(who, "damping", damping)
    if added.shape != leading and added.ndim:
        raise ValueError(
            f"{who}: damping must be a number or have shape {leading}, got shape {added.shape}, "
            f"as A has shape {a.shape}"
        )
    if not np.isfinite(added).all():
        raise ValueError(f"{who}: damping must be finite, got {arg.shown(damping)}")
    x = np.empty(a.shape, _common_dtype(a))
    if n <= LANES:
        damped = a + np.asarray(added, x.dtype)[..., None, None] * np.eye(n, dtype=x.dtype)
        _run(who, damped, None, x, check, threads)
        return x
    count = 1 if threads is None and n * x.size < LITTLE else _threads.resolve(threads, f"{who}: ")
    total = math.prod(leading)
    matrices = np.ascontiguousarray(a, dtype=x.dtype).reshape(total, n, n)
    outs, dampings = x.reshape(total, n, n), np.broadcast_to(added, leading).ravel().tolist()
    failed = _core.spd_inverses(list(matrices), dampings, list(outs), count)
    outs[failed != 0] = np.nan
    if check:
        _refuse_indefinite(who, failed == 0, leading)
    return x


def _refuse_indefinite(caller: str, definite: NDArray[np.bool_], leading: tuple[int, ...]) -> None:
    if not definite.all():
        bad = np.flatnonzero(~definite)
        index = ", ".join(str(int(i)) for i in np.unravel_index(int(bad[0]), leading)) if leading else ""
        where = f"A[{index}]" if index else "A"
        more = f" (and {bad.size - 1} more of {definite.size})" if bad.size > 1 else ""
        raise np.linalg.LinAlgError(
            f"{caller}: {where} must be positive definite, got one that is not{more}; check=False gives NaN"
        )
