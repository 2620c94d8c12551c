"""Fits of C functions, called by their addresses."""

import ctypes

import numpy as np
import pytest

from osculate import Model, Status, fit

X = np.linspace(0, 4, 30)
P = np.array([2.0, 1.0, 0.3])


def decay(x, a, tau, c):
    return a * np.exp(-x / tau) + c


def data(fits=40, noise=0.01):
    rng = np.random.default_rng(5)
    p = P * (1 + 0.1 * rng.standard_normal((fits, 3)))
    return decay(X, *p.T[..., None]) + noise * rng.standard_normal((fits, 30))


DOUBLES = ctypes.POINTER(ctypes.c_double)
CFunction = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int64, DOUBLES, DOUBLES, DOUBLES)


@CFunction
def c_decay(n, x, p, out):
    if p[1] <= 0:
        return 1
    points = np.ctypeslib.as_array(x, (n,))
    np.ctypeslib.as_array(out, (n,))[:] = decay(points, p[0], p[1], p[2])
    return 0


@CFunction
def c_jacobian(n, x, p, out):
    points = np.ctypeslib.as_array(x, (n,))
    e = np.exp(-points / p[1])
    J = np.stack([e, p[0] * e * points / p[1] ** 2, np.ones(n)], axis=1)
    np.ctypeslib.as_array(out, (n, 3))[:] = J
    return 0


@CFunction
def c_plane(n, x, p, out):
    xy = np.ctypeslib.as_array(x, (2, n))
    np.ctypeslib.as_array(out, (n,))[:] = p[0] * xy[0] + p[1] * xy[1]
    return 0


class LikeNumbas:
    """What numba.cfunc returns: an address, and the Python function when called."""

    def __init__(self, function):
        self.kept = function
        self.address = ctypes.cast(function, ctypes.c_void_p).value

    def __call__(self, *arguments):
        raise AssertionError("called from Python")


@pytest.mark.parametrize("f", [c_decay, LikeNumbas(c_decay)], ids=["ctypes", "address"])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("jac", [None, c_jacobian], ids=["differences", "jacobian"])
def test_a_c_function_is_called_by_its_address(f, threads, jac):
    y = data()
    y[3, 4] = np.nan
    result = fit(f, X, y, P, threads=threads, jac=jac)
    assert result.path == "pointer"
    assert result.why_not == "the model is a C function"
    assert result.success.all()
    np.testing.assert_allclose(result.params, fit(decay, X, y, P).params, rtol=1e-6)
    np.testing.assert_allclose(result.predict(), decay(X, *result.params.T[..., None]), rtol=1e-12)


def test_a_c_function_with_names_and_coordinates_of_each_fit():
    rng = np.random.default_rng(2)
    xy = rng.uniform(size=(2, 7, 30))
    y = 2.0 * xy[0] - 3.0 * xy[1]
    model = Model(c_plane, coordinates=("x", "y"), parameters=("a", "b"))
    result = fit(model, xy, y, {"a": 1.0, "b": 1.0})
    np.testing.assert_allclose(result["a"], 2.0, rtol=1e-6)
    np.testing.assert_allclose(result["b"], -3.0, rtol=1e-6)
    np.testing.assert_allclose(result.predict(), y, atol=1e-6)


def test_a_c_function_that_fails_is_not_finite_there():
    result = fit(c_decay, X, data(2), np.array([P, [1.0, -1.0, 0.0]]))
    np.testing.assert_array_equal(result.status > 0, [True, False])
    assert result.status[1] == Status.nonfinite


def test_what_is_no_such_c_function_is_refused():
    with pytest.raises(
        TypeError, match=r"Model: f must be a C function int f\(int64_t n, .* got one of 1 arg"
    ):
        fit(ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)(abs), X, data(2), P)
    with pytest.raises(TypeError, match="fit: jac must be a C function"):
        fit(c_decay, X, data(2), P, jac=lambda x, *p: x)
    with pytest.raises(ValueError, match="fit: batched must be None or False for a C function, got True"):
        fit(c_decay, X, data(2), P, batched=True)
    with pytest.raises(ValueError, match="fit: batched must be True, False or None, got 2"):
        fit(decay, X, data(2), P, batched=2)
