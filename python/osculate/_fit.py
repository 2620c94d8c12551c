"""`fit`: one model, many data sets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from . import _arguments as arg
from ._batch_call import Call
from ._batch_data import WHO, read_bounds, read_data, read_fixed
from ._batch_options import read_observers, read_options, tolerance
from ._batch_paths import choose, read_jacobian
from ._batch_result import FitResult
from ._batch_starts import read_starts
from ._model import Model
from ._pointer import Pointer
from ._trace import Trace, trace


def fit(
    model: Model | Callable[..., Any] | str,
    x: Any,
    y: Any,
    p0: Any = None,
    *,
    sigma: Any = None,
    absolute_sigma: bool = False,
    mask: Any = None,
    nan_policy: Literal["omit", "raise"] = "omit",
    bounds: Any = None,
    fixed: Any = None,
    loss: str = "linear",
    f_scale: float = 1.0,
    max_iterations: int | None = None,
    ftol: float | Literal["default"] | None = "default",
    xtol: float | Literal["default"] | None = "default",
    gtol: float | Literal["default"] | None = "default",
    covariance: bool | Literal["model"] = True,
    dtype: Any = None,
    threads: int | None = None,
    progress: bool | Callable[[int, int], object] | None = None,
    callback: Callable[[int, int], object] | None = None,
    rescue: int = 0,
    seed: int = 0,
    on_interrupt: Literal["raise", "return"] = "raise",
    batched: bool | None = None,
    jac: Callable[..., Any] | str | None = None,
) -> FitResult:
    """Fit one model to many data sets at once: every pixel of a stack, every trace of a screen.

    Finds for each fit a local minimum of ``C^2/2 * sum_i(rho(((f(x_i, *p) - y_i) / (sigma_i C))^2))``
    subject to ``lower <= p <= upper``, with C = `f_scale`; ``loss="poisson"`` minimizes half the deviance of
    counts, ``sum_i(f_i - y_i + y_i log(y_i / f_i))``.

    Parameters
    ----------
    model : callable, str or Model
        ``f(x, *params)``, the function one gives to `curve_fit`; an expression such as
        ``"a*exp(-x/t) + c"``; a `Model`; or a ready-made one of `osculate.models`.
    x : array_like, shape (N,), (D, N), (..., N) or (D, ..., N)
        The coordinates of the points, D of them: the same for all fits, or a row for each fit.
    y : array_like, shape (..., N)
        The data, batch dimensions first: a stack whose first axis is time wants
        ``np.moveaxis(stack, 0, -1)``. Any real dtype and strides, memory-mapped too: nothing is copied
        whole. NaN is a missing point; an infinite one makes its fit end with ``Status.nonfinite``. Of a
        masked array the masked points are left out.
    p0 : array_like, shape (P,) or (..., P), dict or None
        The start. A dict has numbers, or arrays of the batch's shape, by parameter name; names that enter
        linearly may be left out, a linear solve starts them. None: the model's own guess, which those of
        `osculate.models` have.
    sigma : array_like, optional
        Standard deviations of y, broadcastable to it. Points where it is not positive are left out, and the
        fit gets ``Flag.points_excluded``.
    absolute_sigma : bool, default False
        True takes `sigma` for what it is; False scales it so that reduced chi-square is 1.
    mask : array_like of bool, optional
        True leaves a point out, as in numpy.ma; broadcastable to y.
    nan_policy : {"omit", "raise"}
        What NaN in y are: missing points, or a ValueError.
    bounds : pair, scipy.optimize.Bounds or dict, optional
        Lower and upper bounds, each a number or of shape (P,) or (..., P); a dict has pairs by name,
        None or an infinity in them is no bound.
    fixed : sequence of str or array_like of bool, shape (P,), optional
        Parameters that keep their start, by name or by mask.
    loss : {"linear", "soft_l1", "huber", "cauchy", "arctan", "poisson"}
        rho as in `least_squares`; "poisson" is for counts, where the model is their expectation.
    f_scale : float, default 1.0
        C, the residual (in units of sigma) from which on a robust loss counts a point as an outlier.
    max_iterations : int, optional
        Most accepted steps; default no limit but that of 100 P evaluations.
    ftol, xtol, gtol : float or None, optional
        Tolerances as in `least_squares`; the defaults fit the precision. None switches a test off. A last
        step that ftol allows and whose end the steps before foretell is taken without an evaluation there;
        errors are those of the point before it, to about 500 ftol (5e-6) of J'J. ftol=None: never.
    covariance : bool or "model", default True
        Whether to keep the covariances of the parameters; `stderr` is there without. For robust losses they
        are those of the scatter (sandwich); "model": of the curvature alone, as `least_squares` has them.
    dtype : numpy.float32 or numpy.float64, optional
        The precision to compute in; default float32 for y of float32 or float16, else float64. Functions
        that cannot be traced are always fitted in float64.
    threads : int, optional
        Threads; default the CPUs this process may use. The result does not depend on it.
    progress : bool or callable, optional
        True shows a bar where tqdm is installed; or ``progress(done, total)``, called some times a second.
    callback : callable, optional
        ``callback(done, total)``, called likewise; StopIteration ends the call, and fits that were not done
        have ``Status.not_run``.
    rescue : int, default 0
        Fits that do not converge are tried again from so many random starts around theirs.
    seed : int, default 0
        Of these starts; with the same seed the result is the same.
    on_interrupt : {"raise", "return"}
        What Ctrl-C does: raise `Interrupted`, whose ``result`` has the fits that were done, or return them.
    batched : bool, optional
        None traces the model where it can be, and else finds out whether it does many fits at once, for
        parameters of shape (B, 1). True calls it for many fits at once and False for one, without tracing.
    jac : callable, "2-point" or "3-point", optional
        Derivatives of a function that cannot be traced, ``jac(x, *params)``: an array (N, P), called for B
        fits at once (B, N, P), or a tuple of P columns that broadcast to (N,) and (B, N). Default forward
        differences; "3-point" are central ones, more exact and twice as long.

    Returns
    -------
    FitResult
        ``params``, ``stderr``, ``covariance``, ``cost``, ``redchi``, ``status``, ``flags``, ... in the
        batch's shape, and ``result["name"]``, ``summary()``, ``failed()``, ``retry()``. A fit that fails
        neither raises nor warns, and harms no other: look at ``success``.

    Raises
    ------
    ValueError
        An argument has a wrong value or shape, a start lies outside its bounds, or p0 is needed.
    TypeError
        An argument has the wrong type.
    Interrupted
        Ctrl-C was pressed; a KeyboardInterrupt.

    Notes
    -----
    The model is traced into elementwise operations with exact derivatives, checked against the function,
    and run over several fits at once in vector registers; ``path`` and ``why_not`` tell where that cannot be
    done. Then the function is called back: for many fits at once (``path="batched"``) where it gives for
    some fits at once what it gives for each, else for one fit (``"per_fit"``) as SciPy would. A numba
    ``cfunc`` or ctypes function ``int f(int64_t n, const double *x, const double *p, double *out)``, which
    returns 0, is called by all threads without the GIL (``"pointer"``), and so is such a `jac`, which writes
    (n, P) numbers. NumPy does not warn of floating-point errors in these calls.

    Each fit is the Levenberg-Marquardt method of `least_squares` [1]_, a batch costs an evaluation, J'J
    (N P^2 operations) and one or two factorizations (P^3 / 3) an iteration and fit, and memory for nothing
    but data and results. A traced fit has the same bits alone, in any batch and for any number of threads.
    Counts are fitted with Fisher's matrix as curvature [2]_.

    References
    ----------
    .. [1] J. J. More, "The Levenberg-Marquardt algorithm: implementation and theory", Numerical Analysis,
       LNM 630, 1978, doi:10.1007/BFb0067700.
    .. [2] T. A. Laurence, B. A. Chromy, "Efficient maximum likelihood estimator fitting of histograms",
       Nature Methods 7, 2010, doi:10.1038/nmeth0510-338.

    Examples
    --------
    Fit a decay to every pixel of a stack of images; the amplitudes start themselves:

    >>> import numpy as np
    >>> import osculate
    >>> def decay(t, a, tau):
    ...     return a * np.exp(-t / tau)
    >>> t = np.linspace(0, 5, 40)
    >>> tau = np.array([[0.5, 1.0, 1.5], [2.0, 2.5, 3.0]])
    >>> noise = 0.01 * np.random.default_rng(0).standard_normal((2, 3, 40))
    >>> stack = 2.0 * np.exp(-t / tau[..., None]) + noise
    >>> result = osculate.fit(decay, t, stack, p0={"tau": 1.5})
    >>> result["tau"].shape, bool(result.success.all())
    ((2, 3), True)
    >>> bool(np.all(abs(result["tau"] - tau) < 4 * result.stderr[..., 1]))
    True
    """
    description = model if isinstance(model, Model) else Model(model)
    data = read_data(x, y, sigma, mask, nan_policy, description.coordinates_given)
    options = read_options(
        y_dtype=data.y.dtype,
        dtype=dtype,
        threads=threads,
        loss=loss,
        f_scale=f_scale,
        max_iterations=max_iterations,
        ftol=ftol,
        xtol=xtol,
        gtol=gtol,
        covariance=covariance,
        absolute_sigma=absolute_sigma,
        rescue=rescue,
        seed=seed,
        on_interrupt=on_interrupt,
    )
    if loss == "poisson" and sigma is not None:
        raise ValueError(f"{WHO}: sigma must be None with loss='poisson': the variance is the model's value")
    names = parameter_names(description, p0)
    box = read_bounds(bounds, names, data.shape)
    active = read_fixed(fixed, names)
    argument = data.first_argument()
    traced, why_not = traced_model(description, argument, names, data.own_x)
    starts = read_starts(p0, description, names, active, data.shape, description.linear_parameters, box)
    first = starts.first(data, names)
    called = None
    if batched is not None:
        traced, why_not = None, why_not or f"batched={batched} was asked for"
    elif traced is not None:
        why_not = traced.verify(description.f, argument, first)
        traced = traced if why_not is None else None
    if traced is None:
        called, why_not = choose(description, jac, batched, data, first, box, why_not)
        rough = called.epsilon > arg.EPSILON  # a function of float32
        given = {"ftol": ftol, "xtol": xtol, "gtol": gtol}
        tolerances: dict[str, Any] = {name: tolerance(WHO, name, v, rough) for name, v in given.items()}
        options = replace(options, dtype=np.float64, **tolerances)
    else:
        read_jacobian(jac, description.f)
    report = read_observers(data.fits, progress, callback)
    call = Call(description, data, names, active, box, starts, options, traced, called, why_not, report)
    try:
        return call.run()
    finally:
        if report is not None:
            report.close()


def parameter_names(model: Model, p0: Any) -> tuple[str, ...]:
    """The model's names, or as many as p0 has where the function takes any number."""
    names = model.parameters_given
    if names is not None:
        return names
    if isinstance(p0, dict):
        return tuple(str(name) for name in p0)
    if p0 is None or np.ndim(p0) == 0:
        raise ValueError(f"{WHO}: p0 is needed to tell how many parameters a function of *params has")
    return tuple(f"p{k}" for k in range(np.shape(p0)[-1]))


def traced_model(
    model: Model, x: Any, names: tuple[str, ...], own_x: bool
) -> tuple[Trace | None, str | None]:
    """The model's graph, or why there is none."""
    if isinstance(model.f, Pointer):
        return None, "the model is a C function"
    outcome = trace(model, x, len(names), names)
    if not isinstance(outcome, Trace):
        return None, outcome.why_not
    if outcome.bound and own_x:
        return None, "the function takes values of x, and fits have their own"
    return outcome, None
