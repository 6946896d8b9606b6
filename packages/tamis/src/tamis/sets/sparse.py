"""At most k nonzeros, in one array or over several under one threshold.

    project:  argmin_z  sum_i M_i (z_i - y_i)^2   subject to  |z|_0 <= k

Dropping entry i costs ``M_i y_i^2``, keeping it costs nothing, so the projection keeps the k
largest ``sqrt(M_i) |y_i|`` at their values (Elsa, arXiv 2510.01650, objective-aware
projection; SAFE, arXiv 2506.06866, generalised projection).  Ties are kept by lowest index,
so that exactly k are kept.  O(n).  Checked against all supports in
``tests/core/test_projection_is_nearest.py``.
"""

from dataclasses import dataclass
from numbers import Integral, Real
from typing import ClassVar

from array_api_compat import array_namespace

from tamis.arrays import Variable, as_list, flatten, restrict, size, unflatten
from tamis.select import keep_largest
from tamis.sets.scores import scores


@dataclass(frozen=True)
class Sparse:
    """Arrays with at most ``k`` nonzeros.

    Parameters
    ----------
    k : int or float
        An int is the number of entries kept; a float in [0, 1] the fraction kept, rounded to
        the nearest count (so to floor or ceil).  With a list of arrays it is the number or
        fraction over all of them together.

    Raises
    ------
    ValueError, TypeError
        If ``k`` is negative, a fraction above 1, NaN or no number; on use, if ``k`` is more
        than there are entries.

    Examples
    --------
    >>> import numpy as np
    >>> Sparse(2).project(np.array([3.0, -1.0, 2.0]))
    array([3., 0., 2.])
    >>> Sparse(0.5).project([np.array([3.0, -1.0]), np.array([2.0, 0.5])])
    [array([3., 0.]), array([2., 0.])]
    """

    convex: ClassVar[bool] = False

    k: int | float

    def __post_init__(self) -> None:
        if isinstance(self.k, bool) or not isinstance(self.k, Integral | Real):
            raise TypeError(f"k must be an int (a count) or a float (a fraction), got {self.k!r}")
        if isinstance(self.k, Integral) and self.k < 0:
            raise ValueError(f"a count k must be 0 or more, got {self.k}")
        if not isinstance(self.k, Integral) and not 0 <= self.k <= 1:
            raise ValueError(f"a fraction k must be in [0, 1], got {self.k}; give a count as an int")

    def count(self, n: int, things: str = "entries") -> int:
        """Return how many of ``n`` entries (or blocks, or groups: ``things``) may be nonzero."""
        k = int(self.k) if isinstance(self.k, Integral) else round(float(self.k) * n)
        if k > n:
            raise ValueError(f"k must be between 0 and the number of {things} ({n}), got {k}")
        return k

    def support(self, y: Variable, metric: Variable | None = None) -> Variable:
        """Return the mask of the entries that the projection of ``y`` keeps, exactly k of them."""
        worth = scores(y, metric)
        return unflatten(keep_largest(flatten(worth), self.count(size(y))), y)

    def project(self, y: Variable, metric: Variable | None = None) -> Variable:
        """Return the point of the set nearest to ``y``.

        Parameters
        ----------
        y : array of any shape, or list of arrays
            Finite.
        metric : like ``y``, optional
            The positive diagonal M; the identity if left out.
        """
        return restrict(y, self.support(y, metric))

    def within(self, support: Variable) -> None:
        """Return the set of the kept values: None, as they are free."""
        return None

    def labels(self, shape: tuple[int, ...]) -> None:
        """Return which entries may take each other's place: None, as any may."""
        return None

    def contains(self, y: Variable) -> bool:
        """Return whether ``y`` has no more nonzeros than allowed."""
        nonzeros = sum(int(array_namespace(a).count_nonzero(a)) for a in as_list(y))
        return nonzeros <= self.count(size(y))

    def describe(self) -> str:
        """Return the set in words."""
        if isinstance(self.k, Integral):
            return f"at most {self.k} nonzeros"
        return f"at most {float(self.k):.4g} of all entries nonzero"
