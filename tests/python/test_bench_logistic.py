"""The bench of logistic regression: derivatives, counting, table."""

from __future__ import annotations

import json

import numpy as np

import logistic
import report
from environment import Recorder


def test_derivatives_equal_differences() -> None:
    f = logistic.Logistic(300, 40)
    rng = np.random.default_rng(1)
    w, v = rng.standard_normal(40) / 10, rng.standard_normal(40) / 10
    h = 1e-5  # central differences: error h^2 = 1e-10 beside rounding of 1e-16 / h
    slope = (f.value(w + h * v) - f.value(w - h * v)) / (2 * h)
    np.testing.assert_allclose(f.gradient(w) @ v, slope, rtol=1e-6, atol=1e-10)
    bend = (f.gradient(w + h * v) - f.gradient(w - h * v)) / (2 * h)
    np.testing.assert_allclose(f.product(w, v), bend, rtol=1e-5, atol=1e-9)
    np.testing.assert_array_less(
        [f.product(w, e)[i] for i, e in enumerate(np.eye(40))], 1.0000001 / f.inverse_diagonal()
    )


def test_quick_bench_reaches_the_goal_and_gives_a_table() -> None:
    result = logistic.logistic(quick=True)
    (content,) = result["tables"].values()
    rows = {row["solver"]: row for row in content["rows"]}
    for solver in logistic.SOLVERS:
        if solver.startswith("osculate"):
            assert rows[solver]["solved"] == 1
            assert rows[solver]["gradient_norm"] <= logistic.GOAL
    assert rows[logistic.REFERENCE]["ratio"] == [1.0, 1.0, 1.0]
    record = {"bench": "logistic", "environment": Recorder().facts(), **result}
    text = report.render(json.loads(json.dumps(record)))
    assert text.count("| scipy trust-ncg ") == 1
