"""What K-FAC has to know of a layer: sizes, and how activations and output gradients become rows.

A row of activations and a row of output gradients are one use of the weights. Uses within a sample share the
weights: sequences, positions of a convolution (Grosse & Martens 2016, arXiv:1602.01407), tied weights.
"expand" takes each use for a term of the loss of its own; "reduce" takes the mean of a sample's activations
and the sum of its gradients (Eschenhagen et al. 2023, arXiv:2311.00636, sections 3.1 and 3.2).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from . import _arguments as arg
from ._kfac_elementwise import Diagonal, Scale
from ._kfac_shapes import SHARING, Array, needed, pair, same, sizes


@dataclass(frozen=True)
class Linear:
    """A layer s = W a + b.

    Parameters
    ----------
    d_in, d_out : int
        Numbers of inputs and outputs.
    bias : bool, default True
        Whether there is a b.
    sharing : {"expand", "reduce"}, default "expand", keyword-only
        What several uses of W in one sample are: "expand", each has its own term in the loss, as the tokens
        of a language model; "reduce", the loss sees a mean or sum over them, as in a classifier of images by
        patches.

    Notes
    -----
    Activations are (B, d_in) or (B, R..., d_in), output gradients (B, d_out) or (B, R..., d_out), where B is
    the number of samples and R any number of axes of positions. The gradient is a matrix V of shape
    (d_out, d_in), with one more column for the bias, its last.

    Examples
    --------
    >>> from osculate.layers import Linear
    >>> Linear(784, 100).shape
    (100, 785)
    """

    d_in: int
    d_out: int
    bias: bool = True
    sharing: str = field(default="expand", kw_only=True)
    factored: ClassVar[bool] = True

    def __post_init__(self) -> None:
        sizes(self, "Linear", "d_in", "d_out")
        arg.choice("Linear", "sharing", self.sharing, SHARING)

    @property
    def shape(self) -> tuple[int, int]:
        """Of the gradient as a matrix."""
        return self.d_out, self.d_in + self.bias

    @property
    def weight_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes that the weight alone may have."""
        return ((self.d_out, self.d_in),)

    def positions(self, a: Array | None, g: Array) -> int:
        """Uses in a sample; ValueError, whose text begins with an argument, where a shape is wrong."""
        a = needed(a)
        if a.ndim < 2 or a.shape[-1] != self.d_in:
            raise ValueError(
                f"activations must have shape (B, {self.d_in}) or (B, ..., {self.d_in}), got {a.shape}"
            )
        same(g, (*a.shape[:-1], self.d_out))
        return math.prod(a.shape[1:-1])

    def tokens(self, a: Array | None, g: Array) -> tuple[Array | None, Array]:
        """Both arrays as (B, R..., features)."""
        return a, g


@dataclass(frozen=True)
class Conv2d:
    """A two-dimensional convolution, as cross-correlation.

    Parameters
    ----------
    in_channels, out_channels : int
        Numbers of channels.
    kernel_size : int or pair of int
        Height and width of the kernel, in pixels.
    stride, padding, dilation : int or pair of int, default 1, 0, 1
        As in torch; the padding is zeros.
    bias : bool, default True
        Whether each output channel has a constant.
    sharing : {"expand", "reduce"}, default "expand", keyword-only
        See `Linear`. "expand" is K-FAC for convolutions by Grosse and Martens.

    Notes
    -----
    Activations are images (B, in_channels, H, W), or patches (B, P, in_channels * kh * kw) in the order
    channel, row, column of the kernel; output gradients are (B, out_channels, H', W') or
    (B, P, out_channels). Patches of images are copied together. The gradient V has shape
    (out_channels, in_channels * kh * kw), with one more column for the bias, its last.

    Examples
    --------
    >>> from osculate.layers import Conv2d
    >>> Conv2d(3, 16, 5, padding=2).shape
    (16, 76)
    """

    in_channels: int
    out_channels: int
    kernel_size: Any
    stride: Any = 1
    padding: Any = 0
    dilation: Any = 1
    bias: bool = True
    sharing: str = field(default="expand", kw_only=True)
    factored: ClassVar[bool] = True

    def __post_init__(self) -> None:
        sizes(self, "Conv2d", "in_channels", "out_channels")
        for name, least in (("kernel_size", 1), ("stride", 1), ("padding", 0), ("dilation", 1)):
            object.__setattr__(self, name, pair("Conv2d", name, getattr(self, name), least))
        arg.choice("Conv2d", "sharing", self.sharing, SHARING)

    @property
    def _columns(self) -> int:
        return int(self.in_channels * self.kernel_size[0] * self.kernel_size[1])

    @property
    def shape(self) -> tuple[int, int]:
        """Of the gradient as a matrix."""
        return self.out_channels, self._columns + self.bias

    @property
    def weight_shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shapes that the weight alone may have."""
        flat = (self.out_channels, self._columns)
        return flat, (self.out_channels, self.in_channels, *self.kernel_size)

    def positions(self, a: Array | None, g: Array) -> int:
        """Uses in a sample; ValueError, whose text begins with an argument, where a shape is wrong."""
        a = needed(a)
        if a.ndim == 3 and a.shape[2] == self._columns:
            places = int(a.shape[1])
            if g.ndim != 4 or math.prod(g.shape[2:]) != places or g.shape[:2] != (len(a), self.out_channels):
                same(g, (len(a), places, self.out_channels))
            return places
        if a.ndim != 4 or a.shape[1] != self.in_channels:
            raise ValueError(
                f"activations must have shape (B, {self.in_channels}, H, W) or (B, P, {self._columns}), "
                f"got {a.shape}"
            )
        height, width = (self._places(a.shape[2 + i], i) for i in (0, 1))
        if min(height, width) < 1:
            raise ValueError(f"activations must be images no smaller than the kernel, got shape {a.shape}")
        if g.shape != (len(a), height * width, self.out_channels):
            same(g, (len(a), self.out_channels, height, width))
        return height * width

    def _places(self, size: int, i: int) -> int:
        reach = self.dilation[i] * (self.kernel_size[i] - 1) + 1
        return int((size + 2 * self.padding[i] - reach) // self.stride[i] + 1)

    def tokens(self, a: Array | None, g: Array) -> tuple[Array | None, Array]:
        """Both arrays as (B, P, features)."""
        if g.ndim == 4:
            g = g.reshape(*g.shape[:2], -1).swapaxes(1, 2)
        if a is not None and a.ndim == 4:
            a = self.patches(a)
        return a, g

    def patches(self, images: Array) -> Array:
        """The patches (B, P, in_channels * kh * kw) of images (B, in_channels, H, W), copied together."""
        (ph, pw), (sh, sw), (dh, dw) = self.padding, self.stride, self.dilation
        if ph or pw:
            images = np.pad(images, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
        reach = tuple(d * (k - 1) + 1 for d, k in zip(self.dilation, self.kernel_size, strict=True))
        view = np.lib.stride_tricks.sliding_window_view(images, reach, axis=(2, 3))
        view = view[:, :, ::sh, ::sw, ::dh, ::dw]
        b, c, height, width, kh, kw = view.shape
        return np.asarray(view.transpose(0, 2, 3, 1, 4, 5).reshape(b, height * width, c * kh * kw))


Layer = Linear | Conv2d | Scale | Diagonal
