"""The report of a fit, as text and as JSON, and the statistics in it by their definitions."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.stats

from osculate import report
from osculate._fit_problem import build_problem
from osculate._fit_result import FitResult, solve
from osculate._fit_settings import gather
from osculate._statistics import goodness, student_t_quantile
from osculate._table import read_table

X = np.linspace(0, 4, 30)
Y = 3 * np.exp(-X / 1.5) + 0.5 + 0.02 * np.cos(40 * X)
SIGMA = 0.02 + 0.01 * X
DECAY: dict[str, str] = {"model": "a*exp(-x/b) + c", "start": "a=1,b=1,c=0"}
LINE: dict[str, str] = {"model": "a + c*x", "start": "a=0,c=0"}


def fitted(folder: Path, settings: dict[str, str], sigma: str | None = None, **options: Any) -> FitResult:
    path = folder / "d.csv"
    np.savetxt(path, np.stack([X, Y, SIGMA], axis=1), delimiter=",", header="x,y,s", comments="", fmt="%.17g")
    table = read_table(str(path))
    model = {"model": "y = " + settings["model"]}
    return solve(build_problem(table, gather(table, **settings | model), sigma), **options)


def test_text_shows_every_part_of_the_fit(tmp_path: Path) -> None:
    fit = fitted(tmp_path, DECAY)
    sections = report.to_text(fit).split("\n\n")
    assert [section.split("\n")[0].split("  ")[0] for section in sections] == [
        "model",
        "parameter",
        "correlations above 0.5",
        "residual sum of squares",
        f"{fit.iterations} iterations, {fit.evaluations} evaluations, complex-step derivatives",
    ]
    assert sections[0] == f"model  y = a*exp(-x/b) + c\ndata   {fit.problem.table.source}, 30 points"
    for row, name, value, error in zip(
        sections[1].split("\n")[1:], "abc", fit.values, fit.stderr, strict=True
    ):
        cells = re.split(r"  +", row)
        assert cells[0] == name
        # Nine and five digits are printed.
        assert float(cells[1]) == pytest.approx(value, rel=1e-8)
        assert float(cells[2]) == pytest.approx(error, rel=1e-4)
        low, high = cells[4].split(" to ")
        assert float(high) - float(low) == pytest.approx(2 * fit.quantile * error, rel=1e-3)
    assert sections[-1].endswith("\n" + fit.message)
    assert max(map(len, report.to_text(fit).split("\n"))) <= 110 + len(fit.problem.table.source)


def test_correlations_above_one_half_are_listed_the_largest_first(tmp_path: Path) -> None:
    fit = fitted(tmp_path, DECAY)
    section = report.to_text(fit).split("\n\n")[2].split("\n")[1:]
    listed = {tuple(line.split("  ")[0].split(", ")): float(line.split()[-1]) for line in section}
    names, correlation = fit.problem.parameters, fit.correlation
    expected = {
        (names[i], names[j]): correlation[i, j]
        for i in range(3)
        for j in range(i + 1, 3)
        if abs(correlation[i, j]) > 0.5
    }
    assert 0 < len(expected) < 3
    assert listed == pytest.approx(expected, abs=5e-5)
    assert sorted(map(abs, listed.values()), reverse=True) == [abs(value) for value in listed.values()]
    assert np.diagonal(correlation) == pytest.approx(1)


def test_statistics_of_a_line_are_those_of_linear_regression(tmp_path: Path) -> None:
    """R2, AIC and BIC from SciPy's regression and the Gaussian likelihood; for a line all is exact."""
    fit = fitted(tmp_path, LINE)
    line = scipy.stats.linregress(X, Y)
    assert fit.values == pytest.approx([line.intercept, line.slope], rel=1e-10)
    assert fit.stderr == pytest.approx([line.intercept_stderr, line.stderr], rel=1e-10)
    quality = fit.goodness
    assert quality.r_squared == pytest.approx(line.rvalue**2, rel=1e-10)
    r = Y - line.intercept - line.slope * X
    log_likelihood = np.sum(scipy.stats.norm.logpdf(r, scale=np.sqrt(np.mean(r**2))))
    assert quality.aic == pytest.approx(2 * 3 - 2 * log_likelihood, rel=1e-10)
    assert quality.bic == pytest.approx(3 * math.log(30) - 2 * log_likelihood, rel=1e-10)
    assert quality.chi_square == pytest.approx(r @ r, rel=1e-10)
    assert quality.residual_sd == pytest.approx(math.sqrt(r @ r / 28), rel=1e-10)
    low, high = fit.interval[1]
    quantile = scipy.stats.t.ppf(0.975, 28)
    assert (low, high) == pytest.approx(
        (line.slope - quantile * line.stderr, line.slope + quantile * line.stderr), rel=1e-10
    )


