"""The tables of the bench of minimizers: one per collection, a row per method."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Table = Callable[[list[str], list[list[str]]], str]


def _median(values: list[float] | None, digits: int = 1) -> str:
    return "-" if values is None else f"{values[1]:.{digits}f}"


def _spread(values: list[float] | None) -> str:
    if values is None:
        return "-"
    low, median, high = values
    return f"{median:.2f} ({low:.2f} - {high:.2f})"


def table(label: str, content: dict[str, Any], draw: Table) -> str:
    """Solved, claims that are wrong, evaluations, and times relative to the reference's."""
    rows = content["rows"]
    header = ["", "solved", "not claimed", "false success", "of these saddles", "stopped"]
    header += ["f", "g", "H", "Hv", "time without callbacks", "time"]
    cells = []
    for row in rows:
        line = [row["solver"], f"{row['solved']}/{row['of']}", str(row["unclaimed"])]
        line += [str(row[key]) for key in ("false_success", "saddle_success", "stopped")]
        line += [_median(row[key]) for key in ("f", "g", "H", "Hv")]
        cells.append([*line, _spread(row["reached_own"]), _spread(row["reached_seconds"])])
    note = (
        f"Evaluations until the gradient passes the test: medians over the {rows[0]['common']} runs that all "
        f"solve (Hv: {rows[0]['common_products']} runs, of the methods that ask for products). "
        f"Times: ratios to {content['reference']} where both solve, median (quartiles)."
    )
    certifying = [row["certificate_products"] for row in rows if row["certificate_products"] is not None]
    if certifying:
        note += f" newton-cg then spends {certifying[0]:.0f} products on its certificate, in the median."
    return f"{label}\n\n{draw(header, cells)}\n\n{note}"


def summary(record: dict[str, Any], draw: Table) -> str:
    """For the README: a row per method over all collections; the last one has special cases."""
    tables = record["tables"]
    first = next(iter(tables.values()))
    header = [
        "",
        *(f"solved, {label}" for label in tables),
        "false success",
        "time without callbacks, n = 100",
        "n = 1000",
    ]
    cells = []
    for i, row in enumerate(first["rows"]):
        rows = [table["rows"][i] for table in tables.values()]
        line = [row["solver"], *(f"{one['solved']}/{one['of']}" for one in rows)]
        line.append(str(sum(one["false_success"] for one in rows)))
        cells.append(
            [*line, *(_median(tables[n]["rows"][i]["reached_own"], 2) for n in ("n = 100", "n = 1000"))]
        )
    return (
        f"{draw(header, cells)}\n\nTimes: medians of ratios to {first['reference']}. Special cases: saddles "
        "and maxima as starts, Hessians that are singular, of rank one or infinite, functions without a "
        "minimum."
    )
