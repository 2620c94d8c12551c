"""The inverse of the block-tridiagonal approximation, for chains of linear layers.

Xi' Lambda Xi with Xi unit block-bidiagonal, of Psi = F_(i,i+1) F_(i+1,i+1)^-1 = Psi_A (x) Psi_G, and Lambda
the inverses of Sigma_i = A_i (x) G_i - (Psi_A A_(i+1) Psi_A') (x) (Psi_G G_(i+1) Psi_G'), which two symmetric
eigenvalue problems of the sizes of the factors give (Martens & Grosse 2015, arXiv:1503.05671, section 4.3 and
appendix B). The damped factors take the place of A and G throughout.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._kfac_factors import LayerState, Update
from ._kfac_inverse import KEPT, NEVER, Outcome, dampings, failure
from ._result import Status

Array = NDArray[Any]


@dataclass
class Link:
    """Of a layer and the next: the running averages E[a a+'] and E[g g+']."""

    A: Array
    G: Array


@dataclass
class Conditional:
    """Of a layer given the next: Sigma^-1 V = K_G ((K_G' V K_A) / (1 - s_G s_A')) K_A', and Psi."""

    psi_a: Array
    psi_g: Array
    k_a: Array
    k_g: Array
    rest: Array  # 1 - s_G s_A'


