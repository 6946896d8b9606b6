"""Upper bounds of largest eigenvalues: how steep a quadratic is at most.

A symmetric matrix with at most 200 rows, or a Gram matrix with that short a side, gives its
eigenvalues outright.  Larger ones, sparse ones and operators go through Lanczos iteration to a
relative tolerance of 0.1%, and 1% is added to what it finds.
"""

import math
from collections.abc import Callable

import numpy as np
from array_api_compat import array_namespace, is_array_api_obj, is_numpy_array

from tamis.arrays import Array
from tamis.design import Design

_SMALL = 200  # rows; numpy takes a few milliseconds
_SLACK = 1e-2  # what is added to an iterated eigenvalue, ten times the tolerance asked for


def largest_square(A: Design, w: Array | None = None) -> float:
    """Return an upper bound of the largest eigenvalue of ``A^T diag(w) A``, w not negative.

    Exact up to rounding if A is dense with a side of at most 200, or of another library than
    numpy; else as above.  inf if the squares overflow.
    """
    n, p = A.shape
    if is_array_api_obj(A) and (min(n, p) <= _SMALL or not is_numpy_array(A)):
        with np.errstate(over="ignore", invalid="ignore"):
            return largest_eigenvalue(_gram(A, w))
    s = np.ones(n) if w is None else w
    if n <= p:
        root = np.sqrt(s)
        return _lanczos(lambda v: root * (A @ (A.T @ (root * v.reshape(-1)))), n)
    return _lanczos(lambda v: A.T @ (s * (A @ v.reshape(-1))), p)


def largest_eigenvalue(Q: Design) -> float:
    """Return an upper bound of the largest eigenvalue of a symmetric Q, as :func:`largest_square` does."""
    if not is_array_api_obj(Q) or (is_numpy_array(Q) and Q.shape[0] > _SMALL):
        return _lanczos(lambda v: Q @ v.reshape(-1), Q.shape[0])
    xp = array_namespace(Q)
    if not bool(xp.all(xp.isfinite(Q))):
        return math.inf
    largest: float = float(xp.linalg.eigvalsh(Q)[-1])
    rounding: float = 4 * Q.shape[0] * float(xp.finfo(Q.dtype).eps)
    return largest + rounding * abs(largest)


def _gram(A: Array, w: Array | None) -> Array:
    """Return the Gram matrix of ``diag(sqrt w) A`` along its shorter side."""
    xp, (n, p) = array_namespace(A), A.shape
    if w is None:
        return A @ A.T if n <= p else A.T @ A
    if n <= p:
        return (A @ A.T) * xp.sqrt(w)[:, None] * xp.sqrt(w)[None, :]
    return A.T @ (w[:, None] * A)


def _lanczos(product: Callable[[Array], Array], side: int) -> float:
    """Return the largest eigenvalue of a positive semidefinite operator, with some slack."""
    from scipy.sparse.linalg import LinearOperator, eigsh

    start = np.random.default_rng(0).standard_normal(side)
    if side == 1:
        return float(np.sum(product(np.ones(1))))
    if not np.any(product(start)):
        return 0.0
    operator = LinearOperator((side, side), matvec=product, dtype=np.float64)
    found = eigsh(operator, k=1, which="LA", v0=start, tol=_SLACK / 10, return_eigenvectors=False)
    return max(float(found[0]), 0.0) * (1 + _SLACK)
