"""How good a point is, told from the point alone."""

import math
from typing import Any

from array_api_compat import array_namespace

from tamis.admm import Set
from tamis.arrays import Array


def fixed_point(
    loss: Any,
    constraint: Set,
    x: Array,
    smoothness: float,
    gradient: Array | None = None,
    metric: Array | None = None,
) -> float:
    """Return ``|x - y|_inf / max(|x|_inf, |y|_inf)`` with ``y = P_S(x - g/L)``, from 0 to 2.

    g is the gradient at x (the loss's own if it is not given) and L the ``smoothness``, in the units
    of the Hessian: its largest eigenvalue, or less for a stronger statement.  The number has no
    units, so it does not change when the data are scaled.  Zero is necessary for a minimiser if L
    bounds the Hessian (Beck & Eldar 2013, L-stationarity, theorem 2.2); it is sufficient, for any
    L, if f and S are convex.
    With a ``metric`` M, positive of the shape of x, y is ``P_S^M(x - g/(L M))`` and the entries are
    weighed by ``sqrt(M)``: with that of the Hessian's diagonal the units of each entry cancel too.
    For at most k nonzeros it says that the gradient vanishes on the support and that no entry of
    it off the support is larger than L times the least entry of x on it.

    Raises
    ------
    ValueError
        If ``smoothness`` is not positive and finite.
    """
    if not 0 < smoothness < math.inf:
        raise ValueError(f"smoothness must be positive and finite, got {smoothness}")
    xp = array_namespace(x)
    g = loss.gradient(x) if gradient is None else gradient
    weight = xp.ones_like(x) if metric is None else xp.sqrt(metric)
    if metric is None:
        moved = constraint.project(x - g / smoothness)
    else:
        moved = constraint.project(x - g / (smoothness * metric), metric)
    scale = max(float(xp.max(weight * xp.abs(x))), float(xp.max(weight * xp.abs(moved))))
    return float(xp.max(weight * xp.abs(x - moved))) / scale if scale else 0.0
