"""Wrong arguments of HessianFree: the exception, and a message with what came."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from refusals import refused, require

from osculate import HessianFree

STEP: dict[str, Any] = {
    "theta": [1.0, 2.0],
    "loss": lambda x: float(x @ x),
    "gradient": [2.0, 4.0],
    "product": lambda v: 2 * v,
}
OPTIONS: list[tuple[str, Any, type[Exception], str]] = [
    ("damping", 0, ValueError, "must be positive and finite, got 0"),
    ("damping", "1", TypeError, "must be a number, got '1'"),
    ("min_damping", -1, ValueError, "must be finite and at least 0, got -1"),
    ("decay", 1.5, ValueError, "must be between 0 and 1, got 1.5"),
    ("decay", np.nan, ValueError, "must be between 0 and 1, got nan"),
    ("progress_tolerance", -1e-4, ValueError, "must be finite and at least 0, got -0.0001"),
    ("preconditioner_exponent", -1, ValueError, "must be between 0 and 1, got -1"),
    ("checkpoint_ratio", 1.0, ValueError, "must be greater than 1, got 1.0"),
    ("max_cg_iterations", 0, ValueError, "must be at least 1, got 0"),
    ("max_cg_iterations", 2.5, TypeError, "must be a whole number or None, got 2.5"),
]
ARGUMENTS: list[tuple[str, Any, type[Exception], str]] = [
    ("theta", [], ValueError, "theta must have at least one parameter, got an empty array"),
    ("theta", np.eye(2), ValueError, "theta must be 1-D, got shape (2, 2)"),
    ("theta", [1.0, np.nan], ValueError, "theta must be finite, got theta[1] = nan"),
    ("theta", "ab", TypeError, "theta must be an array of numbers, got 'ab'"),
    ("loss", 3, TypeError, "loss must be callable, got 3"),
    ("product", np.eye(2), TypeError, "product must be callable, got array("),
    ("gradient", [1.0], ValueError, "gradient must have shape (2,), as theta has, got shape (1,)"),
    ("gradient", None, TypeError, "gradient must be an array of numbers, got None"),
    ("preconditioner", [1.0], ValueError, "preconditioner must be of shape (2,), got shape (1,)"),
    ("preconditioner", [1.0, -1.0], ValueError, "must be at least 0, got preconditioner[1] = -1.0"),
    ("preconditioner", np.eye(2), TypeError, "must be a diagonal, shape (2,), or a function, got array("),
    ("preconditioner", 3, TypeError, "preconditioner must be a diagonal, shape (2,), or a function, got 3"),
    ("value", "a", TypeError, "value must be a number, got 'a'"),
]


@pytest.mark.parametrize(("name", "value", "exception", "message"), OPTIONS)
def test_wrong_option(name: str, value: Any, exception: type[Exception], message: str) -> None:
    refused(lambda: HessianFree(**{name: value}), exception, f"HessianFree: {name} {message}")


@pytest.mark.parametrize(("name", "value", "exception", "message"), ARGUMENTS)
def test_wrong_argument(name: str, value: Any, exception: type[Exception], message: str) -> None:
    optimizer = HessianFree()
    refused(lambda: optimizer.step(**STEP | {name: value}), exception, f"HessianFree.step: {name}", message)
    require(optimizer.steps == 0 and optimizer.step(**STEP).accepted, "the object does not work after that")


def test_theta_must_keep_its_size() -> None:
    optimizer = HessianFree()
    optimizer.step(**STEP)
    three = {"theta": np.ones(3), "gradient": np.ones(3)}
    message = "HessianFree.step: theta must have shape (2,), as in the steps before, got shape (3,)"
    refused(lambda: optimizer.step(**STEP | three), ValueError, message)


STATES: list[tuple[Any, type[Exception], str]] = [
    (3, TypeError, "state must be a dict, got 3"),
    ({}, ValueError, "state must have the keys version, steps, damping, direction, got none"),
    ({"version": 2}, ValueError, "version must be 1, got 2"),
    ({"steps": -1}, ValueError, "steps must be a whole number from 0, got -1"),
    ({"damping": -1}, ValueError, "damping must be positive and finite, got -1"),
    ({"direction": [np.nan]}, ValueError, "direction must be finite, got direction[0] = nan"),
    ({"more": 1}, ValueError, "state must have the keys"),
]


@pytest.mark.parametrize(("change", "exception", "message"), STATES)
def test_wrong_state(change: Any, exception: type[Exception], message: str) -> None:
    optimizer = HessianFree()
    optimizer.step(**STEP)
    before = repr(optimizer)
    state = optimizer.state_dict() | change if change and change != 3 else change
    refused(lambda: optimizer.load_state_dict(state), exception, f"HessianFree.load_state_dict: {message}")
    require(repr(optimizer) == before, optimizer)
