"""How a function that cannot be traced is called: for many fits at once, for one, or by its address."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _arguments as arg
from ._batch_columns import Columns, Many, ManyColumns
from ._batch_data import WHO, Data, FloatArray
from ._batch_probe import Probe
from ._model import Model
from ._pointer import SIGNATURE, Pointer, is_pointer

DIFFERENCES = ("2-point", "3-point")
# Numbers that one call computes: NumPy's temporaries of them stay in the second-level cache, and they are
# enough to make what a call costs small beside them.
CALL_SIZE = 16384
MOST = 512  # fits of a call; at least as many as the core's lanes have


@dataclass(frozen=True)
class Callback:
    """A model that is called back, and how."""

    path: str  # "batched", "per_fit" or "pointer"
    name: str  # of the function, for messages
    function: Callable[..., Any]
    jacobian: Callable[..., Any] | None
    three_point: bool  # differences, where there is no Jacobian
    epsilon: float  # precision of the function
    parameters: int

    def request(self, data: Data) -> dict[str, Any]:
        """Return what the core calls to evaluate fits of `data`."""
        n = data.points
        chunk = min(max(CALL_SIZE // (n * self.parameters), 1), MOST) if self.path == "batched" else 1
        function, jacobian, x, argument = self._functions(data)
        return {
            "path": self.path,
            "name": f"{WHO}: {self.name}",
            "jacobian_name": f"{WHO}: jac",
            "function": function,
            "jacobian": jacobian,
            "x": x,
            "argument": argument,
            "three_point": self.three_point,
            "epsilon": self.epsilon,
            "chunk": chunk,
        }

    def _functions(self, data: Data) -> tuple[Any, Any, Any, Any]:
        """The function, its Jacobian, x, and what gives each fit its own x, as the path needs them."""
        f, jac = self.function, self.jacobian
        x = None if data.own_x else data.argument()
        if isinstance(f, Pointer):
            address = jac.address if isinstance(jac, Pointer) else None
            return f.address, address, None if x is None else np.ascontiguousarray(x), None
        if self.path == "per_fit":
            argument = None

            if data.own_x:

                def argument(fit: int) -> NDArray[Any]:
                    return data.argument(np.unravel_index(fit, data.shape))

            columns = None if jac is None else Columns(jac, self.parameters, data.points)
            return f, columns, x, argument
        many = Many(f, data, x)
        return many, None if jac is None else ManyColumns(jac, data, x), x, None


def read_jacobian(jac: Any, f: Callable[..., Any]) -> tuple[Callable[..., Any] | None, bool]:
    """The derivatives' function, if any, and whether differences are central."""
    if jac is None or (isinstance(jac, str) and jac in DIFFERENCES):
        return None, jac == "3-point"
    if not callable(jac):
        raise TypeError(
            f"{WHO}: jac must be a function jac(x, *params), '2-point', '3-point' or None, "
            f"got {arg.shown(jac)}"
        )
    if is_pointer(jac) != isinstance(f, Pointer):
        raise TypeError(
            f"{WHO}: jac must be a C function {SIGNATURE} where the model is one, and else a function "
            f"jac(x, *params), got {arg.shown(jac)}"
        )
    return (Pointer(jac) if is_pointer(jac) else jac), False


def choose(
    model: Model,
    jac: Any,
    batched: bool | None,
    data: Data,
    start: FloatArray,
    bounds: tuple[FloatArray, FloatArray] | None,
    why_not: str | None,
) -> tuple[Callback, str | None]:
    """Return how to call the model's function, and why not a faster way; `why_not` says why not traced.

    Raises
    ------
    ValueError
        It does not return N numbers, or ``batched=True`` and it does not do many fits at once.
    """
    f, name = model.f, model._name()
    if batched not in (None, True, False):
        raise ValueError(f"{WHO}: batched must be True, False or None, got {arg.shown(batched)}")
    jacobian, three_point = read_jacobian(jac, f)
    p = len(start)
    if isinstance(f, Pointer):
        if batched:
            raise ValueError(f"{WHO}: batched must be None or False for a C function, got True")
        return Callback("pointer", name, f, jacobian, three_point, arg.EPSILON, p), why_not
    if data.fits == 0:
        return Callback("per_fit", name, f, jacobian, three_point, 1.0, p), why_not
    probe = Probe(f, jacobian, name, data, start, bounds)
    refusal = None if batched is False else probe.refusal(batched)
    if batched and refusal is not None:
        raise ValueError(f"{WHO}: batched=True needs a function that does many fits at once: {refusal}")
    path = "batched" if batched is not False and refusal is None else "per_fit"
    reasons = [r for r in (why_not, refusal) if r is not None]
    function = probe.careful(f)
    jacobian = None if jacobian is None else probe.careful(jacobian)
    callback = Callback(path, name, function, jacobian, three_point, probe.epsilon, p)
    return callback, "; ".join(reasons) or None
