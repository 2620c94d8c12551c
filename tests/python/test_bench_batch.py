"""The batch bench's workloads: derivatives, data, and who counts as having reached the best cost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import batch
import batch_limit
import batch_peer
import batch_report
import batch_workloads
import report
from batch_workloads import WORKLOADS, Data, Workload


@pytest.fixture(params=WORKLOADS, ids=lambda workload: workload.name)
def workload(request: pytest.FixtureRequest) -> Workload:
    return request.param


def test_jacobian_equals_complex_step(workload: Workload) -> None:
    p = np.array(workload.truth) * (1 + 0.07 * np.arange(workload.n_parameters))
    J = workload.jacobian(workload.x, *p)
    assert J.shape == (workload.n_points, workload.n_parameters)
    for k in range(len(p)):
        q = p.astype(complex)
        q[k] += 1e-30j
        column = workload.model(workload.x, *q).imag / 1e-30
        # a few operations and an exponent of at most 30: 100 eps of the column's size
        np.testing.assert_allclose(J[:, k], column, rtol=1e-13, atol=2e-14 * np.abs(column).max())


def test_data_are_seeded_and_equal_in_both_precisions(workload: Workload) -> None:
    data, again, other = (batch_workloads.generate(workload, 50, seed) for seed in (1, 1, 2))
    for part in ("x", "y", "p0"):
        a = getattr(data, part)
        assert np.array_equal(a, getattr(again, part))
        single = getattr(data.astype("float32"), part)
        assert np.array_equal(a.astype(np.float32) if part == "x" else a, single)
    assert data.y.shape == (50, workload.n_points)
    assert data.p0.shape == (50, workload.n_parameters)
    assert not np.array_equal(data.y, other.y)


def test_cost_at_the_optimum_is_what_the_noise_leaves(workload: Workload) -> None:
    # 200 costs, each a sum of N - P squared normal numbers: 5 standard deviations of their mean
    data = batch_workloads.generate(workload, 200)
    params = data.p0.copy()
    for _ in range(12):
        for fit, (y, p) in enumerate(zip(data.y, params, strict=True)):
            r = workload.model(workload.x, *p) - y
            step = np.linalg.lstsq(workload.jacobian(workload.x, *p), -r, rcond=None)[0]
            if np.all(np.abs(step) < np.abs(p)):
                params[fit] += step
    cost = batch_workloads.costs(workload, data, params)
    freedom = workload.n_points - workload.n_parameters
    assert np.median(cost) == pytest.approx(
        workload.expected_cost, rel=5 * np.sqrt(2 / freedom / 200) + 2 / freedom
    )
    worse = batch_workloads.costs(workload, data, data.p0)
    assert np.median(worse) > 2 * np.median(cost)


def test_cost_of_a_fit_that_is_not_finite_is_nan() -> None:
    workload = WORKLOADS[3]
    data = batch_workloads.generate(workload, 3)
    params = data.p0.copy()
    params[1] = np.nan
    params[2] = (1, -1e6, 0)
    assert list(np.isnan(batch_workloads.costs(workload, data, params))) == [False, True, True]


def test_share_counts_costs_close_to_the_best_of_all_peers() -> None:
    costs = {
        "long": np.array([1.0, 2.0, 3.0, np.nan]),
        "short": np.array([1.00009, 1.0]),
        "worse": np.array([1.00011, np.nan, 3.0, 5.0]),
    }
    assert batch_workloads.shares(costs) == {"long": 0.5, "short": 1.0, "worse": 0.5}


def test_costs_of_a_subset_are_those_of_the_first_fits(workload: Workload) -> None:
    data = batch_workloads.generate(workload, 6)
    head = data.head(2)
    assert isinstance(head, Data)
    whole = batch_workloads.costs(workload, data, data.p0)
    np.testing.assert_array_equal(batch_workloads.costs(workload, head, head.p0), whole[:2])


def test_case_reads_its_share_of_the_files(workload: Workload, tmp_path: Path) -> None:
    data = batch_workloads.generate(workload, 5).astype("float32")
    for part in ("x", "y", "p0"):
        getattr(data, part).tofile(tmp_path / part)
    read = batch_peer.Case(workload, "float32", 1, 3, tmp_path).data()
    for part in ("x", "y", "p0"):
        assert np.array_equal(getattr(read, part), getattr(data.head(3), part))


def test_operations_are_those_of_the_kernel_written_out() -> None:
    assert [batch_limit.operations(workload) for workload in WORKLOADS] == [30, 22, 27, 13]


def test_limit_is_the_rate_of_the_counted_operations() -> None:
    workload = WORKLOADS[3]  # 16 points, 13 operations, an exp at two of them
    peers: list[dict[str, Any]] = [
        {"iterations": 4.0, "within": 1.0},
        {"iterations": 1.0, "within": 0.5},  # not accurate
        {"within": 1.0},
    ]
    measured = {1: [{"float64": {"fma": 13e9, "exp": 1e9}}], 2: []}
    (row,) = batch_limit.rows(workload, measured, peers)
    assert row["evaluations"] == 4
    assert row["rate"] == pytest.approx([1e9 / (4 * (16 + 2))] * 3)


def test_report_has_a_row_per_peer_and_says_who_is_absent() -> None:
    row = {"peer": "a", "dtype": "float64", "threads": 1, "fits": 1000, "rate": [0.9e6, 1e6, 1.1e6]}
    content = {"fits": 1000, "rounds": 9, "rows": [{**row, "within": 0.99996}], "limits": []}
    record = {"bench": "batch", "tables": {"W": content}, "absent": {"b": "why"}, "peer_versions": {"c": "1"}}
    text = batch_report.table("W", content, report._table)
    assert "| a " in text
    assert "1.00 M ± 10%" in text
    assert "99.99%" in text
    assert batch_report.footer(record) == "Peers: c 1.\n\nWithout b: why."


def test_plot_shows_peers_of_one_thread_beside_those_of_two(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    import batch_plot

    rows = [
        {"peer": peer, "dtype": dtype, "threads": threads, "rate": [0.9e6, 1e6, 1.1e6], "within": within}
        for peer, dtype, threads, within in (
            ("a", "float64", 1, 1.0),
            ("a", "float64", 2, 1.0),
            ("a", "float32", 2, 0.9),
            ("b", "float64", 1, 1.0),
        )
    ]
    limits = [{"dtype": "float64", "threads": 2, "rate": [1e7, 1e7, 1e7]}]
    record = {"tables": {"W": {"rows": rows, "limits": limits}}}
    (tmp_path / "batch.json").write_text(json.dumps(record))
    picture = tmp_path / "batch.svg"
    assert batch_plot.main([str(picture), str(tmp_path / "batch.json")]) == 0
    text = picture.read_text()
    assert text.count("<!-- 1 M -->") == 2  # a float64 and b float64
    assert text.count("<!-- 1 M * -->") == 1
    assert "<!-- b (1 thread) -->" in text


class _Refusing:
    """Stands for a worker whose peer is not installed."""

    def ask(self, *message: Any) -> None:
        raise batch_peer.AbsentError("not installed")


def test_absent_peer_is_recorded_with_its_first_reason(capsys: pytest.CaptureFixture[str]) -> None:
    absent: dict[str, str] = {}
    assert batch._ask(("peer", "float64", 1), _Refusing(), absent, "run", "float64") is None
    assert absent == {"peer": "not installed"}
    assert "without peer (float64, 1 threads): not installed" in capsys.readouterr().err
