"""JAX functions for `osculate.minimize`: gradients, Hessians and products with them, exact and compiled.

Pytrees become one vector, and back. Products H v are forward-over-reverse: the gradient is linearized once a
point, which costs about a gradient, and each product of the same point applies that. Gauss-Newton products
linearize the outputs instead, and transpose.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

try:
    import jax
    import jax.numpy as jnp
    from jax.flatten_util import ravel_pytree
except ImportError as error:
    raise ImportError("osculate.interop.jax needs JAX: pip install 'osculate[jax]'") from error

from .._arguments import FloatArray, shown
from ._problem import LEAST_SQUARES, Latest, Problem, check, split

__all__ = ["Problem", "problem"]
IMMUTABLE = (jax.Array, bool, int, float, complex)


def problem(f: Callable[..., Any], x0: Any, *, loss: Any = None) -> Problem:
    """Make a function of a pytree a function of a vector, with all derivatives.

    Parameters
    ----------
    f : callable
        ``f(params, *args)`` gives a scalar, in operations that `jax.jit` can compile. It may depend on
        `params` and `args` alone; what else it refers to is read once.
    x0 : pytree
        The start: arrays of floating-point numbers, or Python's; a list of such numbers is a vector. float64
        needs ``jax.config.update("jax_enable_x64", True)`` before.
    loss : callable or "least_squares", optional
        Then f gives outputs, a pytree, of which the loss is minimized: ``loss(outputs, *targets)`` for
        ``f(params, inputs)`` and ``args = (inputs, *targets)``. "least_squares" minimizes |r|^2 / 2 for
        residuals ``r = f(params, *args)``. Only for these is there a `gauss_newton_product`.

    Returns
    -------
    Problem
        `x0`, `fun` (for ``jac=True``), `value`, `jac`, `hess`, `hessp`, `gauss_newton_product` and `unravel`.

    Raises
    ------
    ValueError
        x0 holds float64 while JAX computes in float32, or is empty; an unknown loss.
    TypeError
        f is not callable, or x0 holds anything but floating-point numbers.
    ImportError
        JAX is not installed.

    Notes
    -----
    From JAX arrays in float32 on all is computed in float32, though `osculate.minimize` works in float64:
    gradients are then not better than about 1e-6 of their largest terms, and `tol` should say so.

    What products at one point share is kept until they are asked for another point or other `args`, as far as
    these are JAX arrays or numbers: a NumPy array could have changed meanwhile.

    Examples
    --------
    >>> import jax, jax.numpy as jnp
    >>> import osculate
    >>> from osculate.interop.jax import problem
    >>> jax.config.update("jax_enable_x64", True)
    >>> def f(params):
    ...     return jnp.sum((params["a"] - 3.0) ** 2) + jnp.cosh(params["b"])
    >>> p = problem(f, {"a": jnp.zeros(2), "b": 1.0})
    >>> result = osculate.minimize(p.fun, p.x0, jac=True, hessp=p.hessp)
    >>> p.unravel(result.x)["a"].round(6).tolist()
    [3.0, 3.0]
    """
    check(f, loss)
    flat, unravel = ravel_pytree(_checked(x0))
    dtype = flat.dtype

    def outputs(x: Any, args: tuple[Any, ...]) -> Any:
        return f(unravel(x), *split(loss, args)[0])

    def outer(z: Any, args: tuple[Any, ...]) -> Any:
        if loss == LEAST_SQUARES:
            return 0.5 * sum(jnp.vdot(leaf, leaf) for leaf in jax.tree_util.tree_leaves(z))
        return z if loss is None else loss(z, *split(loss, args)[1])

    def objective(x: Any, *args: Any) -> Any:
        return outer(outputs(x, args), args)

    def product(linear: Any, v: Any) -> Any:
        return linear(v)

    def curvature(z: Any, linear: Any, v: Any, args: tuple[Any, ...]) -> Any:
        slope = jax.grad(lambda z: outer(z, args))
        tangent = linear(v)
        (u,) = jax.linear_transpose(linear, v)(jax.jvp(slope, (z,), (tangent,))[1])
        return u

    value = jax.jit(objective)
    gradient = jax.jit(jax.grad(objective))
    both = jax.jit(jax.value_and_grad(objective))
    hessian = jax.jit(jax.jacfwd(jax.grad(objective)))
    slope = jax.jit(lambda x, *args: jax.linearize(jax.grad(lambda p: objective(p, *args)), x)[1])
    model = jax.jit(lambda x, *args: jax.linearize(lambda p: outputs(p, args), x))
    apply, apply_curvature = jax.jit(product), jax.jit(curvature)

    def vector(x: Any) -> Any:
        return jnp.asarray(x, dtype=dtype)

    def prepared(function: Any) -> Latest:  # of a copy: JAX may share the memory of what it is given
        return Latest(lambda x, *args: function(jnp.array(x, dtype=dtype), *args), _identity)

    latest_slope, latest_model = prepared(slope), prepared(model)

    def fun(x: Any, *args: Any) -> tuple[float, FloatArray]:
        found, slope_there = both(vector(x), *args)
        return float(found), _numpy(slope_there)

    def hessp(x: Any, v: Any, *args: Any) -> FloatArray:
        return _numpy(apply(latest_slope(x, args), vector(v)))

    def gauss_newton(x: Any, v: Any, *args: Any) -> FloatArray:
        z, linear = latest_model(x, args)
        return _numpy(apply_curvature(z, linear, vector(v), args))

    return Problem(
        x0=np.array(flat, dtype=np.float64),
        fun=fun,
        value=lambda x, *args: float(value(vector(x), *args)),
        jac=lambda x, *args: _numpy(gradient(vector(x), *args)),
        hess=lambda x, *args: _numpy(hessian(vector(x), *args)),
        hessp=hessp,
        unravel=lambda x: unravel(vector(x)),
        framework="JAX",
        dtype=str(dtype),
        _gauss_newton=None if loss is None else gauss_newton,
    )


def _checked(x0: Any) -> Any:
    """x0 as it came, if JAX can compute with it as it is; a plain list of numbers as a vector."""
    if isinstance(x0, (list, tuple)) and x0 and all(type(item) in (int, float) for item in x0):
        x0 = np.array(x0, dtype=np.float64)
    config: Any = jax.config  # whose attributes mypy does not know
    leaves = jax.tree_util.tree_leaves(x0)
    if sum(np.size(leaf) for leaf in leaves) == 0:
        raise ValueError(f"problem: x0 must have at least one number, got {shown(x0)}")
    for leaf in leaves:
        dtype = leaf.dtype if hasattr(leaf, "dtype") else np.asarray(leaf).dtype
        if not jnp.issubdtype(dtype, jnp.floating):
            raise TypeError(f"problem: x0 must hold floating-point numbers, got {dtype} in {shown(leaf)}")
        if dtype == np.float64 and not config.jax_enable_x64:
            raise ValueError(
                "problem: x0 holds float64, but JAX computes in float32; call "
                'jax.config.update("jax_enable_x64", True) first, or start from JAX arrays in float32'
            )
    return x0


def _identity(args: tuple[Any, ...]) -> Any:
    """The leaves and their structure, if all leaves are immutable."""
    leaves, structure = jax.tree_util.tree_flatten(args)
    return (leaves, structure) if all(isinstance(leaf, IMMUTABLE) for leaf in leaves) else None


def _numpy(array: Any) -> FloatArray:
    return np.asarray(array, dtype=np.float64)
