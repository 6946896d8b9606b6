"""The landscape of a loss of which only values and gradients are known: few gradients, well used.

A difference of two gradients along e_j is row j of the Hessian, so a search that looks at few
variables needs few of them.  The diagonal of the rest is taken to be the mean curvature, from random
signs; an exchange is made only after the true row of the variable that comes in is known, so a
wrong guess costs a gradient and no more.  No proof comes of it: what was not looked at may be better.
"""

from typing import Any

import numpy as np

from tamis.arrays import Array
from tamis.curvature import mean_curvature
from tamis.refit import free_refit
from tamis.subset.landscape import ALL, Flat, Point, mask_of, remember
from tamis.subset.model import Model, fit

WIDEST = 2  # columns looked at a step, unless there are few
FEW = 256  # columns: then all are looked at


class OwnFlat(Flat):
    """A loss that shows itself to be quadratic: gradient differences are exact, whatever the step."""

    tries, ruling, widest = 4, False, WIDEST

    def __init__(self, loss: Any) -> None:
        self.loss, self.zero = loss, loss.start() * 0
        self.scale = loss.value(self.zero)
        slope = loss.gradient(self.zero)
        diagonal = np.full(self.zero.shape, mean_curvature(loss, self.zero))
        p = self.zero.shape[0]

        def rows(indices: Array) -> Array:
            found = np.empty((len(indices), self.zero.shape[0]))
            for row, j in zip(found, indices, strict=True):
                row[:] = loss.gradient(_unit(self.zero, j)) - slope
                diagonal[j] = row[j]  # the guess becomes knowledge
            return found

        self.model = Model(-slope, diagonal, remember(rows, p))
        if p <= FEW:
            self.model.rows(np.arange(p))
            self.widest = ALL

    def refit(self, support: Array, near: Array | None = None) -> tuple[Array, float]:
        """Return the best x on ``support`` by the model, and its loss."""
        x = self.settle(support).x
        return x, self.loss.value(x)

    def block(self, point: Point, columns: Array) -> Array:
        """Return the Hessian between ``columns``: a gradient each, if not asked for before."""
        return self.model.rows(columns)[:, columns]


class OwnCurved:
    """Any other loss: refitted by L-BFGS on the support, its Hessian looked at where that ends."""

    tries, slack, ruling = 8, 0.02, False

    def __init__(self, loss: Any) -> None:
        self.loss, self.zero = loss, loss.start() * 0
        self.scale = loss.value(self.zero)
        self.widest = ALL if self.zero.shape[0] <= FEW else WIDEST

    def settle(self, support: Array, near: Array | None = None) -> Point:
        """Refit on ``support`` and look round, at two gradients for each variable that is looked at."""
        support = np.asarray(support, dtype=np.intp)
        x, value = self.refit(support, near)
        seen = np.arange(x.shape[0]) if self.widest == ALL else support
        diagonal = np.full(x.shape, mean_curvature(self.loss, x))
        H = _rows(self.loss, x, seen)
        own = np.arange(seen.shape[0]), seen
        diagonal[seen] = H[own]
        if not np.all(diagonal > 0):  # not convex here: a quadratic that is, and touches it too
            lift = 2 * float(np.max(np.abs(diagonal)))
            diagonal += lift
            H[own] += lift
        place = np.zeros(x.shape[0], dtype=np.intp)
        place[seen] = np.arange(seen.shape[0])
        model = Model(
            x[support] @ H[place[support]] - self.loss.gradient(x),
            diagonal,
            lambda indices: H[place[indices]],
        )
        return Point(x, value, self.scale, value, model, fit(model, support))

    def refit(self, support: Array, near: Array | None = None) -> tuple[Array, float]:
        """Return the best x on ``support`` and its loss."""
        x = free_refit(self.loss, mask_of(support, self.zero), self.zero if near is None else near)
        return x, self.loss.value(x)

    def block(self, point: Point, columns: Array) -> Array:
        """Return the Hessian at the point between ``columns``."""
        rows = point.model.rows(columns) if self.widest == ALL else _rows(self.loss, point.x, columns)
        return rows[:, columns]


def looks_quadratic(loss: Any) -> bool:
    """Tell whether the gradient is linear along one random line, up to rounding.

    The points lie unevenly about zero, as the gradient of a logistic loss is odd there.
    """
    zero = loss.start() * 0
    v = np.random.default_rng(1).standard_normal(zero.shape)
    middle, ahead, back = (loss.gradient(zero + t * v) for t in (0.0, 1.0, -2.0))
    size = float(np.max(np.abs(ahead - back), initial=0.0))
    bend = 2 * (ahead - middle) + (back - middle)
    return size < np.inf and float(np.max(np.abs(bend), initial=0.0)) <= 1e-9 * size


def _rows(loss: Any, x: Array, indices: Array) -> Array:
    """Return rows of the Hessian at ``x``, shape (m, p), symmetrised where they meet."""
    rows = np.empty((len(indices), x.shape[0]))
    step = 6e-6 * max(1.0, float(np.max(np.abs(x), initial=0.0)))
    for row, j in zip(rows, indices, strict=True):
        e = _unit(x, j) * step
        row[:] = (loss.gradient(x + e) - loss.gradient(x - e)) / (2 * step)
    corner = rows[:, indices]
    rows[:, indices] = (corner + corner.T) / 2
    return rows


def _unit(like: Array, j: int) -> Array:
    e = np.zeros(like.shape)
    e[j] = 1.0
    return e
