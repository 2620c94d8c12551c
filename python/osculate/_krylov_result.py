"""What the Krylov methods return."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _core

REASONS = {
    1: "residual",
    2: "progress",
    3: "boundary",
    4: "negative_curvature_boundary",
    5: "least_squares",
    -1: "max_iterations",
    -2: "nonfinite",
    -3: "negative_curvature",
    -4: "preconditioner",
    -5: "user_stop",
}
SENTENCES = {status: _core.krylov_sentence(status) for status in REASONS}
STILL_GOING = ("max_iterations", "user_stop")


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class LinearResult:
    """The solution of a linear system and how it was found. Also the pair ``x, info = ...`` of SciPy.

    `x` is the last iterate, which is finite also where the solve failed.
    """

    x: NDArray[Any]
    """Solution, shape (n,), float64 or float32."""
    status: int
    """Why the method ended: positive where it did as it was asked to."""
    iterations: int
    """Steps taken."""
    products: int
    """Products with A."""
    residual_norm: float
    """What `rtol` and `atol` are compared with, by its recurrence."""

    @property
    def success(self) -> bool:
        """Whether the method ended as it was asked to."""
        return self.status > 0

    @property
    def reason(self) -> str:
        """The status as a word, see the function's Notes."""
        return REASONS[self.status]

    @property
    def message(self) -> str:
        """Cause, and the remedy where there is something to mend."""
        return SENTENCES[self.status]

    @property
    def info(self) -> int:
        """SciPy's number: 0 success, the iterations where these did not suffice, else the negative status."""
        if self.status > 0:
            return 0
        return self.iterations if self.reason in STILL_GOING else self.status

    def __iter__(self) -> Iterator[Any]:
        return iter((self.x, self.info))

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: Any) -> Any:
        return (self.x, self.info)[index]

    def __repr__(self) -> str:
        named = {"message": self.message, "reason": self.reason}
        named.update((f.name, getattr(self, f.name)) for f in fields(self) if not f.name.startswith("_"))
        width = max(map(len, named))
        with np.printoptions(precision=6, threshold=8, edgeitems=3):
            return "\n".join(f"{name:>{width}}: {value}" for name, value in named.items())


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class CgResult(LinearResult):
    """What `cg` found."""

    model: float
    """The quadratic x'(A + damping I)x / 2 - b'x at x."""
    step_norm: float
    """sqrt(x' M^-1 x), which `radius` bounds; NaN where the start was not zero.

    Without a radius by a recurrence that is less exact after many iterations."""
    curvature: tuple[float, float]
    """Smallest and largest d'(A + damping I)d / d' M^-1 d of the directions d; NaN without any."""
    direction: NDArray[Any] | None
    """The direction d with d'(A + damping I)d <= 0 that ended the method, but for its length, shape (n,)."""
    _ritz: tuple[NDArray[np.float64], NDArray[np.float64]]

    def ritz_values(self) -> NDArray[np.float64]:
        """Approximate eigenvalues of M (A + damping I) in ascending order, by Lanczos.

        Returns
        -------
        array, shape (k,)
            From the first k <= 200 products; the outermost ones converge first, to the outermost eigenvalues.
        """
        diagonal, beside = self._ritz
        if diagonal.size == 0:
            return diagonal
        values = np.linalg.eigvalsh(np.diag(diagonal) + np.diag(beside, -1), UPLO="L")
        return np.asarray(values, dtype=np.float64)


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class MinresResult(LinearResult):
    """What `minres` found."""

    matrix_norm: float
    """About the norm of M (A - shift I): the Frobenius norm of Lanczos' matrix."""
