"""How curved a loss is, from gradients alone: the scale of a penalty when nothing else is known."""

from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

from tamis.arrays import Array, norm, size

PROBES = 3


def mean_curvature(loss: Any, x: Array, probes: int = PROBES) -> float:
    """Return about ``trace(H)/p`` at ``x``, positive: Hutchinson's estimate by gradient differences.

    The mean of ``v^T H v / p`` over random signs v, each from the difference of two gradients a
    short step apart; exact in expectation for a quadratic.  1.0 if no curvature is seen.
    """
    rng, xp = np.random.default_rng(0), array_namespace(x)
    step = max(1e-4 * norm(x) / size(x) ** 0.5, 1e-4)
    before, total = loss.gradient(x), 0.0
    for _ in range(probes):
        signs = rng.choice([-1.0, 1.0], size=tuple(x.shape))
        v = xp.asarray(signs, dtype=x.dtype, device=device(x))
        total += float(xp.sum(v * (loss.gradient(x + step * v) - before))) / step
    mean = total / probes / max(1, size(x))
    return mean if 0 < mean < float("inf") else 1.0
