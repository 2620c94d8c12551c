"""What the hooks of `osculate.interop.torch.KFAC` see. Skipped where PyTorch is not installed."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from torch_kfac_cases import CLOSE, backward, data, network, product, with_ones

torch = pytest.importorskip("torch")

from torch.nn import Conv2d, Linear, Sequential  # noqa: E402 (after the skip)
from torch.nn.functional import cross_entropy  # noqa: E402

from osculate.interop.torch import KFAC  # noqa: E402


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("inplace", [False, True])
def test_empirical_statistics_are_those_of_activations_and_output_gradients(
    bias: bool, inplace: bool
) -> None:
    torch.manual_seed(0)
    model = Sequential(Linear(4, 6, bias), torch.nn.ReLU(inplace=inplace), Linear(6, 3, bias)).double()
    optimizer, (x, y) = KFAC(model, 0.1, fisher="empirical"), data()
    backward(optimizer, model, x, y)
    optimizer.step()
    initial = network(bias)
    h = (x @ initial[0].weight.T + (initial[0].bias if bias else 0)).detach().requires_grad_()
    a = torch.relu(h)
    z = a @ initial[2].weight.T + (initial[2].bias if bias else 0)
    g_z, g_h = torch.autograd.grad(cross_entropy(z, y), [z, h])
    for name, rows, g in (("0", x.numpy(), g_h.numpy()), ("2", a.detach().numpy(), g_z.numpy())):
        rows = with_ones(rows) if bias else rows
        A, G = rows.T @ rows / len(x), g.T @ g * len(x)  # g is 1/B of a sample's gradient
        V, found = product(optimizer, name)
        np.testing.assert_allclose(found, G @ V @ A, **CLOSE)


@pytest.mark.parametrize("sharing", ["expand", "reduce"])
def test_convolutions_share_their_weights_over_positions(sharing: str) -> None:
    torch.manual_seed(0)
    conv = Conv2d(2, 3, (3, 2), stride=(2, 1), padding=(1, 0)).double()
    model = Sequential(conv, torch.nn.Flatten(), Linear(3 * 3 * 4, 3).double())
    optimizer = KFAC(model, 0.1, fisher="empirical", sharing=sharing)
    random = np.random.default_rng(1)
    x, y = torch.from_numpy(random.standard_normal((5, 2, 6, 5))), torch.tensor([0, 1, 2, 1, 0])
    s = conv(x).detach().requires_grad_()
    (g,) = torch.autograd.grad(cross_entropy(model[2](torch.flatten(s, 1)), y), s)
    patches = torch.nn.functional.unfold(x, (3, 2), padding=(1, 0), stride=(2, 1)).numpy()  # (B, 12, P)
    a, g = patches.swapaxes(1, 2), g.numpy().reshape(5, 3, -1).swapaxes(1, 2)
    a, g = (a.reshape(60, 12), g.reshape(60, 3)) if sharing == "expand" else (a.mean(1), g.sum(1))
    backward(optimizer, model, x, y)
    optimizer.step()
    a = with_ones(a)
    V, found = product(optimizer, "0")
    np.testing.assert_allclose(found, (5 * g.T @ g) @ V @ (a.T @ a / len(a)), **CLOSE)


def test_drawn_targets_that_are_the_true_ones_give_the_empirical_statistics() -> None:
    x, y = data()
    found = []
    for fisher in ("empirical", lambda z: cross_entropy(z, y)):
        model = network()
        optimizer = KFAC(model, 0.1, fisher=fisher)
        if callable(fisher):
            optimizer.update(model(x))
        else:
            backward(optimizer, model, x, y)
            optimizer.step()
        found.append([product(optimizer, name)[1] for name in ("0", "2")])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, **CLOSE)


@pytest.mark.parametrize("average", ["batch", None])
@pytest.mark.parametrize("fisher", ["categorical", "bernoulli", "normal"])
def test_targets_are_drawn_from_the_distribution_of_the_outputs(fisher: str, average: Any) -> None:
    samples, model = 20_000, Linear(1, 3).double()
    generator = torch.Generator().manual_seed(0)
    optimizer = KFAC(model, 0.1, fisher=fisher, loss_average=average, generator=generator)
    z = model(torch.zeros(samples, 1).double())
    optimizer.update(z)
    p = torch.sigmoid(z[0]) if fisher == "bernoulli" else torch.softmax(z[0], 0)
    exact = {
        "categorical": torch.diag(p) - torch.outer(p, p),
        "bernoulli": torch.diag(p * (1 - p)),
        "normal": torch.eye(3),
    }[fisher]
    # A is 1 at the bias alone. An entry of G is a mean of independent numbers of variance at most 2 (normal)
    found = np.array([optimizer.kfac.fisher_product({"model": V})["model"][:, 1] for V in _units(3)]).T
    np.testing.assert_allclose(found, exact.detach().numpy(), atol=5 * np.sqrt(2 / samples))


def _units(n: int) -> list[Any]:
    return [np.column_stack([np.zeros(n), column]) for column in np.eye(n)]


def test_update_leaves_the_graph_and_the_gradients_of_parameters_alone() -> None:
    model, (x, y) = network(), data()
    optimizer = KFAC(model, 0.1, fisher="categorical")
    outputs = model(x)
    optimizer.update(outputs)
    assert all(p.grad is None for p in model.parameters())
    cross_entropy(outputs, y).backward()
    expected = torch.autograd.grad(cross_entropy(model(x), y), list(model.parameters()))
    for p, g in zip(model.parameters(), expected, strict=True):
        torch.testing.assert_close(p.grad, g, rtol=0, atol=0)


def test_tensors_are_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    model, (x, y) = network(), data()
    optimizer = KFAC(model, 0.1, fisher="empirical")
    seen: dict[str, Any] = {}
    update = optimizer.kfac.update_all
    monkeypatch.setattr(optimizer.kfac, "update_all", lambda u, **o: (seen.update(u), update(u, **o)))
    kept: dict[str, Any] = {}
    model[2].register_full_backward_hook(lambda module, before, after: kept.update(g=after[0]))
    backward(optimizer, model, x, y)
    optimizer.step()
    assert np.shares_memory(seen["0"][0][0], x.numpy())
    assert np.shares_memory(seen["2"][1][0], kept["g"].numpy())


def test_accumulated_batches_are_updates_of_their_own() -> None:
    model, (x, y) = network(), data()
    optimizer = KFAC(model, 0.1, fisher="empirical")
    for half in (slice(0, 6), slice(6, 12)):
        (cross_entropy(model(x[half]), y[half])).backward()
    with torch.no_grad():
        model(x)
    model(x)  # without a backward pass: a validation that forgot no_grad
    optimizer.step()
    assert optimizer.kfac.updates == {"0": 2, "2": 2}


def test_two_backward_passes_through_one_graph_are_their_sum() -> None:
    model, (x, y) = network(), data()
    optimizer = KFAC(model, 0.1, fisher="empirical")
    z = model(x)
    cross_entropy(z, y).backward(retain_graph=True)
    (0.5 * z.square().mean()).backward()
    optimizer.step()
    other = network()
    reference = KFAC(other, 0.1, fisher="empirical")
    z = other(x)
    (cross_entropy(z, y) + 0.5 * z.square().mean()).backward()
    reference.step()
    np.testing.assert_allclose(product(optimizer, "0")[1], product(reference, "0")[1], **CLOSE)


def test_statistics_are_taken_every_few_steps_from_a_part_of_the_batch() -> None:
    model, (x, y) = network(), data()
    optimizer = KFAC(model, 0.01, fisher="empirical", update_period=3, subsample=0.25)
    counts = []
    for _ in range(7):
        backward(optimizer, model, x, y)
        optimizer.step()
        counts.append(optimizer.kfac.updates["0"])
    assert counts == [1, 1, 1, 2, 2, 2, 3]
    one = network()
    part = KFAC(one, 0.01, fisher="empirical", subsample=0.25)
    backward(part, one, x, y)
    part.step()
    V, found = product(part, "0")
    A = with_ones(x[:3].numpy()).T @ with_ones(x[:3].numpy()) / 3
    initial = network()
    h = (x @ initial[0].weight.T + initial[0].bias).detach().requires_grad_()
    (g,) = torch.autograd.grad(cross_entropy(initial[2](torch.tanh(h)), y), h)
    g = 12 * g[:3].numpy()
    np.testing.assert_allclose(found, g.T @ g / 3 @ V @ A, **CLOSE)


def test_half_precision_activations_come_as_float32() -> None:
    model, (x, y) = network().float(), data()
    optimizer = KFAC(model, 0.1, fisher="empirical")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = cross_entropy(model(x.float()), y)
    loss.backward()
    optimizer.step()
    assert optimizer.status().success
    assert all(torch.isfinite(p).all() for p in model.parameters())


def test_a_batch_that_is_not_finite_leaves_the_statistics_alone_and_is_told() -> None:
    model, (x, y) = network(), data()
    optimizer = KFAC(model, 0.1, fisher="empirical")
    backward(optimizer, model, x, y)
    optimizer.step()
    before = product(optimizer, "0")[1]
    x[0, 0] = torch.nan
    backward(optimizer, model, x, y)
    model.zero_grad()
    optimizer.step()
    np.testing.assert_array_equal(product(optimizer, "0")[1], before)
    assert optimizer.status().failed == ["0", "2"]


def test_removed_hooks_see_nothing() -> None:
    model, (x, y) = network(), data()
    optimizer = KFAC(model, 0.1, fisher="empirical")
    optimizer.remove()
    backward(optimizer, model, x, y)
    with pytest.raises(ValueError, match=r"step: there are no statistics yet; a backward pass"):
        optimizer.step()


def test_copies_of_the_model_are_not_seen() -> None:
    model, (x, y) = network(), data()
    optimizer = KFAC(model, 0.1, fisher="empirical")
    backward(optimizer, model, x, y)
    average = copy.deepcopy(model)
    cross_entropy(average(2 * x), y).backward()
    optimizer.step()
    assert optimizer.kfac.updates == {"0": 1, "2": 1}
    other = network()
    reference = KFAC(other, 0.1, fisher="empirical")
    backward(reference, other, x, y)
    reference.step()
    np.testing.assert_array_equal(product(optimizer, "0")[1], product(reference, "0")[1])
