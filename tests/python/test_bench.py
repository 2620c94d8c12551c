"""The bench's machinery: counting, refusing under load, and the README's tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import environment
import krylov
import overhead
import peers
import problems
import report
import run

MISRA = next(problem for problem in problems.nist() if problem.name == "Misra1a")


def test_run_counts_residuals_and_jacobians_apart() -> None:
    result = peers.run("scipy lm", MISRA, "start2", 1e-15, good=lambda x: bool(x[0] < 240))
    assert result.success
    assert result.residuals >= result.jacobians > 0
    assert 1 < result.reached <= result.residuals
    assert problems.correct_digits(result.x, MISRA.certified) >= 6


def test_run_reports_an_exception_as_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> peers.Outcome:
        raise RuntimeError("no")

    monkeypatch.setitem(peers.SOLVERS, "broken", broken)
    result = peers.run("broken", MISRA, "start1")
    assert not result.success
    assert result.message == "RuntimeError: no"


def test_bench_refuses_under_load(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(environment, "load", lambda: 1.5)
    assert run.main(["nist"]) == 2
    assert "load average is 1.50" in capsys.readouterr().err


def test_noisy_bench_runs_under_load_and_marks_its_figures(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(environment, "load", lambda: 1.5)
    monkeypatch.setattr(run, "RESULTS", tmp_path)
    monkeypatch.setitem(run.BENCHES, "nist", ("test_bench", "empty_result"))
    monkeypatch.setattr(run.importlib, "import_module", lambda name: _Fake)
    assert run.main(["nist", "--noisy"]) == 0
    record = json.loads((tmp_path / "nist.json").read_text())
    assert record["environment"]["noisy"]
    assert record["environment"]["load_start"] == 1.5
    assert "Measured under load" in capsys.readouterr().out


class _Fake:
    @staticmethod
    def empty_result() -> dict[str, Any]:
        return {"tables": {}}


def test_restart_is_refused_once_numpy_is_imported() -> None:
    with pytest.raises(RuntimeError, match="numpy is imported already"):
        environment.restart_clean()


def test_report_replaces_what_is_between_the_markers_and_nothing_else(tmp_path: Path) -> None:
    row = {"solver": "osculate", "n": 2, "call_us": [1, 2, 3], "evaluation_us": [0.5, 0.6, 0.7]}
    record = {"bench": "overhead", "tables": {"newton": [row]}, "environment": environment.Recorder().facts()}
    (tmp_path / "overhead.json").write_text(json.dumps(record))
    text = "a\n<!-- bench: overhead -->\nold\n<!-- end bench: overhead -->\nb\n"
    unknown = "<!-- bench: other -->\nkept\n<!-- end bench: other -->\n"
    new = report.updated(text + unknown, tmp_path)
    assert new.startswith("a\n<!-- bench: overhead -->\n")
    assert new.endswith("\n<!-- end bench: overhead -->\nb\n" + unknown)
    assert "old" not in new
    assert "2.0 (1.0 - 3.0)" in new
    assert report.updated(new, tmp_path) == new


@pytest.mark.parametrize("n", [2, 10])
def test_newton_path_halves_x_in_every_step(n: int) -> None:
    # what the overhead bench rests on: each solver takes the same undamped steps and none converges
    case = overhead.newton_path(n)
    r, J = case.residual(case.x0), case.jacobian(case.x0)
    step = np.linalg.lstsq(J, -r, rcond=None)[0]
    np.testing.assert_allclose(step, -case.x0 / 2, rtol=1e-10)
    assert np.sum(case.residual(case.x0 + step) ** 2) == pytest.approx(np.sum(r**2) / 16)


@pytest.mark.parametrize("make", [overhead.newton_path, overhead.bent_path])
def test_overhead_jacobians_equal_differences(make: Any) -> None:
    case = make(5)
    x = 1 + np.arange(5) / 7
    h = 1e-6 * np.eye(5)
    differences = np.column_stack([(case.residual(x + e) - case.residual(x - e)) / 2e-6 for e in h])
    np.testing.assert_allclose(case.jacobian(x), differences, rtol=1e-7, atol=1e-7)


def test_bench_of_conjugate_gradients_runs_as_many_iterations_as_it_says_and_draws_both_tables() -> None:
    d, b = krylov._system(krylov.SHORT)
    product = krylov.TimedProduct(d)
    assert krylov._ours(product, b)(krylov.MANY).iterations == krylov.MANY  # what the slopes rest on
    assert product.seconds > 0
    spread = [0.1, 0.2, 0.3]
    vectors = {"solver": "osculate", "threads": 2, "iteration_ms": spread}
    vectors |= {"bytes_per_second": 3e9, "triad_bytes_per_second": 4e9}
    tables = {"overhead": [{"solver": "osculate", "iteration_us": spread}], "vectors": [vectors]}
    record = {"bench": "cg", "tables": tables, "environment": environment.Recorder().facts()}
    text = report.render(record)
    assert "0.20 (0.10 - 0.30)" in text
    assert "75%" in text


def test_readme_has_the_numbers_of_the_committed_results() -> None:
    readme = (report.ROOT / "README.md").read_text()
    assert "<!-- bench: batch -->\n| fits per second" in readme
    assert report.updated(readme) == readme
