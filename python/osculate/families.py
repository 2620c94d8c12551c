"""Distributions of a model's outputs: losses, Fisher matrices and samples, for natural gradients."""

from __future__ import annotations

from ._families import OutputFamily
from ._family_continuous import Exponential, Gamma, Normal, NormalFreeVariance
from ._family_discrete import Bernoulli, Categorical, Poisson

__all__ = [
    "Bernoulli",
    "Categorical",
    "Exponential",
    "Gamma",
    "Normal",
    "NormalFreeVariance",
    "OutputFamily",
    "Poisson",
]
