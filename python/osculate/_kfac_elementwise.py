"""Layers without matrices, whose Fisher block K-FAC takes to be diagonal: scales and biases of their own."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from . import _arguments as arg
from ._kfac_shapes import SHARING, Array, needed, same, sizes, whole


@dataclass(frozen=True)
class Scale:
    """A layer y = weight * x + bias, feature by feature, such as the last part of a normalization.

    Parameters
    ----------
    features : int
        Number of weights.
    bias : bool, default True
        Whether there is a bias.
    axis : int, default -1, keyword-only
        The axis of the features: -1 after a layer norm, 1 in images (B, C, H, W).
    sharing : {"expand", "reduce"}, default "expand", keyword-only
        See `Linear`; "reduce" sums the gradients of a sample before they are squared.

    Notes
    -----
    Its Fisher block is taken to be diagonal. Activations are x, the normalized input, and have the shape of
    the output gradients. The gradient V has shape (features, 2), or (features,) without a bias.

    Examples
    --------
    >>> from osculate.layers import Scale
    >>> Scale(64).shape
    (64, 2)
    """

    features: int
    bias: bool = True
    axis: int = field(default=-1, kw_only=True)
    sharing: str = field(default="expand", kw_only=True)
    factored: ClassVar[bool] = False

    def __post_init__(self) -> None:
        sizes(self, "Scale", "features")
        axis = arg.real("Scale", "axis", self.axis)
        if axis != int(axis) or axis == 0:
            raise ValueError(f"Scale: axis must be a whole number other than 0, got {self.axis!r}")
        object.__setattr__(self, "axis", int(axis))
        arg.choice("Scale", "sharing", self.sharing, SHARING)

    @property
    def shape(self) -> tuple[int, int]:
        """Of the gradient as a matrix."""
        return self.features, 1 + self.bias

    @property
    def weight_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes that the weight alone may have."""
        return (self.features, 1), (self.features,)

    def positions(self, a: Array | None, g: Array) -> int:
        """Uses in a sample; ValueError, whose text begins with an argument, where a shape is wrong."""
        a = needed(a)
        axis = self.axis % a.ndim if -a.ndim <= self.axis < a.ndim else 0
        if axis == 0 or a.shape[axis] != self.features:
            raise ValueError(
                f"activations must have {self.features} features along axis {self.axis}, got shape {a.shape}"
            )
        same(g, a.shape)
        return math.prod(a.shape[1:]) // self.features

    def tokens(self, a: Array | None, g: Array) -> tuple[Array | None, Array]:
        """The derivatives by weight and by bias as (B, R..., features)."""
        return np.moveaxis(a * g, self.axis, -1), np.moveaxis(g, self.axis, -1)


@dataclass(frozen=True, init=False)
class Diagonal:
    """Any parameter, such as a bias alone, with its gradient for every sample.

    Parameters
    ----------
    shape : int or tuple of int
        Shape of the parameter.

    Notes
    -----
    Its Fisher block is taken to be diagonal. There are no activations (None); output gradients are the
    gradients of the samples, (B, *shape). The gradient V has the shape of the parameter.

    Examples
    --------
    >>> from osculate.layers import Diagonal
    >>> Diagonal((3, 4)).shape
    (12, 1)
    """

    parameter_shape: tuple[int, ...]
    bias: ClassVar[bool] = False
    sharing: ClassVar[str] = "expand"
    factored: ClassVar[bool] = False

    def __init__(self, shape: Any) -> None:
        lengths = shape if isinstance(shape, (tuple, list)) else (shape,)
        for size in lengths:
            whole("Diagonal", "shape", size, 1)
        object.__setattr__(self, "parameter_shape", tuple(int(size) for size in lengths))

    @property
    def shape(self) -> tuple[int, int]:
        """Of the gradient as a matrix."""
        return math.prod(self.parameter_shape), 1

    @property
    def weight_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes that the weight alone may have."""
        return self.parameter_shape, self.shape

    def positions(self, a: Array | None, g: Array) -> int:
        """Uses in a sample; ValueError, whose text begins with an argument, where a shape is wrong."""
        if a is not None:
            raise ValueError(f"activations must be None, as Diagonal has none, got shape {a.shape}")
        if g.ndim == 0:
            raise ValueError("output_gradients must have an axis of samples, got a number")
        same(g, (len(g), *self.parameter_shape))
        return 1

    def tokens(self, a: Array | None, g: Array) -> tuple[Array | None, Array]:
        """The gradients of the samples as rows."""
        return None, g.reshape(len(g), -1)
