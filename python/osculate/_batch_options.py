"""Options of a batch fit beside its data and model, checked."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from . import _arguments as arg
from . import _core, _threads
from ._batch_data import WHO

LOSSES = {"linear": 0, "soft_l1": 1, "huber": 2, "cauchy": 3, "arctan": 4, "poisson": 5}
TOLERANCES = ("ftol", "xtol", "gtol")
RETRIED = (*TOLERANCES, "max_iterations", "threads")  # what `FitResult.retry` may change
# Most evaluations: by default those of least_squares, and a user's max_iterations is not cut short by them.
EVALUATIONS_PER_PARAMETER = 100
EVALUATIONS_PER_ITERATION = 10


@dataclass(frozen=True)
class Options:
    """What `fit` was asked for beside the data."""

    loss: str
    f_scale: float
    max_iterations: int
    ftol: float
    xtol: float
    gtol: float
    covariance: bool | str
    absolute_sigma: bool
    dtype: type[Any]
    threads: int
    rescue: int
    seed: int
    on_interrupt: str
    initial_radius: float = 1.0

    def max_evaluations(self, active: int) -> int:
        """Most evaluations of a model with so many parameters that are fitted."""
        return max(
            EVALUATIONS_PER_PARAMETER * max(1, active), EVALUATIONS_PER_ITERATION * self.max_iterations
        )

    def changed(self, **changes: Any) -> Options:
        """These options with some of RETRIED replaced, as `FitResult.retry` is given them."""
        who = "retry"
        unknown = sorted(set(changes) - set(RETRIED))
        if unknown:
            raise TypeError(f"{who}: options may be {', '.join(RETRIED)}, got {', '.join(unknown)}")
        read: dict[str, Any] = {}
        for name, value in changes.items():
            if name in TOLERANCES:
                read[name] = tolerance(who, name, value, self.dtype is np.float32)
            elif name == "threads":
                read[name] = _threads.resolve(value, f"{who}: ")
            else:
                read[name] = arg.count(who, name, value)
        return replace(self, **read)


def read_options(*, y_dtype: np.dtype[Any], dtype: Any, threads: int | None, **given: Any) -> Options:
    """Check the arguments of `fit`, `given` by their names there."""
    single = _single(dtype, y_dtype)
    arg.choice(WHO, "loss", given["loss"], LOSSES)
    arg.choice(WHO, "on_interrupt", given["on_interrupt"], {"raise": 0, "return": 1})
    covariance = given["covariance"]
    if isinstance(covariance, np.bool_):
        covariance = bool(covariance)
    if not isinstance(covariance, bool) and not (isinstance(covariance, str) and covariance == "model"):
        raise ValueError(f"{WHO}: covariance must be True, False or 'model', got {arg.shown(covariance)}")
    absolute_sigma = given["absolute_sigma"]
    if not isinstance(absolute_sigma, (bool, np.bool_)):
        raise TypeError(f"{WHO}: absolute_sigma must be True or False, got {arg.shown(absolute_sigma)}")
    return Options(
        loss=given["loss"],
        f_scale=arg.positive(WHO, "f_scale", given["f_scale"]),
        max_iterations=arg.count(WHO, "max_iterations", given["max_iterations"]),
        covariance=covariance,
        absolute_sigma=bool(absolute_sigma),
        dtype=np.float32 if single else np.float64,
        threads=_threads.resolve(threads, f"{WHO}: "),
        rescue=whole("rescue", given["rescue"]),
        seed=whole("seed", given["seed"]),
        on_interrupt=given["on_interrupt"],
        **{name: tolerance(WHO, name, given[name], single) for name in TOLERANCES},
    )


def _single(dtype: Any, given: np.dtype[Any]) -> bool:
    """Whether to compute in float32."""
    if dtype is None:
        return given == np.float32
    try:
        wanted = np.dtype(dtype)
    except TypeError as error:
        raise TypeError(f"{WHO}: dtype must be float32 or float64, got {arg.shown(dtype)}") from error
    if wanted not in (np.dtype(np.float32), np.dtype(np.float64)):
        raise ValueError(f"{WHO}: dtype must be float32 or float64, got {wanted}")
    return bool(wanted == np.float32)


def tolerance(who: str, name: str, value: Any, single: bool) -> float:
    """One of ftol, xtol and gtol; 0 for None."""
    if isinstance(value, str) and value == "default":
        return _core.default_tolerances(single)[TOLERANCES.index(name)]
    return arg.tolerance(who, name, value)


def whole(name: str, value: Any) -> int:
    """A whole number that is not negative."""
    try:
        if isinstance(value, arg.NOT_NUMBERS):
            raise TypeError
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{WHO}: {name} must be a whole number, got {arg.shown(value)}") from None
    if not 0 <= number <= arg.MOST:
        raise ValueError(f"{WHO}: {name} must be a whole number from 0 on, got {number}")
    return number


def read_observers(
    total: int, progress: Any, callback: Callable[[int, int], object] | None
) -> Observers | None:
    """What is to be told how many of `total` fits are done; None where nobody wants to know."""
    if callback is not None and not callable(callback):
        raise TypeError(f"{WHO}: callback must be a function of (done, total), got {arg.shown(callback)}")
    if progress is not None and not isinstance(progress, (bool, np.bool_)) and not callable(progress):
        raise TypeError(
            f"{WHO}: progress must be True, False or a function of (done, total), got {arg.shown(progress)}"
        )
    if isinstance(progress, (bool, np.bool_)):
        shown = _bar(total) if progress else None
    else:
        shown = progress
    if shown is None and callback is None:
        return None
    return Observers(total, shown, callback)


class Observers:
    """`progress` and `callback` of a call; calling it says whether to go on."""

    def __init__(self, total: int, progress: Any, callback: Callable[[int, int], object] | None) -> None:
        self.total, self.progress, self.callback = total, progress, callback

    def __call__(self, done: int) -> bool:
        try:
            for observer in (self.progress, self.callback):
                if observer is not None:
                    observer(done, self.total)
        except StopIteration:
            return False
        return True

    def close(self) -> None:
        """Ends the bar where there is one."""
        if isinstance(self.progress, Bar):
            self.progress.bar.close()


class Bar:
    """A tqdm bar as a function of (done, total)."""

    def __init__(self, bar: Any) -> None:
        self.bar = bar

    def __call__(self, done: int, total: int) -> None:
        self.bar.update(done - self.bar.n)


def _bar(total: int) -> Bar | None:
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    return Bar(tqdm(total=total, unit="fit", unit_scale=True))
