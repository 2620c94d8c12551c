"""Wrong arguments of fisher_solve and of the families: the exception, and a message with what came."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from refusals import refused

from osculate import families, fisher_solve

S = np.arange(6.0).reshape(2, 3) + np.eye(2, 3)
STACK = np.stack([S, S])
SOLVE: dict[str, Any] = {"scores": S, "gradient": [1.0, 2.0, 3.0], "damping": 0.1}
SOLVES: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"scores": [1.0]}, ValueError, "scores must have shape (..., N, P) with N, P >= 1, got shape (1,)"),
    ({"scores": np.empty((0, 3))}, ValueError, "scores must have shape (..., N, P) with N, P >= 1, got"),
    ({"scores": np.empty((2, 0))}, ValueError, "scores must have shape (..., N, P) with N, P >= 1, got"),
    ({"scores": "ab"}, TypeError, "scores must be an array of real numbers, got 'ab'"),
    ({"scores": S + 0j}, TypeError, "scores must be an array of real numbers, got array("),
    ({"scores": [[1, 2], [3]]}, TypeError, "scores must be an array of real numbers, got [[1, 2], [3]]"),
    (
        {"gradient": [1.0]},
        ValueError,
        "gradient must have shape (3,), as scores has shape (2, 3), got shape (1,)",
    ),
    (
        {"gradient": 1.0},
        ValueError,
        "gradient must have shape (3,), as scores has shape (2, 3), got shape ()",
    ),
    ({"gradient": np.ones((2, 3))}, ValueError, "gradient must have shape (3,), as scores has shape (2, 3)"),
    ({"gradient": None}, TypeError, "gradient must be an array of real numbers, got None"),
    ({"damping": -1}, ValueError, "damping must be finite and at least 0, got -1"),
    ({"damping": np.nan}, ValueError, "damping must be finite and at least 0, got nan"),
    ({"damping": 0}, ValueError, "damping must be positive in form 'samples'"),
    (
        {"damping": [1, 2]},
        ValueError,
        "damping must be a number or have shape (), the leading axes of scores",
    ),
    ({"damping": "1"}, TypeError, "damping must be a number or numbers, got '1'"),
    ({"damping": True}, TypeError, "damping must be a number or numbers, got True"),
    ({"damping": None}, TypeError, "damping must be a number or numbers, got None"),
    ({"scores": STACK, "damping": [1, 2, 3]}, ValueError, "damping must be a number or have shape (2,)"),
    ({"centered": 1}, TypeError, "centered must be True or False, got 1"),
    ({"form": "dense"}, ValueError, "form must be one of 'auto', 'samples', 'parameters', got 'dense'"),
    ({"mixed_precision": None}, TypeError, "mixed_precision must be True or False, got None"),
    (
        {"mixed_precision": True, "form": "parameters"},
        ValueError,
        "mixed_precision is for form 'samples', got form 'parameters'",
    ),
    (
        {"mixed_precision": True, "scores": np.float32(S), "gradient": np.ones(3, np.float32)},
        ValueError,
        "mixed_precision is for float64 scores and gradients, got float32",
    ),
]


@pytest.mark.parametrize(("change", "exception", "message"), SOLVES)
def test_wrong_argument_of_fisher_solve(change: Any, exception: type[Exception], message: str) -> None:
    refused(lambda: fisher_solve(**SOLVE | change), exception, f"fisher_solve: {message}")


def test_wrong_threads_of_fisher_solve() -> None:
    refused(lambda: fisher_solve(**SOLVE, threads=0), ValueError, "fisher_solve: threads: got 0")


def test_wrong_arguments_of_families() -> None:
    z = [0.1, 0.2]
    cases: list[tuple[Callable[[], Any], type[Exception], str]] = [
        (
            lambda: families.Normal(0),
            ValueError,
            "families.Normal: variance must be positive and finite, got 0",
        ),
        (lambda: families.Normal("1"), TypeError, "families.Normal: variance must be a number or an array"),
        (
            lambda: families.Normal([1, 2, 3]).mean(z),
            ValueError,
            "families.Normal.mean: outputs must have a shape to which the variance of shape",
        ),
        (lambda: families.Gamma(-1), ValueError, "families.Gamma: shape must be positive and finite, got -1"),
        (
            lambda: families.Gamma().loss(z, [1, 0]),
            ValueError,
            "families.Gamma.loss: targets of gamma must be",
        ),
        (lambda: families.Bernoulli().loss(z, [1, 2]), ValueError, "families.Bernoulli.loss: targets of"),
        (
            lambda: families.Categorical().mean(z),
            ValueError,
            "families.Categorical.mean: outputs must have shape (N, K) with K >= 2, got shape (2,)",
        ),
        (
            lambda: families.Categorical().loss([z], [2]),
            ValueError,
            "families.Categorical.loss: targets must be labels from 0 to 1, got targets[0] = 2",
        ),
        (
            lambda: families.Categorical().loss([z], [0.5]),
            TypeError,
            "families.Categorical.loss: targets must",
        ),
        (
            lambda: families.Categorical().loss([z], [0, 1]),
            ValueError,
            "families.Categorical.loss: targets must",
        ),
        (
            lambda: families.Categorical().loss([z], [[0.5, 0.6]]),
            ValueError,
            "families.Categorical.loss: targets of categorical must be shares",
        ),
        (
            lambda: families.NormalFreeVariance().mean(z),
            ValueError,
            "families.NormalFreeVariance.mean: outputs must have shape (N, 2), mean and log variance",
        ),
        (
            lambda: families.Poisson().fisher_product(z, [1.0]),
            ValueError,
            "families.Poisson.fisher_product: vectors must have shape (2,), as outputs has, got shape (1,)",
        ),
        (
            lambda: families.Poisson().fisher(z, np.ones(2)),
            ValueError,
            "families.Poisson.fisher: jacobian must have shape (2, P), got shape (2,)",
        ),
        (
            lambda: families.Poisson().sample(z, 3),  # type: ignore[arg-type]
            TypeError,
            "families.Poisson.sample: rng must be a numpy.random.Generator, got 3",
        ),
    ]
    for call, exception, message in cases:
        refused(call, exception, message)
