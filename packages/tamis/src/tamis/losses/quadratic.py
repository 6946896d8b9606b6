"""A quadratic form: ``f(x) = 1/2 x^T Q x + c^T x + (ridge/2) |x|^2``."""

from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
from array_api_compat import array_namespace, device, is_array_api_obj
from scipy import sparse

from tamis import design
from tamis.arrays import Array, widen
from tamis.losses import checks
from tamis.losses.scatter import scatter
from tamis.losses.spectrum import largest_eigenvalue


@dataclass(frozen=True, eq=False)
class Quadratic:
    r"""The loss ``f(x) = 1/2 x^T Q x + c^T x + (ridge/2) |x|^2`` of a covariance, a stiffness, a Hessian.

    Parameters
    ----------
    Q : array, shape (p, p), or scipy.sparse matrix, or LinearOperator
        Symmetric up to rounding, and positive semidefinite, which :meth:`refit` checks on its
        support.  Of an operator ``matvec`` is used; its symmetry is checked on one random pair.
    c : array, shape (p,)
        Of the same library as Q (numpy's for the last two kinds).
    ridge : float
        Finite and not negative.

    Raises
    ------
    ValueError, TypeError
        If Q is not square or not symmetric, c does not fit it, an entry is not finite and real,
        or ``ridge`` is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> loss = Quadratic(np.array([[2.0, 1.0], [1.0, 2.0]]), c=np.array([-3.0, 0.0]))
    >>> loss.refit(np.array([True, True])).round(9).tolist(), loss.refit(np.array([True, False])).tolist()
    ([2.0, -1.0], [1.5, 0.0])
    """

    quadratic: ClassVar[bool] = True

    Q: design.Design
    c: Array
    ridge: float = 0.0

    def __post_init__(self) -> None:
        Q = design.accept(self.Q, "Q")
        xp, p = design.namespace(Q), Q.shape[0]
        if Q.ndim != 2 or Q.shape[1] != p or p == 0:
            raise ValueError(f"Q must be square with at least one row, got shape {tuple(Q.shape)}")
        checks.require_vector("c", self.c, p, xp, of="Q")
        checks.require_ridge(self.ridge)
        dtype = xp.result_type(design.float_dtype(Q), widen(self.c).dtype)
        object.__setattr__(self, "Q", design.cast(Q, dtype))
        object.__setattr__(self, "c", xp.astype(self.c, dtype, copy=False))
        object.__setattr__(self, "ridge", float(self.ridge))
        _require_symmetric(self.Q)

    def start(self) -> Array:
        """Return zero, shape (p,)."""
        return design.namespace(self.Q).zeros_like(self.c)

    def value(self, x: Array) -> float:
        """Return f(x)."""
        return float(x @ (self.Q @ x)) / 2 + float(self.c @ x) + self.ridge / 2 * float(x @ x)

    def gradient(self, x: Array) -> Array:
        """Return ``Q x + c + ridge x``, shape (p,)."""
        return self.hessian_product(x, x) + self.c

    def hessian_product(self, x: Array, v: Array) -> Array:
        """Return ``(Q + ridge I) v``; the Hessian is the same at every ``x``."""
        return self.Q @ v + self.ridge * v

    def hessian_diagonal(self, x: Array) -> Array:
        """Return the diagonal of ``Q + ridge I``, shape (p,); an operator is applied to p unit vectors."""
        if is_array_api_obj(self.Q):
            return array_namespace(self.Q).linalg.diagonal(self.Q) + self.ridge
        if sparse.issparse(self.Q):
            return self.Q.diagonal() + self.ridge
        units = (np.arange(i, min(i + 64, self.c.size)) for i in range(0, self.c.size, 64))
        return np.concatenate([np.diag(design.columns(self.Q, i)[i]) for i in units]) + self.ridge

    def hessian_rows(self, x: Array, indices: Array) -> Array:
        """Return the rows ``indices`` of ``Q + ridge I``, dense, shape (m, p)."""
        xp = design.namespace(self.Q)
        indices = xp.asarray(indices, dtype=xp.int64, device=device(self.c))
        rows = design.columns(self.Q, indices).T
        own = indices[:, None] == xp.arange(rows.shape[1], device=device(self.c))[None, :]
        return rows + self.ridge * xp.astype(own, rows.dtype)

    def smoothness(self) -> float:
        """Return an upper bound of the largest eigenvalue of ``Q + ridge I``."""
        return max(largest_eigenvalue(self.Q), 0.0) + self.ridge

    def refit(self, support: Array, x0: Array | None = None) -> Array:
        """Return the minimiser of f among the points that vanish off ``support``, of minimum norm.

        It is exact up to rounding; ``x0`` is not used.

        Raises
        ------
        ValueError, TypeError
            If ``support`` is no mask of shape (p,), Q is not positive semidefinite on it, or f has
            no minimum there as c is not in the range of Q.
        """
        checks.require_support(support, self.c.shape[0])
        xp = design.namespace(self.Q)
        kept = xp.nonzero(support)[0]
        if kept.shape[0] == 0:
            return self.start()
        part = self.restrict(kept)
        H = part.Q + part.ridge * xp.eye(kept.shape[0], dtype=part.c.dtype, device=device(part.c))
        return scatter(-_least_norm(H, part.c), support)

    def restrict(self, indices: Array) -> Self:
        """Return the same loss in the entries ``indices`` only, Q dense."""
        xp = design.namespace(self.Q)
        indices = xp.asarray(indices, dtype=xp.int64, device=device(self.c))
        block = xp.take(design.columns(self.Q, indices), indices, axis=0)
        return replace(self, Q=block, c=xp.take(self.c, indices))


def _least_norm(H: Array, c: Array) -> Array:
    """Return ``H^+ c`` for H positive semidefinite and c in its range; raise otherwise."""
    xp = array_namespace(H)
    values, vectors = xp.linalg.eigh(H)
    largest = float(xp.max(xp.abs(values)))
    cut = 10 * H.shape[0] * float(xp.finfo(H.dtype).eps) * largest
    if float(values[0]) < -cut:
        raise ValueError(f"Q must be positive semidefinite, but has an eigenvalue of {float(values[0]):.3g}")
    along, real = vectors.T @ c, values > cut
    lost = float(xp.linalg.vector_norm(xp.where(real, xp.zeros_like(along), along)))
    if lost > float(xp.finfo(H.dtype).eps) ** 0.5 * float(xp.linalg.vector_norm(c)):
        raise ValueError("the quadratic form has no minimum: c is not in the range of Q; add a ridge")
    return vectors @ xp.where(real, along / xp.where(real, values, xp.ones_like(values)), 0 * along)


def _require_symmetric(Q: design.Design) -> None:
    if is_array_api_obj(Q):
        xp = array_namespace(Q)
        gap, size = float(xp.max(xp.abs(Q - Q.T))), float(xp.max(xp.abs(Q)))
        eps = float(xp.finfo(Q.dtype).eps)
    elif sparse.issparse(Q):
        gap, size, eps = float(abs(Q - Q.T).max()), float(abs(Q).max()), float(np.finfo(Q.dtype).eps)
    else:
        u, v = np.random.default_rng(0).standard_normal((2, Q.shape[0]))
        gap, size = abs(float(u @ (Q @ v) - v @ (Q @ u))), float(np.linalg.norm(u) * np.linalg.norm(Q @ v))
        eps = 2.0**-44
    if gap > 100 * eps * size:
        raise ValueError(f"Q must be symmetric, but Q and its transpose differ by {gap:.3g}")
