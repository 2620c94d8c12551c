"""`osculate fit` with wrong input: one line that names what is wrong, exit code 2; interrupted, 130."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from osculate.cli import main

TIMEOUT = 60  # seconds; generous, a hang is what it is for
TABLE = "x,y,s\n1,2,1\n2,3,1\n3,5,0\n4,4,1\n"
GOOD = ["--model", "a*x + b", "--start", "a=1,b=0"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("d.csv").write_text(TABLE)
    return tmp_path


CASES: list[tuple[list[str], str]] = [
    # the command
    ([], "no command: osculate fit DATA --model"),
    (["fti", "d.csv"], "the first argument must be a command: osculate fit DATA"),
    (["fit"], "no data file: osculate fit DATA"),
    (["fit", "d.csv", "--modle", "x"], "unrecognized arguments: --modle x"),
    (["fit", "d.csv", "--model", "a", "*", "x"], "put the whole model in quotes"),
    (["fit", "d.csv", "--model"], "--model: expected one argument"),
    # the file
    (["fit", "e.csv", *GOOD], "there is no file 'e.csv'"),
    (["fit", ".", *GOOD], "'.' is a directory"),
    # the model
    (["fit", "d.csv"], "there is no model: add --model"),
    (["fit", "d.csv", "--model", "a*x +", "--start", "a=1"], "--model: 'a*x +' ends too early"),
    (["fit", "d.csv", "--model", "x.real*a", "--start", "a=1"], "--model: 'x.real': names have no points"),
    (["fit", "d.csv", "--model", "foo(x)", "--start", "a=1"], "--model: unknown function 'foo'"),
    (["fit", "d.csv", "--model", "__import__('os')"], "--model: unknown function '__import__'"),
    (["fit", "d.csv", "--model", "x"], "the model 'x' has no parameters"),
    (["fit", "d.csv", "--model", "z = a*x", "--start", "a=1"], "'z', which is no column of d.csv"),
    (["fit", "d.csv", "--model", "2 = a*x", "--start", "a=1"], "the left side '2' names no column"),
    (["fit", "d.csv", "--model", "a*y", "--start", "a=1"], "'y' (the data, for lack of a left side) stands"),
    (["fit", "d.csv", "--model", "y = a*y", "--start", "a=1"], "'y' stands on both sides"),
    # starts, bounds, fixed
    (["fit", "d.csv", "--model", "a*x + b"], "no start value for a, b: add --start a=...,b=..."),
    (["fit", "d.csv", "--model", "a*x + b", "--start", "a=1"], "no start value for b: add --start b=..."),
    (["fit", "d.csv", "--model", "a*X", "--start", "a=1"], "no start value for X (did you mean 'x'?)"),
    (["fit", "d.csv", *GOOD, "--start", "q=1"], "--start gives 'q', which the model 'a*x + b' does not use"),
    (["fit", "d.csv", *GOOD, "--start", "a=2"], "--start: 'a' is given twice"),
    (["fit", "d.csv", "--model", "a*x", "--start", "a=one"], "--start: 'one' for 'a' is not a number"),
    (["fit", "d.csv", "--model", "a*x", "--start", "a"], "--start: 'a' is not name=number"),
    (["fit", "d.csv", "--model", "a*x", "--start", "a="], "--start: 'a=' lacks a number"),
    (["fit", "d.csv", "--model", "a*x", "--start", "a=inf"], "--start: 'a=inf' is not finite"),
    (["fit", "d.csv", "--model", "a*x", "--start", "1=2"], "--start: '1' in '1=2' is not a name"),
    (["fit", "d.csv", *GOOD, "--bounds", "q=0:"], "--bounds gives 'q', which the model"),
    (["fit", "d.csv", *GOOD, "--bounds", "a=0"], "--bounds: 'a=0' is not name=lower:upper"),
    (
        ["fit", "d.csv", *GOOD, "--bounds", "a=2:1"],
        "the lower bound of 'a', 2, is not below the upper",
    ),
    (["fit", "d.csv", *GOOD, "--bounds", "a=1:1"], "use --fixed a=1"),
    (["fit", "d.csv", *GOOD, "--bounds", "a=2:"], "the start a=1 is outside its bounds 2:inf"),
    (["fit", "d.csv", *GOOD, "--fixed", "q"], "--fixed gives 'q', which the model"),
    (["fit", "d.csv", *GOOD, "--fixed", "a,b"], "all parameters are fixed: leave at least one free"),
    (["fit", "d.csv", *GOOD, "--start-set", "2"], "d.csv has no start set 2"),
    (["fit", "d.csv", *GOOD, "--start-set", "0"], "--start-set: expected a positive whole number, got '0'"),
    # names with two meanings: both are named
    (
        ["fit", "d.csv", "--model", "s*x", "--start", "s=1"],
        "'s' is at once a column of d.csv and a param",
    ),
    (
        ["fit", "d.csv", "--model", "exp*x", "--start", "exp=1"],
        "'exp' is at once a parameter (--start) and",
    ),
    (["fit", "d.csv", "--model", "e*x", "--start", "e=1"], "a parameter (--start) and the constant 2.71828"),
    (
        ["fit", "f.csv", "--model", "a*exp(-x)", "--start", "a=1"],
        "'exp' is at once a column of f.csv and a",
    ),
    (
        ["fit", "f.csv", "--model", "exp*exp(x)", "--start", "exp=1"],
        "column of f.csv, a parameter (--start)",
    ),
    (["fit", "d.csv", "--model", "a*exp", "--start", "a=1"], "'exp' is a function: write 'exp(...)'"),
    # weights, losses
    (["fit", "d.csv", *GOOD, "--sigma", "q"], "--sigma names 'q', which is no column of d.csv"),
    (["fit", "d.csv", *GOOD, "--sigma", "s"], "d.csv, line 4: --sigma 's' is 0: standard deviations must be"),
    (["fit", "d.csv", *GOOD, "--sigma", "x+"], "--sigma: 'x+' ends too early"),
    (["fit", "d.csv", *GOOD, "--absolute-sigma"], "--absolute-sigma needs the standard deviations"),
    (["fit", "d.csv", *GOOD, "--loss", "l1"], "--loss: invalid choice: 'l1'"),
    (["fit", "d.csv", *GOOD, "--f-scale", "2"], "--f-scale has no effect on the linear loss"),
    (["fit", "d.csv", *GOOD, "--f-scale", "0", "--loss", "huber"], "expected a positive number, got '0'"),
    (["fit", "d.csv", *GOOD, "--max-evaluations", "0"], "expected a positive whole number, got '0'"),
    # data that the model cannot take
    (["fit", "g.csv", *GOOD], "g.csv, line 3, column 'y': 'two' is not a number"),
    (["fit", "h.csv", *GOOD], "has fewer points (1) than the model free parameters (2)"),
    (["fit", "d.csv", "--model", "log(1-x)*a", "--start", "a=1"], "at the start for d.csv, line 2 (x=1)"),
    (["fit", "d.csv", "--model", "log(s) = a*x", "--start", "a=1"], "d.csv, line 4: the left side 'log(s)'"),
    # outputs
    (["fit", "d.csv", *GOOD, "--plot", "fit.xyz"], "cannot draw 'fit.xyz': end the name in .png"),
    (["fit", "d.csv", *GOOD, "--plot", "q/fit.png"], "cannot write 'q/fit.png': there is no directory 'q'"),
    (["fit", "d.csv", *GOOD, "--json", "q/out.json"], "there is no directory 'q'"),
    (["fit", "d.csv", *GOOD, "--json", "d.csv"], "'d.csv' is the data file and would be overwritten"),
    (["fit", "d.csv", *GOOD, "--json", "."], "'.' is a directory"),
]


@pytest.mark.parametrize(("arguments", "reason"), CASES, ids=[reason[:40] for _, reason in CASES])
def test_wrong_input_is_one_line_and_exit_code_2(
    arguments: list[str], reason: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "f.csv").write_text("exp,x,y\n1,2,3\n2,3,4\n")
    (folder / "g.csv").write_text("x,y\n1,2\n2,two\n3,4\n")
    (folder / "h.csv").write_text("x,y\n1,2\n")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("osculate: error: ")
    assert err.endswith("\n")
    assert err.count("\n") == 1
    assert reason in err
    assert len(err) < 400
    assert "Traceback" not in err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_text_from_the_user_cannot_send_control_characters(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", "\x1b[31mred\nline", *GOOD]) == 2
    assert capsys.readouterr().err.rstrip("\n").isprintable()


def command(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "osculate", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )


def test_process_has_the_exit_code_and_no_traceback(folder: Path) -> None:
    done = command("fit", "d.csv", *GOOD, folder=folder)
    assert (done.returncode, done.stderr) == (0, "")
    done = command("fit", "missing.csv", *GOOD, folder=folder)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("osculate: error: there is no file 'missing.csv'")
    done = command("fit", "d.csv", *GOOD, "--max-evaluations", "1", folder=folder)
    assert done.returncode == 1
    assert done.stderr.startswith("osculate: warning: not converged (--max-evaluations).")


def test_reader_that_leaves_early_is_no_error(folder: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "osculate", "fit", "d.csv", *GOOD],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(TIMEOUT) == 0


# The command waits for a table on standard input that does not end.
WAITING = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from osculate.cli import main
class Input:  # tells when the command asks for it
    def __getattr__(self, name):
        print("waiting", flush=True)
        return getattr(sys.__stdin__, name)
sys.stdin = Input()
sys.exit(main(["fit", "-", "--model", "a*x", "--start", "a=1"]))
"""


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
def test_interrupt_is_one_line_and_exit_code_130() -> None:
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", WAITING], stdin=pipe, stdout=pipe, stderr=pipe, text=True
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stderr is not None
            assert process.stdout.readline() == "waiting\n"
            process.send_signal(signal.SIGINT)
            assert process.wait(TIMEOUT) == 130
            assert process.stderr.read() == "osculate: interrupted\n"
        finally:
            process.kill()