@dataclass
class ChainInverse:
    """Xi' Lambda Xi of a whole chain."""

    conditionals: list[Conditional]
    last_a: Array  # inverse of the last layer's factors
    last_g: Array

    def apply(self, vectors: list[Array]) -> list[Array]:
        """F^-1 v, layer by layer."""
        last = len(self.conditionals)
        u = list(vectors)
        for i, c in enumerate(self.conditionals):
            u[i] = vectors[i] - c.psi_g @ vectors[i + 1] @ c.psi_a.T
        for i, c in enumerate(self.conditionals):
            u[i] = c.k_g @ ((c.k_g.T @ u[i] @ c.k_a) / c.rest) @ c.k_a.T
        u[last] = self.last_g @ u[last] @ self.last_a
        for i in range(last, 0, -1):
            c = self.conditionals[i - 1]
            u[i] = u[i] - c.psi_g.T @ u[i - 1] @ c.psi_a
        return u

    @property
    def arrays(self) -> list[Array]:
        """All of it, in the order that `from_arrays` takes."""
        found = [x for c in self.conditionals for x in (c.psi_a, c.psi_g, c.k_a, c.k_g, c.rest)]
        return [*found, self.last_a, self.last_g]

    @staticmethod
    def from_arrays(arrays: Sequence[Array]) -> ChainInverse:
        """The inverse whose `arrays` these are."""
        parts = [Conditional(*arrays[i : i + 5]) for i in range(0, len(arrays) - 2, 5)]
        return ChainInverse(parts, arrays[-2], arrays[-1])

    @staticmethod
    def shapes(sizes: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
        """Those of `arrays`, for layers with V of these sizes."""
        found: list[tuple[int, int]] = []
        for (m, n), (m_next, n_next) in itertools.pairwise(sizes):
            found += [(n, n_next), (m, m_next), (n, n), (m, m), (m, n)]
        m, n = sizes[-1]
        return [*found, (n, n), (m, m)]


@dataclass
class Chain:
    """What is kept of a chain beside its layers' factors: a link less than there are layers."""

    links: list[Link | None]
    inverse: ChainInverse | None = None


def blend_links(updates: Sequence[Update], links: list[Link | None]) -> None:
    """The averages of products of neighbours, which go with one update of all layers of the chain."""
    inputs = [_inputs(update) for update in updates]
    for i, (one, other) in enumerate(itertools.pairwise(updates)):
        w = one.weighting
        new = 1 - one.decay
        A = _cross(inputs[i], inputs[i + 1], one.rows[0].a_weights) * (new / w.mass)
        G = _cross(one.rows[0].g, other.rows[0].g, one.rows[0].g_weights) * (new * w.scale)
        old = links[i]
        links[i] = Link(A, G) if old is None else Link(one.decay * old.A + A, one.decay * old.G + G)


def _inputs(update: Update) -> Array:
    """Activations with the column of ones for the bias."""
    a = update.rows[0].a
    assert a is not None
    return np.hstack([a, np.ones((len(a), 1), a.dtype)]) if update.state.layer.bias else a


def _cross(x: Array, y: Array, weights: Array | None) -> Array:
    return np.asarray(x.T @ y if weights is None else (x * weights[:, None]).T @ y)


class ChainInversion:
    """The inverse of a chain, on a snapshot of its statistics."""

    def __init__(self, states: Sequence[LayerState], chain: Chain, damping: float, *, snapshot: bool) -> None:
        self.states, self.chain, self.damping = list(states), chain, damping
        self.links = list(chain.links)  # which are replaced, never written
        self.given = [
            (s.A.copy(), s.G.copy()) if snapshot and s.A is not None and s.G is not None else (s.A, s.G)
            for s in self.states
        ]
        self.outcomes: list[Outcome] = [Outcome() for _ in self.states]
        self.inverse: ChainInverse | None = None

    def run(self, threads: int) -> None:
        """Find the inverse, from the last layer to the first."""
        damped: list[tuple[Array, Array]] = []
        for i, (A, G) in enumerate(self.given):
            if A is None or G is None:
                self.outcomes[i] = Outcome(Status.not_run, NEVER)
                continue
            to_a, to_g = dampings(A, G, self.damping)
            pair = []
            for name, factor, added in (("A", A, to_a), ("G", G, to_g)):
                matrix = factor + factor.dtype.type(added) * np.eye(len(factor), dtype=factor.dtype)
                if not np.isfinite(matrix).all():
                    self.outcomes[i] = failure(name, finite=False)
                pair.append(matrix)
            damped.append((pair[0], pair[1]))
        if all(out.status.success for out in self.outcomes):
            self._invert(damped)

    def _invert(self, damped: list[tuple[Array, Array]]) -> None:
        inverses: list[tuple[Array, Array]] = []
        roots: list[tuple[Array, Array]] = []
        for i, pair in enumerate(damped):
            found = []
            for name, matrix in zip("AG", pair, strict=True):
                w, v = np.linalg.eigh(matrix)
                if not w[0] > 0:
                    self.outcomes[i] = failure(name, finite=True)
                    return
                found.append((_symmetric((v / w) @ v.T), _symmetric((v / np.sqrt(w)) @ v.T)))
            inverses.append((found[0][0], found[1][0]))
            roots.append((found[0][1], found[1][1]))
        conditionals = []
        for i, link in enumerate(self.links):
            assert link is not None
            psi_a, psi_g = link.A @ inverses[i + 1][0], link.G @ inverses[i + 1][1]
            k_a, s_a = _diagonalized(roots[i][0], psi_a, link.A)
            k_g, s_g = _diagonalized(roots[i][1], psi_g, link.G)
            rest = 1 - np.outer(s_g, s_a)
            if not (rest > 0).all():
                self.outcomes[i] = Outcome(
                    Status.singular, f"its block given the next is not positive definite; {KEPT}"
                )
                return
            conditionals.append(Conditional(psi_a, psi_g, k_a, k_g, rest))
        self.inverse = ChainInverse(conditionals, *inverses[-1])

    def adopt(self) -> None:
        """Make the inverse ready to use; a chain is good as a whole or not at all."""
        for state, out in zip(self.states, self.outcomes, strict=True):
            state.inverse_outcome, state.inverse_message = out.status, out.message
        if self.inverse is not None:
            self.chain.inverse = self.inverse

    @property
    def nbytes(self) -> int:
        """Memory of the snapshot and of the inverse."""
        own = {id(x) for state in self.states for x in (state.A, state.G)}
        arrays = [x for pair in self.given for x in pair if x is not None and id(x) not in own]
        return sum(x.nbytes for x in [*arrays, *(self.inverse.arrays if self.inverse else [])])


def _symmetric(matrix: Array) -> Array:
    return np.asarray((matrix + matrix.T) / 2)


def _diagonalized(root: Array, psi: Array, cross: Array) -> tuple[Array, Array]:
    """K and s with K = M^-1/2 E, E s E' = M^-1/2 C M^-1/2, for C = psi cross' (appendix B)."""
    s, e = np.linalg.eigh(_symmetric(root @ (psi @ cross.T) @ root))
    return root @ e, np.maximum(s, 0)
