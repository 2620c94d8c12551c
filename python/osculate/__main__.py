"""`python -m osculate --cmakedir` prints where CMake finds osculate; otherwise the `osculate` command."""

from __future__ import annotations

import sys
from pathlib import Path

import osculate


def cmake_directory() -> Path:
    """Return the folder of osculateConfig.cmake inside the installed package."""
    for root in osculate.__path__:  # two of them in an editable install
        folder = Path(root, "share", "cmake", "osculate")
        if (folder / "osculateConfig.cmake").exists():
            return folder
    raise FileNotFoundError(f"no share/cmake/osculate in {list(osculate.__path__)}; reinstall osculate")


if __name__ == "__main__":
    if sys.argv[1:] == ["--cmakedir"]:
        print(cmake_directory())
    else:
        from osculate.cli import main

        sys.exit(main())
