"""Hessian-free optimization with batches: the public object over the core's step."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import _arguments as arg
from . import _core, _threads
from ._hessian_free_step import (
    HessianFreeStep,
    gradient_vector,
    preconditioner_of,
    step_from_core,
    step_options,
    takes_theta,
)
from ._operators import SMALL, real_vector
from ._saved_state import checked_state, saved_count

WHO = "HessianFree"
VERSION = 1
KEYS = ("version", "steps", "damping", "direction")
Function = Callable[..., Any]


class HessianFree:
    """Train by Hessian-free steps: a second-order step an update, from products with the curvature alone.

    Each step approximately minimizes ``g'd + d'B d / 2 + lambda |d|^2 / 2`` by conjugate gradients, picks
    among CG's iterates the one that suits the loss, searches along it, and adapts lambda [1]_ [2]_. The
    object keeps lambda and CG's last solution; everything else is given to `step`.

    Parameters
    ----------
    damping : float or None, default 0.1
        The first lambda, in the unit of B. None takes 1e-3 of the curvature along the first gradient. Too
        large a value leaves a deep network on the plateau where it starts.
    min_damping : float, default 0
        Lambda falls no lower. With batches that flatter the reduction, such as one batch for everything, a
        floor of 1e-4 to 1e-2 keeps the steps from becoming ever bolder.
    decay : float, default 0.95
        CG starts at its last solution times this; 0 starts it at zero.
    progress_tolerance : float, default 5e-4
        CG ends where the quadratic falls by less than this share an iteration, over the last
        ``max(10, i / 10)`` of i iterations; 0 goes on to the residual's rounding. With a good preconditioner
        5e-3 to 2e-2 may train faster: more and cheaper steps.
    preconditioner_exponent : float, default 0.75
        A diagonal preconditioner is ``(diagonal + lambda) ** preconditioner_exponent``.
    checkpoint_ratio : float, default 1.3
        Between the iterations whose iterates are kept; each takes the memory of theta.
    max_cg_iterations : int, default 250
        Of a step, and never more than 2 n.
    threads : int, optional
        For vectors longer than 16384; default the CPUs this process may use. The bits do not depend on it.

    Raises
    ------
    TypeError, ValueError
        An option has a wrong type or value.

    Notes
    -----
    Lambda grows by 3/2 where the loss falls by less than a quarter of what the quadratic without damping
    promises, and shrinks by 2/3 where it falls by more than three quarters.

    B may be indefinite: where CG meets negative curvature the step goes on along it, by the length that a
    curvature of the same size and the other sign would give; the line search has the last word.

    A step costs one product and three passes over 10 n numbers for each iteration of CG, and one loss for
    each iterate looked at, as a rule two or three.

    References
    ----------
    .. [1] J. Martens, "Deep learning via Hessian-free optimization", ICML 2010.
    .. [2] J. Martens and I. Sutskever, "Training deep and recurrent networks with Hessian-free optimization",
       Neural Networks: Tricks of the Trade, LNCS 7700, 2012, doi:10.1007/978-3-642-35289-8_27.

    Examples
    --------
    Logistic regression, full batch:

    >>> import numpy as np
    >>> import osculate
    >>> A = np.random.default_rng(0).standard_normal((200, 5))
    >>> y = np.where(A @ np.arange(5.0) + 2 * np.cos(np.arange(200)) > 0, 1.0, -1.0)
    >>> def loss(w):
    ...     return np.logaddexp(0, -y * (A @ w)).mean()
    >>> optimizer = osculate.HessianFree(damping=1e-3)
    >>> w = np.zeros(5)
    >>> for _ in range(12):
    ...     p = 1 / (1 + np.exp(y * (A @ w)))
    ...     g = -A.T @ (y * p) / 200
    ...     w = optimizer.step(w, loss, g, lambda v: A.T @ (p * (1 - p) * (A @ v)) / 200).theta
    >>> p = 1 / (1 + np.exp(y * (A @ w)))
    >>> bool(abs(A.T @ (y * p) / 200).max() < 1e-6)
    True
    """

    def __init__(
        self,
        *,
        damping: float | None = 0.1,
        min_damping: float = 0.0,
        decay: float = 0.95,
        progress_tolerance: float = 5e-4,
        preconditioner_exponent: float = 0.75,
        checkpoint_ratio: float = 1.3,
        max_cg_iterations: int = 250,
        threads: int | None = None,
    ) -> None:
        given = {
            "damping": damping,
            "min_damping": min_damping,
            "decay": decay,
            "progress_tolerance": progress_tolerance,
            "preconditioner_exponent": preconditioner_exponent,
            "checkpoint_ratio": checkpoint_ratio,
            "max_cg_iterations": max_cg_iterations,
        }
        self._options = step_options(WHO, given)
        self._options["threads"] = _threads.resolve(threads, f"{WHO}: ")
        self._damping: float = self._options["damping"]
        self._direction: NDArray[Any] | None = None
        self._steps = 0
        self._running = threading.Lock()

    @property
    def damping(self) -> float | None:
        """Lambda of the next step; None where the first gradient will tell."""
        return self._damping or None

    @property
    def steps(self) -> int:
        """Steps so far, those that were rejected included."""
        return self._steps

    def step(
        self,
        theta: Any,
        loss: Callable[[NDArray[Any]], Any],
        gradient: Any,
        product: Function,
        *,
        preconditioner: Any = None,
        value: float | None = None,
    ) -> HessianFreeStep:
        """Make one step from `theta`.

        Parameters
        ----------
        theta : array_like, shape (n,)
            The parameters, float64, or float32 if they have that dtype: everything is computed in it.
        loss : callable
            ``loss(theta)`` gives a number. It judges the step and lambda, and should be of the batch of
            `product`. theta is a read-only array whose numbers change after the call. NaN or inf at a trial
            shortens the step.
        gradient : array_like, shape (n,)
            At theta; of a larger batch, as a rule, than that of `product`.
        product : callable
            ``product(v)`` or ``product(theta, v)`` gives B v, shape (n,), with the Hessian or a Gauss-Newton
            matrix at theta, which must be symmetric. v is read-only, as theta above. The form with two is
            taken where the function needs two arguments.
        preconditioner : array_like, shape (n,), or callable, optional
            The diagonal of B or of an estimate of it, such as the squared gradients of the samples (the
            diagonal of the Fisher matrix), at least 0; lambda and the exponent are added here. Or
            ``preconditioner(r)``, which gives ``M^-1 r`` for a symmetric positive definite M near
            ``B + lambda I``, lambda being `damping` of this object.
        value : float, optional
            ``loss(theta)``, where it is known already.

        Returns
        -------
        HessianFreeStep
            With the new `theta`, `accepted`, `reason`, and what the step cost.

        Raises
        ------
        TypeError, ValueError
            An argument, or what a callback returns, has a wrong type or shape, or theta is not finite.
        RuntimeError
            The object is in a step already: called by one of the functions, or from another thread.

        Notes
        -----
        What a function raises comes out as it is, and this object stays as it was. A gradient, a loss at
        theta or a first product with NaN is no error, but the reason "nonfinite".
        """
        who = f"{WHO}.step"
        given = real_vector(who, "theta", theta)
        if given.size == 0:
            raise ValueError(f"{who}: theta must have at least one parameter, got an empty array")
        n = given.size
        dtype = np.dtype(np.float32 if given.dtype in SMALL else np.float64)
        for name, function in (("loss", loss), ("product", product)):
            if not callable(function):
                raise TypeError(f"{who}: {name} must be callable, got {arg.shown(function)}")
        if self._direction is not None and self._direction.size != n:
            raise ValueError(
                f"{who}: theta must have shape ({self._direction.size},), as in the steps before, "
                f"got shape ({n},)"
            )
        at = np.ascontiguousarray(given, dtype=dtype)
        direction = None if self._direction is None else self._direction.astype(dtype, copy=False)
        slope = gradient_vector(who, gradient, n, dtype)
        multiply = (lambda v: product(at, v)) if takes_theta(product) else product
        start = None if value is None else arg.real(who, "value", value)
        if not self._running.acquire(blocking=False):
            raise RuntimeError(f"{who}: this object is in a step already; use one object for each problem")
        try:
            out = _core.hessian_free_step(
                who,
                at,
                start,
                loss,
                slope,
                multiply,
                preconditioner_of(who, preconditioner, n, dtype),
                self._damping,
                direction,
                self._options,
            )
            self._damping, self._direction = out[1], out[2]
            self._steps += 1
        finally:
            self._running.release()
        return step_from_core(out, at)

    def state_dict(self) -> dict[str, Any]:
        """Return what `load_state_dict` needs to go on with the same bits: numbers and one array of its own.

        The options of the constructor are not in it, nor are preconditioners, which belong to the caller.
        """
        direction = None if self._direction is None else self._direction.copy()
        return {"version": VERSION, "steps": self._steps, "damping": self.damping, "direction": direction}

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
        state = checked_state(who, state, KEYS, VERSION)
        steps = saved_count(who, state, "steps")
        damping = 0.0 if state["damping"] is None else arg.positive(who, "damping", state["damping"])
        direction = state["direction"]
        if direction is not None:
            vector = real_vector(who, "direction", direction)
            dtype = np.dtype(np.float32 if vector.dtype in SMALL else np.float64)
            direction = np.array(vector, dtype=dtype)
        if not self._running.acquire(blocking=False):
            raise RuntimeError(f"{who}: this object is in a step")
        self._steps, self._damping, self._direction = steps, damping, direction
        self._running.release()

    def __repr__(self) -> str:
        damping = "None" if self.damping is None else f"{self.damping:.4g}"
        return f"HessianFree(steps={self._steps}, damping={damping})"

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_running"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._running = threading.Lock()
