"""Threads that solve at once, solves inside callbacks, exceptions through them, bits for any thread count."""

from __future__ import annotations

import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
import scipy.sparse
from numpy.typing import NDArray

import osculate

FloatArray = NDArray[np.float64]
T = np.linspace(0, 3, 40)
TIMEOUT = 60  # seconds; generous, a hang is what it is for
THREADS = 4


class Decay:
    """One of many data sets, with its own start."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.start = rng.uniform(0.5, 2, 3)
        self.data = 2 * np.exp(-1.3 * T) + 0.4 + 0.05 * rng.standard_normal(T.size)

    def residual(self, x: FloatArray) -> FloatArray:
        return np.asarray(x[0] * np.exp(-x[1] * T) + x[2] - self.data)

    def jacobian(self, x: FloatArray) -> FloatArray:
        e = np.exp(-x[1] * T)
        return np.stack([e, -x[0] * T * e, np.ones_like(T)], axis=1)

    def sparse(self, x: FloatArray) -> Any:
        return scipy.sparse.csc_array(self.jacobian(x))

    def operator(self, x: FloatArray) -> Any:
        return scipy.sparse.linalg.aslinearoperator(self.jacobian(x))


def bits(result: osculate.LeastSquaresResult) -> tuple[Any, ...]:
    """Everything that must not depend on who else is solving."""
    arrays = (result.x, result.fun, result.grad, result.trace["cost"])
    return (result.cost, result.nfev, result.njev, int(result.outcome), *(a.tobytes() for a in arrays))


FORMS: dict[str, Callable[[Decay], Any]] = {
    "dense": lambda d: d.jacobian,
    "sparse": lambda d: d.sparse,
    "operator": lambda d: d.operator,
    "2-point": lambda d: "2-point",
    "cs": lambda d: "cs",
}


@pytest.mark.parametrize("form", FORMS)
def test_threads_that_solve_at_once_get_the_bits_of_one(form: str) -> None:
    def solve(seed: int) -> tuple[Any, ...]:
        problem = Decay(seed)
        return bits(osculate.least_squares(problem.residual, problem.start, FORMS[form](problem)))

    alone = [solve(seed) for seed in range(24)]
    with ThreadPoolExecutor(THREADS) as pool:
        assert list(pool.map(solve, range(24))) == alone


def large(seed: int = 0, m: int = 6000, n: int = 40) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Weakly nonlinear, with J'J over several blocks of rows, so that its product is made by threads."""
    rng = np.random.default_rng(seed)
    design = rng.standard_normal((m, n))
    data = rng.standard_normal(m)

    def residual(x: FloatArray) -> FloatArray:
        z = design @ x
        return np.asarray(z + 0.1 * np.sin(z) - data)

    def jacobian(x: FloatArray) -> FloatArray:
        return np.asarray(design * (1 + 0.1 * np.cos(design @ x))[:, np.newaxis])

    return residual, jacobian


def test_threads_that_release_the_gil_at_once_get_the_bits_of_one() -> None:
    """The work of these solves is long enough that the GIL is released."""

    def solve(seed: int) -> tuple[Any, ...]:
        residual, jacobian = large(seed, 3000, 20)
        return bits(osculate.least_squares(residual, np.zeros(20), jacobian, threads=2))

    alone = [solve(seed) for seed in range(8)]
    with ThreadPoolExecutor(THREADS) as pool:
        assert list(pool.map(solve, range(8))) == alone


def test_gil_is_released_during_long_linear_algebra() -> None:
    """Asked at the end of a callback, another thread has answered before the next one begins.

    No thread is made to hand over the GIL within the switch interval, so that it must have been released.
    """
    residual, jacobian = large(m=4000, n=100)
    asked, answered, ended = threading.Event(), threading.Event(), threading.Event()
    waiting: list[bool] = []
    answers: list[bool] = []

    def answer() -> None:
        while asked.wait(TIMEOUT) and not ended.is_set():
            asked.clear()
            answered.set()

    def ask(x: FloatArray) -> FloatArray:
        jac = jacobian(x)
        answered.clear()
        asked.set()
        waiting.append(True)
        return jac

    def look(x: FloatArray) -> FloatArray:
        if waiting:  # the first call behind a Jacobian: later ones have callbacks between
            waiting.clear()
            answers.append(answered.is_set())
        return residual(x)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1000)
    thread = threading.Thread(target=answer)
    thread.start()
    try:
        osculate.least_squares(look, np.zeros(100), ask, ftol=None, xtol=None, gtol=1e-14, threads=1)
    finally:
        sys.setswitchinterval(interval)
        ended.set()
        asked.set()
        thread.join(TIMEOUT)
    assert len(answers) >= 3
    assert any(answers)


