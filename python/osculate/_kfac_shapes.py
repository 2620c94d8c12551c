"""Checks of sizes and shapes that the descriptions of layers share."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _arguments as arg

Array = NDArray[Any]
SHARING = {"expand": 0, "reduce": 1}


def needed(a: Array | None) -> Array:
    if a is None:
        raise ValueError("activations must be an array, got None")
    return a


def same(g: Array, shape: tuple[int, ...]) -> None:
    if g.shape != shape:
        raise ValueError(f"output_gradients must have shape {shape}, as the activations say, got {g.shape}")


def whole(who: str, name: str, value: Any, least: int) -> int:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, np.integer)):
        raise TypeError(f"{who}: {name} must be a whole number, got {arg.shown(value)}")
    if value < least:
        raise ValueError(f"{who}: {name} must be at least {least}, got {value}")
    return int(value)


def pair(who: str, name: str, value: Any, least: int) -> tuple[int, int]:
    if isinstance(value, (tuple, list)):
        if len(value) != 2:
            raise ValueError(f"{who}: {name} must be a whole number or a pair, got {arg.shown(value)}")
        return whole(who, name, value[0], least), whole(who, name, value[1], least)
    number = whole(who, name, value, least)
    return number, number


def sizes(layer: Any, who: str, *names: str) -> None:
    for name in names:
        object.__setattr__(layer, name, whole(who, name, getattr(layer, name), 1))
    if not isinstance(layer.bias, (bool, np.bool_)):
        raise TypeError(f"{who}: bias must be True or False, got {arg.shown(layer.bias)}")
