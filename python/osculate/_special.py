"""Functions that NumPy lacks, for models that must be traced as well as evaluated."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

_erf = np.frompyfunc(math.erf, 1, 1)


def erf(x: Any) -> Any:
    """Return the error function, elementwise.

    A symbol of a traced model answers for itself. A complex x counts as x + ih with tiny h, as complex steps
    have it: the imaginary part of the result is h erf'(x), of first order.

    Examples
    --------
    >>> float(erf(0.5))
    0.5204998778130465
    """
    if hasattr(x, "__osculate_unary__"):
        return x.__osculate_unary__("erf")
    if np.iscomplexobj(x):
        slope = 2 / math.sqrt(math.pi) * np.exp(-(np.real(x) ** 2))
        return erf(np.real(x)) + 1j * (slope * np.imag(x))
    return np.asarray(_erf(x), dtype=np.float64)[()]
