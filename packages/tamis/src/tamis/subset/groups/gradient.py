"""The best k groups of variables by values and gradients alone, for losses without rows of a Hessian.

    forward    add the group whose gradient promises the largest decrease, refit the support
    exchange   the 8 exchanges that promise most are refitted, until none lowers the loss

With the gradient g, a group J promises ``(g_J^T g_J)^2 / (2 g_J^T H g_J)``, the decrease of the
quadratic along its gradient; that takes a product with the Hessian, so the 8 groups of largest
|g_J| are asked.  A group I of the support costs about ``1/2 x_I^T H x_I``.  Refits are by L-BFGS.
"""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np

from tamis.arrays import Array
from tamis.subset.exchange import least_gain
from tamis.subset.groups.layout import groups_of, members_of

TRIES = 8


def search(
    loss: Any, k: int, labels: Array, expired: Callable[[], bool], extra: tuple[Array, ...] = ()
) -> tuple[Array, float]:
    """Return the best x found with at most ``k`` groups, and its loss."""
    members, scale = members_of(labels), loss.value(loss.start())
    starts = [_forward(loss, k, members, expired)]
    for entries in extra:
        chosen = [int(J) for J in groups_of(members, entries)[:k]]
        starts.append((chosen, refit(loss, members, chosen, loss.start())))
    found = [_descend(loss, members, chosen, x, scale, expired) for chosen, x in starts]
    best = min(found, key=loss.value)
    nonzero = [J for J, entries in enumerate(members) if np.any(best.ravel()[entries])]
    sharp = refit(loss, members, nonzero, best, ftol=1e-15)
    return min(((x, loss.value(x)) for x in (best, sharp)), key=lambda pair: pair[1])


def refit(loss: Any, members: list[Array], chosen: list[int], near: Array, ftol: float = 1e-10) -> Array:
    """Return the minimiser on some groups by L-BFGS from ``near``, to a relative decrease of ``ftol``."""
    from scipy.optimize import minimize

    x = np.zeros_like(near)
    if not chosen:
        return x
    entries = np.concatenate([members[J] for J in chosen])

    def objective(kept: Array) -> tuple[float, Array]:
        x.ravel()[entries] = kept
        return loss.value(x), loss.gradient(x).ravel()[entries]

    options = {"maxiter": 2000, "maxfun": 4000, "ftol": ftol, "gtol": 0.0, "maxcor": 20}
    found = minimize(objective, near.ravel()[entries], jac=True, method="L-BFGS-B", options=options)
    x.ravel()[entries] = found.x
    return x


def _forward(loss: Any, k: int, members: list[Array], expired: Callable[[], bool]) -> tuple[list[int], Array]:
    chosen: list[int] = []
    if k >= len(members):
        return list(range(len(members))), refit(loss, members, list(range(len(members))), loss.start())
    x = refit(loss, members, chosen, loss.start())
    while len(chosen) < min(k, len(members)) and not expired():
        gains = _promises(loss, members, chosen, x)
        if not gains:
            break
        chosen = [*chosen, max(gains, key=lambda J: gains[J])]
        x = refit(loss, members, chosen, x)
    return chosen, x


def _descend(
    loss: Any, members: list[Array], chosen: list[int], x: Array, scale: float, expired: Callable[[], bool]
) -> Array:
    value, improved = loss.value(x), True
    while improved and not expired():
        improved = False
        for out, into in _exchanges(loss, members, chosen, x):
            after = [*(J for J in chosen if out != J), into]
            y = refit(loss, members, after, x)
            lower = loss.value(y)
            if lower < value - max(least_gain(scale, value), 1e-8 * abs(value)):
                chosen, x, value, improved = after, y, lower, True
                break
    return x


def _exchanges(loss: Any, members: list[Array], chosen: list[int], x: Array) -> Iterator[tuple[int, int]]:
    """Yield the pairs (out, in) that promise most."""
    gains = _promises(loss, members, chosen, x)
    costs = {J: _curvature(loss, x, _only(x, members[J])) / 2 for J in chosen}
    pairs = sorted(product(chosen, gains), key=lambda pair: costs[pair[0]] - gains[pair[1]])
    yield from pairs[:TRIES]


def _promises(loss: Any, members: list[Array], chosen: list[int], x: Array) -> dict[int, float]:
    """Return what the groups of largest gradient outside the support promise."""
    g = loss.gradient(x)
    squares = {J: float(np.sum(_only(g, members[J]) ** 2)) for J in set(range(len(members))) - set(chosen)}
    largest = sorted(squares, key=lambda J: (-squares[J], J))[:TRIES]
    curvatures = {J: _curvature(loss, x, _only(g, members[J])) for J in largest if squares[J] > 0}
    return {J: squares[J] ** 2 / (2 * h) if h > 0 else np.inf for J, h in curvatures.items()}


def _curvature(loss: Any, x: Array, v: Array) -> float:
    return float(np.sum(v * loss.hessian_product(x, v)))


def _only(x: Array, entries: Array) -> Array:
    """Return x with zeros off ``entries``."""
    part = np.zeros_like(x)
    part.ravel()[entries] = x.ravel()[entries]
    return part
