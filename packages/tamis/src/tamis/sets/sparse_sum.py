r"""At most k nonzeros with a given sum.

    project:  argmin_z  |z - y|^2   subject to  |z|_0 <= k,  sum_i z_i = total

On a support S of k entries the best z is ``y_S - t``, with ``t = (sum_S y - total) / k``, at a
distance ``sum of y_i^2 off S + k t^2``.  Which S?  Let entry i leave it and j enter.  The squared
distance then falls by ``(y_j - t)^2 - (y_i - t)^2 - (y_j - y_i)^2 / k``, a convex function of y_j
that is 0 at y_j = y_i.  So if S holds an entry i between two outsiders, one of these can take its
place at no loss: some best S is the j largest entries with the k - j smallest.  From j to j + 1 the
entry a enters at the top and b leaves at the bottom, and the distance falls if

    B_j = (1 - 1/k) (a - b) + 2 (b - t) > 0.

As j grows, a and b do not grow and t does not fall, so ``B_j = (1 - 1/k) a + (1 + 1/k) b - 2 t``
does not grow: j is the number of positive B_j.  O(n log n) by one sort; Kyrillidis, Becker, Cevher
& Koch (ICML 2013, arXiv 1206.1529) select greedily for the same set.  In a metric the exchange has
no such order, so one is refused.  Checked against all supports in
``tests/core/test_nonconvex_sets.py``.
"""

import math
from dataclasses import dataclass
from numbers import Real
from typing import ClassVar

import numpy as np
from array_api_compat import array_namespace

from tamis.arrays import Array, Variable, as_list, size, unflatten
from tamis.select import keep_largest
from tamis.sets.affine import Affine
from tamis.sets.checks import refuse_metric
from tamis.sets.sparse import Sparse
from tamis.sets.vectors import is_finite, like, tolerance, vector, vectors


@dataclass(frozen=True)
class SparseSum:
    """Arrays with at most ``k`` nonzeros, of either sign, that sum to ``total``.

    Parameters
    ----------
    k : int or float
        A count, or a fraction in [0, 1] of all entries, as in :class:`tamis.sets.Sparse`.
    total : float
        Finite.

    Raises
    ------
    ValueError, TypeError
        If ``k`` or ``total`` is out of range or no number; if the set is empty, as ``k`` is 0
        and ``total`` is not; on use, if a metric is given or ``k`` is more than there are entries.

    Examples
    --------
    >>> import numpy as np
    >>> SparseSum(2, 0.0).project(np.array([2.0, -1.0, 1.0, -4.0]))
    array([ 3.,  0.,  0., -3.])
    """

    convex: ClassVar[bool] = False

    k: int | float
    total: float = 1.0

    def __post_init__(self) -> None:
        Sparse(self.k)
        if isinstance(self.total, bool) or not isinstance(self.total, Real):
            raise TypeError(f"total must be a real number, got {self.total!r}")
        if not math.isfinite(self.total):
            raise ValueError(f"total must be finite, got {self.total}")
        if self.k == 0:
            self._count(0)

    def support(self, y: Variable, metric: Variable | None = None) -> Variable:
        """Return the mask of the k entries that the projection of ``y`` keeps and shifts."""
        return unflatten(self._mask(y, metric)[1], y)

    def project(self, y: Variable, metric: Variable | None = None) -> Variable:
        """Return the point of the set nearest to ``y``.

        Parameters
        ----------
        y : array of any shape, or list of arrays
            Finite.  Integers become float64.
        metric : None
            Refused.
        """
        flat, mask = self._mask(y, metric)
        xp = array_namespace(flat)
        if not bool(xp.any(mask)):
            return like(xp.zeros_like(flat), y)
        from_first = flat - flat[mask][0]  # so that a large common part is not lost to rounding
        shift = xp.mean(from_first[mask])
        part = float(self.total) / from_first[mask].shape[0]
        return like(xp.where(mask, from_first - shift + part, xp.zeros_like(flat)), y)

    def within(self, support: Variable) -> Affine | None:
        """Return the set of the vector of the kept values, those of the given sum; None if none is kept."""
        kept = sum(int(array_namespace(mask).count_nonzero(mask)) for mask in as_list(support))
        if kept == 0:
            return None
        return Affine(np.ones((1, kept)), np.asarray([float(self.total)]))

    def labels(self, shape: tuple[int, ...]) -> None:
        """Return which entries may take each other's place: None, as any may."""
        return None

    def contains(self, y: Variable) -> bool:
        """Return whether ``y`` has no more nonzeros than allowed and the right sum, up to rounding.

        That is up to sqrt(eps) of the total or of the sum of magnitudes, whichever is larger.
        """
        if not is_finite(y) or not Sparse(self.k).contains(y):
            return False
        flat = vector(y)
        xp = array_namespace(flat)
        scale = max(abs(self.total), float(xp.sum(xp.abs(flat))))
        return abs(float(xp.sum(flat)) - self.total) <= tolerance(y) * scale

    def describe(self) -> str:
        """Return the set in words."""
        return f"{Sparse(self.k).describe()} and sum {self.total:.4g}"

    def _mask(self, y: Variable, metric: Variable | None) -> tuple[Array, Array]:
        """Return the entries of ``y`` as a vector, and which are kept."""
        refuse_metric("SparseSum", metric, "the best support is a combinatorial problem in one")
        flat, _ = vectors(y)
        k = self._count(size(y))
        return flat, _two_ends(flat, k, _number_at_top(flat, k, float(self.total)))

    def _count(self, n: int) -> int:
        k = Sparse(self.k).count(n)
        if k == 0 and self.total != 0:
            raise ValueError(f"the set is empty: k = {self.k} allows no nonzero, but total is {self.total}")
        return k


def _number_at_top(flat: Array, k: int, total: float) -> int:
    """Return j, how many of the k kept are the largest; the others are the smallest."""
    if k == 0:
        return 0
    xp = array_namespace(flat)
    rising = xp.sort(flat)
    entering, leaving = xp.flip(rising)[:k], xp.flip(rising[:k])  # a and b for j = 0 ... k - 1
    top = xp.cumulative_sum(entering) - entering  # the sum of the j largest
    bottom = xp.flip(xp.cumulative_sum(rising[:k]))  # the sum of the k - j smallest
    gap = leaving - (top + bottom) / k + total / k  # b - t
    return int(xp.count_nonzero((1 - 1 / k) * (entering - leaving) + 2 * gap > 0))


def _two_ends(flat: Array, k: int, j: int) -> Array:
    """Return the mask of the ``j`` largest and the ``k - j`` smallest, ties by lowest index."""
    xp = array_namespace(flat)
    top = keep_largest(flat, j)
    return top | keep_largest(xp.where(top, -math.inf, -flat), k - j)
