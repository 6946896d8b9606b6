r"""Sharpness-aware steps: the inner step of SAFE (arXiv 2506.06866).

They look for a point whose whole neighbourhood is low, ``min_x max_{|e| <= radius} f(x + e)``,
with the inner maximum at first order, as in SAM (arXiv 2010.01412)::

    g   =  grad f(x)
    x'  =  x - (grad f(x + radius g/|g|) + penalty (x - v)) / (L + penalty)

The penalty is taken at x, not at the perturbed point.  With radius 0 this is gradient descent
on ``f(x) + (penalty/2) |x - v|^2``.  Cost: two gradients a step.
"""

import math
from typing import Any

from tamis.arrays import Array, norm
from tamis.steps.proximal import Solve, check, check_count, check_point, smoothness_of


def sharpness_aware_step(
    loss: Any, radius: float = 0.05, steps: int = 10, smoothness: float | None = None
) -> Solve:
    """Return ``solve(v, penalty, x)`` by ``steps`` sharpness-aware steps from ``x``.

    Parameters
    ----------
    loss : with ``gradient`` and ``start``
    radius : float
        Of the neighbourhood, in the units of x; finite and not negative.
    steps : int
        1 or more.
    smoothness : float, optional
        A bound L on the largest curvature, so that ``1/(L + penalty)`` is the step length;
        ``loss.smoothness()`` if left out.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range or there is no finite L; in ``solve``, if ``v`` or ``x``
        is not finite or of the loss's shape or the penalty not positive and finite.
    """
    check_count("steps", steps)
    if not 0 <= radius < math.inf:
        raise ValueError(f"radius must be finite and 0 or more, got {radius}")
    bound = smoothness_of(loss, smoothness)
    shape = tuple(loss.start().shape)

    def solve(v: Array, penalty: float, x: Array) -> Array:
        penalty = check(v, penalty, shape)
        check_point("x", x, shape)
        for _ in range(steps):
            x = x - (_worst_gradient(loss, x, float(radius)) + penalty * (x - v)) / (bound + penalty)
        return x

    return solve


def _worst_gradient(loss: Any, x: Array, radius: float) -> Array:
    """Return the gradient where f is about greatest within ``radius`` of ``x``; at x if it is flat there."""
    g = loss.gradient(x)
    length = norm(g)
    return loss.gradient(x + (radius / length) * g) if length > 0 else g
