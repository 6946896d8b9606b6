"""Symmetric positive semidefinite matrices.

    project:  argmin_Z  |Z - Y|_F^2   subject to  Z = Z^T,  Z positive semidefinite

The nearest is that of the symmetric part ``(Y + Y^T)/2 = V diag(l) V^T`` with its negative
eigenvalues set to zero, ``V diag(max(l, 0)) V^T`` (Higham, Linear Algebra Appl. 1988).  O(n^3).
Checked in ``tests/core/test_convex_sets.py``.
"""

from dataclasses import dataclass
from typing import ClassVar

from array_api_compat import array_namespace

from tamis.arrays import Array
from tamis.sets.checks import refuse_metric, require_shape
from tamis.sets.vectors import is_finite, largest, like, tolerance, vector


@dataclass(frozen=True)
class PSD:
    """Symmetric positive semidefinite matrices, of any order.

    Raises
    ------
    ValueError, TypeError
        On use, if the variable is no finite real square matrix, or a metric is given.

    Examples
    --------
    >>> import numpy as np
    >>> PSD().project(np.array([[2.0, 0.0], [0.0, -3.0]]))
    array([[2., 0.],
           [0., 0.]])
    """

    convex: ClassVar[bool] = True

    def project(self, y: Array, metric: None = None) -> Array:
        """Return the matrix of the set nearest to ``y`` in the Frobenius norm.

        Parameters
        ----------
        y : array, shape (n, n)
            Finite, not necessarily symmetric.  Integers become float64.
        metric : None
            Refused: the projection in a diagonal metric has no closed form.
        """
        refuse_metric("PSD", metric, "the nearest semidefinite matrix in one has no closed form")
        symmetric = _symmetric_part(y)
        scale = largest(symmetric) or 1.0  # so that no eigenvalue overflows
        xp = array_namespace(symmetric)
        values, vectors = xp.linalg.eigh(symmetric / scale)
        root = vectors * xp.sqrt(xp.maximum(values, xp.zeros_like(values)))
        return like(scale * xp.reshape(root @ root.T, (-1,)), y)

    def contains(self, y: Array) -> bool:
        """Return whether ``y`` is symmetric without negative eigenvalues, up to sqrt(eps) of the largest."""
        if not is_finite(y):
            return False
        symmetric = _symmetric_part(y)
        scale = largest(symmetric) or 1.0
        xp = array_namespace(symmetric)
        skew = largest(vector(y) - xp.reshape(symmetric, (-1,)))
        values = xp.linalg.eigvalsh(symmetric / scale)
        slack = tolerance(y) * largest(values)
        return skew <= tolerance(y) * scale and bool(xp.all(values >= -slack))

    def describe(self) -> str:
        """Return the set in words."""
        return "symmetric positive semidefinite matrices"


def _symmetric_part(y: Array) -> Array:
    require_shape(y, (None, None), "PSD")
    if y.shape[0] != y.shape[1]:
        raise ValueError(f"PSD needs a square matrix, got shape {tuple(y.shape)}")
    xp = array_namespace(y)
    matrix = xp.reshape(vector(y), y.shape)
    return matrix / 2 + matrix.T / 2
