"""Checks of derivatives that a user wrote, before a solver gets them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import _arguments as arg
from ._arguments import FloatArray
from ._derivatives_result import DerivativeCheck, compare
from ._differences import IMAGINARY, NOISE, Function, along, complex_values, noise, nudged
from ._model import Model

WHO = "check_derivatives"


def check_derivatives(
    fun: Callable[..., Any],
    x: Any,
    jac: Any = None,
    hess: Callable[..., Any] | None = None,
    hessp: Callable[..., Any] | None = None,
    args: Any = (),
    *,
    rtol: float = 1e-5,
    scale: Any = 1.0,
) -> DerivativeCheck:
    """Compare derivatives with differences at many steps: which element is wrong, and by how much.

    An element counts as wrong where it differs from the best difference by more than ``rtol`` of itself and
    more than the uncertainty of both, which is measured and not assumed: neither the scale of x or `fun` nor
    cancellation in them makes a right derivative look wrong. A wrong one may hide below rounding errors: such
    elements are called unresolved.

    Parameters
    ----------
    fun : callable or Model
        ``fun(x, *args)`` gives a number, or the residuals of shape (m,). For a `Model`, x are its parameters
        and ``args=(points,)`` its predictors; `jac` is its own Jacobian unless another is given.
    x : array_like, shape (n,)
        The point. A random one: where derivatives vanish, as in a minimum, they prove little.
    jac : callable or True, optional
        ``jac(x, *args)`` gives the gradient, shape (n,), or the Jacobian, shape (m, n), dense or
        scipy.sparse. True: `fun` returns ``(value, jac)``.
    hess : callable, optional
        ``hess(x, *args)`` gives the Hessian of a scalar `fun`, shape (n, n), dense or scipy.sparse. All of it
        counts, not only a triangle.
    hessp : callable, optional
        ``hessp(x, v, *args)`` gives the Hessian of a scalar `fun` times v, shape (n,).
    args : tuple
        Passed on to all of these.
    rtol : float, default 1e-5
        Relative error that is no mistake. Raise it where `jac` is itself an approximation.
    scale : float or array_like, shape (n,)
        Lengths over which `fun` varies where x is about zero. Steps go from a tenth of
        ``max(|x_j|, scale_j)`` down to rounding.

    Returns
    -------
    DerivativeCheck
        `ok`, and a `Comparison` for each of `jac`, `hess` and `hessp`, with `worst`, `table` and a repr that
        lists what is wrong.

    Raises
    ------
    ValueError
        There is nothing to check, `fun` is not finite at x, or a shape is wrong.
    TypeError
        An argument or what a function returns has the wrong type.

    Notes
    -----
    About 50 values of `fun` for each variable, twenty of each derivative, and 50 gradients for each variable
    for second derivatives: these are compared with differences of `jac` if that is right, else with those of
    a gradient by differences.
    Functions that take complex numbers are differentiated by complex step, too [1]_, where it agrees with the
    differences. ArithmeticError and ValueError of `fun` at a step mean that the step left its domain.

    References
    ----------
    .. [1] W. Squire and G. Trapp, "Using complex variables to estimate derivatives of real functions",
       SIAM Review 40, 1998, doi:10.1137/S003614459631241X.

    Examples
    --------
    >>> import osculate
    >>> def f(x):
    ...     return x[0] ** 2 * x[1] + 3 * x[1]
    >>> osculate.check_derivatives(f, [1.5, 2.0], jac=lambda x: [2 * x[0] * x[1], x[0] ** 2 + 3])
    jac: right, compared with differences of fun
    >>> check = osculate.check_derivatives(f, [1.5, 2.0], jac=lambda x: [x[0] * x[1], x[0] ** 2 + 3])
    >>> check.ok, check.jac.worst, check.jac.hint
    (False, (0,), 'every wrong element is 0.5 times what is expected')
    """
    point = arg.start_vector(WHO, x, "x")
    n = point.size
    extra = args if isinstance(args, tuple) else (args,)
    size = np.maximum(arg.positive_vector(WHO, "scale", scale, n), np.finfo(float).tiny)
    tolerance = arg.positive(WHO, "rtol", rtol)
    if isinstance(fun, Model):
        model, points = fun, extra[0] if len(extra) == 1 else None
        if points is None:
            raise ValueError(f"{WHO}: a Model needs args=(points,), its predictors, got {arg.shown(args)}")
        fun, extra = (lambda p: model(points, *p)), ()
        jac = jac or (lambda p: model.jacobian(points, *p))
    value, gradient = _pair(fun, jac, extra)
    if gradient is None and hess is None and hessp is None:
        raise ValueError(f"{WHO}: jac, hess or hessp must be given: there is nothing to check")
    with np.errstate(all="ignore"):
        at = _numbers("fun", value(point.copy()))
        if at.ndim > 1 or not np.isfinite(at).all():
            raise ValueError(f"{WHO}: fun must return finite numbers, shape () or (m,), got {arg.shown(at)}")
        scalar, m = at.ndim == 0 or (at.size == 1 and _is_gradient(gradient, point)), at.size
        if not scalar and (hess is not None or hessp is not None):
            raise ValueError(f"{WHO}: hess and hessp need a fun that returns a number, got shape {at.shape}")

        def flat(p: Any) -> Any:
            return np.reshape(value(p.copy()), m)

        unit = np.eye(n)
        first = None
        if gradient is not None:
            shape = (n,) if scalar else (m, n)
            given, rounding = _given("jac", gradient, point, shape, size)
            found = along(flat, point, unit, size)
            first = compare("jac", "differences of fun", given, rounding, found, tolerance)
        if first is not None and first.ok and gradient is not None:
            slope, of = _dense(gradient), "differences of jac"
        else:
            slope, of = _slope(flat, point, size), "differences of fun"
        second = products = None
        if hess is not None:
            matrix = arg.with_arguments(WHO, "hess", hess, extra, None)
            given, rounding = _given("hess", matrix, point, (n, n), size)
            second = compare("hess", of, given, rounding, along(slope, point, unit, size), tolerance)
        if hessp is not None:
            signs = np.random.default_rng(1).choice([-1.0, 1.0], n) * np.maximum(np.abs(point), size)
            directions = np.column_stack([unit, signs])
            columns = _columns(hessp, directions, extra)
            given, rounding = _given("hessp", columns, point, directions.shape, size)
            found = along(slope, point, directions, size)
            products = compare("hessp", of, given, rounding, found, tolerance)
    parts = [part for part in (first, second, products) if part is not None]
    return DerivativeCheck(ok=all(part.ok for part in parts), jac=first, hess=second, hessp=products)


def _pair(fun: Any, jac: Any, args: tuple[Any, ...]) -> tuple[Function, Function | None]:
    """The function and its first derivative, if it is given, of x alone."""
    value = arg.with_arguments(WHO, "fun", fun, args, None)
    if jac is not True:
        return value, None if jac is None else arg.with_arguments(WHO, "jac", jac, args, None)
    both = value

    def part(index: int) -> Function:
        def one(x: Any) -> Any:
            pair = both(x)
            if not isinstance(pair, (tuple, list)) or len(pair) != 2:
                raise TypeError(f"{WHO}: fun with jac=True must return (value, jac), got {arg.shown(pair)}")
            return pair[index]

        return one

    return part(0), part(1)


def _is_gradient(derivative: Function | None, x: FloatArray) -> bool:
    """Whether what belongs to an array of one value is a gradient, (n,), rather than a Jacobian, (1, n)."""
    return derivative is None or np.ndim(_array(derivative(x.copy()))) < 2


def _numbers(name: str, returned: Any) -> FloatArray:
    try:
        return np.asarray(arg.numbers(_array(returned)), dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{WHO}: {name} must return real numbers, got {arg.shown(returned)}") from error


def _array(returned: Any) -> Any:
    return returned.toarray() if hasattr(returned, "toarray") else returned


def _given(
    name: str, derivative: Function, x: FloatArray, shape: tuple[int, ...], size: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """What a derivative gives at x, and what rounding, of x and inside, does to that."""
    values = []
    for point in (x, nudged(x, 1), nudged(x, -1)):
        values.append(_numbers(name, derivative(point.copy())))
        if values[-1].shape != shape:
            raise ValueError(f"{WHO}: {name} must return shape {shape}, got shape {values[-1].shape}")
    at, *beside = values
    change = 3 * np.max([np.abs(other - at) for other in beside], axis=0)
    deviation = noise(lambda p: np.ravel(_array(derivative(p.copy()))), x, size).reshape(shape)
    return at, np.nan_to_num(change + NOISE * deviation, nan=0.0, posinf=0.0)


def _dense(gradient: Function) -> Function:
    return lambda p: np.asarray(_array(gradient(p.copy())))


def _columns(hessp: Any, directions: FloatArray, args: tuple[Any, ...]) -> Function:
    if not callable(hessp):
        raise TypeError(f"{WHO}: hessp must be callable, got {arg.shown(hessp)}")

    def columns(x: FloatArray) -> FloatArray:
        found = [_numbers("hessp", hessp(x.copy(), v.copy(), *args)) for v in directions.T]
        for column in found:
            if column.shape != x.shape:
                raise ValueError(f"{WHO}: hessp must return shape {x.shape}, got shape {column.shape}")
        return np.stack(found, axis=1)

    return columns


def _slope(f: Function, x: FloatArray, size: FloatArray) -> Function:
    """The gradient of a scalar function: by complex step where it takes that, else by differences."""
    if complex_values(f, x) is not None and along(f, x, np.eye(x.size), size).step.max() == 0:
        steps = IMAGINARY * np.maximum(np.abs(x), size)
        return lambda p: np.array(
            [f(p + 1j * h * e)[0].imag / h for h, e in zip(steps, np.eye(p.size), strict=True)]
        )
    steps = along(f, x, np.eye(x.size), size, complex_step=False).step[0]

    def differences(p: FloatArray) -> FloatArray:  # of fourth order: that these are off is in no uncertainty
        found = [
            8 * (f(p + h * e)[0] - f(p - h * e)[0]) - (f(p + 2 * h * e)[0] - f(p - 2 * h * e)[0])
            for h, e in zip(steps, np.eye(p.size), strict=True)
        ]
        return np.asarray(np.array(found) / (12 * steps))

    return differences
