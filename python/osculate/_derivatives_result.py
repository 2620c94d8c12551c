"""What `check_derivatives` returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ._arguments import EPSILON, FloatArray
from ._differences import Estimate
from ._result import Fields

ROWS = 5  # elements that a repr lists


@dataclass(frozen=True, repr=False, eq=False)
class Comparison(Fields):
    """A derivative that was given beside differences of what it is the derivative of.

    Arrays have the shape of the derivative: (n,) or (m, n) for `jac`, (n, n) for `hess`, and (n, n + 1) for
    `hessp`, whose columns are the products with the unit vectors and with a vector of random signs.
    """

    name: str
    """ "jac", "hess" or "hessp"."""
    ok: bool
    """Whether no element is wrong."""
    of: str
    """What was differenced."""
    given: FloatArray
    expected: FloatArray
    """The derivative by differences, or by complex step."""
    error: FloatArray
    """``|given - expected|``."""
    uncertainty: FloatArray
    """Of `expected` by truncation and rounding, and of `given` by rounding."""
    step: FloatArray
    """The step of the difference, in units of x; 0 for complex step."""
    wrong: NDArray[np.bool_]
    """Where the error is above `uncertainty` and above rtol of the element."""
    unresolved: NDArray[np.bool_]
    """Where the uncertainty is above a tenth of what was given: whether that is right cannot be told."""
    worst: tuple[int, ...]
    """Index of the element that is furthest off: by error over uncertainty and tolerance."""
    hint: str
    """What the wrong elements have in common, such as "they are 2 times what is expected"."""
    _severity: FloatArray
    """Error over what is allowed; above 1 is wrong."""

    @property
    def table(self) -> NDArray[np.void]:
        """A row an element, the worst first: index, given, expected, error, uncertainty, step, wrong."""
        names = ("given", "expected", "error", "uncertainty", "step", "wrong")
        order = np.argsort(-self._severity, axis=None, kind="stable")
        kinds = [("index", np.intp, (self.given.ndim,))] + [(k, self[k].dtype) for k in names]
        rows = np.empty(order.size, dtype=kinds)
        rows["index"] = np.stack(np.unravel_index(order, self.given.shape), axis=-1)
        for name in names:
            rows[name] = self[name].ravel()[order]
        return rows

    def __repr__(self) -> str:
        count, size = int(self.wrong.sum()), self.given.size
        verdict = "right" if self.ok else f"{count} of {size} elements wrong"
        lines = [f"{self.name}: {verdict}, compared with {self.of}"]
        if self.unresolved.any():
            lines[0] += f"; {int(self.unresolved.sum())} cannot be told from rounding"
        if self.hint:
            lines.append(f"  {self.hint}")
        if not self.ok:
            lines.append(f"  {'element':>10} {'given':>13} {'expected':>13} {'uncertainty':>11} {'step':>8}")
            for row in self.table[: min(ROWS, count)]:
                where = "[" + ", ".join(map(str, row["index"])) + "]"
                step = f"{row['step']:.0e}" if row["step"] else "complex"
                numbers = f"{row['given']:13.6g} {row['expected']:13.6g} {row['uncertainty']:11.0e}"
                lines.append(f"  {where:>10} {numbers} {step:>8}")
            if count > ROWS:
                lines.append(f"  ... and {count - ROWS} more, see table")
        return "\n".join(lines)


@dataclass(frozen=True, repr=False, eq=False)
class DerivativeCheck(Fields):
    """What `check_derivatives` found; true in a condition where nothing is wrong."""

    ok: bool
    """Whether no element of what was given is wrong."""
    jac: Comparison | None
    """Gradient or Jacobian; None where it was not given."""
    hess: Comparison | None
    """Hessian; None where it was not given."""
    hessp: Comparison | None
    """Products with the Hessian; None where they were not given."""

    def __bool__(self) -> bool:
        return self.ok

    def __repr__(self) -> str:
        return "\n".join(repr(part) for part in (self.jac, self.hess, self.hessp) if part is not None)


def compare(
    name: str, of: str, given: FloatArray, rounding: FloatArray, found: Estimate, rtol: float
) -> Comparison:
    """Judge `given`, whose own rounding errors are `rounding`, by what differences found."""
    expected, uncertainty, step = (
        part.reshape(given.shape) for part in (found.value, found.uncertainty, found.step)
    )
    finite = np.isfinite(given)
    error = np.where(finite, np.abs(given - expected), np.inf)
    uncertainty = uncertainty + rounding
    with np.errstate(all="ignore"):
        size = np.where(finite, np.maximum(np.abs(given), np.abs(expected)), 0.0)
        allowed = rtol * size + uncertainty
        severity = np.where(error > 0, error / np.maximum(allowed, np.finfo(float).tiny), 0.0)
    severity[np.isnan(severity)] = 0.0  # infinite by infinite: no difference is known there
    wrong = severity > 1
    unresolved = ~wrong & (given != 0) & (uncertainty > 0.1 * np.abs(given))
    worst = tuple(int(i) for i in np.unravel_index(np.argmax(severity), given.shape))
    return Comparison(
        name=name,
        ok=not wrong.any(),
        of=of,
        given=given,
        expected=expected,
        error=error,
        uncertainty=uncertainty,
        step=step,
        wrong=wrong,
        unresolved=unresolved,
        worst=worst,
        hint=_hint(given, expected, allowed, wrong),
        _severity=severity,
    )


def _hint(given: FloatArray, expected: FloatArray, allowed: FloatArray, wrong: NDArray[np.bool_]) -> str:
    """What the wrong elements have in common, if that is simple."""
    if not wrong.any() or not np.isfinite(given).all():
        return ""

    def explains(other: FloatArray) -> bool:
        return other.shape == given.shape and bool((np.abs(given - other) <= 10 * allowed).all())

    telling = np.abs(expected[wrong]) > 1e3 * (allowed[wrong] + EPSILON)
    if telling.all():
        ratios = given[wrong] / expected[wrong]
        ratio = float(np.median(ratios))
        if np.ptp(ratios) <= 1e-3 * max(abs(ratio), 1e-3) and abs(ratio - 1) > 1e-2:
            if abs(ratio) < 1e-3:
                return "every wrong element is zero"
            word = "has the wrong sign" if abs(ratio + 1) < 1e-3 else f"is {ratio:.4g} times what is expected"
            return f"every wrong element {word}"
    if given.ndim == 2 and explains(expected.T):
        return "it is transposed"
    for axis in range(given.ndim):
        for shift in (1, -1):
            if given.shape[axis] > 1 and explains(np.roll(expected, shift, axis)):
                return f"it is shifted by {shift} along axis {axis}"
    return ""
