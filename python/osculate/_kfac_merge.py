"""Statistics of two workers or batches as those of both together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._kfac_factors import LayerState
from ._kfac_tridiagonal import Chain, Link
from ._result import Status

Array = NDArray[Any]


def merge_layer(mine: LayerState, theirs: LayerState) -> None:
    """Running averages, each with the weight of the samples behind it."""
    if theirs.updates == 0:
        return
    if mine.dtype is None:
        mine.dtype = theirs.dtype
    masses = (
        ("A", mine.A_mass, theirs.A_mass),
        ("G", mine.G_mass, theirs.G_mass),
        ("squares", mine.G_mass, theirs.G_mass),
    )
    for key, own, more in masses:
        setattr(mine, key, _mean(getattr(mine, key), own, getattr(theirs, key), more, mine.dtype))
    if mine.moments is not None and theirs.moments is not None and _same_basis(mine, theirs):
        mine.moments = _mean(mine.moments, mine.G_mass, theirs.moments, theirs.G_mass, mine.dtype)
    mine.A_mass += theirs.A_mass
    mine.G_mass += theirs.G_mass
    mine.updates = max(mine.updates, theirs.updates)
    mine.update_outcome, mine.update_message = Status.gradient, ""


def _same_basis(mine: LayerState, theirs: LayerState) -> bool:
    pairs = ((mine.left, theirs.left), (mine.right, theirs.right))
    return all(a is not None and b is not None and np.array_equal(a, b) for a, b in pairs)


def _mean(mine: Array | None, own: float, theirs: Array | None, more: float, dtype: Any) -> Any:
    if theirs is None:
        return mine
    if mine is None:
        return theirs.astype(dtype)
    share = own / (own + more)
    return np.asarray(share * mine + (1 - share) * theirs, dtype)


def merge_links(
    chain: Chain, other: Chain, states: Sequence[LayerState], others: Sequence[LayerState]
) -> None:
    """Products of neighbours, before their layers, whose masses these are."""
    for i, link in enumerate(other.links):
        own = chain.links[i]
        if link is None:
            continue
        if own is None:
            chain.links[i] = Link(link.A.copy(), link.G.copy())
            continue
        dtype = own.A.dtype
        chain.links[i] = Link(
            _mean(own.A, states[i].A_mass, link.A, others[i].A_mass, dtype),
            _mean(own.G, states[i].G_mass, link.G, others[i].G_mass, dtype),
        )
