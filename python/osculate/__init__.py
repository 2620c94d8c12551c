"""Second-order optimization: least squares and fits, single or in batches, and minimization.

`help(osculate.fit)`, `help(osculate.least_squares)` and `help(osculate.minimize)` are good starts.
"""

from typing import TYPE_CHECKING

from . import _isa as _isa  # loads the compiled core that fits this CPU
from ._batch_result import FitResult, Flag, Interrupted
from ._curve_fit import curve_fit
from ._derivatives import check_derivatives
from ._derivatives_result import DerivativeCheck
from ._fisher import FisherSolution, fisher_solve
from ._fit import fit
from ._hessian_free import HessianFree
from ._hessian_free_step import HessianFreeStep
from ._kfac import KFAC
from ._kfac_status import KFACStatus, QuadraticStep
from ._least_squares import least_squares
from ._minimize import minimize
from ._minimize_result import Certificate, MinimizeResult
from ._model import Model
from ._natural import natural_gradient
from ._natural_result import NaturalGradientResult
from ._natural_step import NaturalGradient
from ._natural_step_result import NaturalGradientStep
from ._result import LeastSquaresResult, OptimizeWarning, Status

if TYPE_CHECKING:
    from . import families as families
    from . import interop as interop
    from . import layers as layers
    from . import linalg as linalg
    from . import models as models

__all__ = [
    "KFAC",
    "Certificate",
    "DerivativeCheck",
    "FisherSolution",
    "FitResult",
    "Flag",
    "HessianFree",
    "HessianFreeStep",
    "Interrupted",
    "KFACStatus",
    "LeastSquaresResult",
    "MinimizeResult",
    "Model",
    "NaturalGradient",
    "NaturalGradientResult",
    "NaturalGradientStep",
    "OptimizeWarning",
    "QuadraticStep",
    "Status",
    "check_derivatives",
    "curve_fit",
    "fisher_solve",
    "fit",
    "least_squares",
    "minimize",
    "natural_gradient",
]


MODULES = ("families", "interop", "layers", "linalg", "models")


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version  # slow to import, seldom needed

        return version("osculate")
    if name in MODULES:  # where it is used first
        from importlib import import_module

        return import_module(f"osculate.{name}")
    raise AttributeError(f"module 'osculate' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *MODULES})
