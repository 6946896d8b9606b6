"""Least squares: ``f(x) = 1/2 |A x - b|^2 + (ridge/2) |x|^2``."""

import math
from dataclasses import dataclass

from array_api_compat import array_namespace, device

from tamis.arrays import Array, require_finite, widen


@dataclass(frozen=True, eq=False)
class LeastSquares:
    """The loss ``f(x) = 1/2 |A x - b|^2 + (ridge/2) |x|^2``, without a factor 1/n.

    Parameters
    ----------
    A : array, shape (n, p)
        At least one row and one column.
    b : array, shape (n,)
        Of the same library as A.  Integers in A or b become float64, half precision float32.
    ridge : float
        Weight of the squared norm, finite and not negative.

    Raises
    ------
    ValueError, TypeError
        If the shapes do not fit, an entry is not finite and real, or ``ridge`` is out of range.
    """

    A: Array
    b: Array
    ridge: float = 0.0

    def __post_init__(self) -> None:
        _check(self.A, self.b, self.ridge)
        A, b = widen(self.A), widen(self.b)
        xp = array_namespace(A)
        dtype = xp.result_type(A.dtype, b.dtype)
        object.__setattr__(self, "A", xp.astype(A, dtype, copy=False))
        object.__setattr__(self, "b", xp.astype(b, dtype, copy=False))

    def value(self, x: Array) -> float:
        """Return f(x)."""
        residual = self.A @ x - self.b
        return float(residual @ residual) / 2 + self.ridge / 2 * float(x @ x)

    def gradient(self, x: Array) -> Array:
        """Return ``A^T (A x - b) + ridge x``, shape (p,)."""
        return self.A.T @ (self.A @ x - self.b) + self.ridge * x

    def start(self) -> Array:
        """Return the point from which a solver starts when none is given: zero, shape (p,)."""
        xp = array_namespace(self.A)
        return xp.zeros(self.A.shape[1], dtype=self.A.dtype, device=device(self.A))

    def refit(self, support: Array) -> Array:
        """Return the minimiser of f among the points that vanish off ``support``, shape (p,).

        The minimum-norm one if there are several (rank-deficient columns and no ridge).  With
        a ridge it is the least-squares solution of the columns stacked on ``sqrt(ridge) I``.
        """
        xp = array_namespace(self.A)
        kept = xp.nonzero(support)[0]
        if kept.shape[0] == 0:
            return self.start()
        columns, right = xp.take(self.A, kept, axis=1), self.b
        if self.ridge > 0:
            damp = self.ridge**0.5 * xp.eye(kept.shape[0], dtype=columns.dtype, device=device(columns))
            columns = xp.concat([columns, damp])
            right = xp.concat([right, xp.zeros_like(damp[0, :])])
        return _scatter(xp.linalg.pinv(columns) @ right, support)


def _scatter(values: Array, support: Array) -> Array:
    """Return the array with ``values`` in the true places of ``support``, zero elsewhere."""
    xp = array_namespace(values)
    place = xp.cumulative_sum(xp.astype(support, xp.int64)) - 1
    spread = xp.take(values, xp.where(support, place, xp.zeros_like(place)), axis=0)
    return xp.where(support, spread, xp.zeros_like(spread))


def _check(A: Array, b: Array, ridge: float) -> None:
    require_finite("A", A)
    require_finite("b", b)
    if array_namespace(A) is not array_namespace(b):
        raise TypeError(f"A and b must be arrays of one library, got {type(A)} and {type(b)}")
    if A.ndim != 2 or 0 in A.shape or tuple(b.shape) != tuple(A.shape[:1]):
        raise ValueError(
            "A must have shape (n, p) with n, p >= 1 and b shape (n,), "
            f"got A {tuple(A.shape)} and b {tuple(b.shape)}"
        )
    if not 0 <= ridge < math.inf:
        raise ValueError(f"ridge must be finite and 0 or more, got {ridge}")
