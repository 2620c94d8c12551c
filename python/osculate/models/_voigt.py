"""Peaks between a Gaussian and a Lorentzian."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._boxes import Edges
from ._faddeeva import faddeeva_real
from ._grid import Grid
from ._guess import Array, Columns, Data
from ._peaks import FWHM, LN2, peak, peak_plan
from ._ready import model

FRACTIONS = np.array([0.05, 0.5, 0.95])  # of the Lorentzian, not quite 0 and 1, which are bounds for many


def _mixed_shape(x: Any, center: Any, fwhm: Any, fraction: Any) -> Any:
    square = 4 * ((x - center) / fwhm) ** 2
    return fraction / (1 + square) + (1 - fraction) * np.exp(-LN2 * square)


def _mixed_plan(x: Array) -> Grid | Edges:
    return peak_plan(x, _mixed_shape, FRACTIONS)


def _pseudo_voigt_rule(data: Data, plan: Grid | Edges) -> Columns:
    return peak(data, plan, _mixed_shape, FRACTIONS)


@model(_pseudo_voigt_rule, scaled=["height", "offset"], plan=_mixed_plan)
def pseudo_voigt(x: Any, height: Any, center: Any, fwhm: Any, fraction: Any, offset: Any) -> Any:
    """Evaluate a pseudo-Voigt peak: ``height * (fraction * L + (1 - fraction) * G) + offset``.

    L is the Lorentzian and G the Gaussian of height 1 with the same center and full width at half maximum:
    ``L = 1 / (1 + u**2)``, ``G = exp(-ln(2) * u**2)``, ``u = 2 * (x - center) / fwhm``.

    Parameters
    ----------
    x : array_like, shape (N,)
        Where.
    height : float
        Of the peak above the offset, negative for a dip; unit of y.
    center : float
        Where the peak is; unit of x.
    fwhm : float
        Full width at half maximum; unit of x. The model is even in fwhm.
    fraction : float
        The share of the Lorentzian in the height, 0 for a Gaussian to 1 for a Lorentzian. Values outside
        appear in free fits of noisy data; bounds prevent them.
    offset : float
        The background; unit of y.

    Notes
    -----
    Guess: as for `gaussian`, with three fractions for each.

    References
    ----------
    G. K. Wertheim, M. A. Butler, K. W. West, D. N. E. Buchanan, Determination of the Gaussian and Lorentzian
    content of experimental line shapes, Rev. Sci. Instrum. 45 (1974) 1369, doi:10.1063/1.1686503.

    Examples
    --------
    >>> import numpy as np
    >>> from osculate.models import pseudo_voigt
    >>> x = np.linspace(0, 10, 50)
    >>> p0 = pseudo_voigt.guess(x, pseudo_voigt(x, 3.0, 4.0, 1.5, 0.4, 1.0))
    >>> np.allclose(p0[:3], [3, 4, 1.5], rtol=0.3)
    True
    """
    u = (x - center) * (2 / fwhm)
    square = u * u
    return height * (fraction / (1 + square) + (1 - fraction) * np.exp(-LN2 * square)) + offset


def _voigt_rule(data: Data, plan: Grid | Edges) -> Columns:
    height, center, fwhm, fraction, offset = _pseudo_voigt_rule(data, plan)
    # Thompson, Cox & Hastings 1987, equations 3 and 4: the widths that a pseudo-Voigt stands for
    lorentz = ((0.07783 * fraction + 0.19289) * fraction + 0.72928) * fraction
    gauss = np.sqrt(1 - ((0.00810 * fraction + 0.24781) * fraction + 0.74417) * fraction)
    return [height, center, fwhm * gauss / FWHM, fwhm * lorentz / 2, offset]


@model(_voigt_rule, scaled=["height", "offset"], plan=_mixed_plan)
def voigt(x: Any, height: Any, center: Any, sigma: Any, gamma: Any, offset: Any) -> Any:
    """Evaluate a Voigt peak, a Gaussian convolved with a Lorentzian: ``height * V(x) / V(center) + offset``.

    ``V(x) = Re w((x - center + i * gamma) / (sigma * sqrt(2)))`` with the Faddeeva function w.

    Parameters
    ----------
    x : array_like, shape (N,)
        Where.
    height : float
        Of the peak above the offset, negative for a dip; unit of y.
    center : float
        Where the peak is; unit of x.
    sigma : float
        Standard deviation of the Gaussian; unit of x, not 0. The model is even in sigma.
    gamma : float
        Half width at half maximum of the Lorentzian; unit of x. The model is smooth through 0; a free fit of
        a Gaussian peak may end a little below, which a bound prevents.
    offset : float
        The background; unit of y.

    Notes
    -----
    V is computed with Weideman's rational approximation, to 1e-13 of its maximum; in the far wings the
    relative error is 1e-8 or less for ``gamma >= 0.001 * sigma``. The full width at half maximum is about
    ``1.0692 * gamma + sqrt(0.8664 * gamma**2 + 5.5452 * sigma**2)`` (Olivero & Longbothum 1977).
    Guess: that of `pseudo_voigt`, with its widths after Thompson, Cox & Hastings.

    References
    ----------
    J. A. C. Weideman, Computation of the complex error function, SIAM J. Numer. Anal. 31 (1994) 1497,
    doi:10.1137/0731077. P. Thompson, D. E. Cox, J. B. Hastings, J. Appl. Cryst. 20 (1987) 79,
    doi:10.1107/S0021889887087090.

    Examples
    --------
    >>> import numpy as np
    >>> from osculate.models import voigt
    >>> x = np.linspace(0, 10, 50)
    >>> p0 = voigt.guess(x, voigt(x, 3.0, 4.0, 0.6, 0.3, 1.0))
    >>> np.allclose(p0[:2], [3, 4], rtol=0.3)
    True
    """
    scale = 1 / np.sqrt(2 * sigma * sigma)
    y = gamma * scale
    return height * faddeeva_real((x - center) * scale, y) / faddeeva_real(0.0 * y, y) + offset
