"""What an installation contains: requirements, entry points, headers, the CMake package, type information."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import osculate

ROOT = Path(__file__).parents[2]


def python(*arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout


def installed(path: str) -> Path:
    """Return a file of the package, which lies in two folders in an editable install."""
    found = [Path(root, path) for root in osculate.__path__ if Path(root, path).exists()]
    assert found, f"{path} is not installed"
    return found[0]


def test_numpy_is_the_only_requirement():
    required = [text for text in metadata.requires("osculate") if "extra ==" not in text]
    assert [re.split(r"[<>=! ]", text)[0] for text in required] == ["numpy"]


def test_import_brings_nothing_but_numpy():
    names = ["scipy", "matplotlib", "tqdm", "pandas", "lmfit", "importlib.metadata"]
    loaded = python("-c", f"import sys, osculate; print([name for name in {names} if name in sys.modules])")
    assert loaded == "[]\n"


def test_fit_imports_nothing_when_it_is_called():
    text = "osculate.fit(lambda x, a: a * x, [1.0, 2.0, 3.0], [[2.0, 4.0, 6.0]], (1.0,))"
    new = "print(sorted(set(sys.modules) - before))"
    assert python("-c", f"import sys, osculate; before = set(sys.modules); {text}; {new}") == "[]\n"


def test_models_are_imported_where_they_are_first_used():
    text = "print('osculate.models' in sys.modules, osculate.models.gaussian, 'models' in dir(osculate))"
    shown = "<model gaussian(x, height, center, sigma, offset)>"
    assert python("-c", f"import sys, osculate; {text}") == f"False {shown} True\n"


def test_version_is_the_same_everywhere():
    version = metadata.version("osculate")
    assert osculate.__version__ == version
    assert f'version = "{version}"' in (ROOT / "pyproject.toml").read_text()
    config = installed("share/cmake/osculate/osculateConfigVersion.cmake").read_text()
    assert f'set(PACKAGE_VERSION "{version}")' in config


def test_entry_points_are_the_command_and_the_cmake_root():
    points = {point.group: point.value for point in metadata.distribution("osculate").entry_points}
    assert points == {"console_scripts": "osculate.cli:main", "cmake.root": "osculate"}


def test_every_header_is_installed():
    sources = ROOT / "cpp" / "include"
    headers = [path.relative_to(sources) for path in sources.rglob("*.hpp")]
    assert len(headers) > 20
    for header in headers:
        assert installed(f"include/{header.as_posix()}").read_text() == (sources / header).read_text()


def test_cmakedir_is_where_the_config_is():
    folder = Path(python("-m", "osculate", "--cmakedir").removesuffix("\n"))
    assert folder.is_absolute()
    assert sorted(path.name for path in folder.iterdir()) == [
        "osculateConfig.cmake",
        "osculateConfigVersion.cmake",
        "osculateDependencies.cmake",
        "osculateTargets.cmake",
    ]


def test_cmake_package_names_no_folder_of_the_build():
    for path in installed("share/cmake/osculate").iterdir():
        text = path.read_text()
        assert str(ROOT) not in text
        assert "/tmp/" not in text


def test_module_runs_the_command():
    assert python("-m", "osculate", "--version") == f"osculate {osculate.__version__}\n"


@pytest.mark.parametrize("name", ["py.typed", "_core.pyi", "_cpu.pyi"])
def test_type_information_is_installed(name):
    assert installed(name).is_file()


def test_core_stub_names_what_the_core_has():
    from osculate import _core

    stub = installed("_core.pyi").read_text()
    declared = set(re.findall(r"^(?:def|class) (\w+)", stub, re.M)) | set(re.findall(r"^(\w+):", stub, re.M))
    present = {name for name in vars(_core) if not name.startswith("__")}
    assert declared == present


def test_readme_shows_the_embedded_program():
    block = re.search(r"```cpp\n(.*?)```", (ROOT / "README.md").read_text(), re.S)
    assert block is not None
    assert block[1] == (ROOT / "tests" / "embed" / "main.cpp").read_text()
