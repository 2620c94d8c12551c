"""What a ready-made model is: the one place where a function, its parameters and its guess come together."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from ._guess import Array, Columns, Data, Guess


@dataclass(frozen=True)
class ReadyModel:
    """A model function with names for its parameters and a rule for first values.

    Attributes
    ----------
    f : callable
        ``f(x, *params)``, elementwise in NumPy operations.
    parameters : tuple of str
        The names of the parameters, in order.
    guess : callable
        ``guess(x, y)`` for x (N,) or (D, N) and y (..., N), with NaN for missing points, gives finite first
        parameters (..., P).
    name : str
        The name of the model.
    docs : str
        Its documentation.
    """

    f: Callable[..., Any]
    parameters: tuple[str, ...]
    guess: Callable[[Any, Any], Array]
    name: str
    docs: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "__doc__", self.docs)

    def __call__(self, x: Any, *params: Any) -> Any:
        """Evaluate the function."""
        return self.f(x, *params)

    def __add__(self, other: ReadyModel) -> ReadyModel:
        """Return the sum of two models, see `osculate.models`."""
        from ._sum import add  # which needs this class

        return add(self, other) if isinstance(other, ReadyModel) else NotImplemented

    def __repr__(self) -> str:
        return f"<model {self.name}(x, {', '.join(self.parameters)})>"


def model(
    rule: Callable[[Data, Any], Columns],
    *,
    scaled: Sequence[str],
    plan: Callable[[Array], Any] | None = None,
    coordinates: int = 1,
    linear: bool = False,
) -> Callable[[Callable[..., Any]], ReadyModel]:
    """Make the decorated function a ready-made model; the arguments are those of `Guess`, by name."""

    def decorate(f: Callable[..., Any]) -> ReadyModel:
        names = tuple(inspect.signature(f).parameters)[1:]
        f.__qualname__ += ".f"  # the name now means the model: this is where pickle finds the function
        guess = Guess(rule, tuple(map(names.index, scaled)), len(names), plan, coordinates, linear)
        return bind(f, names, guess, f.__name__, inspect.getdoc(f) or "")

    return decorate


def bind(f: Callable[..., Any], parameters: tuple[str, ...], guess: Any, name: str, docs: str) -> ReadyModel:
    """Make a model of its parts."""
    return ReadyModel(f, parameters, guess, name, docs)
