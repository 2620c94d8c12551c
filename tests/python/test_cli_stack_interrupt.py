"""`osculate fit` of many data sets interrupted: exit code 130, and the finished fits are written."""

from __future__ import annotations

import csv
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stack_files import DECAY, expected, saved, write_files

import osculate
from osculate import _stack
from osculate.cli import main

TIMEOUT = 60  # seconds; generous, a hang is what it is for


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_files()
    return tmp_path


@pytest.mark.parametrize("suffix", ["npz", "csv"])
def test_finished_fits_of_an_interrupted_call_are_written(
    suffix: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*arguments: Any, **options: Any) -> None:
        result = osculate.fit(*arguments, **options)
        result.status[1:] = osculate.Status.not_run
        raise osculate.Interrupted(result)

    monkeypatch.setattr(_stack, "fit", interrupted)
    assert main(["fit", "both.npz", *DECAY, "--out", f"fit.{suffix}"]) == 130
    out, err = capsys.readouterr()
    assert err == f"osculate: interrupted after 4 of 12 fits; they are in 'fit.{suffix}'\n"
    assert re.search(r"^ +8 +66\.67% +not_run: ", out, re.M)
    if suffix == "npz":
        assert np.array_equal(saved()["params"][0], expected().params[0])
        assert np.isnan(saved()["params"][1:]).all()
    else:
        with Path("fit.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [row["outcome"] for row in rows[4:]] == ["not_run"] * 8
        assert float(rows[3]["tau"]) == expected()["tau"][0, 3]


# As many fits as take longer than the signal needs, in no memory.
ENDLESS = """
import numpy as np

def stack():
    x = np.linspace(0, 5, 1000)
    return x, np.broadcast_to(2 * np.exp(-x / 1.3) + 0.5 + 0.1 * np.sin(99 * x), (500_000, 1000))
"""
# Says when the core has finished some.
INTERRUPTIBLE = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from osculate import _core
from osculate.cli import main
core_fit, said = _core.fit, []
def fit(*arguments):
    *rest, poll = arguments
    def say(done):
        if done and not said:
            said.append(print("solving", flush=True))
        return None if poll is None else poll(done)
    return core_fit(*rest, say)
_core.fit = fit
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
def test_interrupt_of_a_process_is_exit_code_130_with_the_finished_fits(tmp_path: Path) -> None:
    (tmp_path / "endless.py").write_text(ENDLESS)
    model = ["--model", "a*exp(-x/tau) + c", "--start", "a=1,tau=1,c=0"]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, "fit", "endless.py:stack", *model, "--out", "fit.npz"],
        cwd=tmp_path,
        stdout=pipe,
        stderr=pipe,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "solving\n"
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=TIMEOUT)
        finally:
            process.kill()
    assert process.returncode == 130, err
    message = re.fullmatch(r"osculate: interrupted after (\d+) of 500000 fits; they are in 'fit.npz'\n", err)
    assert message
    done = int(message[1])
    assert 0 < done < 500_000
    assert "not_run" in out
    file = saved(str(tmp_path / "fit.npz"))
    finished = file["status"] > 0
    assert np.count_nonzero(finished) == done
    first = np.flatnonzero(finished)[0]
    assert np.array_equal(file["params"][finished], np.broadcast_to(file["params"][first], (done, 3)))
    assert file["params"][first, 1] == pytest.approx(1.3, rel=0.05)
