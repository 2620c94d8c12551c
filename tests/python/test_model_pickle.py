"""Models are pickled and copied: by name, by text or by graph."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

from osculate import Model, models

X = np.linspace(0.2, 4.0, 12)
X = np.linspace(0.2, 4.0, 12)
WEIGHTS = np.cos(np.arange(12.0))


def decay(t: Any, height: Any, tau: Any, offset: Any = 0.0) -> Any:
    return height * np.exp(-t / tau) + offset


def plane(x: Any, y: Any, a: Any, b: Any) -> Any:
    return a * x + b * y


def rows(X: Any, a: Any, b: Any) -> Any:
    x, y = X
    return a * x + b * y**2


def polynomial(x: Any, *c: Any) -> Any:
    return sum(ck * x**k for k, ck in enumerate(c))


def normalized(x: Any, height: Any, rate: Any) -> Any:
    y = np.exp(-rate * x)
    return height * y / np.sum(y)


@pytest.mark.parametrize(
    "model",
    [
        Model(decay),
        Model(decay, "x", ["a", "b"]),
        Model("a*exp(-t/b)", "t"),
        Model(plane, ("x", "y")),
        Model("a*x + where(x > 1, erf(b*y), y)", ("x", "y")),
        Model(normalized),
        Model(lambda x, a, b: np.where((x > a) & (x < 3), a * WEIGHTS, b + x**3) + (x > 1) * (x > a)),
        Model(lambda x, a, b: np.minimum(np.floor(a * x), 2.0) + np.exp2(b) + np.logical_or(x > b, x < a)),
        Model(lambda X, a, b: a * X[0] + b * X[1], ("u", "v")),
        models.gaussian,
        models.gaussian2d + models.gaussian2d,
    ],
    ids=repr,
)
def test_pickle(model: Model) -> None:
    copied = pickle.loads(pickle.dumps(model))
    assert type(copied) is type(model)
    assert copied.parameters == model.parameters
    assert copied.coordinates == model.coordinates
    assert copied.expression == model.expression
    assert repr(copied) == repr(model)
    x = np.stack([X, X[::-1]])[: len(model.coordinates)]
    x = x[0] if len(x) == 1 else x
    p = np.linspace(0.5, 1.7, len(model.parameters))
    np.testing.assert_array_equal(copied(x, *p), model(x, *p))
    np.testing.assert_array_equal(copied.jacobian(x, *p), model.jacobian(x, *p))
    again = pickle.loads(pickle.dumps(copied))
    np.testing.assert_array_equal(again(x, *p), model(x, *p))


def test_pickle_of_every_operation() -> None:
    """A lambda is stored as its graph, whose operations NumPy then does."""
    functions = [
        np.negative, abs, np.sign, np.floor, np.ceil, np.sqrt, np.cbrt, np.exp, np.exp2, np.expm1, np.log,
        np.log2, np.log10, np.log1p, np.sin, np.cos, np.tan, np.arcsin, np.arccos, np.arctan, np.sinh,
        np.cosh, np.tanh, np.arcsinh, lambda u: np.arccosh(u + 1), np.arctanh, np.logical_not,
    ]  # fmt: skip
    pairs = [
        np.add, np.subtract, np.multiply, np.divide, np.power, np.arctan2, np.hypot, np.minimum, np.maximum,
        np.less, np.less_equal, np.equal, np.not_equal, np.logical_and, np.logical_or,
    ]  # fmt: skip
    model = Model(
        lambda x, a, b: sum(f(a * x / 5) * 1.0 for f in functions) + sum(f(a * x, b) * 1.0 for f in pairs)
    )
    copied = pickle.loads(pickle.dumps(model))
    np.testing.assert_allclose(copied(X, 0.9, 1.3), model(X, 0.9, 1.3), rtol=1e-13)


def test_pickle_refusals() -> None:
    with pytest.raises(pickle.PicklingError, match=r"^Model: <lambda> can be pickled neither by .*numpy.sum"):
        pickle.dumps(Model(lambda x, a: a * x / np.sum(x * a)))
    with pytest.raises(pickle.PicklingError, match="takes the values of x"):
        pickle.dumps(Model(lambda x, a: a * np.asarray(x)))


def test_copies_are_the_model() -> None:
    model = Model(lambda x, a: a * x)
    assert copy.copy(model) is model
    assert copy.deepcopy([model])[0] is model
