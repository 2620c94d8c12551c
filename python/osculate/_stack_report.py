"""The result of many fits as text and as JSON."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from osculate._batch_result import FLAG_SENTENCES, FitResult
from osculate._result import Status
from osculate._stack_data import Stack
from osculate._stack_model import Setup

LISTED = 5  # failures that are named
NOTES = 3  # columns of many that the notes speak of


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """What was fitted, how, and what came out."""

    stack: Stack
    model_text: str
    setup: Setup
    result: FitResult
    seconds: float
    threads: int
    loss: str
    sigma: str | None
    absolute_sigma: bool
    interrupted: bool

    @property
    def run(self) -> int:
        """How many fits were run; fewer than there are where the call was interrupted."""
        return int(np.count_nonzero(self.result.status != Status.not_run))

    @property
    def failures(self) -> int:
        """How many did not converge."""
        return int(np.count_nonzero(self.result.status <= 0))

    @property
    def rate(self) -> float:
        """Fits per second, with the time it took to trace the model and to find starts."""
        return self.run / max(self.seconds, 1e-9)


def only_finished(result: FitResult) -> FitResult:
    """Make NaN of what an interrupted call has left as memory happened to be."""
    absent = result.status == Status.not_run
    if not absent.any():
        return result
    wide = absent[..., np.newaxis]
    return result._with(
        params=np.where(wide, np.nan, result.params),
        stderr=np.where(wide, np.nan, result.stderr),
        cost=np.where(absent, np.nan, result.cost),
    )


def to_text(report: Report) -> str:
    """Return the report that `osculate fit` prints."""
    stack, setup = report.stack, report.setup
    rows = [("model", report.model_text), ("data", _data(stack)), ("start", setup.how)]
    if setup.bounds:
        rows.append(("bounds", ", ".join(f"{k} {a:g}:{b:g}" for k, (a, b) in setup.bounds.items())))
    if setup.fixed:
        rows.append(("fixed", ", ".join(setup.fixed)))
    if report.sigma is not None:
        rows.append(("sigma", f"{report.sigma}, {'absolute' if report.absolute_sigma else 'relative'}"))
    if report.loss != "linear":
        rows.append(("loss", report.loss))
    rows += [("note", note) for note in stack.notes[:NOTES]]
    if len(stack.notes) > NOTES:
        rows.append(("note", f"and {len(stack.notes) - NOTES} more columns"))
    sections = ["\n".join(f"{name:<8}{text}" for name, text in rows), report.result.summary()]
    ending = [f"{'rate':<8}{rate(report)}"]
    if report.failures:
        ending.append(f"{'failed':<8}{failures(report)}")
    return "\n\n".join([*sections, "\n".join(ending)])


def rate(report: Report) -> str:
    """The speed, in words."""
    threads = f"{report.threads} thread{'s' if report.threads > 1 else ''}"
    return f"{report.run:,} fits in {report.seconds:.3g} s, {_rounded(report.rate):,} fits/s on {threads}"


def failures(report: Report) -> str:
    """The first fits that did not converge, with their statuses, and how many more there are."""
    where = report.result.failed()
    status = np.atleast_1d(report.result.status)
    named = [
        f"{report.stack.name(tuple(map(int, at)))} {Status(int(status[tuple(at)])).name}"
        for at in where[:LISTED]
    ]
    more = len(where) - LISTED
    return ", ".join(named) + (f", and {more:,} more" if more > 0 else "")


def warning(report: Report) -> str:
    """How many fits did not converge, by status, in one line."""
    status = report.result.status
    counts = [
        f"{count:,} {Status(int(value)).name}"
        for value, count in zip(*np.unique(status[status <= 0], return_counts=True), strict=True)
    ]
    return f"{report.failures:,} of {report.stack.fits:,} fits did not converge: {', '.join(counts)}"


def to_json(report: Report) -> str:
    """Return the summary as indented JSON; what every fit found stands in the --out file."""
    content = _finite(_content(report))
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def _content(report: Report) -> dict[str, Any]:
    stack, result, setup = report.stack, report.result, report.setup
    good = result.success
    where = result.failed()
    status = np.atleast_1d(result.status)
    return {
        "file": stack.source,
        "model": report.model_text,
        "shape": list(stack.shape),
        "columns": list(stack.labels),
        "fits": stack.fits,
        "run": report.run,
        "converged": int(np.count_nonzero(good)),
        "interrupted": report.interrupted,
        "points": stack.points,
        "start": setup.how,
        "bounds": {name: list(sides) for name, sides in setup.bounds.items()},
        "fixed": list(setup.fixed),
        "sigma": report.sigma,
        "absolute_sigma": report.absolute_sigma,
        "loss": report.loss,
        "notes": list(stack.notes),
        "path": result.path,
        "why_not": result.why_not,
        "seconds": report.seconds,
        "fits_per_second": report.rate,
        "threads": report.threads,
        "status": {
            Status(int(value)).name: int(count)
            for value, count in zip(*np.unique(result.status, return_counts=True), strict=True)
        },
        "flags": {
            str(flag.name): count
            for flag in FLAG_SENTENCES
            if (count := int(np.count_nonzero(result.flags & flag)))
        },
        "parameters": {
            name: _percentiles(result.params[..., k][good]) | {"stderr": _median(result.stderr[..., k][good])}
            for k, name in enumerate(result.names)
        },
        "redchi": _percentiles(result.redchi[good]),
        "failed": [
            {"fit": stack.name(tuple(map(int, at))), "status": Status(int(status[tuple(at)])).name}
            for at in where[:100]
        ],
    }


def _data(stack: Stack) -> str:
    shape = " x ".join(map(str, stack.shape)) or "1"
    points = f"of {stack.points} points"
    if stack.labels:
        shown = stack.labels if len(stack.labels) <= 6 else (*stack.labels[:3], "...", stack.labels[-1])
        columns = "column" if len(stack.labels) == 1 else "columns"
        return f"{stack.source}, {len(stack.labels)} {columns} {points}: {', '.join(shown)}"
    return f"{stack.source}, {shape} fits {points}, {stack.y.dtype}"


def _percentiles(values: Any) -> dict[str, float]:
    known = np.asarray(values, dtype=float)
    known = known[np.isfinite(known)]
    low, middle, high = np.percentile(known, (5, 50, 95)) if known.size else (np.nan,) * 3
    return {"5%": float(low), "median": float(middle), "95%": float(high)}


def _median(values: Any) -> float:
    return _percentiles(values)["median"]


def _rounded(value: float) -> int:
    """Three significant digits."""
    return int(round(value, 2 - math.floor(math.log10(value)))) if value >= 1000 else round(value)


def _finite(value: Any) -> Any:
    """Replace NaN and infinities, which JSON does not have, by None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list):
        return [_finite(item) for item in value]
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return value
