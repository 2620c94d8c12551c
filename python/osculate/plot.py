"""The picture of a fit: data, curve and 95% confidence band above, residuals below."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from osculate._errors import InputError
from osculate._fit_result import FitResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Array = npt.NDArray[Any]

CURVE_POINTS = 1000
# Okabe & Ito's colours, told apart also by readers who do not see all (https://jfly.uni-koeln.de/color/).
_DATA, _CURVE, _ZERO = "#0072B2", "#D55E00", "#888888"
_BAND: dict[str, Any] = {"color": _CURVE, "alpha": 0.22, "lw": 0, "zorder": 2}


def check(path: str) -> None:
    """Raise ImportError without matplotlib, InputError for a file type that it cannot write."""
    try:
        from matplotlib.backend_bases import FigureCanvasBase
    except ImportError:
        raise ImportError(
            "plots need matplotlib, which is not installed: pip install osculate[cli]"
        ) from None
    suffix = Path(path).suffix.lstrip(".").lower()
    if suffix not in FigureCanvasBase.get_supported_filetypes():
        raise InputError(f"cannot draw '{path}': end the name in .png, .pdf or .svg")


def save(fit: FitResult, path: str) -> None:
    """Draw the fit into the file `path`; its suffix chooses the format.

    Parameters
    ----------
    fit : FitResult
        The fit.
    path : str
        Where to; .png, .pdf, .svg or another format of matplotlib.

    Raises
    ------
    ImportError
        matplotlib is not installed.
    InputError
        The file type is unknown.
    OSError
        The file cannot be written.
    """
    check(path)
    figure(fit).savefig(path, dpi=160)


def figure(fit: FitResult) -> Figure:
    """Return the picture as a matplotlib figure.

    With one predictor the curve is drawn over it, with none over the points' numbers. With several the data
    are drawn over the fitted values, where a perfect fit lies on the diagonal. Residuals are data minus
    curve, in units of sigma where it is given.
    """
    from matplotlib.figure import Figure

    canvas = Figure(figsize=(7.2, 5.6), layout="constrained")
    above, below = canvas.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    fitted = fit.problem.curve(fit.values)
    if len(fit.problem.predictors) == 1:
        label = fit.problem.predictors[0]
        x = fit.problem.columns[label]
        _curve((above, below), fit, x, label)
    elif fit.problem.predictors:
        label, x = "fitted " + fit.problem.data_label, fitted
        _diagonal(above, fit, fitted)
    else:
        label, x = "point", np.arange(1.0, len(fitted) + 1)
        _line((above, below), x, fitted, fit.band(), weighted=fit.problem.sigma is not None)
    _points(above, fit, x)
    _residuals(below, fit, x, fitted)
    _text(below.set_xlabel, _header(fit, label))
    _text(above.set_ylabel, _header(fit, fit.problem.data_label))
    _title(above, fit)
    handles, labels = above.get_legend_handles_labels()
    scale = 4.0 / _marker(len(x))["ms"]
    canvas.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, markerscale=scale)
    for axes in (above, below):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color=_ZERO, alpha=0.15)
    canvas.align_ylabels()
    return canvas


def _curve(panels: tuple[Axes, Axes], fit: FitResult, x: Array, name: str) -> None:
    low, high = float(x.min()), float(x.max())
    grid = np.geomspace(low, high, CURVE_POINTS) if _logarithmic(x) else np.linspace(low, high, CURVE_POINTS)
    columns = {name: grid}
    curve, half_width = fit.problem.curve(fit.values, columns), fit.band(columns)
    _line(panels, grid, curve, half_width, weighted=fit.problem.sigma is not None)
    if _logarithmic(x):
        panels[0].set_xscale("log")


def _logarithmic(x: Array) -> bool:
    """Whether positive abscissas over more than two decades lie more evenly on a logarithmic axis."""
    if x.min() <= 0 or x.max() <= 100 * x.min():
        return False

    def largest_gap(values: Array) -> float:
        ordered = np.sort(values)
        return float(np.max(np.diff(ordered)) / (ordered[-1] - ordered[0]))

    return largest_gap(np.log(x)) < largest_gap(x)


def _line(panels: tuple[Axes, Axes], x: Array, y: Array, half_width: Array, *, weighted: bool) -> None:
    """Draw curve and band; without weights the band also in the residuals, where narrow ones are seen."""
    above, below = panels
    above.plot(x, y, color=_CURVE, lw=1.8, label="fit", zorder=3)
    if np.isfinite(half_width).any():
        above.fill_between(x, y - half_width, y + half_width, label="95% confidence band", **_BAND)
        if not weighted:
            below.fill_between(x, -half_width, half_width, **_BAND)


def _diagonal(axes: Axes, fit: FitResult, fitted: Array) -> None:
    order = np.argsort(fitted)
    half_width = fit.band()
    ends = np.array([fitted.min(), fitted.max()])
    axes.plot(ends, ends, color=_CURVE, lw=1.8, label="fit", zorder=3)
    if np.isfinite(half_width).any():
        axes.errorbar(
            *(fitted[order], fitted[order], half_width[order]),
            fmt="none",
            ecolor=_CURVE,
            elinewidth=3,
            alpha=0.3,
            label="95% confidence interval",
        )


def _points(axes: Axes, fit: FitResult, x: Array) -> None:
    data, sigma = fit.problem.data, fit.problem.sigma
    if sigma is not None and len(data) <= 1000:
        axes.errorbar(x, data, sigma, fmt="none", ecolor=_DATA, elinewidth=0.9, alpha=0.5, zorder=3.5)
    axes.plot(x, data, label="data", zorder=4 if len(data) <= 1000 else 1, **_marker(len(data)))


def _residuals(axes: Axes, fit: FitResult, x: Array, fitted: Array) -> None:
    sigma = fit.problem.sigma
    residuals = (fit.problem.data - fitted) / (1.0 if sigma is None else sigma)
    axes.axhline(0.0, color=_ZERO, lw=1)
    if len(x) <= 60:
        axes.vlines(x, 0, residuals, color=_DATA, lw=0.9, alpha=0.45)
    axes.plot(x, residuals, **_marker(len(x)))
    axes.set_ylabel("residual" if sigma is None else "residual / sigma")
    largest = float(np.max(np.abs(residuals))) or 1.0
    if np.isfinite(largest):
        axes.set_ylim(-1.15 * largest, 1.15 * largest)
    axes.ticklabel_format(axis="y", style="sci", scilimits=(-3, 4), useMathText=True)


def _marker(points: int) -> dict[str, Any]:
    size = float(np.clip(60.0 / np.sqrt(points), 1.5, 5.5))
    edge = 0.6 if points <= 100 else 0.0
    return {
        "ls": "none",
        "marker": "o",
        "ms": size,
        "mfc": _DATA,
        "mec": "white",
        "mew": edge,
        "alpha": 0.85 if points <= 5000 else 0.4,
        "rasterized": points > 5000,
    }


def _title(axes: Axes, fit: FitResult) -> None:
    """The model, the parameters with their errors, and a warning where the fit has not converged."""
    model = f"{fit.problem.data_label} = {fit.problem.model.right.text}"
    lines = textwrap.wrap(model, 84)
    model_lines = lines if len(lines) <= 3 else [*lines[:3], "..."]
    values = [
        f"{name} = {value:.5g}" + (f" \u00b1 {error:.2g}" if np.isfinite(error) else "")
        for name, value, error in zip(fit.problem.parameters, fit.values, fit.stderr, strict=True)
    ]
    joined = "   ".join(value.replace(" ", "\u00a0") for value in values)
    value_lines = textwrap.wrap(f"{joined}   (\u00b1\u00a0standard\u00a0error)", 84)
    text = "\n".join([*model_lines, *value_lines[:3]])
    if not fit.success:
        text += "\nNOT CONVERGED"
    axes.set_title(text, fontsize=9.5, loc="left", parse_math=False)


def _header(fit: FitResult, name: str) -> str:
    """What the file calls a column, for the labels of the axes."""
    table = fit.problem.table
    return table.headers[table.names.index(name)] or name if name in table.names else name


def _text(set_label: Any, text: str) -> None:
    set_label(" ".join(text.split()), parse_math=False)
