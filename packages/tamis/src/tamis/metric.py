"""The diagonal of the Hessian as a metric: what makes an answer independent of each column's units."""

from typing import Any

import numpy as np

from tamis.arrays import Array

FLOOR = 1e-15  # of the largest curvature: what a column without any is given


def hessian_metric(loss: Any, constraint: Any, x: Array) -> Array | None:
    """Return the diagonal of the Hessian at ``x``; None if the loss or the set cannot use it.

    On a convex set a point is a fixed point of projected gradient in every metric or in none, so
    the one of the loss's own curvature may judge it.
    """
    if not getattr(constraint, "convex", False) or not hasattr(loss, "hessian_diagonal") or x.ndim != 1:
        return None
    diagonal = np.asarray(loss.hessian_diagonal(x))
    top = float(np.max(diagonal, initial=0.0))
    if not 0 < top < np.inf:
        return None
    metric = np.maximum(diagonal, FLOOR * top)
    try:
        constraint.project(x, metric)
    except (TypeError, ValueError):  # no projection in a metric is known for this set
        return None
    return metric
