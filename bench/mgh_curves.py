"""More, Garbow & Hillstrom (1981), ACM TOMS 7(1): the fits of curves, as residual and analytic Jacobian.

Numbers in brackets are the paper's, as are the signs of the residuals. Residuals accept complex arguments.
"""

from __future__ import annotations

import numpy as np

from problem import Array

BARD = np.array([0.14, 0.18, 0.22, 0.25, 0.29, 0.32, 0.35, 0.39, 0.37, 0.58, 0.73, 0.96, 1.34, 2.10, 4.39])
GAUSSIAN = np.array([0.0009, 0.0044, 0.0175, 0.0540, 0.1295, 0.2420, 0.3521, 0.3989])  # symmetric: 15 values
KOWALIK_OSBORNE_Y = np.array(
    [0.1957, 0.1947, 0.1735, 0.1600, 0.0844, 0.0627, 0.0456, 0.0342, 0.0323, 0.0235, 0.0246]
)
KOWALIK_OSBORNE_U = np.array([4.0, 2.0, 1.0, 0.5, 0.25, 0.167, 0.125, 0.1, 0.0833, 0.0714, 0.0625])
# fmt: off
MEYER = np.array([
    34780.0, 28610.0, 23650.0, 19630.0, 16370.0, 13720.0, 11540.0, 9744.0, 8261.0, 7030.0, 6005.0,
    5147.0, 4427.0, 3820.0, 3307.0, 2872.0,
])
OSBORNE_1 = np.array([
    844, 908, 932, 936, 925, 908, 881, 850, 818, 784, 751, 718, 685, 658, 628, 603, 580, 558, 538, 522,
    506, 490, 478, 467, 457, 448, 438, 431, 424, 420, 414, 411, 406,
]) / 1000
OSBORNE_2 = np.array([
    1366, 1191, 1112, 1013, 991, 885, 831, 847, 786, 725, 746, 679, 608, 655, 616, 606, 602, 626, 651,
    724, 649, 649, 694, 644, 624, 661, 612, 558, 533, 495, 500, 423, 395, 375, 372, 391, 396, 405, 428,
    429, 523, 562, 607, 653, 672, 708, 633, 668, 645, 632, 591, 559, 597, 625, 739, 710, 729, 720, 636,
    581, 428, 292, 162, 98, 54,
]) / 1000
# fmt: on


def jennrich_sampson(x: Array, m: int = 10) -> Array:  # (6)
    i = np.arange(1, m + 1)
    return 2 + 2 * i - np.exp(i * x[0]) - np.exp(i * x[1])


def jennrich_sampson_jacobian(x: Array, m: int = 10) -> Array:
    i = np.arange(1, m + 1)[:, None]
    return -i * np.exp(i * x)


def _bard_weights() -> tuple[Array, Array, Array]:
    u = np.arange(1.0, 16)
    v = 16 - u
    return u, v, np.minimum(u, v)


def bard(x: Array) -> Array:  # (8)
    u, v, w = _bard_weights()
    return BARD - (x[0] + u / (v * x[1] + w * x[2]))


def bard_jacobian(x: Array) -> Array:
    u, v, w = _bard_weights()
    q = u / (v * x[1] + w * x[2]) ** 2
    return np.column_stack([np.full(15, -1.0), q * v, q * w])


def gaussian(x: Array) -> Array:  # (9)
    t = (8 - np.arange(1, 16)) / 2
    return x[0] * np.exp(-x[1] * (t - x[2]) ** 2 / 2) - np.append(GAUSSIAN, GAUSSIAN[-2::-1])


def gaussian_jacobian(x: Array) -> Array:
    d = (8 - np.arange(1, 16)) / 2 - x[2]
    e = np.exp(-x[1] * d**2 / 2)
    return np.column_stack([e, -x[0] * e * d**2 / 2, x[0] * e * x[1] * d])


def meyer(x: Array) -> Array:  # (10)
    return x[0] * np.exp(x[1] / (45 + 5 * np.arange(1, 17) + x[2])) - MEYER


def meyer_jacobian(x: Array) -> Array:
    t = 45 + 5 * np.arange(1, 17) + x[2]
    e = np.exp(x[1] / t)
    return np.column_stack([e, x[0] * e / t, -x[0] * e * x[1] / t**2])


def _gulf_data(m: int) -> tuple[Array, Array]:
    t = np.arange(1, m + 1) / 100
    return t, 25 + (-50 * np.log(t)) ** (2 / 3)


