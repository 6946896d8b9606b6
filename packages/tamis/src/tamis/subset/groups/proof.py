"""Whether an exchange of one group for another lowers a logistic or Poisson loss.

The counterpart of :func:`tamis.subset.proof.find_exchange`.  Each chosen group is dropped in turn and
the rest refitted; :mod:`tamis.subset.groups.ceiling` bounds from below what the loss can reach there
with any other group.  A group that the bounds do not rule out, or whose columns depend on those
kept, is refitted, so the answer is exact up to the refits.
"""

import numpy as np

from tamis.arrays import Array
from tamis.subset.exchange import least_gain
from tamis.subset.groups.ceiling import bounds
from tamis.subset.groups.landscape import GroupLandscape, Point
from tamis.subset.proof import Work


def find_exchange(landscape: GroupLandscape, point: Point, work: Work) -> tuple[Array | None, float | None]:
    """Look for an exchange of groups that lowers a self-concordant loss.

    Parameters
    ----------
    landscape : GroupLandscape
        Of a Logistic or Poisson loss.
    point : Point
    work : Work
        The budget; a refit costs its rows times its columns.

    Returns
    -------
    chosen : array or None
        The groups after an exchange that lowers the loss, as soon as one is found.
    gain : float or None
        An upper bound, negative, of the decrease by any exchange, if there is none that lowers the
        loss; None if one was found or the budget or the time ran out.
    """
    chosen, most = point.residue.chosen, -np.inf
    target = point.value - least_gain(point.scale, point.value)
    for place in range(chosen.size):
        if work.over():
            return None, None
        less = landscape.settle(np.delete(chosen, place), point.x)
        lower, reached = bounds(landscape.loss, landscape.layout, less, target, work.spend)
        lower[chosen[place]] = less.value  # to put it back is no exchange
        for into in _open(lower, reached, target):
            if not work.spend(_size(landscape, less, into)):
                return None, None
            after = np.append(less.residue.chosen, into)
            lower[into] = landscape.refit(after, less.x)[1]
            if lower[into] < target:
                return after, None
        most = max(most, point.value - float(np.min(lower)))
    return (None, None) if work.over() else (None, min(most, 0.0) if chosen.size else 0.0)


def _open(lower: Array, reached: Array, target: float) -> Array:
    """Return the groups that are not ruled out, those that reached the least first."""
    left = np.flatnonzero(lower < target)
    return left[np.argsort(reached[left], kind="stable")]


def _size(landscape: GroupLandscape, less: Point, into: int) -> int:
    """Return the rows times the columns of a refit."""
    starts = less.model.starts
    return int(landscape.loss.A.shape[0] * (less.residue.kept.size + starts[into + 1] - starts[into]))
