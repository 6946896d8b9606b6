"""Supports to start from, on a small dense quadratic: backward, ADMM, and perturbed ones.

An exchange descent ends in the basin that it starts in; what makes the search good is that its
starts differ.  Each function returns a support of at most k of the m variables.
"""

from collections.abc import Iterator

import numpy as np
import scipy.linalg

from tamis import admm
from tamis.arrays import Array
from tamis.penalties import Geometric
from tamis.sets.sparse import Sparse
from tamis.subset.greedy import grow, shrink


def backward(H: Array, c: Array, inside: Array, k: int) -> Array:
    """Grow the support ``inside`` to twice k, then eliminate down to k."""
    return shrink(H, c, grow(H, c, inside, k), k)


def by_admm(H: Array, c: Array, k: int, penalty: Geometric, steps: int) -> Iterator[Array]:
    """Yield the supports that ADMM passes through under a growing penalty, each once.

    The penalty counts in units of the mean curvature ``trace(H)/m``.  The step is exact by one
    eigendecomposition ``H = V diag(s) V^T``::

        x  <-  V (V^T c + penalty V^T (z - u)) / (s + penalty)

    In single precision, twice as fast: only supports come of it.
    """
    c = (c / np.max(np.abs(c), initial=1e-300)).astype(np.float32)
    unit = float(np.trace(H)) / H.shape[0] or 1.0
    s, V = scipy.linalg.eigh((H / unit).astype(np.float32), check_finite=False, driver="evd")
    right = c @ V
    constraint, seen = Sparse(k), set()
    state, last = admm.init(np.zeros_like(c), constraint), penalty(0)
    for iteration in range(steps):
        rho = penalty(iteration)
        state, last = admm.rescale(state, last, rho), rho
        x = V @ ((right + rho * (admm.target(state) @ V)) / (s + rho))
        state = admm.dual_update(x, state, constraint)
        support = np.flatnonzero(state.z)
        key = support.tobytes()
        if key not in seen:
            seen.add(key)
            yield support


def best_by_admm(H: Array, c: Array, k: int, penalty: Geometric, steps: int) -> Array:
    """Return the best of the supports of :func:`by_admm`, each refitted."""
    return max(by_admm(H, c, k, penalty, steps), key=lambda support: _decrease(H, c, support))


def perturbed(H: Array, c: Array, support: Array, drop: int, rng: np.random.Generator) -> Array:
    """Ban ``drop`` random variables of the support and grow it again to its size."""
    gone = rng.permutation(support.shape[0])[:drop]
    kept = np.delete(support, gone)
    return grow(H, c, kept, drop, banned=support[gone])


def _decrease(H: Array, c: Array, support: Array) -> float:
    """Return ``1/2 c_S^T H_SS^-1 c_S``; zero if the block is singular."""
    try:
        factor = scipy.linalg.cho_factor(H[np.ix_(support, support)], lower=True, check_finite=False)
    except scipy.linalg.LinAlgError:
        return 0.0
    return float(c[support] @ scipy.linalg.cho_solve(factor, c[support], check_finite=False)) / 2
