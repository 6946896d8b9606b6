"""A bound on the sum of magnitudes.

    project:  argmin_z  sum_i M_i (z_i - y_i)^2   subject to  sum_i |z_i| <= radius

The signs of z are those of y, so outside the ball ``|z|`` is the projection of ``|y|`` on the
simplex with the total ``radius`` (Duchi et al., ICML 2008): soft thresholding by ``theta / M_i``.
O(n log n).  Checked in ``tests/core/test_convex_sets.py``.
"""

from dataclasses import dataclass
from typing import ClassVar

from array_api_compat import array_namespace

from tamis.arrays import Variable
from tamis.sets.checks import nonnegative
from tamis.sets.simplex import onto_simplex
from tamis.sets.vectors import is_finite, like, tolerance, vector, vectors


@dataclass(frozen=True)
class L1Ball:
    """Arrays whose magnitudes sum to at most ``radius``, over all arrays of a list.

    Parameters
    ----------
    radius : float
        Finite and 0 or more.

    Raises
    ------
    ValueError, TypeError
        If ``radius`` is negative, not finite or no number.

    Examples
    --------
    >>> import numpy as np
    >>> L1Ball(1.0).project(np.array([3.0, -2.5, 0.1]))
    array([ 0.75, -0.25,  0.  ])
    """

    convex: ClassVar[bool] = True

    radius: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "radius", nonnegative("radius", self.radius))

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
        xp = array_namespace(flat)
        if float(xp.sum(xp.abs(flat))) <= self.radius:
            return like(flat, y)
        return like(xp.sign(flat) * onto_simplex(xp.abs(flat), diagonal, self.radius) + 0, y)

    def contains(self, y: Variable) -> bool:
        """Return whether the sum of magnitudes is at most the radius, up to sqrt(eps) of it."""
        if not is_finite(y):
            return False
        flat = vector(y)
        total = float(array_namespace(flat).sum(array_namespace(flat).abs(flat)))
        return total <= self.radius * (1 + tolerance(y))

    def describe(self) -> str:
        """Return the set in words."""
        return f"sum of magnitudes at most {self.radius:.4g}"
