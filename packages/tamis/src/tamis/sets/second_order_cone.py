"""The second-order (Lorentz) cone.

    project:  argmin_(s, w)  (s - t)^2 + |w - v|^2   subject to  |w|_2 <= s

With ``y = (t, v)``: y itself if ``|v| <= t``, zero if ``|v| <= -t``, and otherwise ``a (1, v/|v|)``
with ``a = (t + |v|) / 2`` (Boyd & Parikh, Proximal Algorithms 2014, section 6.3.2).  O(n).
Checked in ``tests/core/test_convex_sets.py``.
"""

from dataclasses import dataclass
from typing import ClassVar

from array_api_compat import array_namespace

from tamis.arrays import Array, norm
from tamis.sets.checks import refuse_metric, require_shape
from tamis.sets.vectors import is_finite, largest, like, tolerance, vector


@dataclass(frozen=True)
class SecondOrderCone:
    """Vectors ``(t, v)`` with ``|v|_2 <= t``; the first entry is t.

    Raises
    ------
    ValueError, TypeError
        On use, if the variable is no finite real vector of at least one entry, or a metric is given.

    Examples
    --------
    >>> import numpy as np
    >>> SecondOrderCone().project(np.array([0.0, 2.0, 0.0]))
    array([1., 1., 0.])
    """

    convex: ClassVar[bool] = True

    def project(self, y: Array, metric: None = None) -> Array:
        """Return the point of the set nearest to ``y``.

        Parameters
        ----------
        y : array, shape (n,)
            Finite, n >= 1.  Integers become float64.
        metric : None
            Refused: the projection in a diagonal metric has no closed form.
        """
        refuse_metric("SecondOrderCone", metric, "the projection on the cone in one has no closed form")
        unit, scale = _scaled(y)
        xp = array_namespace(unit)
        t, v = float(unit[0]), unit[1:]
        length = norm(v)
        if length <= t:
            return like(vector(y), y)
        if length <= -t:
            return like(xp.zeros_like(unit), y)
        head = xp.ones_like(unit[:1])
        return like(scale * (t + length) / 2 * xp.concat([head, v / length]), y)

    def contains(self, y: Array) -> bool:
        """Return whether ``|v| <= t`` up to sqrt(eps) of ``|v|``."""
        if not is_finite(y):
            return False
        unit, _ = _scaled(y)
        return norm(unit[1:]) * (1 - tolerance(y)) <= float(unit[0])

    def describe(self) -> str:
        """Return the set in words."""
        return "vectors whose first entry is at least the norm of the others"


def _scaled(y: Array) -> tuple[Array, float]:
    """Return the vector over its largest magnitude, so that no square overflows, and that magnitude."""
    require_shape(y, (None,), "SecondOrderCone")
    if not y.shape[0]:
        raise ValueError("SecondOrderCone needs at least one entry, got an empty vector")
    flat = vector(y)
    scale = largest(flat) or 1.0
    return flat / scale, scale
