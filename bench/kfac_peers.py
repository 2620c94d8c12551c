"""What each peer of the linear-algebra bench does, called in a process of its own (kfac_worker.py).

`layers` keeps what it prepared: factors come before inverses, and inverses before preconditioning. Peers
are spared what our calls do beyond the algebra: rows that have their column of ones already, no checks
of what is given, and of SciPy's potri one triangle in "inverse" (mirrored in "layers", where products
need the whole).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

import kfac_worker

DAMPING = 1e-2
SETS: dict[str, list[tuple[int, int]]] = {}  # (inputs with the one, outputs) of every layer


def _chain(*widths: int) -> list[tuple[int, int]]:
    sizes = [*widths, *widths[-2::-1]]
    return [(a + 1, b) for a, b in itertools.pairwise(sizes)]


SETS["32 x 256"] = [(256, 256)] * 32
SETS["64 x 128"] = [(128, 128)] * 64
SETS["784-1000-500-250-30, and back"] = _chain(784, 1000, 500, 250, 30)
SETS["CURVES 784-400-200-100-50-25-6, and back"] = _chain(784, 400, 200, 100, 50, 25, 6)
SETS["tiny"] = _chain(6, 4, 3)

_kept: dict[str, dict[str, Callable[[], object]]] = {}


def matrix(n: int, dtype: str) -> Any:
    """Positive definite, of a condition number of about 100."""
    a = np.random.default_rng(n).standard_normal((n + n // 2, n)).astype(dtype)
    return a.T @ a / np.asarray(len(a), dtype) + np.asarray(DAMPING, dtype) * np.eye(n, dtype=dtype)


def _scipy_inverse(a: Any) -> Any:
    from scipy.linalg import lapack

    potrf, potri = lapack.get_lapack_funcs(("potrf", "potri"), (a,))
    factor, _ = potrf(a, lower=False, overwrite_a=False, clean=False)  # of a' = a in Fortran's order: no copy
    return potri(factor, lower=False, overwrite_c=True)[0]


def inverse(peer: str, n: int, dtype: str, threads: int) -> float:
    """Seconds of one inverse."""
    name = f"inverse {n} {dtype}"
    if name not in _kept:
        _kept.clear()  # one size at a time
        _kept[name] = {"inverse": _inverse_of(peer, matrix(n, dtype), threads)}
        _kept[name]["inverse"]()
    return kfac_worker.seconds(_kept[name]["inverse"])


def _inverse_of(peer: str, a: Any, threads: int) -> Callable[[], object]:
    if peer == "osculate":
        from osculate.linalg import spd_inverse

        return lambda: spd_inverse(a, threads=threads)
    if peer == "numpy.linalg.inv":
        return lambda: np.linalg.inv(a)
    if peer == "scipy potrf + potri":
        ordered = np.asfortranarray(a)
        return lambda: _scipy_inverse(ordered)
    import torch

    tensor = torch.from_numpy(a)
    return lambda: torch.cholesky_inverse(torch.linalg.cholesky(tensor))


def layers(peer: str, name: str, batch: int, verb: str, threads: int) -> float:
    """Seconds of "factors", "inverses" or "precondition" of all layers of a set, float32."""
    key = f"layers {name} {batch}"
    if key not in _kept:
        _kept.clear()
        _kept[key] = {"osculate": _ours, "NumPy, SciPy": _numpy, "torch": _torch}[peer](name, batch, threads)
        for prepare in _kept[key].values():
            prepare()
    return kfac_worker.seconds(_kept[key][verb])


def _data(name: str, batch: int) -> tuple[list[Any], list[Any], list[Any]]:
    random = np.random.default_rng(0)

    def normal(*shape: int) -> Any:
        return random.standard_normal(shape, np.float32)

    sizes = SETS[name]
    activations = [normal(batch, n) for n, _ in sizes]
    return activations, [normal(batch, m) for _, m in sizes], [normal(m, n) for n, m in sizes]


def _ours(name: str, batch: int, threads: int) -> dict[str, Callable[[], object]]:
    import osculate
    from osculate.layers import Linear

    a, g, V = _data(name, batch)
    names = [f"{i}" for i in range(len(V))]
    sizes = [Linear(n, m, bias=False) for n, m in SETS[name]]
    kfac = osculate.KFAC(dict(zip(names, sizes, strict=True)), damping=DAMPING, threads=threads)
    rows = {key: (x, y) for key, x, y in zip(names, a, g, strict=True)}
    vectors = dict(zip(names, V, strict=True))
    out = {key: np.empty_like(x) for key, x in vectors.items()}
    return {
        "factors": lambda: kfac.update_all(rows, loss_average=None),
        "inverses": kfac.invert,
        "precondition": lambda: kfac.precondition(vectors, out=out),
    }


def _numpy(name: str, batch: int, threads: int) -> dict[str, Callable[[], object]]:
    """As one writes it: a.T @ a (NumPy calls syrk), potrf + potri, two products."""
    a, g, V = _data(name, batch)
    factors: list[Any] = [np.eye(x.shape[1], dtype=np.float32) for x in (*a, *g)]
    inverses: list[Any] = [None] * len(factors)

    def update() -> None:
        for target, rows in zip(factors, (*a, *g), strict=True):
            target *= np.float32(0.95)
            target += np.float32(0.05 / batch) * (rows.T @ rows)

    def invert() -> None:
        for i, factor in enumerate(factors):
            damped = factor + np.float32(DAMPING) * np.eye(len(factor), dtype=np.float32)
            half = _scipy_inverse(damped.T)
            inverses[i] = np.triu(half) + np.triu(half, 1).T

    def precondition() -> list[Any]:
        pairs = zip(inverses[: len(a)], inverses[len(a) :], V, strict=True)
        return [right @ v @ left for left, right, v in pairs]

    return {"factors": update, "inverses": invert, "precondition": precondition}


def _torch(name: str, batch: int, threads: int) -> dict[str, Callable[[], object]]:
    import torch

    a, g, V = ([torch.from_numpy(x) for x in part] for part in _data(name, batch))
    factors = [torch.eye(x.shape[1]) for x in (*a, *g)]
    eyes = [torch.eye(len(factor)) for factor in factors]
    inverses: list[Any] = [None] * len(factors)

    def update() -> None:
        for target, rows in zip(factors, (*a, *g), strict=True):
            target.addmm_(rows.T, rows, beta=0.95, alpha=0.05 / batch)

    def invert() -> None:
        for i, (factor, eye) in enumerate(zip(factors, eyes, strict=True)):
            damped = torch.add(factor, eye, alpha=DAMPING)
            inverses[i] = torch.cholesky_inverse(torch.linalg.cholesky(damped))

    def precondition() -> list[Any]:
        pairs = zip(inverses[: len(a)], inverses[len(a) :], V, strict=True)
        return [right @ v @ left for left, right, v in pairs]

    return {"factors": update, "inverses": invert, "precondition": precondition}
