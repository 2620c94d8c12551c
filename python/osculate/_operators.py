"""Matrices in any form as the products that a Krylov method asks for, and the vectors of such a method."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _arguments as arg
from . import _core, _threads

Product = Callable[[NDArray[Any]], Any]
SMALL = (np.dtype(np.float32), np.dtype(np.float16))


def real_vector(caller: str, name: str, value: Any, n: int | None = None) -> NDArray[Any]:
    """Finite real numbers of shape (n,); a column (n, 1) is taken too, as SciPy takes it."""
    try:
        given = np.asarray(arg.numbers(value))
        if given.dtype.kind != "f" or given.dtype.itemsize > 8:
            given = given.astype(np.float64)
    except (TypeError, ValueError) as error:
        kind = "real, got complex numbers" if str(error).startswith("complex") else None
        if kind:
            raise TypeError(f"{caller}: {name} must be {kind}") from error
        raise TypeError(f"{caller}: {name} must be an array of numbers, got {arg.shown(value)}") from error
    if given.ndim == 2 and given.shape[1] == 1:
        given = given[:, 0]
    if given.ndim != 1 or (n is not None and given.size != n):
        shape = "1-D" if n is None else f"of shape ({n},)"
        raise ValueError(f"{caller}: {name} must be {shape}, got shape {given.shape}")
    if not np.isfinite(given).all():
        where = int(np.flatnonzero(~np.isfinite(given))[0])
        raise ValueError(f"{caller}: {name} must be finite, got {name}[{where}] = {given[where]}")
    return given


def is_array(value: Any) -> bool:
    """Whether a value holds numbers itself, rather than telling products."""
    if isinstance(value, (np.ndarray, list, tuple, int, float, complex, np.generic)):
        return True
    return hasattr(value, "__array__") and not callable(value) and not hasattr(value, "matvec")


def square_matrix(caller: str, name: str, value: Any, n: int, why: str = "") -> NDArray[Any]:
    """A real array of shape (n, n); `why` tells where n comes from."""
    try:
        given = np.asarray(arg.numbers(value))
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"{caller}: {name} must be a matrix of real numbers, got {arg.shown(value)}"
        ) from error
    if given.shape != (n, n):
        raise ValueError(f"{caller}: {name} must have shape ({n}, {n}){why}, got shape {given.shape}")
    return given


def square_operator(caller: str, name: str, value: Any, n: int) -> tuple[Any, np.dtype[Any] | None]:
    """A matrix as an array, or v -> A v as a function; and the dtype where there is one."""
    if is_array(value):
        matrix = square_matrix(caller, name, value, n, f", as b has {n}")
        return matrix, matrix.dtype
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and shape != (n, n):
        raise ValueError(f"{caller}: {name} must have shape ({n}, {n}), as b has {n}, got shape {shape}")
    dtype = getattr(value, "dtype", None)
    dtype = dtype if isinstance(dtype, np.dtype) else None
    if dtype is not None and dtype.kind == "c":
        raise TypeError(f"{caller}: {name} must be real, got dtype {dtype}")
    if callable(getattr(value, "matvec", None)):
        return value.matvec, dtype
    if hasattr(value, "__matmul__"):
        return functools.partial(operator.matmul, value), dtype
    if callable(value):
        return value, dtype
    raise TypeError(
        f"{caller}: {name} must be a function v -> {name} v, a matrix or a linear operator, "
        f"got {arg.shown(value)}"
    )


def product_of(given: Any, dtype: np.dtype[Any]) -> Product:
    """The function v -> A v of what `square_operator` gave, for vectors of `dtype`."""
    if isinstance(given, np.ndarray):
        return given.astype(dtype, copy=False).dot
    return given  # type: ignore[no-any-return]


def working_dtype(b: NDArray[Any], other: np.dtype[Any] | None) -> np.dtype[Any]:
    """float32 where nothing given is more precise, float64 otherwise."""
    single = b.dtype in SMALL and (other is None or other in SMALL)
    return np.dtype(np.float32 if single else np.float64)


def preconditioner(caller: str, value: Any, n: int, dtype: np.dtype[Any]) -> Any:
    """None, a positive diagonal as an array of `dtype`, or the function r -> M r."""
    if value is None:
        return None
    if is_array(value) and np.ndim(value) == 1:
        diagonal = np.ascontiguousarray(real_vector(caller, "M", value, n), dtype=dtype)
        if not (diagonal > 0).all():
            where = int(np.flatnonzero(~(diagonal > 0))[0])
            raise ValueError(f"{caller}: M must be positive, got M[{where}] = {diagonal[where]}")
        return diagonal
    return product_of(square_operator(caller, "M", value, n)[0], dtype)


def observer(caller: str, callback: Any) -> Callable[[NDArray[Any]], bool] | None:
    """SciPy's callback(x), which may raise StopIteration, as a function that tells whether to go on."""
    if callback is None:
        return None
    if not callable(callback):
        raise TypeError(f"{caller}: callback must be callable, got {arg.shown(callback)}")

    def observe(x: NDArray[Any]) -> bool:
        try:
            callback(x)
        except StopIteration:
            return False
        return True

    return observe


class System:
    """The arguments that the Krylov methods share, checked and in the form the core takes."""

    def __init__(
        self, caller: str, A: Any, b: Any, x0: Any, M: Any, callback: Any, threads: int | None
    ) -> None:
        right = real_vector(caller, "b", b)
        n = right.size
        matrix, dtype_of_matrix = square_operator(caller, "A", A, n)
        dtype = working_dtype(right, dtype_of_matrix)
        self.caller = caller
        self.right = np.ascontiguousarray(right, dtype=dtype)
        self.product = product_of(matrix, dtype)
        self.start: NDArray[Any] | None = None
        if x0 is not None:
            self.start = np.ascontiguousarray(real_vector(caller, "x0", x0, n), dtype=dtype)
        self.preconditioner = preconditioner(caller, M, n, dtype)
        self.observe = observer(caller, callback)
        self.threads = (
            _threads.resolve(threads, f"{caller}: ") if threads is not None or n > _core.krylov_chunk else 1
        )

    def solve(self, method: Callable[..., tuple[Any, ...]], options: dict[str, Any]) -> tuple[Any, ...]:
        """What the core's method gives."""
        options["threads"] = self.threads
        return method(
            self.caller, self.product, self.right, self.start, self.preconditioner, self.observe, options
        )
