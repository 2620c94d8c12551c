"""osculate.fit: from NumPy arrays to a FitResult with its covariance, the model a plain Python function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from batch_peer import AbsentError, Case, Fits


def prepare(case: Case, **options: Any) -> Callable[[], Fits]:
    import osculate

    if not hasattr(osculate, "fit"):
        raise AbsentError("this osculate has no fit")
    data, dtype = case.data(), np.dtype(case.dtype)

    def run() -> Fits:
        result = osculate.fit(
            case.workload.model, data.x, data.y, data.p0, threads=case.threads, dtype=dtype, **options
        )
        return Fits(result.params, iterations=result.iterations)

    return run
