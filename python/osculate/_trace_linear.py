"""Which parameters of a traced function enter linearly, and at what rate its operations are done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._core import Graph
    from ._trace import Trace

LEAVES = ("constant", "parameter", "coordinate", "array")
# Steps: their derivative is zero though they depend on their operands.
STEPS = ("sign", "floor", "ceil", "not", "less", "less_equal", "equal", "not_equal", "and", "or")
RATES = ("constant", "per fit", "per point", "per cell")


def linear_parameters(trace: Trace, among: Sequence[int]) -> list[int]:
    """Return a maximal set of parameters in which the function is jointly affine, chosen in the given order.

    These are parameters whose derivatives depend on none of them, that is d2f/dp_i dp_j = 0 for all pairs,
    and that take no part in a decision.
    """
    graph = trace.graph
    gradient = graph.gradient(trace.root, trace.parameters)
    needed = reachable(graph, [trace.root])
    depends = _dependence(graph, reachable(graph, [trace.root, *(node for node in gradient if node >= 0)]))
    decisive = 0
    for node in needed:
        operation, a, b, _, _ = graph.node(node)
        if operation in STEPS:
            decisive |= depends[a] | (depends[b] if b >= 0 else 0)
        elif operation == "select":
            decisive |= depends[a]
    chosen: list[int] = []
    mask = 0
    for k in among:
        if gradient[k] < 0 or decisive >> k & 1:
            continue
        together = mask | 1 << k
        if not any(depends[gradient[j]] & together for j in (*chosen, k)):
            chosen.append(k)
            mask = together
    return chosen


def reachable(graph: Graph, roots: Iterable[int]) -> list[int]:
    """Return the nodes that some nodes are made of, and these, in order of evaluation."""
    found, waiting = set(), list(roots)
    while waiting:
        node = waiting.pop()
        if node not in found:
            found.add(node)
            waiting.extend(operands(graph, node))
    return sorted(found)


def operands(graph: Graph, node: int) -> list[int]:
    """Return the nodes a node is made of."""
    operation, a, b, c, _ = graph.node(node)
    return [] if operation in LEAVES else [operand for operand in (a, b, c) if operand >= 0]


def operations(graph: Graph, roots: Iterable[int]) -> list[Counter[str]]:
    """Count the operations, by name, of each of `RATES`."""
    counts: list[Counter[str]] = [Counter() for _ in RATES]
    rates: dict[int, int] = {}
    for node in reachable(graph, roots):
        operation = graph.node(node)[0]
        if operation in LEAVES:
            rates[node] = {"constant": 0, "parameter": 1}.get(operation, 2)
            continue
        rates[node] = 0
        for operand in operands(graph, node):
            rates[node] |= rates[operand]
        counts[rates[node]][operation] += 1
    return counts


def _dependence(graph: Graph, nodes: Sequence[int]) -> dict[int, int]:
    """The parameters that each node depends on, as bits."""
    depends: dict[int, int] = {}
    for node in nodes:
        operation, index, *_ = graph.node(node)
        depends[node] = 1 << index if operation == "parameter" else 0
        for operand in operands(graph, node):
            depends[node] |= depends[operand]
    return depends
