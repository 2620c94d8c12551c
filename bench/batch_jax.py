"""Two peers on JAX: `vmap` of optimistix's Levenberg-Marquardt, and a loop over NLSQ's `curve_fit`.

Both get the workload's own model with jax.numpy in numpy's place. JAX sizes its thread pool by the CPUs that
the process may use.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import FunctionType
from typing import Any

import numpy as np

from batch_peer import Case, Fits

# Measured on a 2-core AVX-512 machine: the fastest that keep every fit within 1e-4 of the best cost. A batch
# goes on until its slowest fit is done, hence not all at once.
TOLERANCE = 1e-3  # of optimistix's Cauchy test, on steps and on falls of the cost
BATCH = {"float64": 128, "float32": 1024}
MOST_ITERATIONS = 100


def _model(case: Case) -> Callable[..., Any]:
    import jax.numpy as jnp

    model = case.workload.model
    return FunctionType(model.__code__, {**model.__globals__, "np": jnp}, model.__name__)


def prepare_optimistix(case: Case) -> Callable[[], Fits]:
    import jax
    import lineax
    import optimistix

    data, model = case.data(), _model(case)
    batch = min(case.fits, BATCH[case.dtype])
    starts = range(0, case.fits - case.fits % batch, batch)  # the rest would be compiled for alone
    solver = optimistix.LevenbergMarquardt(
        rtol=TOLERANCE, atol=TOLERANCE, linear_solver=lineax.Normal(lineax.Cholesky())
    )

    def fit(x, y, p0):
        solution = optimistix.least_squares(
            lambda p, _: model(x, *p) - y, solver, p0, max_steps=MOST_ITERATIONS, throw=False
        )
        return solution.value, solution.stats["num_steps"]

    fit_batch = jax.jit(jax.vmap(fit, in_axes=(None, 0, 0)))

    def run() -> Fits:
        # optimistix computes in float64 inside as soon as float64 is enabled
        jax.config.update("jax_enable_x64", case.dtype == "float64")
        parts = [fit_batch(data.x, data.y[b : b + batch], data.p0[b : b + batch]) for b in starts]
        params, steps = (np.concatenate(part) for part in zip(*parts, strict=True))
        return Fits(params, iterations=steps)

    return run


def prepare_nlsq(case: Case) -> Callable[[], Fits]:
    """One `CurveFit` for all fits, as its documentation advises, so that they are compiled once."""
    import nlsq

    logging.disable(logging.CRITICAL)  # it writes ten lines a fit
    data, model, fitter = case.data(), _model(case), nlsq.CurveFit()

    def run() -> Fits:
        params = np.full(data.p0.shape, np.nan)
        for fit, (y, p0) in enumerate(zip(data.y, data.p0, strict=True)):
            try:
                params[fit], _ = fitter.curve_fit(model, data.x, y, p0)
            except RuntimeError:  # how it says that it did not converge
                continue
        return Fits(params)

    return run
