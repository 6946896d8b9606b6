"""Many small symmetric matrices at once: arrays of shape (m, m, ...), along whose last axes numpy runs."""

import numpy as np
import scipy.linalg

from tamis.arrays import Array


def by_place(values: Array, size: int) -> Array:
    """Turn the last axis (groups x size) into (groups,), the place in the group coming first."""
    found = np.empty((size, *values.shape[:-1], values.shape[-1] // size), dtype=values.dtype)
    for place in range(size):
        found[place] = values[..., place::size]
    return found


def eliminate(W: Array, r: Array, least: Array) -> Array:
    """Return ``1/2 r^T W^+ r`` for many small matrices at once; W and r are used up.

    A variable with a pivot of ``least`` or less adds nothing: it depends on those before it.

    Parameters
    ----------
    W : array, shape (m, m, ...)
        Symmetric positive semidefinite; only its upper triangle is read.
    r : array, shape (m, ...)
    least : array, shape (m, ...) up to broadcasting
    """
    total = np.zeros(r.shape[1:])
    for t in range(r.shape[0]):
        live = W[t, t] > least[t]
        factor = np.divide(1.0, W[t, t], out=np.zeros_like(total), where=live)
        total += r[t] * r[t] * factor
        for i in range(t + 1, r.shape[0]):
            share = W[t, i] * factor
            r[i] -= share * r[t]
            W[i, i:] -= share * W[t, i:]
    return total / 2


def independent(H: Array, least: Array) -> tuple[Array, Array]:
    """Return which columns of a Gram matrix do not depend on those before, and the L of their block."""
    L, failed = scipy.linalg.lapack.dpotrf(H, lower=1)
    if not failed and (np.diagonal(L) ** 2 > least).all():
        return np.arange(H.shape[0]), L
    kept, rows, left = [], [], np.array(H)
    for t in range(H.shape[0]):
        if left[t, t] > least[t]:
            row = left[t] / np.sqrt(left[t, t])
            left -= np.outer(row, row)
            kept.append(t)
            rows.append(row)
    within = np.array(kept, dtype=np.intp)
    return within, np.tril(np.array(rows).reshape(within.size, H.shape[0])[:, within].T)


def all_independent(W: Array, least: Array) -> bool:
    """Tell whether all columns of all the Gram matrices are independent; shapes (m, m, g) and (m, g)."""
    try:
        L = np.linalg.cholesky(np.moveaxis(W, -1, 0))
    except np.linalg.LinAlgError:
        return False
    return bool((np.einsum("gii->ig", L) ** 2 > least).all())


def lower_solve(L: Array, B: Array) -> Array:
    """Return ``L^-1 B`` for B of shape (m, q), without the copies and checks of solve_triangular."""
    found: Array = scipy.linalg.blas.dtrsm(1.0, L, B.T, side=1, lower=1, trans_a=1).T
    return found
