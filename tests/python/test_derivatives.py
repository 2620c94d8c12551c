"""`check_derivatives` neither misses a wrong derivative nor invents one."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from derivative_cases import X, real
from scipy.optimize import rosen, rosen_der, rosen_hess, rosen_hess_prod
from scipy.sparse import csr_array

from osculate import Model, check_derivatives

T = np.linspace(0.1, 3, 7)


def decay(p: Any) -> Any:
    return p[0] * np.exp(-p[1] * T) + p[2]


def decay_jacobian(p: Any) -> Any:
    e = np.exp(-p[1] * T)
    return np.stack([e, -p[0] * T * e, np.ones_like(T)], axis=1)


@pytest.mark.parametrize("form", [lambda f: f, real])
@pytest.mark.parametrize("x", [X, np.zeros(4), np.ones(4), 1e6 * X, 1e-6 * X])
@pytest.mark.parametrize("factor", [1.0, 1e-30, 1e30])
def test_right_derivatives_pass(form: Any, x: Any, factor: float) -> None:
    check = check_derivatives(
        form(lambda x: factor * rosen(x)),
        x,
        jac=form(lambda x: factor * rosen_der(x)),
        hess=lambda x: factor * rosen_hess(x),
        hessp=lambda x, v: factor * rosen_hess_prod(x, v),
    )
    assert check.ok, check
    assert check


@pytest.mark.parametrize("form", [lambda f: f, real])
@pytest.mark.parametrize("units", [[1.0, 1.0, 1.0, 1.0], [1e-8, 1e8, 1e-3, 1.0], [1e10, 1e-10, 1e5, 1e-5]])
@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_right_and_wrong_derivatives_in_any_units(form: Any, units: Any, offset: float) -> None:
    u = np.array(units)

    def fun(x: Any) -> Any:
        return rosen(x / u) + offset

    def jac(x: Any) -> Any:
        return rosen_der(x / u) / u

    def hess(x: Any) -> Any:
        return rosen_hess(x / u) / np.outer(u, u)

    check = check_derivatives(form(fun), X * u, form(jac), hess)
    assert check.ok, check
    assert check.jac is not None
    assert not check.jac.unresolved.any()
    for i in range(4):
        wrong = np.where(np.arange(4) == i, 1.001, 1.0)
        bad = check_derivatives(form(fun), X * u, lambda x, w=wrong: jac(x) * w)
        assert bad.jac is not None
        np.testing.assert_array_equal(bad.jac.wrong, wrong != 1)
        assert bad.jac.worst == (i,)


MISTAKES = {
    "factor": (lambda g: 2 * g, "every wrong element is 2 times what is expected"),
    "sign": (lambda g: -g, "every wrong element has the wrong sign"),
    "zero": (lambda g: 0 * g, "every wrong element is zero"),
    "shift": (lambda g: np.roll(g, 1), "it is shifted by 1 along axis 0"),
    "small": (lambda g: g * (1 + 1e-4), "every wrong element"),
    "offset": (lambda g: g + 0.1, ""),
    "nan": (lambda g: g * np.nan, ""),
    "inf": (lambda g: g + np.inf, ""),
}


@pytest.mark.parametrize("form", [lambda f: f, real])
@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_of_a_gradient(form: Any, name: str) -> None:
    spoil, hint = MISTAKES[name]
    check = check_derivatives(form(rosen), X, form(lambda x: spoil(rosen_der(x))))
    assert not check.ok
    assert check.jac is not None
    assert check.jac.wrong.all()
    if name != "small":
        assert check.jac.hint == hint


@pytest.mark.parametrize("element", [(0, 0), (1, 2), (2, 1), (3, 3)])
@pytest.mark.parametrize("factor", [-1.0, 0.5, 1.0001])
def test_a_single_wrong_element_of_a_hessian(element: tuple[int, int], factor: float) -> None:
    def hess(x: Any) -> Any:
        H = rosen_hess(x)
        H[element] *= factor
        return H

    for given in ({"jac": rosen_der}, {}):
        check = check_derivatives(rosen, X, hess=hess, **given)
        assert check.hess is not None
        assert np.argwhere(check.hess.wrong).tolist() == [list(element)]
        assert check.hess.worst == element
    check = check_derivatives(rosen, X, rosen_der, hessp=lambda x, v: hess(x) @ v)
    assert check.hessp is not None
    assert set(map(tuple, np.argwhere(check.hessp.wrong))) == {element, (element[0], 4)}


def test_triangles_and_transposed_matrices() -> None:
    check = check_derivatives(rosen, X, rosen_der, lambda x: np.tril(rosen_hess(x)))
    assert check.hess is not None
    assert np.argwhere(check.hess.wrong).tolist() == [[0, 1], [1, 2], [2, 3]]

    def skew(x: Any) -> Any:
        return np.array([x[0] * x[1], x[1] ** 3])

    check = check_derivatives(skew, [1.0, 2.0], lambda x: np.array([[x[1], 0], [x[0], 3 * x[1] ** 2]]))
    assert check.jac is not None
    assert check.jac.hint == "it is transposed"
    check = check_derivatives(decay, [2.0, 1.0, 0.5], lambda p: np.roll(decay_jacobian(p), 1, axis=1))
    assert check.jac is not None
    assert check.jac.hint == "it is shifted by 1 along axis 1"


def test_the_hessian_is_judged_rightly_beside_a_wrong_gradient() -> None:
    check = check_derivatives(rosen, X, lambda x: 2 * rosen_der(x), rosen_hess, rosen_hess_prod)
    assert [check.jac.ok, check.hess.ok, check.hessp.ok] == [False, True, True]  # type: ignore[union-attr]
    check = check_derivatives(real(rosen), X, real(lambda x: 2 * rosen_der(x)), rosen_hess, rosen_hess_prod)
    assert [check.jac.ok, check.hess.ok, check.hessp.ok] == [False, True, True]  # type: ignore[union-attr]


def test_products_that_are_right_for_unit_vectors_only() -> None:
    check = check_derivatives(rosen, X, rosen_der, hessp=lambda x, v: rosen_hess(x) @ v**2)
    assert check.hessp is not None
    assert check.hessp.wrong[:, -1].any()
    assert not check.hessp.wrong[:, :-1].any()


@pytest.mark.parametrize("form", [lambda f: f, real])
def test_residuals(form: Any) -> None:
    p = [2.0, 1.0, 0.5]
    for jacobian in (decay_jacobian, lambda p: csr_array(decay_jacobian(p))):
        assert check_derivatives(form(decay), p, jacobian)

    def wrong(p: Any) -> Any:
        J = decay_jacobian(p)
        J[4, 1] *= 2
        return J

    check = check_derivatives(form(decay), p, wrong)
    assert check.jac is not None
    assert np.argwhere(check.jac.wrong).tolist() == [[4, 1]]
    assert check_derivatives(lambda p: (decay(p), decay_jacobian(p)), p, jac=True)
    assert not check_derivatives(lambda p: (decay(p), -decay_jacobian(p)), p, jac=True)


def test_models() -> None:
    model = Model(lambda x, a, b: a * np.exp(-x * b))
    check = check_derivatives(model, [2.0, 0.7], args=(T,))
    assert check.ok
    assert check.jac is not None
    assert check.jac.given.shape == (7, 2)
    assert not check_derivatives(model, [2.0, 0.7], lambda p: 2 * model.jacobian(T, *p), args=(T,))
    with pytest.raises(ValueError, match=r"^check_derivatives: a Model needs args=\(points,\)"):
        check_derivatives(model, [2.0, 0.7])


def test_a_function_may_change_its_argument() -> None:
    def spoils(f: Any) -> Any:
        def g(x: Any, *v: Any) -> Any:
            value = f(x.copy(), *v)
            x[:] = np.nan
            return value

        return g

    assert check_derivatives(*map(spoils, [rosen]), X, *map(spoils, [rosen_der, rosen_hess, rosen_hess_prod]))


def test_arguments_are_passed_on() -> None:
    check = check_derivatives(
        lambda x, a, b: b * np.sum((x - a) ** 2),
        X,
        lambda x, a, b: 2 * b * (x - a),
        lambda x, a, b: 2 * b * np.eye(4),
        lambda x, v, a, b: 2 * b * v,
        args=(3.0, 2.0),
    )
    assert check
    assert check_derivatives(lambda x, a: np.sum((x - a) ** 2), X, lambda x, a: 2 * (x - a), args=3.0)


def test_arrays_of_one_value_are_numbers() -> None:
    assert check_derivatives(lambda x: np.array([rosen(x)]), X, rosen_der, rosen_hess)
    assert check_derivatives(lambda x: np.array([rosen(x)]), X, lambda x: rosen_der(x)[None])


def test_the_result_reads_well_and_is_complete() -> None:
    check = check_derivatives(rosen, X, lambda x: rosen_der(x) * [1, 1, 2, 1], rosen_hess)
    assert check.jac is not None
    text = repr(check)
    assert "jac: 1 of 4 elements wrong, compared with differences of fun" in text
    assert "hess: right" in text
    row = check.jac.table[0]
    assert row["index"].tolist() == [2]
    assert row["wrong"]
    np.testing.assert_allclose([row["given"], row["expected"]], [2 * rosen_der(X)[2], rosen_der(X)[2]])
    assert check.jac.table.size == 4
    np.testing.assert_array_equal(check.jac.error, np.abs(check.jac.given - check.jac.expected))
    assert check["ok"] is False
    assert repr(pickle.loads(pickle.dumps(check))) == text
    many = check_derivatives(rosen, np.linspace(1.5, 2, 9), lambda x: -rosen_der(x))
    assert "... and 4 more, see table" in repr(many)
