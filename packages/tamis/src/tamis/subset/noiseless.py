"""Recovery of x from ``A x = b`` without noise, k nonzeros of p and fewer equations than unknowns.

    x  <-  the projection of z - u on {A x = b}        tamis.steps.affine
    z  <-  P_S(x + u),   u  <-  u + damping (x - z)

This is ADMM with a vanishing penalty.  It finds supports that neither forward selection nor
exchanges reach, where k is a third or a half of n; with noise it is of no use.  A damped dual
(0.5) is slower and better on signals whose nonzeros have one size, and there basis pursuit, the
least ``|x|_1`` (Chen, Donoho & Saunders 1998), sometimes finds what ADMM does not.
"""

from collections.abc import Callable, Iterator

import numpy as np

from tamis.arrays import Array
from tamis.losses.least_squares import LeastSquares
from tamis.sets.sparse import Sparse
from tamis.steps.affine import affine_step
from tamis.steps.proximal import Solve

SHARE = 8  # tried where k is at least an eighth of n: below, forward selection recovers as well
DAMPINGS = (1.0, 0.5)
PURSUED = 2000  # columns up to which basis pursuit is worth its time
CLOSE = 1e-6  # |x - z|^2 of that share of |z|^2: a support worth refitting
EXACT = 1e-18  # |A x - b|^2 of that share of |b|^2 is zero up to rounding


def applies(loss: object, k: int) -> bool:
    """Tell whether a loss is of the kind where recovery may work."""
    if not isinstance(loss, LeastSquares) or loss.ridge or not isinstance(loss.A, np.ndarray):
        return False
    n, p = loss.A.shape
    return bool(k < n < p and SHARE * k >= n)


def recover(loss: LeastSquares, k: int, steps: int, expired: Callable[[], bool]) -> Array | None:
    """Return a support on which the loss is zero up to rounding; None if none was found."""
    whole = EXACT * loss.value(loss.start())
    for support in _candidates(loss, k, steps, expired):
        if loss.value(loss.refit(support)) <= whole:
            return np.flatnonzero(support)
        if expired():
            return None
    return None


def _candidates(loss: LeastSquares, k: int, steps: int, expired: Callable[[], bool]) -> Iterator[Array]:
    """Yield supports where ADMM has come to rest, then that of the solution of least l1 norm."""
    solve = affine_step(loss)
    for damping in DAMPINGS:
        yield from _by_admm(solve, Sparse(k), loss.start(), damping, steps, expired)
    if loss.A.shape[1] <= PURSUED and not expired():
        yield Sparse(k).support(_least_l1(solve, loss))


def _by_admm(
    solve: Solve, constraint: Sparse, zero: Array, damping: float, steps: int, expired: Callable[[], bool]
) -> Iterator[Array]:
    z, u = constraint.project(solve(zero)), zero
    for _ in range(steps):
        if expired():
            return
        x = solve(z - u)
        z = constraint.project(x + u)
        u = u + damping * (x - z)
        gap = x - z
        if float(gap @ gap) <= CLOSE * float(z @ z):
            yield z != 0


def _least_l1(solve: Solve, loss: LeastSquares) -> Array:
    """Return ``argmin |x|_1 : A x = A x_0``, x_0 the least-squares solution: basis pursuit by HiGHS."""
    from scipy.optimize import linprog  # slow to import

    A, p = loss.A, loss.A.shape[1]
    right = A @ solve(loss.start())
    found = linprog(np.ones(2 * p), A_eq=np.hstack([A, -A]), b_eq=right, bounds=(0, None), method="highs")
    return found.x[:p] - found.x[p:] if found.x is not None else loss.start()
