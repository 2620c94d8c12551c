"""Logistic regression of sparse data through products alone: `newton-cg` against SciPy's two.

f(w) = sum_i log(1 + exp(-y_i x_i'w)) / m + RIDGE |w|^2 / 2 with m = 10^5 samples of n = 10^4 features, about
30 of them nonzero in a sample. As in text, a few features are frequent and most are rare (their probabilities
fall as 1 / (20 + rank)); each is in a unit of its own, from 1/SPREAD to SPREAD. Both make the Hessian
ill-conditioned. The start is zero, the goal a gradient of 2-norm 1e-8.

All methods get the same callbacks: `fun`, `jac`, and `hessp`, which keeps the weights of the last point. A
solver that is told to go no further than the goal (gtol) may stop by another norm or by the step: what counts
is the first gradient that passes the goal, `reached`. `total` is the whole call, with our certificate in it.
SciPy's Newton-CG claims success at a gradient of some 2.5e-8, whatever xtol (1e-14 to 1e-20 were tried).
Rounds take every solver once, in an order that is shuffled. Two of ours precondition, which SciPy's methods
cannot: by the Hessian's diagonal as `newton-cg` estimates it from products alone, and by the diagonal of a
bound of the Hessian, sum_i x_ij^2 / 4m + RIDGE, which only somebody who has the data can give.
"""

from __future__ import annotations

import gc
import random
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

from problem import Array

SAMPLES, FEATURES, NONZEROS = 100_000, 10_000, 30
RIDGE, SPREAD = 1e-5, 10.0
GOAL = 1e-8
ROUNDS = 5
QUICK = (4000, 400)
ITERATIONS = 500
COUNTED = ("f", "g", "Hv")


class Logistic:
    """The function with gradient and products; the data are scipy.sparse."""

    def __init__(self, samples: int, features: int, seed: int = 0) -> None:
        import scipy.sparse

        rng = np.random.default_rng(seed)
        frequency = 1 / (20.0 + np.arange(features))
        shape = samples, NONZEROS
        columns = rng.choice(features, size=shape, p=frequency / frequency.sum())
        unit = SPREAD ** rng.uniform(-1, 1, features)
        values = rng.lognormal(0, 0.5, shape) * unit[columns]
        rows = np.repeat(np.arange(samples), NONZEROS)
        # what is drawn twice for a sample is added up
        self.X = scipy.sparse.csr_array((values.ravel(), (rows, columns.ravel())), shape=(samples, features))
        self.XT = self.X.T.tocsr()
        truth = rng.standard_normal(features) / unit / np.sqrt(NONZEROS)
        self.sign = np.where(rng.random(samples) < 1 / (1 + np.exp(-(self.X @ truth))), 1.0, -1.0)
        self.n, self.m = features, samples
        self._at, self._margins = np.full(features, np.nan), np.empty(samples)
        self._weighed, self._weights = np.full(features, np.nan), np.empty(samples)

    def margins(self, w: Array) -> Array:
        """y_i x_i'w, kept for the last point."""
        if not np.array_equal(w, self._at):
            self._at, self._margins = w.copy(), self.sign * (self.X @ w)
        return self._margins

    def value(self, w: Array) -> float:
        return float(np.logaddexp(0, -self.margins(w)).sum() / self.m + RIDGE * (w @ w) / 2)

    def gradient(self, w: Array) -> Array:
        share = 1 / (1 + np.exp(self.margins(w)))
        return np.asarray(self.XT @ (-self.sign * share) / self.m + RIDGE * w)

    def product(self, w: Array, v: Array) -> Array:
        if not np.array_equal(w, self._weighed):
            half = np.tanh(self.margins(w) / 2)
            self._weighed, self._weights = w.copy(), (1 - half * half) / (4 * self.m)
        return np.asarray(self.XT @ (self._weights * (self.X @ v)) + RIDGE * v)

    def inverse_diagonal(self) -> Array:
        """Of the bound X'X / 4m + RIDGE I of the Hessian."""
        return np.asarray(1 / (self.XT.power(2).sum(axis=1) / (4 * self.m) + RIDGE))


class Counter:
    """The callbacks of a run: how often they are called, and what it took to reach the goal."""

    def __init__(self, f: Logistic) -> None:
        self.f, self.counts = f, dict.fromkeys(COUNTED, 0)
        self.reached: dict[str, Any] | None = None
        self.began = perf_counter()

    def value(self, w: Array) -> float:
        self.counts["f"] += 1
        return self.f.value(w)

    def gradient(self, w: Array) -> Array:
        self.counts["g"] += 1
        g = self.f.gradient(w)
        if self.reached is None and np.linalg.norm(g) <= GOAL:
            self.reached = {**self.counts, "seconds": perf_counter() - self.began}
        return g

    def product(self, w: Array, v: Array) -> Array:
        self.counts["Hv"] += 1
        return self.f.product(w, v)


def _ours(c: Counter, **more: Any) -> Any:
    import osculate

    # The largest element of a gradient of 2-norm 1e-8 is smaller than that norm: a tenth of it, as a rule.
    options = {"gtol": GOAL / 10, "maxiter": ITERATIONS, **more}
    return osculate.minimize(
        c.value, np.zeros(c.f.n), method="newton-cg", jac=c.gradient, hessp=c.product, options=options
    )


