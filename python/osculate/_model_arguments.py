"""What a model's function is called with: the names of coordinates and parameters, and checks of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ._arguments import FloatArray, numbers, shown
from ._errors import InputError
from ._expression import parse_model
from ._functions import CONSTANTS, FUNCTIONS
from ._model_functions import Formula, Spread
from ._pointer import Pointer, is_pointer

Function = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Arguments:
    """The function f(x, *params) of a model and its names.

    Attributes
    ----------
    f : callable
        As it was given, or what makes one of an expression or of separate coordinates.
    coordinates : tuple of str or None
        None where only the data tell how many there are.
    parameters : tuple of str or None
        None where only the data tell how many there are.
    least, most : int or None
        How many parameters f takes.
    """

    f: Function
    coordinates: tuple[str, ...] | None
    parameters: tuple[str, ...] | None
    least: int
    most: int | None


def names(what: str, value: Any) -> tuple[str, ...] | None:
    """A sequence of different names, or one name; None where nothing was given."""
    if value is None:
        return None
    given = (value,) if isinstance(value, str) else value
    if not isinstance(given, (tuple, list)) or not all(isinstance(name, str) for name in given):
        raise TypeError(f"Model: {what} must be names, such as ('x', 'y'), got {shown(value)}")
    for name in given:
        if not name.isidentifier():
            raise ValueError(f"Model: {what} must be names, got {name!r}")
    if not given or len(set(given)) < len(given):
        raise ValueError(f"Model: {what} must be different names, at least one, got {shown(value)}")
    return tuple(given)


def of_expression(
    text: str, coordinates: tuple[str, ...] | None, parameters: tuple[str, ...] | None
) -> Arguments:
    """Take the names of an expression that are no coordinates for parameters, in order of appearance."""
    try:
        model = parse_model(text)
    except InputError as error:
        raise ValueError(f"Model: f is no expression: {error}") from None
    if model.left is not None:
        raise ValueError(
            f"Model: f must be one side of an equation, got {text!r}; write {model.right.text!r}"
        )
    expression = model.right
    predictors = coordinates or ("x",)
    for name in (*expression.names, *predictors, *(parameters or ())):
        if name in FUNCTIONS or name in CONSTANTS:
            kind = "a function" if name in FUNCTIONS else "a constant"
            raise ValueError(f"Model: {name!r} is {kind} of expressions; give a variable another name")
    found = tuple(name for name in expression.names if name not in predictors)
    if not found:
        raise ValueError(f"Model: f must have parameters besides {', '.join(predictors)}, got {text!r}")
    if parameters is not None and set(parameters) != set(found):
        raise ValueError(
            f"Model: parameters must be the names {', '.join(found)}, got {', '.join(parameters)}"
        )
    given = parameters or found
    return Arguments(Formula(expression, predictors, given), predictors, given, len(given), len(given))


def of_function(
    f: Function, coordinates: tuple[str, ...] | None, parameters: tuple[str, ...] | None
) -> Arguments:
    """Read a signature as SciPy does: the positional arguments after x are parameters, defaults or not."""
    if is_pointer(f):
        return Arguments(Pointer(f), coordinates, parameters, 0, None)
    try:
        signature = inspect.signature(f)
    except (TypeError, ValueError):  # a builtin
        return Arguments(f, coordinates, parameters, 0, None)
    kinds = inspect.Parameter
    arguments = list(signature.parameters.values())
    positional = [a for a in arguments if a.kind in (kinds.POSITIONAL_ONLY, kinds.POSITIONAL_OR_KEYWORD)]
    for a in arguments:
        if a.kind is kinds.KEYWORD_ONLY and a.default is kinds.empty:
            raise ValueError(
                f"Model: f must be f(x, *params), but its argument {a.name!r} is by keyword only"
            )
    varies = any(a.kind is kinds.VAR_POSITIONAL for a in arguments)
    if not positional and not varies:
        raise ValueError("Model: f must be f(x, *params), but it takes no positional argument")
    own = [a.name for a in positional]
    apart = 1
    if coordinates is not None and len(coordinates) > 1 and own[: len(coordinates)] == list(coordinates):
        apart = len(coordinates)
    rest = positional[apart:]
    least = sum(a.default is kinds.empty for a in rest)
    most = None if varies else len(rest)
    if most == 0:
        raise ValueError(f"Model: f must have parameters besides {', '.join(own)}")
    predictors = coordinates or (None if varies and not own else (own[0],))
    call = f if apart == 1 else Spread(f, apart)
    if parameters is None:
        return Arguments(call, predictors, None if varies else tuple(own[apart:]), least, most)
    _check_names(parameters, own[apart:], least, most)
    return Arguments(call, predictors, parameters, least, most)


def _check_names(parameters: tuple[str, ...], own: list[str], least: int, most: int | None) -> None:
    """Parameters may be renamed, and left to their defaults, but not reordered."""
    count = len(parameters)
    if count < least or (most is not None and count > most):
        expected = (
            f"{least}" if least == most else f"{least} or more" if most is None else f"{least} to {most}"
        )
        raise ValueError(f"Model: parameters must be {expected} names, as f takes, got {count}")
    for given, name in zip(parameters, own, strict=False):
        if given != name and given in own:
            raise ValueError(
                f"Model: parameters must be in the order of f's arguments, {', '.join(own)}, "
                f"got {', '.join(parameters)}"
            )


def signature(arguments: Arguments) -> inspect.Signature:
    """Return the signature f(x, a, b, ...)."""
    predictors = arguments.coordinates or ("x",)
    parameters = arguments.parameters or ()
    first = predictors[0] if len(predictors) == 1 else "x"
    while first in parameters:
        first += "_"
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Signature([inspect.Parameter(name, kind) for name in (first, *parameters)])


def check_count(arguments: Arguments, given: int, call: str) -> None:
    """Refuse a wrong number of parameters."""
    least, most = arguments.least, arguments.most
    if given < least or (most is not None and given > most):
        expected = (
            f"{least}" if least == most else f"at least {least}" if most is None else f"{least} to {most}"
        )
        raise TypeError(f"Model: {call} takes {expected} parameters, got {given}")


def some(caller: str, among: Any, parameters: tuple[str, ...]) -> tuple[str, ...]:
    """A name or names of parameters."""
    listed = (among,) if isinstance(among, str) or not isinstance(among, Iterable) else tuple(among)
    if not all(isinstance(name, str) for name in listed):
        raise TypeError(f"{caller}: among must be names of parameters, got {shown(among)}")
    for name in listed:
        if name not in parameters:
            raise ValueError(f"{caller}: among must be of {', '.join(parameters)}, got {name!r}")
    return listed


def predictor(caller: str, x: Any, coordinates: int) -> FloatArray:
    """x as float64, with a row for each of several coordinates."""
    try:
        points: FloatArray = np.asarray(numbers(x), dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{caller}: x must be an array of numbers, got {shown(x)}") from error
    if coordinates > 1 and (points.ndim < 1 or len(points) != coordinates):
        raise ValueError(f"{caller}: x must have shape ({coordinates}, N), got shape {points.shape}")
    return points
