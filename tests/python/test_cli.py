"""`osculate fit`: NIST's files without arguments, every option, exit codes of what converged or not."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import osculate
from osculate.cli import main
from problems import correct_digits

NIST = sorted((Path(__file__).parents[1] / "data" / "nist").glob("*.dat"))
TIMEOUT = 60  # seconds; generous, a hang is what it is for
X = np.linspace(0, 4, 30)
Y = 3 * np.exp(-X / 1.5) + 0.5 + 0.02 * np.cos(40 * X)
SIGMA = 0.02 + 0.01 * X
MODEL = ("--model", "a*exp(-x/b) + c", "--start", "a=1,b=1,c=0")


@pytest.fixture
def data(tmp_path: Path) -> str:
    """x, y and their standard deviations under headers that a model cannot use as they are."""
    path = tmp_path / "decay.csv"
    rows = "\n".join(
        f"{x!r},{y!r},{s!r}" for x, y, s in zip(X.tolist(), Y.tolist(), SIGMA.tolist(), strict=True)
    )
    path.write_text(f"x,y,dy (mV)\n{rows}\n")
    return str(path)


def fit(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict[str, Any]:
    """The JSON report of a fit that ends with `code`."""
    assert main(["fit", *arguments, "--json", "-"]) == code
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    return report


def values(report: dict[str, Any], what: str = "value") -> list[float]:
    return [parameter[what] for parameter in report["parameters"].values()]


def certified(path: Path) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    """Parameters, standard deviations and the rest that the file's comment lines certify."""
    lines = dict(re.findall(r"^# ([\w ]+): (.*)$", path.read_text(), re.M))

    def named(text: str) -> dict[str, float]:
        return {name: float(number) for name, number in (item.split("=") for item in text.split(", "))}

    rest = ("residual sum of squares", "residual standard deviation", "degrees of freedom")
    return (
        named(lines["certified"]),
        named(lines["standard deviations"]),
        {name: float(lines[name]) for name in rest},
    )


