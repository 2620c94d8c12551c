"""What the states that `load_state_dict` is given have in common: their keys, version and counts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from . import _arguments as arg


def checked_state(who: str, state: Any, keys: tuple[str, ...], version: int) -> Mapping[str, Any]:
    """`state`, where it is a mapping with just these keys, "version" among them, of this version."""
    if not isinstance(state, Mapping):
        raise TypeError(f"{who}: state must be a dict, got {arg.shown(state)}")
    if set(state) != set(keys):
        found = ", ".join(sorted(map(str, state)))
        raise ValueError(f"{who}: state must have the keys {', '.join(keys)}, got {found or 'none'}")
    if state["version"] != version:
        raise ValueError(f"{who}: version must be {version}, got {arg.shown(state['version'])}")
    return state


def saved_count(who: str, state: Mapping[str, Any], name: str) -> int:
    """The whole number from 0 that a state has under `name`."""
    value = state[name]
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{who}: {name} must be a whole number from 0, got {arg.shown(value)}")
    return int(value)
