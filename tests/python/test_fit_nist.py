"""NIST StRD nonlinear regression through `fit`: the models as one writes them for curve_fit, traced.

Digits are those of the worst parameter; both starts of all 27 problems, one fit and odd batches.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import nist
import nist_data
import osculate
import problems
from problems import Problem, correct_digits

RUNS = [
    pytest.param(problem, start, id=f"{problem.name}-{start}")
    for problem in problems.nist()
    for start in problem.starts
]
# Bennett5 takes 750 steps from its first start, as least_squares does.
TIGHT = {"ftol": 1e-15, "xtol": 1e-15, "gtol": 1e-15, "max_iterations": 2000}
BATCHES = (1, 7, 33)


def rational(numerator: int) -> Any:
    """Hahn1, Kirby2 and Thurber by Horner's rule; bench/nist.py multiplies matrices, which is no trace."""

    def model(x: Any, *b: float) -> Any:
        up, down = 0.0, 0.0
        for coefficient in reversed(b[:numerator]):
            up = up * x + coefficient
        for coefficient in reversed(b[numerator:]):
            down = (down + coefficient) * x
        return up / (1 + down)

    return model


def exponentials(x: Any, *b: float) -> Any:  # Lanczos1, Lanczos2, Lanczos3
    return sum(b[k] * np.exp(-b[k + 1] * x) for k in range(0, len(b), 2))


def nelson(x: Any, b0: float, b1: float, b2: float) -> Any:
    first, second = x
    return b0 - b1 * first * np.exp(-b2 * second)


OWN = {
    "Hahn1": rational(4),
    "Kirby2": rational(3),
    "Thurber": rational(4),
    "Lanczos1": exponentials,
    "Lanczos2": exponentials,
    "Lanczos3": exponentials,
    "Nelson": nelson,
}


def function(name: str) -> Any:
    model = nist.MODELS[name][0]
    return OWN.get(name) or (lambda x, *b: model(b, x))


def data(name: str) -> tuple[NDArray[Any], NDArray[Any]]:
    x, y = nist_data.table(name)
    return x.T, y


def fitted(problem: Problem, start: str, y: NDArray[Any], **options: Any) -> osculate.FitResult:
    x, _ = data(problem.name)
    result = osculate.fit(function(problem.name), x, y, problem.starts[start], **TIGHT, **options)
    assert result.path == "tape", result.why_not
    return result


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    with np.errstate(all="ignore"):  # a start may overflow a model where the trace is compared with it
        yield


@pytest.mark.parametrize(("problem", "start"), RUNS)
def test_one_fit_has_six_digits_of_the_parameters_and_four_of_their_errors(
    problem: Problem, start: str
) -> None:
    result = fitted(problem, start, data(problem.name)[1])
    assert result.success, result
    assert correct_digits(result.params, problem.certified) >= 6
    # Lanczos1: the residual sd is 9e-14 of values near 1, so rounding of y alone leaves two digits of it
    least = 2 if problem.name == "Lanczos1" else 4
    assert correct_digits(result.stderr, problem.certified_stderr) >= least
    (end,) = problem.ends[start]
    if problem.name != "Lanczos1":  # its certified sum, 1e-25, is below the rounding of double residuals
        assert 2 * result.cost == pytest.approx(end.sum_of_squares, rel=1e-6)


@pytest.mark.parametrize(("problem", "start"), RUNS)
def test_every_fit_of_odd_batches_has_the_bits_of_one_fit(problem: Problem, start: str) -> None:
    y = data(problem.name)[1]
    alone = fitted(problem, start, y)
    for batch in BATCHES:
        result = fitted(problem, start, np.broadcast_to(y, (batch, y.size)))
        for name in ("params", "stderr", "covariance", "cost", "status", "iterations"):
            got, expected = getattr(result, name), getattr(alone, name)
            assert got.tobytes() == np.broadcast_to(expected, got.shape).tobytes(), name


def test_starts_of_all_problems_of_a_model_run_side_by_side() -> None:
    three = [problem for problem in problems.nist() if problem.name.startswith("Lanczos")]
    x = data("Lanczos1")[0]
    y = np.stack([[data(p.name)[1]] * 2 for p in three])
    p0 = np.stack([[p.starts["start1"], p.starts["start2"]] for p in three])
    result = osculate.fit(exponentials, x, y, p0, **TIGHT)
    assert result.params.shape == (3, 2, 6)
    for row, problem in zip(result.params, three, strict=True):
        for params in row:
            assert correct_digits(params, problem.certified) >= 6
