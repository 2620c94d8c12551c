"""The K-FAC benches: their network's derivatives, their peers against each other, their tables and plot."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import environment
import fisher
import kfac_linalg
import kfac_overhead
import kfac_peers
import kfac_plot
import kfac_training
import kfac_worker
import report
import run
import training_tasks

WIDTHS = [12, 9, 5, 3]


def record(bench: str, result: dict[str, Any]) -> dict[str, Any]:
    return {"bench": bench, "environment": environment.Recorder().facts(), **result}


class Here:
    """The crew of a bench that makes its calls in this process."""

    def __enter__(self) -> Here:
        return self

    def __exit__(self, *_: object) -> None: ...

    def call(self, peer: str, threads: int, module: str, function: str, *arguments: Any) -> Any:
        return called(threads, 0.0, module, function, *arguments)


def called(threads: int, limit: float, module: str, function: str, *arguments: Any) -> Any:
    if module == "kfac_peers":  # which keeps what one peer prepared
        kfac_peers._kept.clear()
    return getattr(importlib.import_module(module), function)(*arguments)


def test_threads_of_children_are_theirs_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("MKL_NUM_THREADS", raising=False)
    found = kfac_worker.called(2, 60.0, "os", "getenv", "OMP_NUM_THREADS")
    assert found == "2"
    assert os.environ["OMP_NUM_THREADS"] == "7"
    assert "MKL_NUM_THREADS" not in os.environ


def test_every_case_is_timed_once_a_round() -> None:
    calls: list[str] = []
    cases = {(name,): lambda name=name: calls.append(name) or len(calls) for name in "abc"}
    found = kfac_worker.interleaved(cases, 3, "seed")
    assert sorted(n for values in found.values() for n in values) == list(range(1, 10))
    assert [sorted(calls[i : i + 3]) for i in (0, 3, 6)] == [["a", "b", "c"]] * 3


def test_curves_pass_through_the_image_and_their_entropy_is_the_least_loss() -> None:
    images = training_tasks.curves(50, seed=1)
    assert images.shape == (50, 784)
    assert images.dtype == np.float32
    assert 0 <= images.min() < 1e-6
    assert 0.5 < images.max() <= 1
    x = images.astype(np.float64)
    logits = np.log(np.clip(x, 1e-12, None)) - np.log(np.clip(1 - x, 1e-12, None))
    loss = (np.logaddexp(0, logits) - x * logits).sum() / 50
    assert training_tasks.entropy(images) == pytest.approx(loss, rel=1e-6)


@pytest.mark.parametrize("activation", ["tanh", "sigmoid"])
def test_network_agrees_with_autograd(activation: str) -> None:
    torch = pytest.importorskip("torch")
    from kfac_autoencoder import Network

    net = Network(WIDTHS, activation)
    random = np.random.default_rng(0)
    x = torch.from_numpy(training_tasks.homogeneous(random.random((20, 12), np.float32)))
    theta, out = net.start(0), torch.empty(net.n)
    direction = torch.from_numpy(random.standard_normal(net.n, np.float32))
    nonlinear = torch.sigmoid if activation == "sigmoid" else torch.tanh

    def logits(t: Any) -> Any:
        a = x
        for i, W in enumerate(net.split(t)):
            z = a @ W.T
            z = z if i in net.linear else nonlinear(z)
            a = torch.cat([z, torch.ones(len(z), 1)], 1)
        return z

    def loss(t: Any) -> Any:
        terms = torch.nn.functional.binary_cross_entropy_with_logits(logits(t), x[:, :-1], reduction="sum")
        return terms / len(x)

    inputs, z = net.gradient(theta, x, out)
    at = theta.clone().requires_grad_()
    (expected,) = torch.autograd.grad(loss(at), at)
    torch.testing.assert_close(out, expected, rtol=1e-4, atol=1e-5)  # float32: sums of 12 terms of order 1
    assert net.loss(theta, x) == pytest.approx(float(loss(theta)), rel=1e-5)
    _, change = torch.autograd.functional.jvp(logits, theta, direction)
    torch.testing.assert_close(net.tangents(theta, inputs, 7, direction), change[:7], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(z, logits(theta), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("problem", ["CURVES", "digits"])
def test_every_optimizer_of_the_training_bench_reduces_the_loss(problem: str) -> None:
    torch = pytest.importorskip("torch")
    import kfac_train
    from kfac_autoencoder import Network

    images = torch.from_numpy(
        training_tasks.homogeneous(np.random.default_rng(0).random((200, 12), np.float32))
    )
    for grid in kfac_training.PROBLEMS[problem]["settings"].values():
        options = dict(grid[0])
        net = Network(WIDTHS, options.pop("activation", "tanh"))
        steps_of = kfac_train.first_order if "method" in options else kfac_train.kfac
        if "method" not in options:
            options |= {"batch": 100, "most": 200, "threads": 1}
        with torch.no_grad():
            steps = steps_of(net, images, 0, lambda: 0.0, **options)
            for _ in range(60):
                points = next(steps)
            assert min(net.loss(theta, images) for theta in points) < net.loss(net.start(0), images)


def test_training_bench_runs_and_draws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    problem = {"data": "curves", "widths": [784, 20, 5], "budget": 1.0, "settings": {}}
    small = {"batch": 60, "growth": 100.0, "most": 100, "threads": 1, "damping": 0.1}
    problem["settings"] = {
        "Adam": [
            {"method": "Adam", "rate": 1e-3, "batch": 20},
            {"method": "Adam", "rate": 3e-3, "batch": 20},
        ],
        "SGD, Nesterov": [{"method": "SGD", "rate": 1e-3, "batch": 20}],
        "K-FAC": [small],
    }
    monkeypatch.setattr(kfac_training, "PROBLEMS", {"small": problem})
    monkeypatch.setattr(kfac_training, "called", called_without_autograd)
    found = kfac_training.kfac_training(budget=0.1, count=100)
    assert found["setup"]["shortened"]
    for row in found["tables"]["small"]["rows"]:
        assert len(row["loss"]) == 3
        for curve in row["curves"]:
            assert curve[-1][0] >= 0.1
            assert curve[-1][1] > 0  # above the entropy
    result = record("kfac_training", found)
    text = report.render(result)
    assert "small, 0.1 s, **shorter than the bench**" in text
    assert "| K-FAC " in text
    kfac_plot.draw(result, tmp_path / "loss.png")
    assert (tmp_path / "loss.png").stat().st_size > 1000


def called_without_autograd(*arguments: Any) -> Any:
    import torch

    try:
        return called(*arguments)
    finally:
        torch.set_grad_enabled(True)


def test_time_to_a_loss_lies_on_the_line_between_points() -> None:
    curve = [[0.0, 9.0], [1.0, 5.0], [2.0, 1.0]]
    assert kfac_training.reached(curve, 3.0) == pytest.approx(1.5)
    assert kfac_training.reached(curve, 0.5) is None
    assert kfac_training.last({"curve": [[0.0, float("nan")]]}) == float("inf")


def test_peers_of_the_linear_algebra_bench_agree() -> None:
    pytest.importorskip("torch")
    a = kfac_peers.matrix(40, "float64")
    exact = np.linalg.inv(a)
    for peer in kfac_linalg.INVERSES:
        found = np.asarray(kfac_peers._inverse_of(peer, a, 1)())
        upper = np.triu_indices(40)  # of which SciPy's potri gives no more
        np.testing.assert_allclose(found[upper], exact[upper], rtol=0, atol=1e-12 * np.abs(exact).max())
    results = []
    for peer in kfac_linalg.LAYERS:
        kfac_peers._kept.clear()
        assert kfac_peers.layers(peer, "tiny", 16, "precondition", 1) > 0
        found = next(iter(kfac_peers._kept.values()))["precondition"]()
        results.append(list(found.values()) if isinstance(found, dict) else [np.asarray(x) for x in found])
    kfac_peers._kept.clear()
    # ours weighs its first batch fully and damps by factors: only the other two are the same numbers
    for one, other in zip(*results[1:], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)
    assert [x.shape for x in results[0]] == [x.shape for x in results[1]]


def test_linear_algebra_bench_runs_and_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.setattr(kfac_linalg, "Crew", Here)
    result = record("kfac_linalg", kfac_linalg.kfac_linalg((8, 256), ("tiny",), 8, 1))
    text = report.render(result)
    assert "against scipy potrf + potri" in text
    assert "| tiny " in text
    brief = report.brief(result)
    assert "| 256, float32 " in brief
    assert "| 8, float32 " not in brief


def test_overhead_bench_runs_and_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.setattr(kfac_overhead, "called", called)
    text = report.render(record("kfac_overhead", kfac_overhead.kfac_overhead((16, 32), 1, [12, 9, 5])))
    assert "quadratic model" in text
    assert "| 32 " in text


def test_floors_are_those_of_the_design() -> None:
    # 784-1000-500-250-30 at batch 2048: 28.5%, 8.6% and 0.9% were worked out there by hand
    found = kfac_overhead.floors(kfac_overhead.WIDTHS, 2048)
    assert found["precondition"] == pytest.approx(0.285, abs=0.02)
    assert found["update"] == pytest.approx(0.086, abs=0.02)
    assert found["invert"] == pytest.approx(0.009, abs=0.003)


def test_fisher_bench_runs_and_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    residuals = {peer: fisher.prepare(peer, (20, 300), 1)["residual"] for peer in fisher.PEERS}
    assert max(residuals.values()) < 1e-9
    assert fisher.stack("osculate", (3, 5, 20), 1) > 0
    monkeypatch.setattr(fisher, "Crew", Here)
    fisher._kept.clear()
    text = report.render(record("fisher", fisher.fisher((20, 300), (3, 5, 20), 1)))
    assert "memory above the scores" in text
    assert "| NumPy, a loop " in text
    fisher._kept.clear()


def test_the_group_runs_all_four(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(
        run, "_measure", lambda bench, recorder, options: seen.append((bench, options.budget))
    )
    monkeypatch.setattr(run, "RESULTS", tmp_path)
    assert run.main(["kfac", "--noisy", "--budget", "5"]) == 0
    assert [bench for bench, _ in seen] == list(run.GROUPS["kfac"])
    with pytest.raises(SystemExit):
        run.main(["nist", "--budget", "5"])
