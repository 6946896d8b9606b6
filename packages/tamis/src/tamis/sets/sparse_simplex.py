r"""At most k nonzeros, nonnegative, with a given sum: sparse portfolios and mixtures.

    project:  argmin_z  |z - y|^2   subject to  |z|_0 <= k,  z >= 0,  sum_i z_i = total

The k largest entries, by value and not by magnitude, are projected on the simplex (Kyrillidis,
Becker, Cevher & Koch, Sparse projections onto the simplex, ICML 2013, arXiv 1206.1529); ties are
kept by lowest index.  In a metric the best support is not given by an order of the entries, so
one is refused.  O(n + k log k).  Checked against all supports in
``tests/core/test_nonconvex_sets.py``.
"""

from dataclasses import dataclass
from typing import ClassVar

from array_api_compat import array_namespace, device

from tamis.arrays import Array, Variable, size, unflatten
from tamis.select import keep_largest
from tamis.sets.checks import refuse_metric
from tamis.sets.simplex import Simplex, onto_simplex
from tamis.sets.sparse import Sparse
from tamis.sets.vectors import like, vectors


@dataclass(frozen=True)
class SparseSimplex:
    """Arrays with at most ``k`` nonzeros, all of them positive, that sum to ``total``.

    Parameters
    ----------
    k : int or float
        A count, or a fraction in [0, 1] of all entries, as in :class:`tamis.sets.Sparse`.
    total : float
        Finite and 0 or more.

    Raises
    ------
    ValueError, TypeError
        If ``k`` or ``total`` is out of range or no number; if the set is empty, as ``k`` is 0
        and ``total`` is not; on use, if a metric is given or ``k`` is more than there are entries.

    Examples
    --------
    >>> import numpy as np
    >>> SparseSimplex(2).project(np.array([0.5, -2.0, 0.25, 0.5]))
    array([0.5, 0. , 0. , 0.5])
    """

    convex: ClassVar[bool] = False

    k: int | float
    total: float = 1.0

    def __post_init__(self) -> None:
        Sparse(self.k)
        Simplex(self.total)
        if self.k == 0:
            self._count(0)

    def support(self, y: Variable, metric: Variable | None = None) -> Variable:
        """Return the mask of the k entries that the projection of ``y`` may keep (some may become 0)."""
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
        return like(_spread(onto_simplex(flat[mask], None, float(self.total)), mask), y)

    def within(self, support: Variable) -> Simplex:
        """Return the set of the kept values: a simplex."""
        return Simplex(self.total)

    def labels(self, shape: tuple[int, ...]) -> None:
        """Return which entries may take each other's place: None, as any may."""
        return None

    def contains(self, y: Variable) -> bool:
        """Return whether ``y`` has no more nonzeros than allowed and is in the simplex."""
        return Sparse(self.k).contains(y) and Simplex(self.total).contains(y)

    def describe(self) -> str:
        """Return the set in words."""
        return f"{Sparse(self.k).describe()} and {Simplex(self.total).describe()}"

    def _mask(self, y: Variable, metric: Variable | None) -> tuple[Array, Array]:
        """Return the entries of ``y`` as a vector, and which are kept."""
        refuse_metric("SparseSimplex", metric, "the best support is a combinatorial problem in one")
        flat, _ = vectors(y)
        return flat, keep_largest(flat, self._count(size(y)))

    def _count(self, n: int) -> int:
        k = Sparse(self.k).count(n)
        if k == 0 and self.total > 0:
            raise ValueError(f"the set is empty: k = {self.k} allows no nonzero, but total is {self.total}")
        return k


def _spread(values: Array, mask: Array) -> Array:
    """Return a vector that is ``values`` in turn where ``mask`` is true, and 0 elsewhere."""
    xp = array_namespace(values)
    padded = xp.concat([values, xp.zeros(1, dtype=values.dtype, device=device(values))])
    turn = xp.cumulative_sum(xp.astype(mask, xp.int64)) - 1
    return xp.take(padded, xp.where(mask, turn, values.shape[0]))
