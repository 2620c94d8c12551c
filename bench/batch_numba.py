"""Two peers on numba: a Levenberg-Marquardt of our own, what a careful user would write, and lumafit's.

Ours takes the steps of the engine's first sketch: J'J + lambda diag(J'J) by Cholesky, lambda / 10 or x 10
(from 1e-3), until the cost falls by less than FTOL of itself. Derivatives are analytic and evaluated with the
model; the numbers of parameters and points are constants of the compiled code; fastmath lets LLVM reorder
the sums. numba's exp is scalar where Intel's SVML is not installed.

lumafit's own loop over pixels starts them all from one point, so here its core runs in a `prange` from each
fit's own start, with the analytic Jacobian.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from batch_peer import Case, Fits
from batch_workloads import Workload

FTOL = {"float64": 1e-8, "float32": 1e-5}  # the cost's rounding is about 1e-16 and 1e-7
MOST_ITERATIONS = 50


def _point(name: str, T: Any) -> Callable[..., Any]:
    """`point(x, p, J)` of a workload: fills J at one point, returns the model; all of type T."""
    import numba

    one, half = T(1), T(0.5)  # a Python number would make float32 expressions float64

    def W1(x, p, J):
        c = one / (p[3] * p[3])
        dx, dy = x[0] - p[1], x[1] - p[2]
        r2 = dx * dx + dy * dy
        J[0] = np.exp(-half * c * r2)
        slope = p[0] * c * J[0]
        J[1] = slope * dx
        J[2] = slope * dy
        J[3] = slope * r2 * c * p[3]
        J[4] = one
        return p[0] * J[0] + p[4]

    def W2(x, p, J):
        c = one / (p[2] * p[2])
        d = x[0] - p[1]
        J[0] = np.exp(-half * c * d * d)
        J[1] = p[0] * c * J[0] * d
        J[2] = J[1] * d * c * p[2]
        J[3] = one
        return p[0] * J[0] + p[3]

    def W3(x, p, J):
        J[0] = np.exp(-p[1] * x[0])
        J[1] = -p[0] * x[0] * J[0]
        J[2] = np.exp(-p[3] * x[0])
        J[3] = -p[2] * x[0] * J[2]
        J[4] = one
        return p[0] * J[0] + p[2] * J[2] + p[4]

    def W4(x, p, J):
        J[0] = np.exp(-p[1] * x[0])
        J[1] = -p[0] * x[0] * J[0]
        J[2] = one
        return p[0] * J[0] + p[2]

    points = {"W1": W1, "W2": W2, "W3": W3, "W4": W4}
    return numba.njit(fastmath=True, inline="always")(points[name])


def _levenberg_marquardt(workload: Workload, dtype: str) -> Callable[..., Any]:
    """The compiled `fit_all(x, y, p)`: improves p (B, P) in place, returns the iterations (B,)."""
    import numba

    T = np.dtype(dtype).type
    point, P, N = _point(workload.name, T), workload.n_parameters, workload.n_points
    zero, one, ten, first, last = T(0), T(1), T(10), T(1e-3), T(1e6)
    ftol, tiny = T(FTOL[dtype]), np.finfo(T).tiny

    @numba.njit(fastmath=True)
    def normal(x, y, p, J, A, g):
        A[:] = zero
        g[:] = zero
        cost = zero
        for i in range(N):
            r = point(x[i], p, J) - y[i]
            cost += r * r
            for u in range(P):
                g[u] += J[u] * r
                for v in range(u + 1):
                    A[u, v] += J[u] * J[v]
        return cost

    @numba.njit(fastmath=True)
    def step(A, g, damping, L, d):
        """Solve (A + damping diag A) d = -g."""
        for u in range(P):
            for v in range(u + 1):
                s = A[u, v] if v < u else A[u, u] * (one + damping)
                for w in range(v):
                    s -= L[u, w] * L[v, w]
                L[u, v] = s / L[v, v] if v < u else np.sqrt(max(s, tiny))
            s = -g[u]
            for w in range(u):
                s -= L[u, w] * d[w]
            d[u] = s / L[u, u]
        for u in range(P - 1, -1, -1):
            s = d[u]
            for w in range(u + 1, P):
                s -= L[w, u] * d[w]
            d[u] = s / L[u, u]

    @numba.njit(fastmath=True)
    def fit(x, y, p):
        A, trial_A, L = np.empty((P, P), T), np.empty((P, P), T), np.empty((P, P), T)
        g, trial_g, d, q, J = np.empty(P, T), np.empty(P, T), np.empty(P, T), np.empty(P, T), np.empty(P, T)
        damping, cost, iterations = first, normal(x, y, p, J, A, g), 0
        while iterations < MOST_ITERATIONS and damping < last:
            iterations += 1
            step(A, g, damping, L, d)
            for u in range(P):
                q[u] = p[u] + d[u]
            trial = normal(x, y, q, J, trial_A, trial_g)
            fall = cost - trial
            if trial < cost:
                p[:] = q
                A, trial_A = trial_A, A
                g, trial_g = trial_g, g
                cost, damping = trial, damping / ten
            else:
                damping *= ten
            if abs(fall) < ftol * cost:
                break
        return iterations

    @numba.njit(parallel=True)
    def fit_all(x, y, p):
        iterations = np.empty(len(y), np.int32)
        for b in numba.prange(len(y)):
            iterations[b] = fit(x, y[b], p[b])
        return iterations

    return fit_all


def prepare(case: Case) -> Callable[[], Fits]:
    import numba

    numba.set_num_threads(case.threads)
    data, fit_all = case.data(), _levenberg_marquardt(case.workload, case.dtype)
    x = np.ascontiguousarray(np.atleast_2d(data.x).T)

    def run() -> Fits:
        params = data.p0.copy()
        iterations = fit_all(x, data.y, params)
        return Fits(params, iterations=iterations)

    return run


def prepare_lumafit(case: Case) -> Callable[[], Fits]:
    import lumafit
    import numba

    numba.set_num_threads(case.threads)
    data, P, core = case.data(), case.workload.n_parameters, lumafit.levenberg_marquardt_core
    functions = {"f": case.workload.model, "j": case.workload.jacobian, "njit": numba.njit}
    arguments = ", ".join(f"p[{k}]" for k in range(P))
    text = f"""
f, j = njit(f), njit(j)
model = njit(lambda p, x: f(x, {arguments}))
jacobian = njit(lambda p, x: j(x, {arguments}))
"""
    exec(text, functions)  # numba has no call with the elements of an array as arguments
    model, jacobian = functions["model"], functions["jacobian"]

    @numba.njit(parallel=True)
    def fit_all(x, y, p0, params):
        iterations = np.empty(len(y), np.int64)
        for b in numba.prange(len(y)):
            p, _, _, n, _ = core(
                model,
                p0[b],
                y[b],
                None,
                100,
                1e-8,
                1e-8,
                1e-8,
                1e-2,
                3.0,
                2.0,
                1e-8,
                True,
                jacobian,
                (x,),
            )
            params[b] = p
            iterations[b] = n
        return iterations

    def run() -> Fits:
        params = np.empty_like(data.p0)
        iterations = fit_all(data.x, data.y, data.p0, params)
        return Fits(params, iterations=iterations)

    return run
