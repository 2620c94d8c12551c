"""What the tests of `check_derivatives` share."""

from __future__ import annotations

from typing import Any

import numpy as np

X = np.array([-1.2, 1.0, 0.3, 1.7])


def real(f: Any) -> Any:
    """The same function for real numbers only."""

    def only(x: Any, *rest: Any) -> Any:
        if np.iscomplexobj(x):
            raise TypeError
        return f(x, *rest)

    return only
