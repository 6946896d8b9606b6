"""Refit many models that differ in one column, all at once, each until it is known to win or to lose.

    F(v) = sum_i s_i phi(eta_i) + (ridge/2) |v|^2,   eta = K v_S + v_j a_j,   |phi'''| <= phi''

K holds the kept columns (and ones for an intercept), the same in every model; a_j is the column
of model j.  From the common minimiser v0 on K, where the Hessian is H, each model makes chord steps
``v <- v - H^-1 F'(v)``.  After each, with ``D = max_i |eta_i - eta0_i|``, self-concordance says that the
Hessian is at least ``e^-D H``, so that with the bound of :mod:`tamis.self_concordance`

    min F  >=  F(v) - (d + (1 - d) log(1 - d)) / R^2,    d = R l,   l^2 = e^D F' H^-1 F',   R^2 = e^D R0^2

A model loses when this is no lower than the target, and wins when F(v) itself is.  One step
makes the bound nearly tight, so few models need more than two.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg

from tamis import design
from tamis.arrays import Array
from tamis.self_concordance import fall
from tamis.subset.model import DEPENDENT

BLOCK = 1 << 18  # entries of the predictors that are worked on at once
STEPS = 50


class Verdict(NamedTuple):
    """What is known of one model."""

    column: int
    lower: float  # a lower bound of its least loss
    value: float  # a loss that it reaches


def judge(
    loss: Any,
    kept: Array,
    x: Array,
    columns: Array,
    target: float,
    spend: Callable[[int], bool] = lambda _: True,
) -> Iterator[Verdict]:
    """Yield a verdict for each of ``columns``: lower >= target, or value < target, or neither in the end.

    Parameters
    ----------
    loss : Logistic or Poisson
    kept : array of int, shape (m,)
    x : array, shape (p,)
        The minimiser on ``kept``.
    columns : array of int
        The columns to add, one a model; not in ``kept``.
    target : float
    spend : callable
        Told the entries of each evaluation; where it returns False the rest is left without a verdict.
    """
    base = _Base.at(loss, kept, x)
    size = max(1, BLOCK // loss.A.shape[0])
    for first in range(0, columns.shape[0], size):
        yield from _judge_block(loss, base, columns[first : first + size], target, spend)


class _Base(NamedTuple):
    """The common minimiser and its Hessian on the kept columns."""

    K: Array  # (n, m)
    ridge: Array  # (m,)
    values: Array  # v0, (m,)
    eta: Array  # (n,)
    w: Array  # curvatures, (n,)
    inverse: Array  # H^-1, (m, m)
    leverage: float  # max_i K_i H^-1 K_i

    @classmethod
    def at(cls, loss: Any, kept: Array, x: Array) -> "_Base":
        K, ridge, values = design.columns(loss.A, kept), np.full(kept.shape[0], loss.ridge), x[kept]
        if loss.intercept:
            K = np.column_stack([np.ones(K.shape[0]), K])
            ridge, values = np.append(0.0, ridge), np.append(loss.intercept_at(x), values)
        eta = loss.predictor(x)
        w = loss.weigh(loss.curvature(eta))
        H = K.T @ (w[:, None] * K) + np.diag(ridge)
        inverse = scipy.linalg.pinvh(H, check_finite=False) if H.size else H
        return cls(
            K, ridge, values, eta, w, inverse, float(np.max(np.sum((K @ inverse) * K, axis=1), initial=0.0))
        )


def _judge_block(
    loss: Any, base: _Base, columns: Array, target: float, spend: Callable[[int], bool]
) -> Iterator[Verdict]:
    A = design.columns(loss.A, columns)
    C = base.inverse @ (base.K.T @ (base.w[:, None] * A))  # (m, J)
    R = A - base.K @ C
    own = np.einsum("n,nj,nj->j", base.w, A, A) + loss.ridge
    h = np.einsum("n,nj,nj->j", base.w, A, R) + loss.ridge
    free = h > DEPENDENT * own
    for column in columns[~free]:
        yield Verdict(int(column), np.inf, np.inf)  # it depends on the kept columns, so it adds nothing
    columns, A, C, R, h = columns[free], A[:, free].T.copy(), C[:, free].T, R[:, free].T.copy(), h[free]
    reach = base.leverage + np.max(R**2, axis=1, initial=0.0) / h  # R0^2
    at = _Models.start(loss, base, A, C, h)
    for step in range(1, STEPS + 1):
        if not spend(at.eta.size):
            return
        at = _advance(loss, base, at, A, C, h)
        growth = np.exp(np.minimum(np.max(np.abs(at.eta - base.eta), axis=1), 300.0))
        lower = at.value - fall(growth * at.decrement, growth * reach)
        over = (lower >= target) | (at.value < target) | (step == STEPS)
        for j in np.flatnonzero(over):
            yield Verdict(int(columns[j]), float(lower[j]), float(at.value[j]))
        go = ~over
        if not go.any():
            return
        at = _Models(*(field[go] for field in at))
        columns, A, C, h, reach = columns[go], A[go], C[go], h[go], reach[go]


class _Models(NamedTuple):
    """Where the models are; one row for each."""

    B: Array  # coefficients on the kept columns, (J, m)
    b: Array  # on the one that joins, (J,)
    eta: Array  # (J, n)
    value: Array  # (J,)
    decrement: Array  # F' H^-1 F', (J,)
    d_K: Array  # the chord step, (J, m)
    move: Array  # (J,)
    share: Array  # of the step that is tried next, (J,)

    @classmethod
    def start(cls, loss: Any, base: _Base, A: Array, C: Array, h: Array) -> "_Models":
        count, slope = h.shape[0], loss.weigh(loss.slope(base.eta))
        move = np.einsum("jn,n->j", A, slope) / h
        value = np.full(
            count, float(np.sum(loss.weigh(loss.phi(base.eta)))) + base.values**2 @ base.ridge / 2
        )
        B, eta = np.tile(base.values, (count, 1)), np.tile(base.eta, (count, 1))
        return cls(B, np.zeros(count), eta, value, move**2 * h, -move[:, None] * C, move, np.ones(count))


def _advance(loss: Any, base: _Base, at: _Models, A: Array, C: Array, h: Array) -> _Models:
    """Make a chord step in each model; where the loss rises, stay and try half of it next."""
    d_K, move = at.share[:, None] * at.d_K, at.share * at.move
    B, b, eta = at.B - d_K, at.b - move, at.eta - d_K @ base.K.T - move[:, None] * A
    value, gradient_K, gradient_r = _look(loss, base, eta, B, b, A, C)
    solved = gradient_K @ base.inverse
    decrement, move = np.sum(solved * gradient_K, axis=1) + gradient_r**2 / h, gradient_r / h
    new = _Models(
        B, b, eta, value, decrement, solved - move[:, None] * C, move, np.minimum(2 * at.share, 1.0)
    )
    lower = value <= at.value
    if lower.all():
        return new
    old = at._replace(share=at.share / 2)
    return _Models(*(np.where(_as(lower, n), n, o) for n, o in zip(new, old, strict=True)))


def _as(mask: Array, like: Array) -> Array:
    return mask if like.ndim == 1 else mask[:, None]


def _look(
    loss: Any, base: _Base, eta: Array, B: Array, b: Array, A: Array, C: Array
) -> tuple[Array, Array, Array]:
    """Return the losses, their gradients on the kept columns, and along the residual columns."""
    with np.errstate(over="ignore", invalid="ignore"):
        value = np.sum(loss.weigh(loss.phi(eta)), axis=1) + (B**2 @ base.ridge + loss.ridge * b**2) / 2
        slope = loss.weigh(loss.slope(eta))
        gradient_K = slope @ base.K + base.ridge * B
        gradient_r = np.einsum("jn,jn->j", slope, A) + loss.ridge * b - np.sum(C * gradient_K, axis=1)
    return np.where(np.isfinite(value), value, np.inf), gradient_K, gradient_r