def test_statistics_with_absolute_sigma_are_those_of_the_normal_distribution(tmp_path: Path) -> None:
    fit = fitted(tmp_path, LINE, "s", absolute_sigma=True)
    r = Y - fit.values[0] - fit.values[1] * X
    log_likelihood = np.sum(scipy.stats.norm.logpdf(r, scale=SIGMA))
    assert fit.goodness.aic == pytest.approx(2 * 2 - 2 * log_likelihood, rel=1e-10)
    assert fit.goodness.bic == pytest.approx(2 * math.log(30) - 2 * log_likelihood, rel=1e-10)
    assert fit.goodness.chi_square == pytest.approx(np.sum((r / SIGMA) ** 2), rel=1e-10)
    assert fit.quantile == pytest.approx(scipy.stats.norm.ppf(0.975), rel=1e-12)
    design = np.stack([np.ones(30), X], axis=1) / SIGMA[:, np.newaxis]
    assert fit.covariance == pytest.approx(np.linalg.inv(design.T @ design), rel=1e-9)
    text = report.to_text(fit)
    assert "sigma  s, absolute; of y" in text
    assert "reduced chi-square" in text


def test_relative_sigma_changes_no_statistic_with_its_unit() -> None:
    """But for AIC and BIC, which are likelihoods: these neither, where the variance is estimated."""
    r, weights = Y - Y.mean(), np.linspace(1, 2, 30)
    plain, scaled = (goodness(r / weights / unit, Y, weights * unit, 1) for unit in (1.0, 1e-3))
    assert scaled.r_squared == pytest.approx(plain.r_squared, abs=1e-12)
    assert scaled.aic == pytest.approx(plain.aic, rel=1e-12)
    assert scaled.bic == pytest.approx(plain.bic, rel=1e-12)


def test_confidence_band_of_a_line_is_the_textbooks(tmp_path: Path) -> None:
    """t s sqrt(1/n + (x - m)^2 / S), Draper & Smith 1998, section 3.1."""
    fit = fitted(tmp_path, LINE)
    grid = np.linspace(-1, 6, 20)
    spread = 1 / 30 + (grid - X.mean()) ** 2 / np.sum((X - X.mean()) ** 2)
    expected = scipy.stats.t.ppf(0.975, 28) * fit.goodness.residual_sd * np.sqrt(spread)
    assert fit.band({"x": grid}) == pytest.approx(expected, rel=1e-9)


def test_json_has_the_report_in_full_precision(tmp_path: Path) -> None:
    fit = fitted(tmp_path, DECAY, "s")
    content = json.loads(report.to_json(fit))
    assert content == report.to_dict(fit)
    for i, name in enumerate("abc"):
        parameter = content["parameters"][name]
        assert parameter["value"] == fit.values[i]
        assert parameter["stderr"] == fit.stderr[i]
        assert parameter["interval"] == fit.interval[i].tolist()
    assert content["correlation"] == fit.correlation.tolist()
    assert content["model"] == "y = a*exp(-x/b) + c"
    assert (content["points"], content["degrees_of_freedom"], content["sigma"]) == (30, 27, "s")
    assert report.to_json(fit).endswith("}\n")


def test_json_has_null_for_what_is_not_defined(tmp_path: Path) -> None:
    fit = fitted(tmp_path, {"model": "a*b + c*x", "start": "a=1,b=1,c=0"}, loss="huber")
    text = report.to_json(fit)
    assert "NaN" not in text
    assert "Infinity" not in text
    content = json.loads(text)
    assert content["aic"] is None
    assert content["parameters"]["a"]["stderr"] is None
    assert content["parameters"]["c"]["stderr"] > 0
    assert content["parameters"]["a"]["bounds"] == [None, None]


def test_parameters_that_the_data_do_not_determine_are_named(tmp_path: Path) -> None:
    text = report.to_text(fitted(tmp_path, {"model": "a*b + c*x", "start": "a=1,b=1,c=0"}))
    assert re.search(r"^a +[-\d.]+ +unknown$", text, re.M)
    assert "WARNING: the data do not determine a, b: hold some with --fixed or simplify the model." in text


def test_as_many_parameters_as_points_have_no_errors(tmp_path: Path) -> None:
    path = tmp_path / "d.txt"
    path.write_text("x y\n1 2\n2 5\n")
    table = read_table(str(path))
    fit = solve(build_problem(table, gather(table, **LINE)))
    assert fit.values == pytest.approx([-1, 3])
    text = report.to_text(fit)
    assert "WARNING: as many parameters as points: the curve passes through them, errors are unknown." in text
    assert "nan" not in text


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5, 10, 27, 100, 499, 500, 501, 1000, 10**6])
@pytest.mark.parametrize("probability", [0.6, 0.9, 0.975, 0.9995])
def test_quantile_of_students_t_is_scipys(degrees: int, probability: float) -> None:
    expected = scipy.stats.t.ppf(probability, degrees)
    assert student_t_quantile(probability, degrees) == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize(("probability", "degrees"), [(0.5, 3), (1.0, 3), (0.9, 0)])
def test_quantile_outside_its_range_is_refused(probability: float, degrees: int) -> None:
    with pytest.raises(ValueError, match=r"student_t_quantile: expected 0\.5 < probability < 1 and degrees"):
        student_t_quantile(probability, degrees)
