r"""How low a logistic or Poisson loss can get when one group joins: bounds, not refits.

At the minimiser on the kept columns K (an intercept is one of them), with Hessian H: group J has the
pull g_J, the residual columns ``r = A_J - K T`` and the curvature ``D_J = L_J L_J^T`` that K leaves it
(:mod:`tamis.subset.groups.model`).  Any move is ``r u`` and one of H-norm s within K.  With ``t = |L_J^T u|``

    its H-norm is                       q^2 = t^2 + s^2
    its slope is at most                t lambda,           lambda^2 = g_J^T D_J^-1 g_J
    it moves each predictor by at most  M = t alpha + s l,  alpha = max_i |L_J^-1 r_i|,
                                                            l^2 = max_i K_i H_KK^-1 K_i^T

by Cauchy's inequality, as ``r_i u = (L_J^-1 r_i)^T (L_J^T u)``.  That is all that the bound of
:mod:`tamis.subset.ceiling` asks of a column of curvature 1, pull lambda and largest entry alpha.

What it leaves open gets a few chord steps, which subtract the gradient in a basis that is orthonormal
in H: ``Z = r L_J^-T`` and ``U = K R^-1`` with ``H_KK = R^T R``.  As in
:mod:`tamis.subset.joint_refit`, with D the largest change of a predictor since, the Hessian is at least
``e^-D H``, so wherever the steps lead

    min F  >=  F(v) - fall(e^D |gradient|^2, e^D (alpha^2 + l^2)).

A ridge is worked with as rows of its own: the coefficients of K and J.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg

from tamis import design
from tamis.arrays import Array
from tamis.self_concordance import fall
from tamis.subset.ceiling import gain_bound
from tamis.subset.groups.landscape import Point
from tamis.subset.groups.layout import Layout
from tamis.subset.groups.small_matrices import by_place

TILE = 1 << 18  # entries of the residual columns that are worked on at once: 2 MB
STEPS = 3


class Base(NamedTuple):
    """What all groups have in common."""

    eta: Array  # the predictors, (n,)
    means: Array  # of the columns of the model under the curvatures; zero without intercept, (q,)
    K: Array  # the kept columns less their means, (n, s)
    T: Array  # (s, q)
    U: Array  # (n, s), or s + 1 with an intercept
    leverage: float  # l^2
    values: Array  # of the kept columns, (s,)
    inverse: Array  # R^-1, the coefficients of U, (s, s + 1) with a column of zeros for an intercept


class Bounds(NamedTuple):
    """What is known of the loss with each group, shape (G,)."""

    lower: Array  # no less is possible; -inf where nothing is known
    reached: Array  # a loss that is possible; inf where none was computed


def base_at(loss: Any, layout: Layout, point: Point) -> Base:
    """Return the kept columns of a point."""
    order, kept = layout.order, point.residue.kept
    eta = loss.predictor(point.x)
    w = loss.weigh(loss.curvature(eta))
    means = design.transposed_times(loss.A, w)[order] / np.sum(w) if loss.intercept else np.zeros(order.size)
    K = design.columns(loss.A, order[kept]) - means[kept]
    R = point.residue.Q[:, kept]
    inverse = scipy.linalg.solve_triangular(R, np.eye(kept.size), check_finite=False)
    T, U = inverse @ point.residue.Q, K @ inverse
    if loss.intercept:
        U = np.column_stack([U, np.full(U.shape[0], 1 / np.sqrt(np.sum(w)))])
        inverse = np.column_stack([inverse, np.zeros(kept.size)])
    leverage = float(np.max(np.sum(U**2, axis=1), initial=0.0))
    return Base(eta, means, K, T, U, leverage, point.x[order[kept]], inverse)


def bounds(loss: Any, layout: Layout, point: Point, target: float, spend: Callable[[int], bool]) -> Bounds:
    """Bound the least loss on the groups of ``point`` and one more, until it is above ``target`` or not.

    ``spend`` is told the entries of the predictors after each step; where it returns False the rest
    is left as it is known.  For the groups of the point itself both bounds are its value.
    """
    base, G, chosen = base_at(loss, layout, point), len(layout.members), point.residue.chosen
    found = Bounds(np.full(G, -np.inf), np.full(G, np.inf))
    found.lower[chosen] = found.reached[chosen] = point.value
    for kind, room in zip(point.model.kinds, point.residue.rooms, strict=True):
        width = max(1, TILE // (kind.size * base.eta.size))
        for first in range(kind.groups.start, kind.groups.stop, width):
            if not spend(0):
                return found
            groups = np.setdiff1d(np.arange(first, min(first + width, kind.groups.stop)), chosen)
            columns = layout.starts[groups][:, None] + np.arange(kind.size)
            own = room[:, :, groups - kind.groups.start].copy()
            Z, live = _basis(loss, layout, base, point, columns, own)
            groups, Z = groups[live], Z[:, live]
            found.lower[groups], reach = _ceiling(base, point.value, Z)
            left = found.lower[groups] < target
            _step(loss, base, groups[left], Z[:, left], reach[left], target, spend, found)
    return found


def _basis(
    loss: Any, layout: Layout, base: Base, point: Point, columns: Array, W: Array
) -> tuple[Array, Array]:
    """Return the Z of the groups, shape (m, g, n + s + m + 1), and which have independent columns.

    Its last axis holds the predictors, the coefficients of K and of J, and the pull along Z.
    W, the curvatures of shape (m, m, g), is used up.
    """
    flat, m = columns.ravel(), columns.shape[1]
    A = design.columns(loss.A, layout.order[flat]) - base.means[flat] - base.K @ base.T[:, flat]
    own = np.tile(np.eye(m), columns.shape[0])
    stacked = np.concatenate([A, -base.T[:, flat], own, point.residue.pull[None, flat]])
    Z = np.ascontiguousarray(np.moveaxis(by_place(stacked, m), 1, 2))
    least, live = by_place(point.model.least[flat], m), np.ones(columns.shape[0], dtype=bool)
    for t in range(m):  # Z <- L^-1 Z, by elimination in the D_J
        live &= W[t, t] > least[t]
        root = np.sqrt(np.where(live, W[t, t], 1.0))
        W[t, t:] /= root
        Z[t] /= root[:, None]
        for i in range(t + 1, m):
            Z[i] -= W[t, i][:, None] * Z[t]
            W[i, i:] -= W[t, i] * W[t, i:]
    return Z, live


def _ceiling(base: Base, value: float, Z: Array) -> tuple[Array, Array]:
    """Return the bound from the point itself and ``alpha^2 + l^2``, each of shape (g,)."""
    alpha2 = np.max(np.sum(Z[:, :, : base.eta.size] ** 2, axis=0), axis=1, initial=0.0)
    pull = np.sqrt(np.sum(Z[:, :, -1] ** 2, axis=0))
    bound = gain_bound(pull, np.ones_like(pull), np.sqrt(alpha2), base.leverage)
    return value - bound, alpha2 + base.leverage


def _step(
    loss: Any,
    base: Base,
    groups: Array,
    Z: Array,
    reach: Array,
    target: float,
    spend: Callable[[int], bool],
    found: Bounds,
) -> None:
    """Make steps with ``groups``, as long as they are undecided, and write what they show into ``found``."""
    n, s = base.eta.size, base.values.size
    pull, Z = Z[:, :, -1], Z[:, :, :-1]
    start = np.concatenate([base.eta, base.values, np.zeros(Z.shape[2] - n - s)])
    rows = start + np.einsum("tg,tgr->gr", pull, Z)
    for _ in range(STEPS):
        if not groups.size or not spend(groups.size * n):
            return
        value, gradient_U, gradient_Z = _look(loss, base, rows, Z)
        decrement = np.sum(gradient_U**2, axis=1) + np.sum(gradient_Z**2, axis=0)
        lower = _after_steps(value, decrement, reach, np.max(np.abs(rows[:, :n] - base.eta), axis=1))
        found.lower[groups] = np.maximum(found.lower[groups], lower)
        found.reached[groups] = np.minimum(found.reached[groups], value)
        left = (found.lower[groups] < target) & (found.reached[groups] >= target) & np.isfinite(decrement)
        groups, Z, reach, gradient_U = groups[left], Z[:, left], reach[left], gradient_U[left]
        rows = rows[left] - np.einsum("tg,tgr->gr", gradient_Z[:, left], Z)
        rows[:, :n] -= gradient_U @ base.U.T
        rows[:, n : n + s] -= gradient_U @ base.inverse.T


def _after_steps(value: Array, decrement: Array, reach: Array, moved: Array) -> Array:
    """Return the bound where the predictors have moved by up to ``moved``; -inf where there is none."""
    with np.errstate(over="ignore", invalid="ignore"):
        lower = value - fall(np.exp(moved) * decrement, np.exp(moved) * reach)
    return np.where(np.isfinite(lower), lower, -np.inf)


def _look(loss: Any, base: Base, rows: Array, Z: Array) -> tuple[Array, Array, Array]:
    """Return the losses, shape (g,), and their gradients along U, (g, s), and along Z, (m, g)."""
    n, s = base.eta.size, base.values.size
    eta, coefficients = rows[:, :n], rows[:, n:]
    with np.errstate(over="ignore", invalid="ignore"):
        value = np.sum(loss.weigh(loss.phi(eta)), axis=1) + loss.ridge / 2 * np.sum(coefficients**2, axis=1)
        slope = loss.weigh(loss.slope(eta))
        gradient_U = slope @ base.U + loss.ridge * coefficients[:, :s] @ base.inverse
        gradient_Z = np.einsum("tgr,gr->tg", Z, np.concatenate([slope, loss.ridge * coefficients], axis=1))
    return np.where(np.isfinite(value), value, np.inf), gradient_U, gradient_Z
