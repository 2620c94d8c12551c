"""The exception for mistakes in what a user of the command line gave."""

from __future__ import annotations


class InputError(ValueError):
    """One line that names what is wrong and says what to do; the command prints it and returns 2."""
