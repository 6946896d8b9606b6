"""A bound on the largest magnitude.

    project:  argmin_z  sum_i M_i (z_i - y_i)^2   subject to  max_i |z_i| <= radius

It is the box of bounds -radius and radius, so the projection clips, whatever the metric.  O(n).
Checked in ``tests/core/test_convex_sets.py``.
"""

from dataclasses import dataclass
from typing import ClassVar

from tamis.arrays import Variable
from tamis.sets.box import Box
from tamis.sets.checks import nonnegative


@dataclass(frozen=True)
class LinfBall:
    """Arrays whose entries are at most ``radius`` in magnitude, over all arrays of a list.

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
    >>> LinfBall(1.0).project(np.array([3.0, -2.0, 0.5]))
    array([ 1. , -1. ,  0.5])
    """

    convex: ClassVar[bool] = True

    radius: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "radius", nonnegative("radius", self.radius))

    def project(self, y: Variable, metric: Variable | None = None) -> Variable:
        """Return the point of the set nearest to ``y``, which is the same in every metric.

        Parameters
        ----------
        y : array of any shape, or list of arrays
            Finite.  Integers become float64.
        metric : like ``y``, optional
            The positive diagonal M; it is checked and has no effect.
        """
        return self._box().project(y, metric)

    def contains(self, y: Variable) -> bool:
        """Return whether the largest magnitude is at most the radius, up to sqrt(eps) of it."""
        return self._box().contains(y)

    def describe(self) -> str:
        """Return the set in words."""
        return f"entries of magnitude at most {self.radius:.4g}"

    def _box(self) -> Box:
        return Box(-self.radius, self.radius)
