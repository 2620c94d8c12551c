"""What `KFAC` does to gradients with the inverses in use, and to vectors with the factors themselves."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _core
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

    def rescaled(
        state: LayerState, inside: Array
    ) -> Array:  # nothing along what has no curvature nor damping
        damped = state.moments + inside.dtype.type(damping)
        return np.asarray(np.divide(inside, damped, out=np.zeros_like(inside), where=damped > 0))

    _in_basis(
        [b for b in blocks if b.state.layer.factored and eigen and b.state.left is not None],
        rescaled,
        threads,
    )


def _in_basis(blocks: list[Block], change: Callable[[LayerState, Array], Array], threads: int) -> None:
    """result = U_G change(U_G' V U_A) U_A', all blocks in two calls of the core."""
    if not blocks:
        return
    lefts: list[Any] = [b.state.left for b in blocks]
    rights: list[Any] = [b.state.right for b in blocks]
    vectors = [np.ascontiguousarray(b.V) for b in blocks]
    inside = [np.empty_like(v) for v in vectors]
    _core.kronecker_products([np.ascontiguousarray(u.T) for u in lefts], vectors, rights, inside, threads)
    inside = [change(block.state, v) for block, v in zip(blocks, inside, strict=True)]
    _core.kronecker_products(lefts, inside, [np.ascontiguousarray(u.T) for u in rights], inside, threads)
    for block, v in zip(blocks, inside, strict=True):
        _put(block, v)


def apply_chain(blocks: list[Block], chain: Chain) -> None:
    """F^-1 v of the whole chain, whose blocks are in its order; v itself where there is no inverse yet."""
    found = [b.V for b in blocks] if chain.inverse is None else chain.inverse.apply([b.V for b in blocks])
    for block, result in zip(blocks, found, strict=True):
        _put(block, result)


def apply_fisher(blocks: list[Block], damping: float, eigen: bool, threads: int) -> None:
    """result = G V A + damping V."""
    vectors = [b.V.copy(order="K") if damping else b.V for b in blocks]
    turned = [b for b in blocks if eigen and b.state.moments is not None]
    plain = [b for b in blocks if b.state.layer.factored and not (eigen and b.state.moments is not None)]
    multiply(plain, [b.state.G for b in plain], [b.state.A for b in plain], threads)
    _in_basis(turned, lambda state, inside: np.asarray(inside * state.moments), threads)
    for block, V in zip(blocks, vectors, strict=True):
        if not block.state.layer.factored:
            _put(block, V * block.state.squares)
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
