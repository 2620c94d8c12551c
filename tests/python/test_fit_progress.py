"""Progress, callbacks and interruption of `fit`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from fit_cases import X, bits, decay, decays

import osculate
from osculate import Status

P0 = (2.0, 1.0, 0.1)
TIMEOUT = 60  # seconds; generous, a hang is what it is for
# Some tenths of a second of work, so that observers are called on the way: each fit goes on to the limit.
LONG: dict[str, Any] = {"ftol": None, "xtol": None, "gtol": None, "max_iterations": 60}


def long_batch() -> Any:
    return np.broadcast_to(decays(1)[1], (20000, X.size))


@pytest.mark.parametrize("name", ["progress", "callback"])
def test_observers_are_told_how_many_fits_are_done(name: str) -> None:
    calls: list[tuple[int, int]] = []
    options: dict[str, Any] = {name: lambda done, total: calls.append((done, total))}
    result = osculate.fit(decay, X, long_batch(), P0, **LONG, **options)
    assert (result.status != Status.not_run).all()
    done = [d for d, _ in calls]
    assert done == sorted(done)
    assert calls[-1] == (20000, 20000)
    assert len(calls) > 1
    assert {total for _, total in calls} == {20000}


@pytest.mark.parametrize("shape", [(), (3,), (2, 2)])
def test_the_last_call_has_all_fits(shape: tuple[int, ...]) -> None:
    calls: list[tuple[int, int]] = []
    osculate.fit(decay, X, decays(*shape)[1], P0, callback=lambda done, total: calls.append((done, total)))
    assert calls[-1] == (max(1, int(np.prod(shape))),) * 2


def test_observers_do_not_change_a_bit() -> None:
    y = decays(500)[1]
    watched = osculate.fit(
        decay, X, y, P0, progress=lambda done, total: None, callback=lambda done, total: True
    )
    assert bits(watched) == bits(osculate.fit(decay, X, y, P0))


def test_stop_iteration_ends_the_call_and_leaves_the_rest_not_run() -> None:
    def enough(done: int, total: int) -> None:
        if done:
            raise StopIteration

    result = osculate.fit(decay, X, long_batch(), P0, callback=enough, **LONG)
    ended = result.status != Status.not_run
    assert 0 < ended.sum() < ended.size
    assert np.isfinite(result.params[ended]).all()
    for array in (result.params, result.stderr, result.covariance, result.cost):
        assert np.isnan(array[~ended]).all()
    assert not result.success[~ended].any()
    assert (result.iterations[~ended] == 0).all()
    some = np.flatnonzero(ended)[:3]
    assert bits(result, some) == bits(osculate.fit(decay, X, long_batch()[:3], P0, **LONG))
    assert Status.not_run.sentence in result.summary()


def test_errors_of_robust_fits_are_unknown_when_the_call_has_ended_early() -> None:
    def enough(done: int, total: int) -> None:
        raise StopIteration

    result = osculate.fit(decay, X, long_batch(), P0, callback=enough, loss="huber", **LONG)
    assert np.isnan(result.stderr).all()
    assert np.isnan(result.covariance).all()


def test_exceptions_of_observers_pass_through() -> None:
    def fails(done: int, total: int) -> None:
        raise ZeroDivisionError("mine")

    for name in ("progress", "callback"):
        with pytest.raises(ZeroDivisionError, match="mine"):
            osculate.fit(decay, X, decays(3)[1], P0, **{name: fails})


def test_progress_shows_a_bar(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tqdm")
    osculate.fit(decay, X, decays(30)[1], P0, progress=True)
    assert "30/30" in capsys.readouterr().err.replace("30.0", "30")


def test_progress_is_silent_without_tqdm(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tqdm", None)
    assert osculate.fit(decay, X, decays(3)[1], P0, progress=True).success.all()
    for progress in (False, None):
        osculate.fit(decay, X, decays(3)[1], P0, progress=progress)
    assert capsys.readouterr() == ("", "")


INTERRUPTED = """
import signal
import numpy as np
import osculate
signal.signal(signal.SIGINT, signal.default_int_handler)
x = np.linspace(0, 4, 2000)
y = np.broadcast_to(2 * np.exp(-x) + 0.1 + 0.05 * np.cos(40 * x), (10**6, x.size))
said = []
def say(done, total):
    if done and not said:
        said.append(print("some are done", flush=True))
try:
    result = osculate.fit(
        "a*exp(-k*x) + c", x, y, (2.5, 0.5, 0), callback=say, threads=2, covariance=False, {options}
    )
    print("returned")
except osculate.Interrupted as interrupted:
    assert isinstance(interrupted, KeyboardInterrupt)
    result = interrupted.result
    done = int((result.status != osculate.Status.not_run).sum())
    assert str(interrupted) == f"interrupted after {{done}} of 1000000 fits; see .result"
    print("raised")
ended = result.status != osculate.Status.not_run
assert 0 < ended.sum() < ended.size
assert result.success[ended].all()
assert (result.params[ended] == result.params[ended][0]).all() and np.isfinite(result.stderr[ended]).all()
assert np.isnan(result.params[~ended]).all() and np.isnan(result.cost[~ended]).all()
"""


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
@pytest.mark.parametrize(
    ("options", "outcome"),
    [("", "raised"), ("on_interrupt='raise'", "raised"), ("on_interrupt='return'", "returned")],
)
def test_interrupt_keeps_the_fits_that_are_done(options: str, outcome: str) -> None:
    command = [sys.executable, "-c", INTERRUPTED.format(options=options)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            first = process.stdout.readline()
            assert first == "some are done\n", process.communicate(timeout=TIMEOUT)
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=TIMEOUT)
        finally:
            process.kill()
    assert (process.returncode, out, err) == (0, f"{outcome}\n", "")


def test_interrupt_of_a_single_fit_has_a_result_of_its_shape() -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(osculate.Interrupted) as caught:
        osculate.fit(decay, X, decays()[1], P0, callback=stop)
    assert caught.value.result.params.shape == (3,)
    result = osculate.fit(decay, X, decays()[1], P0, callback=stop, on_interrupt="return")
    assert result.params.shape == (3,)


def test_retry_fits_what_has_not_run() -> None:
    def stop(done: int, total: int) -> None:
        raise StopIteration

    y = np.broadcast_to(decays(1)[1], (200000, X.size))
    part = osculate.fit(decay, X, y, P0, callback=stop)
    assert (part.status == Status.not_run).any()
    whole, one = part.retry(), osculate.fit(decay, X, y[0], P0)
    for name in ("params", "stderr", "cost", "status", "iterations", "n_points"):
        assert (getattr(whole, name) == getattr(one, name)).all()
