"""The running averages of K-FAC (Martens & Grosse 2015, arXiv:1503.05671, section 5).

A = E[a a'] over activations with a 1 for the bias, G = E[g g'] over output gradients, with decay
min(1 - 1/k, 0.95) at the k-th update. Layers without matrices keep the mean squares of their gradients, and
EKFAC those in the eigenbasis of A (x) G (George et al. 2018, arXiv:1806.03884, equation 4).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _core
from ._kfac_layers import Layer
from ._kfac_rows import Rows, Weighting
from ._result import Status

Array = NDArray[Any]


@dataclass
class LayerState:
    """All that is known of a layer.

    `left` and `right` are of the inverse in use, G's and A's: inverses, or eigenvectors as columns with
    `moments` the mean squares in their basis. Layers without matrices have `squares`, and in `left` the
    inverses of their sum with the damping.
    """

    name: str
    layer: Layer
    dtype: Any = None
    updates: int = 0
    A: Array | None = None
    G: Array | None = None
    A_mass: float = 0.0
    G_mass: float = 0.0
    squares: Array | None = None
    left: Array | None = None
    right: Array | None = None
    moments: Array | None = None
    moment_updates: int = 0
    spare: tuple[Array, Array] | None = field(default=None, repr=False)
    buffers: list[Array | None] = field(default_factory=lambda: [None, None], repr=False)
    update_outcome: Status = Status.not_run
    update_message: str = ""
    inverse_outcome: Status = Status.gradient
    inverse_message: str = ""

    def buffer(self, which: int, dtype: Any, *, by_columns: bool = False) -> Array:
        """Memory for V (0) or the result (1) that is kept: to allocate it costs more than to copy V."""
        m, n = self.layer.shape
        held = self.buffers[which]
        if held is None or held.dtype != dtype:
            held = self.buffers[which] = np.empty(m * n, dtype)
        return held.reshape(n, m).T if by_columns else held.reshape(m, n)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"spare": None, "buffers": [None, None]}

    @property
    def what(self) -> str:
        """How messages name the layer."""
        return f"layer {self.name!r}"


@dataclass
class Update:
    """What a batch brings for a layer."""

    state: LayerState
    rows: list[Rows]
    weighting: Weighting
    decay: float = 0.0
    finite: bool = True


def decay_at(update: int, longest: float) -> float:
    """min(1 - 1/k, longest) at the k-th update, from 1: a plain mean at first."""
    return min(1 - 1 / update, longest)


def judge(updates: list[Update], longest: float, given: float | None) -> list[Update]:
    """The updates whose numbers are finite, with their decays; the others leave the averages as they are."""
    for update in updates:
        state = update.state
        _make_ready(update)
        names = [(name, rows) for rows in update.rows for name in ("a", "g")]
        bad = [name for name, rows in names if not _finite(getattr(rows, name), update)]
        update.finite = not bad
        state.update_outcome = Status.nonfinite if bad else Status.gradient
        if bad:
            what = "activations" if bad[0] == "a" else "output gradients"
            state.update_message = f"the last {what} have NaN or infinity; the averages stayed as they were"
        k = state.updates + 1
        update.decay = 0.0 if k == 1 else decay_at(k, longest) if given is None else given
    return [update for update in updates if update.finite]


def blend(updates: list[Update], threads: int) -> None:
    """Blend a batch into the averages of many layers, in one call of the core."""
    _blend_factors([u for u in updates if u.state.layer.factored], threads)
    for update in updates:
        state, keep, weighting = update.state, update.decay, update.weighting
        if not state.layer.factored:
            state.squares = _blended(state.squares, _squares(update), keep)
        state.A_mass = keep * state.A_mass + (1 - keep) * weighting.mass * len(update.rows)
        state.G_mass = keep * state.G_mass + (1 - keep) * weighting.terms
        state.updates += 1


def blend_moments(updates: list[Update], longest: float) -> None:
    """Blend into EKFAC's mean squares, in the basis in use; those it began with count as one batch."""
    for update in updates:
        state = update.state
        if state.moments is None or state.left is None or state.right is None:
            continue
        found = sum(_moments(rows, state.left, state.right, state.layer.bias) for rows in update.rows)
        state.moment_updates += 1
        keep = decay_at(state.moment_updates + 1, longest)
        state.moments = _blended(state.moments, update.weighting.scale * found, keep)


