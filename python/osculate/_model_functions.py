"""What a model computes: f(x, *params) from a formula, from separate coordinates, from terms, from a graph.

All are functions of arrays and of symbols alike, and can be pickled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ._expression import Expression, parse_expression
from ._functions import FUNCTIONS
from ._trace import Trace
from ._trace_linear import reachable
from ._tracer import FloatArray


class Formula:
    """A checked expression of coordinates and parameters."""

    def __init__(self, expression: Expression, coordinates: Sequence[str], parameters: Sequence[str]) -> None:
        self.expression = expression
        self.coordinates, self.parameters = tuple(coordinates), tuple(parameters)

    def __call__(self, x: Any, *params: Any) -> Any:
        rows = [x] if len(self.coordinates) == 1 else x
        return self.expression(
            dict(zip((*self.coordinates, *self.parameters), (*rows, *params), strict=True))
        )

    def __reduce__(self) -> Any:
        return _formula, (self.expression.text, self.coordinates, self.parameters)


def _formula(text: str, coordinates: tuple[str, ...], parameters: tuple[str, ...]) -> Formula:
    return Formula(parse_expression(text), coordinates, parameters)


@dataclass(frozen=True, slots=True)
class Spread:
    """A function f(x, y, ..., *params) whose coordinates are arguments of their own."""

    f: Callable[..., Any]
    coordinates: int

    def __call__(self, x: Any, *params: Any) -> Any:
        return self.f(*[x[k] for k in range(self.coordinates)], *params)


@dataclass(frozen=True, slots=True)
class Sum:
    """The sum of functions of the same x, each with parameters of its own."""

    terms: tuple[tuple[Callable[..., Any], tuple[str, ...]], ...]

    @property
    def parameters(self) -> tuple[str, ...]:
        """A name that several terms have gets the number of its term, from 1."""
        every = [name for _, names in self.terms for name in names]
        return tuple(
            f"{name}_{number}" if every.count(name) > 1 else name
            for number, (_, names) in enumerate(self.terms, 1)
            for name in names
        )

    def __call__(self, x: Any, *params: Any) -> Any:
        total: Any = None
        for f, names in self.terms:
            part, params = f(x, *params[: len(names)]), params[len(names) :]
            total = part if total is None else total + part
        return total


@dataclass(frozen=True, slots=True)
class GraphFunction:
    """A traced function without its source: nodes (operation, operands, value) in order of evaluation."""

    nodes: tuple[tuple[str, tuple[int, ...], float], ...]
    arrays: FloatArray
    coordinates: int
    name: str

    @property
    def __name__(self) -> str:
        return self.name

    @classmethod
    def of(cls, trace: Trace, name: str) -> GraphFunction:
        """Take the part of the graph that the function needs."""
        graph = trace.graph
        places: dict[int, int] = {}
        nodes = []
        for place, node in enumerate(reachable(graph, [trace.root])):
            operation, a, b, c, value = graph.node(node)
            leaf = operation in ("parameter", "coordinate", "array")
            operands = (a,) if leaf else tuple(places[k] for k in (a, b, c) if k >= 0)
            nodes.append((operation, operands, value))
            places[node] = place
        return cls(tuple(nodes), trace.arrays, trace.coordinates, name)

    def __call__(self, x: Any, *params: Any) -> Any:
        rows = [x] if self.coordinates == 1 and np.ndim(x) < 2 else x
        values: list[Any] = []
        for operation, operands, constant in self.nodes:
            if operation == "constant":
                values.append(constant)
            elif operation == "parameter":
                values.append(params[operands[0]])
            elif operation == "coordinate":
                values.append(rows[operands[0]])
            elif operation == "array":
                values.append(self.arrays[operands[0]])
            else:
                values.append(_OPERATIONS[operation](*[values[k] for k in operands]))
        return values[-1]


def _number(predicate: Callable[..., Any]) -> Callable[..., Any]:
    """Truth as a number, which adds and multiplies unlike NumPy's."""
    return lambda *operands: np.where(predicate(*operands), 1.0, 0.0)


_OPERATIONS: dict[str, Callable[..., Any]] = {
    "neg": np.negative,
    "abs": np.abs,
    "sign": np.sign,
    "floor": np.floor,
    "ceil": np.ceil,
    "sqrt": np.sqrt,
    "cbrt": np.cbrt,
    "exp": np.exp,
    "exp2": np.exp2,
    "expm1": np.expm1,
    "log": np.log,
    "log2": np.log2,
    "log10": np.log10,
    "log1p": np.log1p,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "erf": FUNCTIONS["erf"].call,
    "erfc": FUNCTIONS["erfc"].call,
    "not": _number(np.logical_not),
    "add": np.add,
    "sub": np.subtract,
    "mul": np.multiply,
    "div": np.divide,
    "pow": np.power,
    "atan2": np.arctan2,
    "hypot": np.hypot,
    "min": np.minimum,
    "max": np.maximum,
    "less": _number(np.less),
    "less_equal": _number(np.less_equal),
    "equal": _number(np.equal),
    "not_equal": _number(np.not_equal),
    "and": _number(np.logical_and),
    "or": _number(np.logical_or),
    "select": np.where,
}
