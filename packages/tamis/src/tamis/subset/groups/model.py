r"""A quadratic whose variables come in groups: what a support of groups leaves to each group outside.

    q(y) = 1/2 y^T H y - c^T y

Let L be the Cholesky factor of ``H_SS`` for the columns of the groups in S, and

    Q = L^-1 H_S          row by row an orthonormal basis of S, seen by every column
    z = L^-1 c_S          the minimum over S is ``-|z|^2 / 2``
    g = c - Q^T z         the pull: minus the gradient at that minimum
    D_J = H_JJ - Q_J^T Q_J    the curvature that S leaves to group J (a Schur complement)

Adding J lowers q by ``1/2 g_J^T D_J^-1 g_J``.  To add groups to S, ``extend`` appends rows to Q
and z, and lowers g and D (block Gram-Schmidt).

Columns lie group by group, the groups in order of size, so that those of one size are one block and
are worked on at once; arrays of small matrices have shape (m, m, groups), which numpy runs along.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from tamis.arrays import Array
from tamis.subset.groups.small_matrices import by_place, eliminate, independent, lower_solve

DEPENDENT = 1e-10  # a variable with less than this share of its own curvature left depends on S
CHUNK = 32  # columns whose Hessian is formed at once for the blocks on its diagonal


class Kind(NamedTuple):
    """The groups of one size, which lie side by side."""

    groups: slice
    columns: slice
    size: int


class Model(NamedTuple):
    """A quadratic and where its groups are."""

    starts: Array  # (G + 1,): group J has the columns starts[J] to starts[J + 1]
    kinds: list[Kind]  # of these starts
    linear: Array  # c, shape (q,)
    blocks: list[Array]  # of each kind the H_JJ, shape (m, m, groups)
    least: Array  # (q,): the curvature below which a column counts as dependent
    rows: Callable[[Array], Array]  # columns (m,) -> the rows of H, shape (m, q)


class Residue(NamedTuple):
    """What a support leaves; see the module."""

    chosen: Array  # S, the groups, shape (k,)
    kept: Array  # (s,): the columns of S that span it
    Q: Array  # (s, q)
    z: Array  # (s,)
    pull: Array  # g, shape (q,)
    rooms: list[Array]  # of each kind the D_J, shape (m, m, groups)
    crossing: bool  # whether a column of one group in S depends on other groups in S

    @property
    def decrease(self) -> float:
        """By how much the minimum over S is below q(0)."""
        return float(self.z @ self.z) / 2


def kinds(starts: Array) -> list[Kind]:
    """Return the kinds of groups, from the smallest."""
    sizes, found = np.diff(starts), []
    for size in np.unique(sizes):
        first, last = np.searchsorted(sizes, [size, size + 1])
        columns = slice(int(starts[first]), int(starts[last]))
        found.append(Kind(slice(int(first), int(last)), columns, int(size)))
    return found


def columns_of(starts: Array, groups: Array) -> Array:
    """Return the columns of ``groups``, one group after the other."""
    parts = [np.arange(starts[J], starts[J + 1]) for J in groups]
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.intp)


def diagonal_blocks(starts: Array, hessian: Callable[[Array], Array]) -> list[Array]:
    """Return the ``H_JJ`` of each kind, from ``hessian(columns) -> H`` between these columns."""
    found = []
    for kind in kinds(starts):
        width, parts = kind.size * max(1, CHUNK // kind.size), []
        for start in range(kind.columns.start, kind.columns.stop, width):
            columns = np.arange(start, min(start + width, kind.columns.stop))
            own = (columns - start).reshape(-1, kind.size)
            parts.append(hessian(columns)[own.T[:, None, :], own.T[None, :, :]])
        found.append(np.ascontiguousarray(np.concatenate(parts, axis=2), dtype=float))
    return found


def diagonal(starts: Array, blocks: list[Array]) -> Array:
    """Return the diagonal of H, shape (q,)."""
    parts = [np.einsum("iig->gi", block).ravel() for block in blocks]
    return np.concatenate(parts) if parts else np.empty(0)


def dense(H: Array, c: Array, starts: Array) -> Model:
    """Return the model of a small dense quadratic."""
    blocks = diagonal_blocks(starts, lambda columns: H[np.ix_(columns, columns)])
    return Model(starts, kinds(starts), c, blocks, DEPENDENT * np.diagonal(H), lambda columns: H[columns])


def empty(model: Model) -> Residue:
    """Return what the empty support leaves: everything."""
    none, q = np.empty(0, dtype=np.intp), model.linear.shape[0]
    return Residue(none, none, np.empty((0, q)), np.empty(0), model.linear, model.blocks, False)


def extend(model: Model, residue: Residue, groups: Array) -> Residue:
    """Add ``groups`` to the support; O(s m q) beside the rows."""
    columns = columns_of(model.starts, groups)
    if not columns.size:
        return residue
    rows = model.rows(columns) - residue.Q[:, columns].T @ residue.Q
    within, L = independent(rows[:, columns], model.least[columns])
    more, z = lower_solve(L, rows[within]), lower_solve(L, residue.pull[columns[within], None])[:, 0]
    return Residue(
        chosen=np.concatenate([residue.chosen, groups]).astype(np.intp),
        kept=np.concatenate([residue.kept, columns[within]]),
        Q=np.concatenate([residue.Q, more]),
        z=np.concatenate([residue.z, z]),
        pull=residue.pull - z @ more,
        rooms=[room - own for room, own in zip(residue.rooms, _squares(model.kinds, more), strict=True)],
        crossing=residue.crossing or within.size < columns.size,
    )


def fit(model: Model, groups: Array) -> Residue:
    """Return what the support ``groups`` leaves."""
    return extend(model, empty(model), np.asarray(groups, dtype=np.intp))


def add_gains(model: Model, residue: Residue) -> Array:
    """Return by how much adding each group lowers the model, shape (G,); -inf for those in the support."""
    gains = np.empty(model.starts.shape[0] - 1)
    for kind, room in zip(model.kinds, residue.rooms, strict=True):
        pull, least = (by_place(a[kind.columns], kind.size) for a in (residue.pull, model.least))
        gains[kind.groups] = eliminate(room.copy(), pull.copy(), least)
    gains[residue.chosen] = -np.inf
    return gains


def _squares(kinds: list[Kind], rows: Array) -> Iterator[Array]:
    """Yield of each kind ``rows_J^T rows_J``, shape (m, m, groups)."""
    for kind in kinds:
        V = by_place(rows[:, kind.columns], kind.size)
        own = np.empty((kind.size, kind.size, V.shape[2]))
        for i in range(kind.size):
            for j in range(i, kind.size):
                own[i, j] = own[j, i] = np.einsum("sg,sg->g", V[i], V[j])
        yield own
