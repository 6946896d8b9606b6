"""The matrix A of a linear model, dense, sparse or an operator, through a few operations.

========================  =========================================================
:func:`times`             ``A x``
:func:`transposed_times`  ``A^T y``
:func:`rows_times`        ``U^T A``, dense
:func:`columns`           ``A[:, indices]``, dense
:func:`column_squares`    ``sum_i w_i (A_ij - m_j)^2`` for every column j
========================  =========================================================

Dense arrays may be of any library that follows the array API standard; ``scipy.sparse``
matrices and ``scipy.sparse.linalg.LinearOperator`` go with numpy vectors.  None of these makes
a temporary array of the size of A.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device, is_array_api_obj, is_numpy_array
from array_api_compat import numpy as numpy_namespace
from scipy import sparse

from tamis.arrays import Array, require_finite, widen

Design = Any  # a dense array of shape (n, p), a scipy.sparse matrix or array, or a LinearOperator

_CHUNK = 2**17  # entries of a block: 1 MB in double precision, which stays in the cache


def namespace(A: Design) -> Any:
    """Return the namespace of the vectors that go with A: A's own, numpy's unless A is dense."""
    return array_namespace(A) if is_array_api_obj(A) else numpy_namespace


def accept(A: Any, name: str = "A") -> Design:
    """Check a matrix given by a user and return it in floats, uncopied where it is so already.

    Sparse matrices of other formats become CSC.

    Raises
    ------
    ValueError, TypeError
        If A has no two dimensions or no entries, an entry is not finite, it does not hold real
        numbers, or it is an operator without ``rmatvec``.
    """
    if isinstance(A, np.ma.MaskedArray):
        raise TypeError(f"{name} must have no masked entries: fill or drop them first")
    if sparse.issparse(A):
        return _accept_sparse(A, name)
    if not is_array_api_obj(A) and hasattr(A, "rmatvec"):
        return _accept_operator(A, name)
    require_matrix(A, name)
    return widen(A)


def float_dtype(A: Design) -> Any:
    """Return the dtype of ``A x``: that of A, or float64 for an operator of integers."""
    return A.dtype if is_array_api_obj(A) or A.dtype.kind == "f" else np.dtype(np.float64)


def cast(A: Design, dtype: Any) -> Design:
    """Return A in ``dtype``, uncopied if it has it; an operator as it is."""
    if is_array_api_obj(A):
        return array_namespace(A).astype(A, dtype, copy=False)
    return A.astype(dtype, copy=False) if sparse.issparse(A) else A


def require_matrix(A: Any, name: str) -> None:
    """Raise unless A is a dense array of finite real numbers (one of two dimensions: in one pass)."""
    if not is_array_api_obj(A) or A.ndim != 2 or 0 in A.shape:
        require_finite(name, A)
        return
    try:
        for rows, cols in _blocks(A):
            require_finite(name, A[rows, cols])
    except ValueError:
        require_finite(name, A)  # once more, for the count in the message


def times(A: Design, x: Array) -> Array:
    """Return ``A x`` for x of shape (p,) or (p, m)."""
    return A @ x


def transposed_times(A: Design, y: Array) -> Array:
    """Return ``A^T y`` for y of shape (n,) or (n, m)."""
    return A.T @ y


def rows_times(U: Array, A: Design) -> Array:
    """Return ``U^T A``, dense, shape (m, p), for U of shape (n, m); one matrix product."""
    return U.T @ A if is_array_api_obj(A) else (A.T @ U).T


def columns(A: Design, indices: Array) -> Array:
    """Return the columns ``indices`` of A as a dense array, shape (n, m).

    An operator is applied to m unit vectors.
    """
    if is_numpy_array(A):
        return A[:, indices]  # where numpy's take would first copy an A that is kept by columns
    if is_array_api_obj(A):
        return array_namespace(A).take(A, indices, axis=1)
    if sparse.issparse(A):
        return A[:, indices].toarray()
    units = np.zeros((A.shape[1], len(indices)), dtype=float_dtype(A))
    units[indices, np.arange(len(indices))] = 1
    return A @ units


def column_squares(A: Design, w: Array, centre: Array | None = None) -> Array:
    """Return ``sum_i w_i (A_ij - m_j)^2``, shape (p,), for w of shape (n,).

    m is the ``centre``, of shape (p,), zero if left out.  Dense arrays go
    block by block, in the order in which they lie in memory.  An operator has to be applied to
    all p unit vectors.
    """
    if sparse.issparse(A):
        squares = A.power(2).T @ w
        return squares if centre is None else squares - 2 * centre * (A.T @ w) + centre**2 * np.sum(w)
    if not is_array_api_obj(A):
        return _operator_squares(A, w, centre)
    xp = array_namespace(A)
    total = xp.zeros(A.shape[1], dtype=A.dtype, device=device(A))
    for rows, cols in _blocks(A):
        block = A[rows, cols] if centre is None else A[rows, cols] - centre[cols][None, :]
        total[cols] += w[rows] @ (block * block)
    return total


def _operator_squares(A: Design, w: Array, centre: Array | None) -> Array:
    """Return the squares of an operator's columns, formed a few at a time."""
    n, p = A.shape
    size = max(1, _CHUNK // n)
    parts = []
    for first in range(0, p, size):
        cols = np.arange(first, min(first + size, p))
        block = columns(A, cols)
        parts.append(w @ (block if centre is None else block - centre[cols]) ** 2)
    return np.concatenate(parts)


def _blocks(A: Array) -> Iterator[tuple[slice, slice]]:
    """Yield pairs of slices that cut A: whole columns if it is kept by columns, else whole rows."""
    n, p = A.shape
    if is_numpy_array(A) and A.flags.f_contiguous:
        size = max(1, _CHUNK // n)
        yield from ((slice(0, n), slice(i, min(i + size, p))) for i in range(0, p, size))
    else:
        size = max(1, _CHUNK // p)
        yield from ((slice(i, min(i + size, n)), slice(0, p)) for i in range(0, n, size))


def _accept_sparse(A: Any, name: str) -> Any:
    if A.ndim != 2 or 0 in A.shape:
        raise ValueError(f"{name} must have shape (n, p) with n, p >= 1, got {tuple(A.shape)}")
    A = A if A.format in ("csc", "csr") else A.tocsc()
    require_finite(f"{name}.data", A.data)
    return A.astype(widen(A.data[:0]).dtype, copy=False)


def _accept_operator(A: Any, name: str) -> Any:
    if 0 in A.shape:
        raise ValueError(f"{name} must have shape (n, p) with n, p >= 1, got {tuple(A.shape)}")
    if A.dtype is None or A.dtype.kind not in "fiu":
        raise TypeError(f"{name} must hold real numbers, got an operator of dtype {A.dtype}")
    try:
        product = A.rmatvec(np.zeros(A.shape[0]))
    except (NotImplementedError, TypeError, AttributeError, RecursionError) as error:
        raise TypeError(f"{name} must be an operator with rmatvec, its product with A^T: {error}") from error
    require_finite(f"{name}.rmatvec(0)", product)
    return A
