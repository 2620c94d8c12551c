"""Line search for the strong Wolfe conditions: the public function over the core's."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _arguments as arg
from . import _core
from ._minimize_arguments import CALLBACK, FUSED

FloatArray = NDArray[np.float64]
WHO = "line_search"
REASONS = {
    1: "wolfe",
    2: "longest",
    -1: "decrease",
    -2: "max_evaluations",
    -3: "no_progress",
    -4: "not_downhill",
}


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class LineSearchResult:
    """What `line_search` found."""

    status: int
    """Why it ended: positive where the step is what was asked for."""
    step: float
    """t, at least 0; 0 where no step decreases f enough."""
    x: FloatArray
    """x + t d, shape (n,)."""
    fun: float
    """Value there."""
    jac: FloatArray
    """Gradient there, shape (n,)."""
    nfev: int
    """Values asked for, that of the start included."""
    njev: int
    """Gradients asked for; 0 where they came with the values."""

    @property
    def success(self) -> bool:
        """Whether both Wolfe conditions hold, or f still falls at the longest step."""
        return self.status > 0

    @property
    def reason(self) -> str:
        """The status as a word, see the function's Notes."""
        return REASONS[self.status]

    @property
    def message(self) -> str:
        """Cause, and the remedy where there is something to mend."""
        return _core.line_search_sentence(self.status)

    def __repr__(self) -> str:
        named = {"message": self.message, "reason": self.reason}
        named.update((f.name, getattr(self, f.name)) for f in fields(self))
        width = max(map(len, named))
        with np.printoptions(precision=6, threshold=8, edgeitems=3):
            return "\n".join(f"{name:>{width}}: {value}" for name, value in named.items())


def line_search(
    fun: Callable[..., Any],
    jac: Any,
    x: Any,
    d: Any,
    *,
    c1: float = 1e-4,
    c2: float = 0.9,
    first: float = 1.0,
    shortest: float = 0.0,
    longest: float | None = None,
    max_evaluations: int | None = None,
) -> LineSearchResult:
    """Find a step t along d with f(x + t d) <= f(x) + c1 t g'd and |g(x + t d)'d| <= c2 |g'd|.

    Parameters
    ----------
    fun : callable
        ``fun(x)`` gives a number for x, a float64 array of shape (n,) of its own. NaN or inf shortens the
        step.
    jac : callable or True
        ``jac(x)`` gives the gradient, shape (n,). True: ``fun(x)`` gives ``(value, gradient)``.
    x, d : array_like, shape (n,)
        The start, and the direction, along which f must fall.
    c1 : float, default 1e-4
        Sufficient decrease, between 0 and 1.
    c2 : float, default 0.9
        Curvature, between c1 and 1: 0.9 suits Newton's methods and 0.1 nonlinear conjugate gradients.
    first : float, default 1.0
        The first step to try.
    shortest, longest : float, default 0.0 and no bound
        Bounds of t.
    max_evaluations : int, default 30
        Most evaluations of f and of its gradient, that of the start not counted.

    Returns
    -------
    LineSearchResult
        `step`, `x`, `fun`, `jac`, `success`, `reason`, `message`, `nfev` and `njev`.

    Raises
    ------
    TypeError, ValueError
        An argument, or what a callback returns, has a wrong type, shape or value.

    Notes
    -----
    The reasons, of which the first two are successes: ``wolfe``; ``longest``: at the longest step f still
    falls as steeply as c1 asks; ``decrease``: the first condition holds only; ``max_evaluations`` and
    ``no_progress``: not even that, and x is the start; ``not_downhill``: g'd is not negative at the start.

    References
    ----------
    .. [1] J. J. More and D. J. Thuente, "Line search algorithms with guaranteed sufficient decrease", ACM
       Trans. Math. Softw. 20, 1994, doi:10.1145/192115.192132

    Examples
    --------
    >>> import numpy as np
    >>> from osculate.linalg import line_search
    >>> f = lambda x: float(x @ x)
    >>> result = line_search(f, lambda x: 2 * x, [3.0, 4.0], [-1.0, -1.0], c2=0.01)
    >>> result.reason, round(result.step, 1)
    ('wolfe', 3.5)
    """
    if not callable(fun):
        raise TypeError(f"{WHO}: fun must be callable, got {arg.shown(fun)}")
    if jac is not True and not callable(jac):
        raise TypeError(f"{WHO}: jac must be callable or True, got {arg.shown(jac)}")
    start = arg.start_vector(WHO, x, "x")
    direction = arg.start_vector(WHO, d, "d")
    if direction.size != start.size:
        raise ValueError(f"{WHO}: d must have shape ({start.size},) as x has, got shape {direction.shape}")
    out = _core.line_search(
        WHO,
        fun,
        None if jac is True else jac,
        FUSED if jac is True else CALLBACK,
        start,
        direction,
        arg.positive(WHO, "first", first),
        arg.positive(WHO, "c1", c1),
        arg.positive(WHO, "c2", c2),
        arg.at_least_zero(WHO, "shortest", shortest),
        math.inf if longest is None else arg.positive(WHO, "longest", longest),
        arg.count(WHO, "max_evaluations", 30 if max_evaluations is None else max_evaluations),
    )
    return LineSearchResult(*out)
