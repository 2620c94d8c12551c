"""Sums of models: names, one offset, and a joint guess by backfitting."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ._guess import BLOCK, Array, Data, Guess
from ._linear import Best, fit_linear
from ._ready import ReadyModel, bind

OFFSET = "offset"
SWEEPS = 2  # of backfitting from each start; more did not help where two failed


@dataclass(frozen=True, slots=True)
class Term:
    """One summand."""

    f: Callable[..., Any]
    parameters: tuple[str, ...]
    guess: Callable[..., Array]
    name: str

    @property
    def own(self) -> tuple[int, ...]:
        """The positions of its parameters without the offset."""
        return tuple(k for k, name in enumerate(self.parameters) if name != OFFSET)

    @property
    def has_offset(self) -> bool:
        return OFFSET in self.parameters

    @property
    def linear(self) -> bool:
        return isinstance(self.guess, Guess) and self.guess.linear

    def value(self, x: Any, own: Sequence[Any], offset: Any) -> Any:
        """Evaluate with the given offset, which is left out where the term has none."""
        values = iter(own)
        return self.f(x, *(offset if name == OFFSET else next(values) for name in self.parameters))


@dataclass(frozen=True, slots=True)
class Sum:
    """The function of a sum; the offset, if any term has one, is its last parameter and counts once."""

    terms: tuple[Term, ...]

    @property
    def has_offset(self) -> bool:
        return any(term.has_offset for term in self.terms)

    @property
    def parameters(self) -> tuple[str, ...]:
        """A name that several terms have gets the number of its term, from 1."""
        every = [term.parameters[k] for term in self.terms for k in term.own]
        names = [
            f"{term.parameters[k]}_{number}" if every.count(term.parameters[k]) > 1 else term.parameters[k]
            for number, term in enumerate(self.terms, 1)
            for k in term.own
        ]
        if len(set(names)) < len(names):
            clash = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"sum of models: two parameters would be called {clash!r}: rename one")
        return (*names, OFFSET) if self.has_offset else tuple(names)

    def __call__(self, x: Any, *params: Any) -> Any:
        values = list(params)
        offset = values.pop() if self.has_offset else 0.0
        total = None
        for term in self.terms:
            own, values = values[: len(term.own)], values[len(term.own) :]
            part = term.value(x, own, offset)
            if term.has_offset:
                offset = 0.0
            total = part if total is None else total + part
        return total


@dataclass(frozen=True, slots=True)
class SumGuess:
    """Guess a term on what the others leave, in turn (backfitting), then all linear parameters jointly.

    The best of three starts: the first term first, the last term first, and each term on its own part of x.
    L. Breiman, J. H. Friedman, J. Am. Stat. Assoc. 80 (1985) 580, doi:10.1080/01621459.1985.10478157.
    """

    sum: Sum

    def __call__(self, x: npt.ArrayLike, y: npt.ArrayLike) -> Array:
        """Return p0, shape (..., P), for x (N,) or (D, N) and y (..., N)."""
        x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
        if x.ndim == 1 and y.shape[-1:] == x.shape:
            order = np.argsort(x, kind="stable")
            x, y = x[order], y[..., order]
        p0 = np.empty((int(np.prod(y.shape[:-1])), len(self.sum.parameters)))
        rows = y.reshape(len(p0), *y.shape[-1:])
        step = max(1, 4 * BLOCK // max(1, rows.shape[-1]))
        with np.errstate(all="ignore"):
            for start in range(0, len(rows), step):
                p0[start : start + step] = self._block(x, rows[start : start + step])
        return p0.reshape(*y.shape[:-1], p0.shape[1])

    def _block(self, x: Array, y: Array) -> Array:
        terms = self.sum.terms
        curved = [k for k, term in enumerate(terms) if not term.linear]
        straight = [k for k, term in enumerate(terms) if term.linear]
        forward, backward = [*curved, *straight], [*curved[::-1], *straight]
        state = _State(self.sum, x, y)
        state.run(forward)
        if len(curved) > 1:
            if len({terms[k].guess for k in curved}) > 1:
                state.run(backward)
            state.run(forward, parts=_parts(y, curved))
        return np.stack(state.best.columns, axis=1)


class _State:
    """The backfitting of one block, and the best it has seen."""

    def __init__(self, total: Sum, x: Array, y: Array) -> None:
        self.sum, self.x, self.y = total, x, y
        self.best = Best()
        weights = np.isfinite(y).astype(np.float64)
        self.data = Data(x, np.where(weights > 0, y, 0.0), weights)
        self.beside = tuple((term.f, len(term.parameters)) for term in total.terms if term.linear)

    def run(self, order: list[int], parts: dict[int, Array] | None = None) -> None:
        """Backfit in this order; `parts` are what the terms are guessed on the first time."""
        terms, y = self.sum.terms, self.y
        offset = np.zeros((len(y), 1))
        curves = [np.zeros_like(y) for _ in terms]
        found = [np.zeros((len(y), len(term.own))) for term in terms]
        for sweep in range(SWEEPS):
            for k in order:
                term = terms[k]
                rest = y - sum(curve for j, curve in enumerate(curves) if j != k)
                if sweep == 0 and parts is not None and k in parts:
                    rest = parts[k]
                rest = rest if term.has_offset else rest - offset
                if isinstance(term.guess, Guess) and not term.linear:
                    p = term.guess(self.x, rest, self.beside)
                else:
                    p = term.guess(self.x, rest)
                if term.has_offset:
                    offset = p[:, [term.parameters.index(OFFSET)]]
                found[k] = p[:, term.own]
                curves[k] = self._curve(term, found[k])
            self._offer(found, offset)
            found, offset = self._solved(found, offset)
            curves = [self._curve(term, own) for term, own in zip(terms, found, strict=True)]
            self._offer(found, offset)

    def _curve(self, term: Term, own: Array) -> Array:
        curve: Array = term.value(self.x, list(own.T[:, :, None]), 0.0) + np.zeros_like(self.y)
        return np.where(np.isfinite(curve), curve, 0.0)

    def _offer(self, found: list[Array], offset: Array) -> None:
        columns = [column for own in found for column in own.T]
        if self.sum.has_offset:
            columns.append(offset[:, 0])
        residual = self.data.masked(self.sum(self.x, *(column[:, None] for column in columns)) - self.data.y)
        sse = (residual * residual).sum(axis=1)
        finite = np.isfinite(sse) & np.logical_and.reduce([np.isfinite(column) for column in columns])
        self.best.offer(np.where(finite, sse, np.inf), *columns)

    def _solved(self, found: list[Array], offset: Array) -> tuple[list[Array], Array]:
        """Return the same with the linear parameters of all terms from one least-squares solve."""
        basis: list[Any] = []
        places = []
        for k, term in enumerate(self.sum.terms):
            scaled = set(term.guess.scaled) if isinstance(term.guess, Guess) else set()
            for j in scaled & set(term.own):
                unit = found[k].copy()
                unit[:, [term.own.index(i) for i in scaled & set(term.own)]] = 0.0
                unit[:, term.own.index(j)] = 1.0
                basis.append(self._curve(term, unit))
                places.append((k, term.own.index(j)))
            if not scaled:  # a guess of unknown kind: leave what it has
                return found, offset
        if self.sum.has_offset:
            basis.append(1.0)
        coefficients, _ = fit_linear(self.data, basis)
        coefficients = np.where(np.isfinite(coefficients), coefficients, 0.0)
        solved = [own.copy() for own in found]
        for (k, position), column in zip(places, coefficients.T, strict=False):
            solved[k][:, position] = column
        return solved, coefficients[:, [-1]] if self.sum.has_offset else offset


def _parts(y: Array, terms: list[int]) -> dict[int, Array]:
    """Return for each term its part of y, in order of x: equal shares of the sum of |y - median|."""
    present = np.isfinite(y)
    if y.shape[1] == 0:
        return {}
    level = np.nanmedian(np.where(present.any(axis=1, keepdims=True), y, 0.0), axis=1, keepdims=True)
    share = np.cumsum(np.where(present, np.abs(y - level), 0.0), axis=1)
    share = share / np.maximum(share[:, -1:], np.finfo(float).tiny) * len(terms)
    return {k: np.where((share >= j) & (share <= j + 1), y, np.nan) for j, k in enumerate(terms)}


def add(a: ReadyModel, b: ReadyModel) -> ReadyModel:
    """Return the model a + b."""
    if a.coordinates != b.coordinates:
        raise ValueError(f"sum of models: coordinates must be equal, got {a.coordinates} and {b.coordinates}")
    total = Sum((*_terms(a), *_terms(b)))
    names = [term.name for term in total.terms]
    docs = f"The sum of {', '.join(names)}, with one offset; parameters {', '.join(total.parameters)}."
    return bind(total, a.coordinates, total.parameters, SumGuess(total), " + ".join(names), docs)


def _terms(model: ReadyModel) -> tuple[Term, ...]:
    if isinstance(model.f, Sum):
        return model.f.terms
    return (Term(model.f, model.parameters, model.guess, model.name),)
