"""Wrong arguments of the dense functions of osculate.linalg: the exception, and a message with what came."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from refusals import refused

from osculate import linalg

NAN = np.nan
A = np.diag([1.0, 2.0, 3.0])
REAL, MATRIX = "must be an array of real numbers, got", "must be a matrix of real numbers, got"
SOLVE = {"A": A, "b": np.ones(3)}
STEP = {"g": np.ones(3), "B": A, "radius": 1.0}

CASES: list[tuple[str, dict[str, Any], str, Any, type[Exception], str]] = [
    (
        "cholesky_solve",
        SOLVE,
        "A",
        np.ones((2, 3)),
        ValueError,
        "must have shape (..., n, n), got shape (2, 3)",
    ),
    ("cholesky_solve", SOLVE, "A", np.ones(3), ValueError, "must have shape (..., n, n), got shape (3,)"),
    ("cholesky_solve", SOLVE, "A", A + 0j, TypeError, f"{REAL} array("),
    ("cholesky_solve", SOLVE, "A", [[1], [1, 2]], TypeError, f"{REAL} [[1], [1, 2]]"),
    ("cholesky_solve", SOLVE, "A", None, TypeError, f"{REAL} None"),
    (
        "cholesky_solve",
        SOLVE,
        "b",
        np.ones(2),
        ValueError,
        "must have shape (..., 3) or (..., 3, k) as A has",
    ),
    ("cholesky_solve", SOLVE, "b", np.ones((2, 3)), ValueError, "as A has shape (3, 3), got shape (2, 3)"),
    ("cholesky_solve", SOLVE, "b", 1.0, ValueError, "must have shape (..., n) or (..., n, k), got shape ()"),
    ("cholesky_solve", SOLVE, "b", "abc", TypeError, f"{REAL} 'abc'"),
    ("cholesky_solve", SOLVE, "threads", 0, ValueError, "got 0, expected an integer from 1 to"),
    ("cholesky_inverse", {"A": A}, "A", np.ones((4, 2, 3)), ValueError, "(..., n, n), got shape (4, 2, 3)"),
    ("cholesky_inverse", {"A": A}, "A", 1.0, ValueError, "must have shape (..., n, n), got shape ()"),
    ("cholesky_inverse", {"A": A}, "A", "A", TypeError, f"{REAL} 'A'"),
    ("cholesky_inverse", {"A": A}, "threads", "2", TypeError, "got '2' of type str"),
    ("spd_inverse", {"A": A}, "A", np.ones((4, 2, 3)), ValueError, "(..., n, n), got shape (4, 2, 3)"),
    ("spd_inverse", {"A": A}, "A", None, TypeError, f"{REAL} None"),
    ("spd_inverse", {"A": A}, "damping", [1.0, 2.0], ValueError, "a number or have shape (), got shape (2,)"),
    ("spd_inverse", {"A": A}, "damping", NAN, ValueError, "damping must be finite, got nan"),
    ("spd_inverse", {"A": A}, "damping", None, TypeError, f"{REAL} None"),
    ("spd_inverse", {"A": np.eye(40)}, "threads", 0, ValueError, "got 0, expected an integer from 1 to"),
    ("trust_region_subproblem", STEP, "g", [1, NAN, 1], ValueError, "must be finite, got g[1] = nan"),
    ("trust_region_subproblem", STEP, "g", np.ones((3, 2)), ValueError, "must be 1-D, got shape (3, 2)"),
    ("trust_region_subproblem", STEP, "g", [1j, 1, 1], TypeError, "must be real, got complex numbers"),
    ("trust_region_subproblem", STEP, "B", np.eye(2), ValueError, "(3, 3), as g has 3, got shape (2, 2)"),
    ("trust_region_subproblem", STEP, "B", A * NAN, ValueError, "must be finite, got B[0, 0] = nan"),
    ("trust_region_subproblem", STEP, "B", None, TypeError, f"{MATRIX} None"),
    ("trust_region_subproblem", STEP, "radius", 0, ValueError, "must be positive and finite, got 0"),
    ("trust_region_subproblem", STEP, "radius", None, TypeError, "must be a number, got None"),
    (
        "modified_cholesky",
        {"A": A},
        "A",
        np.ones((2, 3)),
        ValueError,
        "must have shape (2, 2), got shape (2, 3)",
    ),
    ("modified_cholesky", {"A": A}, "A", A + 0j, TypeError, f"{MATRIX} array("),
    (
        "modified_cholesky",
        {"A": A},
        "A",
        [[1, NAN], [NAN, 1]],
        ValueError,
        "must be finite, got A[1, 0] = nan",
    ),
    ("modified_cholesky", {"A": A}, "A", [[1], [1, 2]], TypeError, f"{MATRIX} [[1], [1, 2]]"),
]


@pytest.mark.parametrize(
    ("function", "arguments", "name", "value", "exception", "rest"),
    CASES,
    ids=[f"{case[0]}-{case[2]}-{k}" for k, case in enumerate(CASES)],
)
def test_argument_is_refused(
    function: str,
    arguments: dict[str, Any],
    name: str,
    value: Any,
    exception: type[Exception],
    rest: str,
) -> None:
    call = getattr(linalg, function)
    refused(lambda: call(**(arguments | {name: value})), exception, f"{function}: {name}", rest)


def test_matrix_that_is_not_positive_definite_is_refused() -> None:
    refused(
        lambda: linalg.cholesky_solve(-A, np.ones(3)),
        np.linalg.LinAlgError,
        "cholesky_solve: A must be positive definite, got one that is not; check=False gives NaN",
    )
