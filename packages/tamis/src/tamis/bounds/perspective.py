"""The perspective relaxation of best-subset ridge regression, solved to its corner pieces.

    minimise  1/2 x'Qx - c'x + bb/2 + (ridge/2) sum_j x_j^2 / z_j
    subject to  0 <= z <= 1,  z_j = 1 (j fixed in),  x_j = 0 (j fixed out),  sum of free z_j <= r

Over z = 0 or 1 this is the best subset problem (``x^2 / 0`` is infinite unless x = 0), so its
minimum is a lower bound.  In x alone the last term is ridge/2 times the squared k-support norm
(Argyriou, Foygel, Srebro 2012): z is ``min(1, |x_j| / t)`` with t set by the budget r.

Where the entries at z = 1 (set I) and those between (set M, signs s) are known, the problem is

    1/2 x'Qx - c'x + (ridge/2) (|x_I|^2 + (s'x_M)^2 / (r - |free I|)),

one small linear system.  Each iteration takes a proximal gradient step, reads I, M and s off it,
solves that system, and goes towards its solution as far as the objective falls.  So the
objective falls at least as with proximal gradient steps, and a few iterations end it exactly.

The dual: with ``alpha = b - A x`` for any x, and slopes ``g = A' alpha = c - Q x``, no point that
the node allows is below

    bb/2 - 1/2 x'Qx - (sum of the fixed-in g_j^2 + the r largest free g_j^2) / (2 ridge)

(Pilanci, Wainwright, El Ghaoui 2015; Bertsimas & Van Parys 2020).
"""

import math
import time
from typing import NamedTuple

import numpy as np

from tamis.bounds.budget import FREE, IN, OUT, Node, largest, spread
from tamis.bounds.ridge_problem import Floats, RidgeProblem

LARGEST_SYSTEM = 600  # unknowns; where more are held, plain steps are cheaper than the system
DROPS = 5  # rounds
PULL = 1e-4  # of the ridge: keeps a system of dependent columns near the point it starts from
CLEAR = 0.05  # of the distance to the target: a gap below this cannot change whether it is reached


class Point(NamedTuple):
    """A point x of a node: Q x, the z that suits it, both sides of its objective.

    ``rate`` is by how much the dual falls when the sum of squared slopes in it grows by 1.
    """

    x: Floats
    product: Floats
    z: Floats
    primal: float
    dual: float
    rate: float


def relax(
    problem: RidgeProblem,
    node: Node,
    k: int,
    x: Floats,
    *,
    target: float = math.inf,
    tol: float = 1e-9,
    max_iter: int = 200,
    deadline: float = math.inf,
) -> Point:
    """Return a point of the node near the relaxation's minimum, started at x, and its rigorous dual.

    Ends when the dual is ``target`` or more or clearly never will be, when primal and dual
    differ by at most ``tol * bb``, after ``max_iter`` iterations, or at the ``deadline`` of
    ``time.perf_counter``.  Of the points seen it is the one of largest dual.
    """
    r = k - int(np.count_nonzero(node == IN))
    point = previous = best = measure(problem, node, r, np.where(node == OUT, 0.0, x))
    for _ in range(max_iter):
        gap = point.primal - best.dual
        if best.dual >= target or gap <= tol * problem.bb or time.perf_counter() > deadline:
            break
        if target < math.inf and gap <= CLEAR * (target - point.primal):
            break
        point, previous = _improve(problem, node, r, point, previous), point
        best = max(best, point, key=lambda p: p.dual)
    return best


def measure(problem: RidgeProblem, node: Node, r: int, x: Floats, product: Floats | None = None) -> Point:
    """Return the point x with both sides of its objective."""
    product = problem.product(x) if product is None else product
    z = spread(np.abs(x), node, r, 0.0)
    held = z > 0
    penalty = float(np.sum(x[held] ** 2 / z[held]))
    primal = problem.bb / 2 - float(problem.c @ x) + float(x @ product) / 2 + problem.ridge / 2 * penalty
    if np.any(x[~held]):
        primal = math.inf
    return Point(x, product, z, primal, *dual_value(problem, node, r, x, product))


