"""Natural-gradient minimization and Fisher scoring: the public function."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from . import _arguments as arg
from . import _threads
from ._families import weight_vector
from ._family_kinds import family_of
from ._fisher import boolean
from ._minimize_result import Certificate, verdict
from ._natural_control import KINDS
from ._natural_given import one_form
from ._natural_loop import LoopOptions, Reached, run
from ._natural_problem import WHO, Calls, Likelihood, Problem
from ._natural_result import NaturalGradientResult
from ._natural_step_result import bound, cg_tolerance
from ._observe_minimize import MinimizeObserver
from ._result import Status


def natural_gradient(
    loss: Callable[..., Any] | None,
    x0: Any,
    args: tuple[Any, ...] = (),
    *,
    jac: Any = None,
    fisher: Callable[..., Any] | None = None,
    fisherp: Callable[..., Any] | None = None,
    scores: Callable[..., Any] | None = None,
    model: Callable[..., Any] | None = None,
    model_jac: Any = None,
    family: Any = None,
    targets: Any = None,
    weights: Any = None,
    damping: float = 0.0,
    step: str = "line_search",
    learning_rate: float = 1.0,
    kl_radius: float | None = None,
    kl_clip: float | None = None,
    centered: bool = False,
    gtol: float | None = 1e-8,
    ftol: float | None = None,
    xtol: float | None = None,
    max_iterations: int | None = None,
    max_evaluations: int | None = None,
    cg_rtol: float = 1e-6,
    max_cg_iterations: int | None = None,
    callback: Callable[..., Any] | None = None,
    threads: int | None = None,
) -> NaturalGradientResult:
    """Minimize a negative log-likelihood by natural-gradient steps, with a Fisher matrix in any form.

    A step is ``x - s (F + damping I)^-1 g``, with the Fisher matrix F of the model at x [1]_. With the
    outputs of a model and their distribution it is Fisher scoring, and for a generalized linear model
    iteratively reweighted least squares [2]_. `NaturalGradient` is for batches.

    Parameters
    ----------
    loss : callable or None
        ``loss(x, *args)`` gives a number: the mean over the samples of the negative log-likelihood, with or
        without a penalty. None takes the loss of `family` at `targets`.
    x0 : array_like, shape (P,)
        The start.
    args : tuple
        Passed on to all functions.
    jac : callable or True, optional
        The gradient, shape (P,). True: `loss` returns ``(value, gradient)``. Left out where `loss` is None.
    fisher : callable, optional
        ``fisher(x, *args)`` gives F, shape (P, P), of which the lower triangle counts.
    fisherp : callable, optional
        ``fisherp(x, v, *args)`` gives F v, for conjugate gradients.
    scores : callable, optional
        ``scores(x, *args)`` gives the gradients of the samples, shape (N, P), for F = S'S/N without forming
        it where N < P; see `fisher_solve`.
    model : callable, optional
        ``model(x, *args)`` gives what the model puts out for N samples, shape (N,) or (N, ...).
    model_jac : callable or array_like, optional
        The derivative of the outputs by x, shape (N, ..., P): as a function of x, or an array where it is
        constant, such as the design matrix of a linear model.
    family : str or osculate.families.OutputFamily, optional
        The distribution of the targets, given the outputs: "normal" (outputs are means, of variance 1),
        "normal_free_variance" (mean and log variance), "bernoulli" and "categorical" (logits), "poisson",
        "gamma" and "exponential" (log means), or an object of `osculate.families`. With `model` and
        `model_jac`: F = J' F_out J / N, the generalized Gauss-Newton matrix.
    targets : array_like, optional
        What was observed; in the place of `loss` and `jac`.
    weights : array_like, shape (N,), optional
        Weights of the samples of `model`.
    damping : float, default 0
        In the unit of F. Must be positive where F = S'S/N with fewer samples than parameters.
    step : {"line_search", "trust_region", "fixed"}
        "line_search" backtracks until the loss falls by 1e-4 of what its slope promises; "trust_region"
        bounds the Kullback-Leibler divergence of the step by a radius that adapts; "fixed" always goes on by
        `learning_rate`.
    learning_rate : float, default 1.0
        The scale s of a fixed step, and the most it may be otherwise. 1 is Fisher scoring.
    kl_radius : float, optional
        First radius of the trust region, in nats a sample; default none until a step fails.
    kl_clip : float, optional
        The most that the divergence of a step may be to second order, in nats a sample.
    centered : bool, default False
        Subtract the mean of the scores.
    gtol, ftol, xtol : float or None
        Converged when the largest gradient element is at most `gtol` (default 1e-8), when a step changes the
        loss by no more than ``ftol * |loss|``, or x by no more than ``xtol * |x|`` (default None, no such
        test).
    max_iterations, max_evaluations : int, optional
        Limits of accepted steps (default none) and of losses (default 100 P).
    cg_rtol, max_cg_iterations : float, int, optional
        With `fisherp`: relative residual at which conjugate gradients end (default 1e-6), and most iterations
        of a step (default 10 P).
    callback : callable, optional
        ``callback(intermediate_result=...)`` or ``callback(x)`` after every iteration; StopIteration ends the
        solve.
    threads : int, optional
        Default as many as the process may use. Any number gives the same bits.

    Returns
    -------
    NaturalGradientResult
        The fields of `MinimizeResult`, and `form`, `fisher`, `covariance()`, `stderr`, `dispersion`. Failing
        to converge neither raises nor warns: look at `success` and `message`.

    Raises
    ------
    ValueError
        An argument has a wrong value or shape; or there is no Fisher matrix: `minimize` takes any loss.
    TypeError
        An argument or what a callback returns has the wrong type.

    Notes
    -----
    A step costs P^3 / 6 multiply-adds and N P^2 / 2 for F, or with scores and N < P N^2 P / 2 and N^3 / 6.
    The iterates of small steps do not depend on the parameterization of the model.

    References
    ----------
    .. [1] S. Amari, "Natural gradient works efficiently in learning", Neural Computation 10, 1998,
       doi:10.1162/089976698300017746.
    .. [2] P. J. Green, "Iteratively reweighted least squares for maximum likelihood estimation", J. R. Stat.
       Soc. B 46, 1984, doi:10.1111/j.2517-6161.1984.tb01288.x.

    Examples
    --------
    Poisson regression, with standard errors:

    >>> import numpy as np
    >>> import osculate
    >>> rng = np.random.default_rng(0)
    >>> X = np.column_stack([np.ones(500), rng.standard_normal(500)])
    >>> y = rng.poisson(np.exp(X @ [0.5, 0.3]))
    >>> result = osculate.natural_gradient(
    ...     None, np.zeros(2), model=X.dot, model_jac=X, family="poisson", targets=y
    ... )
    >>> result.success, result.form
    (True, 'matrix')
    >>> bool(np.all(np.abs(result.x - [0.5, 0.3]) < 3 * result.stderr))
    True
    """
    start = arg.start_vector(WHO, x0)
    extra = args if isinstance(args, tuple) else (args,)
    forms = {"fisher": fisher, "fisherp": fisherp, "scores": scores}
    form = one_form(WHO, forms, {"model": model, "model_jac": model_jac, "family": family})
    fused = _check_loss(loss, jac, targets, form)
    if weights is not None and form != "model":
        raise ValueError(f"{WHO}: weights is for model, model_jac and family, got {form}")
    if boolean(WHO, "centered", centered) and form != "scores":
        raise ValueError(f"{WHO}: centered is for scores, got {form}")
    arg.choice(WHO, "step", step, dict.fromkeys(KINDS, 0))
    if kl_radius is not None and step != "trust_region":
        raise ValueError(f"{WHO}: kl_radius is for step 'trust_region', got step {step!r}")
    if callback is not None and not callable(callback):
        raise TypeError(f"{WHO}: callback must be callable, got {arg.shown(callback)}")
    calls = Calls()
    likelihood = None
    if form == "model":
        likelihood = Likelihood(
            arg.with_arguments(WHO, "model", model, extra, None),
            _jacobian(model_jac, extra),
            family_of(WHO, family),
            targets,
            None if weights is None else weight_vector(WHO, weights, np.size(weights)),
            calls,
        )
    problem = Problem(
        loss=None if loss is None else arg.with_arguments(WHO, "loss", loss, extra, None),
        jac=None if loss is None or fused else arg.with_arguments(WHO, "jac", jac, extra, None),
        form=form,
        source=None if form == "model" else _source(form, forms[form], extra),
        likelihood=likelihood,
        damping=arg.at_least_zero(WHO, "damping", damping),
        centered=centered,
        cg_rtol=cg_tolerance(WHO, cg_rtol),
        max_cg_iterations=arg.count(WHO, "max_cg_iterations", max_cg_iterations) or None,
        threads=_threads.resolve(threads, f"{WHO}: "),
        calls=calls,
    )
    options = LoopOptions(
        step=step,
        learning_rate=arg.positive(WHO, "learning_rate", learning_rate),
        kl_radius=bound(WHO, "kl_radius", kl_radius),
        kl_clip=bound(WHO, "kl_clip", kl_clip),
        ftol=arg.tolerance(WHO, "ftol", ftol),
        xtol=arg.tolerance(WHO, "xtol", xtol),
        gtol=arg.tolerance(WHO, "gtol", gtol),
        max_iterations=arg.count(WHO, "max_iterations", max_iterations),
        max_evaluations=arg.count(WHO, "max_evaluations", max_evaluations),
    )
    reached = run(problem, start, options, None if callback is None else MinimizeObserver(callback))
    return _result(problem, reached)


def _check_loss(loss: Any, jac: Any, targets: Any, form: str) -> bool:
    """Whether the loss returns its gradient too; refuses what does not go together."""
    if loss is None:
        if form != "model" or targets is None:
            raise ValueError(
                f"{WHO}: loss may be None only with model, model_jac, family and targets, got {form}"
                + (" without targets" if form == "model" else "")
            )
        if jac is not None:
            raise ValueError(f"{WHO}: jac must be None where loss is None, got {arg.shown(jac)}")
        return False
    if not callable(loss):
        raise TypeError(f"{WHO}: loss must be callable or None, got {arg.shown(loss)}")
    if targets is not None:
        raise ValueError(f"{WHO}: targets are for loss=None, the family's own loss, got a loss too")
    if jac is not True and not callable(jac):
        raise TypeError(
            f"{WHO}: jac must be callable, or True where loss returns (value, gradient), got {arg.shown(jac)}"
        )
    return jac is True


def _jacobian(model_jac: Any, extra: tuple[Any, ...]) -> Callable[[Any], Any]:
    if callable(model_jac):
        return arg.with_arguments(WHO, "model_jac", model_jac, extra, None)
    return lambda x: model_jac


def _source(form: str, function: Any, extra: tuple[Any, ...]) -> Callable[..., Any]:
    """The function that gives F, without the extra arguments."""
    if not callable(function):
        raise TypeError(f"{WHO}: {form} must be callable, got {arg.shown(function)}")
    if form == "fisherp":
        return lambda x, v: function(x, v, *extra)
    return arg.with_arguments(WHO, form, function, extra, None)


def _result(problem: Problem, at: Reached) -> NaturalGradientResult:
    fisher, form, dispersion = None, problem.form, math.nan
    if at.status is not Status.nonfinite:
        metric = problem.metric(at.x)
        form, matrix = metric.form, metric.fisher()
        fisher = None if matrix is None else np.array(matrix)
        if problem.likelihood is not None:
            dispersion = problem.likelihood.dispersion(at.x)
    certificate = Certificate.first_order_only if at.status.success else Certificate.none
    return NaturalGradientResult(
        **verdict(at.status, certificate),
        x=at.x,
        fun=at.value,
        jac=at.gradient,
        hess=None,
        optimality=at.optimality,
        active_mask=np.zeros(at.x.size, dtype=np.int64),
        nit=at.iterations,
        nfev=problem.calls.losses,
        njev=problem.calls.gradients,
        nhev=problem.calls.metrics,
        nhvp=at.products,
        evaluations=at.evaluations,
        trace=at.trace,
        method="natural-gradient",
        approximated=(),
        lowest_curvature=math.nan,
        certificate_products=0,
        failure_bound=math.nan,
        form=form,
        fisher=fisher,
        samples=problem.samples,
        dispersion=dispersion,
    )
