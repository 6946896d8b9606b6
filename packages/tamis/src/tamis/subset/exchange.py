"""Exchange descent: one variable out, one in, until no exchange lowers the loss.

The table of :func:`tamis.subset.model.exchange_gains` prices all exchanges at once.  On a quadratic
the best of them is made at its price, and the last table, which offers nothing, proves that no
single exchange lowers the loss.  On another loss the best few of the table are refitted; the
proof needs more (:mod:`tamis.subset.proof`).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from tamis.arrays import Array
from tamis.subset.landscape import Landscape, Point
from tamis.subset.model import Fit, Model, exchange_gains, fit, tiles

RELATIVE = 1e-10  # a gain below this share of the loss is rounding
ABSOLUTE = 1e-14  # and below this share of the loss at zero


class Exchange(NamedTuple):
    """``out`` is a place in the support, ``into`` a variable; ``gain`` is what the table says."""

    gain: float
    out: int
    into: int


def least_gain(scale: float, value: float) -> float:
    """Return the gain below which an exchange is rounding."""
    return RELATIVE * abs(value) + ABSOLUTE * abs(scale)


def best_exchanges(found: Fit, count: int, labels: Array | None = None) -> list[Exchange]:
    """Return the ``count`` exchanges that lower the model most, best first.

    Parameters
    ----------
    found : Fit
    count : int
    labels : array of int, shape (p,), optional
        Only variables of equal label may be exchanged (the groups of N:M).
    """
    if not found.support.shape[0]:
        return []
    best: list[Exchange] = []
    for columns in tiles(found):
        allowed = None if labels is None else labels[found.support][:, None] == labels[columns]
        gains = exchange_gains(found, columns, allowed)
        flat = gains.reshape(-1)
        top = (
            [int(np.argmax(flat))]
            if count == 1
            else np.argpartition(-flat, min(count, flat.size) - 1)[:count]
        )
        for place in top:
            out, column = divmod(int(place), gains.shape[1])
            best.append(Exchange(float(flat[place]), out, columns.start + column))
    return sorted(best, reverse=True)[:count]


def swapped(support: Array, move: Exchange) -> Array:
    """Return the support after an exchange."""
    after = support.copy()
    after[move.out] = move.into
    return after


def descend(
    landscape: Landscape,
    point: Point,
    labels: Array | None = None,
    expired: Callable[[], bool] = lambda: False,
) -> Point:
    """Exchange until no exchange that the table proposes lowers the loss."""
    while not expired():
        after = _step(landscape, point, labels)
        if after is None:
            return point
        point = after
    return point


def promising(point: Point, move: Exchange) -> bool:
    """Tell whether the table promises a loss below that of the point, by more than rounding."""
    return point.free - move.gain < point.value - least_gain(point.scale, point.value)


def _step(landscape: Landscape, point: Point, labels: Array | None) -> Point | None:
    """Return the point after the first of the best exchanges that lowers the loss; None if none does."""
    for move in best_exchanges(point.fit, landscape.tries, labels):
        if landscape.ruling and not promising(point, move):
            return None
        support = swapped(point.fit.support, move)
        if landscape.tries > 1 and not _lower(point, landscape.refit(support, point.x)[1]):
            continue
        after = landscape.settle(support, point.x)
        if _lower(point, after.value):
            return after
    return None


def _lower(point: Point, value: float) -> bool:
    return value < point.value - least_gain(point.scale, point.value)


def descend_model(model: Model, support: Array, scale: float) -> Fit:
    """Exchange to the end on a quadratic by itself, as :func:`descend` does."""
    found = fit(model, support)
    while True:
        moves = best_exchanges(found, 1)
        if not moves or not moves[0].gain > least_gain(scale, scale - found.decrease):
            return found
        after = fit(model, swapped(found.support, moves[0]))
        if not after.decrease > found.decrease:  # the gain was rounding after all
            return found
        found = after
