"""How good a point is, told from the point alone."""

import math

from array_api_compat import array_namespace

from tamis.admm import Set
from tamis.arrays import Array
from tamis.losses.least_squares import LeastSquares


def fixed_point(loss: LeastSquares, constraint: Set, x: Array, smoothness: float) -> float:
    """Return ``|x - y|_inf / max(|x|_inf, |y|_inf)`` with ``y = P_S(x - g/L)``, from 0 to 2.

    g is the gradient at x and L the ``smoothness``, the largest eigenvalue of the Hessian.  The
    number has no units, so it does not change when the data are scaled.  Zero is necessary for
    a minimiser (Beck & Eldar 2013, L-stationarity, theorem 2.2); it is sufficient only if S is
    convex.  For at most k nonzeros it says that the gradient vanishes on the support and that
    no entry of it off the support is larger than L times the least entry of x on it.

    Raises
    ------
    ValueError
        If ``smoothness`` is not positive and finite.
    """
    if not 0 < smoothness < math.inf:
        raise ValueError(f"smoothness must be positive and finite, got {smoothness}")
    xp = array_namespace(x)
    moved = constraint.project(x - loss.gradient(x) / smoothness)
    scale = max(float(xp.max(xp.abs(x))), float(xp.max(xp.abs(moved))))
    return float(xp.max(xp.abs(x - moved))) / scale if scale else 0.0
