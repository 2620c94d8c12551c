"""The options of `KFAC`, checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from . import _arguments as arg
from . import _threads
from ._kfac_elementwise import Diagonal, Scale
from ._kfac_layers import Conv2d, Layer, Linear

WHO = "KFAC"


def read_layers(layers: Any) -> dict[str, Layer]:
    """Names and descriptions."""
    if not isinstance(layers, Mapping):
        raise TypeError(f"{WHO}: layers must be a mapping from names to layers, got {arg.shown(layers)}")
    if not layers:
        raise ValueError(f"{WHO}: layers must have at least one layer, got none")
    for name, layer in layers.items():
        if not isinstance(name, str):
            raise TypeError(f"{WHO}: layers must have names as keys, got {arg.shown(name)}")
        if not name or name.startswith("/"):
            raise ValueError(f"{WHO}: layers must have names that do not begin with '/', got {name!r}")
        if not isinstance(layer, (Linear, Conv2d, Scale, Diagonal)):
            raise TypeError(f"{WHO}: layer {name!r} must be one of osculate.layers, got {arg.shown(layer)}")
    return dict(layers)


def read_flags(layers: Mapping[str, Layer], eigen: Any, tridiagonal: Any, background: Any) -> None:
    """What excludes each other."""
    for name, value in (("eigen", eigen), ("tridiagonal", tridiagonal), ("background", background)):
        if not isinstance(value, (bool, np.bool_)):
            raise TypeError(f"{WHO}: {name} must be True or False, got {arg.shown(value)}")
    if not tridiagonal:
        return
    if eigen:
        raise ValueError(f"{WHO}: tridiagonal must be False with eigen=True, got True")
    if len(layers) < 2:
        raise ValueError(f"{WHO}: tridiagonal must be False for a single layer, got True")
    for name, layer in layers.items():
        if not isinstance(layer, Linear):
            raise ValueError(f"{WHO}: tridiagonal=True needs layers that are Linear, but {name!r} is {layer}")


def read_decay(value: Any) -> float:
    """The longest decay, from 0 to 1, 1 excluded."""
    decay = arg.real(WHO, "decay", value)
    if not 0 <= decay < 1:
        raise ValueError(f"{WHO}: decay must be at least 0 and below 1, got {value!r}")
    return decay


def read_count(name: str, value: Any) -> int:
    """A whole number from 1."""
    if value is None:
        raise TypeError(f"{WHO}: {name} must be a whole number, got None")
    return arg.count(WHO, name, value)


def read_dtype(value: Any) -> Any:
    """float32, float64, or None."""
    if value is None:
        return None
    try:
        dtype = np.dtype(value)
    except TypeError:
        dtype = np.dtype(object)
    if dtype not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise ValueError(f"{WHO}: dtype must be float32, float64 or None, got {arg.shown(value)}")
    return dtype


def read_threads(value: Any) -> int:
    """A number of threads."""
    return _threads.resolve(value, f"{WHO}: ")
