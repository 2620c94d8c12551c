"""The NIST StRD nonlinear regressions: the files of tests/data/nist joined with the models of nist.py.

Residuals are model - y, as in `curve_fit` (for Nelson model - log(y), which is what NIST certifies).
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

import nist
from problem import Array, End, Problem

DATA = Path(__file__).resolve().parents[1] / "tests" / "data" / "nist"

_ASSIGNMENT = re.compile(r"\bb(\d+)\s*=\s*([-+.\deE]+)")


def _header(path: Path) -> dict[str, str]:
    """The `# key: value` lines, keys in lower case."""
    lines = [line[1:] for line in path.read_text().splitlines() if line.startswith("#") and ":" in line]
    return {key.strip().lower(): value.strip() for key, value in (line.split(":", 1) for line in lines)}


def _parameters(text: str) -> Array:
    found = {int(index): float(value) for index, value in _ASSIGNMENT.findall(text)}
    return np.array([found[index] for index in sorted(found)])


def _table(path: Path) -> dict[str, Array]:
    rows = [
        line.split() for line in path.read_text().splitlines() if line.strip() and not line.startswith("#")
    ]
    columns = np.array(rows[1:], dtype=float).T
    return dict(zip(rows[0], columns, strict=True))


def table(name: str) -> tuple[Array, Array]:
    """The predictors, a column each where there are several, and what the model fits."""
    columns = _table(DATA / f"{name}.dat")
    predictors = [columns[column] for column in columns if column != "y"]
    x = predictors[0] if len(predictors) == 1 else np.column_stack(predictors)
    return x, np.log(columns["y"]) if name == "Nelson" else columns["y"]


def problem(name: str) -> Problem:
    header = _header(DATA / f"{name}.dat")
    x, y = table(name)
    model, jacobian = nist.MODELS[name]
    starts = {"start1": _parameters(header["start 1"]), "start2": _parameters(header["start 2"])}
    ends = (End(float(header["residual sum of squares"])),)
    return Problem(
        name=name,
        residual=lambda b: model(b, x) - y,
        jacobian=lambda b: jacobian(b, x),
        starts=starts,
        ends=dict.fromkeys(starts, ends),
        certified=_parameters(header["certified"]),
        certified_stderr=_parameters(header["standard deviations"]),
    )


def problems() -> list[Problem]:
    """The 27 problems, in alphabetical order."""
    return [problem(name) for name in nist.MODELS]
