"""What the `osculate` command prints and writes, and its exit codes."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TextIO

from osculate._errors import InputError

CONVERGED, NOT_CONVERGED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130


def say(text: str, stream: TextIO) -> None:
    """Print what the stream's encoding can show; a reader that has left (`| head`) is no error."""
    encoding = stream.encoding or "utf-8"
    try:
        print(text.encode(encoding, errors="replace").decode(encoding), file=stream, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # else Python complains when it ends


def one_line(text: str) -> str:
    """Text from wherever, without line breaks and control characters."""
    return "".join(c if c.isprintable() else "?" for c in " ".join(text.split()))


def write_text(path: str, text: str) -> None:
    """Write a file; raise InputError where that fails."""
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise unwritable(path, error) from None


def check_plot(path: str) -> None:
    """Find out before the fit whether a picture of this name can be drawn."""
    from osculate import plot

    try:
        plot.check(path)
    except ImportError as error:
        raise InputError(f"--plot: {error}") from None


def check_writable(path: Path, data: Path) -> None:
    """Find out before the fit whether its results can be written."""
    if path.is_dir():
        raise InputError(f"'{path}' is a directory: name a file in it")
    if not path.parent.is_dir():
        raise InputError(f"cannot write '{path}': there is no directory '{path.parent}'")
    if path.exists() and data.exists() and path.samefile(data):
        raise InputError(f"'{path}' is the data file and would be overwritten: choose another name")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise InputError(f"cannot write '{path}' (permission denied): choose another place")


def unwritable(path: str, error: OSError) -> InputError:
    """The message of a file that could not be written."""
    return InputError(f"cannot write '{path}' ({error.strerror or error}): choose another place")
