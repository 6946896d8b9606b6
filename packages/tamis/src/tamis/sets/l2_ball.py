"""A bound on the Euclidean norm.

    project:  argmin_z  sum_i M_i (z_i - y_i)^2   subject to  |z|_2 <= radius

Without a metric a point outside is scaled onto the sphere.  With one, ``z_i = M_i y_i / (M_i +
lambda)`` and lambda > 0 is the root of the secular equation ``|z(lambda)| = radius``.  Newton's
method is run on ``1/|z(lambda)| = 1/radius``, whose left side is increasing and concave, so that
from ``lambda_0 = max(0, |M y|/radius - max M)``, which is not beyond the root, it climbs to the
root monotonically and at last quadratically (Moré & Sorensen, SIAM J. Sci. Stat. Comput. 1983).
O(n) an iteration, about five of them.  Checked in ``tests/core/test_convex_sets.py``.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

from array_api_compat import array_namespace

from tamis.arrays import Array, Variable, norm
from tamis.sets.checks import nonnegative
from tamis.sets.vectors import is_finite, largest, like, tolerance, vector, vectors

_ROUNDING = 4e-16  # Newton stops when lambda grows by no more
_MAX_ITERATIONS = 200  # at most 17 were needed, with metrics that span 24 decades


@dataclass(frozen=True)
class L2Ball:
    """Arrays of Euclidean norm (Frobenius for matrices) at most ``radius``, over all of a list.

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
    >>> L2Ball(1.0).project(np.array([3.0, 4.0]))
    array([0.6, 0.8])
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
        scale = largest(flat)
        if scale == 0:
            return like(flat, y)
        unit = flat / scale  # its squares neither overflow nor vanish
        if norm(unit) <= self.radius / scale:
            return like(flat, y)
        if diagonal is None:
            return like(self.radius * _direction(unit), y)
        return like(self.radius * _direction(_shrink(unit, diagonal, self.radius / scale)), y)

    def contains(self, y: Variable) -> bool:
        """Return whether the norm of ``y`` is at most the radius, up to sqrt(eps) of it."""
        if not is_finite(y):
            return False
        flat = vector(y)
        scale = largest(flat)
        return scale == 0 or norm(flat / scale) <= self.radius / scale * (1 + tolerance(y))

    def describe(self) -> str:
        """Return the set in words."""
        return f"Euclidean norm at most {self.radius:.4g}"


def _direction(v: Array) -> Array:
    return v / norm(v)


def _shrink(y: Array, metric: Array, radius: float) -> Array:
    """Return ``M y / (M + lambda)``, up to a factor, at the root of the secular equation.

    With the factor 1 + lambda, which keeps it from vanishing when lambda is huge.
    """
    xp = array_namespace(y)
    metric = metric / xp.max(metric)
    pull = metric * y
    multiplier = max(0.0, norm(pull) / radius - 1) if radius > 0 else math.inf
    for _ in range(_MAX_ITERATIONS):
        if multiplier == math.inf:
            return pull  # the limit
        ratio = (1 + multiplier) / (metric + multiplier)
        z = pull * ratio
        length = norm(z)
        slope = float(xp.sum(z / length * (z / length) * ratio))
        following = multiplier + (length / radius - (1 + multiplier)) / slope
        if not following > multiplier * (1 + _ROUNDING):
            break
        multiplier = following
    return z
