"""Smooth losses: ``value``, ``gradient`` and what a step needs of them."""

from tamis.losses.huber import Huber
from tamis.losses.least_squares import LeastSquares
from tamis.losses.logistic import Logistic
from tamis.losses.matrix_completion import MatrixCompletion
from tamis.losses.multinomial import Multinomial
from tamis.losses.poisson import Poisson
from tamis.losses.quadratic import Quadratic
from tamis.losses.smooth import Smooth

__all__ = [
    "Huber",
    "LeastSquares",
    "Logistic",
    "MatrixCompletion",
    "Multinomial",
    "Poisson",
    "Quadratic",
    "Smooth",
]
