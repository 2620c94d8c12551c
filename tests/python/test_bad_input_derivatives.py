"""Wrong arguments of `check_derivatives`: the exception, and a message with what came."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from refusals import refused
from scipy.optimize import rosen, rosen_der, rosen_hess

from osculate import check_derivatives

WHO = "check_derivatives: "
BAD: list[tuple[dict[str, Any], type[Exception], tuple[str, ...]]] = [
    ({"fun": 3}, TypeError, (WHO + "fun must be callable, got 3",)),
    ({"fun": lambda x: None}, TypeError, (WHO + "fun must return real numbers, got None",)),
    ({"fun": lambda x: "a"}, TypeError, (WHO + "fun must return real numbers, got 'a'",)),
    ({"fun": lambda x: 1j}, TypeError, (WHO + "fun must return real numbers, got 1j",)),
    ({"fun": lambda x: np.nan}, ValueError, (WHO + "fun must return finite numbers", "nan")),
    ({"fun": lambda x: np.eye(2)}, ValueError, (WHO + "fun must return finite numbers, shape () or (m,)",)),
    ({"fun": lambda x: x}, ValueError, (WHO + "hess and hessp need a fun that returns a number", "(2,)")),
    ({"x": []}, ValueError, (WHO + "x must have at least one parameter",)),
    ({"x": [1, np.inf]}, ValueError, (WHO + "x must be finite, got x[1] = inf",)),
    ({"x": "ab"}, TypeError, (WHO + "x must be an array of numbers, got 'ab'",)),
    ({"jac": None, "hess": None}, ValueError, (WHO + "jac, hess or hessp must be given",)),
    ({"jac": "2-point"}, TypeError, (WHO + "jac must be callable, got '2-point'",)),
    ({"jac": True}, TypeError, (WHO + "fun with jac=True must return (value, jac)",)),
    ({"jac": lambda x: x[:1]}, ValueError, (WHO + "jac must return shape (2,), got shape (1,)",)),
    ({"jac": lambda x: None}, TypeError, (WHO + "jac must return real numbers, got None",)),
    ({"hess": 3}, TypeError, (WHO + "hess must be callable, got 3",)),
    ({"hess": rosen_der}, ValueError, (WHO + "hess must return shape (2, 2), got shape (2,)",)),
    ({"hessp": 3}, TypeError, (WHO + "hessp must be callable, got 3",)),
    ({"hessp": lambda x, v: 1.0}, ValueError, (WHO + "hessp must return shape (2,), got shape ()",)),
    ({"rtol": 0}, ValueError, (WHO + "rtol must be positive and finite, got 0",)),
    ({"rtol": "a"}, TypeError, (WHO + "rtol must be a number, got 'a'",)),
    ({"scale": -1}, ValueError, (WHO + "scale must be positive and finite, got -1",)),
    ({"scale": [1, 1, 1]}, ValueError, (WHO + "scale must be a number or have shape (2,)",)),
]


@pytest.mark.parametrize(("change", "error", "fragments"), BAD, ids=range(len(BAD)))
def test_refusals(change: dict[str, Any], error: type[Exception], fragments: tuple[str, ...]) -> None:
    given: dict[str, Any] = {"fun": rosen, "x": [-1.2, 1.0], "jac": rosen_der, "hess": rosen_hess, **change}
    refused(lambda: check_derivatives(given.pop("fun"), given.pop("x"), **given), error, *fragments)


def test_exceptions_at_the_point_itself_come_out() -> None:
    def fails(x: Any) -> Any:
        raise ZeroDivisionError("mine")

    refused(lambda: check_derivatives(fails, [1.0], rosen_der), ZeroDivisionError, "mine")
