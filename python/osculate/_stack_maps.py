"""Parameters and reduced chi-square over all fits: maps, values by column, or histograms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from osculate._result import Status
from osculate._stack_report import Report

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

ENCIRCLED = 500  # failures; more of them are seen without circles
NAMED = 12  # columns whose names fit under an axis
_VALUE, _FAILED, _ABSENT = "#0072B2", "#CC3311", "#BBBBBB"


def draw_maps(canvas: SubFigure | Figure, report: Report, grid: tuple[int, int]) -> None:
    """A panel for each parameter and one for the reduced chi-square, in (rows, columns)."""
    result, shape = report.result, report.stack.shape
    panels = canvas.subplots(*grid, squeeze=False).ravel()
    quantities: list[tuple[str, Any, Any]] = [
        (name, result.params[..., k], result.stderr[..., k]) for k, name in enumerate(result.names)
    ]
    quantities.append(("reduced chi-square", result.redchi, None))
    failed = (result.status <= 0) & (result.status != Status.not_run)
    for axes, (name, values, errors) in zip(panels, quantities, strict=False):
        shown = np.where(result.success, values, np.nan)
        if len(shape) == 2:
            _map(canvas, axes, shown, failed, last=errors is None)
        elif len(shape) == 1:
            _by_column(axes, report, shown, errors, failed)
        else:
            _histogram(axes, shown)
        axes.set_title(name, fontsize=10, parse_math=False)
    for axes in panels[len(quantities) :]:
        axes.set_visible(False)
    if len(shape) <= 2 and failed.any():
        _legend(canvas, int(np.count_nonzero(failed)))


def _map(canvas: SubFigure | Figure, axes: Axes, values: Any, failed: Any, *, last: bool) -> None:
    """An image; its colours span 98% of the values, so that a few far ones do not hide the rest."""
    import matplotlib

    known = values[np.isfinite(values)]
    low, high = np.percentile(known, (1, 99)) if known.size else (0.0, 1.0)
    if not low < high:
        low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)
    if not low < high:
        low, high = low - 0.5, high + 0.5
    colors = matplotlib.colormaps["Greys" if last else "viridis"].with_extremes(bad=_ABSENT)
    # An elongated map fills its panel: pixels need not be square then.
    elongated = max(values.shape) > 4 * min(values.shape)
    image = axes.imshow(values, cmap=colors, vmin=low, vmax=high, interpolation="nearest")
    axes.set_aspect("auto" if elongated else "equal")
    below, above = bool((known < low).any()), bool((known > high).any())
    extend = {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}
    bar = canvas.colorbar(image, ax=axes, extend=extend[below, above], shrink=0.8, aspect=16, pad=0.03)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)
    axes.tick_params(labelsize=8)
    if 0 < np.count_nonzero(failed) <= ENCIRCLED:
        row, column = np.nonzero(failed)
        axes.plot(column, row, ls="none", marker="o", ms=5, mfc="none", mec=_FAILED, label="not converged")


def _by_column(axes: Axes, report: Report, values: Any, errors: Any, failed: Any) -> None:
    """Values with their standard errors, one after the other; a cross at the foot is a failure."""
    place = np.arange(len(values))
    known = np.isfinite(values)
    if errors is not None and len(values) <= 200:
        shown = np.where(known & np.isfinite(errors), errors, 0.0)
        axes.errorbar(place[known], values[known], shown[known], fmt="none", ecolor=_VALUE, lw=1, alpha=0.6)
    axes.plot(place[known], values[known], ls="none", marker="o", ms=3.5, mfc=_VALUE, mec="white", mew=0.4)
    if failed.any():
        foot = np.full(np.count_nonzero(failed), 0.03)
        axes.plot(
            *(place[failed], foot),
            transform=axes.get_xaxis_transform(),
            ls="none",
            marker="x",
            ms=5,
            mec=_FAILED,
            label="not converged",
        )
    labels = report.stack.labels
    if labels and len(labels) <= NAMED:
        rotation = 90 if max(map(len, labels)) > 3 else 0
        axes.set_xticks(place, labels, fontsize=8, rotation=rotation, parse_math=False)
    else:
        axes.set_xlabel("column" if labels else "fit", fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#888888", alpha=0.15)


def _histogram(axes: Axes, values: Any) -> None:
    known = values[np.isfinite(values)]
    low, high = np.percentile(known, (0.5, 99.5)) if known.size else (0.0, 1.0)
    axes.hist(known, bins=60, range=(low, high) if low < high else None, color=_VALUE)
    axes.set_ylabel("fits", fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)


def _legend(canvas: SubFigure | Figure, count: int) -> None:
    from matplotlib.lines import Line2D

    text = f"{count:,} fits did not converge" if count != 1 else "1 fit did not converge"
    circle = Line2D([], [], ls="none", marker="o", ms=6, mfc=_ABSENT, mec=_FAILED, label=text)
    canvas.legend(handles=[circle], loc="outside lower left", frameon=False, fontsize=9)
