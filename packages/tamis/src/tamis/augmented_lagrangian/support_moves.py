r"""Exchanges in a support: what a local method leaves open when a set selects a support.

    for i in, j not in the support:   refit on  support - {i} + {j};   keep it if the loss falls

The support is that of w if T selects one (at most k nonzeros) and that of c_i(w) if D_i does
(at most k jumps).  With the support fixed the set becomes "zero elsewhere, and the values in
``set.within(support)``", which is convex for the sets of ``tamis.sets``; if f and the other
constraints are convex as well, each refit is then a convex problem.  Exchanges are tried in
order of what the multipliers promise (gain ``g_j^2/(2L)``, loss ``L v_i^2/2``), the first
that helps is kept, and it ends when none does: then no single exchange improves.
"""

import math
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

import numpy as np

from tamis.admm import Set
from tamis.arrays import Array

FitT = TypeVar("FitT")


class OnSupport(NamedTuple):
    """Arrays that vanish off ``support``, with the kept entries in ``values`` (any if None)."""

    support: Array
    values: Set | None

    def project(self, y: Array, metric: Array | None = None) -> Array:
        """Return the nearest such array."""
        z = np.zeros_like(y)
        kept = y[self.support]
        z[self.support] = kept if self.values is None or not kept.size else self.values.project(kept)
        return z


def selects(chosen: Any) -> bool:
    """Return whether a set selects a support in which single entries can be exchanged."""
    return all(hasattr(chosen, name) for name in ("support", "within", "labels"))


def exchanges(chooser: Any, support: Array, gain: Array, cost: Array) -> Iterator[Array]:
    """Yield the supports of ``chooser`` with one entry out and one in, the most promising first.

    ``gain`` (off the support) and ``cost`` (on it) are in the units of f; entries of different
    labels may not be exchanged.
    """
    flat = support.reshape(-1)
    inside, outside = np.flatnonzero(flat), np.flatnonzero(~flat)
    promise = gain.reshape(-1)[outside][None, :] - cost.reshape(-1)[inside][:, None]
    labels = chooser.labels(support.shape)
    if labels is not None:
        labels = np.asarray(labels).reshape(-1)
        promise[labels[inside][:, None] != labels[outside][None, :]] = -np.inf
    for pair in np.argsort(-promise, axis=None, kind="stable"):
        out, into = divmod(int(pair), outside.size)
        if promise[out, into] == -np.inf:
            return
        new = flat.copy()
        new[inside[out]], new[outside[into]] = False, True
        yield new.reshape(support.shape)


def improve(
    fit: FitT,
    neighbours: Callable[[FitT], Iterator[Array]],
    refit: Callable[[FitT, Array], FitT],
    better: Callable[[FitT, FitT], bool],
    *,
    tries: float = math.inf,
    deadline: float = math.inf,
) -> tuple[FitT, bool]:
    """Exchange while it helps; return the last fit and whether all its exchanges were tried in vain."""
    while True:
        for tried, support in enumerate(neighbours(fit)):
            if tried >= tries or time.monotonic() > deadline:
                return fit, False
            trial = refit(fit, support)
            if better(trial, fit):
                fit = trial
                break
        else:
            return fit, True
