"""osculate.natural_gradient: Fisher scoring of GLMs, the forms of F, the ways to control a step, statuses."""

from __future__ import annotations

import itertools
import math
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from glm_cases import ETA, GLMS, WEIGHTS, N, P, X
from numpy.typing import NDArray

from osculate import Certificate, NaturalGradientResult, Status, families, natural_gradient

Array = NDArray[Any]
each_glm = pytest.mark.parametrize("name", GLMS)


def solve(name: str, **options: Any) -> NaturalGradientResult:
    glm = GLMS[name]
    given: dict[str, Any] = {"model": X.dot, "model_jac": X, "family": glm.family, "targets": glm.y}
    return natural_gradient(None, np.zeros(P), **given | options)


class Poisson:
    """Poisson regression as a loss with its gradient and Fisher matrix in every form."""

    y = GLMS["poisson"].y

    def loss(self, b: Array) -> float:
        eta = X @ b
        return float((np.exp(eta) - self.y * eta).mean())

    def jac(self, b: Array) -> Array:
        return np.asarray(X.T @ (np.exp(X @ b) - self.y) / N)

    def fused(self, b: Array) -> tuple[float, Array]:
        return self.loss(b), self.jac(b)

    def fisher(self, b: Array) -> Array:
        return np.asarray(X.T @ (np.exp(X @ b)[:, None] * X) / N)

    def fisherp(self, b: Array, v: Array) -> Array:
        return np.asarray(X.T @ (np.exp(X @ b) * (X @ v)) / N)

    def scores(self, b: Array) -> Array:
        """A square root of F, with as many rows as samples: exact, and never singular."""
        return np.asarray(np.sqrt(np.exp(X @ b))[:, None] * X)

    def forms(self) -> dict[str, dict[str, Any]]:
        return {
            "matrix": {"fisher": self.fisher},
            "products": {"fisherp": self.fisherp},
            "parameters": {"scores": self.scores},
            "family": {"model": X.dot, "model_jac": lambda b: X, "family": "poisson"},
        }


MODEL = Poisson()
each_form = pytest.mark.parametrize("form", MODEL.forms())


@each_glm
@pytest.mark.parametrize("weighted", [False, True])
def test_glm_is_that_of_iteratively_reweighted_least_squares(name: str, weighted: bool) -> None:
    weights = WEIGHTS if weighted else None
    beta, errors = GLMS[name].irls(weights)
    result = solve(name, weights=weights, gtol=1e-10)
    assert result.outcome is Status.gradient
    # |F^-1| < 10: a gradient within 1e-10 leaves the coefficients within 1e-9.
    np.testing.assert_allclose(result.x, beta, atol=1e-8)
    np.testing.assert_allclose(result.stderr, errors, rtol=1e-8)
    assert result.nit < (25 if name in ("gamma", "exponential") else 10)  # linear where F is not the Hessian
    assert result.form == "matrix"
    assert result.samples == (WEIGHTS.sum() if weighted else N)


@each_glm
@pytest.mark.parametrize("weighted", [False, True])
def test_glm_is_that_of_statsmodels(name: str, weighted: bool) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what its imports deprecate is not ours
        sm = pytest.importorskip("statsmodels.api")
    glm = GLMS[name]
    family = getattr(sm.families, glm.statsmodels)
    link = {"log": "Log", "identity": "Identity", "logit": "Logit"}[glm.link]
    model = sm.GLM(
        glm.y, X, family=family(getattr(sm.families.links, link)()), var_weights=WEIGHTS if weighted else None
    )
    fitted = model.fit(tol=1e-14, tol_criterion="params", scale=None)
    result = solve(name, weights=WEIGHTS if weighted else None)
    np.testing.assert_allclose(result.x, fitted.params, rtol=1e-8, atol=1e-8)
    known = name in ("bernoulli", "poisson")  # whose variance has no scale of its own
    errors = result.stderr if known else np.sqrt(np.diag(result.covariance(dispersion=result.dispersion)))
    np.testing.assert_allclose(errors, fitted.bse, rtol=1e-7)


