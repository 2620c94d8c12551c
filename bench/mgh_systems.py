"""More, Garbow & Hillstrom (1981), ACM TOMS 7(1): the algebraic systems, as residual and analytic Jacobian.

Numbers in brackets are the paper's; sizes follow the argument's length. Residuals accept complex arguments.
"""

from __future__ import annotations

import functools

import numpy as np

from problem import Array


def rosenbrock(x: Array) -> Array:  # (1)
    return np.array([10 * (x[1] - x[0] ** 2), 1 - x[0]])


def rosenbrock_jacobian(x: Array) -> Array:
    return np.array([[-20 * x[0], 10.0], [-1.0, 0.0]])


def freudenstein_roth(x: Array) -> Array:  # (2)
    a, b = x
    return np.array([-13 + a + ((5 - b) * b - 2) * b, -29 + a + ((b + 1) * b - 14) * b])


def freudenstein_roth_jacobian(x: Array) -> Array:
    b = x[1]
    return np.array([[1.0, 10 * b - 3 * b**2 - 2], [1.0, 3 * b**2 + 2 * b - 14]])


def powell_badly_scaled(x: Array) -> Array:  # (3)
    return np.array([1e4 * x[0] * x[1] - 1, np.exp(-x[0]) + np.exp(-x[1]) - 1.0001])


def powell_badly_scaled_jacobian(x: Array) -> Array:
    return np.array([[1e4 * x[1], 1e4 * x[0]], [-np.exp(-x[0]), -np.exp(-x[1])]])


def brown_badly_scaled(x: Array) -> Array:  # (4)
    return np.array([x[0] - 1e6, x[1] - 2e-6, x[0] * x[1] - 2])


def brown_badly_scaled_jacobian(x: Array) -> Array:
    return np.array([[1.0, 0.0], [0.0, 1.0], [x[1], x[0]]])


def beale(x: Array) -> Array:  # (5)
    return np.array([1.5, 2.25, 2.625]) - x[0] * (1 - x[1] ** np.arange(1, 4))


def beale_jacobian(x: Array) -> Array:
    i = np.arange(1, 4)
    return np.column_stack([x[1] ** i - 1, x[0] * i * x[1] ** (i - 1)])


def helical_valley(x: Array) -> Array:  # (7)
    if x[0].real == 0:
        turn = np.copysign(0.25, x[1].real) + 0 * x[1]
    else:
        turn = np.arctan(x[1] / x[0]) / (2 * np.pi) + (0.5 if x[0].real < 0 else 0.0)
    return np.array([10 * (x[2] - 10 * turn), 10 * (np.sqrt(x[0] ** 2 + x[1] ** 2) - 1), x[2]])


def helical_valley_jacobian(x: Array) -> Array:
    square = x[0] ** 2 + x[1] ** 2
    radius = np.sqrt(square)
    a = 50 / (np.pi * square)
    return np.array(
        [[a * x[1], -a * x[0], 10.0], [10 * x[0] / radius, 10 * x[1] / radius, 0.0], [0.0, 0.0, 1.0]]
    )


def powell_singular(x: Array) -> Array:  # (13)
    a, b, c, d = x
    return np.array([a + 10 * b, np.sqrt(5) * (c - d), (b - 2 * c) ** 2, np.sqrt(10) * (a - d) ** 2])


def powell_singular_jacobian(x: Array) -> Array:
    a, b, c, d = x
    u, v = 2 * (b - 2 * c), 2 * np.sqrt(10) * (a - d)
    s = np.sqrt(5)
    return np.array([[1.0, 10.0, 0.0, 0.0], [0.0, 0.0, s, -s], [0.0, u, -2 * u, 0.0], [v, 0.0, 0.0, -v]])


def wood(x: Array) -> Array:  # (14)
    a, b, c, d = x
    return np.array(
        [
            10 * (b - a**2),
            1 - a,
            np.sqrt(90) * (d - c**2),
            1 - c,
            np.sqrt(10) * (b + d - 2),
            (b - d) / np.sqrt(10),
        ]
    )


