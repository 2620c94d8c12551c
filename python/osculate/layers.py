"""Descriptions of layers for `osculate.KFAC`."""

from __future__ import annotations

from ._kfac_elementwise import Diagonal, Scale
from ._kfac_layers import Conv2d, Layer, Linear

__all__ = ["Conv2d", "Diagonal", "Layer", "Linear", "Scale"]
