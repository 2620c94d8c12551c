"""What `Model.explain` says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from ._trace import Trace, Untraceable
from ._trace_linear import RATES, operations


def explain(
    call: str,
    expression: str,
    derivatives: Mapping[str, str],
    coordinates: Sequence[str],
    traced: Trace | Untraceable,
) -> str:
    """Return the sections, one below the other."""
    if isinstance(traced, Untraceable):
        return f"{call} is not traced: {traced.why_not}"
    lines = [f"{call} = {expression}", ""]
    width = max(map(len, derivatives), default=0)
    lines += [f"d/d{name.ljust(width)} = {text}" for name, text in derivatives.items()]
    tape = traced.graph.tape(traced.root, list(derivatives), list(coordinates)).rstrip()
    heading = "tape, factors of a fit pulled out of the sums:"
    return "\n".join([*lines, "", *_operations(traced), "", heading, tape])


def _operations(traced: Trace) -> list[str]:
    """What the value and the derivatives take, by how often it is done."""
    gradient = traced.graph.gradient(traced.root, traced.parameters)
    counts = operations(traced.graph, [traced.root, *(node for node in gradient if node >= 0)])
    lines = ["operations of value and derivatives together:"]
    for rate, count in zip(RATES[1:], counts[1:], strict=True):
        lines.append(f"  {rate.ljust(9)}  {count.total() or 'none':>4}  {_listed(count)}".rstrip())
    if len(traced.arrays):
        lines.append(f"arrays of the function's own, a number for each point: {len(traced.arrays)}")
    if traced.bound:
        lines.append("for this x only, whose values the function takes")
    return lines


def _listed(count: Counter[str]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(count.items(), key=lambda item: -item[1]))
