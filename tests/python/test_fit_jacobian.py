"""A Jacobian that the user gives to `fit`."""

import numpy as np
import pytest

from osculate import Model, fit

X = np.linspace(0, 4, 30)
X = np.linspace(0, 4, 30)


def hidden(f):
    """f for which tracing fails: its first parameter has to be a number or an array."""

    def g(x, *params):
        assert isinstance(params[0], (float, np.ndarray))
        return f(x, *params)

    return Model(g, parameters=f.__code__.co_varnames[1 : f.__code__.co_argcount])


def decay(x, a, tau, c):
    return a * np.exp(-x / tau) + c


def batch(f, truth, fits=21, noise=0.01, x=X):
    rng = np.random.default_rng(3)
    p = np.array(truth) * (1 + 0.1 * rng.standard_normal((fits, len(truth))))
    y = np.stack([f(x, *q) for q in p])
    y += noise * np.abs(y).max() * rng.standard_normal(y.shape)
    return y, p * (1 + 0.05 * rng.standard_normal(p.shape))


def jacobian(x, a, tau, c):
    e = np.exp(-x / tau)
    return np.stack(np.broadcast_arrays(e, a * e * x / tau**2, 1 + 0 * e), axis=-1)


def columns(x, a, tau, c):
    e = np.exp(-x / tau)
    return e, a * e * x / tau**2, np.ones_like(x)


@pytest.mark.parametrize("jac", [jacobian, columns])
@pytest.mark.parametrize("fixed", [None, "a"])
def test_a_jacobian_of_the_users_is_used(jac, fixed):
    calls = []

    def counted(x, *params):
        calls.append(np.shape(params[0]))
        return jac(x, *params)

    y, p0 = batch(decay, (2.0, 1.0, 0.3))
    tape = fit(decay, X, y, p0, fixed=fixed)
    for batched in (True, False):
        calls.clear()
        result = fit(decay, X, y, p0, batched=batched, jac=counted, fixed=fixed)
        assert len(calls) > 0
        np.testing.assert_array_equal(result.iterations, tape.iterations)
        np.testing.assert_allclose(result.params, tape.params, rtol=1e-10)
        np.testing.assert_allclose(result.stderr, tape.stderr, rtol=1e-9)


def test_a_jacobian_of_one_fit_only_makes_the_path_per_fit():
    def one(x, a, tau, c):
        J = np.empty((x.size, 3))
        J[:, 0] = np.exp(-x / tau)
        J[:, 1] = a * J[:, 0] * x / tau**2
        J[:, 2] = 1
        return J

    y, p0 = batch(decay, (2.0, 1.0, 0.3))
    result = fit(hidden(decay), X, y, p0, jac=one)
    assert result.path == "per_fit"
    assert "jac: for 3 fits at once it raises ValueError" in result.why_not
    assert result.success.all()


@pytest.mark.parametrize(
    ("jac", "error", "message"),
    [
        (
            "4-point",
            TypeError,
            r"fit: jac must be a function jac\(x, \*params\), '2-point', '3-point' or None",
        ),
        (lambda x, *p: np.ones((3, 30)), ValueError, r"fit: jac must return an array of shape \(30, 3\)"),
        (lambda x, *p: (x, x), ValueError, r"fit: jac must return a column for each of 3 parameters, got 2"),
        (lambda x, *p: (x, x, x[:5]), ValueError, r"columns that broadcast to shape \(30,\), got \(5,\)"),
    ],
)
def test_a_wrong_jacobian_is_refused(jac, error, message):
    with pytest.raises(error, match=message):
        fit(hidden(decay), X, np.ones((4, 30)), (1.0, 1.0, 1.0), jac=jac, batched=False)
