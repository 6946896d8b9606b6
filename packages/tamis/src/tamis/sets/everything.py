"""All arrays: no constraint, so that an unconstrained part needs no special case in a product.

project:  argmin_z  sum_i M_i (z_i - y_i)^2   which is  z = y
"""

from dataclasses import dataclass
from typing import ClassVar

from array_api_compat import array_namespace

from tamis.arrays import Variable, each
from tamis.sets.scores import scores
from tamis.sets.vectors import is_finite


@dataclass(frozen=True)
class Everything:
    """All finite arrays.

    Examples
    --------
    >>> import numpy as np
    >>> Everything().project(np.array([3.0, -2.0]))
    array([ 3., -2.])
    """

    convex: ClassVar[bool] = True

    def project(self, y: Variable, metric: Variable | None = None) -> Variable:
        """Return a copy of ``y``, array or list of arrays, which must be finite."""
        scores(y, metric)
        return each(lambda array: array_namespace(array).asarray(array, copy=True), y)

    def contains(self, y: Variable) -> bool:
        """Return whether ``y`` is finite."""
        return is_finite(y)

    def describe(self) -> str:
        """Return the set in words."""
        return "no constraint"
