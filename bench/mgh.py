"""The More-Garbow-Hillstrom collection (ACM TOMS 7(1), 1981): starts x1, x10, x100 and where each may end.

Sums of squares are the paper's, with more digits. Where the paper is silent they are what SciPy's `lm`,
`trf` and `dogbox` (with and without scaling, tolerances of 2.3e-16) end in, gradients checked, and what
MINPACK's own test driver is documented to print. The infima at infinity follow by hand; the comment
beside each says how. A start that is zero is scaled as MINPACK does: 0, then 10 and 100 everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

import numpy as np

import mgh_curves as curves
import mgh_systems as systems
from problem import Array, End, Problem

ZERO = End(0.0)


def _start(x0: Array, factor: int) -> Array:
    if np.any(x0):
        return factor * x0
    return np.full_like(x0, 0.0 if factor == 1 else factor)


def _problem(
    module: ModuleType,
    name: str,
    x0: Sequence[float] | Array,
    *ends: End,
    by_start: dict[str, tuple[End, ...]] | None = None,
    hard: tuple[str, ...] = (),
) -> Problem:
    point = np.array(x0, dtype=float)
    starts = {f"x{factor}": _start(point, factor) for factor in (1, 10, 100)}
    sized = name in ("watson", "chebyquad")
    return Problem(
        name=f"{name}_{len(point)}" if sized else name,
        residual=getattr(module, name),
        jacobian=getattr(module, f"{name}_jacobian"),
        starts=starts,
        ends={start: (by_start or {}).get(start, ends) for start in starts},
        hard=frozenset(hard),
    )


def _infimum(sum_of_squares: float) -> End:
    return End(sum_of_squares, at_infinity=True)


def problems() -> list[Problem]:
    """Every problem of the collection."""
    return _systems() + _curves()


def _systems() -> list[Problem]:
    inner = np.arange(1, 11) / 11
    trigonometric = (ZERO, End(2.795056121878e-5), End(4.218633887926e-5), End(8.788225218217e-4))
    # 26: five minima in a period, enumerated from 1500 starts; the fifth was seen from x100 only
    chebyquad_10 = (End(6.503954800882e-3), End(4.772713696375e-3), End(9.500628850222e-3))
    freudenstein_roth = (ZERO, End(48.98425367924))
    # 3: x1 -> 0 and x2 -> inf with x1 x2 = 1e-4 leaves (1e-4)^2
    powell_valley = (ZERO, _infimum(1e-8))
    # 5: x1 -> -inf, x2 -> 1 with x1 (1 - x2) = c: residuals y_i - i c, least at c = (sum i y_i) / 14
    beale_valley = (ZERO, _infimum(14.203125 - 13.875**2 / 14))
    return [
        _problem(systems, "rosenbrock", (-1.2, 1), ZERO),
        _problem(systems, "freudenstein_roth", (0.5, -2), *freudenstein_roth),
        _problem(systems, "powell_badly_scaled", (0, 1), *powell_valley, hard=("x10", "x100")),
        _problem(systems, "brown_badly_scaled", (1, 1), ZERO),
        _problem(systems, "beale", (1, 1), *beale_valley, by_start={"x1": (ZERO,)}, hard=("x10", "x100")),
        _problem(systems, "helical_valley", (-1, 0, 0), ZERO),
        _problem(systems, "powell_singular", (3, -1, 0, 1), ZERO),
        _problem(systems, "wood", (-3, -1, -3, -1), ZERO),
        _problem(systems, "watson", np.zeros(6), End(2.287670053552e-3)),
        _problem(systems, "watson", np.zeros(9), End(1.399760138091e-6)),
        _problem(systems, "watson", np.zeros(12), End(4.72238110e-10)),
        _problem(systems, "penalty_1", (1, 2, 3, 4), End(2.249977500900e-5)),
        _problem(systems, "penalty_2", (0.5,) * 4, End(9.376293007355e-6)),
        _problem(systems, "variably_dimensioned", 1 - np.arange(1, 11) / 10, ZERO),
        _problem(systems, "trigonometric", np.full(10, 0.1), *trigonometric, End(4.473565812e-7)),
        _problem(systems, "brown_almost_linear", np.full(10, 0.5), ZERO, End(1.0)),
        _problem(systems, "discrete_boundary_value", inner * (inner - 1), ZERO),
        _problem(systems, "discrete_integral", inner * (inner - 1), ZERO),
        _problem(systems, "broyden_tridiagonal", -np.ones(10), ZERO),
        _problem(systems, "broyden_banded", -np.ones(10), ZERO),
        _problem(systems, "linear_full_rank", np.ones(10), End(10.0)),  # m - n
        _problem(systems, "linear_rank_1", np.ones(10), End(190 / 41)),  # m (m - 1) / (2 (2 m + 1))
        _problem(systems, "linear_rank_1_zero", np.ones(10), End(227 / 37)),  # (m^2 + 3 m - 6) / (4 m - 6)
        # MINPACK tries these from x1 alone; from the others it is still far off after 3000 evaluations
        _problem(systems, "chebyquad", np.arange(1, 9) / 9, End(3.516873725678e-3), hard=("x10", "x100")),
        _problem(systems, "chebyquad", np.arange(1, 10) / 10, ZERO, hard=("x10", "x100")),
        _problem(systems, "chebyquad", np.arange(1, 11) / 11, *chebyquad_10, hard=("x10", "x100")),
    ]


def _curves() -> list[Problem]:
    y = curves.BARD
    # 8: x2, x3 -> inf leaves the constant x1; with x3 = -3 x2 + o(1) as well, the fourth point is matched
    bard_constant = _infimum(float(np.sum((y - y.mean()) ** 2)))
    rest = np.delete(y, 3)
    bard_pole = _infimum(float(np.sum((rest - rest.mean()) ** 2)))
    bard = (End(8.214877306579e-3), bard_constant, bard_pole)
    # 6: x1 -> -inf leaves a fit of one exponential, both -> -inf sum (2 + 2 i)^2; from x100 |r|^2 overflows
    jennrich = (End(124.3621823556), _infimum(259.5801901343), _infimum(2020.0))
    # 12: x2 -> inf leaves exp(-t x1) against x3 (exp(-t) - exp(-10 t))
    box = (ZERO, _infimum(7.558874075500e-2))
    # 15: the paper's infimum; minima that hold the model's pole between two data points (the two common ones
    # of some 40 that 4000 random starts found); x2, x3, x4 -> inf together
    kowalik = (End(3.075056038492e-4), _infimum(1.027343048695e-3))
    kowalik_far = {
        "x10": (*kowalik, End(4.236746264698e-4), End(1.594352026022e-3)),
        "x100": (*kowalik, _infimum(1.794539e-3)),
    }
    # 17: both rates -> inf leaves a constant and a free first point
    osborne_1 = End(5.464894697483e-5)
    osborne_1_constant = _infimum(float(np.sum((curves.OSBORNE_1[1:] - curves.OSBORNE_1[1:].mean()) ** 2)))
    # 18: one rate -> inf leaves two exponentials, two leave one
    biggs = (ZERO, _infimum(5.655649925500e-3), _infimum(0.3063667726248))
    # 19: narrow peaks far away vanish and leave one exponential
    osborne_2_far = (End(4.013773629355e-2), _infimum(1.789813586881))
    return [
        _problem(
            curves, "jennrich_sampson", (0.3, 0.4), *jennrich, by_start={"x1": jennrich[:1]}, hard=("x100",)
        ),
        _problem(curves, "bard", (1, 1, 1), *bard, by_start={"x1": bard[:1]}),
        _problem(curves, "gaussian", (0.4, 1, 0), End(1.127932769619e-8)),
        _problem(curves, "meyer", (0.02, 4000, 250), End(87.94585517), hard=("x10",)),
        # 11: x100 underflows to r = -t, J = 0
        _problem(curves, "gulf", (5, 2.5, 0.15), ZERO, by_start={"x100": (_infimum(32.835),)}),
        _problem(curves, "box_3d", (0, 10, 20), *box, by_start={"x1": (ZERO,)}),
        _problem(
            curves,
            "kowalik_osborne",
            (0.25, 0.39, 0.415, 0.39),
            *kowalik[:1],
            by_start=kowalik_far,
            hard=("x100",),
        ),
        _problem(curves, "brown_dennis", (25, 5, -5, -1), End(85822.20162636)),
        _problem(
            curves,
            "osborne_1",
            (0.5, 1.5, -1, 0.01, 0.02),
            osborne_1,
            osborne_1_constant,
            by_start={"x1": (osborne_1,)},
            hard=("x100",),
        ),
        _problem(curves, "biggs_exp6", (1, 2, 1, 1, 1, 1), *biggs, by_start={"x1": biggs[:2]}),
        _problem(
            curves,
            "osborne_2",
            (1.3, 0.65, 0.65, 0.7, 0.6, 3, 5, 7, 2, 4.5, 5.5),
            *osborne_2_far,
            by_start={"x1": osborne_2_far[:1]},
        ),
    ]
