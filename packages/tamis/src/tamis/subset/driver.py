"""Best subset for :func:`tamis.minimize`: which problems it is for, and the search with its proof."""

from typing import Any

import numpy as np

from tamis.arrays import Array
from tamis.bounds.branch_and_bound import branch_and_bound
from tamis.clock import Clock
from tamis.losses.least_squares import LeastSquares
from tamis.record import Record
from tamis.result import Found, Status
from tamis.sets.block_sparse import Blocks
from tamis.sets.group_sparse import GroupSparse
from tamis.sets.sparse import Sparse
from tamis.subset import noiseless, proof
from tamis.subset.effort import EFFORTS
from tamis.subset.exchange import descend
from tamis.subset.groups.search import search_groups
from tamis.subset.landscape import Landscape, Point
from tamis.subset.search import search
from tamis.subset.survey import survey

BOUND_SECONDS = 10.0  # of branch and bound, if there is no time limit


def applies(loss: Any, constraint: Any) -> bool:
    """Tell whether the set asks for k nonzeros of a vector, or k groups or blocks, and nothing else."""
    return isinstance(constraint, GroupSparse | Blocks) or (
        isinstance(constraint, Sparse) and loss.start().ndim == 1
    )


def solve(
    loss: Any,
    constraint: Any,
    x0: Array | None,
    effort: str,
    seed: int,
    record: Record,
) -> Found:
    """Search for the best point of the set, and prove that no exchange lowers the loss."""
    if not isinstance(constraint, Sparse):
        return _solve_groups(loss, constraint, x0, effort, seed, record)
    landscape, rng, clock = survey(loss), np.random.default_rng(seed), record.clock
    k = constraint.count(loss.start().shape[0])
    extra = () if x0 is None else (np.flatnonzero(constraint.project(x0)),)
    for point in search(landscape, k, EFFORTS[effort], rng, clock.expired, extra):
        record(point.x, loss=point.value, nonzeros=point.fit.support.shape[0])
    if noiseless.applies(loss, k) and not proof.exact(point):
        support = noiseless.recover(loss, k, EFFORTS[effort].recovery, clock.expired)
        point = point if support is None else landscape.settle(support)
    point, gain = _prove(landscape, point, EFFORTS[effort].entries, clock)
    x, value = landscape.refit(point.fit.support, point.x)
    known = hasattr(loss, "hessian_diagonal")  # else the diagonal is a guess
    curvature = 2 * float(np.max(point.model.diagonal, initial=0.0)) or 1.0 if known else None
    gradient = -point.fit.pull if landscape.tries == 1 else None  # a quadratic knows it
    found = Found(x, value, _ended(loss, x, clock), gain, curvature, gradient)
    return _bounded(loss, k, found, clock) if effort == "thorough" and _has_bound(loss) else found


def _solve_groups(
    loss: Any,
    constraint: Any,
    x0: Array | None,
    effort: str,
    seed: int,
    record: Record,
) -> Found:
    shape, clock = loss.start().shape, record.clock
    grouped = constraint.for_shape(shape) if isinstance(constraint, Blocks) else constraint
    extra = () if x0 is None else (np.flatnonzero(constraint.project(x0)),)
    rng, k = np.random.default_rng(seed), grouped.count()
    x, value, gain = search_groups(loss, k, grouped.groups, EFFORTS[effort], rng, clock.expired, extra)
    record(x, loss=value, nonzeros=int(np.count_nonzero(x)))
    curvature = None
    if hasattr(loss, "hessian_diagonal"):
        sums = np.bincount(grouped.groups.ravel(), weights=loss.hessian_diagonal(x).ravel())
        curvature = 2 * float(np.max(sums, initial=0.0)) or 1.0
    return Found(x, value, _ended(loss, x, clock), None if clock.expired() else gain, curvature)


def _ended(loss: Any, x: Array, clock: Clock) -> Status:
    if proof.endless(loss, x):
        return Status.NO_MINIMUM
    return Status.TIME_LIMIT if clock.expired() else Status.STATIONARY


def _prove(landscape: Landscape, point: Point, entries: float, clock: Clock) -> tuple[Point, float | None]:
    """Return an exchange-optimal point and its proof: the largest gain of any exchange."""
    if landscape.ruling:
        return point, None if clock.expired() else proof.largest_gain(landscape, point)
    if not proof.bounded(landscape.loss) or clock.expired() or proof.endless(landscape.loss, point.x):
        return point, None
    work = proof.Work(entries, clock.expired)
    while True:
        support, gain = proof.find_exchange(landscape, point, work)
        if support is None:
            return point, gain
        point = descend(landscape, landscape.settle(support, point.x), expired=clock.expired)


def _has_bound(loss: Any) -> bool:
    """Tell whether a lower bound can say more than the least loss without a limit on k."""
    dense = isinstance(loss, LeastSquares) and isinstance(loss.A, np.ndarray)
    return dense and bool(loss.ridge > 0 or loss.A.shape[0] >= loss.A.shape[1])


def _bounded(loss: LeastSquares, k: int, found: Found, clock: Clock) -> Found:
    """Return the point with a lower bound, or a better one that branch and bound came upon."""
    seconds = min(clock.left(), BOUND_SECONDS)
    if seconds <= 0:
        return found
    tree = branch_and_bound(loss, k, np.asarray(found.x, dtype=np.float64), time_limit=seconds)
    value = loss.value(tree.x)
    if value < found.value * (1 - 1e-12):
        return found._replace(
            x=tree.x, value=value, bound=tree.bound, optimal=tree.proved, exchange=None, gradient=None
        )
    return found._replace(bound=min(tree.bound, found.value), optimal=tree.proved)
