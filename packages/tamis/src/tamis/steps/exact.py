r"""The exact step for least squares, from one factorisation that serves every penalty.

    x  =  argmin_x  1/2 |A x - b|^2 + (ridge/2) |x|^2 + (penalty/2) |x - v|^2
       =  (A^T A + r I)^{-1} (A^T b + penalty v),          r = ridge + penalty

With the thin singular value decomposition ``A = U S V^T`` the inverse acts as
``1/(S^2 + r)`` on the rows of ``V^T`` and as ``1/r`` on the rest.  ``init`` costs
O(n p min(n, p)) once, ``step`` O(p min(n, p)) for any penalty.
"""

import math
from typing import NamedTuple

from array_api_compat import array_namespace

from tamis.arrays import Array
from tamis.losses.least_squares import LeastSquares


class Factor(NamedTuple):
    """The factorisation of a :class:`~tamis.losses.LeastSquares`; r = min(n, p)."""

    Vt: Array  # (r, p), right singular vectors in its rows
    squares: Array  # (r,), squared singular values
    Vt_Atb: Array  # (r,), V^T A^T b
    ridge: float


def init(loss: LeastSquares) -> Factor:
    """Factorise; the largest entry of ``squares`` is the smoothness of f less its ridge.

    Raises
    ------
    ValueError
        If the squares of A or b overflow.
    """
    xp = array_namespace(loss.A)
    U, S, Vt = xp.linalg.svd(loss.A, full_matrices=False)
    largest = max(float(xp.max(S)), float(xp.max(xp.abs(loss.b))) * loss.b.shape[0] ** 0.5)
    if not largest < float(xp.finfo(S.dtype).max) ** 0.5:
        raise ValueError(
            f"A or b is so large ({largest:.3g}) that its square overflows: divide both by a factor"
        )
    return Factor(Vt=Vt, squares=S * S, Vt_Atb=S * (U.T @ loss.b), ridge=loss.ridge)


def step(factor: Factor, v: Array, penalty: float) -> Array:
    """Return the minimiser of ``f(x) + (penalty/2) |x - v|^2``, shape (p,); exact up to rounding.

    Raises
    ------
    ValueError
        If ``penalty`` is not positive and finite, or ``v`` has not shape (p,).
    """
    if not 0 < penalty < math.inf:
        raise ValueError(f"penalty must be positive and finite, got {penalty}")
    if tuple(v.shape) != tuple(factor.Vt.shape[1:]):
        raise ValueError(f"v must have shape {tuple(factor.Vt.shape[1:])}, got {tuple(v.shape)}")
    r = factor.ridge + penalty
    inside = factor.Vt @ v
    solved = (factor.Vt_Atb + penalty * inside) / (factor.squares + r)
    outside = v - factor.Vt.T @ inside
    return factor.Vt.T @ solved + (penalty / r) * outside


def smoothness(factor: Factor) -> float:
    """Return the largest eigenvalue of the Hessian."""
    xp = array_namespace(factor.squares)
    return float(xp.max(factor.squares)) + factor.ridge
