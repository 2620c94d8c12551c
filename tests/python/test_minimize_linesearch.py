"""`minimize(method="newton-linesearch")`: strong Wolfe conditions, and problems on which halving failed."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from scipy.optimize import rosen, rosen_der, rosen_hess

import problems
from osculate import Status, minimize

HARD = ("osborne_1", "rank_one_log_10_exactly", "rank_one_log_100_exactly", "meyer")
CASES = [o for o in [*problems.smooth(), *problems.special()] if o.name in HARD]


@pytest.mark.filterwarnings("ignore:overflow")
@pytest.mark.parametrize("case", CASES, ids=lambda o: o.name)
def test_it_ends_well_where_halving_the_step_did_not(case: problems.Objective) -> None:
    result = minimize(
        case.value,
        case.starts["x1"],
        jac=case.gradient,
        hess=case.hessian,
        method="newton-linesearch",
        options={"gtol": case.gtol, "max_evaluations": 2000},
    )
    assert result.success
    assert np.abs(case.gradient(result.x)).max() <= case.gtol


def test_every_step_fulfils_both_wolfe_conditions() -> None:
    points: list[Any] = [np.array([-1.2, 1.0, -0.5])]
    result = minimize(
        rosen, points[0], jac=rosen_der, hess=rosen_hess, method="newton-linesearch", callback=points.append
    )
    assert result.success
    for x, y in itertools.pairwise(points):
        slope, end = rosen_der(x) @ (y - x), rosen_der(y) @ (y - x)
        assert slope < 0
        # with c1 = 1e-4, c2 = 0.9, and f known to a few roundings
        assert rosen(y) <= rosen(x) + 1e-4 * slope + 1e-15 * abs(rosen(x))
        assert abs(end) <= 0.9 * abs(slope) + 1e-15


def test_the_gradient_of_an_accepted_trial_is_not_asked_for_twice() -> None:
    result = minimize(rosen, [1.2, 1.0], jac=rosen_der, hess=rosen_hess, method="newton-linesearch")
    assert result.outcome is Status.gradient
    assert result.njev <= result.nfev
    assert result.nhev == result.nit + 1


def test_bounds_are_searched_along_the_projected_arc() -> None:
    result = minimize(
        rosen,
        [-1.2, 0.5],
        jac=rosen_der,
        hess=rosen_hess,
        bounds=[(-2, 0.5), (-1, 2)],
        method="newton-linesearch",
    )
    assert result.success
    np.testing.assert_allclose(result.x, [0.5, 0.25], atol=1e-8)
    assert result.active_mask.tolist() == [1, 0]