def test_classes_have_the_coefficients_of_logits_against_the_first() -> None:
    """Multinomial regression by Newton's method on the plain formulas, with the first class as the level."""
    rng = np.random.default_rng(4)
    y = np.argmax(np.stack([0 * ETA, ETA, 1 - ETA], 1) + rng.gumbel(size=(N, 3)), axis=1)
    jacobian = np.zeros((N, 3, 2 * P))
    jacobian[:, 1, :P], jacobian[:, 2, P:] = X, X
    result = natural_gradient(
        None,
        np.zeros(2 * P),
        model=lambda b: np.stack([np.zeros(N), X @ b[:P], X @ b[P:]], axis=1),
        model_jac=jacobian,
        family="categorical",
        targets=y,
    )
    assert result.outcome is Status.gradient
    assert math.isnan(result.dispersion)
    b, shares = np.zeros((2, P)), np.eye(3)[y][:, 1:]
    for _ in range(30):
        e = np.exp(X @ b.T)
        p = e / (1 + e.sum(1, keepdims=True))
        hessian = np.block(
            [[X.T @ ((p[:, i] * ((i == j) - p[:, j]))[:, None] * X) for j in range(2)] for i in range(2)]
        )
        b = b - np.linalg.solve(hessian, ((p - shares).T @ X).ravel()).reshape(2, P)
    np.testing.assert_allclose(result.x, b.ravel(), atol=1e-8)
    np.testing.assert_allclose(result.stderr, np.sqrt(np.diag(np.linalg.inv(hessian))), rtol=1e-8)


def test_mean_and_variance_are_fitted_together() -> None:
    y = 2 + 3 * np.random.default_rng(0).standard_normal(500)
    jacobian = np.tile(np.eye(2), (500, 1, 1))
    result = natural_gradient(
        None,
        [0.0, 0.0],
        model=lambda b: np.tile(b, (500, 1)),
        model_jac=jacobian,
        family="normal_free_variance",
        targets=y,
    )
    assert result.success
    np.testing.assert_allclose(result.x, [y.mean(), np.log(y.var())], atol=1e-7)
    np.testing.assert_allclose(result.stderr, [y.std() / np.sqrt(500), np.sqrt(2 / 500)], rtol=1e-7)


@each_form
@pytest.mark.parametrize("step", ["line_search", "trust_region", "fixed"])
@pytest.mark.parametrize("fused", [False, True])
def test_every_form_and_step_finds_the_minimum(form: str, step: str, fused: bool) -> None:
    given = MODEL.forms()[form]
    loss, jac = (MODEL.fused, True) if fused else (MODEL.loss, MODEL.jac)
    result = natural_gradient(loss, np.zeros(P), jac=jac, step=step, **given)
    assert result.outcome is Status.gradient
    np.testing.assert_allclose(
        result.x, GLMS["poisson"].irls()[0], atol=1e-7
    )  # gtol over the lowest eigenvalue
    assert result.form == ("matrix" if form == "family" else form)
    assert result.optimality == np.abs(MODEL.jac(result.x)).max()
    assert result.fun == MODEL.loss(result.x)
    assert result.trace["cost"][-1] == result.fun
    assert len(result.trace) == result.nit + 1
    assert result.trace["evaluations"][-1] == result.evaluations
    assert (result.nhvp > 0) == (form == "products")
    assert result.certificate is Certificate.first_order_only
    if form == "products":
        assert result.fisher is None
        with pytest.raises(ValueError, match="there is no Fisher matrix; form 'products' does not make one"):
            result.covariance()
    else:
        np.testing.assert_allclose(result.fisher, MODEL.fisher(result.x), rtol=1e-12)


def test_scoring_converges_quadratically() -> None:
    """With a canonical link F is the Hessian."""
    result = solve("poisson", gtol=1e-12)
    g = result.trace["optimality"]
    late = g[(g < 1e-1) & (g > 1e-7)]
    assert len(late) >= 2
    assert (g[1:][g[:-1] < 1e-1] <= 2 * g[:-1][g[:-1] < 1e-1] ** 2 + 1e-15).all()


