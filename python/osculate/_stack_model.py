"""The model of many fits on the command line: expression, function of a Python file, or ready-made."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np

from osculate import _python_file
from osculate._assignments import parse_bounds, parse_fixed, parse_values
from osculate._errors import InputError
from osculate._expression import close_name, parse_model
from osculate._model import Model
from osculate._stack_data import Array, Stack

READY = (
    *("arrhenius", "biexponential", "constant", "damped_sine", "exponential_decay", "exponential_rise"),
    *("gaussian", "gaussian2d", "gaussian2d_elliptic", "gaussian2d_rotated", "hill", "linear", "logistic"),
    *("lorentzian", "michaelis_menten", "polynomial(N)", "power_law", "pseudo_voigt", "skewed_gaussian"),
    *("stretched_exponential", "voigt"),
)
_TERM = re.compile(r"(\w+)(?:\((\d+)\))?")


@dataclass(frozen=True, slots=True, eq=False)
class Setup:
    """The arguments of `osculate.fit` that speak of parameters.

    Attributes
    ----------
    p0 : dict or ndarray or None
        Starts by name, those of every fit, or None for the model's guess.
    how : str
        Where the starts come from, for the report.
    """

    model: Model
    names: tuple[str, ...]
    p0: Any
    bounds: dict[str, tuple[float, float]]
    fixed: tuple[str, ...]
    how: str


def is_function(text: str | None, start: str | None = None) -> bool:
    """Whether a model is a function: FILE.py:NAME, or ready-made, where no start has that name."""
    if text is None:
        return False
    if _python_file.reference(text) is not None:
        return True
    terms = _terms(text)
    return bool(terms) and not any(re.search(rf"\b{name}\s*=", start or "") for name, _ in terms)


def variables(text: str) -> tuple[str, ...]:
    """The names in an expression."""
    return _expression(text)[1]


def read_model(text: str, stack: Stack, *, function: bool) -> Model:
    """Make the model; raise InputError where there is none."""
    try:
        if not function:
            model = Model(_expression(text)[0], stack.coordinates)
        elif (named := _python_file.reference(text)) is not None:
            found = _python_file.load(*named)
            if not callable(found):
                raise InputError(f"'{text}' is a {type(found).__name__}: name a function f(x, a, b, ...)")
            model = found if isinstance(found, Model) else Model(found)
        else:
            model = _ready(_terms(text))
    except InputError as error:
        raise InputError(f"--model: {error}") from None
    except (TypeError, ValueError) as error:
        raise InputError("--model: " + re.sub(r"^Model: (f )?", "", str(error))) from None
    wanted, given = model.coordinates_given, len(stack.coordinates)
    if not function or wanted in (None, given) or _python_file.reference(text) is not None:
        return model
    points = "--axis 1,2 for the pixels of images" if wanted == 2 else "one --axis, and one row of x"
    raise InputError(f"--model {text} has {wanted} coordinates, the data have {given}: give {points}")


def read_setup(model: Model, stack: Stack, start: str | None, bounds: str | None, fixed: str | None) -> Setup:
    """Starts, bounds and fixed parameters; raise InputError for names that the model does not have."""
    values = _blamed("--start", parse_values, start)
    limits = _blamed("--bounds", parse_bounds, bounds)
    held = _blamed("--fixed", parse_fixed, fixed)
    names = model.parameters_given or tuple(values)
    for option, given in (("--start", values), ("--bounds", limits), ("--fixed", held)):
        for name in given:
            if name not in names:
                raise InputError(
                    f"{option} gives '{name}', which the model does not have{close_name(name, names)}: "
                    f"its parameters are {', '.join(names)}"
                )
    values |= {name: value for name, value in held.items() if value is not None}
    _check_limits(values, limits)
    if all(name in held for name in names):
        raise InputError("all parameters are fixed: leave at least one free")
    missing = [name for name in names if name not in values]
    if not missing:
        p0: Any = values
    elif model.guess is not None:
        p0 = _guessed(model, stack, names, values)
    else:
        p0 = values
        if lost := [name for name in missing if name in held]:
            raise InputError(f"no value for the fixed {', '.join(lost)}: write --fixed {lost[0]}=...")
    return Setup(model, names, p0, limits, tuple(held), _how(model, values, missing))


def _how(model: Model, values: dict[str, float], missing: list[str]) -> str:
    parts = [", ".join(f"{name}={value:g}" for name, value in values.items())] if values else []
    if missing:
        by = "guessed" if model.guess is not None else "by a linear solve"
        parts.append(f"{', '.join(missing)} {by}")
    return "; ".join(parts)


def _guessed(model: Model, stack: Stack, names: tuple[str, ...], values: dict[str, float]) -> Any:
    """The model's guess with the given values in it; None leaves all to `osculate.fit`."""
    if not values or model.guess is None:
        return None
    y = np.asarray(stack.y, dtype=float)
    if stack.x.shape == stack.y.shape and stack.y.ndim > 1:
        guess = np.stack([model.guess(stack.x[at], y[at]) for at in np.ndindex(*stack.shape)])
        p0: Array = guess.reshape(*stack.shape, len(names))
    else:
        p0 = np.array(model.guess(stack.x, y), dtype=float)
    for name, value in values.items():
        p0[..., names.index(name)] = value
    return p0


def _check_limits(values: dict[str, float], limits: dict[str, tuple[float, float]]) -> None:
    for name, (lower, upper) in limits.items():
        if name in values and not lower <= values[name] <= upper:
            raise InputError(
                f"the start {name}={values[name]:g} is outside its bounds {lower:g}:{upper:g}: "
                f"move --start or --bounds of '{name}'"
            )


def _expression(text: str) -> tuple[str, tuple[str, ...]]:
    try:
        model = parse_model(text)
    except InputError as error:
        raise InputError(f"--model: {error}") from None
    if model.left is not None and model.left.text != "y":
        raise InputError(
            f"--model: a model of many fits has no left side, got '{model.left.text} =': the data "
            f"are taken as they are; write '{model.right.text}'"
        )
    return model.right.text, model.right.names


def _terms(text: str) -> list[tuple[str, str | None]]:
    """Names and degrees of a sum of ready models; nothing where it is none."""
    matches = [_TERM.fullmatch(part.strip()) for part in text.split("+")]
    known = {name.split("(")[0] for name in READY}
    terms = [(match[1], match[2]) for match in matches if match is not None and match[1] in known]
    return terms if len(terms) == len(matches) else []


def _ready(terms: list[tuple[str, str | None]]) -> Model:
    from osculate import models

    total: Model | None = None
    for name, degree in terms:
        term = getattr(models, name)
        if name == "polynomial":
            if degree is None:
                raise InputError("a polynomial needs its degree: write 'polynomial(2)'")
            term = term(int(degree))
        elif degree is not None:
            raise InputError(f"'{name}' takes no number: write '{name}'")
        total = term if total is None else total + term
    if total is None:
        raise InputError("there is no model")
    return total


def _blamed(option: str, parse: Any, text: str | None) -> Any:
    try:
        return parse(text or "")
    except InputError as error:
        raise InputError(f"{option}: {error}") from None
