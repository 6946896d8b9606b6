"""Lower bounds on the loss of every k-sparse point: how far a solution can be from the best.

    minimise  f(x) = 1/2 |A x - b|^2 + (ridge/2) |x|^2   subject to  |x|_0 <= k

With a ridge (the user's, or the smallest eigenvalue of A'A) the bound is the dual of the
perspective relaxation (:mod:`tamis.bounds.perspective`), evaluated at one point with its rounding taken
off: it holds whether or not the relaxation was solved to the end.  With neither, only the
minimum over all columns that may be used is left.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from tamis.arrays import require_integer
from tamis.bounds.budget import FREE, IN, OUT, Node, spread
from tamis.bounds.perspective import Point, relax
from tamis.bounds.ridge_problem import Floats, RidgeProblem, ridge_problem


class Bound(NamedTuple):
    """A lower bound on f over the k-sparse points, and the weights z in [0, 1] that go with it."""

    value: float
    z: Floats


class Certificate(NamedTuple):
    """How near a point is to the best one.

    Parameters
    ----------
    value : float
        f at the point.
    bound : float
        No k-sparse point has a smaller f.
    gap : float
        ``(value - bound) / value``, 0 where the value is 0.
    """

    value: float
    bound: float
    gap: float


def perspective_bound(
    loss: Any, k: int, *, fixed_in: Sequence[int] = (), fixed_out: Sequence[int] = (), tol: float = 1e-9
) -> Bound:
    """Return a lower bound on f over the points with at most k nonzeros.

    Parameters
    ----------
    loss : LeastSquares or Gram
        A a dense array (or scipy.sparse, then made dense) of p columns.
    k : int
        Between 0 and p.
    fixed_in, fixed_out : sequences of int
        Columns that count towards k whether they are used or not, and columns not allowed.
    tol : float
        The relaxation is solved to ``tol * b'b``; the bound is valid at any ``tol``.

    Returns
    -------
    Bound
        ``value`` is at least 0.  With ``z`` whole the bound is attained.  Without a ridge and with
        dependent columns it is the least f on all allowed columns, correct to the rounding of
        that solve but not enclosed.

    Raises
    ------
    TypeError, ValueError
        If k or a column is no integer or out of range, a column is fixed both ways, or more
        than k are fixed in.

    Notes
    -----
    Each iteration costs O(p) times the number of nonzeros of x.

    References
    ----------
    Pilanci, Wainwright, El Ghaoui, Math. Program. 2015; Bertsimas & Van Parys, Ann. Stat. 2020.
    """
    problem = ridge_problem(loss)
    p = problem.c.size
    require_count(k, p)
    node = _node(p, k, fixed_in, fixed_out)
    point = bound_node(problem, node, k, np.zeros(p), tol=tol)
    return Bound(max(point.dual, 0.0), point.z)


def lower_bound_certificate(loss: Any, x: Floats, k: int, *, tol: float = 1e-9) -> Certificate:
    """Return how near the k-sparse x is to the best by the relaxation alone, without branching.

    Parameters as in :func:`perspective_bound`.

    Raises
    ------
    ValueError
        If x is not finite, does not fit, or has more than k nonzeros.
    """
    bound = perspective_bound(loss, k, tol=tol)
    require_point(x, bound.z.size, k)
    value = float(loss.value(x))
    return Certificate(value, min(bound.value, value), relative_gap(value, bound.value))


def relative_gap(value: float, bound: float) -> float:
    """Return ``(value - bound) / value``, at least 0, and 0 for the value 0."""
    return max(value - bound, 0.0) / value if value > 0 else 0.0


def bound_node(
    problem: RidgeProblem,
    node: Node,
    k: int,
    x: Floats,
    *,
    target: float = math.inf,
    tol: float = 1e-9,
    deadline: float = math.inf,
) -> Point:
    """Return the relaxation of a node, started at x; see :func:`tamis.bounds.perspective.relax`."""
    if problem.ridge > 0:
        return relax(problem, node, k, x, target=target, tol=tol, deadline=deadline)
    return _all_columns(problem, node, k)


def _all_columns(problem: RidgeProblem, node: Node, k: int) -> Point:
    """Return the minimum on all allowed columns; z ranks them by the length of their part."""
    index = np.flatnonzero(node != OUT)
    x = np.zeros(node.size)
    x[index] = np.linalg.lstsq(problem.block(index), problem.c[index], rcond=None)[0]
    product = problem.product(x)
    parts = problem.lengths * np.abs(x)
    slack = 100 * problem.rounding * (problem.length**2 + float(parts.sum()) ** 2)
    value = problem.value(x, product)
    z = spread(parts, node, k - int(np.count_nonzero(node == IN)), 0.0)
    return Point(x, product, z, value if np.count_nonzero(x) <= k else math.inf, value - slack, 1.0)


def require_count(k: int, p: int) -> None:
    """Raise unless k is an integer from 0 to p."""
    require_integer("k", k)
    if not 0 <= k <= p:
        raise ValueError(f"k must be between 0 and the number of columns ({p}), got {k}")


def require_point(x: Floats, p: int, k: int) -> None:
    """Raise unless x is a finite vector of p entries with at most k nonzeros."""
    if x.shape != (p,) or not np.isfinite(x).all():
        raise ValueError(f"x must be finite and of shape ({p},), got shape {x.shape}")
    if np.count_nonzero(x) > k:
        raise ValueError(f"x must have at most {k} nonzeros, got {np.count_nonzero(x)}")


def _node(p: int, k: int, fixed_in: Sequence[int], fixed_out: Sequence[int]) -> Node:
    node = np.full(p, FREE, dtype=np.int8)
    for name, columns, state in (("fixed_in", fixed_in, IN), ("fixed_out", fixed_out, OUT)):
        for j in columns:
            require_integer(name, j)
            if not 0 <= j < p:
                raise ValueError(f"{name} must hold columns from 0 to {p - 1}, got {j}")
            if node[j] == -state:
                raise ValueError(f"a column cannot be fixed in and out, but {j} is")
            node[j] = state
    if np.count_nonzero(node == IN) > k:
        raise ValueError(f"at most k = {k} columns can be fixed in, got {np.count_nonzero(node == IN)}")
    return node
