"""Ctrl-C ends fisher_solve, which runs no Python code; in a process."""

from __future__ import annotations

import os
import signal

import pytest
from test_interrupt import python

# A timer of the process's own time fires when a solve is under way: one large system, then many small ones.
SOLVE = """
import signal
import numpy as np
from osculate import fisher_solve
signal.signal(signal.SIGVTALRM, signal.default_int_handler)
scores = np.random.default_rng(0).standard_normal({shape})
gradient = scores.mean(-2)
signal.setitimer(signal.ITIMER_VIRTUAL, 0.3)
while True:
    fisher_solve(scores, gradient, 0.1, form={form!r})
"""


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
@pytest.mark.parametrize("shape", [(2000, 2000), (300, 100, 200)])
@pytest.mark.parametrize("form", ["samples", "parameters"])
def test_interrupt_ends_the_solve_with_keyboard_interrupt(shape: tuple[int, ...], form: str) -> None:
    code, out, err = python(SOLVE.format(shape=shape, form=form))
    assert err.endswith("\nKeyboardInterrupt\n"), err
    assert code == -signal.SIGINT
    assert out == ""
