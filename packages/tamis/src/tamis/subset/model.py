"""A quadratic in k of its p variables: the best values on a support, and what any exchange would gain.

    q(y) = 1/2 y^T H y - c^T y        a quadratic loss itself, or what touches a smooth one at a point

On a support S, with ``M = H_SS^-1``, the best values are ``b = M c_S``; write ``T = M H_S`` for the
coefficients of every variable on those of S.  Then for each variable j outside S

    g_j = c_j - H_jS b                 the pull: minus the gradient
    d_j = H_jj - H_jS M H_Sj           the curvature that S leaves to j (a Schur complement)

    adding j lowers q by        g_j^2 / (2 d_j)
    dropping i raises q by      b_i^2 / (2 M_ii)
    i out, j in lowers q by     (g_j + b_i T_ij / M_ii)^2 / (2 (d_j + T_ij^2 / M_ii)) - b_i^2 / (2 M_ii)

all k p exchanges from one matrix product.  The last line is exact: dropping i first adds
``T_ij^2 / M_ii`` to the curvature left to j and ``b_i T_ij / M_ii`` to its pull.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import scipy.linalg

from tamis.arrays import Array

DEPENDENT = 1e-10  # a variable with less than this share of its own curvature left depends on S
TWIN = 1e-13  # and with less than this share it is in the span of S up to rounding
SINGULAR = 1e-12  # a pivot of less than this share of its diagonal entry is zero up to rounding
TILE = 1 << 18  # entries of the exchange table that are worked on at once: 2 MB


class Model(NamedTuple):
    """A quadratic whose Hessian is known by its rows."""

    linear: Array  # c, shape (p,)
    diagonal: Array  # the diagonal of H, shape (p,)
    rows: Callable[[Array], Array]  # indices (m,) -> the rows of H, shape (m, p)


class Fit(NamedTuple):
    """The minimiser of a model on a support, and what its neighbours are worth."""

    support: Array  # S, shape (k,), in no order
    values: Array  # b, shape (k,)
    decrease: float  # q(0) - q(b) = 1/2 c_S^T b
    inverse: Array  # M, shape (k, k)
    spread: Array  # T, shape (k, p)
    pull: Array  # g, shape (p,), zero on S
    room: Array  # d, shape (p,), zero on S and for what depends on S
    doubtful: bool  # whether something outside S nearly depends on it, so that its room is rounding


def dense(H: Array, c: Array) -> Model:
    """Return the model of a small dense quadratic."""
    return Model(linear=c, diagonal=np.diagonal(H), rows=lambda indices: H[indices])


def fit(model: Model, support: Array) -> Fit:
    """Minimise the model on ``support``; O(k^2 p) beside the rows."""
    support = np.asarray(support, dtype=np.intp)
    rows = model.rows(support)
    inverse = _inverse(rows[:, support])
    values = inverse @ model.linear[support]
    spread = inverse @ rows
    pull = model.linear - values @ rows
    room = model.diagonal - np.einsum("ij,ij->j", rows, spread)
    share = np.divide(room, model.diagonal, out=np.zeros_like(room), where=model.diagonal > 0)
    share[support] = 0.0
    inflation = np.max(np.diagonal(inverse) * np.diagonal(rows[:, support]), initial=1.0)
    doubtful = bool(np.any((share > TWIN) & (share <= DEPENDENT)) or inflation > 1 / DEPENDENT)
    room = np.where(share > DEPENDENT, room, 0.0)
    pull[support], room[support] = 0.0, 0.0
    return Fit(
        support=support, values=values, decrease=float(model.linear[support] @ values) / 2,
        inverse=inverse, spread=spread, pull=pull, room=room, doubtful=doubtful,
    )  # fmt: skip


def add_gains(found: Fit) -> Array:
    """Return by how much adding each variable lowers the model, shape (p,); zero where it cannot."""
    return np.divide(found.pull**2, 2 * found.room, out=np.zeros_like(found.pull), where=found.room > 0)


def drop_losses(found: Fit) -> Array:
    """Return by how much dropping each variable of the support raises the model, shape (k,)."""
    return found.values**2 / (2 * _own(found))


def exchange_gains(found: Fit, columns: slice, allowed: Array | None = None) -> Array:
    """Return by how much each exchange lowers the model, shape (k, columns).

    ``allowed`` is the mask of the pairs that the set permits, of the same shape.
    """
    own = _own(found)[:, None]
    spread, room = found.spread[:, columns], found.room[columns]
    gain = spread / own
    curvature = spread * gain
    curvature += np.where(room > 0, room, np.inf)  # what depends on S but for i is only as good as i
    gain *= found.values[:, None]
    gain += found.pull[columns]
    gain *= gain
    gain /= curvature
    gain *= 0.5
    gain -= drop_losses(found)[:, None]
    shut, inside = room <= 0, found.support[(found.support >= columns.start) & (found.support < columns.stop)]
    if np.count_nonzero(shut) > inside.shape[0]:
        shut[inside - columns.start] = False
        twins = np.flatnonzero(shut)
        # in for an i that they depend on they leave the span, and the loss, as it is
        gain[:, twins] = np.where(np.abs(spread[:, twins]) > SINGULAR**0.5, 0.0, gain[:, twins])
    if allowed is not None:
        gain[~allowed] = -np.inf
    return gain


def _own(found: Fit) -> Array:
    """Return the diagonal of M, inf for a variable without curvature, which costs nothing to drop."""
    own = np.diagonal(found.inverse)
    return np.where(own > 0, own, np.inf)


def tiles(found: Fit) -> list[slice]:
    """Return slices of the columns, so that a table of k rows over each stays in the cache."""
    p, width = found.pull.shape[0], max(1, TILE // max(1, found.support.shape[0]))
    return [slice(start, min(start + width, p)) for start in range(0, p, width)]


def _inverse(block: Array) -> Array:
    """Return the inverse of a symmetric positive definite matrix; a generalised one if it is singular."""
    own = np.diagonal(block)
    try:
        factor = scipy.linalg.cho_factor(block, lower=True, check_finite=False)
        if (np.diagonal(factor[0]) ** 2 > SINGULAR * own).all():
            return scipy.linalg.cho_solve(factor, np.eye(block.shape[0]), check_finite=False)
    except scipy.linalg.LinAlgError:
        pass
    unit = np.sqrt(np.where(own > 0, own, 1.0))
    scales = np.outer(unit, unit)
    return np.linalg.pinv(block / scales, rcond=SINGULAR, hermitian=True) / scales
