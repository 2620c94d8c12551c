"""The loop over `scipy.optimize.curve_fit` that people write today; with `jac` an analytic Jacobian."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from batch_peer import Case, Fits


def prepare(case: Case, jac: bool = False) -> Callable[[], Fits]:
    from scipy.optimize import curve_fit

    model, data = case.workload.model, case.data()
    options = {"jac": case.workload.jacobian} if jac else {}

    def run() -> Fits:
        params = np.full(data.p0.shape, np.nan)
        for fit, (y, p0) in enumerate(zip(data.y, data.p0, strict=True)):
            try:
                params[fit] = curve_fit(model, data.x, y, p0, **options)[0]
            except RuntimeError:  # how curve_fit says that it did not converge
                continue
        return Fits(params)

    return run
