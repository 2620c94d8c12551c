"""What `KFAC` does to gradients with the inverses in use, and to vectors with the factors themselves."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._kfac_factors import LayerState
from ._kfac_gradients import Block, multiply
from ._kfac_tridiagonal import Chain

Array = NDArray[Any]


def apply_inverse(blocks: list[Block], damping: float, eigen: bool, threads: int) -> None:
    """result = G^-1 V A^-1 and its like; V itself of layers that have no inverse."""
    plain = [b for b in blocks if b.state.layer.factored and not (eigen and b.state.left is not None)]
    multiply(plain, [b.state.left for b in plain], [b.state.right for b in plain], threads)
    for block in blocks:
        state = block.state
        if not state.layer.factored:
            _put(block, block.V if state.left is None else block.V * state.left)
        elif eigen and state.left is not None:
            _put(block, _rescaled(block.V, state, damping))


def _rescaled(V: Array, state: LayerState, damping: float) -> Array:
    """U_G ((U_G' V U_A) / (s + damping)) U_A'; nothing along what has neither curvature nor damping."""
    assert state.left is not None
    assert state.right is not None
    assert state.moments is not None
    damped = state.moments + state.moments.dtype.type(damping)
    inside = state.left.T @ V @ state.right
    inside = np.divide(inside, damped, out=np.zeros_like(inside), where=damped > 0)
    return np.asarray(state.left @ inside @ state.right.T)


def apply_chain(blocks: list[Block], chain: Chain) -> None:
    """F^-1 v of the whole chain, whose blocks are in its order; v itself where there is no inverse yet."""
    found = [b.V for b in blocks] if chain.inverse is None else chain.inverse.apply([b.V for b in blocks])
    for block, result in zip(blocks, found, strict=True):
        _put(block, result)


def apply_fisher(blocks: list[Block], damping: float, eigen: bool, threads: int) -> None:
    """result = G V A + damping V."""
    vectors = [b.V.copy(order="K") if damping else b.V for b in blocks]
    turned = [eigen and b.state.moments is not None for b in blocks]
    plain = [b for b, basis in zip(blocks, turned, strict=True) if b.state.layer.factored and not basis]
    multiply(plain, [b.state.G for b in plain], [b.state.A for b in plain], threads)
    for block, V, basis in zip(blocks, vectors, turned, strict=True):
        state = block.state
        if not state.layer.factored:
            _put(block, V * state.squares)
        elif basis:
            assert state.left is not None
            assert state.right is not None
            assert state.moments is not None
            inside = (state.left.T @ V @ state.right) * state.moments
            _put(block, state.left @ inside @ state.right.T)
        if damping:
            block.result += block.result.dtype.type(damping) * V


def apply_chain_fisher(blocks: list[Block], chain: Chain, damping: float) -> None:
    """F v with F's blocks beside the diagonal, too."""
    found = []
    for i, block in enumerate(blocks):
        A, G = block.state.A, block.state.G
        result = np.zeros_like(block.V) if A is None or G is None else G @ block.V @ A
        before, after = (chain.links[i - 1] if i else None), (chain.links[i] if i + 1 < len(blocks) else None)
        if after is not None:
            result = result + after.G @ blocks[i + 1].V @ after.A.T
        if before is not None:
            result = result + before.G.T @ blocks[i - 1].V @ before.A
        found.append(result + block.V.dtype.type(damping) * block.V)
    for block, result in zip(blocks, found, strict=True):
        _put(block, result)


def clip(blocks: list[Block], limit: float | None, learning_rate: float) -> float:
    """min(1, sqrt(limit / (learning_rate^2 V.P))), which bounds how far the model's distribution moves."""
    if limit is None:
        return 1.0
    total = learning_rate**2 * math.fsum(_dot(b.V, b.result) for b in blocks)
    return min(1.0, math.sqrt(limit / total)) if total > 0 else 1.0


def _dot(x: Array, y: Array) -> float:
    if x.flags.f_contiguous and y.flags.f_contiguous:
        x, y = x.T, y.T
    return float(np.vdot(x, y))


def _put(block: Block, result: Array) -> None:
    if result is not block.result:
        np.copyto(block.result, result)
