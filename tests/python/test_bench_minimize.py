"""The bench of minimizers: counting, the point's judgement, runs that never return, summary and picture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import minimize
import minimize_peers as peers
import minimize_plot
import problems
import report
from environment import Recorder
from worker import Worker

OBJECTIVES = {objective.name: objective for objective in [*problems.smooth(), *problems.special()]}


@pytest.mark.parametrize("solver", peers.SOLVERS)
def test_every_method_solves_beale_and_its_callbacks_are_counted(solver: str) -> None:
    row = peers.run(solver, OBJECTIVES["beale"], "x1")
    assert row["solved"]
    assert row["success"]
    assert row["total"]["f"] > 0
    assert row["total"]["g"] > 0
    assert (row["total"]["Hv"] > 0) == (solver in minimize.PRODUCTS)
    assert all(row["reached"][key] <= row["total"][key] for key in (*peers.COUNTED, "seconds", "own"))
    assert 0 < row["total"]["own"] < row["total"]["seconds"]


def test_a_saddle_is_not_solved_and_its_claim_is_counted() -> None:
    rows = [peers.run(solver, OBJECTIVES["saddle_on_the_way"], "x1") for solver in peers.SOLVERS]
    lines = {line["solver"]: line for line in minimize.summary(rows)}
    assert lines["scipy trust-ncg"]["saddle_success"] == lines["scipy trust-ncg"]["false_success"] == 1
    for solver in peers.SOLVERS:
        if solver.startswith("osculate"):
            assert lines[solver]["solved"] == 1
            assert lines[solver]["false_success"] == 0


def test_an_exception_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise np.linalg.LinAlgError("no")

    monkeypatch.setitem(peers.SOLVERS, "broken", broken)
    row = peers.run("broken", OBJECTIVES["beale"], "x1")
    assert not row["success"]
    assert not row["solved"]
    assert row["message"] == "LinAlgError: no"


def test_a_call_that_never_returns_is_stopped_and_the_next_one_works() -> None:
    worker = Worker()
    try:
        assert worker.call(60, "math", "sqrt", 4.0) == 2.0
        with pytest.raises(TimeoutError):
            worker.call(0.1, "time", "sleep", 60.0)
        assert worker.call(60, "math", "sqrt", 9.0) == 3.0
    finally:
        worker.close()


def test_quick_bench_gives_tables_and_a_picture(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(minimize, "QUICK", ("beale", "saddle_on_the_way"))
    result = minimize.minimize(quick=True)
    record = {"bench": "minimize", "environment": Recorder().facts(), **result}
    text = report.render(json.loads(json.dumps(record)))
    assert text.count("| scipy trust-krylov ") == 2
    minimize_plot.draw(record, tmp_path / "profiles.png")
    assert (tmp_path / "profiles.png").stat().st_size > 10000


def test_profiles_are_shares_of_runs_within_a_ratio_of_the_best() -> None:
    def row(cost: float | None) -> dict[str, Any]:
        return {"reached": None if cost is None else {"own": cost}}

    runs = [{"a": row(1.0), "b": row(3.0)}, {"a": row(None), "b": row(2.0)}, {"a": row(None), "b": row(None)}]
    curves = minimize_plot.profiles(runs, ["a", "b"], "own")
    np.testing.assert_array_equal(curves["a"], [1.0, np.inf, np.inf])
    np.testing.assert_array_equal(curves["b"], [1.0, 3.0, np.inf])