def dual_value(problem: RidgeProblem, node: Node, r: int, x: Floats, product: Floats) -> tuple[float, float]:
    """Return the dual at x, less what rounding may have added to it, and its rate (see :class:`Point`).

    With ``m = bb/2 - x'Qx/2`` and S the sum of squares it is ``m - S / (2 ridge)``.  As also
    ``1/2 |A x - b|^2 >= 0``, ``t m - t^2 S / (2 own)`` is a lower bound for 0 <= t <= 1, own being the
    ridge that was not split off Q: it helps while x is poor.  Products are off by at most
    ``rounding`` times the squared lengths.
    """
    reach = float(problem.lengths @ np.abs(x))
    squares = square_slopes(problem, x, product)
    total = float(squares[node == IN].sum()) + largest(squares[node == FREE], r)
    middle = (problem.bb - float(x @ product)) / 2 - problem.rounding * (problem.length**2 + reach**2)
    more = 1 + problem.rounding
    pairs = [(1.0, more / (2 * problem.ridge))]
    if 0 < middle * problem.own < total:
        share = middle * problem.own / total
        pairs.append((share, share**2 * more / (2 * problem.own)))
    return max((share * middle - rate * total, rate) for share, rate in pairs)


def square_slopes(problem: RidgeProblem, x: Floats, product: Floats) -> Floats:
    """Return ``(|g_j| + e_j)^2``, with ``e_j = rounding |a_j| (|b| + sum_i |a_i x_i|)`` for rounding."""
    reach = problem.length + float(problem.lengths @ np.abs(x))
    slopes: Floats = np.abs(problem.c - product) + problem.rounding * problem.lengths * reach
    return slopes**2


def _improve(problem: RidgeProblem, node: Node, r: int, point: Point, previous: Point) -> Point:
    """Return the point after one accelerated proximal gradient step and one to the solution of its pieces."""
    near = _accelerated(problem, node, r, point, previous)
    z, sign = _proximal(problem, node, r, point, 1 / math.sqrt(problem.ridge * problem.curvature))[1:]
    far = _solve_pieces(problem, node, r, z, sign, point.x)
    if far is None:
        return near
    product = problem.product(far)
    for share in (1.0, 0.5, 0.1):
        trial = measure(problem, node, r, *_between(near, far, product, share))
        if trial.primal <= near.primal:
            return trial
    return near


def _accelerated(problem: RidgeProblem, node: Node, r: int, point: Point, previous: Point) -> Point:
    """Return Nesterov's step for a strongly convex objective, or the plain one where it does not descend."""
    step = 1 / problem.curvature
    root = math.sqrt(problem.ridge / (problem.ridge + problem.curvature))
    x, product = _between(previous, point.x, point.product, 2 / (1 + root))
    ahead = point._replace(x=x, product=product)
    near = measure(problem, node, r, _proximal(problem, node, r, ahead, step)[0])
    if near.primal <= point.primal:
        return near
    return measure(problem, node, r, _proximal(problem, node, r, point, step)[0])


def _proximal(
    problem: RidgeProblem, node: Node, r: int, point: Point, step: float
) -> tuple[Floats, Floats, Floats]:
    """Return the proximal gradient step from a point, its z and its signs."""
    v = np.where(node == OUT, 0.0, point.x + step * (problem.c - point.product))
    z = spread(np.abs(v), node, r, step * problem.ridge)
    return v * z / (z + step * problem.ridge), z, np.sign(v)


def _between(near: Point, far: Floats, product: Floats, share: float) -> tuple[Floats, Floats]:
    return near.x + share * (far - near.x), near.product + share * (product - near.product)


def _solve_pieces(
    problem: RidgeProblem, node: Node, r: int, z: Floats, sign: Floats, x: Floats
) -> Floats | None:
    """Return the minimiser on the pieces of z, or None where their system is too large or singular.

    Entries between 0 and 1 that come out with the other sign are dropped, and the rest solved again.
    """
    held = np.flatnonzero(z)
    if held.size > LARGEST_SYSTEM:
        return None
    whole = z[held] == 1
    left = r - int(np.count_nonzero(whole & (node[held] == FREE)))
    signs = np.where(whole, 0.0, sign[held])
    system = problem.block(held) + np.diag(problem.ridge * (whole + PULL))
    right = problem.c[held] + problem.ridge * PULL * x[held]
    if left > 0:
        system += problem.ridge / left * np.outer(signs, signs)
    values = _solve(system, right)
    for _ in range(DROPS):
        if values is None or not (values * signs < 0).any():
            break
        kept = np.flatnonzero(values * signs >= 0)
        held, signs, right, system = held[kept], signs[kept], right[kept], system[np.ix_(kept, kept)]
        values = _solve(system, right)
    solution = np.zeros_like(z)
    if values is not None:
        solution[held] = values
    return None if values is None else solution


def _solve(system: Floats, right: Floats) -> Floats | None:
    try:
        values = np.asarray(np.linalg.solve(system, right), dtype=np.float64)
    except np.linalg.LinAlgError:
        return None
    return values if np.isfinite(values).all() else None
