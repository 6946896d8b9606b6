r"""At most k groups of entries nonzero; the groups share no entry and cover all.

    project:  argmin_z  sum_i M_i (z_i - y_i)^2   subject to  z_g != 0 for at most k groups g

Dropping group g costs ``sum_{i in g} M_i y_i^2``, keeping it costs nothing, so the projection
keeps the k groups of largest weighted norm at their values; ties are kept by lowest label.
O(p) for p entries.  With groups that overlap it is NP-hard (Baldassarre et al., Group-sparse
model selection, IEEE Trans. Inf. Theory 2016), so they are refused.  Checked against all
choices of groups in ``tests/core/test_nonconvex_sets.py``.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from array_api_compat import array_namespace, device, is_array_api_obj

from tamis.arrays import Array, restrict
from tamis.select import keep_largest
from tamis.sets.scores import scores
from tamis.sets.sparse import Sparse
from tamis.sets.vectors import as_numpy


@dataclass(frozen=True, eq=False)
class GroupSparse:
    """Arrays in which at most ``k`` groups of entries are nonzero.

    For the rows, columns or blocks of a matrix see :class:`tamis.sets.Blocks`.

    Parameters
    ----------
    k : int or float
        An int is the number of groups kept; a float in [0, 1] the fraction kept, rounded to
        the nearest count.
    groups : array of int, or list of lists of int
        Either the label of each entry, an array of the shape of y, or for each group of a
        vector the list of its indices.  It is kept as a numpy array of labels 0, 1, ... in
        the order of the labels or lists given.

    Raises
    ------
    ValueError, TypeError
        If ``k`` is out of range or no number, a label or index is no integer, or lists
        overlap, leave an entry out or are empty; on use, if y has another shape than the labels.

    Examples
    --------
    >>> import numpy as np
    >>> GroupSparse(1, [[0, 2], [1, 3]]).project(np.array([3.0, 2.0, 1.0, 4.0]))
    array([0., 2., 0., 4.])
    """

    convex: ClassVar[bool] = False

    k: int | float
    groups: Any
    _count: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        labels = _from_lists(self.groups) if _is_lists(self.groups) else _as_integers("groups", self.groups)
        names, positions = np.unique(labels, return_inverse=True)
        object.__setattr__(self, "groups", positions.reshape(labels.shape))
        object.__setattr__(self, "_count", Sparse(self.k).count(names.size, "groups"))

    def count(self) -> int:
        """Return how many groups may be nonzero."""
        return self._count

    def support(self, y: Array, metric: Array | None = None) -> Array:
        """Return the mask of the groups that the projection of ``y`` keeps, exactly k of them."""
        self._check_shape(y)
        worth = as_numpy(scores(y, metric))
        kept = keep_largest(self._norms(worth), self._count)
        return array_namespace(y).asarray(kept[self.groups], device=device(y))

    def project(self, y: Array, metric: Array | None = None) -> Array:
        """Return the point of the set nearest to ``y``.

        Parameters
        ----------
        y : array of the shape of ``groups``
            Finite.
        metric : like ``y``, optional
            The positive diagonal M; the identity if left out.
        """
        return restrict(y, self.support(y, metric))

    def within(self, support: Array) -> None:
        """Return the set of the kept values: None, as they are free."""
        return None

    def contains(self, y: Array) -> bool:
        """Return whether no more groups of ``y`` than allowed have a nonzero."""
        self._check_shape(y)
        return bool(np.unique(self.groups[as_numpy(y) != 0]).size <= self._count)

    def describe(self) -> str:
        """Return the set in words."""
        return f"at most {self._count} of {self._starts.size} groups nonzero"

    @cached_property
    def _order(self) -> Any:
        """The entries, group by group."""
        return np.argsort(self.groups, axis=None, kind="stable")

    @cached_property
    def _starts(self) -> Any:
        """Where each group begins in that order."""
        return np.unique(self.groups.ravel()[self._order], return_index=True)[1]

    def _norms(self, worth: Any) -> Any:
        """Return the norm of each group; hypot neither overflows nor underflows."""
        return np.hypot.reduceat(worth.ravel()[self._order], self._starts)

    def _check_shape(self, y: Array) -> None:
        if not is_array_api_obj(y):
            raise TypeError(f"y must be an array of the shape of groups, got {type(y).__name__}")
        if tuple(y.shape) != self.groups.shape:
            raise ValueError(f"y must have the shape of groups {self.groups.shape}, got {tuple(y.shape)}")


def _is_lists(groups: Any) -> bool:
    """Tell lists of indices from an array, or a plain list, of labels."""
    return isinstance(groups, list | tuple) and any(isinstance(g, Sequence | np.ndarray) for g in groups)


def _from_lists(lists: Sequence[Any]) -> Any:
    """Return the label of each entry of a vector, the position of its list."""
    members = [_as_integers(f"groups[{i}]", group).ravel() for i, group in enumerate(lists)]
    if empty := [i for i, group in enumerate(members) if not group.size]:
        raise ValueError(f"each group must have an entry, but groups[{empty[0]}] is empty")
    indices = np.concatenate(members)
    if indices.min() < 0:
        raise ValueError(f"groups must hold indices of 0 or more, got {indices.min()}")
    times = np.bincount(indices)
    if times.max() > 1:
        raise ValueError(
            f"groups must not overlap, but entry {times.argmax()} is in {times.max()} of them "
            "(the projection would be NP-hard)"
        )
    if times.min() == 0:
        raise ValueError(
            f"groups must cover every entry, but entry {times.argmin()} is in none; "
            "give it a group of its own"
        )
    labels = np.empty(indices.size, dtype=np.int64)
    labels[indices] = np.repeat(np.arange(len(members)), [group.size for group in members])
    return labels


def _as_integers(name: str, values: Any) -> Any:
    array = np.asarray(values)
    if array.size and array.dtype.kind not in "iu":
        raise TypeError(f"{name} must hold integers, got dtype {array.dtype}")
    return array
