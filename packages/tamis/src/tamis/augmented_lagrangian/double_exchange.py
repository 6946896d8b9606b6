r"""Exchange of two entries of a support for two others, all scored at once, for a quadratic loss.

    minimise  q(z) = 1/2 z^T Q z + c^T z   over z with a given number of nonzeros

A bump in a series needs two jumps, of which neither pays alone: no exchange of single entries
finds it.  With two entries dropped, S what is left, z the minimiser on S, and
``g = -(Q z + c)``, ``R = Q - Q_{:S} Q_SS^{-1} Q_{S:}``, the pair (i, j) lowers q by exactly::

    1/2 (g_i^2 R_jj - 2 g_i g_j R_ij + g_j^2 R_ii) / (R_ii R_jj - R_ij^2)

as circular binary segmentation scores two ends of a segment (Olshen et al. 2004).  All pairs in
and all pairs out cost O(k^2 m^2), so it is for m up to a few hundred.
"""

import itertools
import math
import time

import numpy as np

from tamis.arrays import Array

INDEPENDENT = 1e-10  # share of a curvature that must be left for a column to count as independent


def best(Q: Array, c: Array, support: Array, deadline: float = math.inf) -> Array | None:
    """Return the mask of the best support two exchanges away; None if none is lower than ``support``.

    Parameters
    ----------
    Q : array, shape (m, m)
        Symmetric, positive semidefinite.
    c : array, shape (m,)
    support : array of bool, shape (m,)
    deadline : float
        ``time.monotonic()`` after which the best so far is returned.
    """
    lowest, found = _value(Q, c, support), None
    bar = lowest - 1e-10 * abs(lowest)
    for pair in itertools.combinations(np.flatnonzero(support), 2):
        if time.monotonic() > deadline:
            break
        kept = support.copy()
        kept[list(pair)] = False
        value, i, j = best_pair(Q, c, kept)
        if value < bar:
            bar, found = value, kept
            found[[i, j]] = True
    return found


def best_pair(Q: Array, c: Array, kept: Array) -> tuple[float, int, int]:
    """Return the least q with two more entries than ``kept``, and these two."""
    S = np.flatnonzero(kept)
    T = np.linalg.lstsq(Q[np.ix_(S, S)], np.column_stack([Q[S], -c[S]]), rcond=None)[0]
    z, R = T[:, -1], Q - Q[:, S] @ T[:, :-1]
    g, d = -(Q[:, S] @ z + c), np.diag(R)
    free = ~kept & (d > INDEPENDENT * np.diag(Q))
    determinant = np.outer(d, d) - R**2
    gain = np.outer(g**2, d) - 2 * np.outer(g, g) * R + np.outer(d, g**2)
    usable = np.outer(free, free) & (determinant > INDEPENDENT * np.outer(d, d))
    gain = np.where(usable, gain / np.where(usable, 2 * determinant, 1.0), -np.inf)
    i, j = divmod(int(np.argmax(gain)), len(c))
    return float(c[S] @ z) / 2 - float(gain[i, j]), i, j


def _value(Q: Array, c: Array, support: Array) -> float:
    S = np.flatnonzero(support)
    z = np.linalg.lstsq(Q[np.ix_(S, S)], -c[S], rcond=None)[0]
    return float(c[S] @ z) / 2
