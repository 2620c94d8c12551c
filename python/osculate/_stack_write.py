"""What many fits found, in a file: arrays of the stack's shape (.npz), or a row a fit (.csv)."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from osculate._result import Status
from osculate._stack_report import Report

ROWS = 10_000  # fits of a .csv file that are turned into text at a time


def save(report: Report, path: str) -> None:
    """Write the file; raise OSError where that fails."""
    if Path(path).suffix.lower() == ".npz":
        _save_npz(report, path)
    else:
        _save_csv(report, path)


def _save_npz(report: Report, path: str) -> None:
    result = report.result
    arrays: dict[str, Any] = {
        "names": np.array(result.names),
        "params": result.params,
        "stderr": result.stderr,
        "cost": result.cost,
        "redchi": result.redchi,
        "status": result.status,
        "flags": result.flags,
        "iterations": result.iterations,
        "n_points": result.n_points,
        "model": np.array(report.model_text),
    }
    if report.stack.labels:
        arrays["columns"] = np.array(report.stack.labels)
    with Path(path).open("wb") as file:  # savez appends .npz to a name that ends in .NPZ
        np.savez(file, **arrays)


def _save_csv(report: Report, path: str) -> None:
    result, stack = report.result, report.stack
    if stack.labels:
        index = ["column"]
    else:
        index = [f"index_{k}" for k in range(len(stack.shape))] or ["index_0"]
    of_parameters = [text for name in result.names for text in (name, f"{name}_stderr")]
    others = ["cost", "redchi", "status", "outcome", "flags", "iterations", "n_points"]
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*index, *of_parameters, *others])
        for first in range(0, stack.fits, ROWS):
            writer.writerows(_rows(report, slice(first, min(first + ROWS, stack.fits))))


def _rows(report: Report, part: slice) -> Iterator[list[Any]]:
    result, stack, p = report.result, report.stack, len(report.result.names)

    def flat(array: Any) -> list[Any]:
        values: list[Any] = np.asarray(array).reshape(-1)[part].tolist()
        return values

    params, stderr = (array.reshape(-1, p)[part].tolist() for array in (result.params, result.stderr))
    status = flat(result.status)
    where = np.unravel_index(np.arange(part.start, part.stop), stack.shape or (1,))
    indices = zip(*(axis.tolist() for axis in where), strict=True)
    columns = (flat(result.cost), flat(result.redchi), status, [Status(value).name for value in status])
    rest = (flat(result.flags), flat(result.iterations), flat(result.n_points))
    for index, values, errors, *others in zip(indices, params, stderr, *columns, *rest, strict=True):
        named = [stack.labels[index[0]]] if stack.labels else list(index)
        yield [*named, *(number for pair in zip(values, errors, strict=True) for number in pair), *others]
