"""The picture of many fits: which are shown, maps, columns, histograms, marks of failures, the file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import image
from matplotlib.figure import Figure

import osculate
from osculate import _stack_plot
from osculate._stack_data import Stack
from osculate._stack_model import Setup
from osculate._stack_report import Report
from osculate.cli import main

T = np.linspace(0, 5, 30)
FAILED = (2, 5)


def decays(*shape: int, failing: bool = False) -> Any:
    """Decays whose noise grows with their number; one of them may have infinite points."""
    fits = int(np.prod(shape))
    tau = np.linspace(0.8, 2.0, fits)[:, None]
    noise = np.linspace(0.01, 0.05, fits)[:, None] * np.random.default_rng(7).standard_normal((fits, 30))
    y = (2 * np.exp(-T / tau) + 0.5 + noise).reshape(*shape, 30)
    if failing:
        y[(*FAILED,)[: len(shape)]] = np.inf
    return y


def report(y: Any, *, labels: tuple[str, ...] = (), sigma: Any = None) -> Report:
    model = osculate.Model("a*exp(-x/tau) + c")
    result = osculate.fit(model, T, y, {"tau": 1.0}, sigma=sigma)
    setup = Setup(model, model.parameters, {"tau": 1.0}, {}, (), "tau=1")
    return Report(
        stack=Stack("stack.npy", y, T, ("x",), sigma, labels),
        model_text="a*exp(-x/tau) + c",
        setup=setup,
        result=result,
        seconds=0.001,
        threads=1,
        loss="linear",
        sigma=None,
        absolute_sigma=False,
        interrupted=False,
    )


def panels(figure: Figure) -> tuple[list[Any], list[Any]]:
    """The axes of the fits and those of the parameters, without colour bars."""
    above, below = figure.subfigs
    return above.axes, [axes for axes in below.axes if axes.get_title()]


def title(axes: Any) -> str:
    text: str = axes.get_title(loc="left")
    return text


def test_worst_median_and_best_are_those_of_the_reduced_chi_square() -> None:
    drawn = report(decays(6, 8))
    size = drawn.result.redchi
    chosen = dict(_stack_plot.ranked(drawn))
    assert list(chosen) == ["worst", "median", "best"]
    assert size[chosen["worst"]] == size.max()
    assert size[chosen["best"]] == size.min()
    assert np.count_nonzero(size < size[chosen["median"]]) == 24
    above, _ = panels(_stack_plot.figure(drawn))
    assert len(above) == 6
    for axes, (name, index) in zip(above, chosen.items(), strict=False):
        assert title(axes).startswith(
            f"{name} {list(index)}\nreduced chi-square {size[index]:.3g}\na\u00a0=\u00a0"
        )


def test_data_curve_and_residuals_are_those_of_the_fit() -> None:
    drawn = report(decays(6, 8))
    index = dict(_stack_plot.ranked(drawn))["median"]
    above, _ = panels(_stack_plot.figure(drawn))
    data, curve = above[1].lines
    assert np.array_equal(data.get_ydata(), drawn.stack.y[index])
    a, tau, c = drawn.result.params[index]
    assert np.allclose(curve.get_ydata(), a * np.exp(-curve.get_xdata() / tau) + c, rtol=1e-14)
    assert len(curve.get_xdata()) == _stack_plot.CURVE_POINTS
    residuals = above[4].lines[-1]
    assert np.allclose(residuals.get_ydata(), drawn.result.residuals()[index], rtol=0, atol=1e-14)
    assert [axes.get_xlabel() for axes in above[3:]] == ["x"] * 3
    assert above[3].get_ylabel() == "residual"


def test_residuals_share_a_scale_that_holds_them_all() -> None:
    drawn = report(decays(6, 8))
    above, _ = panels(_stack_plot.figure(drawn))
    limits = {axes.get_ylim() for axes in above[3:]}
    assert len(limits) == 1
    largest = max(float(np.abs(axes.lines[-1].get_ydata()).max()) for axes in above[3:])
    assert limits.pop() == pytest.approx((-1.15 * largest, 1.15 * largest))


def test_residuals_are_in_units_of_sigma_where_it_is_given() -> None:
    sigma = 0.1 + 0.01 * T
    drawn = report(decays(6, 8), sigma=sigma)
    index = dict(_stack_plot.ranked(drawn))["worst"]
    above, _ = panels(_stack_plot.figure(drawn))
    assert above[3].get_ylabel() == "residual / sigma"
    assert np.allclose(above[3].lines[-1].get_ydata(), drawn.result.residuals()[index] / sigma, atol=1e-13)


def test_images_have_a_map_for_each_parameter_with_a_colour_bar() -> None:
    drawn = report(decays(6, 8))
    figure = _stack_plot.figure(drawn)
    _, below = panels(figure)
    assert [axes.get_title() for axes in below] == ["a", "tau", "c", "reduced chi-square"]
    for axes, name in zip(below, ("a", "tau", "c"), strict=False):
        (picture,) = axes.images
        assert np.array_equal(picture.get_array(), drawn.result[name])
        assert picture.get_clim() == pytest.approx(np.percentile(drawn.result[name], (1, 99)))
        assert picture.colorbar is not None
    assert np.array_equal(below[3].images[0].get_array(), drawn.result.redchi)


def test_failures_have_no_colour_are_encircled_and_one_is_shown() -> None:
    drawn = report(decays(6, 8, failing=True))
    figure = _stack_plot.figure(drawn)
    above, below = panels(figure)
    assert title(above[0]).startswith("not converged [2, 5]\nstatus nonfinite")
    assert len(above) == 8
    for axes in below:
        values = axes.images[0].get_array()
        assert np.argwhere(np.ma.getmaskarray(np.ma.masked_invalid(values))).tolist() == [list(FAILED)]
        (circles,) = axes.lines
        assert (circles.get_xdata().tolist(), circles.get_ydata().tolist()) == ([5], [2])
    (legend,) = figure.subfigs[1].legends
    assert [text.get_text() for text in legend.get_texts()] == ["1 fit did not converge"]


def test_fit_without_data_says_so() -> None:
    y = decays(6, 8)
    y[FAILED] = np.nan
    above, _ = panels(_stack_plot.figure(report(y)))
    assert [text.get_text() for text in above[0].texts] == ["no data"]


def test_columns_have_values_with_errors_in_their_order() -> None:
    names = tuple(f"cell {k}" for k in range(8))
    drawn = report(decays(8, failing=True), labels=names)
    above, below = panels(_stack_plot.figure(drawn))
    assert title(above[0]).startswith("not converged cell 2")
    good = drawn.result.success
    for axes, name in zip(below, ("a", "tau", "c"), strict=False):
        assert [tick.get_text() for tick in axes.get_xticklabels()] == list(names)
        (bars,) = axes.collections
        ends = np.array([segment[:, 1] for segment in bars.get_segments()])
        assert ends.mean(axis=1) == pytest.approx(drawn.result[name][good], rel=1e-12)
        assert np.ptp(ends, axis=1) / 2 == pytest.approx(drawn.result.error(name)[good], rel=1e-9)
        values, cross = axes.lines[-2:]
        assert np.array_equal(values.get_ydata(), drawn.result[name][good])
        assert cross.get_xdata().tolist() == [2]


def test_other_shapes_have_histograms() -> None:
    drawn = report(decays(2, 3, 4))
    above, below = panels(_stack_plot.figure(drawn))
    assert len(above) == 6
    for axes in below:
        assert axes.get_ylabel() == "fits"
        assert 0 < sum(bar.get_height() for bar in axes.patches) <= 24


def test_single_fit_is_drawn_alone() -> None:
    figure = _stack_plot.figure(report(decays(1)))
    assert figure.subfigs == []
    assert len(figure.axes) == 2
    assert title(figure.axes[0]).startswith("fit [0]\n")


def test_title_has_model_share_and_rate() -> None:
    figure = _stack_plot.figure(report(decays(6, 8, failing=True)))
    assert figure.get_suptitle() == (
        "a*exp(-x/tau) + c\n47 of 48 fits converged; 48 fits in 0.001 s, 48,000 fits/s on 1 thread"
    )


def test_images_are_drawn_with_contours_and_residuals(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    y, x = np.mgrid[:6, :7]
    np.save(
        "images.npy", np.stack([1 + 5 * np.exp(-((x - 2 - k) ** 2 + (y - 3) ** 2) / 8) for k in range(3)])
    )
    figures: list[Figure] = []
    draw = _stack_plot.figure
    monkeypatch.setattr(_stack_plot, "figure", lambda what: figures.append(draw(what)) or figures[-1])
    assert main(["fit", "images.npy", "--axis", "1,2", "--model", "gaussian2d", "--plot", "fit.svg"]) == 0
    above, _ = panels(figures[0])
    pictures = [axes.images[0] for axes in above[:6]]
    assert [picture.get_array().shape for picture in pictures] == [(6, 7)] * 6
    index = {"[0]": 0, "[1]": 1, "[2]": 2}[title(above[0]).split("\n")[0].removeprefix("worst ")]
    assert np.array_equal(pictures[0].get_array(), np.load("images.npy")[index])
    assert len({picture.get_clim() for picture in pictures[1::2]}) == 1
    assert [axes.get_xlabel() for axes in above[:2]] == ["data, contours of the fit", "residual"]
    assert Path("fit.svg").read_text().startswith("<?xml")


def test_png_of_a_command_has_a_sensible_size_and_is_not_empty(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez("stack.npz", x=T, y=decays(6, 8, failing=True))
    arguments = ["--model", "a*exp(-x/tau) + c", "--start", "tau=1", "--plot", "maps.png"]
    assert main(["fit", "stack.npz", *arguments]) == 1
    assert 30_000 < Path("maps.png").stat().st_size < 500_000
    pixels = image.imread("maps.png")
    assert pixels.shape[:2] == (1064, 1600)  # 6.65 x 10 inches at 160 dots
    assert 0.1 < np.mean(np.any(pixels[:, :, :3] < 0.95, axis=2)) < 0.6
