"""The values that a function meets while it is traced: they answer to operators and to NumPy as arrays do."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin
from numpy.typing import NDArray

from ._trace_words import conversion, describe, full_name, shown_key
from ._tracer import Shape, Tracer


class Dispatcher(NDArrayOperatorsMixin):
    """NumPy's protocols: ufuncs and functions are looked up in the tables of the trace.

    Operators are ufuncs too; the augmented ones write to `out`.
    """

    __slots__ = ("tracer",)
    __hash__ = None  # type: ignore[assignment]
    __pandas_priority__ = 10_000  # above Series and DataFrame, whose operators then leave us the work

    tracer: Tracer

    def __array_ufunc__(
        self, ufunc: np.ufunc, method: str, *inputs: Any, out: Any = (), where: Any = True, **options: Any
    ) -> Any:
        tracer = self.tracer
        name = full_name(ufunc)
        if method != "__call__":
            tracer.fail(f"{name}.{method}, which takes data points together")
        rule = tracer.ufuncs(ufunc)
        if rule is None:
            tracer.fail(f"{name}, which is none of the operations that can be traced")
        for option in options:
            if option not in ("dtype", "casting", "order", "subok"):
                tracer.fail(f"{name} with {option}=")
        result = rule(*[tracer.lift(operand) for operand in inputs])
        if options.get("dtype") is not None:
            tracer.accept(options["dtype"], f"{name} with dtype=")
        if where is True and not out:
            return result
        if not isinstance(result, Symbol):
            tracer.fail(f"{name} with out=")
        target = out[0] if out else None
        if where is not True:
            if target is None:
                tracer.fail(f"{name} with where= but without out=, which leaves values undefined")
            result = tracer.apply("select", tracer.lift(where), result, tracer.lift(target))
        return assign(tracer, target, result, name)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        rule = self.tracer.functions.get(func)
        if rule is None:
            name = f"{func.__module__}.{func.__name__}"
            self.tracer.fail(f"{name}, which is none of the elementwise functions that can be traced")
        return rule(self.tracer, *args, **kwargs)

    def _refuse(self, *args: Any) -> NoReturn:
        self.tracer.fail(conversion(self.tracer.place()))

    __float__ = __int__ = __complex__ = _refuse
    __round__ = __trunc__ = __floor__ = __ceil__ = _refuse

    def __index__(self) -> int:
        self.tracer.fail("a traced value as an index")

    def __contains__(self, item: Any) -> bool:
        self.tracer.fail("'in' applied to a traced value")


class Symbol(Dispatcher):
    """An array or number of a traced function: a node of the graph, with the shape and kind of the array.

    Augmented assignment changes the node of an array symbol, so that every name of it sees the new value, as
    with NumPy's arrays; numbers are replaced.
    """

    __slots__ = ("free", "mask", "node", "shape")

    def __init__(self, tracer: Tracer, node: int, shape: Shape, mask: bool, free: bool) -> None:
        self.tracer, self.node, self.shape, self.mask, self.free = tracer, node, shape, mask, free

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.bool_ if self.mask else np.float64)

    @property
    def real(self) -> Symbol:
        return self

    @property
    def imag(self) -> Symbol:
        return self.tracer.lift(0.0).like(self.shape)

    @property
    def T(self) -> Symbol:
        return self

    def like(self, shape: Shape, mask: bool | None = None) -> Symbol:
        """Return the same node as a new array of another shape or kind."""
        return Symbol(self.tracer, self.node, shape, self.mask if mask is None else mask, self.free)

    def __osculate_unary__(self, operation: str) -> Symbol:
        """Return the symbol of an operation of the graph that NumPy has no name for."""
        return self.tracer.apply(operation, self)

    def astype(self, dtype: Any, *args: Any, copy: bool = True, **options: Any) -> Symbol:
        if self.mask and np.dtype(dtype).kind in "iu":
            return self.like(self.shape, mask=False)
        kind = self.tracer.accept(dtype, "astype")
        if kind.kind == "b" and not self.mask:
            return self.tracer.apply("not_equal", self, self.tracer.lift(0.0), mask=True)
        return self.like(self.shape, mask=kind.kind == "b") if copy or kind != self.dtype else self

    def copy(self, *args: Any, **options: Any) -> Symbol:
        return self.like(self.shape)

    __copy__ = copy

    def __deepcopy__(self, memo: Any) -> Symbol:
        return self.copy()

    def clip(self, *args: Any, **options: Any) -> Any:
        return np.clip(self, *args, **options)

    def conj(self) -> Symbol:
        return self

    conjugate = conj

    def squeeze(self, *args: Any) -> Any:
        return np.squeeze(self, *args)

    def ravel(self, *args: Any) -> Any:
        return np.ravel(self, *args)

    def flatten(self, *args: Any) -> Any:
        return np.ravel(self, *args).copy()

    def reshape(self, *shape: Any) -> Any:
        return np.reshape(self, shape[0] if len(shape) == 1 else shape)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        tracer = self.tracer
        if not self.free:
            tracer.fail(
                "a plain NumPy array made of a value that depends on parameters, as numpy.array and what "
                "calls it do"
            )
        tracer.bound = True
        arrays = np.array(tracer.arrays).reshape(-1, tracer.points)
        values = tracer.graph.evaluate([self.node], np.empty(0), np.atleast_2d(tracer.x), arrays)[0]
        return np.array(values[: self.size].reshape(self.shape), dtype=self.dtype if dtype is None else dtype)

    def __bool__(self) -> bool:
        self.tracer.fail(
            f"a decision by the value of {describe(self)}: 'if', 'while', 'and', 'or', 'not' or a chained "
            "comparison; write numpy.where, numpy.logical_and, ..."
        )

    def __len__(self) -> int:
        if not self.shape:
            raise TypeError("a parameter is a number and has no len()")
        return self.shape[0]

    def __iter__(self) -> Iterator[Any]:
        # Not recorded as a failure: NumPy asks whether an argument is iterable, and a TypeError says no.
        failure = self.tracer.failure
        try:
            self.tracer.fail(f"iteration over {describe(self)}, which takes single data points{self._hint()}")
        finally:
            self.tracer.failure = failure

    def __getitem__(self, key: Any) -> Symbol:
        if not _is_everything(key) or not self.shape:
            self.tracer.fail(
                f"indexing, {describe(self)}[{shown_key(key)}], takes single data points{self._hint()}"
            )
        return self

    def __setitem__(self, key: Any, value: Any) -> None:
        if not _is_everything(key) or not self.shape:
            self.tracer.fail(
                f"assignment to elements, {describe(self)}[{shown_key(key)}] = ...: write numpy.where"
            )
        assign(self.tracer, self, self.tracer.lift(value), "assignment")

    def _hint(self) -> str:
        if self.tracer.x.ndim == 1 and self.tracer.graph.node(self.node)[0] == "coordinate":
            return "; several coordinates are given as x of shape (D, N)"
        return ""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not hasattr(np.ndarray, name):
            raise AttributeError(f"a traced value has no attribute {name!r}")
        if not callable(getattr(np.ndarray, name)):
            self.tracer.fail(f"the attribute .{name} of {describe(self)}")

        def method(*args: Any, **options: Any) -> NoReturn:
            self.tracer.fail(f"the method .{name}() of {describe(self)}, which is not elementwise")

        return method

    def __repr__(self) -> str:
        return f"<traced {describe(self)}, shape {self.shape}>"


class Coordinates(Dispatcher):
    """The predictors of shape (D, N): a row, ``x[0]``, is a coordinate, and so is what unpacking gives."""

    __slots__ = ("rows",)

    def __init__(self, tracer: Tracer, rows: list[Symbol]) -> None:
        self.tracer, self.rows = tracer, rows

    @property
    def shape(self) -> Shape:
        return (len(self.rows), self.tracer.points)

    @property
    def ndim(self) -> int:
        return 2

    @property
    def size(self) -> int:
        return math.prod(self.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.float64)

    def copy(self) -> Coordinates:
        return Coordinates(self.tracer, [row.copy() for row in self.rows])

    def astype(self, dtype: Any, *args: Any, **options: Any) -> Coordinates:
        return Coordinates(self.tracer, [row.astype(dtype) for row in self.rows])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array([row.__array__(dtype) for row in self.rows])

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[Symbol]:
        return iter(self.rows)

    def __getitem__(self, key: Any) -> Any:
        row, *rest = key if isinstance(key, tuple) else (key,)
        number = isinstance(row, (int, np.integer)) and not isinstance(row, (bool, np.bool_))
        if len(rest) > 1 or not all(map(_is_everything, rest)) or not (number or isinstance(row, slice)):
            self.tracer.fail(
                f"indexing coordinates by [{shown_key(key)}]: take x[0], x[1], ... or unpack them"
            )
        return self.rows[int(row)] if number else Coordinates(self.tracer, list(self.rows[row]))

    def __bool__(self) -> bool:
        self.tracer.fail("a decision by the value of the coordinates")

    def __repr__(self) -> str:
        return f"<traced coordinates, shape {self.shape}>"


def assign(tracer: Tracer, target: Any, result: Symbol, name: str) -> Symbol:
    """Write a result where `out=` or an augmented assignment asks for it."""
    if isinstance(target, Symbol) and target.shape:
        if result.shape not in (target.shape, ()) or (target.mask and not result.mask):
            tracer.fail(f"{name} of shape {result.shape} written to an array of shape {target.shape}")
        target.node, target.free = result.node, result.free
        return target
    if isinstance(target, np.ndarray):
        tracer.written(target, result)
    return result


def _is_everything(key: Any) -> bool:
    return key is Ellipsis or (isinstance(key, slice) and key == slice(None))
