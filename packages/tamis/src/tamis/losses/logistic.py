"""Logistic regression: ``f(x) = sum_i s_i (log(1 + exp(eta_i)) - b_i eta_i) + (ridge/2) |x|^2``."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from tamis import design
from tamis.arrays import Array
from tamis.losses.checks import as_labels
from tamis.losses.intercept import root
from tamis.losses.linear_model import LinearModel


@dataclass(frozen=True, eq=False)
class Logistic(LinearModel):
    r"""The negative log-likelihood of labels ``b_i`` in {0, 1} with log-odds ``eta = A x + offset + c``.

    ``f(x) = sum_i s_i (log(1 + exp(eta_i)) - b_i eta_i) + (ridge/2) |x|^2``, without a factor
    1/n.  With the margins ``m = (2 b - 1) eta`` each term is ``log(1 + exp(-m))``, which is how
    it is computed: no eta overflows.

    Classes that some x separates without error have no best x unless there is a ridge: f falls
    towards 0 (or, if only part of the rows are separated, to its infimum) as x grows.
    :meth:`refit` then returns a finite point with a gradient of 1e-12, relative, and
    :meth:`separated` tells.

    Parameters
    ----------
    A, ridge, weights, offset, intercept
        As for :class:`~tamis.losses.LeastSquares`.
    b : array, shape (n,)
        Labels 0 and 1, in floats, integers or bools; they take the dtype of A.

    Raises
    ------
    ValueError, TypeError
        As for LeastSquares; if a label is neither 0 nor 1; or if there is an intercept and the
        rows of positive weight are of one class, as its best value is then infinite.

    Examples
    --------
    >>> import numpy as np
    >>> loss = Logistic(np.array([[0.0], [1.0], [2.0], [3.0]]), np.array([0, 1, 0, 1]), intercept=True)
    >>> x = loss.refit(np.array([True]))
    >>> x.round(4).tolist(), round(loss.intercept_at(x), 4)
    ([0.9082], -1.3623)
    """

    steepest: ClassVar[float] = 0.25

    def __post_init__(self) -> None:
        object.__setattr__(self, "b", as_labels(self.b, self.A))
        super().__post_init__()
        if self.intercept and not 0 < self._share < 1:
            raise ValueError(f"b has only one class ({self._share:g}), so the best intercept is infinite")

    def phi(self, eta: Array) -> Array:
        """Return ``log(1 + exp(-m))`` for the margins m."""
        xp, margin = design.namespace(self.A), self.margins(eta)
        return xp.log1p(xp.exp(-xp.abs(margin))) + xp.where(margin < 0, -margin, 0 * margin)

    def slope(self, eta: Array) -> Array:
        """Return ``1/(1 + exp(-eta)) - b``, as ``(1 - 2 b) / (1 + exp(m))``, which cancels nothing."""
        xp, margin = design.namespace(self.A), self.margins(eta)
        decay = xp.exp(-xp.abs(margin))
        miss = xp.where(margin > 0, decay, xp.ones_like(decay)) / (1 + decay)
        return (1 - 2 * self.b) * miss

    def curvature(self, eta: Array) -> Array:
        """Return ``P (1 - P)`` with ``P = 1/(1 + exp(-eta))``."""
        decay = design.namespace(self.A).exp(-design.namespace(self.A).abs(eta))
        return decay / (1 + decay) ** 2

    def secant_curvature(self, eta: Array) -> Array:
        """Return ``tanh(eta/2) / (2 eta)``, of the quadratic above phi that touches it at +-eta.

        Jaakkola & Jordan 2000, Bayesian parameter estimation via variational methods, sec. 3.
        """
        xp = design.namespace(self.A)
        size = xp.where(xp.abs(eta) > 1e-4, xp.abs(eta), xp.ones_like(eta))
        return xp.where(xp.abs(eta) > 1e-4, xp.tanh(size / 2) / (2 * size), 0 * eta + 0.25)

    def slope_size(self, eta: Array) -> Array:
        """Return ``|phi'| + b``, the size of the two terms of the slope."""
        return design.namespace(self.A).abs(self.slope(eta)) + self.b

    def best_intercept(self, eta: Array) -> float:
        """Return the intercept at which the fitted probabilities sum to the labels."""
        xp = design.namespace(self.A)
        logit = math.log(self._share / (1 - self._share))

        def derivative(c: float) -> tuple[float, float]:
            return (
                float(xp.sum(self.weigh(self.slope(eta + c)))),
                float(xp.sum(self.weigh(self.curvature(eta + c)))),
            )

        lowest, highest = float(xp.min(eta)), float(xp.max(eta))
        tol = 2 * float(xp.finfo(eta.dtype).eps) * max(abs(lowest), abs(highest), 1.0)
        return root(derivative, logit - highest, logit - lowest, logit - float(xp.mean(eta)), tol)

    def margins(self, eta: Array) -> Array:
        """Return ``(2 b - 1) eta``: positive where the row is on its own side."""
        return (2 * self.b - 1) * eta

    def separated(self, x: Array) -> bool:
        """Return whether ``x`` (with its intercept) tells the classes apart without error.

        Then, without a ridge, f falls towards its infimum along ``t x``, and there is no best x.
        The offset is left out and rows of weight 0 are passed over.
        """
        xp = design.namespace(self.A)
        margins = self.margins(design.times(self.A, x) + self.intercept_at(x))
        return bool(xp.all(margins > 0 if self.weights is None else (margins > 0) | (self.weights == 0)))

    @cached_property
    def _share(self) -> float:
        """The weighted share of the label 1."""
        xp = design.namespace(self.A)
        return float(xp.sum(self.weigh(self.b))) / float(xp.sum(self.weigh(xp.ones_like(self.b))))
