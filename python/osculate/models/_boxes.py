"""Where a peak is and how wide: the box that explains most, over all positions and a ladder of widths.

A box of n_in of n points over a constant explains S^2 n / (n_in (n - n_in)), S being the sum of the centered
y inside: differences of one cumulative sum, so a width costs a few operations per position whatever N is.
Boxes of more than 16 points move by an eighth of their width.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ._guess import Array, Data


@dataclass(frozen=True, slots=True)
class Edges:
    """For one x: the boundaries between points, (N + 1,), and the widths of boxes in points."""

    x: Array
    widths: tuple[int, ...]


def edges(x: Array) -> Edges:
    """Prepare a search on x, sorted."""
    n = len(x)
    if n == 1:
        half = abs(x[0]) / 2 or 0.5
        return Edges(np.array([x[0] - half, x[0] + half]), (1,))
    middle = (x[1:] + x[:-1]) / 2
    ends = np.array([2 * x[0] - middle[0], 2 * x[-1] - middle[-1]])
    ladder = [w for power in range(n.bit_length()) for w in (1 << power, 3 << power >> 1)]
    # one point of many is an outlier more often than a peak
    least = 1 if n < 8 else 2
    widths = tuple(sorted({w for w in ladder if least <= w <= max(least, 3 * n // 4)}))
    return Edges(np.concatenate([ends[:1], middle, ends[1:]]), widths)


def boxes(data: Data, plan: Edges) -> list[tuple[Array, Array]]:
    """Return center and width, each (B,), of the best box above the mean and of the best below it.

    Where such a box touches an end the peak may have its center there: a third and fourth pair have that.
    """
    b, n = data.y.shape
    _, centered = data.centered()
    total = np.zeros((b, n + 1))
    np.cumsum(centered, axis=1, out=total[:, 1:])
    inside: Array | None = None
    if data.weights is not None:
        inside = np.zeros((b, n + 1))
        np.cumsum(data.weights, axis=1, out=inside[:, 1:])
    row = np.arange(b)
    best = {sign: (np.full(b, -np.inf), np.zeros(b, np.intp), np.ones(b, np.intp)) for sign in (1, -1)}
    for width in plan.widths:
        stride = max(1, width // 8) if width > 16 else 1
        steps = width // stride
        sums = total[:, ::stride]
        score = sums[:, steps:] - sums[:, :-steps]
        if inside is None:
            score *= 1 / np.sqrt(width * max(n - width, 0.5) / n)
        else:
            counts = inside[:, ::stride]
            n_in = counts[:, steps:] - counts[:, :-steps]
            product = n_in * (np.reshape(data.count, (-1, 1)) - n_in)
            score = np.where(product > 0, score / np.sqrt(np.where(product > 0, product, 1.0)), 0.0)
        for sign, find in ((1, np.argmax), (-1, np.argmin)):
            at = find(score, axis=1)
            best[sign] = _better(best[sign], sign * score[row, at], at * stride, width)
    found = []
    for _, start, size in best.values():
        left, right = plan.x[start], plan.x[start + size]
        span = np.where(right > left, right - left, (plan.x[-1] - plan.x[0]) / n or 1.0)
        found.append(((left + right) / 2, span))
        first, last = start == 0, start + size >= n - size // 8
        outer = np.where(first, left, np.where(last, right, (left + right) / 2))
        found.append((outer, np.where(first | last, 2 * span, span)))
    return found


def _better(
    old: tuple[Array, npt.NDArray[np.intp], npt.NDArray[np.intp]],
    score: Array,
    at: npt.NDArray[np.intp],
    width: int,
) -> tuple[Array, npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    better = score > old[0]
    return np.where(better, score, old[0]), np.where(better, at, old[1]), np.where(better, width, old[2])
