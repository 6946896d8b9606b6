"""Isotonic regression: entries in rising (or falling) order.

    project:  argmin_z  sum_i M_i (z_i - y_i)^2   subject to  z_1 <= z_2 <= ... <= z_n

The pool-adjacent-violators algorithm of ``scipy.optimize.isotonic_regression``, O(n), in double
precision by numpy; arrays of other libraries go there and back.  Checked in
``tests/core/test_convex_sets.py``.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from array_api_compat import array_namespace

from tamis.arrays import Array
from tamis.sets.checks import require_shape
from tamis.sets.vectors import as_numpy, from_numpy, is_finite, like, tolerance, vector, vectors


@dataclass(frozen=True)
class Monotone:
    """Vectors whose entries never fall, or never rise if ``increasing`` is false.

    Raises
    ------
    TypeError
        If ``increasing`` is no bool.
    ValueError
        On use, if the variable is no finite real vector.

    Examples
    --------
    >>> import numpy as np
    >>> Monotone().project(np.array([1.0, 3.0, 2.0, 4.0]))
    array([1. , 2.5, 2.5, 4. ])
    """

    convex: ClassVar[bool] = True

    increasing: bool = True

    def __post_init__(self) -> None:
        if not isinstance(self.increasing, bool):
            raise TypeError(f"increasing must be True or False, got {self.increasing!r}")

    def project(self, y: Array, metric: Array | None = None) -> Array:
        """Return the point of the set nearest to ``y``.

        Parameters
        ----------
        y : array, shape (n,)
            Finite.  Integers become float64.
        metric : like ``y``, optional
            The positive diagonal M; the identity if left out.
        """
        from scipy.optimize import isotonic_regression  # slow to import

        require_shape(y, (None,), "Monotone")
        flat, diagonal = vectors(y, metric)
        if not y.shape[0]:
            return like(flat, y)
        weights = None if diagonal is None else as_numpy(diagonal)
        fit = isotonic_regression(as_numpy(flat), weights=weights, increasing=self.increasing)
        return like(from_numpy(np.ascontiguousarray(fit.x), y), y)

    def contains(self, y: Array) -> bool:
        """Return whether the entries are in order, up to sqrt(eps) of the larger of two neighbours."""
        if not is_finite(y):
            return False
        require_shape(y, (None,), "Monotone")
        if y.shape[0] < 2:
            return True
        flat = vector(y) if self.increasing else -vector(y)
        xp = array_namespace(flat)
        before, after = flat[:-1], flat[1:]
        size = xp.maximum(xp.abs(before), xp.abs(after))
        return bool(xp.all(after - before >= -tolerance(y) * size))

    def describe(self) -> str:
        """Return the set in words."""
        return "entries in rising order" if self.increasing else "entries in falling order"
