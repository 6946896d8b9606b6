"""The Hessian of a loss at one point, some entries of it at a time."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tamis import design
from tamis.arrays import Array


class Hessian(NamedTuple):
    """The Hessian at a point, in parts."""

    between: Callable[[Array], Array]  # entries (m,) -> the Hessian between them, shape (m, m)
    rows: Callable[[Array], Array]  # entries (m,) -> their rows, shape (m, p)


def hessian_at(loss: Any, x: Array) -> Hessian:
    """Return the Hessian of a linear-model loss or of a Quadratic at x; its weights are formed once."""
    if not hasattr(loss, "A"):
        return Hessian(
            lambda entries: loss.restrict(entries).hessian_rows(x[entries], np.arange(entries.size)),
            lambda entries: loss.hessian_rows(x, entries),
        )
    w = loss.weigh(loss.curvature(loss.b if loss.quadratic else loss.predictor(x)))
    total = float(np.sum(w)) if loss.intercept else 0.0
    root = None if (w == 1).all() else np.sqrt(w)[:, None]

    def half(entries: Array) -> Array:
        kept = _columns(loss.A, entries)
        kept = kept - (w @ kept) / total if total > 0 else kept
        return kept if root is None else root * kept

    def between(entries: Array) -> Array:
        found = half(entries)
        block: Array = found.T @ found
        block[np.diag_indices(entries.size)] += loss.ridge
        return block

    def rows(entries: Array) -> Array:
        kept = half(entries)
        found = design.rows_times(kept if root is None else root * kept, loss.A)
        found[np.arange(entries.size), entries] += loss.ridge
        return found

    return Hessian(between, rows)


def _columns(A: design.Design, entries: Array) -> Array:
    """Return columns of A, dense, uncopied if they lie side by side in a dense A."""
    first = int(entries[0]) if entries.size else 0
    if isinstance(A, np.ndarray) and np.array_equal(entries, np.arange(first, first + entries.size)):
        return A[:, first : first + entries.size]
    return design.columns(A, entries)
