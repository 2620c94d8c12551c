"""PyTorch functions and modules for `osculate.minimize`: gradients, Hessians and products; `KFAC` to train.

Parameters become one vector, and back. What a product needs is recorded once a point: the gradient with its
graph for H v, and outputs with theirs for Gauss-Newton products, of which J v is the derivative by u of J' u
(the double-backward trick): as many operations as forward mode, without the forward pass.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

try:
    import torch
except ImportError as error:
    raise ImportError("osculate.interop.torch needs PyTorch: pip install 'osculate[torch]'") from error

from .._arguments import FloatArray, shown
from ._problem import LEAST_SQUARES, Latest, Problem, check, split
from ._torch_kfac import KFAC

__all__ = ["KFAC", "Problem", "problem"]


def problem(f: Callable[..., Any], x0: Any = None, *, loss: Any = None) -> Problem:
    """Make a function of tensors, or a module, a function of a vector, with all derivatives.

    Parameters
    ----------
    f : callable or torch.nn.Module
        ``f(params, *args)`` gives a scalar tensor, in operations that autograd differentiates twice. It may
        depend on `params` and `args` alone. Of a module the parameters are the variables:
        ``module(*args)``, called by `torch.func.functional_call`, which leaves the module as it is.
    x0 : tensor, mapping or sequence of tensors
        The start, floating-point tensors of one type on one device; a list of Python's numbers is a vector in
        float64. Default of a module: its parameters that require gradients; the others stay as they are.
    loss : callable or "least_squares", optional
        Then f gives outputs, a tensor, of which the loss is minimized: ``loss(outputs, *targets)`` for
        ``f(params, inputs)``, or ``module(inputs)``, and ``args = (inputs, *targets)``. "least_squares"
        minimizes |r|^2 / 2 for residuals ``r = f(params, *args)``. Only for these is there a
        `gauss_newton_product`.

    Returns
    -------
    Problem
        `x0`, `fun` (for ``jac=True``), `value`, `jac`, `hess`, `hessp`, `gauss_newton_product` and `unravel`,
        which gives a dict of tensors for a module: ``module.load_state_dict(p.unravel(x), strict=False)``.

    Raises
    ------
    ValueError
        x0 is empty, of several types or on several devices; an unknown loss.
    TypeError
        f is not callable, or x0 holds anything but floating-point tensors.
    ImportError
        PyTorch is not installed.

    Notes
    -----
    Dropout and batch statistics make a module another function at each call: ``module.eval()`` before. In
    float32 gradients are not better than about 1e-6 of their largest terms, and `tol` should say so.

    A product of the Gauss-Newton matrix costs about 4/3 of a gradient, one of the Hessian about two, and the
    first of a point as much as a gradient more. The graph is kept until products are asked for another point
    or other `args`; where these are anything but tensors and numbers nothing is kept.

    Examples
    --------
    >>> import torch
    >>> import osculate
    >>> from osculate.interop.torch import problem
    >>> def f(params):
    ...     return torch.sum((params["a"] - 3.0) ** 2) + torch.cosh(params["b"])
    >>> p = problem(f, {"a": torch.zeros(2).double(), "b": torch.ones(()).double()})
    >>> result = osculate.minimize(p.fun, p.x0, jac=True, hessp=p.hessp)
    >>> p.unravel(result.x)["a"].numpy().round(6).tolist()
    [3.0, 3.0]
    """
    check(f, loss)
    start = _start(f, x0)
    leaves = _leaves(start)
    function = _call_of_module(f) if isinstance(f, torch.nn.Module) else f
    dtype, device = leaves[0].dtype, leaves[0].device

    def vector(x: Any) -> Any:
        shared = np.ascontiguousarray(x, dtype=np.float64)
        shared = shared if shared.flags.writeable else shared.copy()  # PyTorch has no read-only tensors
        return torch.from_numpy(shared).to(device=device, dtype=dtype)

    def unravel(flat: Any) -> Any:
        parts = torch.split(flat, [leaf.numel() for leaf in leaves])
        return _like(start, [part.reshape(leaf.shape) for part, leaf in zip(parts, leaves, strict=True)])

    def outputs(flat: Any, args: tuple[Any, ...]) -> Any:
        return function(unravel(flat), *split(loss, args)[0])

    def outer(z: Any, args: tuple[Any, ...]) -> Any:
        if loss == LEAST_SQUARES:
            return 0.5 * torch.sum(z * z)
        return z if loss is None else loss(z, *split(loss, args)[1])

    def objective(flat: Any, *args: Any) -> Any:
        value = outer(outputs(flat, args), args)
        if not isinstance(value, torch.Tensor) or value.numel() != 1:
            raise ValueError(f"problem: the function must return a scalar tensor, got {shown(value)}")
        return value.reshape(())

    def fun(x: Any, *args: Any) -> tuple[float, FloatArray]:
        flat = vector(x).requires_grad_()
        with torch.enable_grad():
            found = objective(flat, *args)
            (gradient,) = _grad(found, flat)
        return found.item(), _numpy(gradient)

    def value(x: Any, *args: Any) -> float:
        with torch.no_grad():
            return float(objective(vector(x), *args))

    def hess(x: Any, *args: Any) -> FloatArray:
        gradient = torch.func.grad(lambda flat: objective(flat, *args))
        return _numpy(torch.func.jacrev(gradient)(vector(x)))

    def slope(x: Any, *args: Any) -> Any:
        flat = vector(x).requires_grad_()
        with torch.enable_grad():
            return flat, _grad(objective(flat, *args), flat, create_graph=True)[0]

    def model(x: Any, *args: Any) -> Any:
        flat = vector(x).requires_grad_()
        with torch.enable_grad():
            z = outputs(flat, args)
            u = torch.zeros_like(z, requires_grad=True)
            (pulled,) = _grad(z, flat, u, create_graph=True)  # J' u, linear in u
            inner = z.detach().requires_grad_()
            at_outputs = None
            if loss != LEAST_SQUARES:
                (at_outputs,) = _grad(outer(inner, args), inner, create_graph=True)
        return flat, z, u, pulled, inner, at_outputs

    latest_slope, latest_model = Latest(slope, _identity), Latest(model, _identity)

    def hessp(x: Any, v: Any, *args: Any) -> FloatArray:
        flat, gradient = latest_slope(x, args)
        return _numpy(_grad(gradient, flat, vector(v), retain_graph=True)[0])

    def gauss_newton(x: Any, v: Any, *args: Any) -> FloatArray:
        flat, z, u, pulled, inner, at_outputs = latest_model(x, args)
        (pushed,) = _grad(pulled, u, vector(v), retain_graph=True)
        if loss != LEAST_SQUARES:
            (pushed,) = _grad(at_outputs, inner, pushed, retain_graph=True)
        return _numpy(_grad(z, flat, pushed, retain_graph=True)[0])

    return Problem(
        x0=_numpy(torch.cat([leaf.reshape(-1) for leaf in leaves])).copy(),
        fun=fun,
        value=value,
        jac=lambda x, *args: fun(x, *args)[1],
        hess=hess,
        hessp=hessp,
        unravel=lambda x: unravel(vector(np.array(x, dtype=np.float64))),
        framework="PyTorch",
        dtype=str(dtype).removeprefix("torch."),
        _gauss_newton=None if loss is None else gauss_newton,
    )


def _call_of_module(module: Any) -> Callable[..., Any]:
    return lambda parameters, *args: torch.func.functional_call(module, parameters, args)


def _start(f: Any, x0: Any) -> Any:
    """The start as tensors without history, in the containers it came in."""
    if x0 is None:
        if not isinstance(f, torch.nn.Module):
            raise TypeError("problem: x0 must be given, a tensor or a mapping or sequence of tensors")
        x0 = {name: p for name, p in f.named_parameters() if p.requires_grad}
    if isinstance(x0, (list, tuple)) and x0 and all(type(item) in (int, float) for item in x0):
        x0 = torch.tensor(x0, dtype=torch.float64)
    leaves = _leaves(x0)
    for leaf in leaves:
        if not isinstance(leaf, torch.Tensor) or not leaf.is_floating_point():
            raise TypeError(f"problem: x0 must hold floating-point tensors, got {shown(leaf)}")
    if sum(leaf.numel() for leaf in leaves) == 0:
        raise ValueError(f"problem: x0 must have at least one number, got {shown(x0)}")
    kinds = sorted({f"{leaf.dtype} on {leaf.device}" for leaf in leaves})
    if len(kinds) > 1:
        raise ValueError(f"problem: x0 must be of one type on one device, got {', '.join(kinds)}")
    return _like(x0, [leaf.detach() for leaf in leaves])


def _leaves(x: Any) -> list[Any]:
    """The tensors in nested mappings and sequences, in their order."""
    if isinstance(x, Mapping):
        return [leaf for item in x.values() for leaf in _leaves(item)]
    if isinstance(x, (list, tuple)):
        return [leaf for item in x for leaf in _leaves(item)]
    return [x]


def _like(x: Any, leaves: list[Any]) -> Any:
    """The containers of x with other leaves, of which none are left."""
    rest = iter(leaves)

    def build(part: Any) -> Any:
        if isinstance(part, Mapping):
            return {name: build(item) for name, item in part.items()}
        if isinstance(part, (list, tuple)):
            items = [build(item) for item in part]
            return items if isinstance(part, list) else tuple(items)
        return next(rest)

    return build(x)


def _grad(of: Any, by: Any, times: Any = None, **graph: bool) -> tuple[Any, ...]:
    """`torch.autograd.grad`, with zeros where there is no dependence."""
    if not of.requires_grad:
        return (torch.zeros_like(by),)
    found = torch.autograd.grad(of, by, times, allow_unused=True, **graph)
    return tuple(torch.zeros_like(by) if part is None else part for part in found)


def _identity(args: tuple[Any, ...]) -> Any:
    """Tensors and their versions, which change when they are written to; None with what has no version."""
    leaves = _leaves(args)
    if not all(isinstance(leaf, (torch.Tensor, bool, int, float, complex)) for leaf in leaves):
        return None
    return leaves, [leaf._version if isinstance(leaf, torch.Tensor) else None for leaf in leaves]


def _numpy(tensor: Any) -> FloatArray:
    return np.asarray(tensor.detach().cpu().double().numpy())
