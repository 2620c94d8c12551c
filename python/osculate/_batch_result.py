"""What `fit` returns: arrays shaped like the batch, one status a fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import IntFlag
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._result import FloatArray, Status

if TYPE_CHECKING:
    from ._batch_call import Call


class Flag(IntFlag):
    """What is to be known of a fit beside its `Status`; several may hold.

    Examples
    --------
    >>> flags = Flag.at_bound | Flag.no_freedom
    >>> bool(flags & Flag.at_bound), bool(flags & Flag.rank_deficient)
    (True, False)
    """

    at_bound = 1
    """A parameter ended on a bound."""
    rank_deficient = 2
    """The data do not determine some parameter."""
    nonfinite_model = 4
    """Model or data were NaN or infinite."""
    points_excluded = 8
    """Points with a sigma that is not positive were left out."""
    no_freedom = 16
    """There are no more points than free parameters: the scatter is unknown."""


ARRAYS = ("params", "stderr", "cost", "redchi", "status", "flags", "iterations", "n_points")  # a row each fit
FLAG_SENTENCES = {
    Flag.at_bound: "a parameter ended on a bound",
    Flag.rank_deficient: "the data do not determine some parameter",
    Flag.nonfinite_model: "model or data were NaN or infinite",
    Flag.points_excluded: "points with a sigma that is not positive were left out",
    Flag.no_freedom: "no more points than free parameters: the scatter is unknown",
}


@dataclass(frozen=True, repr=False, eq=False)
class FitResult:
    """What `fit` found, in arrays shaped like the batch. ``result["tau"]`` is a parameter by its name.

    A fit that failed has its best parameters here all the same: look at `status`, `success` or `failed()`.
    """

    names: tuple[str, ...]
    """Names of the P parameters."""
    params: FloatArray
    """Parameters, shape (..., P)."""
    stderr: FloatArray
    """Standard errors, shape (..., P): NaN where a parameter is fixed, at a bound it is pushed against, or
    not determined by the data."""
    cost: FloatArray
    """Half the sum of the losses; without a loss half of chi-square. Shape (...)."""
    redchi: FloatArray
    """Reduced chi-square, 2 cost / (points - parameters that the data determine); NaN without such degrees of
    freedom. Shape (...)."""
    status: NDArray[np.int8]
    """A `Status` for each fit: positive converged, negative not, -100 not run."""
    flags: NDArray[np.uint8]
    """Bits of `osculate.Flag` for each fit: at_bound, rank_deficient, nonfinite_model, ..."""
    iterations: NDArray[np.int32]
    """Accepted steps."""
    n_points: NDArray[np.int32]
    """Data points that counted."""
    path: str
    """How the model was evaluated: "tape" (traced), "batched" (called for many fits at once), "per_fit"
    (called for one), "pointer" (a C function)."""
    why_not: str | None
    """Why not by a faster path; None for "tape"."""
    active: tuple[int, ...]
    """Indices of the parameters that were fitted; the others were fixed."""
    _packed: FloatArray | None
    _call: Call | None = field(default=None)

    @property
    def success(self) -> NDArray[np.bool_]:
        """Which fits converged, shape (...)."""
        return self.status > 0

    @property
    def covariance(self) -> FloatArray:
        """Covariances of the parameters, shape (..., P, P); made on demand from packed triangles.

        Raises
        ------
        AttributeError
            The fit was asked for with ``covariance=False``.
        """
        if self._packed is None:
            raise AttributeError("there are no covariances: fit was called with covariance=False")
        p = len(self.names)
        full = np.full((*self.status.shape, p, p), np.nan, dtype=self.params.dtype)
        rows, columns = np.tril_indices(len(self.active))
        u, v = np.asarray(self.active, dtype=np.intp)[rows], np.asarray(self.active, dtype=np.intp)[columns]
        full[..., u, v] = self._packed
        full[..., v, u] = self._packed
        return full

    def __getitem__(self, name: str) -> FloatArray:
        """Values of the parameter `name`, shape (...)."""
        return np.asarray(self.params[..., self._index(name)])

    def error(self, name: str) -> FloatArray:
        """Standard errors of the parameter `name`, shape (...)."""
        return np.asarray(self.stderr[..., self._index(name)])

    def _index(self, name: str) -> int:
        try:
            return self.names.index(name)
        except ValueError:
            raise KeyError(f"no parameter {name!r}; there are {', '.join(self.names)}") from None

    def failed(self) -> NDArray[np.intp]:
        """Indices of the fits that did not converge, shape (k, batch dimensions)."""
        return np.argwhere(~np.atleast_1d(self.success))

    def summary(self) -> str:
        """Counts by status and flag, and percentiles of parameters, errors and reduced chi-square."""
        total = max(self.status.size, 1)
        lines = [
            f"{self.status.size} fits, path {self.path}" + (f" ({self.why_not})" if self.why_not else "")
        ]
        for value, count in zip(*np.unique(self.status, return_counts=True), strict=True):
            status = Status(int(value))
            lines.append(f"{count:>10}  {100 * count / total:6.2f}%  {status.name}: {status.sentence}")
        for flag, sentence in FLAG_SENTENCES.items():
            count = int(np.count_nonzero(self.flags & flag))
            if count:
                lines.append(f"{count:>10}  {100 * count / total:6.2f}%  {flag.name}: {sentence}")
        good = self.success
        if good.any():
            width = max(8, *map(len, self.names))
            lines.append(
                f"{'converged fits':<{width}}  {'5%':>11}  {'median':>11}  {'95%':>11}  median error"
            )
            for k, name in enumerate(self.names):
                low, middle, high = np.percentile(self.params[good, k], (5, 50, 95))
                errors = self.stderr[good, k]
                known = errors[np.isfinite(errors)]
                error = f"{np.median(known):.3g}" if known.size else "unknown"
                lines.append(f"{name:<{width}}  {low:>11.5g}  {middle:>11.5g}  {high:>11.5g}  {error}")
            known = self.redchi[good]
            known = known[np.isfinite(known)]
            if known.size:
                low, middle, high = np.percentile(known, (5, 50, 95))
                lines.append(f"{'redchi':<{width}}  {low:>11.5g}  {middle:>11.5g}  {high:>11.5g}")
        return "\n".join(lines)

    def __repr__(self) -> str:
        shape = self.status.shape
        converged = int(np.count_nonzero(self.success))
        head = f"FitResult of {self.status.size} fits, shape {shape}, {converged} converged"
        if self.status.size != 1:
            return f"{head}; parameters {', '.join(self.names)}; see summary()"
        values, errors = self.params.reshape(-1), self.stderr.reshape(-1)
        rows = [f"  {n} = {v:.6g} +- {e:.2g}" for n, v, e in zip(self.names, values, errors, strict=True)]
        return "\n".join([f"{head} ({Status(int(self.status.reshape(-1)[0])).name})", *rows])

    def to_dict(self) -> dict[str, Any]:
        """Every array by its name, for saving or data frames."""
        out: dict[str, Any] = {"names": self.names, "path": self.path}
        out |= {name: getattr(self, name) for name in ARRAYS}
        if self._packed is not None:
            out["covariance"] = self.covariance
        return out

    def predict(self, x: Any = None) -> FloatArray:
        """The fitted curves, shape (..., N).

        Parameters
        ----------
        x : array_like, shape (N,) or (D, N), optional
            Coordinates, the same for all fits. Default: those of the data.

        Returns
        -------
        ndarray
            float64.

        Raises
        ------
        TypeError
            `x` is no array of real numbers.
        ValueError
            `x` is of another shape; or the result is an unpickled one, which has no data.
        """
        return self._need_call("predict").predict(self.params, x)

    def residuals(self) -> FloatArray:
        """Data minus fitted curves, shape (..., N), not divided by sigma."""
        call = self._need_call("residuals")
        return np.asarray(call.data.y - self.predict())

    def retry(self, p0: Any = None, **options: Any) -> FitResult:
        """Fit the failed ones again from `p0`, shape (P,), (k, P) for the k failed, or (..., P), and merge.

        `options` replace those of the call, such as ``max_iterations``. A new result is kept where it
        converged or its cost is lower.
        """
        return self._need_call("retry").retry(self, p0, options)

    def _need_call(self, what: str) -> Call:
        if self._call is None:
            raise ValueError(
                f"{what} needs the data, which an unpickled result does not have: call fit again"
            )
        return self._call

    def __getstate__(self) -> Mapping[str, Any]:
        return {**self.__dict__, "_call": None}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        self.__dict__.update(state)

    def first(self, call: Call) -> FitResult:
        """The only fit of a batch of one, without the batch's axis."""
        packed = None if self._packed is None else self._packed[0]
        return self._with(
            **{name: np.asarray(getattr(self, name)[0]) for name in ARRAYS}, _packed=packed, _call=call
        )

    def lift(self) -> FitResult:
        """The inverse of `first`."""
        packed = None if self._packed is None else self._packed[np.newaxis]
        return self._with(**{name: getattr(self, name)[np.newaxis] for name in ARRAYS}, _packed=packed)

    def _with(self, **changes: Any) -> FitResult:
        return replace(self, **changes)


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a long call; `result` holds what was finished, the other fits have status not_run."""

    def __init__(self, result: FitResult) -> None:
        done = int(np.count_nonzero(result.status != Status.not_run))
        super().__init__(f"interrupted after {done} of {result.status.size} fits; see .result")
        self.result = result

    def __reduce__(self) -> tuple[type[Interrupted], tuple[FitResult]]:
        return Interrupted, (self.result,)
