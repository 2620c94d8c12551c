"""The picture of a fit: what is drawn, its size, and the file types."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib import image

from osculate import plot
from osculate._errors import InputError
from osculate._fit_problem import build_problem
from osculate._fit_result import FitResult, solve
from osculate._fit_settings import gather
from osculate._table import read_table
from osculate.cli import main

NIST = Path(__file__).parents[1] / "data" / "nist"
TIMEOUT = 60  # seconds; generous, a hang is what it is for


def fitted(path: Path | str, sigma: str | None = None, **settings: str) -> FitResult:
    table = read_table(str(path))
    return solve(build_problem(table, gather(table, **settings), sigma))  # type: ignore[arg-type]


def drawn(axes: Any, label: str) -> Any:
    """The line, or the band, that the legend calls `label`."""
    found = [artist for artist in (*axes.lines, *axes.collections) if artist.get_label() == label]
    assert len(found) == 1
    return found[0]


def test_png_has_a_sensible_size_and_is_not_empty(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "fit.png"
    assert main(["fit", str(NIST / "Misra1a.dat"), "--plot", str(path)]) == 0
    assert capsys.readouterr().out.startswith("model  y = b1*(1-exp(-b2*x))")
    assert path.read_bytes().startswith(b"\x89PNG\r\n\x1a\n")
    assert 20_000 < path.stat().st_size < 500_000
    pixels = image.imread(path)
    assert pixels.shape[:2] == (896, 1152)  # 5.6 x 7.2 inches at 160 dots
    share = np.mean(np.any(pixels[:, :, :3] < 0.95, axis=2))
    assert 0.02 < share < 0.5  # mostly white, but drawn upon


@pytest.mark.parametrize(("suffix", "magic"), [("pdf", b"%PDF"), ("svg", b"<?xml"), ("PNG", b"\x89PNG")])
def test_suffix_chooses_the_file_type(suffix: str, magic: bytes, tmp_path: Path) -> None:
    path = tmp_path / f"fit.{suffix}"
    plot.save(fitted(NIST / "Misra1a.dat"), str(path))
    assert path.read_bytes().startswith(magic)


def test_unknown_suffix_is_refused() -> None:
    for path in ("fit", "fit.xyz"):
        with pytest.raises(InputError, match=r"cannot draw '.*': end the name in \.png, \.pdf or \.svg"):
            plot.check(path)


def test_data_curve_band_and_residuals_are_drawn() -> None:
    fit = fitted(NIST / "Misra1a.dat")
    above, below = plot.figure(fit).axes
    x, y = fit.problem.columns["x"], fit.problem.data
    data = drawn(above, "data")
    assert np.array_equal(data.get_xdata(), x)
    assert np.array_equal(data.get_ydata(), y)
    curve = drawn(above, "fit")
    b1, b2 = fit.values
    assert curve.get_xdata().size == plot.CURVE_POINTS
    assert curve.get_ydata() == pytest.approx(b1 * (1 - np.exp(-b2 * curve.get_xdata())), rel=1e-12)
    assert (curve.get_xdata().min(), curve.get_xdata().max()) == (x.min(), x.max())
    corners = drawn(above, "95% confidence band").get_paths()[0].vertices
    half_width = fit.band({"x": np.array([x.max()])})[0]
    end = corners[np.isclose(corners[:, 0], x.max()), 1]
    middle = curve.get_ydata()[-1]
    assert (end.min(), end.max()) == pytest.approx((middle - half_width, middle + half_width), rel=1e-12)
    residuals = [line for line in below.lines if len(line.get_xdata()) == len(x)]
    assert len(residuals) == 1
    assert residuals[0].get_ydata() == pytest.approx(y - b1 * (1 - np.exp(-b2 * x)), abs=1e-12)
    assert (above.get_ylabel(), below.get_ylabel(), below.get_xlabel()) == ("y", "residual", "x")
    low, high = below.get_ylim()
    assert low == -high


def test_title_holds_model_and_parameters_with_errors() -> None:
    fit = fitted(NIST / "Misra1a.dat")
    title = plot.figure(fit).axes[0].get_title("left").replace("\u00a0", " ")
    assert "y = b1*(1-exp(-b2*x))" in title
    assert "b1 = 238.94 \u00b1 2.7" in title
    assert "b2 = 0.00055016 \u00b1 7.3e-06" in title
    assert "NOT CONVERGED" not in title


def test_fit_that_has_not_converged_says_so() -> None:
    table = read_table(str(NIST / "Misra1a.dat"))
    fit = solve(build_problem(table, gather(table)), max_evaluations=2)
    assert "NOT CONVERGED" in plot.figure(fit).axes[0].get_title("left")


def test_several_predictors_are_drawn_over_the_fitted_values() -> None:
    fit = fitted(NIST / "Nelson.dat")
    above, below = plot.figure(fit).axes
    assert below.get_xlabel() == "fitted log(y)"
    data = drawn(above, "data")
    assert data.get_xdata() == pytest.approx(fit.problem.curve(fit.values))
    ends = drawn(above, "fit")
    assert np.array_equal(ends.get_xdata(), ends.get_ydata())


def test_sigma_gives_error_bars_and_weighted_residuals(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text("t (ms),U,s\n1,2,0.1\n2,3,0.2\n3,5,0.1\n4,5,0.4\n")
    fit = fitted(path, "s", model="U = a*t_ms + b", start="a=1,b=0")
    above, below = plot.figure(fit).axes
    assert (below.get_xlabel(), below.get_ylabel()) == ("t (ms)", "residual / sigma")
    assert len(above.containers) == 1
    shown = next(line for line in below.lines if len(line.get_xdata()) == 4).get_ydata()
    assert shown == pytest.approx(-fit.problem.residuals(fit.values))


def test_no_predictor_and_no_errors_can_be_drawn(tmp_path: Path) -> None:
    path = tmp_path / "d.csv"
    path.write_text("y\n1\n2\n4\n")
    above, _ = plot.figure(fitted(path, model="a", start="a=1")).axes
    assert drawn(above, "data").get_xdata().tolist() == [1, 2, 3]
    path.write_text("x,y\n1,2\n2,5\n")
    above, _ = plot.figure(fitted(path, model="a + b*x", start="a=1,b=1")).axes
    assert not [artist for artist in above.collections if "band" in str(artist.get_label())]


def test_text_of_the_file_is_not_read_as_mathematics(tmp_path: Path) -> None:
    """A dollar sign begins a formula in matplotlib, and a broken one raises when it is drawn."""
    path = tmp_path / "d.csv"
    path.write_text("t $_{,US$ $^\n1,2\n2,3\n3,5\n")
    fit = fitted(
        path, model="a*t_ + b" if "t_" in read_table(str(path)).names else "a*t + b", start="a=1,b=0"
    )
    plot.save(fit, str(tmp_path / "fit.png"))
    assert plot.figure(fit).axes[1].get_xlabel() == "t $_{"


def test_every_nist_problem_is_drawn_without_a_warning() -> None:
    for path in sorted(NIST.glob("*.dat")):
        plot.figure(fitted(path)).draw_without_rendering()


def test_plot_without_matplotlib_is_an_error_that_says_what_to_install(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from osculate.cli import main\n"
        f"sys.exit(main(['fit', {str(NIST / 'Misra1a.dat')!r}, '--plot', 'fit.png']))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "osculate: error: --plot: plots need matplotlib, which is not installed: pip install osculate[cli]\n"
    )
