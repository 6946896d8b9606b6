r"""Least squares with weights, offset and intercept, rewritten without them.

    min_c  1/2 sum_i s_i (a_i x + o_i + c - b_i)^2   =   1/2 |A' x - b'|^2 + constant

with ``A' = sqrt(s) (A - 1 m^T)`` and ``b' = sqrt(s) (b - o - mean)``, where m and mean are the means
with weights s of the rows of A and of ``b - o`` (both zero without an intercept).
"""

from typing import Any

from array_api_compat import array_namespace, is_array_api_obj

from tamis.arrays import Array
from tamis.losses.least_squares import LeastSquares


def plain(loss: Any) -> tuple[Array, Array]:
    """Return ``A'`` of shape (n, p) and ``b'`` of shape (n,); A and b themselves if that is all there is.

    Raises
    ------
    TypeError
        If the loss is not least squares or its A is sparse or an operator.
    """
    if not isinstance(loss, LeastSquares):
        raise TypeError(f"this step needs least squares, got {type(loss).__name__}: use lbfgs_step")
    require_dense("A", loss.A)
    A, b = loss.A, loss.b
    if loss.offset is not None:
        b = b - loss.offset
    if loss.intercept:
        A, b = A - _mean(A, loss.weights), b - _mean(b, loss.weights)
    if loss.weights is not None:
        root = array_namespace(A).sqrt(loss.weights)
        A, b = root[:, None] * A, root * b
    return A, b


def require_dense(name: str, matrix: Any) -> None:
    """Raise unless ``matrix`` is a dense array."""
    if not is_array_api_obj(matrix):
        kind = type(matrix).__name__
        raise TypeError(f"this step needs a dense {name}, got {kind}: use conjugate_gradient_step")


def _mean(rows: Array, weights: Array | None) -> Array:
    """Return the mean of ``rows`` along the first axis with ``weights``."""
    xp = array_namespace(rows)
    if weights is None:
        return xp.mean(rows, axis=0)
    return (weights @ rows) / xp.sum(weights)
