"""Search over nonlinear parameters: variable projection on a grid, as one matrix product.

For every candidate the linear parameters are eliminated (Golub & Pereyra 1973, doi:10.1137/0710036): with Q
an orthonormal basis of its shapes, the share of y it explains is |Q'y|^2. All Q depend on x alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ._guess import TILE, Array, Data

POINTS = 256  # more are averaged in bins for the search; the linear parameters then use all
# multiply-adds of one product: OpenBLAS takes threads for more (GEMM_MULTITHREAD_THRESHOLD 4 * 65536), which
# cost far more than they bring at this size
PRODUCT = 1 << 18


@dataclass(frozen=True, slots=True)
class Grid:
    """Candidates and what they can explain, for one x.

    Attributes
    ----------
    candidates : (K, q) array
        The nonlinear parameters.
    order : (N,) array of int or None
        Brings the points of a bin together.
    bins : (M,) array of int or None
        The first point of each bin.
    root : (M,) array
        The square root of the number of points in each bin.
    level : (M,) array or None
        The constant of unit length, already projected out of Q; None without an offset.
    blocks : list of (m, M, k) arrays
        The orthonormal bases, m vectors for each of the next k candidates.
    """

    candidates: Array
    order: npt.NDArray[np.intp] | None
    bins: npt.NDArray[np.intp] | None
    root: Array
    level: Array | None
    blocks: list[Array]

    def select(self, data: Data) -> Array:
        """Return the best candidate of each fit, (B, q).

        The shares are rounded to 1e-9, and rows are multiplied in tiles of one size, so that neither the
        batch nor the BLAS changes which of two equal candidates is taken.
        """
        y = self._binned(data.y)
        before = (y * y).sum(axis=1)
        if self.level is not None:
            for _ in range(2):  # the second time removes the rounding of a large offset
                y = y - (y * self.level).sum(axis=1)[:, None] * self.level
        total = (y * y).sum(axis=1)
        count = -(-len(y) // TILE)
        tiles, scale = np.zeros((count, TILE, y.shape[1])), np.zeros((count * TILE, 1))
        tiles.reshape(-1, y.shape[1])[: len(y)] = y
        scale[: len(y), 0] = np.where(total > 1e-24 * before, 1e9 / total, 0.0)  # below is rounding
        row = np.arange(len(y))
        best, most = np.zeros(len(y), np.intp), np.full(len(y), -1.0)
        first = 0
        for block in self.blocks:
            share = _squared(tiles @ block[0])
            for Q in block[1:]:
                share += _squared(tiles @ Q)
            np.rint(np.multiply(share, scale, out=share), out=share)
            at = np.argmax(share, axis=1)[: len(y)]
            largest = share[row, at]
            better = largest > most
            best, most = np.where(better, first + at, best), np.where(better, largest, most)
            first += block.shape[2]
        return np.asarray(self.candidates[best])

    def excluding(self, basis: Sequence[Array]) -> Grid:
        """Return the same search for y that has any multiples of the basis functions, each (N,), in it."""
        columns = np.array(basis)
        columns = columns / np.maximum(np.abs(columns).max(axis=1, keepdims=True), np.finfo(float).tiny)
        other = np.linalg.svd(self._binned(columns), full_matrices=False)[2]
        blocks = []
        for block in self.blocks:
            shapes = [Q.T - (Q.T @ other.T) @ other for Q in block]
            bases = _orthonormal(shapes, self.level)
            blocks.append(np.ascontiguousarray(np.stack(bases).transpose(0, 2, 1)))
        return replace(self, blocks=blocks)

    def _binned(self, rows: Array) -> Array:
        rows = rows if self.order is None else rows[:, self.order]
        return rows if self.bins is None else np.add.reduceat(rows, self.bins, axis=1) / self.root


def grid(
    x: Array,
    candidates: Array,
    shapes: Callable[..., Sequence[Array]],
    *,
    offset: bool = True,
    growing: bool = False,
) -> Grid:
    """Prepare a search.

    Parameters
    ----------
    x : (N,) array
        Sorted.
    candidates : (K, q) array
        ``shapes(x, *columns)`` with columns of shape (K, 1) gives a list of shapes (K, N).
    offset : bool
        Whether a constant is fitted too.
    growing : bool
        Bins that grow with the distance from the first point, for what is fast at the start and slow later.
    """
    bins = None if len(x) <= POINTS else _bins(len(x), growing)
    return binned_grid(x, candidates, shapes, offset=offset, bins=bins)


def binned_grid(
    x: Array,
    candidates: Array,
    shapes: Callable[..., Sequence[Array]],
    *,
    offset: bool = True,
    order: npt.NDArray[np.intp] | None = None,
    bins: npt.NDArray[np.intp] | None = None,
) -> Grid:
    """Prepare a search on x (N,) or (D, N), with the bins of the caller."""
    n = x.shape[-1]
    counts = np.ones(n) if bins is None else np.diff(bins, append=n)
    root = np.sqrt(counts)
    sorted_x = x if order is None else x[..., order]
    middle = sorted_x if bins is None else np.add.reduceat(sorted_x, bins, axis=-1) / counts
    level = root / np.sqrt(root @ root) if offset else None
    size = max(1, PRODUCT // (TILE * len(root)))
    blocks = []
    for start in range(0, len(candidates), size):
        columns = candidates[start : start + size].T[:, :, None]
        bases = _orthonormal([np.asarray(s) * root for s in shapes(middle, *columns)], level)
        blocks.append(np.ascontiguousarray(np.stack(bases).transpose(0, 2, 1)))
    return Grid(candidates, order, bins, root, level, blocks)


def geometric(first: float, last: float, *, ratio: float, most: int) -> Array:
    """Numbers from `first` to `last` by about `ratio`, at most `most` of them."""
    span = np.log(max(last / first, ratio))
    return np.geomspace(first, first * np.exp(span), min(most, int(np.ceil(span / np.log(ratio))) + 1))


def product(*axes: Array) -> Array:
    """Every combination, (K, q)."""
    return np.stack([axis.ravel() for axis in np.meshgrid(*axes, indexing="ij")], axis=1)


def _orthonormal(shapes: list[Array], level: Array | None) -> list[Array]:
    """Orthonormalize (K, M) shapes by Gram-Schmidt, twice; a shape that adds nothing becomes 0."""
    done: list[Array] = []
    for shape in shapes:
        q = np.where(np.isfinite(shape), shape, 0.0)
        largest = np.abs(q).max(axis=1, keepdims=True)
        q = q / np.where(largest > 0, largest, 1.0)
        size = np.sqrt((q * q).sum(axis=1, keepdims=True))
        for _ in range(2):
            if level is not None:
                q = q - (q @ level)[:, None] * level
            for other in done:
                q = q - (q * other).sum(axis=1, keepdims=True) * other
        norm = np.sqrt((q * q).sum(axis=1, keepdims=True))
        done.append(np.where(norm > 1e-7 * size, q / np.where(norm > 0, norm, 1.0), 0.0))
    return done


def _squared(product: Array) -> Array:
    """Square in place; return it without its tiles."""
    return np.square(product, out=product).reshape(-1, product.shape[2])


def _bins(n: int, growing: bool) -> npt.NDArray[np.intp]:
    if growing:
        edges = np.concatenate([np.arange(POINTS // 4), np.geomspace(POINTS // 4, n, POINTS * 3 // 4)[:-1]])
    else:
        edges = np.linspace(0, n, POINTS + 1)[:-1]
    return np.unique(edges.astype(np.intp))
