"""Observers and interruption of `fit`: what they are told, what a call that ends early gives."""

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
# Tenths of a second of work, so that observers are called on the way: each fit goes on to the limit.
LONG: dict[str, Any] = {"ftol": None, "xtol": None, "gtol": None, "max_iterations": 150, "threads": 2}
FITS = 1_000_000


def long_batch() -> Any:
    return np.broadcast_to(decays(1)[1], (FITS, X.size))


class Calls(list[tuple[int, int]]):
    """An observer that remembers what it was told."""

    def __call__(self, done: int, total: int) -> None:
        self.append((done, total))

    def check(self, total: int) -> None:
        done = [d for d, _ in self]
        assert done == sorted(done)
        assert done[0] >= 0
        assert {t for _, t in self} == {total}
        assert done[-1] == total


@pytest.mark.parametrize("name", ["progress", "callback"])
def test_observers_are_told_how_many_fits_are_done(name: str) -> None:
    calls = Calls()
    result = osculate.fit(decay, X, long_batch(), P0, **LONG, **{name: calls})
    assert (result.status != Status.not_run).all()
    calls.check(FITS)
    assert len(calls) > 1


def test_observers_of_fits_of_many_points_are_told() -> None:
    x = np.linspace(0, 4, 10_000)
    y = np.broadcast_to(decay(x, *P0) + np.cos(9 * x), (3000, x.size))
    calls = Calls()
    assert osculate.fit(decay, x, y, (1.0, 1.5, 0.0), callback=calls, threads=1).success.all()
    calls.check(3000)
    assert len(calls) > 1


def test_observers_of_fits_in_chunks_are_told_of_all() -> None:
    y = np.broadcast_to(decays(1)[1], (500_000, X.size))  # more than starts are guessed at a time
    calls = Calls()
    osculate.fit(decay, X, y, {"k": 1.0}, callback=calls, **LONG)
    calls.check(500_000)
    assert any(0 < done < 500_000 for done, _ in calls)


@pytest.mark.parametrize("shape", [(), (3,), (2, 2), (0,), (2, 0)])
def test_the_last_call_has_all_fits(shape: tuple[int, ...]) -> None:
    calls = Calls()
    osculate.fit(decay, X, decays(*shape)[1], P0, callback=calls)
    calls.check(int(np.prod(shape)))


@pytest.mark.parametrize("value", [None, False, True, "anything"])
def test_observers_do_not_change_a_bit_whatever_they_return(value: object) -> None:
    y = decays(500)[1]
    watched = osculate.fit(
        decay, X, y, P0, progress=lambda done, total: value, callback=lambda done, total: value
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
    for array in (result.params, result.stderr, result.covariance, result.cost, result.redchi):
        assert np.isnan(array[~ended]).all()
    assert not result.success[~ended].any()
    assert (result.iterations[~ended] == 0).all()
    some = np.flatnonzero(ended)[:3]
    assert bits(result, some) == bits(osculate.fit(decay, X, long_batch()[:3], P0, **LONG))
    assert Status.not_run.sentence in result.summary()


@pytest.mark.parametrize("name", ["progress", "callback"])
@pytest.mark.parametrize("late", [False, True], ids=["on the way", "at the end"])
def test_exceptions_of_observers_pass_through(name: str, late: bool) -> None:
    mine = ZeroDivisionError("mine")
    calls = Calls()

    def fails(done: int, total: int) -> None:
        calls(done, total)
        if done == total or not late:
            raise mine

    with pytest.raises(ZeroDivisionError, match="mine") as caught:
        osculate.fit(decay, X, long_batch(), P0, **LONG, **{name: fails})
    assert caught.value is mine
    assert caught.traceback[-1].name == "fails"
    if late:
        calls.check(FITS)
    else:
        assert len(calls) == 1


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
x = np.linspace(0, 4, {points})
y = np.broadcast_to(2 * np.exp(-x) + 0.1 + 0.05 * np.cos(40 * x), ({fits}, x.size))
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
    assert str(interrupted) == f"interrupted after {{done}} of {fits} fits; see .result"
    print("raised")
ended = result.status != osculate.Status.not_run
assert 0 < ended.sum() < ended.size
assert result.success[ended].all()
assert (result.params[ended] == result.params[ended][0]).all() and np.isfinite(result.stderr[ended]).all()
assert np.isnan(result.params[~ended]).all() and np.isnan(result.cost[~ended]).all()
"""


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
@pytest.mark.parametrize(("points", "fits"), [(2000, 10**6), (20000, 10**5)])
@pytest.mark.parametrize(
    ("options", "outcome"),
    [("", "raised"), ("on_interrupt='raise'", "raised"), ("on_interrupt='return'", "returned")],
)
def test_interrupt_keeps_the_fits_that_are_done(points: int, fits: int, options: str, outcome: str) -> None:
    command = [sys.executable, "-c", INTERRUPTED.format(points=points, fits=fits, options=options)]
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


def stop(done: int, total: int) -> None:
    raise StopIteration


def interrupt(done: int, total: int) -> None:
    raise KeyboardInterrupt


def test_interrupt_of_a_single_fit_has_a_result_of_its_shape() -> None:
    with pytest.raises(osculate.Interrupted) as caught:
        osculate.fit(decay, X, decays()[1], P0, callback=interrupt)
    whole = osculate.fit(decay, X, decays()[1], P0)
    assert bits(caught.value.result) == bits(whole)  # the only fit was done when the observer was told
    result = osculate.fit(decay, X, decays()[1], P0, callback=interrupt, on_interrupt="return")
    assert bits(result) == bits(whole)


def test_retry_fits_what_has_not_run() -> None:
    x = np.linspace(0, 4, 2000)
    y = decay(x, 3.0, 1.5, -0.5) + np.cos(9 * x)
    part = osculate.fit(decay, x, np.broadcast_to(y, (20_000, x.size)), P0, callback=stop, threads=1)
    assert (part.status == Status.not_run).any()
    whole, one = part.retry(), osculate.fit(decay, x, y, P0)
    assert one.success
    for name in ("params", "stderr", "cost", "status", "iterations", "n_points"):
        assert (getattr(whole, name) == getattr(one, name)).all()


def test_interrupt_of_a_rescue_keeps_what_the_fits_have_given() -> None:
    calls = Calls()

    def model(x: Any, a: float, k: float, c: float) -> Any:
        if calls:
            raise KeyboardInterrupt
        return decay(x, a, k, c)

    y = decays(4)[1]
    y[2, 5] = np.inf
    with pytest.raises(osculate.Interrupted) as caught:
        osculate.fit(model, X, y, P0, batched=False, rescue=2, callback=calls)
    calls.check(4)
    assert bits(caught.value.result) == bits(osculate.fit(decay, X, y, P0, batched=False))
