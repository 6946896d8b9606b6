r"""Matrices of low rank.

    project:  argmin_Z  |Z - Y|_F^2   subject to  rank Z <= rank

It is the singular value decomposition of Y cut after its ``rank`` largest singular values
(Eckart & Young 1936); of equal ones those that LAPACK lists first are kept.  In a metric,
weighted low-rank approximation, it is NP-hard (Gillis & Glineur, SIAM J. Matrix Anal. Appl.
2011), so one is refused.  O(m n min(m, n)).  Checked in ``tests/core/test_nonconvex_sets.py``.
"""

from dataclasses import dataclass
from typing import ClassVar

from array_api_compat import array_namespace

from tamis.arrays import Array, require_integer
from tamis.sets.checks import refuse_metric, require_shape
from tamis.sets.vectors import is_finite, largest, like, tolerance, vector


@dataclass(frozen=True)
class LowRank:
    """Matrices of rank at most ``rank``.

    Parameters
    ----------
    rank : int
        0 or more.

    Raises
    ------
    ValueError, TypeError
        If ``rank`` is negative or no integer; on use, if the variable is no finite real matrix,
        ``rank`` exceeds its shorter side, or a metric is given.

    Examples
    --------
    >>> import numpy as np
    >>> LowRank(1).project(np.array([[3.0, 0.0], [0.0, 2.0]]))
    array([[3., 0.],
           [0., 0.]])
    """

    convex: ClassVar[bool] = False

    rank: int

    def __post_init__(self) -> None:
        require_integer("rank", self.rank)
        if self.rank < 0:
            raise ValueError(f"rank must be 0 or more, got {self.rank}")

    def project(self, y: Array, metric: None = None) -> Array:
        """Return the matrix of the set nearest to ``y`` in the Frobenius norm.

        Parameters
        ----------
        y : array, shape (m, n)
            Finite.  Integers become float64.
        metric : None
            Refused.
        """
        refuse_metric("LowRank", metric, "weighted low-rank approximation is NP-hard")
        matrix, r = self._matrix(y), int(self.rank)
        xp = array_namespace(matrix)
        U, s, Vt = xp.linalg.svd(matrix, full_matrices=False)
        return like(xp.reshape((U[:, :r] * s[:r]) @ Vt[:r, :], (-1,)), y)

    def contains(self, y: Array) -> bool:
        """Return whether all but ``rank`` singular values are at most sqrt(eps) of the largest."""
        if not is_finite(y):
            return False
        matrix = self._matrix(y)
        s = array_namespace(matrix).linalg.svdvals(matrix)
        return largest(s[int(self.rank) :]) <= tolerance(y) * largest(s)

    def describe(self) -> str:
        """Return the set in words."""
        return f"rank at most {self.rank}"

    def _matrix(self, y: Array) -> Array:
        require_shape(y, (None, None), type(self).__name__)
        if self.rank > min(y.shape):
            raise ValueError(f"rank must be between 0 and the shorter side ({min(y.shape)}), got {self.rank}")
        return array_namespace(y).reshape(vector(y), y.shape)
