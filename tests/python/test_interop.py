"""`osculate.interop` imports other packages only when their adapters are used, and says how to get them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import osculate

PROJECT = Path(__file__).parents[2] / "pyproject.toml"
PACKAGES = {"jax": "JAX", "scipy": "SciPy", "torch": "PyTorch"}


def python(code: str) -> str:
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    return run.stdout + run.stderr


def test_adapters_are_imported_where_they_are_first_used() -> None:
    shown = python(
        "import sys, osculate.interop; names = dir(osculate.interop); "
        "print([n for n in ('jax', 'scipy', 'torch') if n in names], "
        "[n for n in ('jax', 'scipy', 'torch') if n in sys.modules])"
    )
    assert shown == "['jax', 'scipy', 'torch'] []\n"
    shown = python("import osculate; print(osculate.interop.scipy.newton.__name__)")
    assert shown == "newton\n"


@pytest.mark.parametrize("package", PACKAGES)
def test_a_missing_package_is_named_with_the_extra_that_brings_it(package: str) -> None:
    shown = python(f"import sys; sys.modules[{package!r}] = None; import osculate.interop.{package}")
    message = f"osculate.interop.{package} needs {PACKAGES[package]}: pip install 'osculate[{package}]'"
    assert shown.strip().endswith(f"ImportError: {message}")
    assert re.search(rf"^{package} = \[", PROJECT.read_text(), re.MULTILINE)


def test_other_names_are_refused() -> None:
    with pytest.raises(AttributeError, match=re.escape("module 'osculate.interop' has no attribute 'keras'")):
        _ = osculate.interop.keras
