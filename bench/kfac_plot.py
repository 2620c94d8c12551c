"""Draw bench/results/kfac_training.json: training loss against wall time, one panel per data set.

    python bench/kfac_plot.py PICTURE [RESULT]

A line for every seed, and a dotted one at the last loss of the better of Adam and SGD.
"""

from __future__ import annotations

import json
import statistics
import sys
from pathlib import Path
from typing import Any

RESULT = Path(__file__).resolve().parent / "results" / "kfac_training.json"
COLORS = {"K-FAC": "tab:red", "Adam": "tab:blue", "SGD, Nesterov": "tab:green"}


def draw(record: dict[str, Any], path: Path) -> None:
    """One picture of a result of `run.py kfac_training`."""
    from matplotlib.figure import Figure

    tables = record["tables"]
    figure = Figure(figsize=(4.5 * len(tables), 3.6), layout="constrained")
    panels = figure.subplots(1, len(tables), squeeze=False)[0]
    for axes, (label, content) in zip(panels, tables.items(), strict=True):
        ends = []
        for row in content["rows"]:
            for seed, curve in enumerate(row["curves"]):
                seconds, losses = zip(*curve, strict=True)
                name = row["optimizer"] if seed == 0 else None
                width = 1.6 if seed == 0 else 0.8
                axes.plot(
                    seconds[1:], losses[1:], color=COLORS[row["optimizer"]], linewidth=width, label=name
                )
            if row["optimizer"] != "K-FAC":
                ends.append(statistics.median(row["loss"]))
        axes.axhline(min(ends), color="gray", linestyle=":", linewidth=1)
        axes.set(xlabel="seconds", xscale="log", yscale="log", title=label)
        axes.set_xlim(left=content["budget"] / 100)
        axes.grid(alpha=0.3, which="both")
    panels[0].set_ylabel("training loss above the entropy, nats an image")
    panels[0].legend(fontsize=8)
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    draw(json.loads(Path(*sys.argv[2:3] or [RESULT]).read_text()), Path(sys.argv[1]))
