"""Nonnegative entries with a given sum.

    project:  argmin_z  sum_i M_i (z_i - y_i)^2   subject to  z >= 0,  sum_i z_i = total

By its KKT conditions ``z_i = max(y_i - theta / M_i, 0)``, so that entry i is positive exactly if
``s_i = M_i y_i > theta``: the positive ones come first when s is sorted in falling order.  Of the
first j alone the sum is right for ``theta_j = (sum y - total) / sum 1/M``; the largest j with
``s_j > theta_j`` is their number (Held, Wolfe, Crowder 1974; Duchi et al., ICML 2008).  Where y
is much larger than the total, theta is not accurate enough for the sum; since ``y - theta / M``
has the same projection as y, Newton's method on the sum then starts there.  O(n log n).  Checked in
``tests/core/test_convex_sets.py``.
"""

from dataclasses import dataclass
from typing import ClassVar

from array_api_compat import array_namespace

from tamis.arrays import Array, Variable, size
from tamis.sets.checks import nonnegative
from tamis.sets.vectors import is_finite, like, tolerance, vector, vectors

_ROUNDING = 1e-15  # how far the sum may be off, relative to the total
_REFINEMENTS = 20  # each gains some 15 digits, and float64 spans 600


@dataclass(frozen=True)
class Simplex:
    """Arrays with entries of at least 0 that sum to ``total``, over all arrays of a list.

    Parameters
    ----------
    total : float
        Finite and 0 or more.

    Raises
    ------
    ValueError, TypeError
        If ``total`` is negative, not finite or no number; on use, if there is no entry and the
        total is not 0.

    Examples
    --------
    >>> import numpy as np
    >>> Simplex().project(np.array([0.5, 1.0, -2.0]))
    array([0.25, 0.75, 0.  ])
    """

    convex: ClassVar[bool] = True

    total: float = 1.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "total", nonnegative("total", self.total))

    def project(self, y: Variable, metric: Variable | None = None) -> Variable:
        """Return the point of the set nearest to ``y``.

        Parameters
        ----------
        y : array of any shape, or list of arrays
            Finite.  Integers become float64.
        metric : like ``y``, optional
            The positive diagonal M; the identity if left out.
        """
        flat, diagonal = vectors(y, metric)
        if size(y) == 0 and self.total > 0:
            raise ValueError(f"no entries cannot sum to total = {self.total}: y is empty")
        return like(onto_simplex(flat, diagonal, self.total), y)

    def contains(self, y: Variable) -> bool:
        """Return whether ``y`` is nonnegative with the right sum, up to sqrt(eps) of the total."""
        if not is_finite(y):
            return False
        flat, slack = vector(y), tolerance(y) * self.total
        xp = array_namespace(flat)
        return bool(xp.all(flat >= -slack)) and abs(float(xp.sum(flat)) - self.total) <= slack

    def describe(self) -> str:
        """Return the set in words."""
        return f"nonnegative entries with sum {self.total:.4g}"


def onto_simplex(flat: Array, metric: Array | None, total: float) -> Array:
    """Project a vector of float64, in the diagonal ``metric`` if there is one, on the simplex."""
    xp = array_namespace(flat)
    zero = xp.zeros_like(flat)
    if flat.shape[0] == 0 or total == 0:
        return zero
    inverse = xp.ones_like(flat) if metric is None else xp.max(metric) / metric
    y = flat - _multiplier(flat, inverse, total) * inverse
    for _ in range(_REFINEMENTS):
        if abs(float(xp.sum(xp.maximum(y, zero))) - total) <= _ROUNDING * total:
            break
        y = y - _correction(y, inverse, total) * inverse
    return xp.maximum(y, zero)


def _multiplier(y: Array, inverse: Array, total: float) -> Array:
    """Return theta_j of the largest j with s_j > theta_j; of the first where rounding leaves none."""
    xp = array_namespace(y)
    s = y / inverse
    order = xp.argsort(s, descending=True, stable=True)
    sums = xp.cumulative_sum(xp.take(y, order))
    theta = (sums - total) / xp.cumulative_sum(xp.take(inverse, order))
    count = int(xp.count_nonzero(xp.take(s, order) > theta))
    return theta[max(count, 1) - 1]


def _correction(y: Array, inverse: Array, total: float) -> Array:
    """Return Newton's step for ``sum max(y - theta / M, 0) = total`` at theta = 0."""
    xp = array_namespace(y)
    s = y / inverse
    positive = (s > 0) | (s == xp.max(s))
    return (xp.sum(y[positive]) - total) / xp.sum(inverse[positive])
