"""Ready-made models for batch fitting, each with a guess of first parameters.

A model is called as ``model(x, *params)``; ``model.parameters`` are the names of its parameters and
``model.guess(x, y)`` gives first values for one data set, y (N,), or for any number of them, y (..., N), with
NaN for missing points; the values are always finite, whatever the data.

``a + b`` is a model too. A parameter name that several terms have gets the number of its term
(``gaussian + gaussian``: ``height_1``, ``center_1``, ``sigma_1``, ``height_2``, ...). The name ``offset``
means an additive constant in every model: a sum has at most one, its last parameter. The guess of a sum
guesses each term on what the others leave, in turn, from several first orders.

Examples
--------
>>> import numpy as np
>>> from osculate import curve_fit, models
>>> x = np.linspace(0, 10, 100)
>>> model = models.gaussian + models.linear
>>> model.parameters
('height', 'center', 'sigma', 'slope', 'offset')
>>> y = model(x, 3.0, 4.0, 0.5, 0.2, 1.0)
>>> params, _ = curve_fit(model, x, y, p0=model.guess(x, y))
>>> np.allclose(params, [3.0, 4.0, 0.5, 0.2, 1.0])
True
"""

from ._curves import hill, logistic, michaelis_menten
from ._decays import biexponential, exponential_decay, exponential_rise, stretched_exponential
from ._images import gaussian2d, gaussian2d_elliptic, gaussian2d_rotated
from ._laws import arrhenius, power_law
from ._lines import constant, linear, polynomial
from ._oscillations import damped_sine
from ._peaks import gaussian, lorentzian, skewed_gaussian
from ._voigt import pseudo_voigt, voigt

__all__ = [
    "arrhenius",
    "biexponential",
    "constant",
    "damped_sine",
    "exponential_decay",
    "exponential_rise",
    "gaussian",
    "gaussian2d",
    "gaussian2d_elliptic",
    "gaussian2d_rotated",
    "hill",
    "linear",
    "logistic",
    "lorentzian",
    "michaelis_menten",
    "polynomial",
    "power_law",
    "pseudo_voigt",
    "skewed_gaussian",
    "stretched_exponential",
    "voigt",
]

__test__ = {
    name: globals()[name].__doc__ for name in __all__ if name != "polynomial"
}  # models are no functions
