r"""``minimise f(w) subject to A w in S`` for quadratic f, as a problem in ``z = A w`` alone.

If the m rows of A are independent, every z is A w for some w, and with N a basis of the null
space of A the best such w is affine in z::

    w(z) = B z + a,    B = A^+ - G H A^+,   a = -G grad f(0),   G = N (N^T H N)^+ N^T
    q(z) = f(w(z)) = 1/2 |R z - r|^2 + constant,   subject to  z in S

H the Hessian of f.  So the search for a w with at most k jumps is best subset selection with
the design R: :func:`tamis.minimize` does it, and exchanges of one jump and of two follow.  Its
ADMM on q is ADMM on ``z = A w``, as the w that minimises ``f(w) + (rho/2) |A w - t|^2`` has the
A w that minimises ``q + (rho/2) |. - t|^2``.
"""

import math
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from tamis.arrays import Array
from tamis.augmented_lagrangian import double_exchange, support_moves
from tamis.augmented_lagrangian.scales import Problem
from tamis.losses.least_squares import LeastSquares
from tamis.minimize import minimize

LARGEST = 2000  # coefficients; beyond it dense matrices p x p cost too much
PAIRS = 500  # rows of A; beyond it the scores of all pairs do


class Exact(NamedTuple):
    """A solution that no single exchange improves, if ``complete``."""

    x: Array  # w, (p,)
    support: Array  # of A w, (m,)
    complete: bool


class Reduced(NamedTuple):
    """The problem in z."""

    loss: LeastSquares  # q, up to a constant
    B: Array  # (p, m)
    a: Array  # (p,)


class Fit(NamedTuple):
    """The least q on a support."""

    z: Array
    value: float
    support: Array


def solve(problem: Problem, x0: Array, deadline: float) -> Exact | None:
    """Return the best w found; None unless ``A w in S`` is all and :func:`reduce` applies.

    S must leave the kept values free, as at most k nonzeros do and with bounds do not.
    """
    constraint = problem.constraints[0]
    chooser: Any = constraint.target
    if len(problem.constraints) > 1 or problem.within is not None or constraint.matrix is None:
        return None
    mask = chooser.support(np.zeros(constraint.matrix.shape[0]))
    reduced = reduce(problem.loss, constraint.matrix) if chooser.within(mask) is None else None
    if reduced is None:
        return None
    left = None if deadline == math.inf else max(deadline - time.monotonic(), 1e-3)
    found = minimize(reduced.loss, chooser, constraint.matrix @ x0, time_limit=left)
    start = chooser.support(found.x)
    best, complete = _exchanged(chooser, reduced.loss, start, deadline)
    x = reduced.B @ best.z + reduced.a
    return Exact(x, best.support, complete)


def _exchanged(chooser: Any, loss: LeastSquares, support: Array, deadline: float) -> tuple[Fit, bool]:
    """Exchange single entries, then two at once, until neither helps (two only for small free choices)."""
    Q, c = loss.A.T @ loss.A, -(loss.A.T @ loss.b)
    pairs = len(c) <= PAIRS and chooser.labels(support.shape) is None
    while True:
        fit, complete = support_moves.improve(
            _fit(loss, support), lambda fit: _neighbours(chooser, loss, Q, fit),
            lambda _, mask: _fit(loss, mask),
            lambda new, old: new.value < old.value * (1 - 1e-12), deadline=deadline,
        )  # fmt: skip
        better = double_exchange.best(Q, c, fit.support, deadline) if pairs else None
        if better is None:
            return fit, complete
        support = better


def _fit(loss: LeastSquares, support: Array) -> Fit:
    z = loss.refit(support)
    return Fit(z, loss.value(z), support)


def _neighbours(chooser: Any, loss: LeastSquares, Q: Array, fit: Fit) -> Iterator[Array]:
    """Yield the supports one exchange away, by what each entry alone would gain or cost."""
    curvature = np.maximum(np.diag(Q), 1e-300)
    gain = loss.gradient(fit.z) ** 2 / (2 * curvature)
    return support_moves.exchanges(chooser, fit.support, gain, curvature * fit.z**2 / 2)


def reduce(loss: Any, A: Any) -> Reduced | None:
    """Return the problem in z; None if f is not quadratic, w too long or the rows of A dependent."""
    start = np.asarray(loss.start(), dtype=float)
    quadratic = getattr(loss, "quadratic", isinstance(loss, LeastSquares))
    if not quadratic or start.ndim != 1 or start.size > LARGEST or A.shape[0] > A.shape[1]:
        return None
    split = _inverse_and_null_space(np.asarray(A @ np.eye(start.size), dtype=float))
    if split is None:
        return None
    inverse, N = split
    c = np.asarray(loss.gradient(np.zeros_like(start)), dtype=float)
    H = np.column_stack([np.asarray(loss.gradient(e), dtype=float) - c for e in np.eye(start.size)])
    G = N @ np.linalg.pinv(N.T @ H @ N, hermitian=True) @ N.T
    B, a = inverse - G @ (H @ inverse), -G @ c
    return Reduced(_square(B.T @ H @ B, B.T @ (H @ a + c)), B, a)


def _inverse_and_null_space(A: Array) -> tuple[Array, Array] | None:
    """Return ``A^+`` and a basis N of the null space, from one QR; None if rows are dependent."""
    from scipy.linalg import qr, solve_triangular  # slow to import

    m, p = A.shape
    Q, R, order = qr(A.T, pivoting=True)
    diagonal = np.abs(np.diag(R))
    if diagonal.min(initial=np.inf) <= max(m, p) * np.finfo(float).eps * diagonal.max(initial=0.0):
        return None
    inverse = np.empty((p, m))
    inverse[:, order] = Q[:, :m] @ solve_triangular(R[:m], np.eye(m), trans="T")
    return inverse, Q[:, m:]


def _square(Q: Array, c: Array) -> LeastSquares:
    """Return ``1/2 z^T Q z + c^T z`` as a square, up to a constant; c is in the range of Q."""
    values, vectors = np.linalg.eigh((Q + Q.T) / 2)
    kept = values > len(values) * np.finfo(float).eps * max(values.max(), 0.0)
    if not kept.any():
        return LeastSquares(np.zeros((1, len(c))), np.zeros(1))
    roots, vectors = np.sqrt(values[kept]), vectors[:, kept]
    return LeastSquares(roots[:, None] * vectors.T, -(vectors.T @ c) / roots)