def wood_jacobian(x: Array) -> Array:
    s, t = np.sqrt(90), np.sqrt(10)
    return np.array(
        [
            [-20 * x[0], 10.0, 0.0, 0.0],
            [-1.0, 0.0, 0.0, 0.0],
            [0.0, 0.0, -2 * s * x[2], s],
            [0.0, 0.0, -1.0, 0.0],
            [0.0, t, 0.0, t],
            [0.0, 1 / t, 0.0, -1 / t],
        ]
    )


def watson(x: Array) -> Array:  # (20)
    j = np.arange(len(x))
    t = np.arange(1, 30)[:, None] / 29
    first = (t ** (j[1:] - 1) * j[1:]) @ x[1:] - ((t**j) @ x) ** 2 - 1
    return np.append(first, [x[0], x[1] - x[0] ** 2 - 1])


def watson_jacobian(x: Array) -> Array:
    j = np.arange(len(x))
    t = np.arange(1, 30)[:, None] / 29
    powers = t**j
    derivative = np.zeros_like(powers)
    derivative[:, 1:] = j[1:] * powers[:, :-1]
    J = np.zeros((31, len(x)), dtype=x.dtype)
    J[:29] = derivative - 2 * (powers @ x)[:, None] * powers
    J[29, 0] = 1
    J[30, :2] = -2 * x[0], 1
    return J


def penalty_1(x: Array) -> Array:  # (23)
    return np.append(np.sqrt(1e-5) * (x - 1), x @ x - 0.25)


def penalty_1_jacobian(x: Array) -> Array:
    return np.vstack([np.sqrt(1e-5) * np.eye(len(x)), 2 * x])


def penalty_2(x: Array) -> Array:  # (24)
    n, a = len(x), np.sqrt(1e-5)
    e, known = np.exp(x / 10), np.exp(np.arange(1, n + 1) / 10)
    pairs = a * (e[1:] + e[:-1] - known[1:] - known[:-1])
    ends = a * (e[1:] - np.exp(-0.1))
    return np.concatenate([[x[0] - 0.2], pairs, ends, [np.arange(n, 0, -1) @ x**2 - 1]])


def penalty_2_jacobian(x: Array) -> Array:
    n = len(x)
    slope = np.diag(np.sqrt(1e-5) * np.exp(x / 10) / 10)
    return np.vstack([np.eye(1, n), slope[1:] + slope[:-1], slope[1:], 2 * np.arange(n, 0, -1) * x])


def variably_dimensioned(x: Array) -> Array:  # (25)
    s = np.arange(1, len(x) + 1) @ (x - 1)
    return np.append(x - 1, [s, s**2])


def variably_dimensioned_jacobian(x: Array) -> Array:
    j = np.arange(1, len(x) + 1)
    return np.vstack([np.eye(len(x)), j, 2 * (j @ (x - 1)) * j])


def trigonometric(x: Array) -> Array:  # (26)
    i = np.arange(1, len(x) + 1)
    return len(x) - np.sum(np.cos(x)) + i * (1 - np.cos(x)) - np.sin(x)


def trigonometric_jacobian(x: Array) -> Array:
    i = np.arange(1, len(x) + 1)
    return np.sin(x) + np.diag(i * np.sin(x) - np.cos(x))


def brown_almost_linear(x: Array) -> Array:  # (27)
    return np.append(x[:-1] + np.sum(x) - (len(x) + 1), np.prod(x) - 1)


def brown_almost_linear_jacobian(x: Array) -> Array:
    J = (1 + np.eye(len(x))).astype(x.dtype)
    J[-1] = [np.prod(np.delete(x, j)) for j in range(len(x))]
    return J


def discrete_boundary_value(x: Array) -> Array:  # (28)
    h = 1 / (len(x) + 1)
    t = h * np.arange(1, len(x) + 1)
    around = np.concatenate([[0], x, [0]])
    return 2 * x - around[:-2] - around[2:] + h**2 * (x + t + 1) ** 3 / 2


