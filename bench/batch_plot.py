"""Draw bench/results/batch.json: fits per second of every peer, one panel per workload.

    python bench/batch_plot.py PICTURE [--threads 1|2] [RESULT]

Bars are medians on a logarithmic axis, black lines the quartiles, dashed lines the arithmetic limit. A peer
that was measured with one thread alone is shown so. A star marks a peer that left more than
1 in 1000 of its fits above 1e-4 of the best cost.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

RESULT = Path(__file__).resolve().parent / "results" / "batch.json"
COLORS = {"float64": "tab:blue", "float32": "tab:orange"}
LEAST_WITHIN = 0.999
HEIGHT = 0.4  # of a bar; two fill the space of a peer but for a gap


def _panel(axes: Any, label: str, content: dict[str, Any], peers: list[str], threads: int) -> None:
    for row in content["rows"]:
        if row["threads"] != min(threads, _most_threads(content, row["peer"])):
            continue
        first = row["dtype"] == "float64"
        place = peers.index(row["peer"]) + (-HEIGHT / 2 if first else HEIGHT / 2)
        low, median, high = row["rate"]
        error = [[median - low], [high - median]]
        axes.barh(place, median, HEIGHT, color=COLORS[row["dtype"]], xerr=error, error_kw={"linewidth": 1})
        star = "" if row["within"] >= LEAST_WITHIN else " *"
        axes.text(high * 1.1, place, f"{_short(median)}{star}", va="center", fontsize=7)
    for row in content["limits"]:
        if row["threads"] == threads:
            axes.axvline(row["rate"][1], color=COLORS[row["dtype"]], linestyle="--", linewidth=1)
    axes.set_xscale("log")
    axes.set_title(label, fontsize=9, loc="left")
    axes.grid(axis="x", alpha=0.3)
    axes.set_axisbelow(True)


def _most_threads(content: dict[str, Any], peer: str) -> int:
    return max((row["threads"] for row in content["rows"] if row["peer"] == peer), default=0)


def _short(value: float) -> str:
    for factor, unit in ((1e6, "M"), (1e3, "k")):
        if value >= factor:
            return f"{value / factor:.3g} {unit}"
    return f"{value:.3g}"


def draw(record: dict[str, Any], path: Path, threads: int = 2) -> None:
    """One picture of a result of `run.py batch`."""
    import matplotlib
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    tables = record["tables"]
    peers = list(dict.fromkeys(row["peer"] for table in tables.values() for row in table["rows"]))
    columns = min(2, len(tables))
    rows = -(-len(tables) // columns)
    with matplotlib.rc_context({"font.size": 8}):
        figure = Figure(figsize=(5 * columns, rows * (0.9 + 0.32 * len(peers))), layout="constrained")
        panels = figure.subplots(rows, columns, sharey=True, squeeze=False).flat
        for axes, (label, content) in zip(panels, tables.items(), strict=False):
            _panel(axes, label, content, peers, threads)
            axes.margins(x=0.12)
        serial = [max(_most_threads(table, peer) for table in tables.values()) < threads for peer in peers]
        names = [f"{peer} (1 thread)" if alone else peer for peer, alone in zip(peers, serial, strict=True)]
        panels[0].set_yticks(range(len(peers)), names)
        panels[0].invert_yaxis()
        handles = [Patch(color=color, label=dtype) for dtype, color in COLORS.items()]
        figure.legend(handles=handles, loc="outside lower right", ncols=2, frameon=False)
        unit = "thread" if threads == 1 else "threads"
        figure.supxlabel(f"fits per second, {threads} {unit}; dashed: the arithmetic limit", fontsize=8)
        figure.savefig(path, dpi=150)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Draw the batch bench's result.")
    parser.add_argument("picture", type=Path, help="where to write it; the suffix is the format")
    parser.add_argument("result", nargs="?", type=Path, default=RESULT)
    parser.add_argument("--threads", type=int, choices=(1, 2), default=2)
    options = parser.parse_args(arguments)
    draw(json.loads(options.result.read_text()), options.picture, options.threads)
    return 0


if __name__ == "__main__":
    sys.exit(main())
