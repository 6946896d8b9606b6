"""Is there a single exchange that lowers the loss?  The question the search ends on, answered.

On a quadratic the table of gains is exact, so its largest entry is the answer.  On a logistic or
Poisson loss each variable i of the support is dropped in turn and the rest refitted; then
:mod:`tamis.subset.ceiling` bounds from above what any j can gain there.  Where the bound
does not rule an exchange out it is made and refitted, so the answer is exact up to the refits.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from tamis.arrays import Array
from tamis.losses.logistic import Logistic
from tamis.losses.poisson import Poisson
from tamis.subset.ceiling import ceilings, terrain
from tamis.subset.exchange import best_exchanges, least_gain, promising
from tamis.subset.joint_refit import judge
from tamis.subset.landscape import Landscape, Point
from tamis.subset.model import drop_losses

ROUNDING = 1e-18
VANISHED = 1e-9  # of a column's curvature at zero: what is left of it is rounding


def largest_gain(landscape: Landscape, point: Point, labels: Array | None = None) -> float | None:
    """Return the largest decrease by any single exchange from a point where a descent ended.

    Of a loss with values in a set only an upper bound, 0, as what the table did not rule out was
    refitted; None if the table cannot tell.
    """
    if not landscape.ruling or point.fit.doubtful:
        return None
    moves = best_exchanges(point.fit, landscape.tries, labels)
    if landscape.tries == 1:
        return moves[0].gain if moves else 0.0
    pairs = point.fit.support.shape[0] * point.x.shape[0]
    return None if len(moves) < pairs and promising(point, moves[-1]) else 0.0


class Work:
    """How much a proof may cost: entries of predictors evaluated, and the caller's time."""

    def __init__(self, entries: float, expired: Callable[[], bool]) -> None:
        self.left, self.expired = entries, expired

    def spend(self, entries: int) -> bool:
        """Note a cost; return whether the work may go on."""
        self.left -= entries
        return not self.over()

    def over(self) -> bool:
        """Tell whether the work has to end."""
        return self.left < 0 or self.expired()


def exact(point: Point) -> bool:
    """Tell whether the loss is zero up to rounding, so that there is nothing left to search for."""
    return point.value <= ROUNDING * abs(point.scale)


def bounded(loss: Any) -> bool:
    """Tell whether the loss has the third derivative that the bound of an exchange needs."""
    return isinstance(loss, Logistic | Poisson)


def endless(loss: Any, x: Array) -> bool:
    """Tell whether the loss falls for ever along x: separable classes, or a column that runs away.

    Without a ridge the coefficient of a column that tells some rows without error grows until the
    curvature along it is rounding, where the refit stops.
    """
    support = np.flatnonzero(x)
    if not bounded(loss) or loss.ridge > 0 or not support.size:
        return False
    if hasattr(loss, "separated") and bool(loss.separated(x)):
        return True
    part = loss.restrict(support)
    at, start = part.hessian_diagonal(x[support]), part.hessian_diagonal(np.zeros(support.size))
    return bool(np.any(at < VANISHED * start))


def find_exchange(landscape: Landscape, point: Point, work: "Work") -> tuple[Array | None, float | None]:
    """Look for an exchange that lowers a self-concordant loss.

    Returns
    -------
    support : array or None
        The support after an exchange that lowers the loss, as soon as one is found.
    gain : float or None
        An upper bound, negative, of the decrease by any single exchange, if there is none that
        lowers it; None if one was found or time ran out.
    """
    support, most = point.fit.support, -np.inf
    target = point.value - least_gain(point.scale, point.value)
    land = terrain(landscape.loss, point.x, point.fit)
    for place in np.argsort(drop_losses(point.fit)):
        less = landscape.settle(np.delete(support, place), point.x)
        if less.fit.doubtful:
            return None, None
        kept, x = less.fit.support, less.x
        lower = less.value - ceilings(landscape.loss, land, x, less.fit, int(place))
        lower[support] = less.value
        most = max(most, point.value - float(np.min(lower, initial=np.inf, where=lower >= target)))
        for verdict in judge(landscape.loss, kept, x, np.flatnonzero(lower < target), target, work.spend):
            after = np.append(kept, verdict.column)
            reached = verdict.value
            if verdict.lower < target <= reached:  # undecided: refit it to the end
                reached = landscape.refit(after, x)[1]
            if reached < target:
                return after, None
            most = max(most, point.value - min(max(verdict.lower, target), reached))
        if work.over():
            return None, None
    return None, min(most, 0.0) if support.size else 0.0
