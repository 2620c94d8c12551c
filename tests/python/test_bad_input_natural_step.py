"""Wrong arguments of NaturalGradient: the exception, and a message with what came."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from refusals import refused, require

from osculate import NaturalGradient

S = np.ones((2, 3))
STEP_FORMS = "fisher, scores, product, or outputs, jacobian, family together"
NO_FISHER = "a loss without a probabilistic model has no Fisher matrix: minimize it by osculate.minimize"
OPTIONS: list[tuple[str, Any, type[Exception], str]] = [
    ("learning_rate", 0, ValueError, "must be positive and finite, got 0"),
    ("damping", -1, ValueError, "must be finite and at least 0, got -1"),
    ("damping", "1", TypeError, "must be a number, got '1'"),
    ("momentum", 1, ValueError, "must be at least 0 and less than 1, got 1"),
    ("decay", np.nan, ValueError, "must be at least 0 and less than 1, got nan"),
    ("kl_clip", 0, ValueError, "must be positive and finite, got 0"),
    ("norm_constraint", -1, ValueError, "must be positive and finite, got -1"),
    ("step", "newton", ValueError, "must be one of 'fixed', 'line_search', 'trust_region', got 'newton'"),
    ("kl_radius", 1, ValueError, "is for step 'trust_region', got step 'fixed'"),
    ("centered", "no", TypeError, "must be True or False, got 'no'"),
    ("mixed_precision", 1, TypeError, "must be True or False, got 1"),
    ("cg_rtol", 1, ValueError, "must be less than 1, got 1"),
    ("max_cg_iterations", 0, ValueError, "must be at least 1, got 0"),
]


@pytest.mark.parametrize(("name", "value", "exception", "message"), OPTIONS)
def test_wrong_option(name: str, value: Any, exception: type[Exception], message: str) -> None:
    refused(lambda: NaturalGradient(**{name: value}), exception, f"NaturalGradient: {name} {message}")


STEP: dict[str, Any] = {"theta": [1.0, 2.0], "gradient": [2.0, 4.0], "fisher": np.eye(2)}
MODEL: dict[str, Any] = {
    "theta": [1.0, 2.0],
    "outputs": [0.1, 0.2, 0.3],
    "jacobian": np.eye(3, 2),
    "family": "poisson",
    "targets": [1, 2, 3],
}
STEPS: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"theta": []}, ValueError, "theta must have at least one parameter, got an empty array"),
    ({"theta": [1.0, np.nan]}, ValueError, "theta must be finite, got theta[1] = nan"),
    ({"theta": np.eye(2)}, ValueError, "theta must be 1-D, got shape (2, 2)"),
    ({"gradient": [1.0]}, ValueError, "gradient must have shape (2,), got shape (1,)"),
    ({"gradient": "ab"}, TypeError, "gradient must be an array of real numbers, got 'ab'"),
    ({"gradient": None}, ValueError, "gradient must be given with fisher"),
    ({"fisher": np.eye(3)}, ValueError, "fisher must have shape (2, 2), got shape (3, 3)"),
    (
        {"fisher": lambda t: np.eye(3)},
        ValueError,
        "what fisher returns must have shape (2, 2), got shape (3, 3)",
    ),
    ({"fisher": lambda t: None}, TypeError, "what fisher returns must be an array of real numbers, got None"),
    ({"fisher": None}, ValueError, f"give one of {STEP_FORMS}; {NO_FISHER}"),
    ({"scores": S}, ValueError, f"give only one of {STEP_FORMS}, got fisher, scores"),
    ({"fisher": None, "scores": S}, ValueError, "scores must have shape (N, 2), got shape (2, 3)"),
    (
        {"fisher": None, "scores": np.empty((0, 2))},
        ValueError,
        "scores must have shape (N, 2), got shape (0, 2)",
    ),
    (
        {"fisher": None, "scores": np.ones((1, 2)), "damping": 0},
        ValueError,
        "damping must be positive where there are",
    ),
    ({"fisher": None, "product": 3}, TypeError, "product must be callable, got 3"),
    (
        {"fisher": None, "product": lambda v: v[:1]},
        ValueError,
        "what product returns must have shape (2,), got shape (1,)",
    ),
    (
        {"fisher": None, "product": lambda v: "a"},
        TypeError,
        "what product returns must be an array of real numbers, got 'a'",
    ),
    ({"targets": [1]}, ValueError, "targets is for outputs, jacobian and family, got fisher"),
    ({"weights": [1]}, ValueError, "weights is for outputs, jacobian and family, got fisher"),
    ({"loss": abs}, ValueError, "loss is for step 'line_search' or 'trust_region', got step 'fixed'"),
    ({"value": 1.0}, ValueError, "value is for steps with a loss, got step 'fixed'"),
    ({"learning_rate": -1}, ValueError, "learning_rate must be positive and finite, got -1"),
    ({"damping": -1}, ValueError, "damping must be finite and at least 0, got -1"),
]
MODELS: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"family": None}, ValueError, "outputs, jacobian needs family too"),
    ({"family": "cauchy"}, ValueError, "family must be one of 'normal', 'normal_free_variance', 'bernoulli'"),
    ({"family": 3}, TypeError, "family must be one of 'normal'"),
    (
        {"gradient": [1.0, 2.0]},
        ValueError,
        "give either gradient or targets, which give the family's, got both",
    ),
    ({"targets": None}, ValueError, "give either gradient or targets, which give the family's, got neither"),
    (
        {"targets": [1, -2, 3]},
        ValueError,
        "targets of poisson must be finite and at least 0, got targets[1] = -2.0",
    ),
    ({"targets": [1, 2]}, ValueError, "targets must have shape (3,), as outputs has (3,), got shape (2,)"),
    ({"outputs": 1.0}, ValueError, "outputs must have shape (N,) or (N, ...), N >= 1, got shape ()"),
    ({"outputs": []}, ValueError, "outputs must have shape (N,) or (N, ...), N >= 1, got shape (0,)"),
    ({"jacobian": np.eye(3)}, ValueError, "jacobian must have shape (3, 2), got shape (3, 3)"),
    ({"jacobian": "J"}, TypeError, "jacobian must be an array of real numbers, got 'J'"),
    ({"weights": [1, 2]}, ValueError, "weights must have shape (3,), one a sample, got shape (2,)"),
    ({"weights": [0, 0, 0]}, ValueError, "weights must be finite, at least 0 and not all 0, got [0, 0, 0]"),
    ({"weights": [1, -1, 1]}, ValueError, "weights must be finite, at least 0 and not all 0, got [1, -1, 1]"),
]


@pytest.mark.parametrize(("change", "exception", "message"), STEPS)
def test_wrong_argument_of_a_step(change: Any, exception: type[Exception], message: str) -> None:
    optimizer = NaturalGradient()
    refused(lambda: optimizer.step(**STEP | change), exception, f"NaturalGradient.step: {message[:150]}")
    require(optimizer.steps == 0 and optimizer.step(**STEP).accepted, "the object does not work after that")


@pytest.mark.parametrize(("change", "exception", "message"), MODELS)
def test_wrong_argument_of_a_step_with_a_model(change: Any, exception: type[Exception], message: str) -> None:
    optimizer = NaturalGradient()
    refused(lambda: optimizer.step(**MODEL | change), exception, f"NaturalGradient.step: {message}")
    require(optimizer.steps == 0 and optimizer.step(**MODEL).accepted, "the object does not work after that")


@pytest.mark.parametrize("step", ["line_search", "trust_region"])
def test_wrong_losses_of_a_step(step: str) -> None:
    losses: list[tuple[Any, type[Exception], str]] = [
        (None, ValueError, f"loss must be given, got step '{step}'"),
        (3, TypeError, "loss must be callable, got 3"),
        (lambda t: "a", TypeError, "loss must return a number, got 'a'"),
        (lambda t: None, TypeError, "loss must return a number, got None"),
        (lambda t: 1j, TypeError, "loss must return a number, got 1j"),
        (lambda t: t, ValueError, "loss must return a number, got an array of shape (2,)"),
    ]
    for loss, exception, message in losses:
        optimizer = NaturalGradient(step=step)
        refused(
            lambda o=optimizer, f=loss: o.step(**STEP, loss=f), exception, f"NaturalGradient.step: {message}"
        )


def test_options_that_do_not_go_with_a_form() -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"centered": True}, "centered is for scores, got fisher"),
        ({"mixed_precision": True}, "mixed_precision is for scores, got fisher"),
    ]
    for options, message in cases:
        optimizer = NaturalGradient(**options)
        refused(lambda o=optimizer: o.step(**STEP), ValueError, f"NaturalGradient.step: {message}")
    averaging = NaturalGradient(decay=0.5)
    products = STEP | {"fisher": None, "product": lambda v: v}
    message = "NaturalGradient.step: decay averages matrices, which products have not"
    refused(lambda: averaging.step(**products), ValueError, message)
    mixed = NaturalGradient(mixed_precision=True)
    scores = STEP | {"fisher": None, "scores": np.eye(2), "theta": np.ones(2, np.float32)}
    message = "NaturalGradient.step: mixed_precision is for float64, got theta of float32"
    refused(lambda: mixed.step(**scores), ValueError, message)


def test_theta_must_keep_its_size() -> None:
    optimizer = NaturalGradient()
    optimizer.step(**STEP)
    message = "NaturalGradient.step: theta must have shape (2,), as in the steps before, got shape (3,)"
    refused(lambda: optimizer.step(**STEP | {"theta": np.ones(3)}), ValueError, message)


STATES: list[tuple[Any, type[Exception], str]] = [
    (3, TypeError, "state must be a dict, got 3"),
    (
        {},
        ValueError,
        "state must have the keys version, steps, direction, fisher, averaged, kl_radius, got none",
    ),
    ({"version": 2}, ValueError, "version must be 1, got 2"),
    ({"steps": -1}, ValueError, "steps must be a whole number from 0, got -1"),
    ({"averaged": 1}, ValueError, "averaged must be 0 without fisher and positive with it, got 1"),
    ({"fisher": np.eye(2)}, ValueError, "averaged must be 0 without fisher and positive with it, got 0"),
    ({"fisher": np.eye(3), "averaged": 1}, ValueError, "fisher must have shape (2, 2), got shape (3, 3)"),
    ({"fisher": "F", "averaged": 1}, TypeError, "fisher must be an array of real numbers, got 'F'"),
    ({"fisher": np.eye(2) * np.nan, "averaged": 1}, ValueError, "fisher must be finite"),
    ({"direction": [np.nan]}, ValueError, "direction must be finite, got direction[0] = nan"),
    ({"kl_radius": 0}, ValueError, "kl_radius must be positive and finite, got 0"),
    ({"more": 1}, ValueError, "state must have the keys"),
]


@pytest.mark.parametrize(("change", "exception", "message"), STATES)
def test_wrong_state(change: Any, exception: type[Exception], message: str) -> None:
    optimizer = NaturalGradient()
    optimizer.step(**STEP)
    before = repr(optimizer)
    state = optimizer.state_dict() | change if change and change != 3 else change
    refused(
        lambda: optimizer.load_state_dict(state), exception, f"NaturalGradient.load_state_dict: {message}"
    )
    require(repr(optimizer) == before, optimizer)
