"""Scalable functions of pairs of variables, many of them not convex, at n = 2 to 1000.

Sources: More, Garbow & Hillstrom (ACM TOMS 7(1), 1981) for the extended functions; Conn, Gould & Toint,
"Testing a class of methods for solving minimization problems with simple bounds" (Math. Comp. 50, 1988) and
CUTE (Bongartz et al., ACM TOMS 21(1), 1995) for ARWHEAD, COSINE, EDENSCH, ENGVAL1, LIARWHD, NONDIA and
QUARTC; Toint, "Some numerical results using a sparse matrix updating formula" (Math. Comp. 32, 1978) for the
trigonometric one; Dixon & Price (JOTA 60, 1989).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from objective import Objective, Pairs, of_pairs, starts_of
from problem import Array

Phi = Callable[[Any, Any], Sequence[Any]]


def _square(r: Phi) -> Phi:
    """phi = r^2 of a residual that gives value, slopes and curvatures."""

    def phi(a: Any, b: Any) -> Sequence[Any]:
        v, va, vb, vaa, vab, vbb = r(a, b)
        return (
            v**2,
            2 * v * va,
            2 * v * vb,
            2 * (va * va + v * vaa),
            2 * (va * vb + v * vab),
            2 * (vb * vb + v * vbb),
        )

    return phi


def _linear(p: float, q: float, c: Array | float = 0.0, power: int = 2) -> Phi:
    """(p a + q b + c)^power."""

    def phi(a: Any, b: Any) -> Sequence[Any]:
        s = p * a + q * b + c
        slope, bend = power * s ** (power - 1), power * (power - 1) * s ** (power - 2)
        return s**power, p * slope, q * slope, p * p * bend, p * q * bend, q * q * bend

    return phi


def _parabola(a: Any, b: Any) -> Sequence[Any]:
    """b - a^2."""
    return b - a**2, -2 * a, 1.0, -2.0, 0.0, 0.0


def _double_parabola(a: Any, b: Any) -> Sequence[Any]:
    """2 b^2 - a."""
    return 2 * b**2 - a, -1.0, 4 * b, 0.0, 0.0, 4.0


def _wells(a: Any, b: Any) -> Sequence[Any]:
    """(a^2 - 1)^2 / 4, b unused: a double well."""
    return (a**2 - 1) ** 2 / 4, a**3 - a, 0.0, 3 * a**2 - 1, 0.0, 0.0


def _engval(a: Any, b: Any) -> Sequence[Any]:
    """(a^2 + b^2)^2 - 4 a + 3."""
    s = a**2 + b**2
    return s**2 - 4 * a + 3, 4 * a * s - 4, 4 * b * s, 4 * s + 8 * a**2, 8 * a * b, 4 * s + 8 * b**2


def _edensch(a: Any, b: Any) -> Sequence[Any]:
    """(a - 2)^4 + (a b - 2 b)^2 + (b + 1)^2."""
    d = a - 2
    value = d**4 + d**2 * b**2 + (b + 1) ** 2
    slopes = (4 * d**3 + 2 * d * b**2, 2 * d**2 * b + 2 * (b + 1))
    return value, *slopes, 12 * d**2 + 2 * b**2, 4 * d * b, 2 * d**2 + 2


def _cosine(a: Any, b: Any) -> Sequence[Any]:
    """cos(a^2 - b / 2)."""
    s = a**2 - b / 2
    sin, cos = np.sin(s), np.cos(s)
    return cos, -2 * a * sin, sin / 2, -2 * sin - 4 * a**2 * cos, a * cos, -cos / 4


def _turn(a: Any, b: Any) -> Sequence[Any]:
    """1 - cos a, b unused."""
    return 1 - np.cos(a), np.sin(a), 0.0, np.cos(a), 0.0, 0.0


def _sine(a: Any, b: Any) -> Sequence[Any]:
    """sin a, b unused."""
    return np.sin(a), np.cos(a), 0.0, -np.sin(a), 0.0, 0.0


def _freudenstein(p: float, q: float, c: float) -> Phi:
    """(a + p b + q b^2 + s b^3 + c)^2, the cube's sign s with q's opposite."""
    s = -np.sign(q)

    def r(a: Any, b: Any) -> Sequence[Any]:
        slope, bend = p + 2 * q * b + 3 * s * b**2, 2 * q + 6 * s * b
        return a + p * b + q * b**2 + s * b**3 + c, 1.0, slope, 0.0, 0.0, bend

    return _square(r)


def _himmelblau(a: Any, b: Any) -> Sequence[Any]:
    """a^2 + b - 11."""
    return a**2 + b - 11, 2 * a, 1.0, 2.0, 0.0, 0.0


def himmelblau_terms(n: int) -> list[Pairs]:
    i = np.arange(0, n, 2)
    r = _square(_himmelblau)
    seven = _square(lambda a, b: (a**2 + b - 7, 2 * a, 1.0, 2.0, 0.0, 0.0))
    return [Pairs(i, i + 1, r), Pairs(i + 1, i, seven)]


def double_well_chain(name: str, n: int, starts: dict[str, Array]) -> Objective:
    """sum (x_i^2 - 1)^2 / 4 + sum (x_i - x_{i+1})^2 / 8: tridiagonal, with many saddles."""
    i = np.arange(n)
    terms = [Pairs(i, i, _wells), Pairs(i[:-1], i[1:], _linear(1, -1), 0.125)]
    return of_pairs(name, terms, starts)


def _blocks(n: int) -> list[Objective]:
    """Two or four variables a block: the extended functions."""
    i, k = np.arange(0, n, 2), np.arange(0, n, 4)
    alternate = np.tile([-1.2, 1.0], n // 2)
    valley = [Pairs(i, i + 1, _square(_parabola), 100.0), Pairs(i, i, _linear(1, 0, -1))]
    powell = [
        Pairs(k, k + 1, _linear(1, 10)),
        Pairs(k + 2, k + 3, _linear(1, -1), 5.0),
        Pairs(k + 1, k + 2, _linear(1, -2, power=4)),
        Pairs(k, k + 3, _linear(1, -1, power=4), 10.0),
    ]
    wood = [
        Pairs(k, k + 1, _square(_parabola), 100.0),
        Pairs(k, k, _linear(1, 0, -1)),
        Pairs(k + 2, k + 3, _square(_parabola), 90.0),
        Pairs(k + 2, k + 2, _linear(1, 0, -1)),
        Pairs(k + 1, k + 3, _linear(1, 1, -2), 10.0),
        Pairs(k + 1, k + 3, _linear(1, -1), 0.1),
    ]
    freudenstein = [
        Pairs(i, i + 1, _freudenstein(-2.0, 5.0, -13.0)),
        Pairs(i, i + 1, _square(lambda a, b: (a - 14 * b + b**2 + b**3 - 29, 1.0, 3 * b**2 + 2 * b - 14, 0.0,
                                              0.0, 6 * b + 2))),
    ]  # fmt: skip
    return [
        of_pairs(f"extended_rosenbrock_{n}", valley, starts_of(alternate, 10)),
        of_pairs(f"extended_powell_singular_{n}", powell, starts_of(np.tile([3.0, -1, 0, 1], n // 4), 10)),
        of_pairs(f"extended_wood_{n}", wood, starts_of(np.tile([-3.0, -1.0], n // 2), 10)),
        of_pairs(
            f"extended_freudenstein_roth_{n}",
            freudenstein,
            starts_of(np.tile([0.5, -2.0], n // 2)),
            gtol=1e-5,
        ),
        of_pairs(f"extended_himmelblau_{n}", himmelblau_terms(n), starts_of(np.ones(n), 10)),
    ]


def _chains(n: int) -> list[Objective]:
    """Neighbours, or all with one: tridiagonal and arrow-shaped Hessians."""
    i = np.arange(n)
    a, b, first, last = i[:-1], i[1:], np.zeros(n, dtype=int), np.full(n - 1, n - 1)
    valley = [Pairs(a, b, _square(_parabola), 100.0), Pairs(a, a, _linear(1, 0, -1))]
    dixon = [
        Pairs(i[:1], i[:1], _linear(1, 0, -1)),
        Pairs(a, b, _square(_double_parabola), np.arange(2.0, n + 1)),
    ]
    steps = i + 1.0
    after = np.concatenate([[0.0], steps[:-1]])  # sin x_i enters term i - 1 with -(i - 1), i + 1 with i + 1
    turn = [Pairs(i, i, _turn, steps), Pairs(a, a, _sine, steps[:-1] + 1), Pairs(b, b, _sine, -after[1:])]
    liar = [Pairs(i, first, _square(lambda a, b: (a**2 - b, 2 * a, -1.0, 2.0, 0.0, 0.0)), 4.0),
            Pairs(i, i, _linear(1, 0, -1))]  # fmt: skip
    bowl = _square(lambda a, b: (a - b**2, 1.0, -2 * b, 0.0, 0.0, -2.0))
    nondia = [Pairs(i[:1], i[:1], _linear(1, 0, -1)), Pairs(first[1:], a, bowl, 100.0)]
    quartic = [Pairs(i, i, _linear(1, 0, -steps, 4))]
    wave = starts_of(np.sin(np.arange(1, n + 1)) / 2)
    return [
        of_pairs(f"chained_rosenbrock_{n}", valley, starts_of(np.tile([-1.2, 1.0], n // 2))),
        of_pairs(f"dixon_price_{n}", dixon, starts_of(np.ones(n), 10)),
        of_pairs(f"banded_trigonometric_{n}", turn, starts_of(np.ones(n)), gtol=1e-5),
        double_well_chain(f"double_well_chain_{n}", n, wave),
        of_pairs(f"engval1_{n}", [Pairs(a, b, _engval)], starts_of(np.full(n, 2.0), 10)),
        of_pairs(f"arwhead_{n}", [Pairs(a, last, _engval)], starts_of(np.ones(n), 10)),
        of_pairs(f"liarwhd_{n}", liar, starts_of(np.full(n, 4.0))),
        of_pairs(f"nondia_{n}", nondia, starts_of(-np.ones(n))),
        of_pairs(f"edensch_{n}", [Pairs(a, b, _edensch)], starts_of(np.full(n, 8.0))),
        of_pairs(f"cosine_{n}", [Pairs(a, b, _cosine)], starts_of(np.ones(n))),
        *([of_pairs(f"quartc_{n}", quartic, starts_of(np.full(n, 2.0)))] if n <= 100 else []),
    ]


def problems() -> list[Objective]:
    """The functions of pairs at n = 100 and 1000, and Himmelblau's own."""
    himmelblau = of_pairs("himmelblau", himmelblau_terms(2), starts_of(np.ones(2), 10))
    return [himmelblau, *_blocks(100), *_chains(100), *_blocks(1000), *_chains(1000)]
