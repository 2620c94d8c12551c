"""Model expressions: text -> Python's `ast` -> a checked tree of NumPy closures, never evaluated as Python.

Every node is taken from a whitelist (numbers, names, + - * / **, calls of `_functions.FUNCTIONS`, comparisons
in the condition of `where`) while the closures are built, so what was not checked cannot run. Numbers are
floats from the start: 9**9**9 overflows to inf instead of hanging.
"""

from __future__ import annotations

import ast
import difflib
import functools
import math
import re
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from osculate._errors import InputError
from osculate._expression_hints import character_hint, node_hint, syntax_hint
from osculate._functions import CONSTANTS, FUNCTIONS, power

MAX_LENGTH = 10_000  # characters; the longest NIST model has 136
MAX_DEPTH = 200  # nested operations: below the recursion limit of Python's parser and of ours

_Closure = Callable[[Mapping[str, Any]], Any]

_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.Div: lambda a, b: a / b,
    ast.Pow: power,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: np.less,
    ast.LtE: np.less_equal,
    ast.Gt: np.greater,
    ast.GtE: np.greater_equal,
}


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked expression.

    Attributes
    ----------
    text : str
        As it was written, without spaces at the ends.
    names : tuple of str
        The variables, in order of appearance; pi and e are constants.
    functions : tuple of str
        The functions that are called.
    constants : tuple of str
        The constants that are used.
    analytic : bool
        Whether complex steps give its derivatives.
    """

    text: str
    names: tuple[str, ...]
    functions: tuple[str, ...]
    constants: tuple[str, ...]
    analytic: bool
    _run: _Closure = field(repr=False)

    def __call__(self, values: Mapping[str, Any]) -> Any:
        """Evaluate with NumPy at `values` (name -> number or array); inf and NaN appear without warnings."""
        with np.errstate(all="ignore"):
            return self._run(values)


@dataclass(frozen=True, slots=True)
class Model:
    """`left = right`; `left` is None where only the right side was written."""

    left: Expression | None
    right: Expression

    def __str__(self) -> str:
        return self.right.text if self.left is None else f"{self.left.text} = {self.right.text}"


def parse_model(text: str) -> Model:
    """Parse `[expression =] expression`; raise InputError where it is not one."""
    text = _unquoted(text)
    sides = _sides(text)
    if len(sides) > 2:
        raise InputError(f"'{_short(text)}' has more than one '=': write 'y = ...' once")
    if len(sides) == 2 and not all(side.strip() for side in sides):
        raise InputError(f"'{_short(text)}' lacks one side of '=': write 'y = ...'")
    left = parse_expression(sides[0]) if len(sides) == 2 else None
    return Model(left, parse_expression(sides[-1]))


def parse_expression(text: str) -> Expression:
    """Parse one expression; raise InputError, in one line that says what to write instead."""
    text = " ".join(text.split())
    if not text:
        raise InputError("the expression is empty: write one such as 'b1*(1-exp(-b2*x))', in quotes")
    if len(text) > MAX_LENGTH:
        raise InputError(f"the expression has {len(text)} characters; at most {MAX_LENGTH} are accepted")
    if hint := character_hint(text):
        raise InputError(hint)
    try:
        with warnings.catch_warnings():  # the tokenizer warns of things like '1if'
            warnings.simplefilter("ignore")
            tree = ast.parse(text, mode="eval")
    except (RecursionError, MemoryError):
        raise InputError(_too_deep(text)) from None
    except (SyntaxError, ValueError) as error:
        if "too many nested" in str(error):
            raise InputError(_too_deep(text)) from None
        raise InputError(syntax_hint(text, error)) from None
    builder = _Builder(text)
    run = builder.build(tree.body, depth=0)
    functions = tuple(builder.functions)
    return Expression(
        text=text,
        names=tuple(builder.names),
        functions=functions,
        constants=tuple(builder.constants),
        analytic=all(FUNCTIONS[name].analytic for name in functions),
        _run=run,
    )


def close_name(name: str, known: Iterable[str]) -> str:
    """Return `" (did you mean 'exp'?)"`, or nothing where no known name is near."""
    by_folded = {candidate.casefold(): candidate for candidate in known}
    matches = difflib.get_close_matches(name.casefold(), by_folded, n=1)
    return f" (did you mean '{by_folded[matches[0]]}'?)" if matches else ""


class _Builder:
    """Checks a tree and builds its closures in one pass; collects the names in order of appearance."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.names: dict[str, None] = {}
        self.functions: dict[str, None] = {}
        self.constants: dict[str, None] = {}

    def build(self, node: ast.expr, depth: int, *, condition: bool = False) -> _Closure:
        if depth > MAX_DEPTH:
            raise InputError(_too_deep(self.text))
        match node:
            case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
                return self._number(value)
            case ast.Name(id=name):
                return self._name(name)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as sign, operand=operand):
                inner = self.build(operand, depth + 1)
                return (lambda v: -inner(v)) if isinstance(sign, ast.USub) else inner
            case ast.BinOp(op=operator, left=left, right=right) if type(operator) in _OPERATORS:
                apply = _OPERATORS[type(operator)]
                first, second = self.build(left, depth + 1), self.build(right, depth + 1)
                return lambda v: apply(first(v), second(v))
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                return self._call(name, arguments, depth)
            case ast.Compare() if condition:
                return self._compare(node, depth)
        raise InputError(node_hint(self.text, node))

    def _number(self, value: float) -> _Closure:
        try:
            number = np.float64(value)
        except OverflowError:
            number = np.float64(math.inf)
        if not np.isfinite(number):
            raise InputError(f"'{_short(self.text)}' has a number beyond the range of floats, 1.8e308")
        return lambda v: number

    def _name(self, name: str) -> _Closure:
        if name in CONSTANTS:
            self.constants[name] = None
            constant = np.float64(CONSTANTS[name])
            return lambda v: constant
        self.names[name] = None
        return lambda v: v[name]

    def _call(self, name: str, arguments: list[ast.expr], depth: int) -> _Closure:
        if name not in FUNCTIONS:
            close = close_name(name, FUNCTIONS)
            remedy = (
                close or f": for a product write '{name}*(...)'; 'osculate fit --help' lists the functions"
            )
            raise InputError(f"unknown function '{name}'{remedy}")
        function = FUNCTIONS[name]
        if len(arguments) != function.arguments:
            raise InputError(f"'{name}' takes {_count(function.arguments)}, got {len(arguments)}")
        self.functions[name] = None
        closures = [
            self.build(argument, depth + 1, condition=name == "where" and position == 0)
            for position, argument in enumerate(arguments)
        ]
        call = function.call
        if len(closures) == 1:
            only = closures[0]
            return lambda v: call(only(v))
        return lambda v: call(*(closure(v) for closure in closures))

    def _compare(self, node: ast.Compare, depth: int) -> _Closure:
        if any(type(operator) not in _COMPARISONS for operator in node.ops):
            raise InputError(node_hint(self.text, node))
        operands = [self.build(operand, depth + 1) for operand in (node.left, *node.comparators)]
        tests = [_COMPARISONS[type(operator)] for operator in node.ops]

        def run(v: Mapping[str, Any]) -> Any:
            values = [operand(v) for operand in operands]
            pairs = zip(tests, values, values[1:], strict=False)
            return functools.reduce(np.logical_and, (test(a, b) for test, a, b in pairs))

        return run


def _sides(text: str) -> list[str]:
    """Split at each '=' that is outside parentheses and no comparison."""
    sides, depth = [""], 0
    for part in re.split(r"([()]|[<>=!]?=+)", text):
        depth += (part == "(") - (part == ")")
        if part == "=" and depth <= 0:
            sides.append("")
        else:
            sides[-1] += part
    return sides


def _unquoted(text: str) -> str:
    """Remove one pair of quotes around the whole, which cmd.exe and word processors leave."""
    text = text.strip()
    for opening, closing in ("''", '""', "\u2018\u2019", "\u201c\u201d", "``"):
        if len(text) > 1 and text[0] == opening and text[-1] == closing:
            return text[1:-1].strip()
    return text


def _count(arguments: int) -> str:
    return "1 argument" if arguments == 1 else f"{arguments} arguments"


def _too_deep(text: str) -> str:
    return f"'{_short(text)}' is nested too deep: at most {MAX_DEPTH} levels are accepted"


def _short(text: str, length: int = 50) -> str:
    return text if len(text) <= length else text[: length - 3] + "..."
