"""Which compiled core is loaded: the choice itself, and in subprocesses that every level built here works."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys

import pytest

import osculate
from osculate import _cpu, _isa

HERE = _isa.built_levels()
USABLE = [level for level in HERE if level in _cpu.levels]


def run(code: str, isa: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OSCULATE_ISA": isa}
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)


@pytest.mark.parametrize(
    ("wanted", "built", "supported", "level"),
    [
        ("", _isa.LEVELS, _isa.LEVELS, "v4"),
        ("", _isa.LEVELS, ("generic", "v3"), "v3"),
        ("", ("generic", "v4"), ("generic", "v3"), "generic"),
        ("", ("generic",), ("generic",), "generic"),
        ("v3", _isa.LEVELS, _isa.LEVELS, "v3"),
        ("generic", ("generic", "v4"), _isa.LEVELS, "generic"),
    ],
)
def test_choose_takes_the_override_or_the_highest_usable_level(wanted, built, supported, level):
    assert _isa.choose(wanted, built, supported) == level


@pytest.mark.parametrize(
    ("wanted", "built", "supported", "message"),
    [
        ("v4", _isa.LEVELS, ("generic", "v3"), "'v4' is more than this processor supports .*: generic, v3"),
        ("v3", ("generic", "v4"), _isa.LEVELS, r"'v3' was not built \(built: generic, v4; supported by"),
        (
            "avx2",
            _isa.LEVELS,
            _isa.LEVELS,
            "'avx2' is no instruction-set level, expected one of generic, v3, v4",
        ),
        ("V3", _isa.LEVELS, _isa.LEVELS, "'V3' is no instruction-set level"),
        ("", ("v4",), ("generic", "v3"), r"no instruction-set level can be loaded.*\(built: v4; supported"),
        ("", (), ("generic",), "built: none"),
        ("", ("generic",), (), "supported by this processor: none"),
    ],
)
def test_choose_says_what_there_is_when_the_level_is_not_there(wanted, built, supported, message):
    with pytest.raises(ImportError, match=message):
        _isa.choose(wanted, built, supported)


def test_processor_levels_are_ascending_and_start_with_generic():
    assert _cpu.levels == _isa.LEVELS[: len(_cpu.levels)]
    assert _cpu.levels[0] == "generic"


def test_loaded_level_is_the_override_or_the_highest():
    assert _isa.level == (os.environ.get("OSCULATE_ISA") or USABLE[-1])


@pytest.mark.parametrize("level", USABLE)
def test_each_level_built_fits_a_curve(level):
    code = """if True:
        import sys
        import numpy as np
        import osculate
        t = np.linspace(0.0, 4.0, 30)
        result = osculate.least_squares(lambda b: b[0] * np.exp(-b[1] * t) - 3 * np.exp(-0.7 * t), [1.0, 1.0])
        cores = [name for name in sys.modules if name.startswith("osculate._core")]
        print(osculate._isa.level, len(cores), result.success, np.abs(result.x - [3.0, 0.7]).max() < 1e-6)
    """
    done = run(code, level)
    assert done.stderr == ""
    assert done.stdout.split() == [level, "2", "True", "True"]  # _core and the module it stands for


@pytest.mark.parametrize("level", [level for level in _isa.LEVELS if level not in USABLE] + ["sse9"])
def test_a_level_that_is_not_there_fails_to_import(level):
    done = run("import osculate", level)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith(f"ImportError: osculate: OSCULATE_ISA='{level}' ")


def test_an_empty_override_is_none():
    done = run("import osculate; print(osculate._isa.level)", "")
    assert done.stdout.split() == [USABLE[-1]]


def test_core_is_one_module_under_a_name_without_level():
    import osculate._core as core

    assert sys.modules["osculate._core"] is core
    assert osculate._core is core


def test_public_names_and_pickles_never_name_a_level():
    result = osculate.least_squares(lambda x: x - 1, [0.0])
    texts = [pickle.dumps(result, protocol=0).decode("latin-1"), repr(type(result)), repr(result)]
    public = [getattr(osculate, name) for name in osculate.__all__]
    texts += [thing.__module__ for thing in public] + [repr(thing) for thing in public]
    for level in _isa.LEVELS:
        assert not [text for text in texts if f"_core_{level}" in text]
