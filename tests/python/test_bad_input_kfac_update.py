"""Wrong statistics for KFAC: the exception, and a message with what came."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from refusals import refused, require

from osculate import KFAC
from osculate.layers import Conv2d, Diagonal, Linear, Scale

B = 4
A, G = np.ones((B, 3)), np.ones((B, 2))
LAYERS: dict[str, Any] = {"fc": Linear(3, 2), "conv": Conv2d(1, 2, 2), "norm": Scale(3), "free": Diagonal(2)}

IMAGES, MAPS = np.ones((B, 1, 3, 3)), np.ones((B, 2, 2, 2))
UPDATES: list[tuple[str, Any, Any, type[Exception], str]] = [
    ("no", A, G, ValueError, "layer must be one of 'fc', 'conv', 'norm', 'free', got 'no'"),
    ("fc", A, None, TypeError, "output_gradients of layer 'fc' must be an array of real numbers, got None"),
    ("fc", None, G, ValueError, "activations of layer 'fc' must be an array, got None"),
    ("fc", "ab", G, TypeError, "activations of layer 'fc' must be an array of real numbers, got 'ab'"),
    ("fc", A + 1j, G, TypeError, "activations of layer 'fc' must be an array of real numbers, got array("),
    (
        "fc",
        A,
        [[1.0], [2.0, 3.0]],
        TypeError,
        "output_gradients of layer 'fc' must be an array of real numbers",
    ),
    ("fc", A[0], G, ValueError, "activations of layer 'fc' must have shape (B, 3) or (B, ..., 3), got (3,)"),
    ("fc", A[:, :2], G, ValueError, "activations of layer 'fc' must have shape (B, 3) or (B, ..., 3), got"),
    (
        "fc",
        A,
        G[:3],
        ValueError,
        "output_gradients of layer 'fc' must have shape (4, 2), as the activations say",
    ),
    (
        "fc",
        A,
        G[:, :1],
        ValueError,
        "output_gradients of layer 'fc' must have shape (4, 2), as the activations",
    ),
    ("fc", A[:0], G[:0], ValueError, "layer 'fc' must have at least one sample, got an empty batch"),
    ("fc", np.ones((B, 0, 3)), np.ones((B, 0, 2)), ValueError, "layer 'fc' must have at least one sample"),
    (
        "fc",
        [A],
        [G, G],
        ValueError,
        "activations of layer 'fc' must be 2 arrays, as the output gradients, got [",
    ),
    (
        "fc",
        [A, A[:2]],
        [G, G[:2]],
        ValueError,
        "all uses of layer 'fc' must have as many samples and positions",
    ),
    (
        "conv",
        A,
        MAPS,
        ValueError,
        "activations of layer 'conv' must have shape (B, 1, H, W) or (B, P, 4), got",
    ),
    (
        "conv",
        IMAGES[:, :, :1],
        MAPS,
        ValueError,
        "activations of layer 'conv' must be images no smaller than",
    ),
    (
        "conv",
        IMAGES,
        MAPS[:, :1],
        ValueError,
        "output_gradients of layer 'conv' must have shape (4, 2, 2, 2)",
    ),
    (
        "conv",
        np.ones((B, 4, 4)),
        MAPS[1:],
        ValueError,
        "output_gradients of layer 'conv' must have shape (4, 4, 2)",
    ),
    (
        "norm",
        G,
        G,
        ValueError,
        "activations of layer 'norm' must have 3 features along axis -1, got shape (4, 2)",
    ),
    ("norm", A, G, ValueError, "output_gradients of layer 'norm' must have shape (4, 3), as the activations"),
    (
        "free",
        G,
        G,
        ValueError,
        "activations of layer 'free' must be None, as Diagonal has none, got shape (4, 2)",
    ),
    ("free", None, A, ValueError, "output_gradients of layer 'free' must have shape (4, 2)"),
    (
        "free",
        None,
        1.0,
        ValueError,
        "output_gradients of layer 'free' must have an axis of samples, got a number",
    ),
]


@pytest.mark.parametrize(("layer", "a", "g", "exception", "message"), UPDATES)
def test_wrong_statistics(layer: str, a: Any, g: Any, exception: type[Exception], message: str) -> None:
    kfac = KFAC(LAYERS)
    refused(lambda: kfac.update(layer, a, g, loss_average=None), exception, f"KFAC.update: {message}")
    both = {"fc": (A, G), layer: (a, g)}
    refused(lambda: kfac.update_all(both, loss_average=None), exception, f"KFAC.update_all: {message}")
    require(set(kfac.updates.values()) == {0}, "a layer was updated though another was refused")


BATCHES: list[tuple[dict[str, Any], type[Exception], str]] = [
    (
        {"loss_average": "mean"},
        ValueError,
        "loss_average must be None, 'batch', 'batch+sequence' or the number",
    ),
    ({"loss_average": 0}, ValueError, "loss_average must be positive and finite, got 0"),
    (
        {"loss_average": True},
        ValueError,
        "loss_average must be None, 'batch', 'batch+sequence' or the number",
    ),
    ({"batch_weights": [1.0]}, ValueError, "batch_weights must have shape (4,) for layer 'fc', got (1,)"),
    (
        {"batch_weights": [1.0, 2, 3, -1]},
        ValueError,
        "batch_weights must be finite and at least 0, got [1.0,",
    ),
    ({"batch_weights": np.zeros(B)}, ValueError, "batch_weights must not all be 0, got array("),
    ({"batch_weights": "a"}, TypeError, "batch_weights must be an array of real numbers, got 'a'"),
    ({"batch_weights": 1.0}, ValueError, "batch_weights must be of shape (B,) or (B, R), got shape ()"),
    (
        {"batch_weights": [0.0, 0, 0, 1], "subsample": 2},
        ValueError,
        "batch_weights must not all be 0 in the subsample",
    ),
    ({"subsample": 0}, ValueError, "subsample must be at least 1, got 0"),
    (
        {"subsample": 0.5},
        TypeError,
        "subsample must be a number of samples, a slice, indices or a mask, got 0.5",
    ),
    (
        {"subsample": [7]},
        ValueError,
        "subsample must choose from the 4 samples of layer 'fc', got array([7])",
    ),
    (
        {"subsample": slice(9, 12)},
        ValueError,
        "subsample must choose from the 4 samples of layer 'fc', got slice",
    ),
    ({"subsample": [True]}, ValueError, "subsample must choose from the 4 samples of layer 'fc', got array("),
    ({"decay": 1}, ValueError, "decay must be at least 0 and below 1, got 1"),
    ({"decay": "a"}, TypeError, "decay must be a number, got 'a'"),
]


@pytest.mark.parametrize(("change", "exception", "message"), BATCHES)
def test_wrong_batch(change: dict[str, Any], exception: type[Exception], message: str) -> None:
    kfac = KFAC(LAYERS)
    given = {"loss_average": "batch"} | change
    refused(lambda: kfac.update("fc", A, G, **given), exception, f"KFAC.update: {message}")
    require(kfac.updates["fc"] == 0, "the layer was updated")


def test_the_average_of_the_loss_has_no_default() -> None:
    kfac = KFAC(LAYERS)
    with pytest.raises(TypeError, match="loss_average"):
        kfac.update("fc", A, G)  # type: ignore[call-arg]
    message = (
        "KFAC.update: loss_average must be None, 'batch' or the number of terms in the mean for layer 'conv'"
    )
    refused(lambda: kfac.update("conv", IMAGES, MAPS, loss_average="batch+sequence"), ValueError, message)
    message = "KFAC.update_all: statistics must be a mapping from layers to pairs"
    refused(lambda: kfac.update_all([(A, G)], loss_average=None), TypeError, message)  # type: ignore[arg-type]
    message = "KFAC.update_all: layer 'fc' must have a pair (activations, output_gradients), got array("
    refused(lambda: kfac.update_all({"fc": A}, loss_average=None), TypeError, message)
    chain = KFAC({"a": Linear(3, 2), "b": Linear(3, 2)}, tridiagonal=True)
    message = "KFAC.update: tridiagonal=True needs all layers in one call, 'b' is missing"
    refused(lambda: chain.update("a", A, G, loss_average=None), ValueError, message)
    message = "KFAC.update_all: tridiagonal=True needs the same samples in all layers, each used once, got"
    pairs = {"a": (A, G), "b": (A[:2], G[:2])}
    refused(lambda: chain.update_all(pairs, loss_average=None), ValueError, message)
