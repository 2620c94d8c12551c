"""Layers of osculate.KFAC: convolutions, weight sharing, scales, and the forms of gradients."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from osculate import KFAC
from osculate.layers import Conv2d, Diagonal, Linear, Scale

Array = NDArray[Any]
RNG = np.random.default_rng(11)
B = 6
CLOSE: dict[str, Any] = {"rtol": 1e-12, "atol": 1e-12}  # sums of some 500 terms of size 1: 100 eps of them
GEOMETRIES = [
    {"kernel_size": 3},
    {"kernel_size": (2, 3), "stride": (1, 2), "padding": (1, 0), "dilation": (2, 1)},
    {"kernel_size": 1, "bias": False},
    {"kernel_size": 3, "stride": 2, "padding": 1},
]


def correlation(layer: Conv2d, images: Array, V: Array) -> Array:
    """The convolution, place by place from its definition."""
    (kh, kw), (sh, sw) = layer.kernel_size, layer.stride
    (ph, pw), (dh, dw) = layer.padding, layer.dilation
    padded = np.pad(images, ((0, 0), (0, 0), (ph, ph), (pw, pw)))
    height = (padded.shape[2] - dh * (kh - 1) - 1) // sh + 1
    width = (padded.shape[3] - dw * (kw - 1) - 1) // sw + 1
    columns = layer.in_channels * kh * kw
    kernel = V[:, :columns].reshape(layer.out_channels, layer.in_channels, kh, kw)
    out = np.zeros((len(images), layer.out_channels, height, width))
    for i, j in itertools.product(range(height), range(width)):
        seen = padded[
            :, :, i * sh : i * sh + dh * (kh - 1) + 1 : dh, j * sw : j * sw + dw * (kw - 1) + 1 : dw
        ]
        out[:, :, i, j] = np.einsum("bcij,ocij->bo", seen, kernel) + (V[:, -1] if layer.bias else 0)
    return out


def ones_after(x: Array) -> Array:
    return np.concatenate([x, np.ones((*x.shape[:-1], 1))], axis=-1)


def factors(kfac: KFAC, name: str = "x") -> tuple[Array, Array]:
    state = kfac.state_dict()
    return state[f"{name}/A"], state[f"{name}/G"]


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_patches_times_the_kernel_are_the_convolution(geometry: dict[str, Any]) -> None:
    layer = Conv2d(2, 3, **geometry)
    images, V = RNG.standard_normal((B, 2, 7, 8)), RNG.standard_normal(layer.shape)
    patches = layer.patches(images)
    inputs = ones_after(patches) if layer.bias else patches
    expected = correlation(layer, images, V)
    np.testing.assert_allclose((inputs @ V.T).swapaxes(1, 2).reshape(expected.shape), expected, **CLOSE)


@pytest.mark.parametrize("geometry", GEOMETRIES)
def test_factors_of_a_convolution_are_sums_over_its_places(geometry: dict[str, Any]) -> None:
    layer = Conv2d(2, 3, **geometry)
    images = RNG.standard_normal((B, 2, 7, 8))
    patches = layer.patches(images)
    places = patches.shape[1]
    g = RNG.standard_normal(correlation(layer, images, np.zeros(layer.shape)).shape)
    rows = ones_after(patches) if layer.bias else patches
    A = np.einsum("bpi,bpj->ij", rows, rows) / (B * places)
    G = np.einsum("bipq,bjpq->ij", g, g) / B
    forms = itertools.product((images, patches), (g, g.reshape(B, 3, places).swapaxes(1, 2)))
    for activations, gradients in forms:
        kfac = KFAC({"x": layer})
        assert kfac.update("x", activations, gradients, loss_average=None).success
        np.testing.assert_allclose(factors(kfac)[0], A, **CLOSE)
        np.testing.assert_allclose(factors(kfac)[1], G, **CLOSE)


def test_expand_is_exact_for_independent_terms_of_a_sequence() -> None:
    a, g = RNG.standard_normal((4, 3)), RNG.standard_normal((5, 2))
    rows, outs = np.repeat(a, 5, axis=0).reshape(4, 5, 3), np.tile(g, (4, 1)).reshape(4, 5, 2)
    kfac = KFAC({"x": Linear(3, 2)})
    kfac.update("x", rows, outs, loss_average=None)
    scores = np.einsum("bri,brj->brij", outs, ones_after(rows)).reshape(20, -1)
    exact = scores.T @ scores / 4  # of the sum over a sequence, whose terms are independent
    np.testing.assert_allclose(np.kron(*factors(kfac)[::-1]), exact, **CLOSE)


def test_reduce_is_exact_where_the_loss_sees_a_mean_over_positions() -> None:
    # The gradients at all positions are then equal; every mean of activations meets every gradient.
    a, g = RNG.standard_normal((4, 7, 3)), RNG.standard_normal((5, 2))
    rows, outs = np.repeat(a, 5, axis=0), np.tile(g, (4, 1))
    repeated = np.repeat(outs[:, None], 7, axis=1)
    scores = np.einsum("bri,brj->bij", repeated, ones_after(rows)).reshape(20, -1)
    exact = scores.T @ scores / 20
    reduce, expand = KFAC({"x": Linear(3, 2, sharing="reduce")}), KFAC({"x": Linear(3, 2)})
    reduce.update("x", rows, repeated / 20, loss_average="batch")
    expand.update("x", rows, repeated / 20, loss_average="batch")
    np.testing.assert_allclose(np.kron(*factors(reduce)[::-1]), exact, **CLOSE)
    assert np.linalg.norm(np.kron(*factors(expand)[::-1]) - exact) > 0.1 * np.linalg.norm(exact)


def test_reduce_takes_the_uses_of_tied_weights_together() -> None:
    a, g = RNG.standard_normal((B, 4, 3)), RNG.standard_normal((B, 4, 2))
    one, tied = (KFAC({"x": Linear(3, 2, sharing="reduce")}) for _ in range(2))
    one.update("x", a, g, loss_average=None)
    tied.update("x", [a[:, :2], a[:, 2:]], [g[:, :2], g[:, 2:]], loss_average=None)
    for expected, found in zip(factors(one), factors(tied), strict=True):
        np.testing.assert_allclose(found, expected, **CLOSE)


def test_axes_of_positions_are_any_number() -> None:
    a, g = RNG.standard_normal((B, 2, 4, 3)), RNG.standard_normal((B, 2, 4, 2))
    for sharing in ("expand", "reduce"):
        deep, flat = (KFAC({"x": Linear(3, 2, sharing=sharing)}) for _ in range(2))
        deep.update("x", a, g, loss_average="batch")
        flat.update("x", a.reshape(B, 8, 3), g.reshape(B, 8, 2), loss_average="batch")
        for expected, found in zip(factors(flat), factors(deep), strict=True):
            np.testing.assert_allclose(found, expected, **CLOSE)


def test_a_mean_over_places_of_a_convolution_is_given_by_its_number() -> None:
    layer = Conv2d(1, 2, 2)
    images, g = RNG.standard_normal((B, 1, 3, 3)), RNG.standard_normal((B, 2, 2, 2))
    sums, means = KFAC({"x": layer}), KFAC({"x": layer})
    sums.update("x", images, g, loss_average=None)
    means.update("x", images, g / (4 * B), loss_average=4 * B)
    np.testing.assert_allclose(factors(means)[1], factors(sums)[1] / 4, **CLOSE)


@pytest.mark.parametrize("axis", [-1, 1])
def test_a_scale_has_the_mean_squares_of_its_gradients(axis: int) -> None:
    shape = (B, 5, 3) if axis == -1 else (B, 3, 5)
    x, g = RNG.standard_normal(shape), RNG.standard_normal(shape)
    last_x, last_g = np.moveaxis(x, axis, -1), np.moveaxis(g, axis, -1)
    terms = np.stack([last_x * last_g, last_g], axis=-1)  # (B, 5, 3, 2)
    expected = {
        "expand": np.einsum("brcd,brcd->cd", terms, terms) / B,
        "reduce": np.einsum("bcd,bcd->cd", terms.sum(1), terms.sum(1)) / B,
    }
    for sharing, squares in expected.items():
        kfac = KFAC({"x": Scale(3, axis=axis, sharing=sharing)}, damping=0.5)
        kfac.update("x", x, g / B, loss_average="batch")
        v = RNG.standard_normal((3, 2))
        np.testing.assert_allclose(kfac.fisher_product({"x": v})["x"], squares * v, **CLOSE)
        assert kfac.invert().success
        np.testing.assert_allclose(kfac.precondition({"x": v})["x"], v / (squares + 0.5), **CLOSE)
        weight, bias = kfac.precondition({"x": (v[:, 0].copy(), v[:, 1].copy())})["x"]
        np.testing.assert_allclose(np.stack([weight, bias], -1), v / (squares + 0.5), **CLOSE)


def test_any_parameter_has_the_mean_squares_of_the_gradients_of_samples() -> None:
    g, weights = RNG.standard_normal((B, 2, 3)), np.arange(B) % 3
    kfac = KFAC({"x": Diagonal((2, 3)), "y": Scale(4, bias=False)}, damping=0.1)
    kfac.update("x", None, g, loss_average=None, batch_weights=weights)
    squares = np.einsum("b,bij->ij", weights, g**2) / weights.sum()
    v = RNG.standard_normal((2, 3))
    np.testing.assert_allclose(kfac.fisher_product({"x": v}, damping=2.0)["x"], squares * v + 2 * v, **CLOSE)
    status = kfac.invert()
    assert status.failed == ["y"]  # never updated
    found = kfac.precondition({"x": v, "y": np.ones(4)})
    np.testing.assert_allclose(found["x"], v / (squares + 0.1), **CLOSE)
    np.testing.assert_array_equal(found["y"], 1)


def ready() -> KFAC:
    """With an inverse of all kinds of layers."""
    layers: dict[str, Any] = {
        "fc": Linear(3, 2),
        "plain": Linear(3, 2, bias=False),
        "conv": Conv2d(2, 3, (2, 1)),
    }
    kfac = KFAC(layers)
    kfac.update_all(
        {
            "fc": (RNG.standard_normal((B, 3)), RNG.standard_normal((B, 2))),
            "plain": (RNG.standard_normal((B, 3)), RNG.standard_normal((B, 2))),
            "conv": (RNG.standard_normal((B, 2, 3, 3)), RNG.standard_normal((B, 3, 2, 3))),
        },
        loss_average=None,
    )
    assert kfac.invert().success
    return kfac


def test_gradients_may_be_matrices_or_pairs_in_any_layout() -> None:
    kfac = ready()
    fc, conv, plain = RNG.standard_normal((2, 4)), RNG.standard_normal((3, 5)), RNG.standard_normal((2, 3))
    expected = kfac.precondition({"fc": fc, "conv": conv, "plain": plain})
    kernel, bias = conv[:, :4].reshape(3, 2, 2, 1), conv[:, 4]  # a view that is not contiguous
    found = kfac.precondition({"fc": (fc[:, :3], fc[:, 3]), "conv": (kernel, bias), "plain": (plain, None)})
    np.testing.assert_allclose(np.hstack([found["fc"][0], found["fc"][1][:, None]]), expected["fc"], **CLOSE)
    assert found["conv"][0].shape == kernel.shape
    np.testing.assert_allclose(found["conv"][0].reshape(3, 4), expected["conv"][:, :4], **CLOSE)
    np.testing.assert_allclose(found["conv"][1], expected["conv"][:, 4], **CLOSE)
    np.testing.assert_allclose(found["plain"][0], expected["plain"], **CLOSE)
    assert found["plain"][1] is None
    wide = np.zeros((4, 8))
    wide[::2, ::2] = fc
    for layout in (np.asfortranarray(fc), wide[::2, ::2], fc[:, ::-1][:, ::-1], fc.tolist()):
        np.testing.assert_allclose(kfac.precondition({"fc": layout})["fc"], expected["fc"], **CLOSE)


def test_results_go_where_they_shall() -> None:
    kfac = ready()
    fc = RNG.standard_normal((2, 4))
    expected = kfac.precondition({"fc": fc})["fc"]
    wide = np.zeros((4, 8))
    places = [np.empty((2, 4)), np.empty((2, 4), order="F"), wide[::2, ::2], np.empty((2, 4), np.float32)]
    for place in places:
        found = kfac.precondition({"fc": fc}, out={"fc": place})
        assert found["fc"] is place
        np.testing.assert_allclose(place, expected, rtol=1e-6 if place.dtype == np.float32 else 1e-12)
    pair = (fc[:, :3].copy(), fc[:, 3].copy())
    found = kfac.precondition({"fc": pair}, out={"fc": pair})
    assert found["fc"][0] is pair[0]
    np.testing.assert_allclose(pair[0], expected[:, :3], **CLOSE)
    np.testing.assert_allclose(pair[1], expected[:, 3], **CLOSE)
    for layout in (fc.copy(), np.array(fc, order="F")):  # in place
        kfac.precondition({"fc": layout}, out={"fc": layout})
        np.testing.assert_allclose(layout, expected, **CLOSE)
    product = kfac.fisher_product({"fc": fc}, damping=0.3)["fc"]
    kfac.fisher_product({"fc": fc}, out={"fc": fc}, damping=0.3)
    np.testing.assert_allclose(fc, product, **CLOSE)


def test_clipped_results_have_the_length_of_the_limit() -> None:
    kfac = ready()
    state = kfac.state_dict()
    clipped = KFAC(dict(kfac.layers), kl_clip=1e-3)
    clipped.load_state_dict(state)
    gradients = {name: RNG.standard_normal(layer.shape) for name, layer in kfac.layers.items()}
    gradients["fc"] = np.asfortranarray(gradients["fc"])
    full = kfac.precondition(gradients)
    total = sum(float((gradients[name] * full[name]).sum()) for name in gradients)
    short = clipped.precondition(gradients, learning_rate=0.1)
    assert 0.01 * total > 1e-3  # so that it must be clipped
    factor = np.sqrt(1e-3 / (0.01 * total))
    for name in gradients:
        np.testing.assert_allclose(short[name], factor * full[name], **CLOSE)
    inside = {name: np.array(V, order="K") for name, V in gradients.items()}
    clipped.precondition(inside, out=inside, learning_rate=0.1)
    pair = clipped.precondition({"fc": (gradients["fc"][:, :3], gradients["fc"][:, 3])}, learning_rate=1e-9)
    for name in gradients:
        assert (inside[name] == short[name]).all()
    np.testing.assert_allclose(pair["fc"][0], full["fc"][:, :3], **CLOSE)  # short enough as it is
