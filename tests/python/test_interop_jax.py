"""`osculate.interop.jax`: problems of JAX functions. Skipped where JAX is not installed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import osculate

jax = pytest.importorskip("jax")
import jax.numpy as jnp  # noqa: E402 (after the skip)

from osculate.interop.jax import problem  # noqa: E402


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", before)


def rosen(x: Any) -> Any:
    return jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def network(params: Any, inputs: Any) -> Any:
    return jnp.tanh(inputs @ params["hidden"]["w"] + params["hidden"]["b"]) @ params["out"]


def start(rng: Any) -> Any:
    hidden = {"w": jnp.asarray(rng.standard_normal((3, 4))), "b": jnp.zeros(4)}
    return {"hidden": hidden, "out": jnp.asarray(rng.standard_normal((4, 2)))}


def cross_entropy(outputs: Any, labels: Any) -> Any:
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(outputs), labels[:, None], axis=1))


@pytest.fixture
def data() -> Any:
    rng = np.random.default_rng(0)
    return rng, jnp.asarray(rng.standard_normal((20, 3))), jnp.asarray(rng.integers(0, 2, 20))


def test_derivatives_are_right() -> None:
    p = problem(rosen, np.array([-1.2, 1.0, 0.5]))
    assert osculate.check_derivatives(p.value, p.x0, p.jac, p.hess, p.hessp)
    assert osculate.check_derivatives(p.fun, p.x0, True, p.hess, p.hessp)
    assert repr(p) == "<Problem of 3 variables, JAX in float64>"


@pytest.mark.parametrize("method", ["newton", "newton-linesearch", "newton-cg"])
def test_minimize_takes_a_problem(method: str) -> None:
    p = problem(rosen, [-1.2, 1.0, 0.5])
    given = {"hessp": p.hessp} if method == "newton-cg" else {"hess": p.hess}
    result = osculate.minimize(p.fun, p.x0, jac=True, method=method, **given)
    assert result.success
    assert result.approximated == ()
    np.testing.assert_allclose(result.x, 1, atol=1e-8)
    assert p.unravel(result.x).tolist() == result.x.tolist()
    apart = osculate.minimize(p.value, p.x0, jac=p.jac, method=method, **given)
    np.testing.assert_allclose(apart.x, result.x, atol=1e-9)


def test_a_network_with_a_loss(data: Any) -> None:
    rng, inputs, labels = data
    p = problem(network, start(rng), loss=cross_entropy)
    args = (inputs, labels)
    assert osculate.check_derivatives(p.value, p.x0, p.jac, p.hess, p.hessp, args)
    v = rng.standard_normal(p.x0.size)
    np.testing.assert_allclose(p.hessp(p.x0, v, *args), p.hess(p.x0, *args) @ v, rtol=1e-9, atol=1e-12)

    def outputs(x: Any) -> Any:
        return network(p.unravel(x), inputs).ravel()

    J = jax.jacobian(outputs)(jnp.asarray(p.x0))
    L = jax.hessian(lambda z: cross_entropy(z.reshape(20, 2), labels))(outputs(p.x0))
    np.testing.assert_allclose(p.gauss_newton_product(p.x0, v, *args), J.T @ (L @ (J @ v)), atol=1e-12)
    result = osculate.minimize(p.fun, p.x0, args, jac=True, hessp=p.gauss_newton_product, tol=1e-3)
    assert result.fun < 0.5 * p.value(p.x0, *args)
    found = p.unravel(result.x)
    assert found["hidden"]["w"].shape == (3, 4)
    np.testing.assert_allclose(cross_entropy(network(found, inputs), labels), result.fun)


def test_least_squares(data: Any) -> None:
    rng, inputs, _ = data
    truth = jnp.asarray([1.0, -2.0, 0.5])
    y = jnp.exp(inputs @ truth)

    def residuals(params: Any, inputs: Any, y: Any) -> Any:
        return jnp.exp(inputs @ params) - y

    p = problem(residuals, jnp.zeros(3), loss="least_squares")
    r = residuals(jnp.zeros(3), inputs, y)
    np.testing.assert_allclose(p.value(p.x0, inputs, y), 0.5 * float(r @ r))
    J = np.asarray(jax.jacobian(residuals)(jnp.zeros(3), inputs, y))
    v = rng.standard_normal(3)
    np.testing.assert_allclose(p.gauss_newton_product(p.x0, v, inputs, y), J.T @ (J @ v), rtol=1e-12)
    result = osculate.minimize(p.fun, p.x0, (inputs, y), jac=True, hessp=p.gauss_newton_product)
    np.testing.assert_allclose(result.x, truth, atol=1e-7)


def test_products_of_other_points_and_arguments_are_not_mixed_up() -> None:
    def f(x: Any, a: Any) -> Any:
        return jnp.sum(a * x**4)

    p = problem(f, jnp.ones(2))
    q = problem(lambda x, a: jnp.sqrt(a) * x**2, jnp.ones(2), loss="least_squares")
    v = np.array([1.0, 2.0])
    a, changing = jnp.ones(2), np.ones(2)
    for x in (np.ones(2), np.full(2, 2.0), np.ones(2)):
        for scale in (1.0, 3.0):
            changing[:] = scale
            for given in (scale * a, changing):
                np.testing.assert_allclose(p.hessp(x, v, given), 12 * scale * x**2 * v)
                np.testing.assert_allclose(q.gauss_newton_product(x, v, given), 4 * scale * x**2 * v)
    x = np.ones(2)
    p.hessp(x, v, a)
    x[:] = 2  # in place
    np.testing.assert_allclose(p.hessp(x, v, a), 48 * v)


def test_what_products_share_is_computed_once() -> None:
    traced = []

    def f(x: Any) -> Any:
        jax.debug.callback(lambda: traced.append(1))
        return rosen(x)

    p = problem(f, jnp.ones(3))
    for v in np.eye(3):
        p.hessp(p.x0, v)
    jax.effects_barrier()
    assert len(traced) == 1


def test_mixed_types_come_back() -> None:
    p = problem(lambda t: jnp.sum(t[0] ** 2) + t[1] ** 2, (jnp.ones(2, jnp.float32), jnp.asarray(2.0)))
    assert [leaf.dtype for leaf in p.unravel(p.x0)] == [jnp.float32, jnp.float64]
    assert p.dtype == "float64"


def test_single_precision_is_computed_in_single_precision() -> None:
    jax.config.update("jax_enable_x64", False)
    p = problem(rosen, jnp.asarray([-1.2, 1.0]))
    assert p.dtype == "float32"
    assert p.x0.dtype == np.float64
    assert p.jac(p.x0).dtype == np.float64
    result = osculate.minimize(p.fun, p.x0, jac=True, hessp=p.hessp, tol=1e-3)
    assert result.success
    np.testing.assert_allclose(result.x, 1, atol=1e-2)
    for x0 in ([-1.2, 1.0], np.array([-1.2, 1.0])):
        with pytest.raises(
            ValueError, match=r"^problem: x0 holds float64, but JAX computes in float32; call jax"
        ):
            problem(rosen, x0)


def test_refusals() -> None:
    with pytest.raises(TypeError, match=r"^problem: f must be callable, got 3"):
        problem(3, [1.0])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^problem: x0 must hold floating-point numbers, got int64 in 1"):
        problem(rosen, {"a": 1})
    with pytest.raises(ValueError, match=r"^problem: x0 must have at least one number"):
        problem(rosen, [])
    with pytest.raises(ValueError, match=r"^problem: loss must be a callable, .* or None, got 'l1'"):
        problem(rosen, [1.0], loss="l1")
    with pytest.raises(ValueError, match=r"^problem: gauss_newton_product needs a loss of outputs"):
        _ = problem(rosen, [1.0, 2.0]).gauss_newton_product
