"""The best subset of k variables: diverse starts, each exchanged to the end.

    forward     additions to the quadratic that touches the loss, a block at a time among the most
                promising columns; the loss is refitted after each block
    polish      exchanges among the promising columns, then among all, until none lowers the loss
    propose     a small dense quadratic on the columns that the incumbent leaves most to gain from:
                backward, ADMM and perturbed starts are exchanged to the end there, at little cost;
                what beats the incumbent is polished on all columns
    restart     forward and polish once more from a part of the support, where the loss is not quadratic

How much of each is done says :mod:`tamis.subset.effort`.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np

from tamis.arrays import Array
from tamis.subset import starts
from tamis.subset.effort import Effort
from tamis.subset.exchange import descend, descend_model, least_gain
from tamis.subset.greedy import grow
from tamis.subset.landscape import Landscape, Point
from tamis.subset.model import Model, add_gains, dense


class World(NamedTuple):
    """A small part of a problem, cheap to search."""

    columns: Array  # indices
    model: Model  # the quadratic on them


NOTHING = np.empty(0, dtype=np.intp)
BLOCK = 8  # variables that forward selection adds between two looks at all columns


def search(
    landscape: Landscape,
    k: int,
    effort: Effort,
    rng: np.random.Generator,
    expired: Callable[[], bool] = lambda: False,
    extra: tuple[Array, ...] = (),
) -> Iterator[Point]:
    """Yield better and better points with at most ``k`` variables.

    ``extra`` are supports to start from besides (those of a point that the caller knows).
    """
    if landscape.widest < effort.width:  # a world that small holds little to find
        effort = replace(effort, penalties=(), perturbations=min(3, effort.perturbations))
    best = forward(landscape, k, effort.width, expired)
    yield best
    if expired():
        return
    world = look_near(landscape, best, effort.width)
    best = polish(landscape, best, world, expired)
    yield best
    for support in extra:
        point = forward(landscape, k, effort.width, expired, support)
        point = polish(landscape, point, look_near(landscape, point, effort.width), expired)
        if point.value < best.value:
            best = point
            yield best
    if landscape.tries > 1 or not np.isin(best.fit.support, world.columns).all():
        world = look_near(landscape, best, effort.width)
    for support in proposals(landscape, best, world, effort, rng, expired):
        x, value = landscape.refit(support, best.x)
        if value < best.value - least_gain(best.scale, best.value):
            best = descend(landscape, landscape.settle(support, x), expired=expired)
            yield best
    if landscape.slack and landscape.widest >= effort.width:  # its model says little about far supports
        yield from _restarted(landscape, best, k, effort, rng, expired)


def _restarted(
    landscape: Landscape,
    best: Point,
    k: int,
    effort: Effort,
    rng: np.random.Generator,
    expired: Callable[[], bool],
) -> Iterator[Point]:
    """Yield better points from forward selection on the loss itself, from two fifths of the best support."""
    for _ in range(effort.restarts):
        if expired():
            return
        kept = rng.permutation(best.fit.support)[: 2 * k // 5]
        point = forward(landscape, k, effort.width, expired, kept)
        if expired():
            return
        point = polish(landscape, point, look_near(landscape, point, effort.width), expired)
        if point.value < best.value - least_gain(best.scale, best.value):
            best = point
            yield best


def forward(
    landscape: Landscape,
    k: int,
    width: int,
    expired: Callable[[], bool] = lambda: False,
    inside: Array = NOTHING,
) -> Point:
    """Return the point of ``k`` variables that forward selection adds to ``inside``, or of all that help."""
    point = landscape.settle(inside)
    while point.fit.support.shape[0] < k and not expired():
        support = point.fit.support
        columns = promising(point, min(width, landscape.widest))
        H, c = landscape.block(point, columns), point.model.linear[columns]
        count = min(BLOCK, max(1, landscape.widest // 2), k - support.shape[0])
        grown = grow(H, c, np.arange(support.shape[0]), count)
        if grown.shape == support.shape:
            break
        point = landscape.settle(columns[grown], point.x)
    return point


def polish(landscape: Landscape, point: Point, world: World, expired: Callable[[], bool]) -> Point:
    """Exchange to the end: first among the promising columns, at little cost, then among all."""
    found = descend_model(world.model, np.arange(point.fit.support.shape[0]), point.scale)
    support = world.columns[found.support]
    x, value = landscape.refit(support, point.x)
    if value < point.value - least_gain(point.scale, point.value):
        point = landscape.settle(support, x)
    return descend(landscape, point, expired=expired)


def proposals(
    landscape: Landscape,
    best: Point,
    world: World,
    effort: Effort,
    rng: np.random.Generator,
    expired: Callable[[], bool],
) -> Iterator[Array]:
    """Yield supports that may beat ``best``, each once, by the dense quadratic of ``world``."""
    here, record = np.flatnonzero(np.isin(world.columns, best.fit.support)), best.fit.decrease
    seen = {here.tobytes()}
    for make in _starts(world.model, here.shape[0], effort, rng):
        if expired():
            return
        found = descend_model(world.model, make(here), best.scale)
        support = np.sort(found.support)
        if found.decrease > record - landscape.slack * abs(best.value) and support.tobytes() not in seen:
            yield world.columns[support]
        seen.add(support.tobytes())
        if found.decrease > record:
            record, here = found.decrease, support


def look_near(landscape: Landscape, point: Point, width: int) -> World:
    """Return the dense quadratic on the support and the most promising columns outside it."""
    columns = promising(point, min(width, max(point.fit.support.shape[0] // 2, landscape.widest)))
    return World(columns, dense(landscape.block(point, columns), point.model.linear[columns]))


def _starts(
    small: Model, k: int, effort: Effort, rng: np.random.Generator
) -> Iterator[Callable[[Array], Array]]:
    """Yield functions that make a start from the best support so far."""
    H, c = small.rows(np.arange(small.linear.shape[0])), small.linear
    if k == 0 or k == c.shape[0]:
        return
    yield lambda here: starts.backward(H, c, here, k)
    for penalty in effort.penalties:
        few = min(c.shape[0], k + effort.narrow)
        yield partial(
            lambda m, rule, _: starts.best_by_admm(H[:m, :m], c[:m], k, rule, effort.steps), few, penalty
        )
    for _ in range(effort.perturbations):
        yield lambda here: starts.perturbed(H, c, here, max(min(k, 2), 2 * k // 5), rng)


def promising(point: Point, width: int) -> Array:
    """Return the support, then the ``width`` columns outside it whose addition gains most, best first."""
    support, gains = point.fit.support, add_gains(point.fit)
    gains[support] = -1.0
    width = min(width, gains.shape[0] - support.shape[0])
    if width == 0:
        return support
    most = np.argpartition(-gains, width - 1)[:width]
    return np.concatenate([support, most[np.argsort(-gains[most], kind="stable")]])
