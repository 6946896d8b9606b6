r"""Entries from a finite alphabet: 0 or 1, quantised levels, and k ones among zeros.

    project:  argmin_z  sum_i M_i (z_i - y_i)^2   subject to  z_i in values           (Levels, Binary)

The entries are apart, so whatever the metric each goes to its nearest level; half-way to the
lower one.  O(n log levels).

    project:  argmin_z  sum_i M_i (z_i - y_i)^2   subject to  z_i in {0, 1},  sum z = k        (KHot)

To set entry i to 1 rather than 0 costs ``M_i (1 - 2 y_i)``, so the k entries of largest
``M_i (y_i - 1/2)`` are 1; ties by lowest index.  O(n).  Both are checked against all points of the
set in ``tests/core/test_nonconvex_sets.py``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import ClassVar

from array_api_compat import array_namespace, is_array_api_obj

from tamis.arrays import Array, Variable, require_integer, size
from tamis.select import keep_largest
from tamis.sets.vectors import as_numpy, from_numpy, is_finite, like, vector, vectors


@dataclass(frozen=True)
class Levels:
    """Arrays whose every entry is one of ``values``.

    Parameters
    ----------
    values : sequence of float
        At least one, finite, in any order; kept as a sorted tuple without repetition.

    Raises
    ------
    ValueError, TypeError
        If there is no value, or one is not finite and real.

    Examples
    --------
    >>> import numpy as np
    >>> Levels((-1, 0, 1)).project(np.array([0.2, -7.0, 0.6]))
    array([ 0., -1.,  1.])
    """

    convex: ClassVar[bool] = False

    values: Sequence[float]

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", _levels(self.values))

    def project(self, y: Variable, metric: Variable | None = None) -> Variable:
        """Return the point of the set nearest to ``y``, which is the same in every metric.

        Parameters
        ----------
        y : array of any shape, or list of arrays
            Finite.  Integers become float64.
        metric : like ``y``, optional
            The positive diagonal M; it is checked and has no effect.
        """
        return like(self._nearest(vectors(y, metric)[0]), y)

    def contains(self, y: Variable) -> bool:
        """Return whether every entry is exactly a level, as rounded to its type."""
        if not is_finite(y):
            return False
        flat = vector(y)
        xp = array_namespace(flat)
        return bool(xp.all(flat == vector(like(self._nearest(flat), y))))

    def describe(self) -> str:
        """Return the set in words."""
        if len(self.values) > 8:
            return f"every entry one of {len(self.values)} levels"
        return f"every entry one of {', '.join(f'{value:.4g}' for value in self.values)}"

    def _nearest(self, flat: Array) -> Array:
        """Return the nearer of the levels below and above each entry; beyond the ends both are the last."""
        xp = array_namespace(flat)
        levels = from_numpy(self.values, flat)
        above = xp.searchsorted(levels, flat)
        last = len(self.values) - 1
        low = xp.take(levels, xp.clip(above - 1, 0, last))
        high = xp.take(levels, xp.clip(above, 0, last))
        return xp.where(flat - low <= high - flat, low, high)


def Binary() -> Levels:
    """Return the set of arrays whose every entry is 0 or 1: ``Levels((0, 1))``."""
    return Levels((0.0, 1.0))


@dataclass(frozen=True)
class KHot:
    """Arrays with exactly ``k`` ones, all other entries 0.

    Parameters
    ----------
    k : int
        0 or more; with a list of arrays, the number over all of them.

    Raises
    ------
    ValueError, TypeError
        If ``k`` is negative or no integer; on use, if ``k`` is more than there are entries.

    Examples
    --------
    >>> import numpy as np
    >>> KHot(2).project(np.array([0.3, 5.0, -1.0, 0.3]))
    array([1., 1., 0., 0.])
    """

    convex: ClassVar[bool] = False

    k: int

    def __post_init__(self) -> None:
        require_integer("k", self.k)
        if self.k < 0:
            raise ValueError(f"k must be 0 or more, got {self.k}")

    def project(self, y: Variable, metric: Variable | None = None) -> Variable:
        """Return the point of the set nearest to ``y``.

        Parameters
        ----------
        y : array of any shape, or list of arrays
            Finite.  Integers become float64.
        metric : like ``y``, optional
            The positive diagonal M; the identity if left out.
        """
        flat, diagonal = vectors(y, metric)
        self._check(y)
        worth = flat if diagonal is None else _worth(flat, diagonal)
        mask = keep_largest(worth, int(self.k))
        return like(array_namespace(flat).astype(mask, flat.dtype), y)

    def contains(self, y: Variable) -> bool:
        """Return whether ``y`` has exactly k ones and else zeros."""
        self._check(y)
        flat = vector(y)
        xp = array_namespace(flat)
        ones = int(xp.count_nonzero(flat == 1))
        return ones == self.k and ones + int(xp.count_nonzero(flat == 0)) == size(y)

    def describe(self) -> str:
        """Return the set in words."""
        return f"exactly {self.k} ones, all else 0"

    def _check(self, y: Variable) -> None:
        if self.k > size(y):
            raise ValueError(f"k must be between 0 and the number of entries ({size(y)}), got {self.k}")


def _worth(flat: Array, metric: Array) -> Array:
    """Return the signed root of ``M (y - 1/2)``: the same order, without overflow."""
    xp = array_namespace(flat)
    excess = flat - 0.5
    return xp.sign(excess) * xp.sqrt(xp.abs(excess)) * xp.sqrt(metric)


def _levels(values: Sequence[float]) -> tuple[float, ...]:
    if is_array_api_obj(values):
        values = as_numpy(values).ravel().tolist()
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise TypeError(f"values must be a sequence of real numbers, got {values!r}")
    for value in values:
        if isinstance(value, bool) or not isinstance(value, Real):
            raise TypeError(f"values must be real numbers, got {value!r}")
        if not math.isfinite(value):
            raise ValueError(f"values must be finite, got {value}")
    if not values:
        raise ValueError("values must hold at least one level, got none")
    return tuple(sorted({float(value) for value in values}))
