"""What a ready-made model is: the one place where a function, its parameters and its guess come together."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from .._model import Model
from ._guess import Array, Columns, Data, Guess

COORDINATES = ("x", "y")  # what the predictors are called


class ReadyModel(Model):
    """A model with a name, documentation and a rule for first values.

    Attributes
    ----------
    f : callable
        ``f(x, *params)``, elementwise in NumPy operations.
    coordinates, parameters : tuple of str
        The names of the predictors and of the parameters, in order.
    guess : callable
        ``guess(x, y)`` for x (N,) or (D, N) and y (..., N), with NaN for missing points, gives finite first
        parameters (..., P).
    name : str
        The name of the model.
    docs : str
        Its documentation.
    """

    guess: Callable[[Any, Any], Array]

    def __init__(
        self,
        f: Callable[..., Any],
        coordinates: tuple[str, ...],
        parameters: tuple[str, ...],
        guess: Callable[[Any, Any], Array],
        name: str,
        docs: str,
    ) -> None:
        super().__init__(f, coordinates, parameters, guess=guess)
        self.name, self.docs, self.__doc__ = name, docs, docs

    def __add__(self, other: Any) -> Model:
        """Return the sum of two models, see `osculate.models`."""
        from ._sum import add  # which needs this class

        return add(self, other) if isinstance(other, ReadyModel) else super().__add__(other)

    def _parts(self) -> tuple[Any, ...]:
        return (self.f, self.coordinates, self.parameters, self.guess, self.name, self.docs)

    def __eq__(self, other: object) -> bool:
        return self._parts() == other._parts() if isinstance(other, ReadyModel) else NotImplemented

    def __hash__(self) -> int:
        return hash((self.f, self.name, self.parameters))

    def __reduce__(self) -> Any:
        return type(self), self._parts()

    def __repr__(self) -> str:
        return f"<model {self.name}({', '.join((*self.coordinates, *self.parameters))})>"


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
        return bind(f, COORDINATES[:coordinates], names, guess, f.__name__, inspect.getdoc(f) or "")

    return decorate


def bind(
    f: Callable[..., Any],
    coordinates: tuple[str, ...],
    parameters: tuple[str, ...],
    guess: Any,
    name: str,
    docs: str,
) -> ReadyModel:
    """Make a model of its parts."""
    return ReadyModel(f, coordinates, parameters, guess, name, docs)
