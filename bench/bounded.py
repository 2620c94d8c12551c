"""Twenty-five problems with bounds active at the solution and residuals that do not vanish there.

Curves of NIST and More-Garbow-Hillstrom with bounds that cut off the unconstrained minimum, and bounded
linear regressions. SciPy's `trf` and `dogbox`, each with and without scaling, at tolerances of 2.3e-16 agree
on every sum of squares and active set; the regressions were solved by BVLS (`lsq_linear`) too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

import mgh
import nist_data
from problem import Array, End, Problem

Bounds = dict[int, tuple[float, float]]

STARTS = ("inside", "edge", "far")  # within the bounds, on one or more of them, far from the solution
SIDES = {"0": 0, "-": -1, "+": 1}


def _cut(
    base: Problem, bounds: Bounds, active: str, sum_of_squares: float, *starts: Sequence[float] | Array
) -> Problem:
    """`base` with bounds {index: (lower, upper)}; `active` marks who is at a lower (-) or upper (+) bound."""
    lower, upper = np.full(base.n, -np.inf), np.full(base.n, np.inf)
    for index, (low, high) in bounds.items():
        lower[index], upper[index] = low, high
    points = {name: np.array(point, dtype=float) for name, point in zip(STARTS, starts, strict=False)}
    return dataclasses.replace(
        base,
        name=f"{base.name}_bounded",
        starts=points,
        ends=dict.fromkeys(points, (End(sum_of_squares),)),
        hard=frozenset(),
        lower=lower,
        upper=upper,
        active=np.array([SIDES[side] for side in active]),
        certified=None,
        certified_stderr=None,
    )


def problems() -> list[Problem]:
    """Every bounded problem."""
    return [*_nist(), *_mgh(), *_regressions()]


def _nist() -> list[Problem]:
    table: list[tuple] = [
        ("Misra1a", {0: (0, 200)}, "+0", 3.334445882192, (150, 0.001), (200, 0.0001)),
        ("BoxBOD", {1: (0, 0.4)}, "0+", 1807.734923358, (100, 0.2), (1, 0.4)),
        ("DanWood", {0: (0.5, 2), 1: (2, 3.5)}, "0+", 0.05846185899569, (1, 3), (0.5, 2)),
        ("Rat42", {0: (0, 80), 1: (2.8, 5)}, "0-0", 13.21088207903, (75, 3, 0.07), (80, 5, 0.1)),
        (
            "Rat43",
            {0: (0, 1000), 1: (0, 10), 3: (0.1, 1)},
            "000+",
            8929.882972482,
            (700, 5, 0.75, 0.9),
            (600, 5, 0.75, 1),
        ),
        (
            "Chwirut2",
            {0: (0.2, 1), 1: (0, 1), 2: (0, 1)},
            "-00",
            519.8197131746,
            (0.5, 0.01, 0.02),
            (0.2, 0.01, 0.02),
        ),
        (
            "Thurber",
            {4: (0, 0.9)},
            "0000+00",
            6182.344904773,
            (1300, 1500, 500, 75, 0.8, 0.4, 0.05),
            (1300, 1500, 500, 75, 0.9, 0.4, 0.05),
        ),
        ("Eckerle4", {2: (440, 451)}, "00+", 0.007468673972891, (1.5, 5, 450), (1, 10, 451)),
        (
            "Gauss1",
            {4: (5, 20), 7: (5, 15)},
            "0000+00+",
            4584.055788775,
            (94, 0.01, 99, 63, 18, 71, 180, 14),
            (97, 0.009, 100, 65, 20, 70, 178, 15),
        ),
        (
            "MGH17",
            {3: (0.014, 0.1), 4: (0.015, 0.1)},
            "000-0",
            6.229491536207e-05,
            (0.5, 1.5, -1, 0.02, 0.03),
            (0.5, 1.5, -1, 0.014, 0.02),
        ),
        (
            "Roszman1",
            {2: (1000, 1150)},
            "00+0",
            0.0005070769983466,
            (0.2, -5e-06, 1100, -150),
            (0.1, -1e-05, 1150, -100),
        ),
        (
            "ENSO",
            {3: (40, 48), 6: (25, 26.5)},
            "000000+00",
            795.2928097212,
            (10, 3, 0.5, 44, -1.5, 0.5, 26, -0.1, 1.5),
            (10, 3, 0.5, 44, -1.5, 0.5, 26.5, -0.1, 1.5),
        ),
    ]
    return [_cut(nist_data.problem(name), *row) for name, *row in table]


def _mgh() -> list[Problem]:
    base = {problem.name: problem for problem in mgh.problems()}
    table: list[tuple] = [
        ("rosenbrock", {0: (-2, 0.5)}, "+0", 0.25, (-1.2, 1), (0.5, 1), (-2, 10)),
        ("beale", {1: (-1, 0.3)}, "0+", 0.1001330564029, (1, 0), (1, 0.3)),
        ("wood", {0: (-10, 0.5)}, "+000", 0.5701396836645, (-3, -1, 3, -1), (0.5, -1, 1.2, -1)),
        ("helical_valley", {0: (-5, 0.8)}, "+00", 0.9904221209614, (-1, 0, 0), (0.8, 1, 0)),
        (
            "kowalik_osborne",
            {0: (0, 1), 1: (0, 1), 2: (0, 1), 3: (0.2, 1)},
            "000-",
            0.0003315350939995,
            (0.25, 0.39, 0.415, 0.39),
            (1, 1, 1, 1),
        ),
        (
            "brown_dennis",
            {0: (-100, 100), 1: (-100, 10), 3: (0.5, 10)},
            "0+0-",
            164317.6749953,
            (25, 5, -5, 1),
            (25, 10, -5, 0.5),
        ),
        (
            "osborne_2",
            {8: (2, 2.2), 9: (4.6, 5)},
            "00000000+-0",
            0.05769052529525,
            (1.3, 0.65, 0.65, 0.7, 0.6, 3, 5, 7, 2.1, 4.7, 5.5),
            (1.3, 0.65, 0.65, 0.7, 0.6, 3, 5, 7, 2, 5, 5.5),
        ),
        ("powell_singular", {0: (1, 5)}, "-000", 0.9376741948699, (3, -1, 0, 1), (1, -1, 0, 1)),
        ("gaussian", {0: (0, 0.35), 2: (0.1, 1)}, "+0-", 0.008258661017317, (0.2, 1, 0.5), (0.35, 1, 1)),
        (
            "watson_6",
            dict.fromkeys(range(6), (-0.5, 1)),
            "0000-0",
            0.005172710471866,
            np.full(6, 0.1),
            np.full(6, -0.5),
        ),
    ]
    return [_cut(base[name], *row) for name, *row in table]


def _linear(name: str, A: Array, y: Array) -> Problem:
    start = {"x1": np.zeros(A.shape[1])}
    return Problem(name=name, residual=lambda x: A @ x - y, jacobian=lambda x: A.copy(), starts=start)


def _regressions() -> list[Problem]:
    t = np.linspace(0, 1, 30)
    cosines = np.cos(np.pi * np.outer(t, np.arange(8)))
    signs = cosines @ ((-1.0) ** np.arange(8) * np.arange(1, 9)) + np.sin(37 * t)
    powers = np.vander(t, 7, increasing=True)  # condition 2e4
    wave = np.exp(t) * np.sin(6 * t)
    twins = np.column_stack([np.ones(30), t, t + 1e-5 * np.sin(9 * t), np.cos(5 * t)])  # condition 4e5
    line = 1 + 2 * t + 3 * np.sin(9 * t)
    nonnegative = dict.fromkeys(range(8), (0.0, np.inf))
    box7, box4 = dict.fromkeys(range(7), (-4.0, 4.0)), dict.fromkeys(range(4), (-50.0, 50.0))
    return [
        _cut(
            _linear("cosines", cosines, signs),
            nonnegative,
            "0-0-0-0-",
            2077.8766062031,
            np.ones(8),
            np.zeros(8),
        ),
        _cut(
            _linear("powers", powers, wave), box7, "00--0++", 5.539783815981, np.full(7, 0.5), np.full(7, -4)
        ),
        _cut(_linear("twins", twins, line), box4, "00+0", 51.40198670916, np.ones(4), np.full(4, 50)),
    ]
