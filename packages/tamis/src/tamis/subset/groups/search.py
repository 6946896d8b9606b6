"""The best k groups of variables: :mod:`tamis.subset.search` with groups in the place of variables.

forward     additions by their exact gain on the quadratic that touches the loss
polish      exchanges of one group for another until none lowers the loss
propose     on the small dense quadratic of the groups that the incumbent leaves most to gain
            from: backward and perturbed starts are exchanged to the end; what beats the
            incumbent is polished on all groups
"""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tamis.arrays import Array
from tamis.subset.effort import Effort
from tamis.subset.exchange import least_gain
from tamis.subset.groups import gradient as group_gradient
from tamis.subset.groups.exchange import Exchange, best_exchanges, descend_model, swapped
from tamis.subset.groups.greedy import backward, grow, perturbed
from tamis.subset.groups.landscape import CurvedGroups, FlatGroups, GroupLandscape, Point
from tamis.subset.groups.layout import groups_of
from tamis.subset.groups.model import Model, add_gains, columns_of, dense
from tamis.subset.groups.proof import find_exchange
from tamis.subset.proof import Work, bounded, endless


def search_groups(
    loss: Any,
    k: int,
    groups: Array,
    effort: Effort,
    rng: np.random.Generator,
    expired: Callable[[], bool] = lambda: False,
    extra: tuple[Array, ...] = (),
) -> tuple[Array, float, float | None]:
    """Minimise the loss over points in which at most ``k`` groups are nonzero.

    Parameters
    ----------
    loss : a loss with numpy arrays
        Quadratic and linear-model losses are searched by their Hessian, others by their gradient.
    k : int
        0 or more.
    groups : array of int, of the shape of x
        The label of each entry.
    effort : Effort
    rng : numpy.random.Generator
        Draws the perturbed starts.
    expired : callable
        Tells whether the search is to end; the best point so far is returned.
    extra : tuple of arrays
        Indices of entries (in x.ravel()) to start from besides: the groups that they are in, k at most.

    Returns
    -------
    x : array
    value : float
    exchange_gain : float or None
        The largest decrease by any exchange of one group for another, negative or rounding, as none
        lowers the loss; of Logistic and Poisson an upper bound of it.  None for other losses, for
        separated classes, and if the time or the budget of ``effort`` ran out before it was known.

    Raises
    ------
    ValueError
        If ``groups`` has another shape than x, or ``k`` is negative.
    """
    labels, zero = np.asarray(groups), loss.start()
    if labels.shape != zero.shape:
        raise ValueError(f"groups must have the shape of x {zero.shape}, got {labels.shape}")
    if k < 0:
        raise ValueError(f"k must be 0 or more, got {k}")
    if not hasattr(loss, "hessian_diagonal"):
        return *group_gradient.search(loss, k, labels, expired, extra), None
    landscape: GroupLandscape = (FlatGroups if loss.quadratic else CurvedGroups)(loss, labels)
    best, gain = descend(landscape, forward(landscape, k, expired), expired)
    for entries in extra:
        start = landscape.settle(groups_of(landscape.layout.members, entries)[:k])
        best, gain = _better((best, gain), descend(landscape, start, expired))
    for chosen in proposals(landscape, best, effort, rng, expired):
        x, value = landscape.refit(chosen, best.x)
        if value < best.value - least_gain(best.scale, best.value):
            found = descend(landscape, landscape.settle(chosen, x), expired)
            best, gain = _better((best, gain), found)
    if not loss.quadratic:
        best, gain = _prove(landscape, best, effort, expired)
    return *landscape.refit(best.residue.chosen, best.x), gain


def forward(landscape: GroupLandscape, k: int, expired: Callable[[], bool]) -> Point:
    """Return the point on ``k`` groups chosen by forward selection; fewer if no more lowers the loss."""
    point = landscape.settle(np.empty(0, dtype=np.intp))
    while (size := point.residue.chosen.size) < k and not expired():
        count = k - size if landscape.stride is None else min(landscape.stride, k - size)
        grown = grow(point.model, point.residue, count, expired=expired)
        if grown.chosen.size == size:
            break
        point = landscape.settle(grown.chosen, point.x)
    return point


