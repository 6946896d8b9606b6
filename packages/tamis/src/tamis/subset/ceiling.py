r"""How much a logistic or Poisson loss can fall when one column joins, bounded for all columns at once.

At the minimiser on the kept columns S, with Hessian H: column j has the pull g_j, the residual
column ``r = a_j - A_S T_j`` (:mod:`tamis.subset.model`) and the curvature ``h = d_j`` along it.  Any
move is a step t along r and one of H-norm s within S, so its H-norm is ``q^2 = t^2 h + s^2``, and it
moves the predictors by at most ``M = |t| rho + s l``, ``rho = max |r_i|``, ``l^2 = max_i a_i^T H_SS^-1 a_i``.
With ``|phi'''| <= phi''`` (Bach 2010; :mod:`tamis.self_concordance`)

    F(v + move) >= F(v) - g_j t + q^2 (e^-M + M - 1) / M^2 >= F(v) - g_j t + q^2 / (2 + M)

as ``e^-M >= (2 - M) / (2 + M)``.  Write ``a = |t| sqrt(h)``, ``lambda = |g_j| / sqrt(h)``,
``alpha = rho / sqrt(h)``, ``beta = alpha^2 + l^2`` and ``N = 2 + alpha a``.  The least over s is
``-lambda a + 2 a^2 / (sqrt(N^2 + l^2 a^2) + N)``, convex in a, so the fall is at most

    lambda a - 2 a^2 / (sqrt(N^2 + l^2 a^2) + N)
    at   a = 2 (sqrt(alpha^2 + beta (1 - Q) / Q) - alpha) / beta,    Q = 1 - lambda (alpha + lambda l^2 / 4)

and has no bound if Q <= 0.  It is about ``lambda^2/2``, Newton's estimate, where lambda is small.

``rho`` is computed once, at the point whose exchanges are in question; where a variable is dropped
``|r'_i| <= |r_i| + |shift of the intercept| + sum_l |T'_l - T_l| max |a_l|``.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from tamis import design
from tamis.arrays import Array
from tamis.subset.model import Fit

BLOCK = 1 << 18


class Terrain(NamedTuple):
    """What stays the same while the variables of a point are dropped in turn."""

    support: Array  # indices, (k,)
    size: Array  # the largest entry of each column, (p,)
    residual: Array  # the largest entry of each residual column, (p,)
    spread: Array  # T, (k, p)
    level: Array  # the intercept that goes with each residual column, (p,); zero without


def terrain(loss: Any, x: Array, found: Fit) -> Terrain:
    """Measure the columns at a point and its fit."""
    level = _level(loss, _curvatures(loss, x), found)
    size, residual = np.zeros_like(level), np.zeros_like(level)
    K = design.columns(loss.A, found.support)
    for rows, block in _row_blocks(loss.A):
        size = np.maximum(size, np.max(np.abs(block), axis=0))
        left = block - level
        left -= K[rows] @ found.spread
        np.maximum(residual, np.max(np.abs(left, out=left), axis=0), out=residual)
    return Terrain(found.support, size, residual, found.spread, level)


def ceilings(loss: Any, land: Terrain, x: Array, found: Fit, dropped: int) -> Array:
    """Return upper bounds of the fall by adding each variable, shape (p,).

    Parameters
    ----------
    loss : Logistic or Poisson
    land : Terrain
    x, found
        The minimiser without the variable at place ``dropped`` of the point, and its fit.
    """
    w = _curvatures(loss, x)
    moved = np.abs(found.spread - np.delete(land.spread, dropped, axis=0))
    rho = land.residual + np.abs(_level(loss, w, found) - land.level)
    rho += land.size[found.support] @ moved + land.size[land.support[dropped]] * np.abs(land.spread[dropped])
    return gain_bound(found.pull, found.room, rho, _leverage(loss, w, found))


def gain_bound(pull: Array, room: Array, rho: Array, leverage: float) -> Array:
    """Return the bound of the fall for each column, shape (p,); inf where there is none, 0 without room."""
    root = np.sqrt(np.where(room > 0, room, 1.0))
    lam, alpha = np.abs(pull) / root, rho / root
    rest = lam * (alpha + lam * leverage / 4)  # 1 - Q
    inside = rest < 1
    beta = np.maximum(alpha**2 + leverage, 1e-300)
    a = 2 * (np.sqrt(alpha**2 + beta * rest / np.where(inside, 1 - rest, 1.0)) - alpha) / beta
    N = 2 + alpha * a
    fall = lam * a - 2 * a**2 / (np.sqrt(N**2 + leverage * a**2) + N)
    return np.where(room > 0, np.where(inside, fall, np.inf), 0.0)


def _level(loss: Any, w: Array, found: Fit) -> Array:
    """Return the intercept that goes with each residual column, shape (p,): zero without intercept."""
    if not loss.intercept:
        return np.zeros_like(found.pull)
    means = design.transposed_times(loss.A, w) / np.sum(w)
    return means - means[found.support] @ found.spread


def _leverage(loss: Any, w: Array, found: Fit) -> float:
    """Return ``max_i a_i^T H_SS^-1 a_i``, the intercept included."""
    K, extra = design.columns(loss.A, found.support), 0.0
    if loss.intercept:
        K, extra = K - (w @ K) / np.sum(w), 1 / float(np.sum(w))
    return extra + float(np.max(np.sum((K @ found.inverse) * K, axis=1), initial=0.0))


def _curvatures(loss: Any, x: Array) -> Array:
    return loss.weigh(loss.curvature(loss.predictor(x)))


def _row_blocks(A: design.Design) -> Iterator[tuple[slice, Array]]:
    """Yield the rows of A, dense, a few at a time."""
    n, p = A.shape
    count = max(1, BLOCK // p)
    for first in range(0, n, count):
        rows = slice(first, min(first + count, n))
        yield rows, A[rows] if isinstance(A, np.ndarray) else A[rows].toarray()
