"""A loss as the search for groups sees it; the counterpart of :mod:`tamis.subset.landscape`."""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import numpy as np
import scipy.linalg

from tamis.arrays import Array
from tamis.subset.groups.hessian import hessian_at
from tamis.subset.groups.layout import Layout, arrange, mask
from tamis.subset.groups.model import DEPENDENT, Model, Residue, diagonal, diagonal_blocks, fit, kinds
from tamis.subset.landscape import remember

STRIDE = 8  # columns that forward selection adds on one quadratic, if the loss is none


class Point(NamedTuple):
    """The best point on a support, with its surroundings."""

    x: Array  # shape (p,), zero off the support
    value: float
    scale: float  # the loss at zero: what tells a gain from rounding
    model: Model  # the quadratic that touches the loss at x
    residue: Residue


class GroupLandscape(Protocol):
    """What the search asks of a loss."""

    loss: Any
    layout: Layout
    tries: int  # how many of the best exchanges of a table are worth a refit
    slack: float  # by what share of the loss the model of a point may err about another support
    stride: int | None  # groups that forward selection adds before it looks again; None: all

    def settle(self, chosen: Array, near: Array | None = None) -> Point:
        """Return the best point on the groups ``chosen``."""
        ...

    def refit(self, chosen: Array, near: Array | None = None) -> tuple[Array, float]:
        """Return the best x on the groups and its loss, without its surroundings."""
        ...

    def block(self, point: Point, columns: Array) -> Array:
        """Return the Hessian at the point between columns of the model."""
        ...


class FlatGroups:
    """A quadratic loss: a support is settled without touching the data."""

    tries: int = 1
    slack: float = 0.0
    stride: int | None = None

    def __init__(self, loss: Any, labels: Array) -> None:
        self.loss, self.zero = loss, loss.start()
        self.scale = loss.value(self.zero)
        self._hessian = hessian_at(loss, self.zero)
        self.layout, blocks, least = arrange(labels, self._hessian.between, _share(self.zero))
        order = self.layout.order
        linear = np.asarray(-loss.gradient(self.zero)[order], dtype=float)
        rows = _in_order(remember(self._hessian.rows, self.zero.shape[0]), order)
        self.model = Model(self.layout.starts, kinds(self.layout.starts), linear, blocks, least, rows)

    def settle(self, chosen: Array, near: Array | None = None) -> Point:
        """Return the best point on the groups, from the model alone."""
        return self.point(fit(self.model, chosen))

    def point(self, residue: Residue) -> Point:
        """Return the point of a fit."""
        x = np.zeros_like(self.zero)
        R = residue.Q[:, residue.kept]
        x[self.layout.order[residue.kept]] = scipy.linalg.solve_triangular(R, residue.z, check_finite=False)
        return Point(x, self.scale - residue.decrease, self.scale, self.model, residue)

    def refit(self, chosen: Array, near: Array | None = None) -> tuple[Array, float]:
        """Return the best x on the groups and its loss, from the data."""
        x = self.loss.refit(mask(self.layout, chosen, self.zero))
        return x, self.loss.value(x)

    def block(self, point: Point, columns: Array) -> Array:
        """Return the Hessian between columns of the model."""
        return self._hessian.between(self.layout.order[columns])


class CurvedGroups:
    """A loss of a linear model whose Hessian changes: a support is settled by refitting."""

    tries: int = 8
    slack: float = 0.02
    stride: int | None

    def __init__(self, loss: Any, labels: Array) -> None:
        self.loss, self.zero = loss, loss.start()
        self.scale = loss.value(self.zero)
        self.layout, _, _ = arrange(labels, hessian_at(loss, self.zero).between, _share(self.zero))
        self.stride = max(1, STRIDE * len(self.layout.members) // max(1, self.layout.order.size))

    def settle(self, chosen: Array, near: Array | None = None) -> Point:
        """Refit on the groups and look round: the gradient, the diagonal blocks and rows of the Hessian."""
        x, value = self.refit(chosen, near)
        order, starts = self.layout.order, self.layout.starts
        hessian = hessian_at(self.loss, x)
        blocks = diagonal_blocks(starts, lambda columns: hessian.between(order[columns]))
        linear = (self.loss.hessian_product(x, x) - self.loss.gradient(x))[order]
        least = _share(x) * diagonal(starts, blocks)
        model = Model(
            starts,
            kinds(starts),
            np.asarray(linear, dtype=float),
            blocks,
            least,
            _in_order(hessian.rows, order),
        )
        return Point(x, value, self.scale, model, fit(model, chosen))

    def refit(self, chosen: Array, near: Array | None = None) -> tuple[Array, float]:
        """Return the best x on the groups and its loss."""
        x = self.loss.refit(mask(self.layout, chosen, self.zero), near)
        return x, self.loss.value(x)

    def block(self, point: Point, columns: Array) -> Array:
        """Return the Hessian at the point between columns of the model."""
        return hessian_at(self.loss, point.x).between(self.layout.order[columns])


def _share(x: Array) -> float:
    """Return the share of its own curvature below which a column counts as dependent."""
    return max(DEPENDENT, 10 * float(np.finfo(x.dtype).eps))


def _in_order(rows: Callable[[Array], Array], order: Array) -> Callable[[Array], Array]:
    """Return ``rows`` with its columns, and the indices it takes, in ``order``."""
    if np.array_equal(order, np.arange(order.size)):
        return lambda columns: np.asarray(rows(columns)[:, : order.size], dtype=float)
    return lambda columns: np.asarray(rows(order[columns])[:, order], dtype=float)
