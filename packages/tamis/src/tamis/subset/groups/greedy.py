"""Forward selection and backward elimination of groups, on a quadratic.

``grow`` adds, each time, the group that lowers the minimum over the support most; ``shrink``
drops, each time, the group whose loss raises it least: with ``M = H_SS^-1`` and the values b, dropping
group I raises it by ``1/2 b_I^T M_II^-1 b_I``, and then

    b  <-  b - M_I M_II^-1 b_I,      M  <-  M - M_I M_II^-1 M_I^T.
"""

from collections.abc import Callable

import numpy as np
import scipy.linalg

from tamis.arrays import Array
from tamis.subset.groups.model import Model, Residue, add_gains, extend, fit


def grow(
    model: Model,
    residue: Residue,
    count: int,
    banned: Array | None = None,
    expired: Callable[[], bool] = lambda: False,
) -> Residue:
    """Add up to ``count`` groups to the support, none of ``banned``; fewer if nothing lowers the minimum."""
    for _ in range(count):
        gains = add_gains(model, residue)
        if banned is not None:
            gains[banned] = -np.inf
        if not gains.size or not gains.max() > 0 or expired():
            break
        residue = extend(model, residue, np.array([np.argmax(gains)]))
    return residue


def shrink(model: Model, residue: Residue, k: int) -> Array:
    """Return the ``k`` groups of the support that backward elimination leaves."""
    s = residue.z.shape[0]
    inverse = scipy.linalg.solve_triangular(residue.Q[:, residue.kept], np.eye(s), check_finite=False)
    M, b = inverse @ inverse.T, inverse @ residue.z
    owners = np.searchsorted(model.starts, residue.kept, side="right") - 1
    left, places = list(residue.chosen), [np.flatnonzero(owners == J) for J in residue.chosen]
    while len(left) > k:
        least = int(np.argmin(_losses(M, b, places)))
        left.pop(least)
        own = places.pop(least)
        share = np.linalg.solve(M[np.ix_(own, own)], M[own])
        b, M = b - b[own] @ share, M - M[:, own] @ share
    return np.array(left, dtype=np.intp)


def backward(model: Model, inside: Array, k: int) -> Array:
    """Grow ``inside`` by k groups, then eliminate down to k."""
    return shrink(model, grow(model, fit(model, inside), k), k)


def perturbed(model: Model, chosen: Array, drop: int, rng: np.random.Generator) -> Array:
    """Ban ``drop`` random groups of the support and grow it again to its size."""
    gone = rng.permutation(chosen.shape[0])[:drop]
    return grow(model, fit(model, np.delete(chosen, gone)), drop, banned=chosen[gone]).chosen


def _losses(M: Array, b: Array, places: list[Array]) -> Array:
    """Return twice by how much dropping the ``places`` of each group raises the minimum; sizes one by one."""
    sizes, losses = np.array([own.size for own in places]), np.empty(len(places))
    for size in np.unique(sizes):
        which = np.flatnonzero(sizes == size)
        own = np.array([places[t] for t in which], dtype=np.intp)
        solved = np.linalg.solve(M[own[:, :, None], own[:, None, :]], b[own][:, :, None])
        losses[which] = np.sum(b[own] * solved[:, :, 0], axis=1)
    return losses
