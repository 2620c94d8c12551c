"""What a trace is made with: the graph under construction, and how numbers and arrays become its nodes.

A value of a traced function is a `Symbol`: a node of the graph with the shape and kind that NumPy's array
would have. Shapes are (), (1,) and (N,), N being the number of data points.
"""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from . import _core

if TYPE_CHECKING:
    from ._symbol import Symbol

FloatArray = NDArray[np.float64]
Shape = tuple[int, ...]
Rule = Callable[..., Any]

_SITE = Path(np.__file__).parent.parent
_LIBRARIES = tuple(f"{path}{os.sep}" for path in (Path(__file__).parent, _SITE / "numpy", _SITE / "scipy"))


class Untraceable(TypeError):  # noqa: N818 - an outcome as well
    """A function that is no graph of elementwise operations; `why_not` names what it does.

    `points` is the length of an array that does not have a number for each point, if that is why.
    """

    points: int | None = None

    @property
    def why_not(self) -> str:
        return str(self)


class Tracer:
    """The graph, the arrays it refers to, and the first reason why it cannot be made.

    Attributes
    ----------
    x : ndarray, shape (N,) or (D, N)
        The data's predictors.
    names : list of str
        What the parameters are called in messages.
    arrays : list of ndarray, shape (N,)
        Per-point constants; `graph.array(k)` stands for ``arrays[k]``.
    bound : bool
        Whether the function took the values of x, as ``np.asarray(x)`` does: the trace holds for this x only.
    epsilon : float
        The precision of the least precise type that the function converts to; the graph has float64 only.
    failure : Untraceable or None
        The first; it counts also where the function catches it.
    """

    def __init__(
        self,
        x: FloatArray,
        names: list[str],
        ufuncs: Callable[[np.ufunc], Rule | None],
        functions: Mapping[Any, Rule],
    ) -> None:
        self.graph = _core.Graph()
        self.x = x
        self.names = names
        self.points = x.shape[-1]
        self.ufuncs = ufuncs
        self.functions = functions
        self.arrays: list[FloatArray] = []
        self.bound = False
        self.epsilon = float(np.finfo(np.float64).eps)
        self.failure: Untraceable | None = None
        self.caller: CodeType | None = None
        self._written: dict[int, tuple[NDArray[Any], Symbol]] = {}

    def fail(self, reason: str, points: int | None = None) -> NoReturn:
        """Refuse to trace, naming the operation and the line of the function."""
        failure = Untraceable(reason + self.place())
        failure.points = points
        self.failure = self.failure or failure
        raise failure

    def place(self, frames: Iterable[FrameType] | None = None) -> str:
        """Return the innermost line outside this package and NumPy, up to the call of the function."""
        for frame in _outwards(sys._getframe(1)) if frames is None else frames:
            if frame.f_code is self.caller:
                break
            if not frame.f_code.co_filename.startswith(_LIBRARIES):
                return _line(frame.f_code.co_filename, frame.f_lineno)
        return ""

    def symbol(self, node: int, shape: Shape, *, mask: bool = False, free: bool = True) -> Symbol:
        """Return a symbol; `free` says that it depends on no parameter."""
        from ._symbol import Symbol  # which needs this module

        return Symbol(self, node, shape, mask, free)

    def apply(self, operation: str, *operands: Symbol, mask: bool = False) -> Symbol:
        """Return the symbol of an elementwise operation; its result is boolean if `mask`."""
        node = self.graph.apply(operation, *[operand.node for operand in operands])
        shape = operands[0].shape
        free = operands[0].free
        for operand in operands[1:]:
            free = free and operand.free
            if operand.shape != shape:
                shape = self.broadcast(shape, operand.shape)
        return self.symbol(node, shape, mask=mask, free=free)

    def broadcast(self, a: Shape, b: Shape) -> Shape:
        """Return the shape of a result of operands of two shapes."""
        return max(a, b, key=lambda shape: (len(shape), shape))

    def lift(self, value: Any) -> Symbol:
        """Return the symbol of a number, of an array with a number for every point, or of a symbol."""
        from ._symbol import Symbol

        if isinstance(value, Symbol):
            if value.tracer is not self:
                self.fail("a value that the function kept from an earlier call")
            return value
        if type(value) is float or type(value) is int:
            return self.symbol(self.graph.constant(float(value)), ())
        written = self._written.get(id(value))
        if written is not None:
            return written[1]
        try:
            array = np.asarray(value)
        except ValueError:  # a ragged list
            array = np.empty(0, dtype=object)
        if array.dtype.kind not in "biuf":
            shown = "complex numbers" if array.dtype.kind == "c" else f"a {type(value).__name__}"
            self.fail(f"{shown} as an operand: a trace has real numbers only")
        mask = array.dtype.kind == "b"
        if array.ndim == 0:
            return self.symbol(self.graph.constant(float(array)), (), mask=mask)
        if array.shape not in ((self.points,), (1,)):
            self.fail(
                f"an array of shape {array.shape}, which is neither a number nor one for each of "
                f"{self.points} points",
                array.size if array.ndim == 1 else None,
            )
        return self.symbol(self._array(np.array(array, dtype=np.float64)), array.shape, mask=mask)

    def written(self, target: NDArray[Any], symbol: Symbol) -> None:
        """Take note that an array of the function's own was overwritten with a symbol."""
        if symbol.shape not in (target.shape, ()) or target.shape != (self.points,):
            self.fail(f"a result of shape {symbol.shape} written to an array of shape {target.shape}")
        self._written[id(target)] = (target, symbol.like(target.shape))

    @property
    def writes(self) -> bool:
        """Whether the function fills arrays of its own, whose contents NumPy then does not know."""
        return bool(self._written)

    def _array(self, data: FloatArray) -> int:
        """The node of a per-point constant: a number, the predictor, or an array, each once."""
        bits = data.view(np.int64)
        if (bits == bits[0]).all():
            return self.graph.constant(float(data[0]))
        for k, coordinate in enumerate(np.atleast_2d(self.x) if self.bound else ()):
            if np.array_equal(bits, coordinate.view(np.int64)):
                return self.graph.coordinate(k)
        for k, known in enumerate(self.arrays):
            if np.array_equal(bits, known.view(np.int64)):
                return self.graph.array(k)
        self.arrays.append(data)
        return self.graph.array(len(self.arrays) - 1)

    def accept(self, dtype: Any, what: str) -> np.dtype[Any]:
        """Check a type to which the function converts; less precise ones loosen the verification."""
        kind: np.dtype[Any] = np.dtype(dtype)
        if kind.kind == "f":
            self.epsilon = max(self.epsilon, float(np.finfo(kind).eps))
        elif kind.kind != "b":
            self.fail(f"{what} to {kind.name}: a trace has real numbers only")
        return kind


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _line(file: str, number: int | None) -> str:
    source = linecache.getline(file, number or 0).strip()
    if len(source) > 80:
        source = source[:77] + "..."
    return f" (line {number}: {source})" if source else f" (line {number})"
