"""Weights z in [0, 1] under a budget: what the perspective relaxation puts in the place of a support.

    minimise  sum_j v_j^2 / (z_j + s)   subject to  0 <= z <= 1,  sum of free z_j <= r,
              z_j = 1 (j fixed in),  z_j = 0 (j fixed out)

Where more than r of the free v are not 0, the optimal z is ``clip(u v_j - s, 0, 1)`` with u such that
the budget is spent; that sum is piecewise linear in u with kinks at ``s / v_j`` and
``(1 + s) / v_j``, which are sorted.  O(p log p).
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Node = NDArray[np.int8]  # of each variable: IN, FREE or OUT
IN, FREE, OUT = 1, 0, -1


def largest(values: Floats, r: int) -> float:
    """Return the sum of the r largest values (of all, if there are fewer)."""
    if r >= values.size:
        return float(values.sum())
    return float(np.partition(values, values.size - r)[values.size - r :].sum()) if r > 0 else 0.0


def spread(v: Floats, node: Node, r: int, s: float) -> Floats:
    """Return the optimal z for v >= 0, shape (p,); entries below 1e-16 of the largest v count as 0."""
    z = np.zeros_like(v)
    z[node == IN] = 1
    free = np.flatnonzero((node == FREE) & (v > 1e-16 * v.max(initial=0.0)))
    if free.size <= r:
        z[free] = 1
    elif r > 0:
        z[free] = np.clip(_level(v[free], r, s) * v[free] - s, 0, 1)
    return z


def _level(v: Floats, r: int, s: float) -> float:
    """Return the u at which ``sum_j clip(u v_j - s, 0, 1) = r``, for v > 0 and 0 < r < len(v)."""
    kinks = np.concatenate([s / v, (1 + s) / v])
    order = np.argsort(kinks)
    kinks = kinks[order]
    slopes = np.cumsum(np.concatenate([v, -v])[order])
    sums = np.concatenate([[0.0], np.cumsum(slopes[:-1] * np.diff(kinks))])
    last = int(np.searchsorted(sums, r)) - 1
    return float(kinks[last] + (r - sums[last]) / slopes[last])
