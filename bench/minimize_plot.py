"""Draw performance profiles of bench/results/minimize.json (Dolan & More, Math. Programming 91, 2002).

    python bench/minimize_plot.py PICTURE [RESULT]

A curve at tau is the share of the runs that a method solves at no more than tau times the cost of the best
method of that run: at 1 how often it is the best, at the right end how many it solves at all.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

RESULT = Path(__file__).resolve().parent / "results" / "minimize.json"
PANELS = (  # title, key of the cost, whether only methods with products are compared
    ("time without callbacks", "own", False),
    ("time", "seconds", False),
    ("evaluations of f, g and H", "evaluations", False),
    ("products H v", "Hv", True),
)
WIDEST = 100.0  # tau at the right end


def cost(row: dict[str, Any], key: str) -> float:
    """Of a run until the gradient passes the test; infinite where it is not solved."""
    reached = row["reached"]
    if reached is None:
        return np.inf
    if key == "evaluations":
        return float(reached["f"] + reached["g"] + reached["H"])
    return float(reached[key])


def profiles(runs: list[dict[str, dict[str, Any]]], solvers: list[str], key: str) -> dict[str, np.ndarray]:
    """Sorted ratios to the best method of each run; infinite where not solved."""
    costs = np.array([[max(cost(run[solver], key), 1e-9) for solver in solvers] for run in runs])
    best = np.min(costs, axis=1, keepdims=True)
    ratios = np.where(np.isfinite(costs), costs / np.where(np.isfinite(best), best, 1.0), np.inf)
    return {solver: np.sort(ratios[:, index]) for index, solver in enumerate(solvers)}


def _panel(axes: Any, title: str, curves: dict[str, np.ndarray], colors: dict[str, Any]) -> None:
    for solver, ratios in curves.items():
        share = np.arange(1, len(ratios) + 1) / len(ratios)
        within = ratios <= WIDEST
        steps = np.concatenate([[1.0], ratios[within], [WIDEST]])
        height = np.concatenate([[0.0], share[within], share[within][-1:] if np.any(within) else [0.0]])
        style = "-" if solver.startswith("osculate") else "--"
        axes.step(steps, height, style, where="post", color=colors[solver], linewidth=1.5, label=solver)
    axes.set_xscale("log")
    axes.set(xlim=(1, WIDEST), ylim=(0, 1.02), title=title)
    axes.grid(alpha=0.3)


def draw(record: dict[str, Any], path: Path) -> None:
    """One picture of a result of `run.py minimize`, the special cases left out."""
    import matplotlib
    from matplotlib.figure import Figure

    from minimize import PRODUCTS, by_run

    tables = record["tables"].items()
    runs = [run for label, t in tables if label != "special cases" for run in by_run(t["runs"]).values()]
    solvers = list(runs[0])
    colors = {solver: f"C{index}" for index, solver in enumerate(solvers)}
    with matplotlib.rc_context({"font.size": 8}):
        figure = Figure(figsize=(9, 6.5), layout="constrained")
        for axes, (title, key, products) in zip(figure.subplots(2, 2).flat, PANELS, strict=True):
            compared = [s for s in solvers if s in PRODUCTS] if products else solvers
            _panel(axes, title, profiles(runs, compared, key), colors)
            axes.set_xlabel("ratio to the best method of the run")
        handles, labels = figure.axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)
        figure.supylabel(f"share of {len(runs)} runs solved", fontsize=8)
        figure.savefig(path, dpi=150)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Draw performance profiles of the minimizers.")
    parser.add_argument("picture", type=Path, help="where to write it; the suffix is the format")
    parser.add_argument("result", nargs="?", type=Path, default=RESULT)
    options = parser.parse_args(arguments)
    draw(json.loads(options.result.read_text()), options.picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
