"""Turn bench/results/*.json into the README's tables: the only source of its numbers.

    python bench/report.py [README.md]          rewrite what stands between the markers
    python bench/report.py --check [README.md]  exit with 1 where that would change anything

A table, or a summary of several, goes between `<!-- bench: NAME -->` and `<!-- end bench: NAME -->`; markers
without a result stay as they are.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

import autoencoder
import batch_report
import fisher
import kfac_linalg
import kfac_overhead
import kfac_training
import krylov
import logistic
import minimize_report

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results"

SUMMARIES = {
    "batch": batch_report.summary,
    "minimize": minimize_report.summary,
    "kfac_linalg": kfac_linalg.summary,
}
TABLES = {  # one function for each of a bench's tables
    "cg": krylov.table,
    "minimize": minimize_report.table,
    "logistic": logistic.table,
    "autoencoder": autoencoder.table,
    "kfac_linalg": kfac_linalg.table,
    "kfac_training": kfac_training.table,
    "kfac_overhead": kfac_overhead.table,
    "fisher": fisher.table,
}
MARKED = re.compile(r"(<!-- bench: (\w+) -->\n).*?(<!-- end bench: \2 -->)", re.DOTALL)


def _table(header: list[str], rows: list[list[str]]) -> str:
    """A Markdown table, columns padded so that it reads in a terminal too; the first to the left."""
    widths = [max(len(row[column]) for row in [header, *rows]) for column in range(len(header))]

    def line(cells: list[str]) -> str:
        padded = [cells[0].ljust(widths[0])] + [
            c.rjust(w) for c, w in zip(cells[1:], widths[1:], strict=True)
        ]
        return "| " + " | ".join(padded) + " |"

    rule = "|" + "|".join([":" + "-" * (widths[0] + 1)] + ["-" * (w + 1) + ":" for w in widths[1:]]) + "|"
    return "\n".join([line(header), rule, *map(line, rows)])


def _quartiles(values: list[float] | None, digits: int) -> str:
    if values is None:
        return "-"
    low, median, high = values
    return f"{median:.{digits}f} ({low:.{digits}f} - {high:.{digits}f})"


def _accuracy(label: str, table: dict[str, Any]) -> str:
    rows = table["rows"]
    reference, common = table["reference"], rows[0]["common"]
    with_digits = any(row["reached_ratio"] for row in rows)
    header = ["", "solved", "wrong success", "residuals / run", "Jacobians / run"]
    header += ["residuals to equal digits"] * with_digits + [f"residuals, {common} runs", "Jacobians", "ms"]
    cells = []
    for row in rows:
        line = [row["solver"], f"{row['solved']}/{row['of']}", str(row["false_success"])]
        line += [_quartiles(row["residuals_ratio"], 2), _quartiles(row["jacobians_ratio"], 2)]
        line += [_quartiles(row["reached_ratio"], 2)] * with_digits
        line += [str(row["residuals_common"]), str(row["jacobians_common"])]
        cells.append([*line, f"{1e3 * row['seconds_common']:.0f}"])
    note = (
        f"Ratios to {reference} where both solve, median (quartiles); "
        f"sums and time over the {common} runs that all solve."
    )
    return f"{label}\n\n{_table(header, cells)}\n\n{note}"


def _overhead(label: str, rows: list[dict[str, Any]]) -> str:
    header = ["", "n", "us a call", "us an evaluation"]
    cells = [
        [row["solver"], str(row["n"]), _quartiles(row["call_us"], 1), _quartiles(row["evaluation_us"], 2)]
        for row in rows
    ]
    return f"Path: {label}\n\n{_table(header, cells)}"


def _origin(facts: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in facts["versions"].items() if version)
    threads = ", ".join(f"{name}={value}" for name, value in facts["threads"].items())
    mark = " **Measured under load: not for comparison.**" if facts["noisy"] else ""
    return (
        f"{facts['cpu']}, {facts['cpus']} CPUs{', ' + threads if threads else ''}; Python {facts['python']}, "
        f"{versions}; load {facts['load_start']:.2f} before, {facts['load_end']:.2f} after, "
        f"{facts['user_seconds']:.0f} s of user time; {facts['date'][:10]}.{mark}"
    )


def render(record: dict[str, Any]) -> str:
    """The Markdown of one result."""
    if record["bench"] == "batch":
        parts = [batch_report.table(label, table, _table) for label, table in record["tables"].items()]
        parts.append(batch_report.footer(record))
    elif record["bench"] in TABLES:
        parts = [TABLES[record["bench"]](label, table, _table) for label, table in record["tables"].items()]
        versions = record.get("peer_versions", {})
        parts += [", ".join(f"{name} {version}" for name, version in versions.items()) + "."] * bool(versions)
    else:
        draw = _overhead if record["bench"] == "overhead" else _accuracy
        parts = [draw(label, table) for label, table in record["tables"].items()]
    return "\n\n".join([*parts, _origin(record["environment"])])


def brief(record: dict[str, Any]) -> str:
    """The Markdown of one result for the README: a summary where the whole is long."""
    if record["bench"] in SUMMARIES:
        return f"{SUMMARIES[record['bench']](record, _table)}\n\n{_origin(record['environment'])}"
    return render(record)


def updated(text: str, results: Path = RESULTS) -> str:
    """`text` with every marked table replaced by its result's."""

    def replace(match: re.Match[str]) -> str:
        path = results / f"{match[2]}.json"
        return f"{match[1]}{brief(json.loads(path.read_text()))}\n{match[3]}" if path.exists() else match[0]

    return MARKED.sub(replace, text)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Write the bench results into a file's marked tables.")
    parser.add_argument("file", nargs="?", type=Path, default=ROOT / "README.md")
    parser.add_argument("--check", action="store_true", help="change nothing, exit with 1 if it would")
    options = parser.parse_args(arguments)
    before = options.file.read_text()
    after = updated(before)
    if options.check:
        return int(before != after)
    options.file.write_text(after)
    return 0


if __name__ == "__main__":
    sys.exit(main())
