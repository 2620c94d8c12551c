"""Wrong arguments of natural_gradient: the exception, and a message with what came."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from refusals import refused

from osculate import NaturalGradientResult, natural_gradient

DRIVER_FORMS = "fisher, fisherp, scores, or model, model_jac, family together"
NO_FISHER = "a loss without a probabilistic model has no Fisher matrix: minimize it by osculate.minimize"
GIVEN: dict[str, Any] = {
    "loss": lambda x: float(x @ x),
    "x0": [1.0, 2.0],
    "jac": lambda x: 2 * x,
    "fisher": lambda x: np.eye(2),
}
GLM: dict[str, Any] = {
    "loss": None,
    "x0": [1.0, 2.0],
    "model": lambda x: np.eye(3, 2) @ x,
    "model_jac": np.eye(3, 2),
    "family": "poisson",
    "targets": [1, 2, 3],
}
DRIVES: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"x0": []}, ValueError, "x0 must have at least one parameter"),
    ({"x0": [1.0, np.inf]}, ValueError, "x0 must be finite, got x0[1] = inf"),
    ({"loss": 3}, TypeError, "loss must be callable or None, got 3"),
    (
        {"loss": None},
        ValueError,
        "loss may be None only with model, model_jac, family and targets, got fisher",
    ),
    (
        {"jac": None},
        TypeError,
        "jac must be callable, or True where loss returns (value, gradient), got None",
    ),
    ({"jac": "2-point"}, TypeError, "jac must be callable, or True"),
    ({"jac": True}, TypeError, "loss must return (value, gradient) with jac=True, got float"),
    ({"jac": lambda x: x[:1]}, ValueError, "what jac returns must have shape (2,), got shape (1,)"),
    ({"jac": lambda x: None}, TypeError, "what jac returns must be an array of real numbers, got None"),
    ({"loss": lambda x: x}, ValueError, "loss must return a number, got an array of shape (2,)"),
    ({"loss": lambda x: 1j}, TypeError, "loss must return a number, got 1j"),
    ({"fisher": None}, ValueError, f"give one of {DRIVER_FORMS}; {NO_FISHER}"),
    ({"fisher": np.eye(2)}, TypeError, "fisher must be callable, got array("),
    (
        {"fisher": lambda x: np.eye(3)},
        ValueError,
        "what fisher returns must have shape (2, 2), got shape (3, 3)",
    ),
    ({"fisherp": lambda x, v: v}, ValueError, "give only one of fisher, fisherp, scores"),
    (
        {"fisher": None, "fisherp": lambda x, v: v[:1]},
        ValueError,
        "what fisherp returns must have shape (2,)",
    ),
    (
        {"fisher": None, "scores": lambda x: np.eye(3)},
        ValueError,
        "what scores returns must have shape (N, 2)",
    ),
    (
        {"fisher": None, "scores": lambda x: np.ones((1, 2))},
        ValueError,
        "damping must be positive where there are",
    ),
    ({"targets": [1]}, ValueError, "targets are for loss=None, the family's own loss, got a loss too"),
    ({"weights": [1]}, ValueError, "weights is for model, model_jac and family, got fisher"),
    ({"centered": True}, ValueError, "centered is for scores, got fisher"),
    ({"centered": 3}, TypeError, "centered must be True or False, got 3"),
    (
        {"step": "newton"},
        ValueError,
        "step must be one of 'fixed', 'line_search', 'trust_region', got 'newton'",
    ),
    ({"kl_radius": 1}, ValueError, "kl_radius is for step 'trust_region', got step 'line_search'"),
    ({"kl_clip": 0}, ValueError, "kl_clip must be positive and finite, got 0"),
    ({"damping": -1}, ValueError, "damping must be finite and at least 0, got -1"),
    ({"learning_rate": 0}, ValueError, "learning_rate must be positive and finite, got 0"),
    ({"gtol": 1e-20}, ValueError, "gtol must be finite and at least the machine epsilon"),
    ({"max_iterations": 0}, ValueError, "max_iterations must be at least 1, got 0"),
    ({"max_evaluations": 2.5}, TypeError, "max_evaluations must be a whole number or None, got 2.5"),
    ({"callback": 3}, TypeError, "callback must be callable, got 3"),
    ({"threads": 0}, ValueError, "threads: got 0"),
]
GLMS: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"family": None}, ValueError, "model, model_jac needs family too"),
    (
        {"targets": None},
        ValueError,
        "loss may be None only with model, model_jac, family and targets, got model without",
    ),
    ({"jac": True}, ValueError, "jac must be None where loss is None, got True"),
    (
        {"targets": [1, 2, np.nan]},
        ValueError,
        "targets of poisson must be finite and at least 0, got targets[2] = nan",
    ),
    ({"targets": [1, 2]}, ValueError, "targets must have shape (3,), as outputs has (3,), got shape (2,)"),
    (
        {"weights": [1, 2]},
        ValueError,
        "weights must have shape (3,), as the model has 3 outputs, got shape (2,)",
    ),
    ({"weights": [[1, 2, 3]]}, ValueError, "weights must have shape (3,), one a sample, got shape (1, 3)"),
    ({"model": 3}, TypeError, "model must be callable, got 3"),
    ({"model": lambda x: "z"}, TypeError, "what model returns must be an array of real numbers, got 'z'"),
    (
        {"model": lambda x: 1.0},
        ValueError,
        "what model returns must have shape (N,) or (N, ...), N >= 1, got shape ()",
    ),
    ({"model_jac": np.eye(3)}, ValueError, "what model_jac returns must have shape (3, 2), got shape (3, 3)"),
    (
        {"model_jac": lambda x: None},
        TypeError,
        "what model_jac returns must be an array of real numbers, got None",
    ),
]


@pytest.mark.parametrize(("change", "exception", "message"), DRIVES)
def test_wrong_argument_of_natural_gradient(change: Any, exception: type[Exception], message: str) -> None:
    refused(lambda: natural_gradient(**GIVEN | change), exception, f"natural_gradient: {message[:150]}")


@pytest.mark.parametrize(("change", "exception", "message"), GLMS)
def test_wrong_argument_of_fisher_scoring(change: Any, exception: type[Exception], message: str) -> None:
    refused(lambda: natural_gradient(**GLM | change), exception, f"natural_gradient: {message}")


def test_outputs_must_keep_their_shape() -> None:
    sizes = iter([3, 4])
    model = {"model": lambda x: np.zeros(next(sizes))}
    message = "natural_gradient: what model returns must have shape (3,), as at x0, got shape (4,)"
    refused(lambda: natural_gradient(**GLM | model), ValueError, message)


def test_wrong_arguments_of_the_covariance() -> None:
    result: NaturalGradientResult = natural_gradient(**GLM)
    who = "NaturalGradientResult.covariance"
    refused(
        lambda: result.covariance(dispersion=0), ValueError, f"{who}: dispersion must be positive and finite"
    )
    refused(lambda: result.covariance(samples=-1), ValueError, f"{who}: samples must be positive and finite")
