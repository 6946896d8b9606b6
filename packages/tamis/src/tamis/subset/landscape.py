"""A loss as the search sees it: the best point on a support, and the quadratic that touches it there.

    q(y) = f(x) + g^T (y - x) + 1/2 (y - x)^T H (y - x)

``Flat`` is for quadratic losses, which are that quadratic wherever they are seen from: the rows of H
are kept, a support is settled without touching the data, and an exchange gains what the table says.
``Curved`` is for the rest: a support is settled by refitting the loss, and the table only proposes.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np

from tamis.arrays import Array
from tamis.subset.model import Fit, Model, fit

ALL = 1 << 62
MEMORY = 1 << 28  # bytes of Hessian rows that are kept


class Point(NamedTuple):
    """The best point on a support, with its surroundings."""

    x: Array  # shape (p,), zero off the support
    value: float
    scale: float  # the loss at zero: what tells a gain from rounding
    free: float  # the value of the model at its fit; below ``value`` if the values are bounded
    model: Model  # the quadratic that touches the loss at x
    fit: Fit  # its minimiser on the support, which is x, and what the neighbours are worth


class Landscape(Protocol):
    """What the search asks of a loss."""

    tries: int  # how many of the best exchanges of a table are worth a refit
    slack: float  # by what share of the loss the model of a point may err about another support
    ruling: bool  # whether an exchange is ruled out where the table promises no gain
    widest: int  # columns whose Hessian a step of forward selection may look at
    loss: Any

    def settle(self, support: Array, near: Array | None = None) -> Point:
        """Return the best point on ``support`` (indices)."""
        ...

    def refit(self, support: Array, near: Array | None = None) -> tuple[Array, float]:
        """Return the best x on ``support`` and its loss, without its surroundings."""
        ...

    def block(self, point: Point, columns: Array) -> Array:
        """Return the Hessian at the point between ``columns``, shape (m, m)."""
        ...


class Flat:
    """A quadratic loss."""

    tries, slack, ruling, widest = 1, 0.0, True, ALL

    def __init__(self, loss: Any) -> None:
        zero = loss.start()
        self.loss, self.zero, self.scale = loss, zero, loss.value(zero)
        rows = remember(lambda indices: loss.hessian_rows(zero, indices), zero.shape[0])
        self.model = Model(-loss.gradient(zero), loss.hessian_diagonal(zero), rows)

    def settle(self, support: Array, near: Array | None = None) -> Point:
        """Return the best point on ``support``, from the model alone."""
        found = fit(self.model, support)
        x = np.zeros_like(self.zero)
        x[found.support] = found.values
        value = self.scale - found.decrease
        return Point(x, value, self.scale, value, self.model, found)

    def refit(self, support: Array, near: Array | None = None) -> tuple[Array, float]:
        """Return the best x on ``support`` and its loss, from the data."""
        x = self.loss.refit(mask_of(support, self.zero))
        return x, self.loss.value(x)

    def block(self, point: Point, columns: Array) -> Array:
        """Return the Hessian between ``columns``."""
        return _block(self.loss, self.zero, columns)


class Curved:
    """A loss whose Hessian changes."""

    tries, slack, ruling, widest = 8, 0.02, False, ALL

    def __init__(self, loss: Any) -> None:
        self.loss, self.zero = loss, loss.start()
        self.shape = loss.majorant() if hasattr(loss, "majorant") else loss  # what has its Hessian
        self.scale = loss.value(self.zero)

    def settle(self, support: Array, near: Array | None = None) -> Point:
        """Refit on ``support`` and look round: the gradient, the diagonal and k rows of the Hessian."""
        support = np.asarray(support, dtype=np.intp)
        x, value = self.refit(support, near)
        gradient, rows = self.loss.gradient(x), self.shape.hessian_rows(x, support)
        known = {int(i): row for i, row in zip(support, rows, strict=True)}
        model = Model(
            linear=x[support] @ rows - gradient,
            diagonal=self.shape.hessian_diagonal(x),
            rows=lambda indices: np.array([known[int(i)] for i in indices]).reshape(len(indices), x.shape[0]),
        )
        return Point(x, value, self.scale, value, model, fit(model, support))

    def refit(self, support: Array, near: Array | None = None) -> tuple[Array, float]:
        """Return the best x on ``support`` and its loss."""
        x = self.loss.refit(mask_of(support, self.zero), near)
        return x, self.loss.value(x)

    def block(self, point: Point, columns: Array) -> Array:
        """Return the Hessian at the point between ``columns``, which hold its support."""
        return _block(self.shape, point.x, columns)


class Bounded(Flat):
    """A quadratic loss whose values on a support must lie in a convex set.

    The model and its fit leave the values free, so ``fit.decrease`` bounds from above what any
    allowed values reach: an exchange whose free values are no better than the point is ruled out.
    """

    tries = 200

    def __init__(self, loss: Any, refit: Callable[[Array, Array], Array]) -> None:
        super().__init__(loss)
        self._refit = refit

    def settle(self, support: Array, near: Array | None = None) -> Point:
        """Return the best allowed point on ``support``."""
        found, (x, value) = fit(self.model, support), self.refit(support, near)
        return Point(x, value, self.scale, self.scale - found.decrease, self.model, found)

    def refit(self, support: Array, near: Array | None = None) -> tuple[Array, float]:
        """Return the best allowed x on ``support`` and its loss."""
        x = self._refit(mask_of(support, self.zero), self.zero if near is None else near)
        return x, self.loss.value(x)


def mask_of(support: Array, like: Array) -> Array:
    """Return the mask of the indices ``support``, of the shape of ``like``."""
    mask = np.zeros(like.shape, dtype=bool)
    mask[support] = True
    return mask


def _block(loss: Any, x: Array, columns: Array) -> Array:
    if hasattr(loss, "hessian_block"):
        return loss.hessian_block(x, columns)
    return loss.hessian_rows(x, columns)[:, columns]


def remember(rows: Callable[[Array], Array], p: int) -> Callable[[Array], Array]:
    """Return ``rows`` with a memory, the oldest forgotten first."""
    kept: dict[int, Array] = {}
    room = max(1, MEMORY // (8 * p))

    def remembered(indices: Array) -> Array:
        wanted = [int(i) for i in indices]
        missing = [i for i in wanted if i not in kept]
        if missing:
            kept.update(zip(missing, rows(np.array(missing, dtype=np.intp)), strict=True))
        found = np.array([kept[i] for i in wanted]).reshape(len(wanted), p)
        while len(kept) > max(room, len(wanted)):
            del kept[next(iter(kept))]
        return found

    return remembered
