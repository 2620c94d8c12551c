"""`osculate fit` of many data sets with wrong input: one line, exit code 2."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from stack_files import DECAY, write_files

from osculate.cli import main


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_files()
    return tmp_path


CASES: list[tuple[list[str], str]] = [
    (["stack.npy"], "there is no model: add --model"),
    (
        ["stack.npy", "--model", "a*exp(-x/tau)"],
        "no start value for tau, and no linear solve gives one: add --start",
    ),
    (["stack.npy", "--model", "a*exp(-x/tau", "--start", "tau=1"], "--model: '"),
    (["stack.npy", "--model", "log(y) = a*x"], "has no left side, got 'log(y) ='"),
    (["stack.npy", *DECAY, "--axis", "3"], "--axis 3 is none of stack.npy, whose shape is (3, 4, 40)"),
    (["stack.npy", *DECAY, "--axis", "t"], "--axis: expected the number of an axis"),
    (
        ["stack.npy", "--model", "biexponential", "--axis", "0"],
        "has 3 points a fit, the model 5 free parameters: name",
    ),
    (["stack.npy", *DECAY, "--x", "none.npy"], "--x: there is no file 'none.npy'"),
    (
        ["stack.npy", *DECAY, "--axis", "1", "--x", "times.npy"],
        "--x times.npy has shape (40,), but a fit has 4",
    ),
    (
        ["stack.npy", *DECAY, "--sigma", "decay.py:stack"],
        "--sigma: 'decay.py:stack' has several arrays, x, y",
    ),
    (["stack.npy", *DECAY, "--sigma", "-1"], "--sigma is -1: standard deviations must be positive"),
    (["stack.npy", *DECAY, "--start", "q=1"], "--start gives 'q', which the model does not have"),
    (
        ["stack.npy", *DECAY, "--bounds", "taw=0:"],
        "--bounds gives 'taw', which the model does not have (did you",
    ),
    (["stack.npy", *DECAY, "--bounds", "tau=2:"], "the start tau=1 is outside its bounds 2:inf"),
    (["stack.npy", *DECAY, "--fixed", "c"], "no value for the fixed c: write --fixed c=..."),
    (["stack.npy", *DECAY, "--fixed", "a=1,tau,c=1"], "all parameters are fixed"),
    (["stack.npy", *DECAY, "--columns", "all"], "--columns is for tables"),
    (["stack.npy", *DECAY, "--max-evaluations", "9"], "use --max-iterations"),
    (["stack.npy", *DECAY, "--start-set", "2"], "--start-set is for a table's single fit"),
    (["stack.npy", *DECAY, "--out", "fit.txt"], "cannot write 'fit.txt': end the name in .npz or .csv"),
    (["stack.npy", *DECAY, "--out", "q/fit.npz"], "there is no directory 'q'"),
    (["stack.npy", *DECAY, "--out", "stack.npy"], "end the name in .npz or .csv"),
    (["both.npz", *DECAY, "--out", "both.npz"], "'both.npz' is the data file and would be overwritten"),
    (["stack.npy", "--model", "gaussian2d"], "--model gaussian2d has 2 coordinates, the data have 1"),
    (["stack.npy", "--model", "polynomial"], "a polynomial needs its degree: write 'polynomial(2)'"),
    (["stack.npy", "--model", "decoy.py:decay"], "there is no file 'decoy.py': did you mean 'decay.py'?"),
    (["stack.npy", "--model", "decay.py:dekay"], "'decay.py' has no 'dekay': it has decay, broken"),
    (["stack.npy", "--model", "bad.py:f"], "'bad.py' cannot be run: SyntaxError"),
    (
        ["stack.npy", "--model", "worse.py:f"],
        "'worse.py' cannot be run: NameError: name 'q' is not defined (line 2)",
    ),
    (
        ["stack.npy", "--model", "decay.py:broken", "--start", "a=1"],
        "failed: ArithmeticError: no such luck (line 8)",
    ),
    (["stack.npy", "--model", "decay.py:__name__"], "--model: 'decay.py:__name__' is a str: name a function"),
    (
        ["decay.py:failing", *DECAY],
        "'decay.py:failing' failed: ZeroDivisionError: division by zero (line 16)",
    ),
    (["odd.npz", *DECAY], "odd.npz has no array y: call the data y and their coordinates x"),
    (["none.npy", *DECAY], "there is no file 'none.npy'"),
    (
        ["traces.csv", *DECAY, "--columns", "cell 99"],
        "--columns names 'cell 99', which is no column of traces.csv",
    ),
    (["traces.csv", *DECAY, "--columns", "t_ms"], "--columns names 't_ms', which is a predictor"),
    (["traces.csv", *DECAY, "--axis", "0"], "--axis is for arrays, traces.csv is a table"),
    (["traces.csv", "--model", "a*q", "--columns", "all"], "the model names no column of traces.csv"),
    (["traces.csv", *DECAY, "--x", "q"], "--x names 'q', which is no column of traces.csv"),
    (["traces.csv", *DECAY, "--sigma", "q"], "--sigma names 'q', which is no column of traces.csv"),
    (
        ["traces.csv", "--model", "a*t_ms", "--start", "a=1", "--loss", "poisson"],
        "--loss poisson is for many fits",
    ),
]


@pytest.mark.parametrize(("arguments", "reason"), CASES, ids=[reason[:50] for _, reason in CASES])
def test_wrong_input_is_one_line_and_exit_code_2(
    arguments: list[str], reason: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("bad.py").write_text("def f(x, a:\n")
    Path("worse.py").write_text("\nq\n")
    np.savez("odd.npz", u=np.ones((3, 4)), v=np.ones(4))
    assert main(["fit", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("osculate: error: ")
    assert err.count("\n") == 1
    assert reason in err
    assert len(err) < 400
