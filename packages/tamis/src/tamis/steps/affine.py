r"""The step for data without noise: the projection on the solutions of ``A x = b``.

    x  =  argmin { |x - v| : |A x - b| least }  =  v + A^+ (b - A v)

the limit of the exact step as the penalty goes to zero.  With the thin singular value
decomposition ``A = U S V^T``, cut where a singular value is zero up to rounding, it is
``x = x_0 + v - V V^T v`` with ``x_0 = A^+ b``: factorised once, two products with V a step.  An A
of any rank will do; if ``A x = b`` has no solution it is the set of least-squares solutions.
"""

from array_api_compat import array_namespace

from tamis.arrays import Array
from tamis.losses.least_squares import LeastSquares
from tamis.steps.plain import plain
from tamis.steps.proximal import Solve, check_point


def affine_step(loss: LeastSquares) -> Solve:
    """Return ``solve(v, penalty, x)``, the projection of ``v``; ``penalty`` and ``x`` are not looked at.

    Parameters
    ----------
    loss : LeastSquares
        Of a dense matrix, without ridge.

    Raises
    ------
    TypeError, ValueError
        If the loss is of another kind or has a ridge; in ``solve``, if ``v`` is not finite or
        not of shape (p,).
    """
    A, b = plain(loss)
    if loss.ridge:
        raise ValueError(f"affine_step needs a loss without ridge, got ridge={loss.ridge}")
    Vt, nearest = _factorise(A, b)

    def solve(v: Array, penalty: float | None = None, x: Array | None = None) -> Array:
        check_point("v", v, nearest.shape)
        return nearest + v - Vt.T @ (Vt @ v)

    return solve


def _factorise(A: Array, b: Array) -> tuple[Array, Array]:
    """Return the rows of ``V^T`` that A reaches and ``A^+ b``, the solution nearest to zero."""
    xp = array_namespace(A)
    U, S, Vt = xp.linalg.svd(A, full_matrices=False)
    cut = max(A.shape) * float(xp.finfo(A.dtype).eps) * float(xp.max(S))
    rank = int(xp.count_nonzero(cut < S))
    return Vt[:rank, :], Vt[:rank, :].T @ ((U[:, :rank].T @ b) / S[:rank])