@pytest.mark.parametrize("damping", ["more", "nielsen"])
@pytest.mark.parametrize("solver", ["auto", "cholesky", "qr"])
def test_thread_count_changes_no_bits(solver: str, damping: str) -> None:
    residual, jacobian = large()
    results = [
        bits(
            osculate.least_squares(
                residual, np.zeros(40), jacobian, linear_solver=solver, damping=damping, threads=threads
            )
        )
        for threads in (1, 2, 3, 7)
    ]
    assert results[1:] == results[:1] * 3


@pytest.mark.parametrize("where", ["fun", "jac", "loss", "callback"])
def test_callback_may_call_least_squares(where: str) -> None:
    """Re-entrancy: the outer and the inner solves get the bits they get alone."""
    inner, outer = Decay(1), Decay(2)
    expected = bits(osculate.least_squares(inner.residual, inner.start, inner.jacobian))
    count = 0

    def nested(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(x: FloatArray) -> Any:
            nonlocal count
            count += 1
            assert bits(osculate.least_squares(inner.residual, inner.start, inner.jacobian)) == expected
            return function(x)

        return wrapped

    def soft(z: FloatArray) -> FloatArray:
        t = 1 + z
        return np.stack([2 * (np.sqrt(t) - 1), t**-0.5, -0.5 * t**-1.5])

    plain: dict[str, Callable[..., Any]] = {
        "fun": outer.residual,
        "jac": outer.jacobian,
        "loss": soft,
        "callback": lambda x: None,
    }
    alone = bits(osculate.least_squares(x0=outer.start, **plain))
    around = bits(osculate.least_squares(x0=outer.start, **plain | {where: nested(plain[where])}))
    assert around == alone
    assert count >= 3


class CallbackError(Exception):
    """Not one of ours."""


class Boom:
    """Raises one and the same object, from the call number `at` on."""

    def __init__(self, function: Callable[..., Any], at: int) -> None:
        self.function, self.left, self.error = function, at, CallbackError("from the callback")

    def __call__(self, *args: Any) -> Any:
        self.left -= 1
        if self.left < 0:
            self.explode()
        return self.function(*args)

    def explode(self) -> None:
        raise self.error


class Operator:
    """The Jacobian by products, one of which raises."""

    def __init__(self, jac: FloatArray, boom: Boom, name: str) -> None:
        self.shape = jac.shape
        self.matvec: Any = jac.__matmul__
        self.rmatvec: Any = jac.T.__matmul__
        boom.function = getattr(self, name)
        setattr(self, name, boom)


@pytest.mark.parametrize("size", ["small", "large"])
@pytest.mark.parametrize("at", [0, 2])
@pytest.mark.parametrize("where", ["fun", "jac", "loss", "callback", "matvec", "rmatvec"])
def test_exception_comes_out_as_the_same_object_with_its_traceback(where: str, at: int, size: str) -> None:
    """Small solves hold the GIL throughout, large ones take it back for the callback."""
    if size == "small":
        problem = Decay(3)
        start, residual, jacobian = problem.start, problem.residual, problem.jacobian
    else:
        start, (residual, jacobian) = np.zeros(20), large(m=3000, n=20)
    if where == "callback" and size == "large":
        at = 0  # how many steps a solve takes at rounding level depends on the instruction set
    boom = Boom({"fun": residual, "jac": jacobian}.get(where, lambda x: None), at)
    arguments: dict[str, Any] = {"fun": residual, "jac": jacobian}
    if where in ("matvec", "rmatvec"):
        arguments["jac"] = lambda x: Operator(jacobian(x), boom, where)
    else:
        arguments[where] = boom
    if where == "loss":
        boom.function = lambda z: np.stack([np.log1p(z), 1 / (1 + z), -1 / (1 + z) ** 2])
    # No test of convergence, so that there are three iterations and calls of everything.
    off = {"ftol": None, "xtol": None, "gtol": None}
    with pytest.raises(CallbackError) as caught:
        osculate.least_squares(x0=start, **arguments, **off)
    assert caught.value is boom.error
    assert boom.left == -1
    frames = [frame.name for frame in traceback.extract_tb(caught.value.__traceback__)]
    assert frames[-2:] == ["__call__", "explode"]
    assert "least_squares" in frames
