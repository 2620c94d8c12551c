"""One call of `fit` with its arguments read: runs the engine chunk by chunk, and again for failed fits."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _core
from ._batch_data import Data, FloatArray
from ._batch_options import LOSSES, Observers, Options
from ._batch_paths import Callback
from ._batch_predict import predict
from ._batch_result import ARRAYS, FitResult, Interrupted
from ._batch_starts import Starts, rescue_starts, retry_starts
from ._model import Model
from ._result import Status
from ._trace import Trace

CHUNK = 65536  # fits whose starts are guessed at a time
# In float32 the products of a column pulled out of its factor must not under- or overflow: x^6, say.
FLOAT32_FACTOR_RANGE = (1e-6, 1e6)


class EarlyEndError(Exception):
    """An observer has ended the call."""


@dataclass(frozen=True)
class Call:
    """The model, the data and the options of a call."""

    model: Model
    data: Data
    names: tuple[str, ...]
    active: tuple[int, ...]
    bounds: tuple[FloatArray, FloatArray] | None
    starts: Starts
    options: Options
    trace: Trace | None
    callback: Callback | None  # how the model is called where it is not traced
    why_not: str | None
    report: Observers | None = None

    def run(self) -> FitResult:
        """Fit everything. Raises Interrupted with what is finished."""
        if self.data.shape == ():  # as a batch of one
            one = replace(self, data=self.data.lift())
            try:
                return one.run().first(self)
            except Interrupted as interrupted:
                raise Interrupted(interrupted.result.first(self)) from None
        result = self._empty()
        try:
            self._fill(result)
            result = self._rescue(result)
        except EarlyEndError:
            self._blank(result)
        except KeyboardInterrupt:
            self._blank(result)
            if self.options.on_interrupt == "raise":
                raise Interrupted(self._finished(result)) from None
        return self._finished(result)

    def _fill(self, result: FitResult) -> None:
        """Fits everything, chunk by chunk."""
        done = 0
        for key in self._chunks():
            part = self.data.take(key)
            start = self.starts(self, part, key)
            self._engine(part, start, self._bounds(key), result, key, done)
            done += part.fits
            # The engine does not report on a chunk that takes it less than 20 ms.
            if self.report is not None and not self.report(done):
                raise EarlyEndError

    def _blank(self, result: FitResult) -> None:
        """NaN for what is missing: all of the fits that did not run, and the covariances of robust ones whose
        errors, which come last (batch/sandwich.hpp), are NaN."""
        ended = result.status != Status.not_run
        for array in (result.params, result.stderr, result.cost, result.redchi, result._packed):
            if array is not None:
                array[~ended] = np.nan
        if self._sandwich and result._packed is not None:
            result._packed[np.isnan(result.stderr).all(axis=-1)] = np.nan

    def _finished(self, result: FitResult) -> FitResult:
        return result if self.options.covariance else result._with(_packed=None)

    def _empty(self) -> FitResult:
        shape, p, dtype = self.data.shape, len(self.names), self.options.dtype
        triangle = len(self.active) * (len(self.active) + 1) // 2
        wanted = bool(self.options.covariance) or self._sandwich
        return FitResult(
            names=self.names,
            params=np.empty((*shape, p), dtype),
            stderr=np.empty((*shape, p), dtype),
            cost=np.empty(shape, dtype),
            redchi=np.empty(shape, dtype),
            status=np.full(shape, Status.not_run, dtype=np.int8),
            flags=np.zeros(shape, dtype=np.uint8),
            iterations=np.zeros(shape, dtype=np.int32),
            n_points=np.zeros(shape, dtype=np.int32),
            path=self.callback.path if self.callback is not None else "tape",
            why_not=self.why_not,
            active=self.active,
            _packed=np.empty((*shape, triangle), dtype) if wanted else None,
            _call=replace(self, report=None),
        )

    @property
    def _sandwich(self) -> bool:
        """Whether covariances come from the scatter of the points' gradients (batch/sandwich.hpp)."""
        return self.options.covariance != "model" and self.options.loss not in ("linear", "poisson")

    def _chunks(self) -> Iterator[Any]:
        """Keys of slices along the first axis; one for all where starts need no work."""
        shape = self.data.shape
        rest = math.prod(shape[1:])
        if self.starts.given or shape[0] == 1 or self.data.fits <= CHUNK:
            yield ...
            return
        rows = max(1, CHUNK // max(rest, 1))
        for first in range(0, shape[0], rows):
            yield slice(first, min(first + rows, shape[0]))

    def _bounds(self, key: Any) -> tuple[FloatArray, FloatArray] | None:
        if self.bounds is None or key is ...:
            return self.bounds
        full = (*self.data.shape, len(self.names))
        lower, upper = (np.broadcast_to(side, full)[key] if side.ndim > 1 else side for side in self.bounds)
        return lower, upper

    def _engine(
        self,
        data: Data,
        start: FloatArray,
        bounds: tuple[FloatArray, FloatArray] | None,
        result: FitResult,
        key: Any,
        before: int,
        *,
        active: tuple[int, ...] | None = None,
    ) -> None:
        """Runs the compiled engine on `data`, writing into result[key]."""
        if data.fits == 0:
            return
        o = self.options

        def view(array: NDArray[Any] | None) -> NDArray[Any] | None:
            if array is None:
                return None
            part: NDArray[Any] = array[key]
            if not part.flags.c_contiguous:
                raise RuntimeError("chunks of results are contiguous")
            return part

        lower, upper = bounds if bounds is not None else (None, None)
        arguments = {
            "shape": data.shape,
            "points": data.points,
            "y": data.y,
            "sigma": data.sigma,
            "mask": None if data.mask is None else data.mask.view(np.uint8),
            "start": start,
            "lower": lower,
            "upper": upper,
            "active": self.active if active is None else active,
            "parameters": len(self.names),
            "own_coordinates": data.own_x,
            "coordinates": list(data.x),
        }
        options = {
            "ftol": o.ftol,
            "xtol": o.xtol,
            "gtol": o.gtol,
            "max_iterations": o.max_iterations,
            "max_evaluations": o.max_evaluations(len(self.active if active is None else active)),
            "initial_radius": o.initial_radius,
            "loss": LOSSES[o.loss],
            "loss_scale": o.f_scale,
            "absolute_sigma": o.absolute_sigma or o.loss == "poisson",
            "sandwich": self._sandwich,
            "threads": o.threads,
            "single": o.dtype is np.float32,
            "factor_columns": o.dtype is not np.float32 or _moderate(data.x),
        }
        output = {
            "parameters": view(result.params),
            "stderr": view(result.stderr),
            "covariance": view(result._packed),
            "cost": view(result.cost),
            "redchi": view(result.redchi),
            "status": view(result.status),
            "flags": view(result.flags),
            "iterations": view(result.iterations),
            "points": view(result.n_points),
        }
        report = self.report
        poll = None if report is None else lambda done: report(before + done)
        if self.callback is not None:
            with np.errstate(all="ignore"):  # one fit's overflow is its status, no warning among thousands
                finished = _core.fit_callback(self.callback.request(data), arguments, options, output, poll)
        elif self.trace is not None:
            arguments["arrays"] = list(np.ascontiguousarray(self.trace.arrays, dtype=np.float64))
            finished = _core.fit(self.trace.graph, self.trace.root, arguments, options, output, poll)
        else:
            raise RuntimeError("a model is traced or called back")
        if not finished:
            raise EarlyEndError

    def linear_start(self, data: Data, start: FloatArray, linear: tuple[int, ...]) -> FloatArray:
        """`start` with the parameters that enter linearly at their least-squares values."""
        options = replace(
            self.options, initial_radius=math.inf, max_iterations=1, covariance=False, loss="linear"
        )
        call = replace(self, data=data, active=linear, bounds=None, options=options, report=None)
        result = call._empty()
        call._engine(data, start, None, result, ..., 0)
        return np.where(np.isfinite(result.params), result.params, start).astype(np.float64)

    def retry(self, result: FitResult, p0: Any, changes: dict[str, Any]) -> FitResult:
        """Fits the failed ones of `result` again; see FitResult.retry."""
        if self.data.shape == ():
            return replace(self, data=self.data.lift()).retry(result.lift(), p0, changes).first(self)
        options = self.options.changed(**changes)
        where = np.nonzero(~result.success)
        count = len(where[0])
        if count == 0:
            return result
        at = np.asarray(result.params[where], dtype=np.float64)
        given = self.starts(self, self.data.take(where), where)  # of fits that have not run
        at = np.where(np.isfinite(at).all(axis=-1, keepdims=True), at, given)
        starts = at if p0 is None else retry_starts(p0, self.names, self.active, at, where, self.data.shape)
        return replace(self, options=options)._fit_some(result, where, [starts])

    def _rescue(self, result: FitResult) -> FitResult:
        if self.options.rescue == 0:
            return result
        where = np.nonzero(~result.success)
        if len(where[0]) == 0:
            return result
        index = np.ravel_multi_index(where, self.data.shape)
        given = self.starts(self, self.data.take(where), where)
        around = np.broadcast_to(given, (len(index), len(self.names)))
        tries = rescue_starts(around, self.active, index, self.options.rescue, self.options.seed)
        return self._fit_some(result, where, tries)

    def _fit_some(self, result: FitResult, where: Any, tries: Any) -> FitResult:
        """Fits some again from each of `tries`; keeps what is better: converged, then the lower cost."""
        merged = result._with(
            **{name: getattr(result, name).copy() for name in ARRAYS},
            _packed=None if result._packed is None else result._packed.copy(),
        )
        data, bounds = self.data.take(where), self._bounds(where)
        for start in tries:
            call = replace(self, data=data, report=None)
            new = call._empty()
            call._engine(data, np.ascontiguousarray(start), bounds, new, ..., 0)
            old_cost, old_status = merged.cost[where].reshape(-1), merged.status[where].reshape(-1)
            with np.errstate(invalid="ignore"):
                cheaper = (new.cost < old_cost) | ~np.isfinite(old_cost)
            better = ((new.status > 0) & ((old_status <= 0) | cheaper)) | (
                (old_status <= 0) & (new.status <= 0) & cheaper
            )
            for name in (*ARRAYS, "_packed"):
                to, source = getattr(merged, name), getattr(new, name)
                if to is None:
                    continue
                part = to[where].reshape(source.shape)
                part[better] = source[better]
                to[where] = part.reshape(to[where].shape)
        return merged

    def predict(self, params: NDArray[Any], x: Any) -> FloatArray:
        """The model at fitted parameters, (..., N)."""
        return predict(self.model, self.callback, self.data, params, x)


def _moderate(coordinates: tuple[NDArray[Any], ...]) -> bool:
    """Whether the largest coordinate is of moderate size."""
    low, high = FLOAT32_FACTOR_RANGE
    largest = [float(np.abs(x).max()) for x in coordinates]
    return all(size == 0 or low <= size <= high for size in largest)
