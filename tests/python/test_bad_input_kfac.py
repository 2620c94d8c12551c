"""Wrong options of KFAC and of the descriptions of layers: the exception, and what came."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from refusals import refused

from osculate import KFAC
from osculate.layers import Conv2d, Diagonal, Linear, Scale

LAYERS: dict[str, Any] = {"fc": Linear(3, 2), "conv": Conv2d(1, 2, 2), "norm": Scale(3), "free": Diagonal(2)}

DESCRIPTIONS: list[tuple[Any, type[Exception], str]] = [
    (lambda: Linear(0, 2), ValueError, "Linear: d_in must be at least 1, got 0"),
    (lambda: Linear(2, 2.0), TypeError, "Linear: d_out must be a whole number, got 2.0"),  # type: ignore[arg-type]
    (lambda: Linear(2, True), TypeError, "Linear: d_out must be a whole number, got True"),
    (lambda: Linear(2, 2, 1), TypeError, "Linear: bias must be True or False, got 1"),  # type: ignore[arg-type]
    (
        lambda: Linear(2, 2, sharing="sum"),
        ValueError,
        "Linear: sharing must be one of 'expand', 'reduce', got",
    ),
    (lambda: Conv2d(1, 0, 3), ValueError, "Conv2d: out_channels must be at least 1, got 0"),
    (
        lambda: Conv2d(1, 1, (3, 3, 3)),
        ValueError,
        "Conv2d: kernel_size must be a whole number or a pair, got",
    ),
    (lambda: Conv2d(1, 1, 3, stride=0), ValueError, "Conv2d: stride must be at least 1, got 0"),
    (
        lambda: Conv2d(1, 1, 3, padding="same"),
        TypeError,
        "Conv2d: padding must be a whole number, got 'same'",
    ),
    (lambda: Conv2d(1, 1, 3, dilation=(1, 0)), ValueError, "Conv2d: dilation must be at least 1, got 0"),
    (lambda: Scale(3, axis=0), ValueError, "Scale: axis must be a whole number other than 0, got 0"),
    (lambda: Scale(3, axis=1.5), ValueError, "Scale: axis must be a whole number"),  # type: ignore[arg-type]
    (lambda: Scale(-1), ValueError, "Scale: features must be at least 1, got -1"),
    (lambda: Diagonal((2, 0)), ValueError, "Diagonal: shape must be at least 1, got 0"),
    (lambda: Diagonal("ab"), TypeError, "Diagonal: shape must be a whole number, got 'ab'"),
]


@pytest.mark.parametrize(("call", "exception", "message"), DESCRIPTIONS)
def test_wrong_description(call: Any, exception: type[Exception], message: str) -> None:
    refused(call, exception, message)


OPTIONS: list[tuple[str, Any, type[Exception], str]] = [
    ("damping", -1, ValueError, "must be finite and at least 0, got -1"),
    ("damping", "1", TypeError, "must be a number, got '1'"),
    ("l2", np.inf, ValueError, "must be finite and at least 0, got inf"),
    ("decay", 1.0, ValueError, "must be at least 0 and below 1, got 1.0"),
    ("decay", np.nan, ValueError, "must be at least 0 and below 1, got nan"),
    ("inverse_update_period", 0, ValueError, "must be at least 1, got 0"),
    ("inverse_update_period", None, TypeError, "must be a whole number, got None"),
    ("background", 1, TypeError, "must be True or False, got 1"),
    ("eigen", None, TypeError, "must be True or False, got None"),
    ("kl_clip", 0, ValueError, "must be positive and finite, got 0"),
    ("min_damping", -1e-3, ValueError, "must be finite and at least 0, got -0.001"),
    ("damping_update_period", 2.5, TypeError, "must be a whole number"),
    ("dtype", np.float16, ValueError, "must be float32, float64 or None, got <class 'numpy.float16'>"),
    ("dtype", "number", ValueError, "must be float32, float64 or None, got 'number'"),
    ("layers", [Linear(3, 2)], TypeError, "must be a mapping from names to layers, got [Linear("),
    ("layers", {}, ValueError, "must have at least one layer, got none"),
    ("layers", {1: Linear(3, 2)}, TypeError, "must have names as keys, got 1"),
    ("layers", {"/a": Linear(3, 2)}, ValueError, "must have names that do not begin with '/', got '/a'"),
    ("layers", {"": Linear(3, 2)}, ValueError, "must have names that do not begin with '/', got ''"),
]


@pytest.mark.parametrize(("name", "value", "exception", "message"), OPTIONS)
def test_wrong_option(name: str, value: Any, exception: type[Exception], message: str) -> None:
    given: dict[str, Any] = {"layers": LAYERS} | {name: value}
    refused(lambda: KFAC(**given), exception, f"KFAC: {name} {message}")


def test_wrong_number_of_threads() -> None:
    refused(lambda: KFAC(LAYERS, threads=0), ValueError, "KFAC: threads: got 0, expected an integer from 1")


def test_options_that_exclude_each_other() -> None:
    chain = {"a": Linear(3, 2), "b": Linear(2, 2)}
    for layers, options, message in (
        (chain, {"eigen": True}, "tridiagonal must be False with eigen=True, got True"),
        ({"a": Linear(3, 2)}, {}, "tridiagonal must be False for a single layer, got True"),
        (LAYERS, {}, "tridiagonal=True needs layers that are Linear, but 'conv' is Conv2d("),
    ):
        given: dict[str, Any] = {"layers": layers, "tridiagonal": True} | options
        refused(lambda given=given: KFAC(**given), ValueError, f"KFAC: {message}")
    message = "KFAC: layer 'fc' must be one of osculate.layers, got (3, 2)"
    refused(lambda: KFAC({"fc": (3, 2)}), TypeError, message)  # type: ignore[dict-item]
