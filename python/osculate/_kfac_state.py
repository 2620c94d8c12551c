"""States of `KFAC` that can be saved, statistics that can be merged, and the memory that they take."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import _arguments as arg
from ._kfac_factors import LayerState
from ._kfac_inverse import Background
from ._kfac_merge import merge_layer, merge_links
from ._kfac_rows import FLOATS
from ._kfac_tridiagonal import Chain, ChainInverse, Link
from ._result import Status

if TYPE_CHECKING:
    from typing_extensions import Self

Array = NDArray[Any]
VERSION = 1
ARRAYS = ("A", "G", "squares", "left", "right", "moments")
NUMBERS = ("updates", "A_mass", "G_mass", "moment_updates", "update_outcome", "inverse_outcome")
CHAIN = "/tridiagonal"  # no layer's name begins so with a slash after it


class WithState:
    """The part of `KFAC` that saves, loads and merges."""

    _states: dict[str, LayerState]
    _chain: Chain | None
    _eigen: bool
    _damping: float
    _calls: int
    _inverted: bool
    _due: bool
    _work: Background
    _lock: Any

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` needs to go on with the same bits.

        Returns
        -------
        dict
            NumPy arrays alone, copies, with names as "fc1/A", so that ``numpy.savez(file, **state)`` saves it
            and ``load_state_dict(numpy.load(file))`` loads it. The constructor's options are not in it, the
            damping is. Waits for inverses in the background.
        """
        with self._lock:
            self._work.collect(wait=True)
            state: dict[str, Any] = {
                "version": np.array(VERSION),
                "approximation": np.array(self._approximation),
                "damping": np.array(self._damping),
                "calls": np.array(self._calls),
                "inverted": np.array(self._inverted),
                "due": np.array(self._due),
            }
            for name, layer in self._states.items():
                for key in NUMBERS:
                    state[f"{name}/{key}"] = np.array(getattr(layer, key))
                for key in ("update_message", "inverse_message"):
                    state[f"{name}/{key}"] = np.array(getattr(layer, key))
                state[f"{name}/dtype"] = np.array("" if layer.dtype is None else layer.dtype.name)
                for key in ARRAYS:
                    if getattr(layer, key) is not None:
                        state[f"{name}/{key}"] = getattr(layer, key).copy()
            if self._chain is not None:
                for i, array in enumerate(_chain_arrays(self._chain)):
                    state[f"{CHAIN}/{i}"] = array.copy()
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state that `state_dict` gave; refuses, unchanged, what is none or of other layers.

        Parameters
        ----------
        state : mapping
            Of `state_dict`, or a file of it from `numpy.load`. The object must have the same layers, `eigen`
            and `tridiagonal`; other options may differ.

        Raises
        ------
        TypeError, ValueError
            A name is missing or unknown, the version is another, or an array has a wrong shape.
        """
        who = "KFAC.load_state_dict"
        if not isinstance(state, Mapping):
            raise TypeError(f"{who}: state must be a mapping, got {arg.shown(state)}")
        left = dict(state)
        version = _take(who, left, "version")
        if version.shape != () or version != VERSION:
            raise ValueError(f"{who}: version must be {VERSION}, got {arg.shown(version)}")
        approximation = str(_take(who, left, "approximation"))
        if approximation != self._approximation:
            raise ValueError(
                f"{who}: approximation must be {self._approximation!r}, as the options say, "
                f"got {approximation!r}"
            )
        damping = arg.at_least_zero(who, "damping", _take(who, left, "damping"))
        calls, inverted, due = (int(_take(who, left, key)) for key in ("calls", "inverted", "due"))
        states = {name: self._layer_from(who, left, name, old) for name, old in self._states.items()}
        chain = None if self._chain is None else self._chain_from(who, left)
        if left:
            raise ValueError(f"{who}: state must fit the layers and options, but has {sorted(left)[0]!r} too")
        with self._lock:
            self._work.collect(wait=True)
            for name, layer in states.items():
                self._states[name] = layer
            self._chain, self._damping, self._calls = chain, damping, calls
            self._inverted, self._due = bool(inverted), bool(due)

    @property
    def _approximation(self) -> str:
        return "eigen" if self._eigen else "blocks" if self._chain is None else "tridiagonal"

    def _layer_from(self, who: str, given: dict[str, Any], name: str, old: LayerState) -> LayerState:
        m, n = old.layer.shape
        shapes = {"A": (n, n), "G": (m, m), "squares": (m, n), "left": (m, m), "right": (n, n)}
        if not old.layer.factored:
            shapes = {"squares": (m, n), "left": (m, n)}
        elif self._eigen:
            shapes["moments"] = (m, n)
        new = LayerState(name, old.layer)
        dtype = str(_take(who, given, f"{name}/dtype"))
        if dtype not in ("", "float32", "float64"):
            raise ValueError(f"{who}: {name}/dtype must be float32 or float64, got {dtype!r}")
        new.dtype = np.dtype(dtype) if dtype else None
        for key in NUMBERS:
            value = _take(who, given, f"{name}/{key}")
            if value.shape != () or value.dtype.kind not in "if":
                raise ValueError(f"{who}: {name}/{key} must be a number, got {arg.shown(value)}")
            setattr(new, key, value.item())
        new.update_outcome, new.inverse_outcome = Status(new.update_outcome), Status(new.inverse_outcome)
        for key in ("update_message", "inverse_message"):
            setattr(new, key, str(_take(who, given, f"{name}/{key}")))
        for key in ARRAYS:
            array = given.pop(f"{name}/{key}", None)
            if array is not None:
                setattr(new, key, _checked(who, f"{name}/{key}", array, shapes.get(key), new.dtype))
        return new

    def _chain_from(self, who: str, given: dict[str, Any]) -> Chain:
        sizes = [state.layer.shape for state in self._states.values()]
        shapes: list[tuple[int, int]] = []
        for (m, n), (m_next, n_next) in itertools.pairwise(sizes):
            shapes += [(n, n_next), (m, m_next)]
        names = [f"{CHAIN}/{i}" for i in range(len(given)) if f"{CHAIN}/{i}" in given]
        every = shapes + ChainInverse.shapes(sizes)
        if len(names) not in (0, len(shapes), len(every)):
            raise ValueError(
                f"{who}: state must have all parts of the chain, got {len(names)} of {len(every)}"
            )
        arrays = [
            _checked(who, key, given.pop(key), shape, None)
            for key, shape in zip(names, every[: len(names)], strict=True)
        ]
        links: list[Link | None] = [None] * (len(sizes) - 1)
        if arrays:
            links = [Link(arrays[i], arrays[i + 1]) for i in range(0, len(shapes), 2)]
        chain = Chain(links)
        if len(arrays) == len(every):
            chain.inverse = ChainInverse.from_arrays(arrays[len(shapes) :])
        return chain

    def merge(self, other: Self) -> None:
        """Take in the statistics of another worker, or of another batch.

        Parameters
        ----------
        other : KFAC
            With the same layers; stays as it is. Its averages count by the samples behind them, so that parts
            of a batch, merged, give the statistics of the whole. Layers that it never updated do not count.

        Raises
        ------
        TypeError, ValueError
            `other` is no KFAC, or has other layers or another approximation.

        Notes
        -----
        Inverses are not merged: call `invert` after it. EKFAC's mean squares are merged where both have the
        same basis, and else stay until `invert` begins them again.
        """
        who = "KFAC.merge"
        if not isinstance(other, WithState):
            raise TypeError(f"{who}: other must be a KFAC, got {arg.shown(other)}")
        mine_of, theirs_of = ([(s.name, s.layer) for s in x._states.values()] for x in (self, other))
        if mine_of != theirs_of:
            raise ValueError(f"{who}: other must have the same layers, got {', '.join(other._states)}")
        if self._approximation != other._approximation:
            raise ValueError(f"{who}: other must have the same options eigen and tridiagonal")
        if other is self:
            return
        first, second = sorted((self._lock, other._lock), key=id)
        with first, second:
            mine, theirs = list(self._states.values()), [other._states[name] for name in self._states]
            if self._chain is not None and other._chain is not None:
                merge_links(self._chain, other._chain, mine, theirs)
            for one, more in zip(mine, theirs, strict=True):
                merge_layer(one, more)

    def memory(self) -> dict[str, int]:
        """Return the bytes of `factors`, `inverses`, `buffers` for what is on its way, and their `total`."""
        with self._lock:
            layers = list(self._states.values())
            chain = [] if self._chain is None else _chain_arrays(self._chain)
            links = 0 if self._chain is None else 2 * sum(link is not None for link in self._chain.links)
            factors = sum(_bytes(s.A, s.G, s.squares) for s in layers) + _bytes(*chain[:links])
            inverses = sum(_bytes(s.left, s.right, s.moments) for s in layers) + _bytes(*chain[links:])
            buffers = sum(_bytes(*(s.spare or ()), *s.buffers) for s in layers) + self._work.nbytes
        total = factors + inverses + buffers
        return {"factors": factors, "inverses": inverses, "buffers": buffers, "total": total}

    def __getstate__(self) -> dict[str, Any]:
        with self._lock:
            self._work.collect(wait=True)
            return {name: value for name, value in self.__dict__.items() if name not in ("_lock", "_work")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock, self._work = threading.RLock(), Background()


def _bytes(*arrays: Array | None) -> int:
    return sum(array.nbytes for array in arrays if array is not None)


def _chain_arrays(chain: Chain) -> list[Array]:
    links = [x for link in chain.links if link is not None for x in (link.A, link.G)]
    return links + (chain.inverse.arrays if chain.inverse is not None else [])


def _take(who: str, state: dict[str, Any], name: str) -> Array:
    if name not in state:
        raise ValueError(f"{who}: state must have {name!r}, which is missing")
    return np.asarray(state.pop(name))


def _checked(who: str, name: str, given: Any, shape: tuple[int, int] | None, dtype: Any) -> Array:
    array = np.array(given, order="C")
    if shape is None or array.shape != shape or array.dtype not in FLOATS or dtype not in (None, array.dtype):
        expected = "not be there" if shape is None else f"have shape {shape} and dtype {dtype or 'float64'}"
        raise ValueError(f"{who}: {name} must {expected}, got shape {array.shape} and dtype {array.dtype}")
    return array
