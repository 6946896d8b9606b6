"""Poisson regression: ``f(x) = sum_i s_i (exp(eta_i) - b_i eta_i) + (ridge/2) |x|^2``."""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from tamis import design
from tamis.arrays import Array
from tamis.losses.checks import as_counts
from tamis.losses.linear_model import LinearModel


@dataclass(frozen=True, eq=False)
class Poisson(LinearModel):
    r"""The negative log-likelihood of counts ``b_i >= 0`` with log-mean ``eta = A x + offset + c``.

    ``f(x) = sum_i s_i (exp(eta_i) - b_i eta_i) + (ridge/2) |x|^2``, without a factor 1/n and
    without ``log b_i!``, which does not depend on x.  Counts per exposure t take
    ``offset = log t``.  Where exp overflows f is inf and the gradient is not finite; nothing is
    clipped.  With an intercept f does not overflow, as c comes down with the largest eta.

    The curvature has no bound, so :meth:`smoothness` is inf.  If a column is nonzero (and of one
    sign) only where the counts are 0, its best coefficient is infinite unless there is a ridge;
    :meth:`refit` then returns a finite point with a gradient of 1e-12, relative.

    Parameters
    ----------
    A, ridge, weights, offset, intercept
        As for :class:`~tamis.losses.LeastSquares`.
    b : array, shape (n,)
        Counts (or any numbers), 0 or more; integers take the dtype of A.

    Raises
    ------
    ValueError, TypeError
        As for LeastSquares; if a count is negative; or if there is an intercept and the rows of
        positive weight have no positive count, as its best value is then -inf.

    Examples
    --------
    >>> import numpy as np
    >>> loss = Poisson(np.array([[0.0], [0.0], [1.0], [1.0]]), np.array([1, 3, 5, 7]), intercept=True)
    >>> x = loss.refit(np.array([True]))
    >>> (np.exp(x) * 2).round(6).tolist(), round(float(np.exp(loss.intercept_at(x))), 6)
    ([6.0], 2.0)
    """

    steepest: ClassVar[float] = math.inf

    def __post_init__(self) -> None:
        object.__setattr__(self, "b", as_counts(self.b, self.A))
        super().__post_init__()
        if self.intercept and not self._total > 0:
            raise ValueError("b has no positive count, so the best intercept is -inf")

    @np.errstate(over="ignore")
    def phi(self, eta: Array) -> Array:
        """Return ``exp(eta) - b eta``."""
        return design.namespace(self.A).exp(eta) - self.b * eta

    @np.errstate(over="ignore")
    def slope(self, eta: Array) -> Array:
        """Return ``exp(eta) - b``."""
        return design.namespace(self.A).exp(eta) - self.b

    @np.errstate(over="ignore")
    def curvature(self, eta: Array) -> Array:
        """Return ``exp(eta)``."""
        return design.namespace(self.A).exp(eta)

    def secant_curvature(self, eta: Array) -> Array:
        """Return the curvature that leads to ``log b`` in one step from far off, where exp does not.

        ``(exp(eta) - b) / (eta - log b)``, with .1 for a count of 0, or exp(eta) if that is negative.
        """
        xp, mean = design.namespace(self.A), self.curvature(eta)
        far = eta - xp.log(xp.where(self.b > 0.1, self.b, 0 * self.b + 0.1))
        ratio = (mean - self.b) / xp.where(far == 0, xp.ones_like(far), far)
        return xp.where((ratio > 0) & (far != 0), ratio, mean)

    def slope_size(self, eta: Array) -> Array:
        """Return ``exp(eta) + b``, the size of the two terms of the slope."""
        return self.curvature(eta) + self.b

    def best_intercept(self, eta: Array) -> float:
        """Return ``log(sum s b / sum s exp(eta))``, at which the means sum to the counts."""
        xp = design.namespace(self.A)
        counted = eta if self.weights is None else eta[self.weights > 0]
        top = float(xp.max(counted))
        mass = self.weigh(xp.exp(xp.where(eta < top, eta, top + 0 * eta) - top))
        return math.log(self._total) - math.log(float(xp.sum(mass))) - top

    @property
    def _total(self) -> float:
        return float(design.namespace(self.A).sum(self.weigh(self.b)))
