"""From the arguments of `KFAC.update` and `update_all` to what changes the running averages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from . import _arguments as arg
from ._kfac_factors import LayerState, Update
from ._kfac_gradients import known
from ._kfac_layers import Conv2d
from ._kfac_rows import Batch, Use, floating, rows_of

Array = NDArray[Any]


def read_updates(
    who: str, states: Mapping[str, LayerState], statistics: Any, batch: Batch, *, chain: bool
) -> list[Update]:
    """Check everything, then bring it into rows; refuses before any work."""
    if not isinstance(statistics, Mapping):
        raise TypeError(
            f"{who}: statistics must be a mapping from layers to pairs (activations, output_gradients), "
            f"got {arg.shown(statistics)}"
        )
    if chain and set(statistics) != set(states):
        missing = [name for name in states if name not in statistics]
        for name in statistics:
            known(who, states, name)
        raise ValueError(f"{who}: tridiagonal=True needs all layers in one call, {missing[0]!r} is missing")
    checked = []
    names = list(states) if chain else list(statistics)
    for name in names:
        pair = statistics[name]
        state = known(who, states, name)
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise TypeError(
                f"{who}: {state.what} must have a pair (activations, output_gradients), got {arg.shown(pair)}"
            )
        checked.append((state, *_checked(who, state, pair[0], pair[1], batch)))
    if chain:
        _same_rows(who, checked)
    updates = []
    for state, uses, samples, positions in checked:
        reduced = state.layer.sharing == "reduce"
        weighting = batch.weighting(state.what, samples, positions, row_a_sample=reduced)
        chosen = [
            Use(None if use.a is None else batch.selected(use.a), batch.selected(use.g)) for use in uses
        ]
        updates.append(Update(state, rows_of(state.layer, chosen, weighting), weighting))
    return updates


def _checked(who: str, state: LayerState, a: Any, g: Any, batch: Batch) -> tuple[list[Use], int, int]:
    """The uses of a layer, the number of samples, and the positions of a sample in each use."""
    many = isinstance(g, (tuple, list)) and len(g) > 0 and hasattr(g[0], "shape")
    if not many:
        one = _use(who, state, a, g)
        sizes = [(one[1], one[2])]
        uses = [one[0]]
    else:
        inputs = [None] * len(g) if a is None else a
        if not isinstance(inputs, (tuple, list)) or len(inputs) != len(g):
            raise ValueError(
                f"{who}: activations of {state.what} must be {len(g)} arrays, as the output gradients, "
                f"got {arg.shown(a)}"
            )
        found = [_use(who, state, x, y) for x, y in zip(inputs, g, strict=True)]
        uses, sizes = [use for use, _, _ in found], [(samples, places) for _, samples, places in found]
        if len(set(sizes)) > 1:
            raise ValueError(
                f"{who}: all uses of {state.what} must have as many samples and positions, got {sizes}"
            )
    samples, positions = sizes[0]
    batch.size(state.what, samples, positions)
    if isinstance(state.layer, Conv2d) and batch.average == "batch+sequence":
        raise ValueError(
            f"{who}: loss_average must be None, 'batch' or the number of terms in the mean for {state.what}, "
            "a convolution, got 'batch+sequence'"
        )
    return uses, samples, positions


def _use(who: str, state: LayerState, a: Any, g: Any) -> tuple[Use, int, int]:
    inputs = None if a is None else floating(who, f"activations of {state.what}", a)
    outputs = floating(who, f"output_gradients of {state.what}", g)
    try:
        positions = state.layer.positions(inputs, outputs)
    except ValueError as error:
        name, _, rest = str(error).partition(" ")
        raise ValueError(f"{who}: {name} of {state.what} {rest}") from None
    return Use(inputs, outputs), len(outputs), positions


def _same_rows(who: str, checked: list[Any]) -> None:
    sizes = {(len(uses), samples, positions) for _, uses, samples, positions in checked}
    if len(sizes) > 1 or any(count != 1 for count, _, _ in sizes):
        raise ValueError(
            f"{who}: tridiagonal=True needs the same samples in all layers, each used once, "
            f"got {sorted(samples for _, _, samples, _ in checked)}"
        )


def given_decay(who: str, value: Any) -> float | None:
    """A decay from 0 to 1, 1 excluded."""
    if value is None:
        return None
    decay = arg.real(who, "decay", value)
    if not 0 <= decay < 1:
        raise ValueError(f"{who}: decay must be at least 0 and below 1, got {value!r}")
    return decay
