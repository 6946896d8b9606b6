"""The best point of a set on a given support.

    argmin { loss(x) : x in S, x_i = 0 off the support }

by the loss's own ``refit`` where the values are free and it has one, else by values and gradients:
L-BFGS where they are free, spectral projected gradient where they lie in a convex set.
"""

from typing import Any

import numpy as np

from tamis.arrays import Array
from tamis.steps import projected_gradient


def refit(loss: Any, constraint: Any, support: Array, near: Array) -> Array:
    """Return the minimiser of the loss over the set's points on ``support`` (mask)."""
    values = constraint.within(support)
    if values is None:
        return loss.refit(support, near) if hasattr(loss, "refit") else free_refit(loss, support, near)
    if not support.any():
        return np.zeros_like(near)
    return _on_support(loss, support, values.project(near[support]), values.project)


def free_refit(loss: Any, support: Array, near: Array) -> Array:
    """Return the minimiser among the points that vanish off ``support``, by values and gradients alone."""
    return _on_support(loss, support, near[support], None) if support.any() else np.zeros_like(near)


def _on_support(loss: Any, support: Array, start: Array, project: Any) -> Array:
    """Minimise over the entries on ``support``, each in its place."""

    def embed(kept: Array) -> Array:
        x = np.zeros(support.shape, dtype=start.dtype)
        x[support] = kept
        return x

    def objective(kept: Array) -> tuple[float, Array]:
        x = embed(kept)
        return loss.value(x), loss.gradient(x)[support]

    tol = 1e-10 * max(float(np.abs(loss.gradient(loss.start())).max()), 1e-300)
    return embed(projected_gradient.solve(objective, start, project, tol=tol).x)
