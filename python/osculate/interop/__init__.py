"""Adapters to other packages, each of which is imported only when its adapter is used.

`osculate.interop.scipy` has methods for `scipy.optimize.minimize`; `osculate.interop.jax` and
`osculate.interop.torch` make problems for `osculate.minimize` of functions in these frameworks.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import jax as jax
    from . import scipy as scipy
    from . import torch as torch

MODULES = ("jax", "scipy", "torch")


def __getattr__(name: str) -> object:
    if name in MODULES:
        from importlib import import_module

        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *MODULES})
