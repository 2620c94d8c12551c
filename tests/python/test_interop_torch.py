"""`osculate.interop.torch`: problems of PyTorch functions and modules. Skipped where it is not installed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import osculate

torch = pytest.importorskip("torch")

from osculate.interop.torch import problem  # noqa: E402 (after the skip)


def rosen(x: Any) -> Any:
    return torch.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def network(dtype: Any = torch.float64) -> Any:
    torch.manual_seed(0)
    layers = [torch.nn.Linear(3, 4), torch.nn.Tanh(), torch.nn.Linear(4, 2)]
    return torch.nn.Sequential(*layers).to(dtype)


@pytest.fixture
def data() -> Any:
    rng = np.random.default_rng(0)
    return torch.from_numpy(rng.standard_normal((20, 3))), torch.from_numpy(rng.integers(0, 2, 20))


def test_derivatives_are_right() -> None:
    p = problem(rosen, [-1.2, 1.0, 0.5])
    assert osculate.check_derivatives(p.value, p.x0, p.jac, p.hess, p.hessp)
    assert osculate.check_derivatives(p.fun, p.x0, True, p.hess, p.hessp)
    assert repr(p) == "<Problem of 3 variables, PyTorch in float64>"


@pytest.mark.parametrize("method", ["newton", "newton-linesearch", "newton-cg"])
def test_minimize_takes_a_problem(method: str) -> None:
    p = problem(rosen, torch.tensor([-1.2, 1.0, 0.5], dtype=torch.float64))
    given = {"hessp": p.hessp} if method == "newton-cg" else {"hess": p.hess}
    result = osculate.minimize(p.fun, p.x0, jac=True, method=method, **given)
    assert result.success
    assert result.approximated == ()
    np.testing.assert_allclose(result.x, 1, atol=1e-8)
    assert p.unravel(result.x).tolist() == result.x.tolist()
    apart = osculate.minimize(p.value, p.x0, jac=p.jac, method=method, **given)
    np.testing.assert_allclose(apart.x, result.x, atol=1e-9)


def test_a_module_with_a_loss(data: Any) -> None:
    module, cross_entropy = network(), torch.nn.functional.cross_entropy
    before = [parameter.clone() for parameter in module.parameters()]
    p = problem(module, loss=cross_entropy)
    assert osculate.check_derivatives(p.value, p.x0, p.jac, p.hess, p.hessp, data)
    v = np.random.default_rng(1).standard_normal(p.x0.size)
    np.testing.assert_allclose(p.hessp(p.x0, v, *data), p.hess(p.x0, *data) @ v, rtol=1e-9, atol=1e-12)

    def outputs(x: Any) -> Any:
        parameters, rest = {}, x
        for name, parameter in module.named_parameters():
            parameters[name] = rest[: parameter.numel()].reshape(parameter.shape)
            rest = rest[parameter.numel() :]
        return torch.func.functional_call(module, parameters, data[0]).reshape(-1)

    def of_outputs(z: Any) -> Any:
        return cross_entropy(z.reshape(20, 2), data[1])

    x = torch.from_numpy(p.x0)
    J = torch.func.jacrev(outputs)(x).numpy()
    L = torch.func.jacrev(torch.func.grad(of_outputs))(outputs(x)).numpy()
    np.testing.assert_allclose(p.gauss_newton_product(p.x0, v, *data), J.T @ (L @ (J @ v)), atol=1e-12)
    result = osculate.minimize(p.fun, p.x0, data, jac=True, hessp=p.gauss_newton_product, tol=1e-3)
    assert result.fun < 0.5 * p.value(p.x0, *data)
    for parameter, old in zip(module.parameters(), before, strict=True):  # the module is as it was
        torch.testing.assert_close(parameter, old, rtol=0, atol=0)
        assert parameter.grad is None
    module.load_state_dict(p.unravel(result.x), strict=False)
    np.testing.assert_allclose(cross_entropy(module(data[0]), data[1]).item(), result.fun)


def test_frozen_parameters_stay(data: Any) -> None:
    module = network()
    module[0].requires_grad_(False)
    p = problem(module, loss=torch.nn.functional.cross_entropy)
    assert p.x0.size == 10
    assert osculate.check_derivatives(p.value, p.x0, p.jac, p.hess, p.hessp, data)


def test_least_squares(data: Any) -> None:
    inputs, truth = data[0], torch.tensor([1.0, -2.0, 0.5], dtype=torch.float64)
    y = torch.exp(inputs @ truth)

    def residuals(params: Any, inputs: Any, y: Any) -> Any:
        return torch.exp(inputs @ params) - y

    p = problem(residuals, torch.zeros(3).double(), loss="least_squares")
    r = residuals(torch.zeros(3).double(), inputs, y)
    np.testing.assert_allclose(p.value(p.x0, inputs, y), 0.5 * float(r @ r))
    J = torch.func.jacrev(residuals)(torch.zeros(3).double(), inputs, y).numpy()
    v = np.array([1.0, -1.0, 2.0])
    np.testing.assert_allclose(p.gauss_newton_product(p.x0, v, inputs, y), J.T @ (J @ v), rtol=1e-12)
    result = osculate.minimize(p.fun, p.x0, (inputs, y), jac=True, hessp=p.gauss_newton_product)
    np.testing.assert_allclose(result.x, truth.numpy(), atol=1e-7)


def test_losses_and_functions_without_curvature() -> None:
    p = problem(lambda x: 2 * x, torch.ones(2).double(), loss=torch.sum)
    np.testing.assert_array_equal(p.gauss_newton_product(p.x0, np.ones(2)), 0)
    np.testing.assert_array_equal(p.hessp(p.x0, np.ones(2)), 0)
    np.testing.assert_array_equal(p.jac(p.x0), 2)
    p = problem(lambda x: x[0] ** 2, torch.ones(2).double())
    np.testing.assert_array_equal(p.hessp(p.x0, np.ones(2)), [2, 0])


def test_products_of_other_points_and_arguments_are_not_mixed_up() -> None:
    p = problem(lambda x, a: torch.sum(torch.as_tensor(a) * x**4), torch.ones(2).double())
    q = problem(
        lambda x, a: torch.sqrt(torch.as_tensor(a)) * x**2, torch.ones(2).double(), loss="least_squares"
    )
    v = np.array([1.0, 2.0])
    tensor, array = torch.ones(2).double(), np.ones(2)
    for x in (np.ones(2), np.full(2, 2.0), np.ones(2)):
        for scale in (1.0, 3.0):
            tensor[:] = scale  # in place
            array[:] = scale
            for given in (tensor, scale * torch.ones(2).double(), array):
                np.testing.assert_allclose(p.hessp(x, v, given), 12 * scale * x**2 * v)
                np.testing.assert_allclose(q.gauss_newton_product(x, v, given), 4 * scale * x**2 * v)
    s = problem(lambda x, a: a[0] * torch.sum(x**2), torch.ones(2).double())
    pair = [torch.ones(()), torch.ones(())]
    np.testing.assert_allclose(s.hessp(p.x0, v, pair), 2 * v)
    pair[0] = 3 * torch.ones(())  # another tensor of the same version
    np.testing.assert_allclose(s.hessp(p.x0, v, pair), 6 * v)
    x = np.ones(2)
    p.hessp(x, v, tensor)
    x[:] = 2
    np.testing.assert_allclose(p.hessp(x, v, tensor), 144 * v)


def test_what_products_share_is_computed_once() -> None:
    calls = 0

    def f(x: Any) -> Any:
        nonlocal calls
        calls += 1
        return rosen(x)

    p = problem(f, [1.0, 1.0, 1.0])
    for v in np.eye(3):
        p.hessp(p.x0, v)
    assert calls == 1


def test_read_only_points_and_no_grad() -> None:
    p = problem(rosen, [-1.2, 1.0])
    x = p.x0.copy()
    x.flags.writeable = False
    with torch.no_grad():
        value, gradient = p.fun(x)
        H = p.hess(x)
        np.testing.assert_allclose(p.hessp(x, np.ones(2)), H.sum(axis=1))
    assert value == p.value(x)
    np.testing.assert_array_equal(gradient, p.jac(x))


def test_single_precision_is_computed_in_single_precision(data: Any) -> None:
    p = problem(network(torch.float32), loss=torch.nn.functional.cross_entropy)
    assert (p.dtype, p.x0.dtype) == ("float32", np.float64)
    args = (data[0].float(), data[1])
    assert p.jac(p.x0, *args).dtype == np.float64
    result = osculate.minimize(p.fun, p.x0, args, jac=True, hessp=p.gauss_newton_product, tol=1e-2)
    assert result.success
    assert all(tensor.dtype == torch.float32 for tensor in p.unravel(result.x).values())


def test_containers_come_back() -> None:
    start = {"a": [torch.ones(2, 2).double()], "b": (torch.zeros(()).double(),)}
    p = problem(lambda t: torch.sum(t["a"][0] ** 2) + t["b"][0] ** 2, start)
    back = p.unravel(p.x0)
    assert (type(back["a"]), type(back["b"]), back["a"][0].shape) == (list, tuple, (2, 2))
    back["a"][0][:] = 7  # memory of its own
    np.testing.assert_array_equal(p.x0, [1, 1, 1, 1, 0])


def test_refusals() -> None:
    with pytest.raises(TypeError, match=r"^problem: f must be callable, got 3"):
        problem(3, [1.0])  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"^problem: x0 must be given"):
        problem(rosen)
    with pytest.raises(TypeError, match=r"^problem: x0 must hold floating-point tensors, got tensor"):
        problem(rosen, torch.tensor([1]))
    with pytest.raises(TypeError, match=r"^problem: x0 must hold floating-point tensors, got array"):
        problem(rosen, np.ones(2))
    with pytest.raises(ValueError, match=r"^problem: x0 must have at least one number"):
        problem(rosen, [])
    with pytest.raises(ValueError, match=r"^problem: x0 must be of one type on one device, got torch"):
        problem(rosen, [torch.ones(1), torch.ones(1).double()])
    with pytest.raises(ValueError, match=r"^problem: loss must be a callable, .* or None, got 'l1'"):
        problem(rosen, [1.0], loss="l1")
    with pytest.raises(ValueError, match=r"^problem: gauss_newton_product needs a loss of outputs"):
        _ = problem(rosen, [1.0, 2.0]).gauss_newton_product
    with pytest.raises(ValueError, match=r"^problem: the function must return a scalar tensor, got tensor"):
        problem(lambda x: x, [1.0, 2.0]).value(np.ones(2))
