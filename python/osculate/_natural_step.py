"""Natural-gradient steps of stochastic training: the public object."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _arguments as arg
from ._natural_given import read
from ._natural_made import Wanted, make_step
from ._natural_metric import loss_number, needs_damping
from ._natural_state import NaturalState, state_from, state_of
from ._natural_step_result import NaturalGradientStep, step_options
from ._operators import SMALL, real_vector

WHO = "NaturalGradient"


class NaturalGradient:
    """Train by natural-gradient steps: gradients by the metric of the model's distribution.

    A step is ``theta - s d`` with ``d = (F + damping I)^-1 g``, F being the Fisher matrix [1]_, [2]_; with
    `momentum` it is SPRING's, which puts ``g + damping * momentum * previous d`` in the place of g [3]_.
    The object keeps the last d, a running average of F where `decay` asks for one, and the trust region.

    Parameters
    ----------
    learning_rate : float, default 0.1
        The scale s, or the most that a line search or a trust region may take. 1 is a step of Fisher scoring,
        right for whole data sets.
    damping : float, default 1e-3
        Lambda, in the unit of F. Zero is taken where F is a positive definite matrix.
    momentum : float, default 0
        SPRING's mu, at least 0 and less than 1; 0.9 to 0.99 with noisy gradients. It acts through `damping`.
    decay : float, default 0
        F is ``decay * average + (1 - decay) * F``, with the decay ``min(1 - 1/k, decay)`` at the k-th step,
        so that the first is F alone. Forms the P x P matrix. Not with products.
    kl_clip : float, optional
        The most that the divergence of a step, s'Fs / 2, may be, in nats a sample.
    norm_constraint : float, optional
        The most that the squared length of a step may be, as in SPRING.
    step : {"fixed", "line_search", "trust_region"}, default "fixed"
        "line_search" shortens the step until the loss falls by 1e-4 of what its slope promises;
        "trust_region" bounds the divergence by a radius that adapts to the ratio of actual and predicted
        reduction. Both need `loss` in every step.
    kl_radius : float, optional
        The first radius of the trust region, in nats a sample; default none until a step fails.
    centered : bool, default False
        With scores: subtract their mean, for the covariance of scores in the place of their second moment.
    mixed_precision : bool, default False
        With scores: see `fisher_solve`.
    cg_rtol : float, default 1e-6
        With products: relative residual at which conjugate gradients end.
    max_cg_iterations : int, optional
        With products: of a step; default 10 P. A truncated solution is used.
    threads : int, optional
        Default as many as the process may use. The bits do not depend on it.

    Raises
    ------
    TypeError, ValueError
        An option has a wrong type or value.

    Notes
    -----
    With F = S'S/N for N scores and P parameters a step costs what `fisher_solve` does: N^2 P / 2
    multiply-adds for N < P. A matrix costs P^3 / 6, products what conjugate gradients do.

    References
    ----------
    .. [1] S. Amari, "Natural gradient works efficiently in learning", Neural Computation 10, 1998,
       doi:10.1162/089976698300017746.
    .. [2] J. Martens, "New insights and perspectives on the natural gradient method", JMLR 21, 2020,
       doi:10.48550/arXiv.1412.1193.
    .. [3] G. Goldshlager, N. Abrahamsen and L. Lin, "A Kaczmarz-inspired approach to accelerate the
       optimization of neural network wavefunctions", J. Comput. Phys. 516, 2024,
       doi:10.1016/j.jcp.2024.113351.

    Examples
    --------
    Logistic regression by batches, from outputs, their Jacobian and labels:

    >>> import numpy as np
    >>> import osculate
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((4000, 5))
    >>> y = rng.random(4000) < 1 / (1 + np.exp(-X @ np.arange(5.0)))
    >>> optimizer = osculate.NaturalGradient(learning_rate=0.3, momentum=0.9)
    >>> w = np.zeros(5)
    >>> for batch in np.split(np.arange(4000), 20) * 3:
    ...     w = optimizer.step(
    ...         w, outputs=X[batch] @ w, jacobian=X[batch], family="bernoulli", targets=y[batch]
    ...     ).theta
    >>> bool(np.abs(w - np.arange(5)).max() < 0.5)
    True
    """

    def __init__(
        self,
        *,
        learning_rate: float = 0.1,
        damping: float = 1e-3,
        momentum: float = 0.0,
        decay: float = 0.0,
        kl_clip: float | None = None,
        norm_constraint: float | None = None,
        step: str = "fixed",
        kl_radius: float | None = None,
        centered: bool = False,
        mixed_precision: bool = False,
        cg_rtol: float = 1e-6,
        max_cg_iterations: int | None = None,
        threads: int | None = None,
    ) -> None:
        given = {name: value for name, value in locals().items() if name != "self"}
        self._options = step_options(WHO, given)
        self._state = NaturalState(kl_radius=self._options.kl_radius)
        self._running = threading.Lock()

    @property
    def steps(self) -> int:
        """Steps so far, those that were not taken included."""
        return self._state.steps

    @property
    def fisher(self) -> NDArray[Any] | None:
        """The running average of F, a copy of shape (P, P); None without `decay`."""
        return None if self._state.fisher is None else self._state.fisher.copy()

    def step(
        self,
        theta: Any,
        gradient: Any = None,
        *,
        fisher: Any = None,
        scores: Any = None,
        product: Callable[..., Any] | None = None,
        outputs: Any = None,
        jacobian: Any = None,
        family: Any = None,
        targets: Any = None,
        weights: Any = None,
        loss: Callable[[NDArray[Any]], Any] | None = None,
        value: float | None = None,
        learning_rate: float | None = None,
        damping: float | None = None,
    ) -> NaturalGradientStep:
        """Make one step from `theta`, with F in exactly one of its forms.

        Parameters
        ----------
        theta : array_like, shape (P,)
            The parameters, float64, or float32 if they have that dtype: everything is computed in it.
        gradient : array_like, shape (P,), optional
            Of the loss, a mean over the samples, at theta. Left out where `targets` are given.
        fisher : array_like, shape (P, P), or callable, optional
            The Fisher matrix, or ``fisher(theta)``; its lower triangle counts.
        scores : array_like, shape (N, P), optional
            Gradients of the samples, for F = S'S/N: at the data's labels the empirical Fisher matrix, at
            labels drawn from the model (``family.sample``) the true one.
        product : callable, optional
            ``product(v)`` or ``product(theta, v)`` gives F v, shape (P,); solved by conjugate gradients.
        outputs, jacobian : array_like, shapes (N, ...) and (N, ..., P), optional
            What the model puts out for N samples, and its derivative by the parameters: with `family`
            F = J' F_out J, the exact Fisher matrix.
        family : str or osculate.families.OutputFamily, optional
            "normal", "normal_free_variance", "bernoulli", "categorical", "poisson", "gamma", "exponential",
            or an object of `osculate.families`.
        targets : array_like, optional
            In the place of `gradient`: the gradient is that of the family's loss.
        weights : array_like, shape (N,), optional
            Weights of the samples of `outputs`.
        loss : callable, optional
            ``loss(theta)`` gives a number, for a line search or a trust region. theta is an array of its own.
            Those of `fisher` and `product` are read-only.
        value : float, optional
            ``loss(theta)``, where it is known already.
        learning_rate, damping : float, optional
            In the place of the constructor's, for schedules.

        Returns
        -------
        NaturalGradientStep
            With the new `theta`, `accepted`, `reason`, `form`, `kl` and more.

        Raises
        ------
        TypeError, ValueError
            An argument, or what a callback returns, has a wrong type or shape; no form of F is given, or more
            than one.
        RuntimeError
            The object is in a step already: called by one of the functions, or from another thread.

        Notes
        -----
        What a function raises comes out as it is, and this object stays as it was. NaN in gradients, F or the
        loss is no error, but the reason "nonfinite". Where momentum leads uphill, a step with a loss is made
        without it.
        """
        who = f"{WHO}.step"
        at = self._theta(who, theta)
        options = self._options
        rate = options.learning_rate
        if learning_rate is not None:
            rate = arg.positive(who, "learning_rate", learning_rate)
        lam = options.damping if damping is None else arg.at_least_zero(who, "damping", damping)
        known = None if value is None else arg.real(who, "value", value)
        if (options.step == "fixed") != (loss is None):
            need = "is for step 'line_search' or 'trust_region'" if loss is not None else "must be given"
            raise ValueError(f"{who}: loss {need}, got step {options.step!r}")
        if loss is not None and not callable(loss):
            raise TypeError(f"{who}: loss must be callable, got {arg.shown(loss)}")
        if known is not None and loss is None:
            raise ValueError(f"{who}: value is for steps with a loss, got step 'fixed'")
        forms = {
            "fisher": fisher,
            "scores": scores,
            "product": product,
            "outputs": outputs,
            "jacobian": jacobian,
            "family": family,
            "targets": targets,
            "weights": weights,
        }
        if not self._running.acquire(blocking=False):
            raise RuntimeError(f"{who}: this object is in a step already; use one object for each problem")
        try:
            given = read(who, at, gradient, forms, options)
            if options.decay == 0:
                needs_damping(who, given.metric, lam)
            function = None if loss is None else (lambda x: loss_number(who, "loss", loss(x.copy())))
            step, self._state = make_step(at, given, Wanted(rate, lam, function, known), options, self._state)
        finally:
            self._running.release()
        return step

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` needs to go on with the same bits: numbers, arrays of its own, None.

        The options of the constructor are not in it.
        """
        return state_of(self._state)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from a state that `state_dict` gave; refuses, unchanged, what is none.

        Raises
        ------
        TypeError, ValueError
            A key is missing or unknown, the version is another, or a value is not what it must be.
        RuntimeError
            The object is in a step.
        """
        who = f"{WHO}.load_state_dict"
        loaded = state_from(who, state)
        if not self._running.acquire(blocking=False):
            raise RuntimeError(f"{who}: this object is in a step")
        self._state = loaded
        self._running.release()

    def _theta(self, who: str, theta: Any) -> NDArray[Any]:
        given = real_vector(who, "theta", theta)
        if given.size == 0:
            raise ValueError(f"{who}: theta must have at least one parameter, got an empty array")
        size = self._state.size
        if size is not None and size != given.size:
            raise ValueError(
                f"{who}: theta must have shape ({size},), as in the steps before, got shape ({given.size},)"
            )
        return np.array(given, dtype=np.float32 if given.dtype in SMALL else np.float64)

    def __repr__(self) -> str:
        options = self._options
        return (
            f"NaturalGradient(steps={self.steps}, learning_rate={options.learning_rate:.4g}, "
            f"damping={options.damping:.4g}, momentum={options.momentum:.4g}, step={options.step!r})"
        )

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_running"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._running = threading.Lock()
