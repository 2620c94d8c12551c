"""Wrong gradients for KFAC, calls too early, and wrong numbers for its quadratic model."""

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

V = np.ones((2, 4))
READONLY = np.ones((2, 4))
READONLY.flags.writeable = False
GRADIENTS: list[tuple[Any, Any, type[Exception], str]] = [
    ([V], None, TypeError, "gradients must be a mapping from layers to arrays, got [array("),
    ({"no": V}, None, ValueError, "layer must be one of 'fc', 'conv', 'norm', 'free', got 'no'"),
    ({3: V}, None, ValueError, "layer must be one of 'fc', 'conv', 'norm', 'free', got 3"),
    ({"fc": V.T}, None, ValueError, "gradients of layer 'fc' must have shape (2, 4), got (4, 2)"),
    ({"fc": "a"}, None, TypeError, "gradients of layer 'fc' must be an array of real numbers, got 'a'"),
    (
        {"fc": (V,)},
        None,
        ValueError,
        "gradients of layer 'fc' must be an array or a pair (weight, bias), got",
    ),
    (
        {"fc": (V, None)},
        None,
        ValueError,
        "gradients of layer 'fc' must be an array or a pair (weight, bias)",
    ),
    (
        {"fc": (V, V[:, 0])},
        None,
        ValueError,
        "the weight in gradients of layer 'fc' must have shape (2, 3), got",
    ),
    (
        {"fc": (A[:2], A[0])},
        None,
        ValueError,
        "the bias in gradients of layer 'fc' must have shape (2,), got",
    ),
    (
        {"free": (A[0, :2], A)},
        None,
        ValueError,
        "gradients of layer 'free' must be an array or a pair (weight, None)",
    ),
    ({"fc": V}, V, TypeError, "out must be a mapping from layers to arrays, got array("),
    ({"fc": V}, {}, ValueError, "out must have the layers of gradients, but 'fc' is missing"),
    ({"fc": V}, {"fc": V.T}, ValueError, "out of layer 'fc' must have shape (2, 4), got shape (4, 2)"),
    (
        {"fc": V},
        {"fc": (V, V)},
        ValueError,
        "out of layer 'fc' must be an array, as what is given, got (array(",
    ),
    (
        {"fc": V},
        {"fc": V.tolist()},
        TypeError,
        "out of layer 'fc' must be writable arrays of float32 or float64",
    ),
    (
        {"fc": V},
        {"fc": READONLY},
        TypeError,
        "out of layer 'fc' must be writable arrays of float32 or float64",
    ),
    (
        {"fc": V},
        {"fc": np.ones((2, 4), int)},
        TypeError,
        "out of layer 'fc' must be writable arrays of float32",
    ),
]


@pytest.mark.parametrize(("gradients", "out", "exception", "message"), GRADIENTS)
def test_wrong_gradients(gradients: Any, out: Any, exception: type[Exception], message: str) -> None:
    kfac = KFAC(LAYERS)
    kfac.update("fc", A, G, loss_average=None)
    kfac.invert()
    refused(lambda: kfac.precondition(gradients, out=out), exception, f"KFAC.precondition: {message}")
    require(kfac.precondition({"fc": READONLY})["fc"].shape == (2, 4), "read-only gradients are fine")


def test_calls_before_there_is_anything_to_use() -> None:
    kfac = KFAC(LAYERS)
    message = "KFAC.precondition: gradients must come after the first invert(), got no inverse"
    refused(lambda: kfac.precondition({"fc": V}), ValueError, message)
    message = "KFAC.fisher_product: vectors must be of layers with an update, got 'fc'"
    refused(lambda: kfac.fisher_product({"fc": V}), ValueError, message)
    message = "KFAC.fisher_product: damping must be finite and at least 0, got -1"
    refused(lambda: kfac.fisher_product({"fc": V}, damping=-1), ValueError, message)
    clipped = KFAC(LAYERS, kl_clip=1e-3)
    message = "KFAC.precondition: learning_rate must be a number, got None"
    refused(lambda: clipped.precondition({"fc": V}), TypeError, message)
    chain = KFAC({"a": Linear(3, 2), "b": Linear(3, 2)}, tridiagonal=True)
    chain.invert()
    message = "KFAC.precondition: gradients must have all layers of the chain, 'b' is missing"
    refused(lambda: chain.precondition({"a": V}), ValueError, message)


def test_what_cannot_be_merged_or_set() -> None:
    kfac = KFAC(LAYERS)
    refused(lambda: kfac.merge(3), TypeError, "KFAC.merge: other must be a KFAC, got 3")  # type: ignore[arg-type]
    message = "KFAC.merge: other must have the same layers, got fc"
    refused(lambda: kfac.merge(KFAC({"fc": Linear(3, 2)})), ValueError, message)
    message = "KFAC.merge: other must have the same options eigen and tridiagonal"
    refused(lambda: kfac.merge(KFAC(LAYERS, eigen=True)), ValueError, message)
    message = "KFAC: damping must be finite and at least 0, got -1"
    refused(lambda: setattr(kfac, "damping", -1), ValueError, message)


def test_wrong_quadratic_model() -> None:
    kfac, x = KFAC(LAYERS), np.ones(3)
    who = "KFAC.quadratic_step: "
    calls: list[tuple[tuple[Any, ...], dict[str, Any], type[Exception], str]] = [
        ((x, x), {}, ValueError, "either products or curvature must be given, got both or none"),
        (
            (x, x),
            {"products": (x,), "curvature": 1.0},
            ValueError,
            "either products or curvature must be given",
        ),
        ((x, x), {"products": (x, x)}, ValueError, "products must be a tuple of 1, got (array("),
        ((x, x), {"curvature": np.eye(2)}, ValueError, "curvature must have shape (1, 1), got (2, 2)"),
        ((x, x, x), {"curvature": 1.0}, ValueError, "curvature must have shape (2, 2), got ()"),
        (
            (x[:2], x),
            {"curvature": 1.0},
            ValueError,
            "gradients must have the shape (3,) of direction, got (2,)",
        ),
        (("a", x), {"curvature": 1.0}, TypeError, "gradients must be an array of real numbers, got 'a'"),
        (
            (x, {"a": x}),
            {"curvature": 1.0},
            ValueError,
            "gradients must be a mapping with the names of direction",
        ),
        (
            ({}, {"a": x}),
            {"curvature": 1.0},
            ValueError,
            "gradients must be a mapping with the names of direction",
        ),
        (
            ([x], [x, x]),
            {"curvature": 1.0},
            ValueError,
            "gradients must have the structure of direction, got [",
        ),
        (
            (None, x),
            {"curvature": 1.0},
            ValueError,
            "gradients must have the structure of direction, got None",
        ),
    ]
    for given, options, exception, message in calls:
        refused(lambda g=given, o=options: kfac.quadratic_step(*g, **o), exception, who + message)
    message = "KFAC.adapt_damping: loss_after must be a number, got None"
    refused(lambda: kfac.adapt_damping(1.0, None, 1.0), TypeError, message)  # type: ignore[arg-type]
