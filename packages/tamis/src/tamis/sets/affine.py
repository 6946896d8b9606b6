"""Linear equations.

    project:  argmin_z  sum_i M_i (z_i - y_i)^2   subject to  A z = b

With ``A = U S V^T`` (thin SVD, rank r, taken once) the set is ``{z : V^T z = c}``, where
``c = S^-1 U^T b``, and the projection is ``z = y - V (V^T y - c)``.  In a metric it is
``z = y - M^-1 V (V^T M^-1 V)^-1 (V^T y - c)``, by a QR factorisation ``M^-1/2 V = Q R`` (Golub &
Van Loan, Matrix Computations, 6.1).  Each is done twice, as one step of iterative refinement.
O(n r) after the SVD's O(n m min(n, m)); in a metric O(n r^2).  Checked in
``tests/core/test_convex_sets.py``.
"""

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from array_api_compat import array_namespace

from tamis.arrays import Array, require_finite
from tamis.sets.checks import require_shape
from tamis.sets.vectors import as_numpy, from_numpy, is_finite, like, tolerance, vector, vectors


@dataclass(frozen=True, eq=False)
class Affine:
    """Vectors x with ``A x = b``.

    Parameters
    ----------
    A : array, shape (m, n)
        Dense and finite.  Its rows may depend on each other, and may be zero.
    b : array, shape (m,)

    Raises
    ------
    ValueError, TypeError
        If the shapes do not fit, an entry is not finite and real, or no x solves the equations;
        on use, if the variable has another shape than (n,).

    Notes
    -----
    The rows are scaled to norm 1 first, so that the rank does not depend on their units.  A
    singular value below ``max(m, n) eps`` of the largest counts as 0, with eps that of A's type.

    Examples
    --------
    >>> import numpy as np
    >>> Affine(np.ones((1, 2)), np.array([1.0])).project(np.array([2.0, 1.5])).round(12)
    array([0.75, 0.25])
    """

    convex: ClassVar[bool] = True

    A: Array
    b: Array
    _basis: Any = field(init=False, repr=False)  # V, shape (n, r), numpy
    _coordinates: Any = field(init=False, repr=False)  # c, shape (r,), numpy

    def __post_init__(self) -> None:
        _check(self.A, self.b)
        A, b = _scale_rows(as_numpy(self.A), as_numpy(self.b))
        basis, coordinates = _factorise(A, b, tolerance(self.A))
        object.__setattr__(self, "_basis", basis)
        object.__setattr__(self, "_coordinates", coordinates)

    def project(self, y: Array, metric: Array | None = None) -> Array:
        """Return the point of the set nearest to ``y``.

        Parameters
        ----------
        y : array, shape (n,)
            Finite.  Integers become float64.
        metric : like ``y``, optional
            The positive diagonal M; the identity if left out.
        """
        require_shape(y, (self._basis.shape[0],), "Affine")
        z, diagonal = vectors(y, metric)
        basis, coordinates = from_numpy(self._basis, y), from_numpy(self._coordinates, y)
        step = _metric_step(basis, diagonal)
        for _ in range(2):
            z = z - step(basis.T @ z - coordinates)
        return like(z, y)

    def contains(self, y: Array) -> bool:
        """Return whether ``V^T y = c`` up to sqrt(eps) of the largest entry of y and c."""
        if not is_finite(y):
            return False
        require_shape(y, (self._basis.shape[0],), "Affine")
        flat = as_numpy(vector(y))
        residual = np.abs(self._basis.T @ flat - self._coordinates).max(initial=0)
        scale = max(np.abs(flat).max(), np.abs(self._coordinates).max(initial=0))
        return bool(residual <= tolerance(y) * scale)

    def describe(self) -> str:
        """Return the set in words."""
        return f"{self.A.shape[0]} linear equations of rank {self._basis.shape[1]}"


def _check(A: Array, b: Array) -> None:
    require_finite("A", A)
    require_finite("b", b)
    if A.ndim != 2 or b.ndim != 1 or A.shape[0] != b.shape[0] or A.shape[1] == 0:
        raise ValueError(
            "A must have shape (m, n) with n >= 1 and b shape (m,), "
            f"got A {tuple(A.shape)} and b {tuple(b.shape)}"
        )


def _scale_rows(A: Any, b: Any) -> tuple[Any, Any]:
    """Return the equations with rows of norm 1, without the zero rows, which must ask for 0."""
    size = np.abs(A).max(axis=1)
    if b[size == 0].any():
        row = np.flatnonzero((size == 0) & (b != 0))[0]
        raise ValueError(f"A x = b is infeasible: row {row} of A is zero and b is {b[row]:.6g} there")
    A, b, size = A[size > 0], b[size > 0], size[size > 0]
    A, b = A / size[:, None], b / size
    norms = np.linalg.norm(A, axis=1)
    return A / norms[:, None], b / norms


def _factorise(A: Any, b: Any, root_eps: float) -> tuple[Any, Any]:
    """Return V and c; ``root_eps`` is the square root of the epsilon of the numbers given."""
    if not A.shape[0]:
        return np.zeros((A.shape[1], 0)), np.zeros(0)
    U, S, Vt = np.linalg.svd(A, full_matrices=False)
    noise = max(A.shape) * root_eps**2 * S[0]
    rank = int((noise < S).sum())
    V, c = Vt[:rank].T, (U[:, :rank].T @ b) / S[:rank]
    residual = np.abs(A @ (V @ c) - b).max()
    if residual > root_eps * max(np.abs(b).max(), np.abs(c).max()):
        raise ValueError(
            f"A x = b is infeasible: A has rank {rank} for {A.shape[0]} equations, and the nearest "
            f"x leaves a residual of {residual:.3g} (rows scaled to norm 1)"
        )
    return V, c


def _metric_step(basis: Array, metric: Array | None) -> Any:
    """Return the map from the residual ``V^T y - c`` to the step that removes it at least cost."""
    if metric is None:
        return lambda residual: basis @ residual
    xp = array_namespace(basis)
    inverse_root = 1 / xp.sqrt(metric / xp.max(metric))
    Q, R = xp.linalg.qr(inverse_root[:, None] * basis)
    return lambda residual: inverse_root * (Q @ xp.linalg.solve(R.T, residual))
