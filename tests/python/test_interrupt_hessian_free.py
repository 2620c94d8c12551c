"""Ctrl-C ends a step of HessianFree that runs no Python code; in a process."""

from __future__ import annotations

import os
import signal

import pytest
from test_interrupt import python

# A timer of the process's own time fires when the step is under way; the products are compiled, in NumPy.
STEP = """
import signal
import numpy as np
from osculate import HessianFree
signal.signal(signal.SIGVTALRM, signal.default_int_handler)
matrix = np.diag(np.logspace(0, 16, 1000))
optimizer = HessianFree(max_cg_iterations=10**9, progress_tolerance=0)
signal.setitimer(signal.ITIMER_VIRTUAL, 0.3)
while True:
    optimizer.step(np.ones(1000), np.ones(1000).dot, np.ones(1000), matrix.dot, preconditioner=matrix.dot)
"""


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
def test_interrupt_ends_the_step_with_keyboard_interrupt() -> None:
    code, out, err = python(STEP)
    assert err.endswith("\nKeyboardInterrupt\n"), err
    assert code == -signal.SIGINT
    assert out == ""
