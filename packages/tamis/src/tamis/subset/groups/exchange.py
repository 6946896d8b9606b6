r"""What every exchange of one group for another gains, on a quadratic, and the descent by the best of them.

In the notation of :mod:`tamis.subset.groups.model` the columns of S have the coordinates ``R = Q_S``, an
upper triangle.  The rows of ``R^-1`` that belong to group I are orthogonal to every column of S outside I;
let the rows of ``P_I`` be an orthonormal basis of them.  They are the directions that S loses with I:

    I out raises q by              1/2 |P_I z|^2
    I out and J in lowers q by     1/2 g^T D^-1 g - 1/2 |P_I z|^2
                                   with  D = D_J + (P_I Q_J)^T (P_I Q_J),   g = g_J + (P_I Q_J)^T P_I z

exactly, all k G exchanges from one product P Q and an elimination in m x m matrices side by side.
(For groups of one this is the table of :mod:`tamis.subset.model`: ``P_i = T_i / sqrt(M_ii)`` times L.)
Where groups of S depend on each other, R has fewer columns than S and each group is dropped by a new fit.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import scipy.linalg

from tamis.arrays import Array
from tamis.subset.exchange import least_gain
from tamis.subset.groups.model import Model, Residue, add_gains, fit
from tamis.subset.groups.small_matrices import by_place, eliminate

TILE = 1 << 18  # entries of the small matrices that are worked on at once: 2 MB


class Exchange(NamedTuple):
    """``out`` is a place in the support, ``into`` a group; ``gain`` is what the table says."""

    gain: float
    out: int
    into: int


def exchange_tables(model: Model, residue: Residue) -> Iterator[tuple[int, Array]]:
    """Yield the gains of exchanges, shape (k, groups), a tile of groups at a time, with its first group."""
    if residue.crossing:
        yield 0, _by_refits(model, residue)
        return
    k, sizes = residue.chosen.shape[0], np.diff(model.starts)
    offsets = np.concatenate([[0], np.cumsum(sizes[residue.chosen])[:-1]])
    P = _lost_directions(residue, offsets)
    along = P @ residue.z
    losses = np.add.reduceat(along**2, offsets)[:, None] / 2
    for kind, room in zip(model.kinds, residue.rooms, strict=True):
        width = max(1, TILE // (kind.size**2 * k))
        for start in range(kind.groups.start, kind.groups.stop, width):
            tile = slice(start, min(start + width, kind.groups.stop))
            columns = slice(int(model.starts[tile.start]), int(model.starts[tile.stop]))
            V = by_place(P @ residue.Q[:, columns], kind.size)
            pull, least = (by_place(a[columns], kind.size) for a in (residue.pull, model.least))
            own = room[:, :, tile.start - kind.groups.start : tile.stop - kind.groups.start]
            W, r = _widened(V, own, pull, along, offsets)
            gains = eliminate(W, r, least) - losses
            inside = residue.chosen[(residue.chosen >= tile.start) & (residue.chosen < tile.stop)]
            gains[:, inside - tile.start] = -np.inf
            yield tile.start, gains


def best_exchanges(model: Model, residue: Residue, count: int) -> list[Exchange]:
    """Return the ``count`` exchanges that lower the model most, best first."""
    best: list[Exchange] = []
    if not residue.chosen.size:
        return best
    for first, gains in exchange_tables(model, residue):
        flat = gains.reshape(-1)
        top = [np.argmax(flat)] if count == 1 else np.argsort(-flat, kind="stable")[:count]
        for place in top:
            out, group = divmod(int(place), gains.shape[1])
            if flat[place] > -np.inf:
                best.append(Exchange(float(flat[place]), out, first + group))
    return sorted(best, key=lambda move: -move.gain)[:count]


def swapped(chosen: Array, move: Exchange) -> Array:
    """Return the groups after an exchange."""
    after = chosen.copy()
    after[move.out] = move.into
    return after


def descend_model(
    model: Model, chosen: Array, scale: float, expired: Callable[[], bool] = lambda: False
) -> Residue:
    """Exchange, each time by the best exchange of the table, until none lowers the model.

    ``scale`` is the loss at zero, which tells a gain from rounding.
    """
    residue = fit(model, chosen)
    while not expired():
        moves = best_exchanges(model, residue, 1)
        if not moves or not moves[0].gain > least_gain(scale, scale - residue.decrease):
            break
        after = fit(model, swapped(residue.chosen, moves[0]))
        if not after.decrease > residue.decrease:  # the gain was rounding after all
            break
        residue = after
    return residue


def _lost_directions(residue: Residue, offsets: Array) -> Array:
    """Return the ``P_I``, one below the other, shape (s, s)."""
    s = residue.z.shape[0]
    R = residue.Q[:, residue.kept]
    inverse = scipy.linalg.solve_triangular(R, np.eye(s), lower=False, check_finite=False)
    sizes = np.diff(np.append(offsets, s))
    for size in np.unique(sizes):  # the groups of one size at once
        rows = offsets[sizes == size][:, None] + np.arange(size)
        inverse[rows] = np.linalg.qr(inverse[rows].transpose(0, 2, 1))[0].transpose(0, 2, 1)
    return inverse


def _widened(V: Array, room: Array, pull: Array, along: Array, offsets: Array) -> tuple[Array, Array]:
    """Return the curvature D (m, m, k, g), its upper triangle, and the pull (m, k, g) of J without I."""
    m, _, width = V.shape
    W = np.empty((m, m, offsets.shape[0], width))
    r = np.empty((m, offsets.shape[0], width))
    for i in range(m):
        r[i] = _sums(np.broadcast_to(along[:, None], V[i].shape), V[i], offsets) + pull[i]
        for j in range(i, m):
            W[i, j] = _sums(V[i], V[j], offsets) + room[i, j]
    return W, r


def _sums(left: Array, right: Array, offsets: Array) -> Array:
    """Return the sums of ``left * right`` over the rows of each group of the support, shape (k, g)."""
    k, (s, width) = offsets.shape[0], left.shape
    if s % k == 0 and np.array_equal(offsets, np.arange(0, s, s // k)):  # groups of one size: much faster
        halves = (half.reshape(k, s // k, width) for half in (left, right))
        sums: Array = np.einsum("kag,kag->kg", *halves)
        return sums
    return np.add.reduceat(left * right, offsets, axis=0)


def _by_refits(model: Model, residue: Residue) -> Array:
    """Return the gains of all exchanges, shape (k, G), by a fit without each group of the support."""
    gains = []
    for place in range(residue.chosen.shape[0]):
        without = fit(model, np.delete(residue.chosen, place))
        row = add_gains(model, without) - (residue.decrease - without.decrease)
        row[residue.chosen] = -np.inf
        gains.append(row)
    return np.array(gains)
