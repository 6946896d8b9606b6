"""At most n nonzeros in every m consecutive entries along an axis (2:4, 4:8, ...).

    project:  argmin_z  sum_i M_i (z_i - y_i)^2   subject to  each group of m has <= n nonzeros

The groups are apart, so each keeps its n largest ``sqrt(M_i) |y_i|``; ties are kept by lowest
index.  An entry's rank in its group is counted by m comparisons, so O(m) an entry, without a
sort.  Checked against all supports in ``tests/core/test_projection_is_nearest.py``.
"""

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from array_api_compat import array_namespace, device

from tamis.arrays import Array, Variable, as_list, each, require_integer, restrict
from tamis.sets.scores import scores


@dataclass(frozen=True)
class NofM:
    """Arrays with at most ``n`` nonzeros in every ``m`` consecutive entries along ``axis``.

    Parameters
    ----------
    n, m : int
        0 <= n <= m and m >= 1.
    axis : int
        The axis that is cut into groups; its length must be a multiple of ``m``.

    Raises
    ------
    ValueError, TypeError
        If n and m are out of range or no integers; on use, if the array lacks the axis or m
        does not divide its length.

    Examples
    --------
    >>> import numpy as np
    >>> NofM(1, 2).project(np.array([3.0, -1.0, 0.5, 2.0]))
    array([3., 0., 0., 2.])
    """

    convex: ClassVar[bool] = False

    n: int
    m: int
    axis: int = -1

    def __post_init__(self) -> None:
        for name in ("n", "m", "axis"):
            require_integer(name, getattr(self, name))
        if not (self.m >= 1 and 0 <= self.n <= self.m):
            raise ValueError(f"n of m needs 0 <= n <= m and m >= 1, got n={self.n}, m={self.m}")

    def support(self, y: Variable, metric: Variable | None = None) -> Variable:
        """Return the mask of the entries that the projection of ``y`` keeps, exactly n a group."""
        return each(self._mask, scores(y, metric))

    def project(self, y: Variable, metric: Variable | None = None) -> Variable:
        """Return the point of the set nearest to ``y``.

        Parameters
        ----------
        y : array with the axis, or list of such arrays
            Finite.
        metric : like ``y``, optional
            The positive diagonal M; the identity if left out.
        """
        return restrict(y, self.support(y, metric))

    def within(self, support: Variable) -> None:
        """Return the set of the kept values: None, as they are free."""
        return None

    def labels(self, shape: tuple[int, ...]) -> Array:
        """Return the number of each entry's group, shape (p,): entries of one group may take turns."""
        index = np.arange(math.prod(shape)).reshape(shape)
        groups = self._groups(index).reshape(-1, self.m)
        labels = np.empty(index.size, dtype=np.int64)
        labels[groups] = np.arange(groups.shape[0])[:, None]
        return labels

    def contains(self, y: Variable) -> bool:
        """Return whether every group of ``y`` has at most ``n`` nonzeros."""
        return all(self._counts_fit(array) for array in as_list(y))

    def describe(self) -> str:
        """Return the set in words."""
        return f"at most {self.n} of every {self.m} entries along axis {self.axis} nonzero"

    def _mask(self, score: Array) -> Array:
        """Return which entries have fewer than n rivals: greater ones, or equal ones before them."""
        xp = array_namespace(score)
        groups = self._groups(score)
        rank = xp.zeros(groups.shape, dtype=xp.int32, device=device(score))
        index = xp.arange(self.m, device=device(score))
        for j in range(self.m):
            rival = groups[..., j : j + 1]
            rank = rank + xp.astype((rival > groups) | ((rival == groups) & (index > j)), xp.int32)
        shape = xp.moveaxis(score, self.axis, -1).shape
        return xp.moveaxis(xp.reshape(rank < self.n, shape), -1, self.axis)

    def _counts_fit(self, array: Array) -> bool:
        xp = array_namespace(array)
        counts = xp.sum(xp.astype(self._groups(array) != 0, xp.int32), axis=-1)
        return bool(xp.all(counts <= self.n))

    def _groups(self, array: Array) -> Array:
        """Return the array with its axis last and cut into groups: shape (..., groups, m)."""
        if not -array.ndim <= self.axis < array.ndim:
            raise ValueError(f"axis {self.axis} is not one of an array of shape {tuple(array.shape)}")
        xp = array_namespace(array)
        length = array.shape[self.axis]
        if length % self.m:
            raise ValueError(
                f"{self.n}:{self.m} needs an axis whose length is a multiple of {self.m}, "
                f"got {length} (axis {self.axis} of shape {tuple(array.shape)})"
            )
        moved = xp.moveaxis(array, self.axis, -1)
        return xp.reshape(moved, (*moved.shape[:-1], length // self.m, self.m))
