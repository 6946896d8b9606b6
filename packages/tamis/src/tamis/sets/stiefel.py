r"""Matrices with orthonormal columns.

    project:  argmin_Z  |Z - Y|_F^2   subject to  Z^T Z = I

It is the polar factor ``U V^T`` of ``Y = U diag(s) V^T`` (Schonemann, Psychometrika 1966); unique
if Y has full column rank, else one of several that are equally near.  O(m n^2).  Checked in
``tests/core/test_nonconvex_sets.py``.
"""

from dataclasses import dataclass
from typing import ClassVar

from array_api_compat import array_namespace, device

from tamis.arrays import Array
from tamis.sets.checks import refuse_metric, require_shape
from tamis.sets.vectors import is_finite, largest, like, tolerance, vector


@dataclass(frozen=True)
class Stiefel:
    """Matrices (m, n), m >= n, whose columns are orthonormal; orthogonal matrices if m = n.

    Raises
    ------
    ValueError, TypeError
        On use, if the variable is no finite real matrix, has more columns than rows, or a
        metric is given.

    Examples
    --------
    >>> import numpy as np
    >>> Stiefel().project(np.array([[2.0], [0.0]]))
    array([[1.],
           [0.]])
    """

    convex: ClassVar[bool] = False

    def project(self, y: Array, metric: None = None) -> Array:
        """Return the matrix of the set nearest to ``y`` in the Frobenius norm.

        Parameters
        ----------
        y : array, shape (m, n), m >= n
            Finite.  Integers become float64.
        metric : None
            Refused.
        """
        refuse_metric("Stiefel", metric, "the weighted Procrustes problem has no closed form")
        matrix = _tall(y)
        xp = array_namespace(matrix)
        U, _, Vt = xp.linalg.svd(matrix, full_matrices=False)
        return like(xp.reshape(U @ Vt, (-1,)), y)

    def contains(self, y: Array) -> bool:
        """Return whether ``y^T y`` is the identity, entry by entry, up to sqrt(eps)."""
        if not is_finite(y):
            return False
        matrix = _tall(y)
        xp = array_namespace(matrix)
        gram = matrix.T @ matrix
        return largest(gram - xp.eye(gram.shape[0], dtype=gram.dtype, device=device(gram))) <= tolerance(y)

    def describe(self) -> str:
        """Return the set in words."""
        return "matrices with orthonormal columns"


def _tall(y: Array) -> Array:
    require_shape(y, (None, None), "Stiefel")
    if y.shape[0] < y.shape[1]:
        raise ValueError(f"Stiefel needs at least as many rows as columns, got shape {tuple(y.shape)}")
    return array_namespace(y).reshape(vector(y), y.shape)