def discrete_boundary_value_jacobian(x: Array) -> Array:
    n = len(x)
    h = 1 / (n + 1)
    diagonal = 2 + 1.5 * h**2 * (x + h * np.arange(1, n + 1) + 1) ** 2
    return np.diag(diagonal) - np.eye(n, k=1) - np.eye(n, k=-1)


def _integral_kernel(n: int) -> tuple[Array, Array]:
    t = np.arange(1, n + 1) / (n + 1)
    return np.where(t <= t[:, None], (1 - t[:, None]) * t, t[:, None] * (1 - t)) / (2 * (n + 1)), t


def discrete_integral(x: Array) -> Array:  # (29)
    kernel, t = _integral_kernel(len(x))
    return x + kernel @ (x + t + 1) ** 3


def discrete_integral_jacobian(x: Array) -> Array:
    kernel, t = _integral_kernel(len(x))
    return np.eye(len(x)) + 3 * kernel * (x + t + 1) ** 2


def broyden_tridiagonal(x: Array) -> Array:  # (30)
    around = np.concatenate([[0], x, [0]])
    return (3 - 2 * x) * x - around[:-2] - 2 * around[2:] + 1


def broyden_tridiagonal_jacobian(x: Array) -> Array:
    n = len(x)
    return np.diag(3 - 4 * x) - np.eye(n, k=-1) - 2 * np.eye(n, k=1)


@functools.cache
def _band(n: int) -> Array:
    return np.tri(n, k=1) - np.tri(n, k=-6) - np.eye(n)  # five below the diagonal, one above


def broyden_banded(x: Array) -> Array:  # (31)
    return x * (2 + 5 * x**2) + 1 - _band(len(x)) @ (x * (1 + x))


def broyden_banded_jacobian(x: Array) -> Array:
    return np.diag(2 + 15 * x**2) - _band(len(x)) * (1 + 2 * x)


def linear_full_rank(x: Array, m: int = 20) -> Array:  # (32)
    return np.append(x, np.zeros(m - len(x))) - 2 / m * np.sum(x) - 1


def linear_full_rank_jacobian(x: Array, m: int = 20) -> Array:
    return np.eye(m, len(x)) - 2 / m


def linear_rank_1(x: Array, m: int = 20) -> Array:  # (33)
    return np.arange(1, m + 1) * (np.arange(1, len(x) + 1) @ x) - 1


def linear_rank_1_jacobian(x: Array, m: int = 20) -> Array:
    return np.outer(np.arange(1.0, m + 1), np.arange(1.0, len(x) + 1))


def _rank_1_zero(n: int, m: int) -> tuple[Array, Array]:
    rows, columns = np.arange(0.0, m), np.arange(1.0, n + 1)
    rows[-1] = columns[0] = columns[-1] = 0  # rows[0] is 0 already
    return rows, columns


def linear_rank_1_zero(x: Array, m: int = 20) -> Array:  # (34)
    rows, columns = _rank_1_zero(len(x), m)
    return rows * (columns @ x) - 1


def linear_rank_1_zero_jacobian(x: Array, m: int = 20) -> Array:
    return np.outer(*_rank_1_zero(len(x), m))


def chebyquad(x: Array, m: int | None = None) -> Array:  # (35)
    t = 2 * x - 1
    before, value = np.ones_like(t), t
    r = []
    for i in range(1, (m or len(x)) + 1):
        r.append(np.mean(value) + (1 / (i**2 - 1) if i % 2 == 0 else 0.0))
        before, value = value, 2 * t * value - before
    return np.array(r)


def chebyquad_jacobian(x: Array, m: int | None = None) -> Array:
    t = 2 * x - 1
    before, value = np.ones_like(t), t
    slope_before, slope = np.zeros_like(t), np.full_like(t, 2.0)
    rows = []
    for _ in range(m or len(x)):
        rows.append(slope / len(x))
        before, value, slope_before, slope = (
            value,
            2 * t * value - before,
            slope,
            4 * value + 2 * t * slope - slope_before,
        )
    return np.array(rows)