def _make_ready(update: Update) -> None:
    """Rows and weights in the layer's dtype, which its first update decides, as the core can read them."""
    state = update.state
    if state.dtype is None:
        arrays = [x for rows in update.rows for x in (rows.a, rows.g) if x is not None]
        state.dtype = np.result_type(*arrays)
    update.rows = [
        Rows(*(ready(x, state.dtype) for x in (rows.a, rows.g, rows.a_weights, rows.g_weights)))
        for rows in update.rows
    ]


def ready(array: Array | None, dtype: Any) -> Any:
    """The array itself where its dtype is right and one of its strides is that of a number."""
    if array is None:
        return None
    if array.dtype == dtype and array.flags.aligned:
        size = array.itemsize
        if size in array.strides and all(s > 0 and s % size == 0 for s in array.strides):
            return array
    return np.array(array, dtype=dtype, order="C")  # a copy even where only a single row has odd strides


def _finite(array: Array | None, update: Update) -> bool:
    """Whether the squares can be summed; one pass over the numbers, where nothing is wrong."""
    if array is None:
        return True
    flat = array.T if array.flags.f_contiguous else array
    with np.errstate(over="ignore", invalid="ignore"):
        total = np.vdot(flat, flat) if flat.flags.c_contiguous else np.einsum("ij,ij->", array, array)
        if np.isfinite(total * max(update.weighting.scale, 1.0)):
            return True
        squares = np.einsum("ij,ij->j", array, array, dtype=np.float64) * max(update.weighting.scale, 1.0)
    return bool((squares < np.finfo(array.dtype).max).all())


def _blend_factors(updates: list[Update], threads: int) -> None:
    for update in updates:
        state = update.state
        if state.A is None or state.G is None:
            m, n = state.layer.shape
            state.A, state.G = np.zeros((n, n), state.dtype), np.zeros((m, m), state.dtype)
    for use in range(max((len(update.rows) for update in updates), default=0)):  # a target once a call
        targets: list[Array] = []
        rows: list[Array] = []
        weights: list[Array | None] = []
        bias: list[bool] = []
        decays: list[float] = []
        scales: list[float] = []
        for update in updates:
            if use >= len(update.rows):
                continue
            state, w, part = update.state, update.weighting, update.rows[use]
            keep, new = (update.decay if use == 0 else 1.0), 1 - update.decay
            for factor, matrix, weight, ones, scale in (
                (state.A, part.a, part.a_weights, state.layer.bias, 1 / (w.mass * len(update.rows))),
                (state.G, part.g, part.g_weights, False, w.scale),
            ):
                assert factor is not None
                assert matrix is not None
                targets.append(factor)
                rows.append(matrix)
                weights.append(weight)
                bias.append(ones)
                decays.append(keep)
                scales.append(new * scale)
        _core.gram_updates(targets, rows, weights, bias, decays, scales, threads)


def _blended(old: Array | None, found: Any, keep: float) -> Array:
    return np.asarray(found) if old is None or keep == 0 else keep * old + (1 - keep) * found


def _squares(update: Update) -> Array:
    """Mean squares of the gradients of a layer without matrices, in columns for the weight and the bias."""
    total = np.zeros(update.state.layer.shape, update.state.dtype)
    columns = ("a", "g") if update.state.layer.bias else ("a",)
    for rows in update.rows:
        for column, name in enumerate(columns if rows.a is not None else ("g",)):
            x = getattr(rows, name)
            if rows.g_weights is None:
                total[:, column] += np.einsum("ij,ij->j", x, x)
            else:
                total[:, column] += np.einsum("i,ij,ij->j", rows.g_weights, x, x)
    return np.asarray(update.weighting.scale * total, update.state.dtype)


def _moments(rows: Rows, left: Array, right: Array, bias: bool) -> Array:
    """Sum over the rows of w (u'g)^2 (v'a)^2, for the columns u of `left` and v of `right`."""
    assert rows.a is not None
    g = rows.g @ left
    a = rows.a @ right[:-1] + right[-1] if bias else rows.a @ right
    np.square(g, out=g)
    np.square(a, out=a)
    if rows.g_weights is not None:
        g *= rows.g_weights[:, None]
    return np.asarray(g.T @ a)
