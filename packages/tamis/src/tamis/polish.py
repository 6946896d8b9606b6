"""Make a point of the set as good as its neighbourhood allows: refit its support, exchange, descend.

    settle   x  <-  argmin { loss(x) : x in S, x vanishes where z does }    where S selects a support
    polish   exchanges of one entry for another, by the table of :mod:`tamis.subset.model`;
             where S selects none: projected gradient from the best point

Neither returns a point that is worse than the one it was given.
"""

import time
from typing import Any, NamedTuple

import numpy as np

from tamis.arrays import Array
from tamis.clock import Clock
from tamis.metric import hessian_metric
from tamis.refit import refit
from tamis.sets.everything import Everything
from tamis.sets.sparse import Sparse
from tamis.steps import projected_gradient
from tamis.subset.effort import EFFORTS
from tamis.subset.exchange import descend
from tamis.subset.landscape import Bounded, Landscape
from tamis.subset.proof import largest_gain
from tamis.subset.search import search
from tamis.subset.survey import survey

STEPS = 2000  # of projected gradient


class Feasible(NamedTuple):
    """A point of the set."""

    x: Array
    value: float
    support: Array | None = None  # the mask that was refitted
    exchange: float | None = None  # the largest decrease by any exchange, if that is known


def settle(loss: Any, constraint: Any, z: Array, last: Feasible | None = None) -> Feasible:
    """Return the best point of the set on the support of ``z``, or ``z`` if the set selects none.

    ``last`` is returned if it is on the same support.
    """
    if not hasattr(constraint, "within"):
        return Feasible(z, loss.value(z))
    support = z != 0
    if last is not None and last.support is not None and np.array_equal(support, last.support):
        return last
    x = refit(loss, constraint, support, z)
    value = loss.value(x)
    return Feasible(x, value, support) if value <= loss.value(z) else Feasible(z, loss.value(z), support)


def polish(loss: Any, constraint: Any, best: Feasible, tol: float, clock: Clock) -> Feasible:
    """Return a point of the set that is no worse than ``best``."""
    if clock.expired():
        return best
    if best.support is None:
        return _descend(loss, constraint, best, tol, clock)
    bounded = constraint.within(best.support) is not None
    if bounded:
        best = _from_subset(loss, constraint, best, clock)
    if not hasattr(constraint, "labels") or best.x.ndim != 1 or (bounded and not loss.quadratic):
        return best
    landscape: Landscape = survey(loss)
    labels = constraint.labels(best.x.shape)
    if bounded:
        landscape = Bounded(loss, lambda mask, near: refit(loss, constraint, mask, near))
    start = landscape.settle(np.flatnonzero(np.asarray(best.support)), best.x)
    point = descend(landscape, start, labels, clock.expired)
    x, value = landscape.refit(point.fit.support, point.x)
    if value > best.value:
        x, value = best.x, best.value
    gain = None if clock.expired() else largest_gain(landscape, point, labels)
    return Feasible(x, value, x != 0, gain)


def _from_subset(loss: Any, constraint: Any, best: Feasible, clock: Clock) -> Feasible:
    """Return the better of ``best`` and the refit on the support that is best with free values."""
    if best.x.ndim != 1 or not (hasattr(constraint, "k") and hasattr(loss, "hessian_diagonal")):
        return best
    k, rng = Sparse(constraint.k).count(best.x.shape[0]), np.random.default_rng(0)
    *_, point = search(survey(loss), k, EFFORTS["fast"], rng, clock.expired)
    support = point.x != 0
    x = refit(loss, constraint, support, constraint.project(point.x))
    value = loss.value(x)
    return Feasible(x, value, support) if constraint.contains(x) and value < best.value else best


def _descend(loss: Any, constraint: Any, best: Feasible, tol: float, clock: Clock) -> Feasible:
    """Run projected gradient on the set from ``best``, in units of the loss's own curvature if it can be.

    With ``x = v / sqrt(M)`` the projection of v is that of x in the metric M.
    """
    if isinstance(constraint, Everything) and hasattr(loss, "refit"):
        x = loss.refit(np.ones(best.x.shape, dtype=bool), best.x)
        return Feasible(x, loss.value(x)) if loss.value(x) <= best.value else best
    metric = hessian_metric(loss, constraint, best.x)
    if metric is None and getattr(constraint, "convex", False):
        return best
    root = np.ones_like(best.x) if metric is None else np.sqrt(metric)

    def objective(v: Array) -> tuple[float, Array]:
        return loss.value(v / root), loss.gradient(v / root) / root

    def project(v: Array) -> Array:
        return root * constraint.project(v / root, *(() if metric is None else (metric,)))

    v = root * best.x
    size = np.abs(loss.gradient(loss.start())) if metric is None else np.abs(v)
    goal = tol / 10 * max(float(size.max(initial=0.0)), 1e-300)
    deadline = time.monotonic() + min(clock.left(), 1e9)
    found = projected_gradient.solve(objective, v, project, tol=goal, max_iter=STEPS, deadline=deadline)
    x = found.x / root
    return Feasible(x, found.value) if found.value < best.value else best
