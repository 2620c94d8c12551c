"""Wrong arguments of `minimize`: the exception, and a message with what came."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from refusals import refused
from scipy.optimize import rosen, rosen_der, rosen_hess

from osculate import minimize

START = [-1.2, 1.0]
BAD: list[tuple[dict[str, Any], type[Exception], tuple[str, ...]]] = [
    ({"fun": 3}, TypeError, ("minimize: fun must be callable, got 3",)),
    ({"x0": []}, ValueError, ("minimize: x0 must have at least one parameter",)),
    ({"x0": [[1.0, 2.0]]}, ValueError, ("minimize: x0 must be 1-D, got shape (1, 2)",)),
    ({"x0": [1.0, np.nan]}, ValueError, ("minimize: x0 must be finite, got x0[1] = nan",)),
    ({"x0": "ab"}, TypeError, ("minimize: x0 must be an array of numbers, got 'ab'",)),
    (
        {"method": "bfgs"},
        ValueError,
        ("minimize: method must be one of 'newton'", "'trust-exact'", "got 'bfgs'"),
    ),
    ({"method": 3}, ValueError, ("minimize: method must be one of", "got 3")),
    ({"jac": "4-point"}, ValueError, ("minimize: jac must be a callable", "got '4-point'")),
    ({"hess": "cs"}, ValueError, ("minimize: hess must be a callable", "got 'cs'")),
    ({"hessp": 3, "hess": None}, TypeError, ("minimize: hessp must be callable, got 3",)),
    ({"hessp": rosen_der}, ValueError, ("minimize: method 'newton' takes hess, not hessp",)),
    (
        {"constraints": {"type": "eq"}},
        ValueError,
        ("minimize: constraints are not supported",),
    ),
    ({"bounds": 3}, TypeError, ("minimize: bounds must be 2 pairs (low, high)", "got 3")),
    ({"bounds": [(0, 1)]}, ValueError, ("minimize: bounds must be 2 pairs (low, high)",)),
    ({"bounds": [(0, 1), 3]}, TypeError, ("minimize: bounds must be 2 pairs (low, high)",)),
    ({"bounds": [(2, 3), (0, 3)]}, ValueError, ("minimize: x0 must lie within the bounds",)),
    (
        {"bounds": [(0, -1), (0, 3)]},
        ValueError,
        ("minimize: bounds of parameter 0 must have",),
    ),
    (
        {"method": "newton-cg", "bounds": [(-2, 2), (0, 3)]},
        ValueError,
        ("minimize: method 'newton-cg' takes no bounds and no",),
    ),
    (
        {"method": "hessian-free", "fixed": [True, False]},
        ValueError,
        ("minimize: method 'hessian-free' takes no bounds and no",),
    ),
    (
        {"method": "hessian-free", "options": {"scale": 1}},
        ValueError,
        ("minimize: options of method 'hessian-free' may have", "got scale"),
    ),
    (
        {"method": "hessian-free", "options": {"decay": 2}},
        ValueError,
        ("minimize: options['decay'] must be between 0 and 1, got 2",),
    ),
    (
        {"method": "hessian-free", "options": {"damping": 0}},
        ValueError,
        ("minimize: options['damping'] must be positive and finite, got 0",),
    ),
    ({"fixed": [1, 0]}, ValueError, ("minimize: fixed must be a boolean mask of shape (2,)",)),
    ({"tol": -1}, ValueError, ("minimize: gtol must be finite and at least the machine epsilon",)),
    ({"tol": "a"}, TypeError, ("minimize: gtol must be a number, got 'a'",)),
    ({"options": 3}, TypeError, ("minimize: options must be a dict, got 3",)),
    (
        {"options": {"gtoll": 1}},
        ValueError,
        ("minimize: options of method 'newton'", "got gtoll"),
    ),
    ({"options": {"maxiter": 0}}, ValueError, ("minimize: options['maxiter'] must be at least 1, got 0",)),
    ({"options": {"maxiter": 1.5}}, TypeError, ("minimize: options['maxiter'] must be a whole number",)),
    (
        {"options": {"initial_radius": 0}},
        ValueError,
        ("minimize: options['initial_radius'] must be",),
    ),
    ({"options": {"scale": [1, 0]}}, ValueError, ("minimize: options['scale'] must be positive and finite",)),
    ({"options": {"scale": [1, 1, 1]}}, ValueError, ("minimize: options['scale'] must be a number or have",)),
    (
        {"options": {"threads": 2}},
        ValueError,
        ("minimize: options of method 'newton'", "got threads"),
    ),
    ({"callback": 3}, TypeError, ("minimize: callback must be callable, got 3",)),
    (
        {"method": "newton-cg", "options": {"certifying_products": True}},
        TypeError,
        ("minimize: options['certifying_products'] must be a whole number",),
    ),
    (
        {"method": "newton-cg", "options": {"certifying_products": -1}},
        ValueError,
        ("minimize: options['certifying_products'] must be at least 1",),
    ),
    (
        {"method": "newton-cg", "options": {"threads": -1}},
        ValueError,
        ("minimize: threads: got -1",),
    ),
]


@pytest.mark.parametrize(("change", "error", "fragments"), BAD, ids=range(len(BAD)))
def test_refusals(change: dict[str, Any], error: type[Exception], fragments: tuple[str, ...]) -> None:
    given: dict[str, Any] = {"fun": rosen, "x0": START, "jac": rosen_der, "hess": rosen_hess, **change}
    refused(lambda: minimize(given.pop("fun"), given.pop("x0"), **given), error, *fragments)
