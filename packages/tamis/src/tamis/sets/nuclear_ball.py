"""A bound on the nuclear norm, the sum of the singular values.

    project:  argmin_Z  |Z - Y|_F^2   subject to  |Z|_* <= radius

With ``Y = U diag(s) V^T`` it is ``U diag(P(s)) V^T``, where P projects on the L1 ball of the same
radius (Beck, First-Order Methods in Optimization 2017, theorem 7.18).  O(m n min(m, n)).
Checked in ``tests/core/test_convex_sets.py``.
"""

from dataclasses import dataclass
from typing import ClassVar

from array_api_compat import array_namespace

from tamis.arrays import Array
from tamis.sets.checks import nonnegative, refuse_metric, require_shape
from tamis.sets.l1_ball import L1Ball
from tamis.sets.vectors import is_finite, like, tolerance, vector


@dataclass(frozen=True)
class NuclearBall:
    """Matrices of nuclear norm at most ``radius``.

    Parameters
    ----------
    radius : float
        Finite and 0 or more.

    Raises
    ------
    ValueError, TypeError
        If ``radius`` is negative, not finite or no number; on use, if the variable is no finite
        real matrix, or a metric is given.

    Examples
    --------
    >>> import numpy as np
    >>> NuclearBall(1.0).project(np.array([[3.0, 0.0], [0.0, 1.0]]))
    array([[1., 0.],
           [0., 0.]])
    """

    convex: ClassVar[bool] = True

    radius: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "radius", nonnegative("radius", self.radius))

    def project(self, y: Array, metric: None = None) -> Array:
        """Return the matrix of the set nearest to ``y`` in the Frobenius norm.

        Parameters
        ----------
        y : array, shape (m, n)
            Finite.  Integers become float64.
        metric : None
            Refused: the projection in a diagonal metric has no closed form.
        """
        refuse_metric("NuclearBall", metric, "the projection on the ball in one has no closed form")
        matrix = _matrix(y)
        if 0 in y.shape:
            return like(vector(y), y)
        xp = array_namespace(matrix)
        U, s, Vt = xp.linalg.svd(matrix, full_matrices=False)
        if float(xp.sum(s)) <= self.radius:
            return like(vector(y), y)
        return like(xp.reshape((U * L1Ball(self.radius).project(s)) @ Vt, (-1,)), y)

    def contains(self, y: Array) -> bool:
        """Return whether the nuclear norm is at most the radius, up to sqrt(eps) of it."""
        if not is_finite(y):
            return False
        matrix = _matrix(y)
        if 0 in y.shape:
            return True
        xp = array_namespace(matrix)
        return float(xp.sum(xp.linalg.svdvals(matrix))) <= self.radius * (1 + tolerance(y))

    def describe(self) -> str:
        """Return the set in words."""
        return f"nuclear norm at most {self.radius:.4g}"


def _matrix(y: Array) -> Array:
    require_shape(y, (None, None), "NuclearBall")
    xp = array_namespace(y)
    return xp.reshape(vector(y), y.shape)
