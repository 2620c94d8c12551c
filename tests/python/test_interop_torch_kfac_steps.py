"""Steps, states and refusals of `osculate.interop.torch.KFAC`. Skipped where PyTorch is not installed."""

from __future__ import annotations

import copy
import io
from typing import Any

import numpy as np
import pytest
from torch_kfac_cases import CLOSE, backward, data, network, product

import osculate

torch = pytest.importorskip("torch")

from torch.nn import Conv2d, Linear, Sequential  # noqa: E402 (after the skip)
from torch.nn.functional import cross_entropy  # noqa: E402

from osculate.interop.torch import KFAC  # noqa: E402


def test_a_step_is_the_preconditioned_gradient_with_momentum() -> None:
    model, (x, y) = network(), data()
    options: dict[str, Any] = {"damping": 0.03, "decay": 0.9, "kl_clip": 1e-2}
    optimizer = KFAC(model, 0.2, fisher="empirical", momentum=0.5, weight_decay=0.1, **options)
    layers = {"0": osculate.layers.Linear(4, 6), "2": osculate.layers.Linear(6, 3)}
    reference = osculate.KFAC(layers, l2=0.1, **options)
    theta = [p.detach().numpy().copy() for p in model.parameters()]
    velocity = [np.zeros_like(t) for t in theta]
    for _ in range(3):
        W, b, U, c = (torch.from_numpy(t).requires_grad_() for t in theta)
        h = x @ W.T + b
        a = torch.tanh(h)
        z = a @ U.T + c
        gradients = torch.autograd.grad(cross_entropy(z, y), [h, z, W, b, U, c])
        g_h, g_z, *by_theta = [g.numpy() for g in gradients]
        reference.update_all({"0": (x.numpy(), g_h), "2": (a.detach().numpy(), g_z)}, loss_average="batch")
        reference.invert(when_due=True)
        g = [g + 0.1 * t for g, t in zip(by_theta, theta, strict=True)]
        found = reference.precondition({"0": (g[0], g[1]), "2": (g[2], g[3])}, learning_rate=0.2)
        for v, d in zip(velocity, [*found["0"], *found["2"]], strict=True):
            v *= 0.5
            v += d
        for t, v in zip(theta, velocity, strict=True):
            t -= 0.2 * v
        backward(optimizer, model, x, y)
        optimizer.step()
    for p, t in zip(model.parameters(), theta, strict=True):
        np.testing.assert_allclose(p.detach().numpy(), t, **CLOSE)


def test_precondition_before_sgd_is_the_step() -> None:
    x, y = data()
    found = []
    for apart in (False, True):
        model = network()
        optimizer = KFAC(model, 0.2, fisher="empirical", momentum=0.9)
        sgd = torch.optim.SGD(model.parameters(), lr=0.2, momentum=0.9)
        for _ in range(4):
            backward(optimizer, model, x, y)
            if apart:
                optimizer.precondition()
                sgd.step()
            else:
                optimizer.step()
        found.append([p.detach().clone() for p in model.parameters()])
    for one, other in zip(*found, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=0)


@pytest.mark.parametrize("sgd", [torch.optim.SGD, torch.optim.Adam])
def test_parameters_in_no_layer_are_left_to_another_optimizer(sgd: Any) -> None:
    torch.manual_seed(0)
    model = Sequential(Linear(4, 6), torch.nn.LayerNorm(6), Linear(6, 3)).double()
    before = copy.deepcopy(model)
    x, y = data()
    optimizer = KFAC(model, 0.1, fisher="empirical", others=lambda p: sgd(p, lr=0.01))
    backward(optimizer, model, x, y)
    gradient = model[1].weight.grad.clone()
    optimizer.step()
    alone = sgd([before[1].weight, before[1].bias], lr=0.01)
    before[1].weight.grad, before[1].bias.grad = gradient, model[1].bias.grad.clone()
    alone.step()
    torch.testing.assert_close(model[1].weight, before[1].weight, rtol=0, atol=0)
    assert not torch.equal(model[0].weight, before[0].weight)
    optimizer.zero_grad()
    assert model[1].weight.grad is None


def test_layers_that_are_not_taken_are_named() -> None:
    torch.manual_seed(0)
    grouped, embedding = Conv2d(2, 4, 3, groups=2), torch.nn.Embedding(5, 6)
    tied, frozen = Linear(6, 5), Linear(5, 5).requires_grad_(False)
    tied.weight = embedding.weight
    model = torch.nn.ModuleDict(
        {"a": grouped, "b": embedding, "c": tied, "d": frozen, "e": Linear(5, 2), "f": Conv2d(2, 2, 3)}
    )
    optimizer = KFAC(model, 0.1, fisher="empirical")
    assert list(optimizer.kfac.layers) == ["e", "f"]
    with pytest.raises(ValueError, match=r"parameters in no layer, a\.weight, a\.bias, b\.weight, c\.bias,"):
        optimizer.step()


