"""Least squares: ``f(x) = 1/2 sum_i s_i (eta_i - b_i)^2 + (ridge/2) |x|^2``."""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

from array_api_compat import array_namespace, device, is_numpy_array
from scipy.linalg import lstsq

from tamis import design
from tamis.arrays import Array
from tamis.losses.linear_model import LinearModel


@dataclass(frozen=True, eq=False)
class LeastSquares(LinearModel):
    r"""The loss ``f(x) = 1/2 sum_i s_i (eta_i - b_i)^2 + (ridge/2) |x|^2``, ``eta = A x + offset + c``.

    There is no factor 1/n.  With ``intercept=True``, c is the best intercept for x, so the loss
    is one of x alone; :meth:`intercept_at` tells c.

    Parameters
    ----------
    A : array, shape (n, p), or scipy.sparse matrix, or LinearOperator
        At least one row and one column.  The last two go with numpy vectors; of an operator
        ``matvec`` and ``rmatvec`` are used, and its entries cannot be checked.
    b : array, shape (n,)
        Of the same library as A.  Integers in A or b become float64, half precision float32.
    ridge : float
        Weight of the squared norm, finite and not negative.
    weights : array, shape (n,), optional
        The s, 0 or more, not all 0; ones if left out.
    offset : array, shape (n,), optional
        What is added to ``A x``; zero if left out.
    intercept : bool
        Whether c is fitted, else it is 0.  It is not penalised.

    Raises
    ------
    ValueError, TypeError
        If the shapes do not fit, an entry is not finite and real, or a number is out of range.
    """

    quadratic: ClassVar[bool] = True
    steepest: ClassVar[float] = 1.0

    def phi(self, eta: Array) -> Array:
        """Return ``(eta - b)^2 / 2``."""
        return (eta - self.b) ** 2 / 2

    def slope(self, eta: Array) -> Array:
        """Return ``eta - b``."""
        return eta - self.b

    def curvature(self, eta: Array) -> Array:
        """Return ones."""
        return design.namespace(self.A).ones_like(eta)

    def best_intercept(self, eta: Array) -> float:
        """Return the weighted mean of ``b - eta``."""
        xp, s = design.namespace(self.A), self.weigh(self.curvature(eta))
        return float(xp.sum(s * (self.b - eta))) / float(xp.sum(s))

    def hessian_diagonal(self, x: Array) -> Array:
        """Return the diagonal of the Hessian, which is the same at every ``x``, shape (p,)."""
        return self._diagonal + 0  # a copy, as the caller may change it

    @cached_property
    def _diagonal(self) -> Array:
        return super().hessian_diagonal(self.start())

    def _curvatures(self, x: Array) -> Array:
        """Return the weights: they do not depend on ``x``, so no product with A is made."""
        return self.weigh(self.curvature(self.b))

    def fit(self, columns: Array, start: Array | None) -> Array:
        """Return the best coefficients of the dense ``columns``, shape (k,), of minimum norm if not unique.

        With a ridge it is the least-squares solution of the columns stacked on ``sqrt(ridge) I``.
        """
        xp, right = array_namespace(columns), self.b
        if self.offset is not None:
            right = right - self.offset
        s = self.weigh(self.curvature(right))
        if self.intercept:
            columns, right = self._centred(s, columns), self._centred(s, right)
        if self.weights is not None:
            columns, right = xp.sqrt(s)[:, None] * columns, xp.sqrt(s) * right
        if self.ridge > 0:
            damp = self.ridge**0.5 * xp.eye(columns.shape[1], dtype=columns.dtype, device=device(columns))
            columns, right = xp.concat([columns, damp]), xp.concat([right, xp.zeros_like(damp[0, :])])
        return _least_norm(columns, right)


def _least_norm(C: Array, r: Array) -> Array:
    """Return ``C^+ r``: for numpy by pivoted QR, some four times faster than by singular values."""
    xp = array_namespace(C)
    if not is_numpy_array(C):
        return xp.linalg.pinv(C) @ r
    cond = max(C.shape) * float(xp.finfo(C.dtype).eps)
    return lstsq(C, r, cond=cond, lapack_driver="gelsy", check_finite=False)[0]
