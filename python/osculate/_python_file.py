"""`FILE.py:NAME` on the command line: an object of a Python file, which is run."""

from __future__ import annotations

import difflib
import importlib.util
import re
import sys
import traceback
from pathlib import Path
from typing import Any

from osculate._errors import InputError

_REFERENCE = re.compile(r"(.+\.py):(\w+)")


def reference(text: str) -> tuple[str, str] | None:
    """Split `FILE.py:NAME`; None where the text is something else."""
    match = _REFERENCE.fullmatch(text.strip())
    return None if match is None else (match[1], match[2])


def load(path: str, name: str) -> Any:
    """Run the file and return its object `name`; raise InputError where that fails."""
    file = Path(path)
    if not file.is_file():
        siblings = [entry.name for entry in file.parent.glob("*.py")] if file.parent.is_dir() else []
        close = difflib.get_close_matches(file.name, siblings, n=1)
        hint = f"did you mean '{file.parent / close[0]}'?" if close else "check the path"
        raise InputError(f"there is no file '{path}': {hint}")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None:
        raise InputError(f"'{path}' cannot be loaded as Python")
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(file.resolve().parent))  # as for a script, which may import others
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise InputError(f"'{path}' cannot be run: {told(error, path)}") from None
    finally:
        del sys.path[0]
    if not hasattr(module, name):
        known = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        listed = f": it has {', '.join(known[:8])}" if known else ""
        raise InputError(f"'{path}' has no '{name}'{listed}")
    return getattr(module, name)


def told(error: BaseException, path: str) -> str:
    """One line for an exception: type, message, and the last line of the file that it went through."""
    text = f"{type(error).__name__}: {error}"
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg} (line {error.lineno})"
    line = raised_in(error, path)
    return text if line is None else f"{text} (line {line})"


def raised_in(error: BaseException, path: str) -> int | None:
    """The last line of the file that an exception went through; None for none."""
    file = Path(path).resolve()
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if Path(frame.filename).resolve() == file
    ]
    return lines[-1] if lines else None