def descend(
    landscape: GroupLandscape, point: Point, expired: Callable[[], bool]
) -> tuple[Point, float | None]:
    """Exchange until no exchange that the table proposes lowers the loss.

    The largest gain of the last table comes with the point (0 if there is no exchange); None if time is up.
    """
    while not expired():
        least = least_gain(point.scale, point.value)
        moves = best_exchanges(point.model, point.residue, landscape.tries)
        for move in moves:
            after = _improved(landscape, point, move, least)
            if after is not None:
                break
        else:
            return point, moves[0].gain if moves else 0.0
        point = after
    return point, None


def proposals(
    landscape: GroupLandscape,
    best: Point,
    effort: Effort,
    rng: np.random.Generator,
    expired: Callable[[], bool],
) -> Iterator[Array]:
    """Yield groups that may beat ``best``, each set once, by the quadratic that touches the loss there."""
    groups = promising(best, effort.width)
    columns = columns_of(best.model.starts, groups)
    starts = np.concatenate([[0], np.cumsum(np.diff(best.model.starts)[groups])]).astype(np.intp)
    small = dense(landscape.block(best, columns), best.model.linear[columns], starts)
    here, record = np.searchsorted(groups, np.sort(best.residue.chosen)), best.residue.decrease
    seen = {here.tobytes()}
    for start in _starts(small, lambda: here, effort, rng):  # noqa: B023
        if expired():
            return
        found = descend_model(small, start, best.scale, expired)
        chosen = np.sort(found.chosen)
        if found.decrease > record - landscape.slack * abs(best.value) and chosen.tobytes() not in seen:
            yield groups[chosen]
        seen.add(chosen.tobytes())
        if found.decrease > record:
            record, here = found.decrease, chosen


def promising(point: Point, width: int) -> Array:
    """Return, in order, the support and the groups outside whose addition gains most, ``width`` columns."""
    gains, sizes = add_gains(point.model, point.residue), np.diff(point.model.starts)
    ranked = np.argsort(-gains, kind="stable")[: gains.size - point.residue.chosen.size]
    most = max(int(np.searchsorted(np.cumsum(sizes[ranked]), width, side="right")), 1)
    return np.sort(np.concatenate([point.residue.chosen, ranked[:most]])).astype(np.intp)


def _starts(
    model: Model, incumbent: Callable[[], Array], effort: Effort, rng: np.random.Generator
) -> Iterator[Array]:
    k = incumbent().shape[0]
    if k == 0 or k == model.starts.shape[0] - 1:
        return
    yield backward(model, incumbent(), k)
    for _ in range(effort.perturbations):
        yield perturbed(model, incumbent(), max(min(k, 2), 2 * k // 5), rng)


def _improved(landscape: GroupLandscape, point: Point, move: Exchange, least: float) -> Point | None:
    """Return the point after an exchange; None if it is not better."""
    chosen = swapped(point.residue.chosen, move)
    if landscape.tries > 1:  # the table only proposes: refit before looking round
        _, value = landscape.refit(chosen, point.x)
    else:
        value = point.value - move.gain
    if not value < point.value - least:
        return None
    after = landscape.settle(chosen, point.x)
    return after if after.value < point.value else None


def _prove(
    landscape: GroupLandscape, point: Point, effort: Effort, expired: Callable[[], bool]
) -> tuple[Point, float | None]:
    """Return an exchange-optimal point and a bound of the largest gain; None if there is no proof."""
    work = Work(effort.entries, expired)
    while bounded(landscape.loss) and not endless(landscape.loss, point.x):
        chosen, gain = find_exchange(landscape, point, work)
        if chosen is None:
            return point, gain
        point, _ = descend(landscape, landscape.settle(chosen, point.x), expired)
    return point, None


def _better(one: tuple[Point, float | None], other: tuple[Point, float | None]) -> tuple[Point, float | None]:
    return other if other[0].value < one[0].value else one
