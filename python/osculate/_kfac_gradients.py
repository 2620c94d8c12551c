"""Gradients of layers as matrices V = [W b], and results in the structure in which they came."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _arguments as arg
from . import _core
from ._kfac_factors import LayerState
from ._kfac_rows import FLOATS, floating

Array = NDArray[Any]


@dataclass
class Block:
    """A layer's V and where its result goes."""

    state: LayerState
    paired: bool  # weight and bias, not V
    out: tuple[Array, ...]  # the array, or both
    V: Array  # (m, n), contiguous by rows or by columns, in the layer's dtype
    result: Array  # of the same order; may be V or memory of `out`

    def write(self, factor: float = 1.0) -> Any:
        """Put factor times the result into the given structure."""
        result = self.result if factor == 1.0 else self.result * self.result.dtype.type(factor)
        if len(self.out) == 1:
            if not np.may_share_memory(self.out[0], result):
                np.copyto(self.out[0], result.reshape(self.out[0].shape), casting="same_kind")
        else:
            np.copyto(self.out[0], result[:, :-1].reshape(self.out[0].shape), casting="same_kind")
            np.copyto(self.out[1], result[:, -1], casting="same_kind")
        if not self.paired:
            return self.out[0]
        return (self.out[0], None) if len(self.out) == 1 else self.out


def read_blocks(
    who: str, name: str, states: Mapping[str, LayerState], vectors: Any, out: Any, *, aside: bool
) -> list[Block]:
    """The V of every layer in a mapping; `aside` keeps results out of the caller's memory at first."""
    if not isinstance(vectors, Mapping):
        raise TypeError(f"{who}: {name} must be a mapping from layers to arrays, got {arg.shown(vectors)}")
    if out is not None and not isinstance(out, Mapping):
        raise TypeError(f"{who}: out must be a mapping from layers to arrays, got {arg.shown(out)}")
    blocks = []
    for key, value in vectors.items():
        state = known(who, states, key)
        place = None
        if out is not None:
            if key not in out:
                raise ValueError(f"{who}: out must have the layers of {name}, but {key!r} is missing")
            place = out[key]
        blocks.append(_block(who, name, state, value, place, aside))
    return blocks


def known(who: str, states: Mapping[str, LayerState], name: Any) -> LayerState:
    """The state of a layer that exists."""
    if not isinstance(name, str) or name not in states:
        names = ", ".join(repr(known) for known in list(states)[:4]) + (", ..." if len(states) > 4 else "")
        raise ValueError(f"{who}: layer must be one of {names}, got {arg.shown(name)}")
    return states[name]


def _block(who: str, name: str, state: LayerState, value: Any, place: Any, aside: bool) -> Block:
    what = f"{name} of {state.what}"
    given = _parts(who, what, state, value)
    paired = isinstance(value, tuple)
    if place is None:
        out = tuple(np.empty_like(x) for x in given)
    else:
        out = _place(who, state, place, given, paired)
    m, n = state.layer.shape
    dtype = state.dtype or given[0].dtype
    if len(given) == 2:
        V = state.buffer(0, dtype)
        V[:, :-1] = given[0].reshape(m, n - 1)
        V[:, -1] = given[1]
        return Block(state, paired, out, V, state.buffer(1, dtype) if aside else V)
    V = given[0].reshape(m, n)
    if V.dtype != dtype or not (V.flags.c_contiguous or V.flags.f_contiguous) or not V.flags.aligned:
        held = state.buffer(0, dtype)
        held[:] = V
        return Block(state, paired, out, held, state.buffer(1, dtype) if aside else held)
    result = out[0].reshape(m, n)
    same = result.dtype == dtype and result.strides == V.strides and np.may_share_memory(result, out[0])
    if aside or not same or not result.flags.aligned:
        result = state.buffer(1, dtype, by_columns=not V.flags.c_contiguous)
    return Block(state, paired, out, V, result)


def _parts(who: str, what: str, state: LayerState, value: Any) -> tuple[Array, ...]:
    """V alone or (weight, bias), of right shapes."""
    layer = state.layer
    m, n = layer.shape
    if not isinstance(value, tuple):
        V = floating(who, what, value)
        shapes = ((m, n),) if layer.bias else ((m, n), *layer.weight_shapes)
        if V.shape not in shapes:
            raise ValueError(f"{who}: {what} must have shape {(m, n)}, got {V.shape}")
        return (V,)
    if len(value) != 2 or (value[1] is None) is bool(layer.bias):
        pair = "(weight, bias)" if layer.bias else "(weight, None)"
        raise ValueError(f"{who}: {what} must be an array or a pair {pair}, got {arg.shown(value)}")
    weight = floating(who, f"the weight in {what}", value[0])
    if weight.shape not in layer.weight_shapes:
        raise ValueError(
            f"{who}: the weight in {what} must have shape {layer.weight_shapes[0]}, got {weight.shape}"
        )
    if not layer.bias:
        return (weight,)
    bias = floating(who, f"the bias in {what}", value[1])
    if bias.shape != (m,):
        raise ValueError(f"{who}: the bias in {what} must have shape {(m,)}, got {bias.shape}")
    return weight, bias


def _place(
    who: str, state: LayerState, place: Any, given: tuple[Array, ...], paired: bool
) -> tuple[Array, ...]:
    places = place if isinstance(place, tuple) else (place,)
    expected = (*given, None) if paired and len(given) == 1 else given
    if isinstance(place, tuple) is not paired or len(places) != len(expected):
        form = "a pair" if paired else "an array"
        raise ValueError(
            f"{who}: out of {state.what} must be {form}, as what is given, got {arg.shown(place)}"
        )
    arrays = []
    for array, like in zip(places, expected, strict=True):
        if like is None:
            continue
        if not isinstance(array, np.ndarray) or array.dtype not in FLOATS or not array.flags.writeable:
            raise TypeError(
                f"{who}: out of {state.what} must be writable arrays of float32 or float64, "
                f"got {arg.shown(array)}"
            )
        if array.shape != like.shape:
            raise ValueError(
                f"{who}: out of {state.what} must have shape {like.shape}, got shape {array.shape}"
            )
        arrays.append(array)
    return tuple(arrays)


def multiply(
    blocks: list[Block], lefts: list[Array | None], rights: list[Array | None], threads: int
) -> None:
    """result = L V R for symmetric L and R, all blocks in one call of the core; None is the identity."""
    one: list[Array | None] = []
    other: list[Array | None] = []
    vectors, outs = [], []
    for block, left, right in zip(blocks, lefts, rights, strict=True):
        by_rows = block.V.flags.c_contiguous and block.result.flags.c_contiguous
        one.append(left if by_rows else right)
        other.append(right if by_rows else left)
        vectors.append(block.V if by_rows else block.V.T)
        outs.append(block.result if by_rows else block.result.T)
    if blocks:
        _core.kronecker_products(one, vectors, other, outs, threads)