def gulf(
    x: Array, m: int = 99
) -> Array:  # (11), with the minus sign that the paper's "y_i m i x_2" stands for
    t, y = _gulf_data(m)
    d = y - x[1]
    return np.exp(-(np.where(d.real < 0, -d, d) ** x[2]) / x[0]) - t


def gulf_jacobian(x: Array, m: int = 99) -> Array:
    d = _gulf_data(m)[1] - x[1]
    size = np.where(d.real < 0, -d, d)
    power = size ** x[2]
    e = np.exp(-power / x[0]) * power / x[0]
    return np.column_stack([e / x[0], e * x[2] / d, -e * np.log(size)])


def box_3d(x: Array, m: int = 10) -> Array:  # (12)
    t = np.arange(1, m + 1) / 10
    return np.exp(-t * x[0]) - np.exp(-t * x[1]) - x[2] * (np.exp(-t) - np.exp(-10 * t))


def box_3d_jacobian(x: Array, m: int = 10) -> Array:
    t = np.arange(1, m + 1) / 10
    return np.column_stack([-t * np.exp(-t * x[0]), t * np.exp(-t * x[1]), np.exp(-10 * t) - np.exp(-t)])


def kowalik_osborne(x: Array) -> Array:  # (15)
    u = KOWALIK_OSBORNE_U
    return KOWALIK_OSBORNE_Y - x[0] * (u**2 + u * x[1]) / (u**2 + u * x[2] + x[3])


def kowalik_osborne_jacobian(x: Array) -> Array:
    u = KOWALIK_OSBORNE_U
    above, below = u**2 + u * x[1], u**2 + u * x[2] + x[3]
    q = x[0] * above / below**2
    return np.column_stack([-above / below, -x[0] * u / below, q * u, q])


def brown_dennis(x: Array, m: int = 20) -> Array:  # (16)
    t = np.arange(1, m + 1) / 5
    return (x[0] + t * x[1] - np.exp(t)) ** 2 + (x[2] + x[3] * np.sin(t) - np.cos(t)) ** 2


def brown_dennis_jacobian(x: Array, m: int = 20) -> Array:
    t = np.arange(1, m + 1) / 5
    a, b = 2 * (x[0] + t * x[1] - np.exp(t)), 2 * (x[2] + x[3] * np.sin(t) - np.cos(t))
    return np.column_stack([a, a * t, b, b * np.sin(t)])


def osborne_1(x: Array) -> Array:  # (17)
    t = 10 * np.arange(33.0)
    return OSBORNE_1 - (x[0] + x[1] * np.exp(-t * x[3]) + x[2] * np.exp(-t * x[4]))


def osborne_1_jacobian(x: Array) -> Array:
    t = 10 * np.arange(33.0)
    e, f = np.exp(-t * x[3]), np.exp(-t * x[4])
    return np.column_stack([np.full(33, -1.0), -e, -f, t * x[1] * e, t * x[2] * f])


def biggs_exp6(x: Array, m: int = 13) -> Array:  # (18)
    t = np.arange(1, m + 1) / 10
    y = np.exp(-t) - 5 * np.exp(-10 * t) + 3 * np.exp(-4 * t)
    return x[2] * np.exp(-t * x[0]) - x[3] * np.exp(-t * x[1]) + x[5] * np.exp(-t * x[4]) - y


def biggs_exp6_jacobian(x: Array, m: int = 13) -> Array:
    t = np.arange(1, m + 1) / 10
    e, f, g = np.exp(-t * x[0]), np.exp(-t * x[1]), np.exp(-t * x[4])
    return np.column_stack([-x[2] * t * e, x[3] * t * f, e, -f, -x[5] * t * g, g])


def osborne_2(x: Array) -> Array:  # (19)
    t = np.arange(65)[:, None] / 10
    peaks = np.exp(-x[5:8] * (t - x[8:]) ** 2) @ x[1:4]
    return OSBORNE_2 - (x[0] * np.exp(-t[:, 0] * x[4]) + peaks)


def osborne_2_jacobian(x: Array) -> Array:
    t = np.arange(65)[:, None] / 10
    decay = np.exp(-t * x[4])
    d = t - x[8:]
    peaks = np.exp(-x[5:8] * d**2)
    heights = x[1:4] * peaks
    return np.hstack([-decay, -peaks, t * x[0] * decay, heights * d**2, -2 * heights * x[5:8] * d])
