"""The ready-made models: values, derivatives by complex step, sums, pickles and documentation."""

from __future__ import annotations

import doctest
import inspect
import math
import pickle

import numpy as np
import pytest
from model_cases import CASES, PIXELS, Case, X

from osculate import models
from osculate._special import erf
from osculate._trace import Trace, trace
from osculate.models._faddeeva import faddeeva_real

special = pytest.importorskip("scipy.special")
each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
READY = [name for name in models.__all__ if name != "polynomial"]


@each_case
def test_derivatives_by_complex_step(case: Case) -> None:
    """Against central differences of 4th order: (f(-2h) - 8 f(-h) + 8 f(h) - f(2h)) / 12h, h = eps^(1/5)."""
    for params in case.simulate(5, 0.0)[0]:
        for k in range(len(params)):
            step = np.zeros(len(params))
            h = np.finfo(float).eps ** 0.2 * max(abs(params[k]), 0.1) * 0.01
            step[k] = h
            exact = np.imag(case.model(case.x, *(params + 1e-30j * (step > 0)))) / 1e-30
            values = [case.model(case.x, *(params + s * step)) for s in (-2, -1, 1, 2)]
            differences = (values[0] - 8 * values[1] + 8 * values[2] - values[3]) / (12 * h)
            # rounding eps |f| / h, truncation (h / scale)^4, with a factor for the largest of 64 points
            tolerance = 1e-7 * (np.abs(exact).max() + np.abs(values).max() / max(abs(params[k]), 0.1))
            np.testing.assert_allclose(exact, differences, rtol=0, atol=tolerance)


@each_case
def test_every_model_is_traced_with_exact_derivatives(case: Case) -> None:
    params = case.simulate(1, 0.0)[0][0]
    traced = trace(case.model.f, case.x, len(params), case.model.parameters)
    assert isinstance(traced, Trace), traced
    assert traced.verify(case.model.f, case.x, params) is None
    derivatives = traced.evaluate(case.x, params, traced.graph.gradient(traced.root, len(params)))
    for k, derivative in enumerate(derivatives):
        exact = np.imag(case.model(case.x, *(params + 1e-30j * (np.arange(len(params)) == k)))) / 1e-30
        # Horner's rule and the 32 terms of Weideman's recurrence lose some 10 eps
        np.testing.assert_allclose(derivative, exact, rtol=0, atol=1e-13 * np.abs(exact).max())


@each_case
def test_scalars_arrays_and_batches_agree(case: Case) -> None:
    params = case.simulate(3, 0.0)[0]
    batch = case.model(case.x, *params.T[:, :, None])
    assert batch.shape == (3, case.x.shape[-1])
    one = case.model(case.x, *params[1])
    np.testing.assert_array_equal(one, batch[1])
    point = case.model(case.x[..., 5], *map(float, params[1]))
    np.testing.assert_allclose(point, one[5], rtol=1e-12)
    assert np.ndim(point) == 0


@each_case
def test_no_warning_where_the_model_is_defined(case: Case) -> None:
    with np.errstate(all="raise", under="ignore"):
        case.model(case.x, *case.simulate(20, 0.0)[0].T[:, :, None])


def test_voigt_is_scipys_profile() -> None:
    x = np.linspace(-30, 30, 601)
    for sigma in (0.1, 1.0, 5.0):
        for gamma in (1e-2 * sigma, 0.3 * sigma, sigma, 20 * sigma):
            profile = special.voigt_profile(x, sigma, gamma)
            ours = models.voigt(x + 2.0, 1.0, 2.0, sigma, gamma, 0.0)
            np.testing.assert_allclose(ours, profile / special.voigt_profile(0.0, sigma, gamma), rtol=1e-8)
            np.testing.assert_array_equal(
                models.voigt(x, 1.0, 2.0, -sigma, gamma, 0.0), models.voigt(x, 1.0, 2.0, sigma, gamma, 0.0)
            )


def test_faddeeva_to_rounding_of_its_maximum() -> None:
    x = np.concatenate([np.linspace(-12, 12, 4001), np.geomspace(10, 1e6, 200)])
    for y in (0.0, 1e-6, 1e-3, 0.1, 1.0, 10.0, 1e3):
        exact = special.wofz(x + 1j * y).real
        assert np.abs(faddeeva_real(x, y) - exact).max() < 1e-13 * exact.max()
        if y >= 1e-3:
            np.testing.assert_allclose(faddeeva_real(x, y), exact, rtol=1e-8)


def test_erf_is_scipys() -> None:
    x = np.concatenate([np.linspace(-7, 7, 10001), [0.0, -0.0, np.inf, -np.inf, 1e-300]])
    np.testing.assert_allclose(erf(x), special.erf(x), rtol=1e-15)
    assert np.isnan(erf(np.nan))
    assert erf(0.5) == math.erf(0.5)
    derivative = np.imag(erf(x[:-5] + 1e-30j)) / 1e-30
    np.testing.assert_allclose(derivative, 2 / math.sqrt(math.pi) * np.exp(-(x[:-5] ** 2)), rtol=1e-14)


def test_erf_asks_a_tracing_symbol() -> None:
    class Symbol:
        def __osculate_unary__(self, name: str) -> str:
            return f"{name}(symbol)"

    assert erf(Symbol()) == "erf(symbol)"


