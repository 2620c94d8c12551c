"""Ctrl-C ends long calls of osculate.linalg that run no Python code; in processes."""

from __future__ import annotations

import os
import signal

import pytest
from test_interrupt import python

# A timer of the process's own time fires when the call is under way.
BEGIN = """
import signal
import numpy as np
from osculate.linalg import cg, cholesky_inverse, minres
signal.signal(signal.SIGVTALRM, signal.default_int_handler)
"""
# A condition of 10^16 and no tolerance: hundreds of thousands of products by a function compiled in NumPy.
KRYLOV = """
matrix = np.diag(np.logspace(0, 16, 1000))
signal.setitimer(signal.ITIMER_VIRTUAL, 0.3)
while True:
    {method}(matrix, np.ones(1000), rtol=0, maxiter=10**9)
"""
BATCH = """
matrices = np.broadcast_to(np.eye({n}), ({count}, {n}, {n}))
signal.setitimer(signal.ITIMER_VIRTUAL, 0.3)
while True:
    cholesky_inverse(matrices, threads=2)
"""


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
@pytest.mark.parametrize(
    "body",
    [
        KRYLOV.format(method="cg"),
        KRYLOV.format(method="minres"),
        BATCH.format(n=4, count=10**6),
        BATCH.format(n=100, count=3000),
    ],
    ids=["cg", "minres", "lanes", "one by one"],
)
def test_interrupt_ends_the_call_with_keyboard_interrupt(body: str) -> None:
    code, out, err = python(BEGIN + body)
    assert err.endswith("\nKeyboardInterrupt\n"), err
    assert code == -signal.SIGINT
    assert out == ""
