"""Ctrl-C ends a solve with KeyboardInterrupt, and a fork after parallel work does not hang; in processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

TIMEOUT = 60  # seconds; generous, a hang is what it is for

# Each is solved again and again: only the signal ends the process.
PYTHON_CALLBACKS = """
def fun(x):
    say()
    return np.exp(-x)
def jac(x):
    return np.diag(-np.exp(-x))
def solve():
    osculate.least_squares(fun, np.ones(2), jac, **endless)
"""
PRODUCTS = """
class Operator:
    shape = (40, 40)
    def __init__(self, x): self.d = -np.exp(-x)
    def matvec(self, v): return self.d * v
    rmatvec = matvec
def fun(x):
    say()
    return np.exp(-x)
def solve():
    osculate.least_squares(fun, np.ones(40), Operator, **endless)
"""
# No byte code runs between the iterations, which alone would let Python see the signal.
COMPILED_CALLBACK = """
def solve():
    say()
    osculate.least_squares(np.exp, np.ones(600), "2-point", **endless)
"""
# The GIL is released, with two threads at work.
PARALLEL = """
n = 300
design = np.random.default_rng(0).standard_normal((6000, n))
def fun(x):
    return np.concatenate([design @ x, np.exp(-x)])
def jac(x):
    say()
    return np.concatenate([design, np.diag(-np.exp(-x))])
def solve():
    osculate.least_squares(fun, np.ones(n), jac, threads=2, **endless)
"""
CURVE_FIT = """
def model(t, a):
    say()
    return np.exp(-a * t)
def solve():
    osculate.curve_fit(model, np.arange(4.0), [1.0, 0.5, 0.2, 0.2], [1.0])
"""
INTERRUPTED = """
import signal
import numpy as np
import osculate
signal.signal(signal.SIGINT, signal.default_int_handler)
endless = dict(ftol=None, xtol=None, gtol=None, max_nfev=10**9)
said = []
def say():
    if not said:
        said.append(print("solving", flush=True))
{body}
while True:
    solve()
"""


def python(text: str, *, interrupt: bool = False) -> tuple[int, str, str]:
    """Run code in a process of its own; `interrupt` sends SIGINT at the first line of its output."""
    command = [sys.executable, "-W", "ignore", "-c", text]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            if interrupt:
                first = process.stdout.readline()
                assert first == "solving\n", process.communicate(timeout=TIMEOUT)
                process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=TIMEOUT)
        finally:
            process.kill()
    return process.returncode, out, err


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
@pytest.mark.parametrize(
    "body",
    [PYTHON_CALLBACKS, PRODUCTS, COMPILED_CALLBACK, PARALLEL, CURVE_FIT],
    ids=["python", "products", "compiled", "parallel", "curve_fit"],
)
def test_interrupt_ends_the_solve_with_keyboard_interrupt(body: str) -> None:
    code, out, err = python(INTERRUPTED.format(body=body), interrupt=True)
    assert err.endswith("\nKeyboardInterrupt\n"), err
    assert code == -signal.SIGINT
    assert out == ""


# A second difference, whose condition is about n^2: LSMR takes more than n iterations, many minutes. A timer
# of the process's own time fires when the callbacks have long returned.
LSMR = """
import signal
import numpy as np
import scipy.sparse
import osculate
signal.signal(signal.SIGVTALRM, signal.default_int_handler)
n = 200_000
matrix = scipy.sparse.diags_array([-1.0, 2.0, -1.0], offsets=[-1, 0, 1], shape=(n, n)).tocsc()
def jac(x):
    signal.setitimer(signal.ITIMER_VIRTUAL, 0.5)
    return matrix
osculate.least_squares(lambda x: matrix @ x - 1, np.ones(n), jac, initial_radius=1e30,
                       tr_solver="lsmr", tr_options=dict(atol=1e-14, btol=1e-14, maxiter=10**9))
"""


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
def test_interrupt_ends_a_long_linear_solve() -> None:
    code, out, err = python(LSMR)
    assert err.endswith("\nKeyboardInterrupt\n"), err
    assert code == -signal.SIGINT
    assert out == ""


FORK = """
import os, sys
import numpy as np
import osculate
design = np.random.default_rng(0).standard_normal((20000, 40))
data = np.random.default_rng(1).standard_normal(20000)
def solve():
    r = osculate.least_squares(lambda x: design @ x - data, np.zeros(40), lambda x: design, threads=2)
    assert r.success
    return r.x.tobytes()
x = solve()
child = os.fork()
if child == 0:
    os._exit(0 if solve() == x else 3)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert solve() == x
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks as POSIX has them")
def test_fork_after_a_parallel_solve_does_not_hang_and_gives_the_same_bits() -> None:
    assert python(FORK) == (0, "", "")


WORKERS = """
import numpy as np
import osculate
design = np.random.default_rng(0).standard_normal((20000, 40))
def fun(x):
    return design @ x - 1
if __name__ == "__main__":
    options = dict(jac="2-point", threads=2, max_iterations=2)
    serial = osculate.least_squares(fun, np.zeros(40), **options)
    parallel = osculate.least_squares(fun, np.zeros(40), **options, workers=2)
    assert parallel.x.tobytes() == serial.x.tobytes() and parallel.evaluations == serial.evaluations
"""


def test_worker_processes_after_a_parallel_solve_do_not_hang() -> None:
    assert python(WORKERS) == (0, "", "")
