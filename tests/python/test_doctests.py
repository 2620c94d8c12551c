"""The examples in the docstrings of the installed package, and in the README."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from pathlib import Path

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
    failures, _ = doctest.testmod(importlib.import_module(name))
    assert failures == 0


def test_examples_of_readme():
    failures, examples = doctest.testfile(str(README), module_relative=False)
    assert failures == 0
    assert examples > 5


@pytest.mark.parametrize("name", osculate.__all__)
def test_public_functions_have_examples(name):
    function = getattr(osculate, name)
    if isinstance(function, type):
        return
    found = doctest.DocTestFinder().find(function, name)
    assert sum(len(test.examples) for test in found) > 0
