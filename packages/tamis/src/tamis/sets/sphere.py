"""A given Euclidean norm.

    project:  argmin_z  |z - y|^2   subject to  |z|_2 = radius

y is scaled to the radius.  All points are equally near to y = 0; the one whose first entry is
the radius is returned.  In a metric the problem is a non-convex one of its own, so one is
refused.  O(n).  Checked in ``tests/core/test_nonconvex_sets.py``.
"""

from dataclasses import dataclass
from typing import ClassVar

from array_api_compat import array_namespace

from tamis.arrays import Variable, norm, size
from tamis.sets.checks import nonnegative, refuse_metric
from tamis.sets.vectors import is_finite, largest, like, tolerance, vector, vectors


@dataclass(frozen=True)
class Sphere:
    """Arrays of Euclidean norm (Frobenius for matrices) exactly ``radius``, over all of a list.

    Parameters
    ----------
    radius : float
        Finite and above 0.

    Raises
    ------
    ValueError, TypeError
        If ``radius`` is not positive, not finite or no number; on use, if a metric is given
        or there is no entry.

    Examples
    --------
    >>> import numpy as np
    >>> Sphere(10.0).project(np.array([3.0, 4.0]))
    array([6., 8.])
    """

    convex: ClassVar[bool] = False

    radius: float = 1.0

    def __post_init__(self) -> None:
        if nonnegative("radius", self.radius) == 0:
            raise ValueError("radius must be above 0, got 0")

    def project(self, y: Variable, metric: Variable | None = None) -> Variable:
        """Return the point of the set nearest to ``y``.

        Parameters
        ----------
        y : array of any shape, or list of arrays
            Finite.  Integers become float64.
        metric : None
            Refused.
        """
        refuse_metric("Sphere", metric, "the nearest point in one has no closed form")
        flat, _ = vectors(y)
        if size(y) == 0:
            raise ValueError(f"no entries cannot have norm {self.radius}: y is empty")
        xp = array_namespace(flat)
        scale = largest(flat)
        unit = flat / scale if scale else xp.astype(xp.arange(flat.shape[0]) == 0, flat.dtype)
        return like(float(self.radius) * (unit / norm(unit)), y)

    def contains(self, y: Variable) -> bool:
        """Return whether the norm of ``y`` is the radius, up to sqrt(eps) of it."""
        scale = largest(vector(y)) if is_finite(y) else 0.0
        if scale == 0:
            return False
        return abs(norm(vector(y) / scale) * (scale / self.radius) - 1) <= tolerance(y)

    def describe(self) -> str:
        """Return the set in words."""
        return f"Euclidean norm exactly {self.radius:.4g}"