@pytest.mark.parametrize("centered", [False, True])
def test_fewer_samples_than_parameters_never_form_the_matrix(centered: bool) -> None:
    """Scores of a sine fit with more parameters than points: the loss goes to zero."""
    rng = np.random.default_rng(2)
    A, y = rng.standard_normal((10, 40)), rng.standard_normal(10)

    def residual(b: Array) -> Array:
        return np.asarray(A @ b + 0.1 * np.sin(A @ b) - y)

    def jacobian(b: Array) -> Array:
        return np.asarray((1 + 0.1 * np.cos(A @ b))[:, None] * A)

    result = natural_gradient(
        lambda b: float((residual(b) ** 2).mean() / 2),
        np.zeros(40),
        jac=lambda b: jacobian(b).T @ residual(b) / 10,
        scores=jacobian,
        centered=centered,
        damping=1e-3,
        max_evaluations=3000,
    )
    assert (result.success, result.form, result.fisher) == (True, "samples", None)
    assert result.fun < 1e-12
    plain = natural_gradient(
        None, np.zeros(40), model=lambda b: residual(b) + y, model_jac=jacobian, family="normal", targets=y,
        damping=1e-3,
    )  # fmt: skip
    assert (plain.success, plain.form) == (True, "samples")
    assert plain.fun < 1e-12


def calls(function: Callable[..., Any]) -> tuple[Callable[..., Any], list[Array]]:
    seen: list[Array] = []

    def counted(b: Array, *more: Any) -> Any:
        seen.append(b.copy())
        return function(b, *more)

    return counted, seen


@pytest.mark.parametrize("step", ["line_search", "trust_region", "fixed"])
def test_calls_are_counted(step: str) -> None:
    (loss, losses), (jac, jacs), (fisher, fishers) = map(calls, (MODEL.loss, MODEL.jac, MODEL.fisher))
    # From -4 a whole step goes much too far, and only the other two come back.
    far = np.array([-4.0 if step != "fixed" else 0.0, 0, 0, 0])
    result = natural_gradient(loss, far, jac=jac, fisher=fisher, step=step)
    assert result.success
    assert (result.nfev, result.njev, result.nhev) == (len(losses), len(jacs), len(fishers))
    assert result.njev == result.nit + 1
    assert result.evaluations == result.nfev
    (model, models), (jacobian, jacobians) = calls(X.dot), calls(lambda b: X)
    ours = natural_gradient(
        None, far, model=model, model_jac=jacobian, family="poisson", targets=MODEL.y, step=step
    )
    assert (ours.nfev, ours.nhev) == (len(models), len(jacobians)) == (result.nfev, result.njev)
    np.testing.assert_allclose(ours.x, result.x, rtol=1e-9)


@pytest.mark.parametrize("step", ["line_search", "trust_region"])
def test_kl_clip_bounds_every_step(step: str) -> None:
    clip = 0.01
    result = solve("poisson", kl_clip=clip, step=step, callback=None)
    assert result.success
    points: list[Array] = [np.zeros(P)]
    solve("poisson", kl_clip=clip, step=step, callback=points.append)
    for before, after in itertools.pairwise(points):
        s = after - before
        assert s @ MODEL.fisher(before) @ s / 2 <= clip * (1 + 1e-9)


def test_the_trust_region_starts_where_it_is_told() -> None:
    result = solve("poisson", step="trust_region", kl_radius=1e-4)
    assert result.success
    assert result.trace["radius"][1] == 1e-4
    # A step at the boundary that did as promised doubles its length.
    assert result.trace["radius"][2] == 4e-4
    assert result.nit > solve("poisson", step="trust_region").nit


def test_a_penalty_is_part_of_the_loss_and_the_matrix() -> None:
    """Ridge: the loss has a penalty, F its Hessian too."""
    penalty = 0.1
    result = natural_gradient(
        lambda b: MODEL.loss(b) + penalty * b @ b / 2,
        np.zeros(P),
        jac=lambda b: MODEL.jac(b) + penalty * b,
        fisher=lambda b: MODEL.fisher(b) + penalty * np.eye(P),
    )
    assert result.success
    assert math.isnan(result.samples)
    assert np.isnan(result.stderr).all()
    assert (result.covariance(samples=N) > 0).any()


def test_results_pickle_and_print() -> None:
    result = solve("gamma")
    other = pickle.loads(pickle.dumps(result))
    np.testing.assert_array_equal(other.stderr, result.stderr)
    assert other.outcome is Status.gradient
    assert "natural-gradient" in repr(result)
    assert result["form"] == "matrix"
    assert result.dispersion == pytest.approx(1, abs=0.3)


def test_unused_families_by_name_are_those_with_their_defaults() -> None:
    for name in ("poisson", "bernoulli", "normal"):
        np.testing.assert_array_equal(solve(name, family=name).x, solve(name).x)
    assert isinstance(GLMS["gamma"].family, families.Gamma)
