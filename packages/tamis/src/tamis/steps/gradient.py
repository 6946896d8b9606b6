r"""Accelerated gradient steps, for any loss whose gradient is Lipschitz.

    x'  =  y - (grad f(y) + penalty (y - v)) / (L + penalty)
    y'  =  x' + beta (x' - x),    beta = (sqrt(q) - 1)/(sqrt(q) + 1),    q = (L + penalty)/penalty

from y = x, with L the smoothness of f.  The problem is ``penalty``-strongly convex when f is
convex, so its objective's gap shrinks as ``(1 - 1/sqrt(q))^steps`` (Nesterov 2018, Lectures on
Convex Optimization, scheme 2.2.22).  One step is the plain gradient step.  Cost: a gradient a step.
"""

from typing import Any

from tamis.arrays import Array
from tamis.steps.proximal import Solve, check, check_count, check_point, smoothness_of


def gradient_step(loss: Any, steps: int = 10, smoothness: float | None = None) -> Solve:
    """Return ``solve(v, penalty, x)`` by ``steps`` accelerated gradient steps from ``x``.

    Parameters
    ----------
    loss : with ``gradient`` and ``start``
    steps : int
        1 or more.
    smoothness : float, optional
        A bound L on the largest curvature; ``loss.smoothness()`` if left out.

    Raises
    ------
    ValueError, TypeError
        If ``steps`` is no integer of 1 or more or there is no finite L; in ``solve``, if ``v``
        or ``x`` is not finite or of the loss's shape or the penalty not positive and finite.
    """
    check_count("steps", steps)
    bound = smoothness_of(loss, smoothness)
    shape = tuple(loss.start().shape)

    def solve(v: Array, penalty: float, x: Array) -> Array:
        penalty = check(v, penalty, shape)
        check_point("x", x, shape)
        root = ((bound + penalty) / penalty) ** 0.5
        momentum = (root - 1) / (root + 1)
        y = x
        for _ in range(steps):
            before, x = x, y - (loss.gradient(y) + penalty * (y - v)) / (bound + penalty)
            y = x + momentum * (x - before)
        return x

    return solve
