"""The examples in the docstrings of the installed package, and in the README."""

from __future__ import annotations

import doctest
import importlib.util
import pkgutil
import re
from pathlib import Path

import numpy as np
import pytest

import osculate

README = Path(__file__).parents[2] / "README.md"
MODULES = [
    "osculate",
    *(
        module.name
        for module in pkgutil.walk_packages(osculate.__path__, "osculate.")
        if not module.name.split(".")[-1].startswith(("_core_", "_cpu", "__main__"))
    ),
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_module(name):
    package = name.split(".")[-1].lstrip("_").split("_")[0]  # that an adapter adapts
    if name.startswith("osculate.interop.") and package != "problem":
        pytest.importorskip(package)
    failures, _ = doctest.testmod(importlib.import_module(name))
    assert failures == 0


def test_examples_of_readme(tmp_path, monkeypatch):
    t, tau = np.linspace(0, 10, 50), np.linspace(1, 3, 60)[:, None]
    stack = 5 * np.exp(-t / tau) + 1 + 0.1 * np.random.default_rng(0).standard_normal((40, 60, 50))
    stack[3, 7] = np.nan
    np.save(tmp_path / "stack.npy", stack)
    monkeypatch.chdir(tmp_path)
    text = README.read_text()
    for package in ("jax", "torch"):  # which the test extra does not bring
        if importlib.util.find_spec(package) is None:
            text = re.sub(rf"```python\n(?:(?!```).)*?import {package}.*?```", "", text, flags=re.DOTALL)
            assert f"import {package}" not in text
    Path("readme").write_text(text)
    failures, examples = doctest.testfile("readme", module_relative=False)
    assert failures == 0
    assert examples > 5


@pytest.mark.parametrize("name", osculate.__all__)
def test_public_functions_have_examples(name):
    function = getattr(osculate, name)
    if isinstance(function, type):
        return
    found = doctest.DocTestFinder().find(function, name)
    assert sum(len(test.examples) for test in found) > 0
