"""The picture of many fits: the worst, median and best of them, and maps of the parameters."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from osculate._result import Status
from osculate._stack_maps import draw_maps
from osculate._stack_report import Report, rate

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure

CURVE_POINTS = 400
FAILED = "not converged"
_DATA, _CURVE, _ZERO, _FAILED = "#0072B2", "#D55E00", "#888888", "#CC3311"
_WIDTH = 10.0  # inches
_FITS_HEIGHT, _IMAGES_HEIGHT = 3.6, 2.9


def save(report: Report, path: str) -> None:
    """Draw into the file `path`; its suffix chooses the format. Raises OSError where it cannot be written."""
    figure(report).savefig(path, dpi=160)


def figure(report: Report) -> Figure:
    """Return the picture as a matplotlib figure.

    Above stand fits by their reduced chi-square, the worst, the median and the best of those that converged,
    and one that did not if there is one; residuals are data minus curve, and share a scale. Below, for each
    parameter and the reduced chi-square: maps for images, values with standard errors for columns, and
    histograms for other shapes. Maps leave what did not converge without a colour, and encircle it in red.
    """
    from matplotlib.figure import Figure

    chosen = ranked(report)
    panels = len(report.result.names) + 1
    columns = panels if panels <= 4 else int(np.ceil(panels / np.ceil(panels / 4)))
    rows = -(-panels // columns)
    one = report.stack.fits == 1
    height_below = 0.0 if one else rows * (2.35 if len(report.stack.shape) == 2 else 2.1)
    height_above = _FITS_HEIGHT if report.stack.image is None else _IMAGES_HEIGHT
    height = 0.7 + height_above + height_below
    canvas = Figure(figsize=(_WIDTH, height), layout="constrained")
    canvas.suptitle(_title(report), fontsize=11, x=0.01, ha="left", parse_math=False)
    if one:
        above: SubFigure | Figure = canvas
    else:
        halves: Any = canvas.subfigures(2, 1, height_ratios=[height_above, height_below], hspace=0.0)
        above = halves[0]
        draw_maps(halves[1], report, (rows, columns))
    draw_fits(above, report, chosen)
    return canvas


def ranked(report: Report) -> list[tuple[str, tuple[int, ...]]]:
    """What to show: a heading and the index of a fit each."""
    result = report.result
    status = np.atleast_1d(result.status).reshape(-1)
    size = np.atleast_1d(result.redchi).reshape(-1)
    cost = np.atleast_1d(result.cost).reshape(-1)
    size = np.where(np.isfinite(size), size, cost)
    good = np.flatnonzero((status > 0) & np.isfinite(size))
    order = good[np.argsort(size[good], kind="stable")]
    chosen = []
    if order.size >= 3:
        chosen = [("worst", order[-1]), ("median", order[len(order) // 2]), ("best", order[0])]
    elif order.size:
        chosen = [("worst", order[-1]), ("best", order[0])][: order.size]
    if order.size == 1:
        chosen = [("fit", order[0])]
    failed = np.flatnonzero((status <= 0) & (status != Status.not_run))
    if failed.size:
        count = result.n_points.reshape(-1)
        with_data = failed[count[failed] > 0]  # what has no data at all is a poor example
        chosen.insert(0, (FAILED, (with_data if with_data.size else failed)[0]))
    shape = report.stack.shape
    return [(text, tuple(map(int, np.unravel_index(at, shape))) if shape else ()) for text, at in chosen]


def draw_fits(canvas: SubFigure | Figure, report: Report, chosen: list[tuple[str, tuple[int, ...]]]) -> None:
    """Data and curve above, residuals on one scale below."""
    if not chosen:
        return
    if report.stack.image is not None:
        draw_images(canvas, report, chosen)
        return
    grid = canvas.subplots(2, len(chosen), squeeze=False, sharex="col", height_ratios=[3, 1])
    largest = 0.0
    headings = [_heading(report, text, index, 132 // len(chosen)) for text, index in chosen]
    lines = max(map(len, headings))
    for (above, below), heading, (text, index) in zip(grid.T, headings, chosen, strict=True):
        residuals = _fit(above, below, report, index)
        filled = [*heading, *[""] * (lines - len(heading))]
        color = _FAILED if text == FAILED else "black"
        above.set_title("\n".join(filled), fontsize=8.5, loc="left", color=color, parse_math=False)
        if text != FAILED and np.isfinite(residuals).any():
            largest = max(largest, float(np.nanmax(np.abs(residuals))))
    for below in grid[1]:
        if largest > 0:
            below.set_ylim(-1.15 * largest, 1.15 * largest)
        below.set_xlabel(_coordinate(report), parse_math=False)
    for axes in grid.flat:
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(color=_ZERO, alpha=0.15)
        axes.tick_params(labelsize=8)
    labels = report.stack.labels
    grid[0, 0].set_ylabel("data" if len(labels) != 1 else labels[0], parse_math=False)
    grid[1, 0].set_ylabel("residual" if report.stack.sigma is None else "residual / sigma")
    canvas.align_ylabels(grid[:, 0])
    grid[0, -1].legend(frameon=False, fontsize=8.5)


def draw_images(
    canvas: SubFigure | Figure, report: Report, chosen: list[tuple[str, tuple[int, ...]]]
) -> None:
    """Images with the fit's contours, and beside each its residuals, all on one scale."""
    stack, model = report.stack, report.setup.model
    grid = canvas.subplots(1, 2 * len(chosen), squeeze=False)[0].reshape(-1, 2)
    fitted = [np.asarray(model(stack.x, *report.result.params[index]), dtype=float) for _, index in chosen]
    data = [np.asarray(stack.y[index], dtype=float) for _, index in chosen]
    residuals = [y - f for y, f in zip(data, fitted, strict=True)]
    converged = [r for r, (text, _) in zip(residuals, chosen, strict=True) if text != FAILED]
    largest = (
        max((float(np.nanmax(np.abs(r))) for r in converged if np.isfinite(r).any()), default=0.0) or 1.0
    )
    for (left, right), y, f, r, (text, index) in zip(grid, data, fitted, residuals, chosen, strict=True):
        left.imshow(y.reshape(stack.image), cmap="viridis")
        if np.isfinite(f).all() and np.ptp(f) > 0 and min(stack.image or (0,)) > 1:
            left.contour(f.reshape(stack.image), levels=5, colors="white", linewidths=0.8)
        shown = right.imshow(r.reshape(stack.image), cmap="RdBu_r", vmin=-largest, vmax=largest)
        color = _FAILED if text == FAILED else "black"
        lines = "\n".join(_heading(report, text, index, 132 // len(chosen)))
        left.set_title(lines, fontsize=8.5, loc="left", color=color, parse_math=False)
        right.set_xlabel("residual", fontsize=9)
        left.set_xlabel("data, contours of the fit", fontsize=9)
        left.tick_params(labelsize=8)
        right.set(xticks=[], yticks=[])
    bar = canvas.colorbar(shown, ax=grid.ravel().tolist(), shrink=0.6, aspect=18, pad=0.01)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)


def _coordinate(report: Report) -> str:
    stack = report.stack
    if stack.x.ndim > 1 and not _own(report):
        return "point"
    names = report.setup.model.coordinates
    return stack.coordinates[0] if stack.labels or len(names) != 1 else names[0]


def _own(report: Report) -> bool:
    """Whether each fit has points of its own."""
    stack = report.stack
    return stack.x.shape == stack.y.shape and stack.y.ndim > 1


def _fit(above: Axes, below: Axes, report: Report, index: tuple[int, ...]) -> Any:
    """Draw one fit; return its residuals."""
    stack, model = report.stack, report.setup.model
    y = np.asarray(stack.y[index], dtype=float)
    x = stack.x[index] if _own(report) else stack.x
    values = report.result.params[index]
    place = x if x.ndim == 1 else np.arange(x.shape[-1], dtype=float)
    marker: dict[str, Any] = {"ls": "none", "marker": "o", "mfc": _DATA, "mec": "white"}
    marker |= {"ms": float(np.clip(40.0 / np.sqrt(len(y)), 1.5, 5.0)), "mew": 0.4 if len(y) <= 100 else 0.0}
    marker |= {"rasterized": len(y) > 5000}
    above.plot(place, y, label="data", zorder=2, alpha=0.85, **marker)
    if not np.isfinite(y).any():
        above.text(0.5, 0.5, "no data", transform=above.transAxes, ha="center", color=_FAILED)
        above.set_yticks([])
        above.set_xlim(float(place.min()), float(place.max()))
    if not np.isfinite(values).all() or not np.isfinite(y).any():
        return np.full(len(y), np.nan)
    fitted = np.asarray(model(x, *values), dtype=float)
    curve = _smooth(report, x, values, fitted) if x.ndim == 1 else (place, fitted)
    above.plot(*curve, color=_CURVE, lw=1.8 if x.ndim == 1 else 1.0, label="fit", zorder=3)
    sigma = 1.0 if stack.sigma is None else np.broadcast_to(stack.sigma, stack.y.shape)[index]
    with np.errstate(all="ignore"):
        residuals = (y - fitted) / sigma
    below.axhline(0.0, color=_ZERO, lw=1)
    if len(y) <= 60:
        below.vlines(place, 0, residuals, color=_DATA, lw=0.8, alpha=0.45)
    below.plot(place, residuals, **marker)
    return residuals


def _smooth(report: Report, x: Any, values: Any, fitted: Any) -> tuple[Any, Any]:
    """The curve between the points, where the model can be asked there; else at them."""
    if report.result.path == "tape":
        grid = np.linspace(float(x.min()), float(x.max()), CURVE_POINTS)
        try:
            curve = np.asarray(report.setup.model(grid, *values), dtype=float)
        except Exception:  # a function that holds an array for the data's points
            curve = np.empty(0)
        if curve.shape == grid.shape:
            return grid, curve
    order = np.argsort(x, kind="stable")
    return x[order], fitted[order]


def _heading(report: Report, text: str, index: tuple[int, ...], width: int) -> list[str]:
    result = report.result
    name = f" {report.stack.name(index)}" if index else ""
    known = f"status {Status(int(result.status[index])).name}"
    if text != FAILED:
        known = f"reduced chi-square {result.redchi[index]:.3g}"
    pairs = zip(result.names, result.params[index], strict=True)
    values = ", ".join(f"{n}\u00a0=\u00a0{v:.3g}" for n, v in pairs)
    return [f"{text}{name}", known, *textwrap.wrap(values, width)[:3]]


def _title(report: Report) -> str:
    model = textwrap.shorten(report.model_text, 110, placeholder=" ...")
    failed = np.count_nonzero((report.result.status <= 0) & (report.result.status != Status.not_run))
    share = f"{report.run - failed:,} of {report.stack.fits:,} fits converged"
    return f"{model}\n{share}; {rate(report)}"