def test_values_of_textbooks() -> None:
    assert models.gaussian(4.0 + 0.5 * 2.354820045, 2.0, 4.0, 1.0, 1.0) == pytest.approx(2.0, rel=1e-9)
    assert models.lorentzian(4.5, 2.0, 4.0, 1.0, 1.0) == pytest.approx(2.0)
    assert models.pseudo_voigt(4.5, 2.0, 4.0, 1.0, 0.3, 1.0) == pytest.approx(2.0)
    assert models.voigt(4.0, 2.0, 4.0, 1.0, 0.3, 1.0) == pytest.approx(3.0)
    assert models.logistic(4.0, 2.0, 4.0, 1.0, 1.0) == pytest.approx(2.0)
    assert models.hill(np.array([0.0, 2.0]), 2.0, 2.0, 1.5, 1.0) == pytest.approx([1.0, 2.0])
    assert models.hill(5.0, 2.0, 3.0, 1.5, 1.0) == pytest.approx(1 + 2 * 5**1.5 / (3**1.5 + 5**1.5))
    assert models.michaelis_menten(2.0, 3.0, 2.0) == pytest.approx(1.5)
    assert models.stretched_exponential(np.array([-1.0, 0.0, 2.0]), 3.0, 2.0, 0.5, 1.0) == pytest.approx(
        [4.0, 4.0, 1 + 3 / math.e]
    )
    assert models.arrhenius(300.0, 2.0, 8.31446261815324 * 300) == pytest.approx(2 / math.e)
    assert models.polynomial(2)(3.0, 1.0, -2.0, 5.0) == pytest.approx(8.0)
    turned = models.gaussian2d_rotated(PIXELS, 2.0, 4.0, 4.0, 2.0, 1.0, math.pi / 2, 0.0)
    np.testing.assert_allclose(
        turned, models.gaussian2d_elliptic(PIXELS, 2.0, 4.0, 4.0, 1.0, 2.0, 0.0), rtol=1e-12
    )
    round_spot = models.gaussian2d_elliptic(PIXELS, 2.0, 4.0, 4.0, 1.5, 1.5, 0.0)
    np.testing.assert_allclose(models.gaussian2d(PIXELS, 2.0, 4.0, 4.0, 1.5, 0.0), round_spot, rtol=1e-12)


def test_steps_do_not_overflow() -> None:
    with np.errstate(all="raise", under="ignore"):
        np.testing.assert_allclose(models.logistic(np.array([-1e6, 1e6]), 2.0, 0.0, 1e-3, 1.0), [1, 3])
        np.testing.assert_allclose(models.hill(np.array([0.0, 1e30]), 2.0, 1.0, 50.0, 1.0), [1, 3])


def test_sum_has_one_offset_and_numbered_names() -> None:
    total = models.gaussian + models.lorentzian + models.gaussian + models.linear
    assert total.parameters == (
        *("height_1", "center_1", "sigma_1"),
        *("height_2", "center_2", "fwhm"),
        *("height_3", "center_3", "sigma_3"),
        *("slope", "offset"),
    )
    parts = (
        models.gaussian(X, 1.0, 2.0, 0.5, 0.0)
        + models.lorentzian(X, 2.0, 5.0, 0.7, 0.0)
        + models.gaussian(X, 3.0, 8.0, 0.4, 0.0)
        + models.linear(X, 0.1, 4.0)
    )
    value = total(X, 1.0, 2.0, 0.5, 2.0, 5.0, 0.7, 3.0, 8.0, 0.4, 0.1, 4.0)
    np.testing.assert_allclose(value, parts, rtol=1e-14)
    assert total.guess(X, value).shape == (11,)


def test_sum_without_offsets() -> None:
    total = models.power_law + models.michaelis_menten
    assert total.parameters == ("amplitude", "exponent", "vmax", "km")
    x = X[1:]
    np.testing.assert_allclose(total(x, 1.0, 2.0, 3.0, 4.0), x**2 + 3 * x / (4 + x), rtol=1e-14)
    assert np.isfinite(total.guess(x, total(x, 1.0, 2.0, 3.0, 4.0))).all()


def test_sum_is_associative() -> None:
    left = (models.gaussian + models.lorentzian) + models.constant
    right = models.gaussian + (models.lorentzian + models.constant)
    assert left.parameters == right.parameters
    assert left == right


def test_sum_refuses_other_coordinates() -> None:
    message = r"coordinates must be equal, got \(.x.,\) and \(.x., .y.\)"
    with pytest.raises(ValueError, match=message):
        models.gaussian + models.gaussian2d


def test_sum_refuses_what_is_no_model() -> None:
    with pytest.raises(TypeError):
        models.gaussian + 1  # type: ignore[operator]


@pytest.mark.parametrize("degree", [-1, 21, 1.5, "2"])
def test_polynomial_refuses_degree(degree: object) -> None:
    with pytest.raises(ValueError, match="polynomial: degree must be an integer from 0 to 20, got"):
        models.polynomial(degree)  # type: ignore[arg-type]


@each_case
def test_pickle(case: Case) -> None:
    copy = pickle.loads(pickle.dumps(case.model))
    assert copy == case.model
    params = case.simulate(1, 0.0)[0][0]
    np.testing.assert_array_equal(copy(case.x, *params), case.model(case.x, *params))


@pytest.mark.parametrize("name", READY)
def test_documentation_is_complete(name: str) -> None:
    model = getattr(models, name)
    docs = inspect.getdoc(model)
    assert docs is not None
    for section in ("Parameters\n", "Notes\n", "Examples\n", "Guess: "):
        assert section in docs
    described = docs.split("Parameters\n")[1].split("Notes\n")[0]
    for parameter in model.parameters:
        assert parameter in described, parameter
    assert doctest.DocTestParser().get_examples(docs)
    assert name in repr(model)


def test_every_model_is_tried() -> None:
    assert {case.name.split("-")[0] for case in CASES} >= set(models.__all__)