@pytest.mark.parametrize("start_set", [1, 2])
@pytest.mark.parametrize("path", NIST, ids=lambda path: path.stem)
def test_nist_file_without_arguments_agrees_with_what_it_certifies(
    path: Path, start_set: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Default tolerances: the cost is right to 1e-8, the parameters to the root of that and better."""
    arguments = () if start_set == 1 else ("--start-set", "2")
    report = fit(capsys, str(path), *arguments)
    expected, deviations, rest = certified(path)
    assert report["success"]
    assert list(report["parameters"]) == list(expected)
    assert correct_digits(np.array(values(report)), np.array(list(expected.values()))) >= 4
    # Lanczos1's residuals, 1e-13, are rounding errors of the data.
    least = 1 if path.stem == "Lanczos1" else 4
    assert correct_digits(np.array(values(report, "stderr")), np.array(list(deviations.values()))) >= least
    assert report["degrees_of_freedom"] == rest["degrees of freedom"]
    if path.stem != "Lanczos1":
        assert report["chi_square"] == pytest.approx(rest["residual sum of squares"], rel=1e-6)
        assert report["residual_sd"] == pytest.approx(rest["residual standard deviation"], rel=1e-6)


def test_all_nist_files_are_there() -> None:
    assert len(NIST) == 27


def test_report_is_what_least_squares_finds(data: str, capsys: pytest.CaptureFixture[str]) -> None:
    report = fit(capsys, data, *MODEL)
    result = osculate.least_squares(lambda p: p[0] * np.exp(-X / p[1]) + p[2] - Y, [1.0, 1.0, 0.0], "cs")
    assert values(report) == pytest.approx(result.x, rel=1e-12)
    assert values(report, "stderr") == pytest.approx(result.stderr, rel=1e-9)
    assert report["covariance"] == pytest.approx(result.covariance(), rel=1e-9)
    assert report["chi_square"] == pytest.approx(2 * result.cost, rel=1e-12)
    assert (report["outcome"], report["status"]) == (result.outcome.name, result.status)
    assert (report["iterations"], report["evaluations"]) == (result.iterations, result.evaluations)
    assert report["derivatives"] == "cs"


@pytest.mark.parametrize("suffix", ["csv", "tsv", "txt", "npy", "npz"])
def test_data_of_every_format_give_the_same_fit(
    suffix: str, data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / f"table.{suffix}"
    if suffix == "npy":
        np.save(path, np.stack([X, Y], axis=1))
    elif suffix == "npz":
        np.savez(path, x=X, y=Y)
    else:
        separator = {"csv": ",", "tsv": "\t", "txt": "   "}[suffix]
        np.savetxt(path, np.stack([X, Y], axis=1), delimiter=separator, header="x y", fmt="%.17g")
    assert values(fit(capsys, str(path), *MODEL)) == values(fit(capsys, data, *MODEL))


def test_standard_input_is_read(
    data: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(Path(data).read_bytes())))
    report = fit(capsys, "-", *MODEL)
    assert report["file"] == "standard input"
    assert values(report) == values(fit(capsys, data, *MODEL))


def test_headers_become_identifiers_and_that_is_printed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "d.csv"
    np.savetxt(path, np.stack([X, Y], axis=1), delimiter=",", header="t (ms),U [V]", comments="")
    arguments = [str(path), "--model", "U_V = a*exp(-t_ms/b) + c", "--start", "a=1,b=1,c=0"]
    assert main(["fit", *arguments]) == 0
    out = capsys.readouterr().out
    assert "note   column 't (ms)' is t_ms in the model\n" in out
    assert "note   column 'U [V]' is U_V in the model\n" in out


def test_several_predictors_and_a_transformed_left_side(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = np.random.default_rng(3)
    u, v = rng.uniform(1, 2, (2, 40))
    path = tmp_path / "d.txt"
    noise = 0.01 * rng.standard_normal(40)
    w = np.exp(0.7 + 1.5 * np.log(u) - 0.3 * v + noise)
    np.savetxt(path, np.stack([u, w, v], axis=1), header="u w v", fmt="%.17g")
    report = fit(capsys, str(path), "--model", "log(w) = a + b*log(u) + d*v", "--start", "a=0,b=0,d=0")
    design = np.stack([np.ones(40), np.log(u), v], axis=1)
    exact = np.linalg.lstsq(design, np.log(w), rcond=None)[0]
    assert values(report) == pytest.approx(exact, rel=1e-9)
    assert (report["data"], report["predictors"]) == ("log(w)", ["u", "v"])


@pytest.mark.parametrize("absolute", [False, True])
def test_sigma_weights_the_points(absolute: bool, data: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A column by header or identifier, or an expression of columns; as curve_fit counts it."""
    flag = ["--absolute-sigma"] if absolute else []
    reports = [
        fit(capsys, data, *MODEL, "--sigma", sigma, *flag) for sigma in ("dy (mV)", "dy_mV", "0.02 + 0.01*x")
    ]
    popt, pcov = osculate.curve_fit(
        lambda x, a, b, c: a * np.exp(-x / b) + c, X, Y, [1, 1, 0], SIGMA, absolute_sigma=absolute
    )
    for report in reports:
        # curve_fit's forward differences: the root of eps in J, and its square in the parameters.
        assert values(report) == pytest.approx(popt, rel=1e-6)
        assert values(report, "stderr") == pytest.approx(np.sqrt(np.diag(pcov)), rel=1e-5)
        assert report["absolute_sigma"] is absolute


def test_bounds_hold_and_are_reported(data: str, capsys: pytest.CaptureFixture[str]) -> None:
    report = fit(capsys, data, *MODEL, "--bounds", "a=0:2.5,c=:0.9", "--bounds", "b=0:")
    assert values(report)[0] == 2.5
    a, b, c = report["parameters"].values()
    assert (a["bounds"], b["bounds"], c["bounds"]) == ([0, 2.5], [0, None], [None, 0.9])
    assert (a["held"], b["held"], a["stderr"]) == (True, False, None)
    assert report["degrees_of_freedom"] == 28
    assert main(["fit", data, *MODEL, "--bounds", "a=0:2.5"]) == 0
    assert re.search(r"^a +2.5 +at bound$", capsys.readouterr().out, re.M)


@pytest.mark.parametrize("fixed", ["c=0.25", "c"])
def test_fixed_parameters_stay(fixed: str, data: str, capsys: pytest.CaptureFixture[str]) -> None:
    report = fit(capsys, data, "--model", MODEL[1], "--start", "a=1,b=1,c=0.25", "--fixed", fixed)
    assert values(report)[2] == 0.25
    assert report["parameters"]["c"]["fixed"]
    assert report["degrees_of_freedom"] == 28
    result = osculate.least_squares(lambda p: p[0] * np.exp(-X / p[1]) + 0.25 - Y, [1.0, 1.0], "cs")
    assert values(report)[:2] == pytest.approx(result.x, rel=1e-7)


@pytest.mark.parametrize("loss", ["soft_l1", "huber", "cauchy", "arctan"])
def test_robust_losses_discount_outliers(
    loss: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "d.csv"
    spoiled = Y.copy()
    spoiled[[5, 20]] += 5
    np.savetxt(path, np.stack([X, spoiled], axis=1), delimiter=",", header="x,y", comments="")
    good = ("--model", MODEL[1], "--start", "a=3,b=1.5,c=0.5")
    robust = fit(capsys, str(path), *good, "--loss", loss, "--f-scale", "0.05")
    plain = fit(capsys, str(path), *good)
    assert (robust["loss"], robust["f_scale"], robust["aic"]) == (loss, 0.05, None)
    error, spoiled_error = (np.abs(np.array(values(r)) - [3, 1.5, 0.5]).max() for r in (robust, plain))
    assert error < 0.1 < spoiled_error


def test_options_replace_what_the_file_says(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "d.txt"
    rows = "\n".join(f"{x} {y}" for x, y in zip(X, Y, strict=True))
    path.write_text(f"# model: y = a*exp(-x/b) + c\n# start: a=1,b=1,c=0\n# bounds: a=0:2\n# x y\n{rows}\n")
    assert values(fit(capsys, str(path)))[0] == 2
    assert values(fit(capsys, str(path), "--bounds", "a=0:2.5"))[0] == 2.5
    report = fit(capsys, str(path), "--start", "c=0.1", "--bounds", "a=0:")
    assert values(report, "start") == [1, 1, 0.1]
    report = fit(capsys, str(path), "--model", "a + c*x", "--bounds", "a=:")
    assert list(report["parameters"]) == ["a", "c"]


def test_json_goes_into_a_file_beside_the_report(
    data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "out.json"
    assert main(["fit", data, *MODEL, "--json", str(path)]) == 0
    assert capsys.readouterr().out.startswith("model  y = a*exp(-x/b) + c\n")
    assert json.loads(path.read_text()) == fit(capsys, data, *MODEL)


def test_not_converged_is_reported_with_a_warning_and_exit_code_1(
    data: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", data, *MODEL, "--max-evaluations", "3"]) == 1
    out, err = capsys.readouterr()
    sentence = "not converged (--max-evaluations). The limit of evaluations or iterations was reached"
    assert "WARNING: " + sentence in out
    assert err.startswith("osculate: warning: " + sentence)
    assert err.count("\n") == 1
    assert fit(capsys, data, *MODEL, "--max-evaluations", "3", code=1)["outcome"] == "max_iterations"


def test_version_and_help_are_exit_code_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"osculate {osculate.__version__}\n"
    for arguments in (["--help"], ["fit", "--help"]):
        assert main(arguments) == 0
        out, err = capsys.readouterr()
        assert "osculate" in out
        assert err == ""
