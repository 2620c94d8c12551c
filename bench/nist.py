"""The models of the 27 NIST StRD nonlinear regressions with analytic Jacobians, as functions of (b, x).

The models accept complex b. Data, starts and certified values: nist_data.py.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from problem import Array

Model = Callable[[Array, Array], Array]


def growth(b: Array, x: Array) -> Array:  # BoxBOD, Misra1a
    return b[0] * (1 - np.exp(-b[1] * x))


def growth_jacobian(b: Array, x: Array) -> Array:
    e = np.exp(-b[1] * x)
    return np.column_stack([1 - e, b[0] * x * e])


def misra1b(b: Array, x: Array) -> Array:
    return b[0] * (1 - (1 + b[1] * x / 2) ** -2)


def misra1b_jacobian(b: Array, x: Array) -> Array:
    u = 1 + b[1] * x / 2
    return np.column_stack([1 - u**-2, b[0] * x * u**-3])


def misra1c(b: Array, x: Array) -> Array:
    return b[0] * (1 - (1 + 2 * b[1] * x) ** -0.5)


def misra1c_jacobian(b: Array, x: Array) -> Array:
    u = 1 + 2 * b[1] * x
    return np.column_stack([1 - u**-0.5, b[0] * x * u**-1.5])


def misra1d(b: Array, x: Array) -> Array:
    return b[0] * b[1] * x / (1 + b[1] * x)


def misra1d_jacobian(b: Array, x: Array) -> Array:
    u = 1 + b[1] * x
    return np.column_stack([b[1] * x / u, b[0] * x / u**2])


def bennett5(b: Array, x: Array) -> Array:
    return b[0] * (b[1] + x) ** (-1 / b[2])


def bennett5_jacobian(b: Array, x: Array) -> Array:
    u = b[1] + x
    p = u ** (-1 / b[2])
    return np.column_stack([p, -b[0] / b[2] * p / u, b[0] * p * np.log(u) / b[2] ** 2])


def chwirut(b: Array, x: Array) -> Array:
    return np.exp(-b[0] * x) / (b[1] + b[2] * x)


def chwirut_jacobian(b: Array, x: Array) -> Array:
    u = b[1] + b[2] * x
    f = np.exp(-b[0] * x) / u
    return np.column_stack([-x * f, -f / u, -x * f / u])


def danwood(b: Array, x: Array) -> Array:
    return b[0] * x ** b[1]


def danwood_jacobian(b: Array, x: Array) -> Array:
    p = x ** b[1]
    return np.column_stack([p, b[0] * p * np.log(x)])


def _angles(b: Array, x: Array) -> tuple[Array, Array, Array]:
    return 2 * np.pi * x / 12, 2 * np.pi * x / b[3], 2 * np.pi * x / b[6]


def enso(b: Array, x: Array) -> Array:
    year, u, v = _angles(b, x)
    first = b[0] + b[1] * np.cos(year) + b[2] * np.sin(year) + b[4] * np.cos(u) + b[5] * np.sin(u)
    return first + b[7] * np.cos(v) + b[8] * np.sin(v)


def enso_jacobian(b: Array, x: Array) -> Array:
    year, u, v = _angles(b, x)
    by_u = (b[4] * np.sin(u) - b[5] * np.cos(u)) * u / b[3]
    by_v = (b[7] * np.sin(v) - b[8] * np.cos(v)) * v / b[6]
    first = [np.ones_like(x), np.cos(year), np.sin(year), by_u, np.cos(u), np.sin(u)]
    return np.column_stack([*first, by_v, np.cos(v), np.sin(v)])


def eckerle4(b: Array, x: Array) -> Array:
    return b[0] / b[1] * np.exp(-0.5 * ((x - b[2]) / b[1]) ** 2)


def eckerle4_jacobian(b: Array, x: Array) -> Array:
    z = (x - b[2]) / b[1]
    e = np.exp(-0.5 * z**2) / b[1]
    return np.column_stack([e, b[0] * e * (z**2 - 1) / b[1], b[0] * e * z / b[1]])


def gauss(b: Array, x: Array) -> Array:  # Gauss1, Gauss2, Gauss3
    peaks = b[2] * np.exp(-((x - b[3]) ** 2) / b[4] ** 2) + b[5] * np.exp(-((x - b[6]) ** 2) / b[7] ** 2)
    return b[0] * np.exp(-b[1] * x) + peaks


def gauss_jacobian(b: Array, x: Array) -> Array:
    decay = np.exp(-b[1] * x)
    columns = [decay, -b[0] * x * decay]
    for height, centre, width in (b[2:5], b[5:8]):
        z = (x - centre) / width
        e = np.exp(-(z**2))
        columns += [e, 2 * height * e * z / width, 2 * height * e * z**2 / width]
    return np.column_stack(columns)


def _powers(x: Array, count: int) -> Array:
    return x[:, None] ** np.arange(count)


def _rational(numerator: int) -> tuple[Model, Model]:
    """sum_{i < numerator} b_i x^i / (1 + sum_j b_{numerator + j} x^(j + 1))."""

    def model(b: Array, x: Array) -> Array:
        below = 1 + _powers(x, len(b) - numerator + 1)[:, 1:] @ b[numerator:]
        return (_powers(x, numerator) @ b[:numerator]) / below

    def jacobian(b: Array, x: Array) -> Array:
        up, down = _powers(x, numerator), _powers(x, len(b) - numerator + 1)[:, 1:]
        below = (1 + down @ b[numerator:])[:, None]
        f = (up @ b[:numerator])[:, None] / below
        return np.hstack([up / below, -f * down / below])

    return model, jacobian


def exponentials(b: Array, x: Array) -> Array:  # Lanczos1, Lanczos2, Lanczos3
    return np.exp(-x[:, None] * b[1::2]) @ b[::2]


def exponentials_jacobian(b: Array, x: Array) -> Array:
    e = np.exp(-x[:, None] * b[1::2])
    J = np.empty((len(x), len(b)))
    J[:, ::2] = e
    J[:, 1::2] = -x[:, None] * e * b[::2]
    return J


def mgh09(b: Array, x: Array) -> Array:
    return b[0] * (x**2 + x * b[1]) / (x**2 + x * b[2] + b[3])


def mgh09_jacobian(b: Array, x: Array) -> Array:
    up, down = x**2 + x * b[1], x**2 + x * b[2] + b[3]
    f = b[0] * up / down
    return np.column_stack([up / down, b[0] * x / down, -f * x / down, -f / down])


def mgh10(b: Array, x: Array) -> Array:
    return b[0] * np.exp(b[1] / (x + b[2]))


def mgh10_jacobian(b: Array, x: Array) -> Array:
    u = x + b[2]
    e = np.exp(b[1] / u)
    return np.column_stack([e, b[0] * e / u, -b[0] * e * b[1] / u**2])


def mgh17(b: Array, x: Array) -> Array:
    return b[0] + b[1] * np.exp(-x * b[3]) + b[2] * np.exp(-x * b[4])


def mgh17_jacobian(b: Array, x: Array) -> Array:
    e, f = np.exp(-x * b[3]), np.exp(-x * b[4])
    return np.column_stack([np.ones_like(x), e, f, -b[1] * x * e, -b[2] * x * f])


def nelson(b: Array, x: Array) -> Array:  # of log(y); x has the columns x1, x2
    return b[0] - b[1] * x[:, 0] * np.exp(-b[2] * x[:, 1])


def nelson_jacobian(b: Array, x: Array) -> Array:
    u = x[:, 0] * np.exp(-b[2] * x[:, 1])
    return np.column_stack([np.ones(len(x)), -u, b[1] * u * x[:, 1]])


def rat42(b: Array, x: Array) -> Array:
    return b[0] / (1 + np.exp(b[1] - b[2] * x))


def rat42_jacobian(b: Array, x: Array) -> Array:
    z = b[1] - b[2] * x
    f = 1 / (1 + np.exp(z))
    slope = b[0] * f / (1 + np.exp(-z))  # not exp(z) f^2, which is inf * 0 where exp(z) overflows
    return np.column_stack([f, -slope, x * slope])


def rat43(b: Array, x: Array) -> Array:
    return b[0] / (1 + np.exp(b[1] - b[2] * x)) ** (1 / b[3])


def rat43_jacobian(b: Array, x: Array) -> Array:
    z = b[1] - b[2] * x
    u = 1 + np.exp(z)
    p = u ** (-1 / b[3])
    slope = b[0] * p / (b[3] * (1 + np.exp(-z)))
    return np.column_stack([p, -slope, slope * x, b[0] * p * np.log(u) / b[3] ** 2])


def roszman1(b: Array, x: Array) -> Array:
    return b[0] - b[1] * x - np.arctan(b[2] / (x - b[3])) / np.pi


def roszman1_jacobian(b: Array, x: Array) -> Array:
    u = x - b[3]
    q = np.pi * (u**2 + b[2] ** 2)
    return np.column_stack([np.ones_like(x), -x, -u / q, -b[2] / q])


MODELS: dict[str, tuple[Model, Model]] = {
    "Bennett5": (bennett5, bennett5_jacobian),
    "BoxBOD": (growth, growth_jacobian),
    "Chwirut1": (chwirut, chwirut_jacobian),
    "Chwirut2": (chwirut, chwirut_jacobian),
    "DanWood": (danwood, danwood_jacobian),
    "ENSO": (enso, enso_jacobian),
    "Eckerle4": (eckerle4, eckerle4_jacobian),
    "Gauss1": (gauss, gauss_jacobian),
    "Gauss2": (gauss, gauss_jacobian),
    "Gauss3": (gauss, gauss_jacobian),
    "Hahn1": _rational(4),
    "Kirby2": _rational(3),
    "Lanczos1": (exponentials, exponentials_jacobian),
    "Lanczos2": (exponentials, exponentials_jacobian),
    "Lanczos3": (exponentials, exponentials_jacobian),
    "MGH09": (mgh09, mgh09_jacobian),
    "MGH10": (mgh10, mgh10_jacobian),
    "MGH17": (mgh17, mgh17_jacobian),
    "Misra1a": (growth, growth_jacobian),
    "Misra1b": (misra1b, misra1b_jacobian),
    "Misra1c": (misra1c, misra1c_jacobian),
    "Misra1d": (misra1d, misra1d_jacobian),
    "Nelson": (nelson, nelson_jacobian),
    "Rat42": (rat42, rat42_jacobian),
    "Rat43": (rat43, rat43_jacobian),
    "Roszman1": (roszman1, roszman1_jacobian),
    "Thurber": _rational(4),
}
