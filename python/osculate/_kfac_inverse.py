"""Damped inverses of K-FAC's factors, and eigenbases for EKFAC, at once or in a thread.

(A + pi gamma I)^-1 and (G + gamma / pi I)^-1 with gamma^2 the damping and pi^2 the ratio of the mean
eigenvalues, tr(A) / n over tr(G) / m (Martens & Grosse 2015, arXiv:1503.05671, section 6.3). EKFAC: George et
al. 2018, arXiv:1806.03884. An inverse that fails leaves the one before it in use.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from . import _core
from ._kfac_factors import LayerState
from ._result import Status

Array = NDArray[Any]
NEVER = "it was never updated before invert(), so it has no inverse; its gradient is passed on as it is"
KEPT = "the last good inverse stays in use, if there was one"


@dataclass
class Outcome:
    """How an inversion of a layer went."""

    status: Status = Status.gradient
    message: str = ""
    left: Array | None = None
    right: Array | None = None
    moments: Array | None = None


class Inversion(Protocol):
    """Work on a snapshot of the statistics, which may run in another thread, and its taking over."""

    def run(self, threads: int) -> None:
        """Invert; touches nothing that others see."""

    def adopt(self) -> None:
        """Take over what is good."""

    @property
    def nbytes(self) -> int:
        """Memory that it holds."""


def mean_eigenvalue(factor: Array) -> float:
    """tr(F) / n."""
    return float(np.trace(factor, dtype=np.float64)) / len(factor)


def dampings(A: Array, G: Array, damping: float) -> tuple[float, float]:
    """What is added to A and to G; their product is the damping."""
    gamma = math.sqrt(damping)
    a, g = mean_eigenvalue(A), mean_eigenvalue(G)
    pi = math.sqrt(a / g) if a > 0 and g > 0 and math.isfinite(a / g) and a / g > 0 else 1.0
    return pi * gamma, gamma / pi


def failure(name: str, *, finite: bool, order: int = 0) -> Outcome:
    """Why a factor, "A" or "G", has no inverse."""
    if not finite:
        return Outcome(Status.nonfinite, f"{name} has NaN or infinity; {KEPT}")
    which = f", the leading minor of order {order} is not positive" if order else ""
    return Outcome(Status.singular, f"{name} with damping is not positive definite{which}; {KEPT}")


class LayerInversion:
    """Inverses of the layers one by one: the block-diagonal approximation."""

    def __init__(self, states: Sequence[LayerState], damping: float, *, eigen: bool, snapshot: bool) -> None:
        self.states, self.damping, self.eigen = list(states), damping, eigen
        self.outcomes: dict[str, Outcome] = {}
        self.given: dict[str, tuple[Array, Array]] = {}
        self.outs: dict[str, tuple[Array, Array]] = {}
        for state in self.states:
            if state.squares is not None:
                self.outcomes[state.name] = _elementwise(state.squares, damping)
            elif state.A is None or state.G is None:
                self.outcomes[state.name] = Outcome(Status.not_run, NEVER)
            elif eigen:
                pair = state.G, state.A
                self.given[state.name] = (pair[0].copy(), pair[1].copy()) if snapshot else pair
            else:
                outs = state.spare or (np.empty_like(state.G), np.empty_like(state.A))
                state.spare = None
                if snapshot:  # inverted in place
                    np.copyto(outs[0], state.G)
                    np.copyto(outs[1], state.A)
                self.given[state.name] = outs if snapshot else (state.G, state.A)
                self.outs[state.name] = outs

    def run(self, threads: int) -> None:
        """Invert all layers in one call of the core, or find their eigenvectors."""
        if self.eigen:
            for name, (G, A) in self.given.items():
                self.outcomes[name] = eigenbasis(A, G)
            return
        matrices, added, outs = [], [], []
        for name, (G, A) in self.given.items():
            to_a, to_g = dampings(A, G, self.damping)
            matrices += [G, A]
            added += [to_g, to_a]
            outs += list(self.outs[name])
        finite = [bool(np.isfinite(np.diagonal(matrix)).all()) for matrix in matrices]
        failed = _core.spd_inverses(matrices, added, outs, threads)
        for i, name in enumerate(self.given):
            left, right = self.outs[name]
            self.outcomes[name] = Outcome(left=left, right=right)
            for j, factor in ((2 * i + 1, "A"), (2 * i, "G")):
                if failed[j]:
                    self.outcomes[name] = failure(factor, finite=finite[j], order=int(failed[j]))

    def adopt(self) -> None:
        """Put what is good to use, and keep the memory of what it replaces."""
        for state in self.states:
            out = self.outcomes[state.name]
            state.inverse_outcome, state.inverse_message = out.status, out.message
            spare = self.outs.get(state.name)
            if out.status.success:
                if spare is not None and state.left is not None and state.right is not None:
                    spare = state.left, state.right
                elif spare is not None:
                    spare = None
                state.left, state.right = out.left, out.right
                state.moments, state.moment_updates = out.moments, 0
            if spare is not None:
                state.spare = spare

    @property
    def nbytes(self) -> int:
        """Memory of the snapshot and of the inverses that are not yet in use."""
        arrays = [x for pair in (*self.given.values(), *self.outs.values()) for x in pair]
        own = {id(x) for state in self.states for x in (state.A, state.G)}
        return sum(x.nbytes for x in {id(x): x for x in arrays if id(x) not in own}.values())


def eigenbasis(A: Array, G: Array) -> Outcome:
    """Eigenvectors of both factors; the products of the eigenvalues as first mean squares."""
    bases, values = [], []
    for name, factor in (("G", G), ("A", A)):
        if not np.isfinite(factor).all():
            return failure(name, finite=False)
        w, v = np.linalg.eigh(factor)
        if not w[0] >= -len(w) * np.finfo(w.dtype).eps * max(w[-1], 0.0):
            return failure(name, finite=True)
        bases.append(np.ascontiguousarray(v))
        values.append(np.maximum(w, 0))
    return Outcome(left=bases[0], right=bases[1], moments=np.outer(values[0], values[1]))


def _elementwise(squares: Array, damping: float) -> Outcome:
    damped = squares + squares.dtype.type(damping)
    if not np.isfinite(damped).all():
        return Outcome(Status.nonfinite, f"the mean squares have NaN or infinity; {KEPT}")
    if not (damped > 0).all():
        return Outcome(Status.singular, f"a mean square and the damping are zero; {KEPT}")
    return Outcome(left=1 / damped)


class Background:
    """A thread for one inversion at a time. What it raises comes out where its work is taken over."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None
        self._work: Inversion | None = None
        self._error: BaseException | None = None

    @property
    def running(self) -> bool:
        """Whether there is work that was not yet taken over."""
        return self._thread is not None

    @property
    def nbytes(self) -> int:
        """Memory of that work."""
        return 0 if self._work is None else self._work.nbytes

    def start(self, work: Inversion, threads: int) -> None:
        """Begin; there must be no other work."""

        def run() -> None:
            try:
                work.run(threads)
            except BaseException as error:  # raised again in `collect`
                self._error = error

        self._work = work
        self._thread = threading.Thread(target=run, name="osculate.KFAC.invert")
        self._thread.start()

    def collect(self, *, wait: bool) -> bool:
        """Take over work that is done; with `wait`, when it is. Whether there was any."""
        thread, work = self._thread, self._work
        if thread is None or work is None or (thread.is_alive() and not wait):
            return False
        thread.join()
        self._thread = self._work = None
        error, self._error = self._error, None
        if error is not None:
            raise error
        work.adopt()
        return True
