"""Models to be fitted: functions of predictors and parameters, with exact derivatives where traced."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from . import _model_arguments, _model_jacobian
from ._arguments import shown, start_vector
from ._model_functions import Sum
from ._model_text import explain
from ._model_trace import can_be_pickled, placeholder_trace, without_source
from ._symbol import Dispatcher
from ._trace import Trace, Untraceable, trace
from ._trace_linear import linear_parameters
from ._tracer import FloatArray


class Model:
    """A function f(x, *params) to be fitted, traced into operations that run fast and differentiate exactly.

    Parameters
    ----------
    f : callable or str
        ``f(x, *params)``, the function one gives to `scipy.optimize.curve_fit`: NumPy operations on x, shape
        (N,), or (D, N) for several coordinates, and on numbers. Or an expression, such as
        ``"a*exp(-x/t) + c"``, with the functions of ``osculate fit``.
    coordinates : str or sequence of str, optional
        The names of the predictors. Default: "x" in an expression, else f's first argument. If f's first
        arguments have these names, several of them, it gets the coordinates one by one: ``f(x, y, *params)``.
    parameters : str or sequence of str, optional
        The names of the parameters. Default: the other names of an expression in order of appearance; f's
        other positional arguments, also those with defaults. Fewer names leave the last to their defaults.
    guess : callable, optional
        ``guess(x, y)`` gives first values of the parameters, shape (..., P), for y of shape (..., N).

    Raises
    ------
    TypeError
        f is neither callable nor a string, or names are no strings.
    ValueError
        The expression cannot be read, f takes no parameters, or the names do not fit to it.

    Notes
    -----
    Tracing calls f once with symbols for x and the parameters, which record what is done with them. A
    function that decides by values (``if x > 0``), takes data points together (``y / y.sum()``) or calls what
    is not elementwise cannot be traced: `why_not` names the operation, and fits call it from Python, slower.
    Arrays and numbers that f refers to are read at each trace, and each fit traces anew.

    Examples
    --------
    >>> import numpy as np
    >>> from osculate import Model
    >>> def decay(t, height, tau):
    ...     return height * np.exp(-t / tau)
    >>> model = Model(decay)
    >>> model.parameters
    ('height', 'tau')
    >>> model.expression
    'height*exp(-t/tau)'
    >>> model.derivatives["height"]
    'exp(-t/tau)'
    >>> model.linear_parameters()
    ('height',)
    >>> np.allclose(model.jacobian(np.array([0.0, 1.0]), 2.0, 1.0), [[1, 0], [np.exp(-1), 2 * np.exp(-1)]])
    True
    """

    def __init__(
        self,
        f: Callable[..., Any] | str,
        coordinates: str | Sequence[str] | None = None,
        parameters: str | Sequence[str] | None = None,
        *,
        guess: Callable[[Any, Any], Any] | None = None,
    ) -> None:
        if not callable(f) and not isinstance(f, str):
            raise TypeError(f"Model: f must be a function or an expression, got {shown(f)}")
        if guess is not None and not callable(guess):
            raise TypeError(f"Model: guess must be a function of x and y, got {shown(guess)}")
        read = _model_arguments.of_expression if isinstance(f, str) else _model_arguments.of_function
        self._names = (
            _model_arguments.names("coordinates", coordinates),
            _model_arguments.names("parameters", parameters),
        )
        arguments = read(f, *self._names)  # type: ignore[arg-type]
        both = {*(arguments.coordinates or ())} & {*(arguments.parameters or ())}
        if both:
            raise ValueError(f"Model: {both.pop()!r} is both a coordinate and a parameter")
        self._given = f
        self._arguments = arguments
        self._traced: Trace | Untraceable | None = None
        self.guess = guess
        if arguments.parameters is not None:  # for curve_fit, which counts them
            self.__signature__ = _model_arguments.signature(arguments)

    @property
    def f(self) -> Callable[..., Any]:
        """The function f(x, *params) itself."""
        return self._arguments.f

    @property
    def coordinates(self) -> tuple[str, ...]:
        """The names of the predictors."""
        names = self._arguments.coordinates or ("x",)
        count = self._traced.coordinates if isinstance(self._traced, Trace) else len(names)
        return names if count == len(names) else tuple(f"{names[0]}{k}" for k in range(count))

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the parameters; p0, p1, ... for ``*params``, once a fit has told how many."""
        names = self._arguments.parameters
        if names is None:
            count = self._traced.parameters if isinstance(self._traced, Trace) else 0
            return tuple(f"p{k}" for k in range(count))
        return names

    @property
    def coordinates_given(self) -> int | None:
        """How many predictors the function has; None where only the data tell."""
        known = self._names[0] is not None or isinstance(self._given, str)
        return len(self.coordinates) if known else None

    @property
    def parameters_given(self) -> tuple[str, ...] | None:
        """The names of the parameters; None for ``*params``."""
        return self._arguments.parameters

    @property
    def expression(self) -> str:
        """What the function computes; its name and arguments where it cannot be traced."""
        traced = self._latest()
        if isinstance(self._given, str):
            return self.f.expression.text  # type: ignore[attr-defined, no-any-return]
        return self._text(traced.root) if isinstance(traced, Trace) else self._call_text()

    @property
    def derivatives(self) -> dict[str, str]:
        """The derivative by each parameter; nothing where the function cannot be traced."""
        traced = self._latest()
        if not isinstance(traced, Trace):
            return {}
        gradient = traced.graph.gradient(traced.root, traced.parameters)
        return {
            name: self._text(node) if node >= 0 else "0"
            for name, node in zip(self.parameters, gradient, strict=False)
        }

    @property
    def compiled(self) -> bool:
        """Whether the function is traced, as far as is known without data."""
        return isinstance(self._latest(), Trace)

    @property
    def why_not(self) -> str | None:
        """What keeps the function from being traced; None if nothing does."""
        traced = self._latest()
        return traced.why_not if isinstance(traced, Untraceable) else None

    def explain(self) -> str:
        """Return what is computed how often: the expression, its derivatives and their operations by rate."""
        return explain(self._call_text(), self.expression, self.derivatives, self.coordinates, self._latest())

    def linear_parameters(self, among: Sequence[str] | None = None) -> tuple[str, ...]:
        """Return parameters that enter linearly, jointly, as many as the order of names allows.

        Parameters
        ----------
        among : sequence of str, optional
            The parameters to choose from, by precedence. Default: all.

        Returns
        -------
        tuple of str
            Names; with all others fixed the function is affine in these. None where it cannot be traced.
        """
        traced = self._latest()
        names = self.parameters
        chosen = names if among is None else _model_arguments.some("Model.linear_parameters", among, names)
        if not isinstance(traced, Trace):
            return ()
        indices = [k for k in map(names.index, chosen) if k < traced.parameters]
        return tuple(names[k] for k in linear_parameters(traced, indices))

    def __call__(self, x: Any, *params: Any) -> Any:
        """Return f(x, *params) for x of shape (N,) or (D, N); parameters may be arrays that broadcast."""
        _model_arguments.check_count(self._arguments, len(params), self._call_text())
        if isinstance(x, Dispatcher):  # in a trace
            return self.f(x, *params)
        x = _model_arguments.predictor("Model", x, self._rows())
        result = self.f(x, *params)
        constant = np.ndim(result) == 0 and x.ndim == (2 if self._rows() > 1 else 1)
        return np.full(x.shape[-1], result) if constant else result

    def jacobian(self, x: npt.ArrayLike, *params: Any) -> FloatArray:
        """Return the derivatives by the parameters.

        Exact where the function can be traced; else by complex steps where these agree with central
        differences, else by the latter.

        Parameters
        ----------
        x : array_like, shape (N,) or (D, N)
            The predictors.
        *params : float
            The parameters.

        Returns
        -------
        ndarray, shape (N, P)
        """
        points = _model_arguments.predictor("Model.jacobian", x, self._rows())
        if points.ndim < 2:  # a point is one of many
            points = points[:, None] if self._rows() > 1 else np.atleast_1d(points)
        p = start_vector("Model.jacobian", params, "params")
        traced = trace(self, points, len(p))
        if isinstance(traced, Trace) and traced.verify(self, points, p) is None:
            return _model_jacobian.from_graph(traced, points, p)
        return _model_jacobian.from_values(self, points, p)

    def __add__(self, other: Any) -> Model:
        """Return the sum of two models of the same coordinates; the names that both have are numbered."""
        if not isinstance(other, Model):
            return NotImplemented
        terms = (*self._terms(), *other._terms())
        if self._rows() != other._rows():
            raise ValueError(
                f"Model: a sum needs equal coordinates, got {', '.join(self.coordinates)} "
                f"and {', '.join(other.coordinates)}"
            )
        total = Sum(terms)
        return Model(total, self._arguments.coordinates, total.parameters)

    def __repr__(self) -> str:
        text = f"{self._given!r}, {self._call_text()}" if isinstance(self._given, str) else self._call_text()
        return f"<Model {text}>"

    def __reduce__(self) -> Any:
        f: Any = self._given
        coordinates, parameters = self._names
        if not isinstance(f, str) and not can_be_pickled(f):
            f = without_source(self._latest(), self._name())
            coordinates, parameters = self.coordinates, self.parameters
        return _restore, (f, coordinates, parameters, self.guess)

    def __copy__(self) -> Model:
        return self

    def __deepcopy__(self, memo: Any) -> Model:
        return self

    def _remember(self, traced: Trace | Untraceable) -> None:
        self._traced = traced

    def _latest(self) -> Trace | Untraceable:
        """The latest trace; without data so far, one for placeholders."""
        if self._traced is not None:
            return self._traced
        return placeholder_trace(self, self._rows(), self._arguments.parameters)

    def _rows(self) -> int:
        return len(self._arguments.coordinates or ("x",))

    def _terms(self) -> tuple[tuple[Callable[..., Any], tuple[str, ...]], ...]:
        if isinstance(self.f, Sum):
            return self.f.terms
        if self._arguments.parameters is None:
            raise ValueError(f"Model: a sum needs named parameters, got {self._call_text()}")
        return ((self.f, self._arguments.parameters),)

    def _text(self, node: int) -> str:
        traced = self._traced
        assert isinstance(traced, Trace)
        return traced.graph.text(node, list(self.parameters), list(self.coordinates))

    def _name(self) -> str:
        return (
            "f"
            if isinstance(self._given, str)
            else getattr(self._given, "__name__", None) or type(self._given).__name__
        )

    def _call_text(self) -> str:
        names = self._arguments.parameters
        listed = ", ".join(names) if names is not None else "*params"
        return f"{self._name()}({', '.join(self.coordinates)}, {listed})"


def _restore(f: Any, coordinates: Any, parameters: Any, guess: Any) -> Model:
    return Model(f, coordinates, parameters, guess=guess)
