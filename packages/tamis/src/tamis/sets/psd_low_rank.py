r"""Symmetric positive semidefinite matrices of low rank: Gram and covariance matrices of few factors.

    project:  argmin_Z  |Z - Y|_F^2   subject to  Z = Z^T,  Z positive semidefinite,  rank Z <= rank

The antisymmetric part of Y costs the same whatever Z is, and of the symmetric part ``(Y + Y^T)/2
= V diag(l) V^T`` the ``rank`` largest eigenvalues are kept as far as they are positive (Higham,
Linear Algebra Appl. 1988; Eckart & Young 1936).  O(n^3).  Checked in
``tests/core/test_nonconvex_sets.py``.
"""

from dataclasses import dataclass
from typing import ClassVar

from array_api_compat import array_namespace

from tamis.arrays import Array
from tamis.sets.checks import refuse_metric, require_shape
from tamis.sets.low_rank import LowRank
from tamis.sets.psd import PSD
from tamis.sets.vectors import like, vector


@dataclass(frozen=True)
class PSDLowRank:
    """Symmetric positive semidefinite matrices of rank at most ``rank``.

    Parameters
    ----------
    rank : int
        0 or more.

    Raises
    ------
    ValueError, TypeError
        If ``rank`` is negative or no integer; on use, if the variable is no finite real square
        matrix, ``rank`` exceeds its side, or a metric is given.

    Examples
    --------
    >>> import numpy as np
    >>> PSDLowRank(1).project(np.array([[-3.0, 1.0], [-1.0, 2.0]]))
    array([[0., 0.],
           [0., 2.]])
    """

    convex: ClassVar[bool] = False

    rank: int

    def __post_init__(self) -> None:
        LowRank(self.rank)

    def project(self, y: Array, metric: None = None) -> Array:
        """Return the matrix of the set nearest to ``y`` in the Frobenius norm.

        Parameters
        ----------
        y : array, shape (n, n)
            Finite, not necessarily symmetric.  Integers become float64.
        metric : None
            Refused.
        """
        refuse_metric("PSDLowRank", metric, "weighted low-rank approximation is NP-hard")
        self._check(y)
        xp = array_namespace(y)
        matrix = xp.reshape(vector(y), y.shape)
        values, vectors = xp.linalg.eigh(matrix / 2 + matrix.T / 2)
        cut = y.shape[0] - int(self.rank)
        kept = xp.maximum(values[cut:], xp.zeros_like(values[cut:]))
        root = vectors[:, cut:] * xp.sqrt(kept)
        return like(xp.reshape(root @ root.T, (-1,)), y)

    def contains(self, y: Array) -> bool:
        """Return whether ``y`` is semidefinite and of the rank, up to sqrt(eps) of its largest eigenvalue."""
        return PSD().contains(y) and LowRank(self.rank).contains(y)

    def describe(self) -> str:
        """Return the set in words."""
        return f"{PSD().describe()} of rank at most {self.rank}"

    def _check(self, y: Array) -> None:
        require_shape(y, (None, None), "PSDLowRank")
        rows, columns = y.shape
        if rows != columns:
            raise ValueError(f"PSDLowRank needs a square matrix, got shape {(rows, columns)}")
        if self.rank > rows:
            raise ValueError(f"rank must be between 0 and the side ({rows}), got {self.rank}")
