"""The tables of the batch bench: one per workload, a row per peer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

COLUMNS = tuple((dtype, threads) for dtype in ("float64", "float32") for threads in (1, 2))

Table = Callable[[list[str], list[list[str]]], str]


def _si(value: float) -> str:
    """Three significant digits: 1234567 is 1.23 M."""
    for factor, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= 0.9995 * factor:
            digits = 2 if value < 9.995 * factor else 1 if value < 99.95 * factor else 0
            return f"{value / factor:.{digits}f}{unit}"
    return f"{value:.0f}"


def _rate(row: dict[str, Any] | None) -> str:
    """The median, and half the distance of the quartiles in percent of it."""
    if row is None:
        return "-"
    low, median, high = row["rate"]
    return f"{_si(median)} ± {50 * (high - low) / median:.0f}%"


def _within(rows: list[dict[str, Any]]) -> str:
    """The least share of the rows, never rounded up to 100%."""
    if not rows:
        return "-"
    least = min(row["within"] for row in rows)
    return "100%" if least == 1 else f"{int(1e4 * least) / 100:.2f}%"


def _counted(rows: list[dict[str, Any]], key: str, digits: int) -> str:
    return f"{rows[0][key]:.{digits}f}" if rows and key in rows[0] else "-"


def _line(peer: str, rows: list[dict[str, Any]]) -> list[str]:
    by_column = {(row["dtype"], row["threads"]): row for row in rows}
    of = {dtype: [row for row in rows if row["dtype"] == dtype] for dtype in ("float64", "float32")}
    line = [
        peer,
        *(_rate(by_column.get(column)) for column in COLUMNS),
        _within(of["float64"]),
        _within(of["float32"]),
    ]
    return [*line, _counted(rows, "iterations", 1), _si(rows[0]["fits"])]


def table(label: str, content: dict[str, Any], draw: Table) -> str:
    """One workload: fits per second, who reached the best cost, and the limit."""
    peers = dict.fromkeys(row["peer"] for row in content["rows"])
    header = ["fits per second"] + [f"{dtype}, {n} thread{'s'[: n - 1]}" for dtype, n in COLUMNS]
    header += ["within 1e-4, float64", "float32", "iterations", "fits timed"]
    cells = [_line(peer, [row for row in content["rows"] if row["peer"] == peer]) for peer in peers]
    limits = {(row["dtype"], row["threads"]): row for row in content["limits"]}
    if limits:
        cells.append(["arithmetic limit", *(_rate(limits.get(column)) for column in COLUMNS), *4 * ["-"]])
    note = f"Medians of {content['rounds']} rounds ± half the quartiles' distance."
    if limits:
        first = content["limits"][0]
        note += (
            f" Limit: {first['operations']} operations and {first['exponentials']} exp a point, "
            f"{first['evaluations']:.1f} evaluations a fit."
        )
    return f"{label}\n\n{draw(header, cells)}\n\n{note}"


SUMMARY = ("osculate", "osculate, batched callback", "TinySolver", "numba", "lumafit", "scipy curve_fit")


def summary(record: dict[str, Any], draw: Table) -> str:
    """For the README: fits per second at the most threads a peer was measured with, a column per workload."""
    tables = record["tables"]
    cells = []
    for peer in SUMMARY:
        for dtype in ("float64", "float32"):
            rows = [
                [row for row in table["rows"] if (row["peer"], row["dtype"]) == (peer, dtype)]
                for table in tables.values()
            ]
            if all(rows):
                best = [max(of, key=lambda row: row["threads"]) for of in rows]
                cells.append(
                    [f"{peer}, {dtype}", str(best[0]["threads"]), *(_si(row["rate"][1]) for row in best)]
                )
    labels = [label.split(":")[0] for label in tables]
    kinds = "; ".join(tables)
    rounds = next(iter(tables.values()))["rounds"]
    whole = draw(["fits per second", "threads", *labels], cells)
    return (
        f"{whole}\n\n{kinds}. Medians of {rounds} rounds, from NumPy array to result. TinySolver (of Ceres) "
        "is compiled with the Jacobian by hand, numba is what a careful user would write."
    )


def footer(record: dict[str, Any]) -> str:
    """Versions and absences."""
    versions = ", ".join(f"{name} {version}" for name, version in record["peer_versions"].items())
    lines = [f"Peers: {versions}."]
    lines += [f"Without {peer}: {reason}." for peer, reason in record["absent"].items()]
    return "\n\n".join(lines)
