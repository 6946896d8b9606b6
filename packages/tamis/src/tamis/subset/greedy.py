"""Forward selection and backward elimination on a small dense quadratic.

    q(y) = 1/2 y^T H y - c^T y,   H of shape (m, m)

``grow`` adds, each time, the variable that lowers the minimum over the support most (orthogonal
least squares: Chen, Billings & Luo 1989), keeping a Cholesky factor row by row: with
``Q = L^-1 H_S`` the curvature left is ``diag(H) - colsum(Q^2)``, so an addition costs O(k m).
``shrink`` drops, each time, the variable whose loss raises it least, O(k^2) each.
"""

import numpy as np

from tamis.arrays import Array
from tamis.subset.model import DEPENDENT


def grow(H: Array, c: Array, inside: Array, count: int, banned: Array | None = None) -> Array:
    """Return ``inside`` and up to ``count`` more indices, fewer if nothing more can lower the minimum.

    ``banned`` (indices) may not be added.
    """
    m = c.shape[0]
    chosen = [int(j) for j in inside]
    least = DEPENDENT * np.diagonal(H)
    room, pull = np.array(np.diagonal(H), dtype=float), np.array(c, dtype=float)
    Q = np.empty((len(chosen) + count, m))
    for t, j in enumerate(chosen):
        _eliminate(H, Q, t, j, room, pull, least)
    shut = np.zeros(m, dtype=bool)
    shut[chosen] = True
    if banned is not None:
        shut[banned] = True
    for t in range(len(chosen), len(chosen) + count):
        gain = np.divide(pull**2, room, out=np.zeros(m), where=(room > least) & ~shut)
        j = int(np.argmax(gain))
        if not gain[j] > 0:
            break
        _eliminate(H, Q, t, j, room, pull, least)
        shut[j] = True
        chosen.append(j)
    return np.array(chosen, dtype=np.intp)


def shrink(H: Array, c: Array, support: Array, k: int) -> Array:
    """Return the ``k`` indices of ``support`` that backward elimination leaves."""
    left = np.asarray(support, dtype=np.intp)
    if left.shape[0] <= k:
        return left
    inverse = np.linalg.pinv(H[np.ix_(left, left)], hermitian=True)
    values = inverse @ c[left]
    while left.shape[0] > k:
        own = np.diagonal(inverse)
        loss = np.divide(values**2, own, out=np.full(own.shape, np.inf), where=own > 0)
        i = int(np.argmin(loss))
        keep = np.arange(left.shape[0]) != i
        if own[i] > 0:
            values = values - inverse[:, i] * (values[i] / own[i])
            inverse = inverse - np.outer(inverse[:, i], inverse[i] / own[i])
        left, values, inverse = left[keep], values[keep], inverse[np.ix_(keep, keep)]
    return left


def _eliminate(H: Array, Q: Array, t: int, j: int, room: Array, pull: Array, least: Array) -> None:
    """Take variable j into the support: write row t of Q, lower room and pull in place."""
    if not room[j] > least[j]:  # it depends on what is in already
        Q[t] = 0.0
        return
    row = np.subtract(H[j], Q[:t, j] @ Q[:t], out=Q[t])
    row /= np.sqrt(room[j])
    pull -= row * (pull[j] / np.sqrt(room[j]))
    room -= row * row
