"""Load the one compiled core that fits this processor and register it as ``osculate._core``.

The package holds the whole core once per instruction-set level: ``generic`` (x86-64-v2, or any other
architecture), ``v3`` (AVX2, FMA) and ``v4`` (AVX-512), as far as they were built. The highest level that the
processor and its operating system support is loaded; the environment variable ``OSCULATE_ISA`` names another.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Sequence

from . import _cpu

LEVELS = ("generic", "v3", "v4")
"""All levels, each one containing those before it."""


def choose(wanted: str, built: Sequence[str], supported: Sequence[str]) -> str:
    """Return the level to load: `wanted`, or where it is empty the highest one both built and supported."""
    usable = [level for level in LEVELS if level in built and level in supported]
    if wanted in usable:
        return wanted
    if not wanted and usable:
        return usable[-1]
    if not wanted:
        problem = "no instruction-set level can be loaded, reinstall it on this machine"
    elif wanted not in LEVELS:
        problem = f"OSCULATE_ISA={wanted!r} is no instruction-set level, expected one of {', '.join(LEVELS)}"
    elif wanted not in supported:
        problem = f"OSCULATE_ISA={wanted!r} is more than this processor supports"
    else:
        problem = f"OSCULATE_ISA={wanted!r} was not built"
    raise ImportError(
        f"osculate: {problem} (built: {', '.join(built) or 'none'}; "
        f"supported by this processor: {', '.join(supported) or 'none'})"
    )


def built_levels() -> tuple[str, ...]:
    """Return the levels whose extension module is installed."""
    return tuple(level for level in LEVELS if importlib.util.find_spec(f"{__package__}._core_{level}"))


level = choose(os.environ.get("OSCULATE_ISA", ""), built_levels(), _cpu.levels)
_core = importlib.import_module(f"{__package__}._core_{level}")
sys.modules[f"{__package__}._core"] = _core
setattr(sys.modules[__package__], "_core", _core)  # noqa: B010 (a module has no such attribute, says mypy)