def test_layers_with_the_same_parameters_are_one_of_several_uses() -> None:
    torch.manual_seed(0)
    shared = Linear(4, 4).double()
    model = Sequential(shared, torch.nn.Tanh(), shared, torch.nn.Tanh(), Linear(4, 3).double())
    optimizer, (x, y) = KFAC(model, 0.1, fisher="empirical"), data()
    s = [shared(x).detach().requires_grad_()]
    a = [x, torch.tanh(s[0])]
    s.append(torch.nn.functional.linear(a[1], shared.weight, shared.bias))
    g = [g.numpy() for g in torch.autograd.grad(cross_entropy(model[4](torch.tanh(s[1])), y), s)]
    backward(optimizer, model, x, y)
    optimizer.step()
    assert list(optimizer.kfac.layers) == ["0", "4"]
    reference = osculate.KFAC({"0": osculate.layers.Linear(4, 4)})
    reference.update("0", [t.detach().numpy() for t in a], g, loss_average="batch")
    V, found = product(optimizer, "0")
    np.testing.assert_allclose(found, reference.fisher_product({"0": V})["0"], **CLOSE)


@pytest.mark.parametrize("fisher", ["empirical", "categorical"])
def test_a_saved_optimizer_goes_on_to_the_same_bits(fisher: str) -> None:
    x, y = data()

    def make(model: Any) -> Any:
        generator = torch.Generator().manual_seed(1)
        options: dict[str, Any] = {"update_period": 2, "inverse_update_period": 3, "weight_decay": 0.01}
        others = {"others": lambda p: torch.optim.Adam(p, lr=0.01)}
        return KFAC(model, 0.1, fisher=fisher, generator=generator, **options, **others)

    def train(optimizer: Any, model: Any, steps: int) -> None:
        for _ in range(steps):
            if fisher != "empirical":
                optimizer.update(model(x))
            backward(optimizer, model, x, y)
            optimizer.step()

    def normed() -> Any:
        torch.manual_seed(0)
        return Sequential(Linear(4, 6), torch.nn.LayerNorm(6), Linear(6, 3)).double()

    model = normed()
    optimizer = make(model)
    train(optimizer, model, 5)
    file = io.BytesIO()
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, file)
    train(optimizer, model, 4)
    file.seek(0)
    saved = torch.load(file, weights_only=True)
    resumed = normed()
    second = make(resumed)
    resumed.load_state_dict(saved["model"])
    second.load_state_dict(saved["optimizer"])
    train(second, resumed, 4)
    for p, q in zip(model.parameters(), resumed.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=0, atol=0)


def test_schedulers_and_closures_work_as_with_other_optimizers() -> None:
    model, (x, y) = network(), data()
    optimizer = KFAC(model, 0.4, fisher="empirical", momentum=0.0, kl_clip=None)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    first = optimizer.step(lambda: backward(optimizer, model, x, y))
    scheduler.step()
    assert optimizer.param_groups[0]["lr"] == 0.2
    for _ in range(5):
        loss = optimizer.step(lambda: backward(optimizer, model, x, y))
    assert loss < first


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"fisher": "true"}, "fisher must be one of"),
        ({"loss_average": "mean"}, "loss_average must be one of"),
        ({"lr": 0.0}, "lr must be positive"),
        ({"momentum": 1.0}, "momentum must be below 1"),
        ({"subsample": 1.5}, "subsample must be at most 1"),
        ({"weight_decay": -1.0}, "weight_decay must be finite and at least 0"),
        ({"update_period": 0}, "update_period must be at least 1"),
        ({"model": torch.nn.Tanh()}, "model must have a Linear or Conv2d"),
        ({"model": Linear(2, 2).half()}, "parameters must be float32 or float64 on the CPU"),
    ],
)
def test_bad_arguments_are_refused(options: dict[str, Any], message: str) -> None:
    given = {"model": network(), "lr": 0.1, "fisher": "empirical"} | options
    with pytest.raises(ValueError, match=rf"^osculate\.interop\.torch\.KFAC: {message}"):
        KFAC(**given)


def test_a_learning_rate_of_zero_moves_nothing() -> None:
    model, (x, y) = network(), data()
    optimizer = KFAC(model, 0.1, fisher="empirical")
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: step / 10)  # a warm-up
    before = [p.detach().clone() for p in model.parameters()]
    backward(optimizer, model, x, y)
    optimizer.step()
    for p, old in zip(model.parameters(), before, strict=True):
        torch.testing.assert_close(p, old, rtol=0, atol=0)


def test_calls_at_the_wrong_time_are_refused() -> None:
    with pytest.raises(TypeError, match=r"KFAC: model must be a torch\.nn\.Module, got 3"):
        KFAC(3, 0.1, fisher="empirical")
    model, (x, _) = network(), data()
    drawing = KFAC(model, 0.1, fisher="categorical")
    with pytest.raises(ValueError, match=r"step: there are no statistics yet; update\(outputs\)"):
        drawing.step()
    outputs = model(x)
    model(x)
    with pytest.raises(ValueError, match="those of the model's latest pass"):
        drawing.update(outputs)
    with pytest.raises(ValueError, match="outputs must be the model's, with gradients"):
        drawing.update(outputs.detach())
    empirical = KFAC(model, 0.1, fisher="empirical")
    with pytest.raises(ValueError, match="fisher must be a distribution to draw from"):
        empirical.update(model(x))
    with pytest.raises(ValueError, match=r"load_state_dict: 'kfac' must be in state_dict"):
        drawing.load_state_dict({"steps": 1})
    with pytest.raises(TypeError, match="others must give a torch optimizer"):
        KFAC(Sequential(Linear(2, 2), torch.nn.LayerNorm(2)), 0.1, fisher="normal", others=lambda p: p)
