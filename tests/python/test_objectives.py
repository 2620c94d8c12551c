"""The bench's functions for minimization are right: gradients, Hessians, products, stationary starts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

import problems
from objective import derivative_errors
from problems import Objective

SMOOTH, SPECIAL = problems.smooth(), problems.special()
CHECKED = [objective for objective in SMOOTH if objective.n <= 100]  # the same code serves n = 1000
FINITE = [objective for objective in SPECIAL if not objective.name.startswith("infinite")]


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with np.errstate(all="ignore"):
        yield


def _points(objective: Objective) -> Iterator[np.ndarray]:
    """Every start, and beside it a point where no component is special."""
    rng = np.random.default_rng(7)
    for x in objective.starts.values():
        yield x
        yield x + 0.03 * rng.uniform(0.5, 1, x.size) * np.where(x == 0, 1, np.abs(x))


@pytest.mark.parametrize("objective", CHECKED, ids=lambda objective: objective.name)
def test_derivatives_equal_differences(objective: Objective) -> None:
    for x in _points(objective):
        errors = derivative_errors(objective, x)
        # Richardson's differences at h = 1e-3 |x| leave 1e-7 of the sixth derivative's share and rounding / h
        assert errors["gradient"] <= 1e-5
        assert errors["hessian"] <= 1e-6
        assert errors["product"] <= 1e-13
        assert errors["symmetry"] <= 1e-14


@pytest.mark.parametrize("objective", FINITE, ids=lambda objective: objective.name)
def test_special_derivatives_equal_differences(objective: Objective) -> None:
    for x in _points(objective):
        errors = derivative_errors(objective, x)
        # the barriers' higher derivatives grow as powers of 1 / distance = 100
        assert errors["gradient"] <= 1e-5
        assert errors["hessian"] <= 1e-4
        assert errors["product"] <= 1e-13
        assert errors["symmetry"] <= 1e-14


def test_a_wrong_derivative_is_detected() -> None:
    right = next(objective for objective in SMOOTH if objective.name == "wood")
    wrong = problems.Objective(
        name="wrong",
        value=right.value,
        gradient=lambda x: right.gradient(x) * (1 + 1e-3),
        hessian=lambda x: right.hessian(x) + np.eye(4),
        product=right.product,
        starts=right.starts,
    )
    errors = derivative_errors(wrong, right.starts["x1"])
    assert errors["gradient"] > 1e-4
    assert errors["hessian"] > 1e-4
    assert errors["product"] > 1e-6


def test_collection_is_large_and_names_are_unique() -> None:
    names = [objective.name for objective in [*SMOOTH, *SPECIAL]]
    assert len(set(names)) == len(names)
    assert len(SMOOTH) >= 35
    assert {2, 1000} <= {objective.n for objective in SMOOTH}


@pytest.mark.parametrize(
    "objective", [o for o in SPECIAL if o.name.startswith("maximum")], ids=lambda o: o.name
)
def test_maxima_have_negative_curvature(objective: Objective) -> None:
    x = objective.starts["x1"]
    assert np.linalg.eigvalsh(objective.hessian(x))[0] < -0.4


@pytest.mark.parametrize(
    "objective", [o for o in SPECIAL if o.name.startswith("infinite")], ids=lambda o: o.name
)
def test_infinite_hessians_are_met(objective: Objective) -> None:
    points = [objective.starts["x1"], np.zeros(objective.n)]
    assert any(not np.all(np.isfinite(objective.hessian(x))) for x in points)
    assert np.isfinite(objective.value(objective.starts["x1"]))
