"""The real part of the Faddeeva function in real arithmetic, for the Voigt profile.

J. A. C. Weideman, Computation of the complex error function, SIAM J. Numer. Anal. 31 (1994) 1497-1518,
doi:10.1137/0731077: w(z) = 2 p(Z) / (L - iz)^2 + 1 / (sqrt(pi) (L - iz)), Z = (L + iz) / (L - iz), with p
of degree N - 1 from one discrete Fourier transform. p has real coefficients, so p(Z) = a0 + Z b1 - |Z|^2 b2
with the real recurrence b_k = a_k + 2 Re(Z) b_(k+1) - |Z|^2 b_(k+2).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

TERMS = 32
L = math.sqrt(TERMS / math.sqrt(2))


def _coefficients() -> list[float]:
    """Return a_0 to a_(N-1): Weideman's program cef, line by line."""
    m = 2 * TERMS
    theta = np.arange(1 - m, m) * np.pi / m
    t = L * np.tan(theta / 2)
    f: npt.NDArray[np.float64] = np.concatenate([[0.0], np.exp(-(t**2)) * (L**2 + t**2)])
    a = np.real(np.fft.fft(np.fft.fftshift(f))) / (2 * m)
    return [float(value) for value in a[1 : TERMS + 1]]


A = _coefficients()


def faddeeva_real(x: Any, y: Any) -> Any:
    """Return Re w(x + iy) for y >= 0, to 1e-13 of its maximum over x; smooth through y = 0.

    Examples
    --------
    >>> round(float(faddeeva_real(0.0, 1.0)), 12)  # exp(1) erfc(1)
    0.427583576156
    """
    # L - iz = (L + y) - ix, L + iz = (L - y) + ix
    norm = 1 / ((L + y) * (L + y) + x * x)
    re = ((L - y) * (L + y) - x * x) * norm
    im = 2 * L * x * norm
    twice, square = 2 * re, re * re + im * im
    b1, b2 = A[-1] + 0.0 * re, 0.0 * re
    for a in A[-2:0:-1]:
        b1, b2 = a + twice * b1 - square * b2, b1
    p_re, p_im = A[0] + re * b1 - square * b2, im * b1
    # 1 / (L - iz)^2 = (u + iv)^2 with u + iv = conj(L - iz) / |L - iz|^2
    u, v = (L + y) * norm, x * norm
    return 2 * (p_re * (u * u - v * v) - 2 * p_im * u * v) + u / math.sqrt(math.pi)
