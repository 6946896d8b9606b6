r"""A set for each array of a list: the Cartesian product.

    project:  argmin_z  sum_j |z_j - y_j|_{M_j}^2   subject to  z_j in S_j for each array j

The arrays are apart, so each is projected on its own set.  Exact if each of them is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tamis.arrays import Variable


@dataclass(frozen=True)
class Product:
    """Lists of arrays, each in a set of its own.

    Parameters
    ----------
    sets : sequence of sets
        One for each array of the variable, in order; at least one.
        :class:`tamis.sets.Everything` leaves an array free.

    Raises
    ------
    ValueError, TypeError
        If there is no set, or one cannot project; on use, if the variable is no list of as
        many arrays, and whatever the sets raise.

    Notes
    -----
    A matrix of low rank whose factors are sparse is a product over the two factors: with f(U, V) a
    loss of ``U V^T``, ``Product((Blocks(a, (1, None)), Sparse(b)))`` allows a nonzero rows of U
    and b nonzeros of V, and the projection is exact, as U and V are variables of their own.  The set of
    the matrices ``U V^T`` themselves has no exact projection that is cheap: for rank 1 and a sparse
    factor it is sparse principal component analysis, which is NP-hard (Magdon-Ismail, Inf. Process.
    Lett. 2017).

    Examples
    --------
    >>> import numpy as np
    >>> from tamis.sets import Blocks, Sparse
    >>> factors = [np.array([[1.0], [2.0]]), np.array([[3.0], [4.0]])]
    >>> U, V = Product((Blocks(1, (1, None)), Sparse(1))).project(factors)
    >>> U @ V.T
    array([[0., 0.],
           [0., 8.]])
    """

    sets: Sequence[Any]

    def __post_init__(self) -> None:
        if not isinstance(self.sets, list | tuple):
            raise TypeError(f"sets must be a list or tuple of sets, got {self.sets!r}")
        if not self.sets:
            raise ValueError("sets must hold at least one set, got none")
        for i, one in enumerate(self.sets):
            if isinstance(one, type) or not callable(getattr(one, "project", None)):
                raise TypeError(f"sets[{i}] must be a set such as Sparse(k), got {one!r}")
        object.__setattr__(self, "sets", tuple(self.sets))

    @property
    def convex(self) -> bool:
        """Whether all the sets are convex."""
        return all(one.convex for one in self.sets)

    def project(self, y: Variable, metric: Variable | None = None) -> Variable:
        """Return the point of the set nearest to ``y``.

        Parameters
        ----------
        y : list of arrays
            One for each set.
        metric : list, optional
            For each array a positive diagonal like it, or None.
        """
        self._check("y", y)
        if metric is None:
            metric = [None] * len(self.sets)
        self._check("metric", metric)
        return [one.project(a, m) for one, a, m in zip(self.sets, y, metric, strict=True)]

    def contains(self, y: Variable) -> bool:
        """Return whether each array of ``y`` is in its set."""
        self._check("y", y)
        return all(one.contains(array) for one, array in zip(self.sets, y, strict=True))

    def describe(self) -> str:
        """Return the set in words."""
        return "; ".join(f"array {i}: {one.describe()}" for i, one in enumerate(self.sets))

    def _check(self, name: str, variable: Variable) -> None:
        n = len(self.sets)
        if not isinstance(variable, list | tuple) or len(variable) != n:
            is_list = isinstance(variable, list | tuple)
            got = f"a list of {len(variable)}" if is_list else type(variable).__name__
            raise ValueError(f"{name} must be a list of {n} arrays, one for each set, got {got}")
