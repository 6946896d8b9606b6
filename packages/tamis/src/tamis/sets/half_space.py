"""One linear inequality.

    project:  argmin_z  sum_i M_i (z_i - y_i)^2   subject to  sum_i a_i z_i <= beta

Outside, ``z = y - e / (sum a^2 / M)  M^-1 a`` with the excess ``e = a.y - beta > 0``: the point
of the boundary plane nearest to y.  It is done twice, as one step of iterative refinement.
O(n).  Checked in ``tests/core/test_convex_sets.py``.
"""

import math
from dataclasses import dataclass
from numbers import Real
from typing import ClassVar

from array_api_compat import array_namespace

from tamis.arrays import Array, require_finite, size
from tamis.sets.checks import require_shape
from tamis.sets.vectors import as_numpy, from_numpy, is_finite, like, tolerance, vector, vectors


@dataclass(frozen=True, eq=False)
class HalfSpace:
    """Arrays x with ``sum(a * x) <= beta``.

    Parameters
    ----------
    a : array of any shape
        Finite, at least one entry.
    beta : float
        Finite.

    Raises
    ------
    ValueError, TypeError
        If an entry is not finite and real, or ``a`` is zero and ``beta`` negative, so that no x
        is left; on use, if the variable has another shape than ``a``.

    Examples
    --------
    >>> import numpy as np
    >>> HalfSpace(np.array([1.0, 1.0]), 1.0).project(np.array([2.0, 1.0]))
    array([1., 0.])
    """

    convex: ClassVar[bool] = True

    a: Array
    beta: float

    def __post_init__(self) -> None:
        require_finite("a", self.a)
        if not size(self.a):
            raise ValueError("a must have at least one entry, got none")
        if isinstance(self.beta, bool) or not isinstance(self.beta, Real):
            raise TypeError(f"beta must be a real number, got {self.beta!r}")
        if not math.isfinite(float(self.beta)):
            raise ValueError(f"beta must be finite, got {self.beta}")
        if self.beta < 0 and not as_numpy(self.a).any():
            raise ValueError(f"a.x <= beta is infeasible: a is zero and beta is {self.beta}")

    def project(self, y: Array, metric: Array | None = None) -> Array:
        """Return the point of the set nearest to ``y``.

        Parameters
        ----------
        y : array of the shape of ``a``
            Finite.  Integers become float64.
        metric : like ``y``, optional
            The positive diagonal M; the identity if left out.
        """
        require_shape(y, tuple(self.a.shape), "HalfSpace")
        z, diagonal = vectors(y, metric)
        xp = array_namespace(z)
        a, beta = self._normalised(y)
        step = a if diagonal is None else a / (diagonal / xp.max(diagonal))
        for _ in range(2):
            excess = float(a @ z) - beta
            if excess > 0:
                z = z - step * (excess / float(a @ step))
        return like(z, y)

    def contains(self, y: Array) -> bool:
        """Return whether ``a.y <= beta`` up to sqrt(eps) of ``|beta|`` and of ``sum |a_i y_i|``."""
        if not is_finite(y):
            return False
        require_shape(y, tuple(self.a.shape), "HalfSpace")
        flat = vector(y)
        a, beta = self._normalised(y)
        terms = a * flat
        xp = array_namespace(terms)
        return float(xp.sum(terms)) - beta <= tolerance(y) * max(abs(beta), float(xp.sum(xp.abs(terms))))

    def describe(self) -> str:
        """Return the set in words."""
        return f"one linear inequality with the bound {float(self.beta):.4g}"

    def _normalised(self, y: Array) -> tuple[Array, float]:
        """Return a and beta over the largest ``|a_i|``, with a as a vector of the library of ``y``."""
        a = as_numpy(self.a).reshape(-1)
        scale = abs(a).max() or 1.0
        return from_numpy(a / scale, y), float(self.beta / scale)
