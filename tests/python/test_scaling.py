"""Powers of two change nothing: with y, x or a parameter in other units the iterates are the same bits.

Multiplying by 2^k is exact, so a solver without absolute constants must follow the very same path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import nist
import nist_data
import osculate
import problems
from problems import Array, Problem

POWERS = (-60, -50, -40, -30, -20, -10, 10, 20, 30, 40, 50, 60, -37, -11, -1, 1, 3, 23, 59)
COLLECTION = {problem.name: problem for problem in [*problems.nist(), *problems.mgh(), *problems.bounded()]}
NAMES = (
    ("Misra1a", "start1"),
    ("Thurber", "start1"),
    ("MGH09", "start1"),
    ("ENSO", "start2"),
    ("Roszman1", "start1"),
    ("freudenstein_roth", "x1"),
    ("bard", "x10"),
    ("kowalik_osborne", "x1"),
    ("watson_6", "x1"),  # starts at 0
    ("brown_dennis", "x10"),
    ("Rat43_bounded", "inside"),
    ("kowalik_osborne_bounded", "edge"),
    ("powers_bounded", "inside"),
    ("watson_6_bounded", "edge"),
)


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with np.errstate(all="ignore"):
        yield


@dataclass(frozen=True)
class Path:
    """All that a caller can see of a run, in the original units."""

    points: Array
    outcome: Any
    status: int
    counts: tuple[int, int, int]
    cost: float
    active: Array

    def assert_equal(self, other: Path) -> None:
        assert self.outcome == other.outcome
        assert self.status == other.status
        assert self.counts == other.counts
        np.testing.assert_array_equal(self.points, other.points)
        np.testing.assert_array_equal(self.active, other.active)
        assert self.cost == other.cost


def _path(
    residual: Callable[[Array], Array],
    jacobian: Callable[[Array], Array],
    x0: Array,
    bounds: tuple[Array, Array],
    y_unit: float = 1.0,
    units: Array | float = 1.0,
    **options: Any,
) -> Path:
    """Solve with residuals times `y_unit` and parameters divided by `units`, reported without either."""
    points = []

    def scaled_residual(z: Array) -> Array:
        points.append(z * units)
        return y_unit * residual(z * units)

    def scaled_jacobian(z: Array) -> Array:
        return y_unit * jacobian(z * units) * units

    limits = (bounds[0] / units, bounds[1] / units)
    result = osculate.least_squares(
        scaled_residual, x0 / units, scaled_jacobian, limits, max_nfev=400, **options
    )
    return Path(
        points=np.array([*points, result.x * units]),
        outcome=result.outcome,
        status=result.status,
        counts=(result.nfev, result.njev, result.iterations),
        cost=result.cost / y_unit**2,
        active=result.active_mask,
    )


def _both(problem: Problem, start: str, **units: Any) -> None:
    common = {key: units.pop(key) for key in list(units) if key not in ("y_unit", "units")}
    arguments = (problem.residual, problem.jacobian, problem.starts[start], problem.bounds)
    _path(*arguments, **units, **common).assert_equal(_path(*arguments, **common))


@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize(("name", "start"), NAMES)
def test_scaling_y_changes_no_bit(name: str, start: str, power: int) -> None:
    _both(COLLECTION[name], start, y_unit=2.0**power)


@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize(("name", "start"), NAMES)
def test_scaling_one_parameter_changes_no_bit(name: str, start: str, power: int) -> None:
    problem = COLLECTION[name]
    for index in range(problem.n):
        units = np.ones(problem.n)
        units[index] = 2.0**power
        _both(problem, start, units=units)


@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize(("name", "start"), NAMES)
def test_scaling_every_parameter_differently_changes_no_bit(name: str, start: str, power: int) -> None:
    problem = COLLECTION[name]
    spread = 2.0 ** (power * np.linspace(-1, 1, problem.n).round(1) // 1)
    _both(problem, start, units=spread, y_unit=2.0 ** (-power // 2))


# models in which x enters as a product with parameters only: {parameter: power of the unit it carries}
X_SCALABLE = {"Misra1a": {1: -1}, "Lanczos3": {1: -1, 3: -1, 5: -1}, "Chwirut2": {0: -1, 2: -1}}


@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize("name", X_SCALABLE)
def test_scaling_x_changes_no_bit(name: str, power: int) -> None:
    problem = COLLECTION[name]
    model, jacobian = nist.MODELS[name]
    x, y = nist_data.table(name)
    inverse = np.ones(problem.n)
    for index, exponent in X_SCALABLE[name].items():
        inverse[index] = 2.0 ** (exponent * power)
    seen = []

    def residual(b: Array) -> Array:
        seen.append(b / inverse)
        return model(b, x * 2.0**power) - y

    start = problem.starts["start2"]
    result = osculate.least_squares(residual, start * inverse, lambda b: jacobian(b, x * 2.0**power))
    plain = _path(problem.residual, problem.jacobian, start, problem.bounds)
    np.testing.assert_array_equal(np.array([*seen, result.x / inverse]), plain.points)
    assert (result.outcome, result.cost) == (plain.outcome, plain.cost)


VARIANTS = (
    {"damping": "nielsen"},
    {"damping": "delayed_gratification"},
    {"geodesic_acceleration": True},
    {"linear_solver": "qr"},
    {"linear_solver": "cholesky"},
    {"ftol": None},
    {"xtol": None},
    {"gtol": None},
)


@pytest.mark.parametrize("power", [-60, -37, 1, 23, 60])
@pytest.mark.parametrize("options", VARIANTS, ids=lambda options: "-".join(map(str, *options.items())))
def test_scaling_changes_no_bit_under_any_option(options: dict[str, Any], power: int) -> None:
    for name, start in (("Thurber", "start1"), ("bard", "x1"), ("watson_6", "x1")):
        problem = COLLECTION[name]
        _both(problem, start, y_unit=2.0**power, **options)
        _both(problem, start, units=2.0 ** (power * (np.arange(problem.n) % 2)), **options)


@pytest.mark.parametrize("power", [-60, -37, 1, 23, 60])
@pytest.mark.parametrize("loss", ["soft_l1", "huber", "cauchy", "arctan"])
def test_scaling_y_and_f_scale_changes_no_bit_of_a_robust_fit(loss: str, power: int) -> None:
    problem = COLLECTION["Misra1a"]
    arguments = (problem.residual, problem.jacobian, problem.starts["start2"], problem.bounds)
    unit = 2.0**power
    scaled = _path(*arguments, y_unit=unit, loss=loss, f_scale=0.05 * unit)
    scaled.assert_equal(_path(*arguments, loss=loss, f_scale=0.05))
