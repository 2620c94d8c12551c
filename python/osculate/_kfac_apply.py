"""The verbs of `KFAC` that invert, and that use what was inverted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import _arguments as arg
from ._kfac_factors import LayerState
from ._kfac_gradients import Block, known, read_blocks
from ._kfac_inverse import Background, Inversion, LayerInversion
from ._kfac_products import apply_chain, apply_chain_fisher, apply_fisher, apply_inverse, clip
from ._kfac_status import KFACStatus, status_of
from ._kfac_tridiagonal import Chain, ChainInversion

FIRST = 3  # calls of invert(when_due=True) that all invert, while the averages still change much


class WithInverse:
    """The part of `KFAC` that inverts and multiplies."""

    _states: dict[str, LayerState]
    _chain: Chain | None
    _eigen: bool
    _background: bool
    _damping: float
    _l2: float
    _kl_clip: float | None
    _period: int
    _calls: int
    _inverted: bool
    _due: bool
    _threads: int
    _work: Background
    _lock: Any

    def invert(self, *, when_due: bool = False) -> KFACStatus:
        """Invert the damped factors of all layers, as they are now.

        Parameters
        ----------
        when_due : bool, default False
            Whether to do it only at the calls 1 to 3 and then every `inverse_update_period`-th: for a call at
            every step.

        Returns
        -------
        KFACStatus
            Of all layers. A factor that is not positive definite, or has NaN, leaves the last good inverse
            of its layer in use; a layer that never had one gets its gradients back as they are.

        Notes
        -----
        ``(A + pi l I)^-1`` and ``(G + l / pi I)^-1`` with ``l = sqrt(damping + l2)`` and ``pi^2 = (tr(A) /
        n) / (tr(G) / m)``. With `eigen`, eigenvectors instead.

        With `background`, the inverses come into use at the first `precondition` that finds them ready, or at
        `join`. The first inversion of all is waited for; one that is due while another runs is put off to the
        next call with `when_due`, and a call without it waits.
        """
        with self._lock:
            if when_due:
                self._calls += 1
                self._due = self._due or self._calls <= FIRST or self._calls % self._period == 0
                if not self._due:
                    return status_of(self._states.values())
            if self._work.running and not self._work.collect(wait=not when_due):
                return status_of(self._states.values())
            self._due = False
            work = self._inversion(snapshot=self._background)
            if self._background:
                self._work.start(work, self._threads)
                if not self._inverted:
                    self._work.collect(wait=True)
            else:
                work.run(self._threads)
                work.adopt()
            self._inverted = True
            return status_of(self._states.values())

    def _inversion(self, *, snapshot: bool) -> Inversion:
        states, damping = list(self._states.values()), self._damping + self._l2
        if self._chain is not None:
            return ChainInversion(states, self._chain, damping, snapshot=snapshot)
        return LayerInversion(states, damping, eigen=self._eigen, snapshot=snapshot)

    def join(self) -> KFACStatus:
        """Wait for inverses in the background, put them to use, and report on all layers."""
        with self._lock:
            self._work.collect(wait=True)
            return status_of(self._states.values())

    def status(self) -> KFACStatus:
        """Report on all layers."""
        with self._lock:
            return status_of(self._states.values())

    def precondition(
        self, gradients: Mapping[str, Any], *, out: Any = None, learning_rate: float | None = None
    ) -> dict[str, Any]:
        """Multiply gradients by the inverse in use: ``G^-1 V A^-1`` for each layer.

        Parameters
        ----------
        gradients : mapping from str to array or (weight, bias)
            Of some or all layers, all where `tridiagonal`. An array V has the `shape` of its layer, the
            bias being the last column; a pair is a tuple, (weight, None) for a layer without bias, and
            kernels of convolutions in it have four axes. By rows or by columns; V is not copied, pairs are
            brought together in a buffer.
        out : mapping of the same structure, optional
            Where to write: writable arrays of float32 or float64. ``out=gradients`` works in place.
        learning_rate : float, optional
            The factor of the step; needed, and used, with `kl_clip` alone.

        Returns
        -------
        dict
            Of the same structure, `out`'s arrays where it is given.

        Raises
        ------
        TypeError, ValueError
            A layer is unknown, an array has a wrong type or shape, or `invert` was never called.
        """
        who = "KFAC.precondition"
        if self._kl_clip is not None:
            rate = arg.real(who, "learning_rate", learning_rate)
        else:
            rate = 1.0
        with self._lock:
            self._work.collect(wait=False)
            if not self._inverted:
                raise ValueError(f"{who}: gradients must come after the first invert(), got no inverse")
            blocks = self._blocks(who, "gradients", gradients, out, aside=self._kl_clip is not None)
            if self._chain is None:
                apply_inverse(blocks, self._damping + self._l2, self._eigen, self._threads)
            else:
                apply_chain(blocks, self._chain)
            factor = clip(blocks, self._kl_clip, rate)
            return {block.state.name: block.write(factor) for block in blocks}

    def fisher_product(
        self, vectors: Mapping[str, Any], *, out: Any = None, damping: float = 0.0
    ) -> dict[str, Any]:
        """Multiply by the approximate Fisher matrix itself: ``G V A + damping V`` for each layer.

        Parameters
        ----------
        vectors : mapping from str to array or (weight, bias)
            As the gradients of `precondition`.
        out : mapping of the same structure, optional
            Where to write; ``out=vectors`` works in place.
        damping : float, default 0
            Added to the matrix; `invert` splits its own between A and G.

        Returns
        -------
        dict
            Of the same structure. With `eigen`, after the first `invert`, of the matrix with the mean
            squares.

        Raises
        ------
        TypeError, ValueError
            A layer is unknown, was never updated, or an array has a wrong type or shape.
        """
        who = "KFAC.fisher_product"
        added = arg.at_least_zero(who, "damping", damping)
        with self._lock:
            for name in vectors if isinstance(vectors, Mapping) else ():
                state = known(who, self._states, name)
                if state.updates == 0:
                    raise ValueError(f"{who}: vectors must be of layers with an update, got {name!r}")
            blocks = self._blocks(who, "vectors", vectors, out, aside=False)
            if self._chain is None:
                apply_fisher(blocks, added, self._eigen, self._threads)
            else:
                apply_chain_fisher(blocks, self._chain, added)
            return {block.state.name: block.write() for block in blocks}

    def _blocks(self, who: str, name: str, vectors: Any, out: Any, *, aside: bool) -> list[Block]:
        blocks = read_blocks(who, name, self._states, vectors, out, aside=aside)
        if self._chain is None:
            return blocks
        found = {block.state.name: block for block in blocks}
        missing = [key for key in self._states if key not in found]
        if missing:
            raise ValueError(f"{who}: {name} must have all layers of the chain, {missing[0]!r} is missing")
        return [found[key] for key in self._states]
