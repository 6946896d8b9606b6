"""Make a point of the set as good as its neighbourhood allows: refit its support, exchange, descend.

settle   x  <-  argmin { loss(x) : x in S, x vanishes where z does }    where S selects a support
polish   exchanges of one entry for another, by the table of :mod:`tamis.subset.model`;
where S selects none: projected gradient from the best point
"""

from typing import Any, NamedTuple

import numpy as np

from tamis.arrays import Array
from tamis.clock import Clock
from tamis.refit import refit
from tamis.steps import projected_gradient
from tamis.subset.exchange import descend
from tamis.subset.landscape import Bounded, Landscape
from tamis.subset.proof import largest_gain
from tamis.subset.survey import survey


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
    if best.support is None:
        return best if getattr(constraint, "convex", False) else _descend(loss, constraint, best, tol, clock)
    bounded = constraint.within(best.support) is not None
    if not hasattr(constraint, "labels") or best.x.ndim != 1 or (bounded and not loss.quadratic):
        return best
    landscape: Landscape = survey(loss)
    labels = constraint.labels(best.x.shape)
    if bounded:
        landscape = Bounded(loss, lambda mask, near: refit(loss, constraint, mask, near))
    start = landscape.settle(np.flatnonzero(best.support), best.x)
    point = descend(landscape, start, labels, clock.expired)
    x, value = landscape.refit(point.fit.support, point.x)
    if value > best.value:
        x, value = best.x, best.value
    gain = None if clock.expired() else largest_gain(landscape, point, labels)
    return Feasible(x, value, x != 0, gain)


def _descend(loss: Any, constraint: Any, best: Feasible, tol: float, clock: Clock) -> Feasible:
    """Run projected gradient on the set from ``best``."""

    def objective(x: Array) -> tuple[float, Array]:
        return loss.value(x), loss.gradient(x)

    scale = tol / 10 * max(float(np.abs(loss.gradient(loss.start())).max()), 1e-300)
    found = projected_gradient.solve(objective, best.x, constraint.project, tol=scale, max_iter=500)
    return Feasible(found.x, found.value) if found.value < best.value else best
