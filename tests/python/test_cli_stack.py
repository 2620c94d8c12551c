"""`osculate fit` of many data sets: stacks, columns, models, files written, exit codes, interruption."""

from __future__ import annotations

import csv
import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stack_files import DECAY, TAU, T, expected, saved, stacked, write_files

import osculate
from osculate._stack_progress import Bar
from osculate.cli import main


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_files()
    return tmp_path


def fit(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict[str, Any]:
    """The JSON summary of a call that ends with `code`."""
    assert main(["fit", *arguments, "--json", "-"]) == code
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    return report


@pytest.mark.parametrize(
    "arguments",
    [
        ("stack.npy", "--x", "times.npy", *DECAY),
        ("movie.npy", "--axis", "0", "--x", "times.npy", *DECAY),
        ("both.npz", *DECAY),
        ("both.npz", "--model", "a*exp(-x/tau) + c", "--start", "tau=1"),
        ("both.npz", "--model", "y = a*exp(-x/tau) + c", "--start", "tau=1"),
    ],
    ids=["npy", "axis", "npz", "expression", "left side"],
)
def test_stacks_of_every_kind_give_what_fit_gives(arguments: tuple[str, ...], folder: Path) -> None:
    assert main(["fit", *arguments, "--out", "fit.npz"]) == 0
    result, file = expected(), saved()
    assert file["names"].tolist() == ["a", "tau", "c"]
    for name in ("params", "stderr", "cost", "redchi", "status", "flags", "iterations", "n_points"):
        assert np.array_equal(file[name], getattr(result, name)), name
    assert file["params"].shape == (3, 4, 3)
    assert np.abs(file["params"][..., 1] - TAU).max() < 0.1  # 5 standard errors


def test_regular_x_is_start_and_step(folder: Path) -> None:
    """--x 0:0.128205... is the grid 0, 5/39, ..., the parameters to rounding's effect on them."""
    assert main(["fit", "stack.npy", "--x", f"0:{5 / 39!r}", *DECAY, "--out", "fit.npz"]) == 0
    assert saved()["params"] == pytest.approx(expected().params, rel=1e-9)


def test_x_counts_from_zero_where_nothing_is_given(folder: Path) -> None:
    assert (
        main(["fit", "stack.npy", "--model", "decay.py:decay", "--start", "tau=8", "--out", "fit.npz"]) == 0
    )
    assert saved()["params"][..., 1] == pytest.approx(expected().params[..., 1] * 39 / 5, rel=1e-3)


def test_data_may_come_from_a_function(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = fit(capsys, "decay.py:stack", *DECAY, "--out", "fit.npz")
    assert report["shape"] == [3, 4]
    assert report["model"] == "decay(t, a, tau, c) = a*exp(-t/tau) + c"
    assert np.allclose(saved()["params"][..., 1], TAU, rtol=1e-6)


def test_columns_of_a_table_are_data_sets(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = ("--model", "a*exp(-t_ms/tau) + c", "--start", "tau=1")
    report = fit(capsys, "traces.csv", "--columns", "all", *model, "--out", "fit.csv")
    assert report["columns"] == [f"cell {k}" for k in range(12)]
    assert report["converged"] == report["fits"] == 12
    with Path("fit.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["column"] for row in rows] == report["columns"]
    result = expected()
    assert [float(row["tau"]) for row in rows] == pytest.approx(result["tau"].ravel(), rel=1e-6)
    assert [float(row["tau_stderr"]) for row in rows] == pytest.approx(result.error("tau").ravel(), rel=1e-5)
    assert {row["outcome"] for row in rows} <= {"cost", "gradient", "step"}
    some = fit(capsys, "traces.csv", "--columns", "cell 3,cell_5", *model)
    assert some["columns"] == ["cell 3", "cell 5"]


def test_function_takes_the_first_column_of_a_table_and_the_last_is_data(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = fit(capsys, "traces.csv", *DECAY)
    assert report["columns"] == ["cell 11"]
    assert report["parameters"]["tau"]["median"] == pytest.approx(expected()["tau"][2, 3], rel=1e-6)


def test_empty_cells_are_missing_points(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("d.csv").write_text("x,y1,y2\n0,1,2\n1,,3\n2,3,4\n3,4,nan\n4,5,6\n")
    report = fit(capsys, "d.csv", "--columns", "all", "--model", "linear", "--out", "fit.npz")
    assert report["converged"] == 2
    assert saved()["n_points"].tolist() == [4, 4]
    assert saved()["params"] == pytest.approx(np.array([[1.0, 1.0], [1.0, 2.0]]))


def test_ready_models_start_from_their_guess(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    x = np.linspace(0, 10, 50)
    y = osculate.models.gaussian(x, 3.0, np.linspace(3, 6, 7)[:, None], 0.8, 1.0) + 0.2 * x
    np.savez("peaks.npz", x=x, y=y)
    report = fit(capsys, "peaks.npz", "--model", "gaussian + linear", "--out", "fit.npz")
    assert report["start"] == "height, center, sigma, slope, offset guessed"
    assert saved()["params"][:, 1] == pytest.approx(np.linspace(3, 6, 7), rel=1e-6)
    arguments = ("peaks.npz", "--model", "gaussian + linear", "--fixed", "offset=1", "--start", "sigma=1")
    report = fit(capsys, *arguments, "--out", "fit.npz")
    assert report["start"] == "sigma=1, offset=1; height, center, slope guessed"
    assert (saved()["params"][:, 4] == 1).all()


def test_pixels_of_images_are_points(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """x counts the columns, y the rows."""
    y, x = np.mgrid[:9, :12]
    images = np.stack([1 + 5 * np.exp(-((x - 4 - k) ** 2 + (y - 3) ** 2) / 8) for k in range(4)])
    np.save("images.npy", images.astype(np.float32))
    report = fit(capsys, "images.npy", "--axis", "1,2", "--model", "gaussian2d", "--out", "fit.npz")
    assert (report["shape"], report["points"]) == ([4], 108)
    assert saved()["params"][:, 1] == pytest.approx([4, 5, 6, 7], abs=1e-4)
    assert saved()["params"][:, 2] == pytest.approx(np.full(4, 3.0), abs=1e-4)


def test_options_reach_the_fit(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("both.npz", *DECAY, "--sigma", "s", "--absolute-sigma", "--bounds", "tau=0:1.5")
    report = fit(
        capsys, *arguments, "--fixed", "c=0.5", "--loss", "huber", "--threads", "1", "--out", "fit.npz"
    )
    result = osculate.fit(
        "a*exp(-x/tau) + c",
        *(T, stacked(), {"tau": 1.0, "c": 0.5}),
        sigma=0.01,
        absolute_sigma=True,
        bounds={"tau": (0, 1.5)},
        fixed=["c"],
        loss="huber",
    )
    file = saved()
    assert np.array_equal(file["params"], result.params)
    assert np.array_equal(file["stderr"], result.stderr, equal_nan=True)
    assert file["params"][..., 1].max() == 1.5
    assert (report["bounds"], report["fixed"]) == ({"tau": [0, 1.5]}, ["c"])
    assert (report["loss"], report["threads"], report["absolute_sigma"]) == ("huber", 1, True)
    assert report["flags"]["at_bound"] == np.count_nonzero(file["params"][..., 1] == 1.5)
    for sigma in ("0.01", "sigma.npy"):
        np.save("sigma.npy", np.full((3, 4, 40), 0.01))
        again = ("stack.npy", "--x", "times.npy", *DECAY, "--sigma", sigma, "--absolute-sigma")
        assert main(["fit", *again, "--out", "fit.npz"]) == 0
        assert np.array_equal(saved()["stderr"], expected(sigma=0.01, absolute_sigma=True).stderr)


def test_poisson_loss_fits_counts(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    counts = np.random.default_rng(2).poisson(50 * np.exp(-T / 2) + 3, (20, 40)).astype(np.uint16)
    np.savez("counts.npz", x=T, y=counts)
    arguments = ("--model", "a*exp(-x/tau) + c", "--start", "a=40,tau=1,c=2", "--loss", "poisson")
    report = fit(capsys, "counts.npz", *arguments)
    assert report["converged"] == 20
    assert report["parameters"]["tau"]["median"] == pytest.approx(2, abs=0.2)


def test_report_has_counts_percentiles_rate_and_failures(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stack = stacked()
    stack[0, 1] = np.inf
    stack[2, 3] = np.inf
    np.save("stack.npy", stack)
    assert main(["fit", "stack.npy", "--x", "times.npy", *DECAY, "--out", "fit.npz"]) == 1
    out, err = capsys.readouterr()
    assert "model   decay(t, a, tau, c) = a*exp(-t/tau) + c\n" in out
    assert "data    stack.npy, 3 x 4 fits of 40 points, float64\n" in out
    assert "start   tau=1; a, c by a linear solve\n" in out
    assert "12 fits, path tape\n" in out
    assert re.search(r"^ +2 +16\.67% +nonfinite: .+$", out, re.M)
    assert re.search(r"^tau( +\d\.\d+){3} +0\.0\d+$", out, re.M)
    assert re.search(r"^rate +12 fits in .* s, [\d,]+ fits/s on \d+ threads?$", out, re.M)
    assert "failed  [0, 1] nonfinite, [2, 3] nonfinite\n" in out
    assert err == "osculate: warning: 2 of 12 fits did not converge: 2 nonfinite\n"
    assert np.argwhere(saved()["status"] <= 0).tolist() == [[0, 1], [2, 3]]
    report = fit(capsys, "stack.npy", "--x", "times.npy", *DECAY, code=1)
    assert report["status"]["nonfinite"] == 2
    assert report["failed"][1] == {"fit": "[2, 3]", "status": "nonfinite"}


def test_json_goes_into_a_file_beside_the_report(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "both.npz", *DECAY, "--json", "out.json"]) == 0
    assert capsys.readouterr().out.startswith("model   decay(")
    report = json.loads(Path("out.json").read_text())
    result = expected()
    assert report["fits"] == report["run"] == report["converged"] == 12
    assert report["fits_per_second"] == pytest.approx(12 / report["seconds"])
    assert report["parameters"]["tau"]["median"] == np.median(result["tau"])
    assert report["redchi"]["95%"] == np.percentile(result.redchi, 95)


def test_two_dimensional_array_is_a_table_for_an_expression_alone(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save("table.npy", np.column_stack([T, stacked()[0, 0]]))
    model = ("--model", "a*exp(-x/tau) + c", "--start", "a=1,tau=1,c=0")
    assert "parameters" in fit(capsys, "table.npy", *model)
    np.save("rows.npy", stacked()[0])
    assert fit(capsys, "rows.npy", *model, "--axis", "-1")["shape"] == [4]
    assert fit(capsys, "rows.npy", *DECAY, "--x", "times.npy")["shape"] == [4]
    assert fit(capsys, "rows.npy", "--model", "exponential_decay")["shape"] == [4]


def test_names_of_ready_models_stay_names_of_parameters(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("d.csv").write_text("x,y\n0,1\n1,2\n2,3\n")
    report = fit(capsys, "d.csv", "--model", "constant", "--start", "constant=1")
    assert report["parameters"]["constant"]["value"] == 2


def test_progress_is_shown_when_asked_for_and_not_elsewhere(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", "both.npz", *DECAY]) == 0
    assert capsys.readouterr().err == ""
    assert main(["fit", "both.npz", *DECAY, "--progress"]) == 0
    assert "100%|" in capsys.readouterr().err


def test_progress_without_tqdm_is_in_percents(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with Bar(200, always=True) as bar:
        for done in (1, 50, 51, 200):
            bar(done, 200)
    assert capsys.readouterr().err == "\r  0% of 200 fits\r 25% of 200 fits\r100% of 200 fits\n"