def _estimated(c: Counter) -> Any:
    return _ours(c, preconditioner="diagonal")


def _preconditioned(c: Counter) -> Any:
    return _ours(c, preconditioner=c.f.inverse_diagonal())


def _scipy(method: str, **options: Any) -> Callable[[Counter], Any]:
    def solve(c: Counter) -> Any:
        from scipy.optimize import minimize

        def enough(w: Array) -> None:  # Newton-CG itself knows the step only
            if c.reached is not None:
                raise StopIteration

        return minimize(
            c.value,
            np.zeros(c.f.n),
            method=method,
            jac=c.gradient,
            hessp=c.product,
            options={"maxiter": ITERATIONS, **options},
            callback=enough,
        )

    return solve


SOLVERS: dict[str, Callable[[Counter], Any]] = {
    "osculate newton-cg": _ours,
    "osculate newton-cg, diagonal estimated": _estimated,
    "osculate newton-cg, diagonal given": _preconditioned,
    "scipy Newton-CG": _scipy("Newton-CG", xtol=1e-14),
    "scipy trust-ncg": _scipy("trust-ncg", gtol=GOAL),
}
REFERENCE = "osculate newton-cg, diagonal estimated"


def run(solver: str, f: Logistic) -> dict[str, Any]:
    """One run; what it took is None where the goal was not reached."""
    c = Counter(f)
    result = SOLVERS[solver](c)
    seconds = perf_counter() - c.began
    return {
        "reached": c.reached,
        "total": {**c.counts, "seconds": seconds},
        "iterations": int(result.nit),
        "success": bool(result.success),
        "message": str(result.message),
        "gradient_norm": float(np.linalg.norm(f.gradient(np.asarray(result.x)))),
        "value": f.value(np.asarray(result.x)),
    }


def _quartiles(values: list[float]) -> list[float]:
    return [float(q) for q in np.quantile(values, (0.25, 0.5, 0.75))]


def summary(runs: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    """A row a solver: medians and quartiles, seconds also as ratios to ours of the same round."""
    rows = []
    for solver, own in runs.items():
        row: dict[str, Any] = {"solver": solver, "of": len(own)}
        good = [r for r in own if r["reached"] is not None]
        row["solved"] = len(good)
        row["gradient_norm"] = max(r["gradient_norm"] for r in own)
        row["iterations"] = _quartiles([r["iterations"] for r in own])[1]
        for key in COUNTED:
            row[key] = _quartiles([r["reached"][key] for r in good])[1] if good else None
        row["reached_seconds"] = _quartiles([r["reached"]["seconds"] for r in good]) if good else None
        row["total_seconds"] = _quartiles([r["total"]["seconds"] for r in own])
        pairs = [
            (r, ref) for r, ref in zip(own, runs[REFERENCE], strict=True) if r["reached"] and ref["reached"]
        ]
        ratios = [r["reached"]["seconds"] / ref["reached"]["seconds"] for r, ref in pairs]
        row["ratio"] = _quartiles(ratios) if ratios else None
        rows.append(row)
    return rows


def logistic(*, quick: bool = False) -> dict[str, Any]:
    """Every solver in every round."""
    samples, features = QUICK if quick else (SAMPLES, FEATURES)
    f, small = Logistic(samples, features), Logistic(500, 50)
    for solver in SOLVERS:  # imports and first uses
        run(solver, small)
    runs: dict[str, list[dict[str, Any]]] = {solver: [] for solver in SOLVERS}
    order, shuffle = list(SOLVERS), random.Random(3)
    gc.collect()
    gc.disable()
    try:
        for _ in range(1 if quick else ROUNDS):
            shuffle.shuffle(order)
            for solver in order:
                runs[solver].append(run(solver, f))
    finally:
        gc.enable()
    label = f"{samples} samples, {features} features, {f.X.nnz / samples:.1f} nonzeros a sample"
    return {"tables": {label: {"reference": REFERENCE, "rows": summary(runs), "runs": runs}}}


def table(label: str, content: dict[str, Any], draw: Callable[[list[str], list[list[str]]], str]) -> str:
    """The Markdown of the table; `draw(header, rows)` makes it."""

    def spread(values: list[float] | None) -> str:
        if values is None:
            return "-"
        low, median, high = values
        return f"{median:.2f} ({low:.2f} - {high:.2f})"

    header = [
        "",
        "solved",
        "gradient at the end",
        "iterations",
        "f",
        "g",
        "Hv",
        "seconds",
        "seconds of the call",
        "ratio",
    ]
    cells = []
    for row in content["rows"]:
        counts = ["-" if row[key] is None else f"{row[key]:.0f}" for key in COUNTED]
        solved, norm = f"{row['solved']}/{row['of']}", f"{row['gradient_norm']:.1e}"
        line = [row["solver"], solved, norm, f"{row['iterations']:.0f}", *counts]
        cells.append([*line, *(spread(row[key]) for key in ("reached_seconds", "total_seconds", "ratio"))])
    note = (
        f"Counts and seconds until the gradient's 2-norm is at most {GOAL:g}: medians (quartiles) over the "
        f"rounds; ratios to {content['reference']} of the same round. The call includes the certificate."
    )
    return f"{label}\n\n{draw(header, cells)}\n\n{note}"
