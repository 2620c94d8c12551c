"""Adapters to other packages, each of which is imported only when its adapter is used.

`osculate.interop.scipy` has methods for `scipy.optimize.minimize`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import scipy as scipy

MODULES = ("scipy",)


def __getattr__(name: str) -> object:
    if name in MODULES:
        from importlib import import_module

        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *MODULES})
