r"""At most k nonzeros, each between its bounds.

    project:  argmin_z  sum_i M_i (z_i - y_i)^2   subject to  |z|_0 <= k,  lower <= z <= upper

with ``lower <= 0 <= upper``.  A kept entry goes to ``c_i = min(max(y_i, lower_i), upper_i)``, and
to keep it rather than to drop it gains ``M_i (y_i^2 - (y_i - c_i)^2) = M_i c_i (2 y_i - c_i) >= 0``.
So the projection keeps the k entries of largest gain, clipped; ties are kept by lowest index.
The k largest ``|y_i|``, then clipped, would be wrong: a large entry may have to give up more
(Beck & Hallak, Math. Oper. Res. 2016).  O(n).  Checked against all supports in
``tests/core/test_nonconvex_sets.py``.
"""

import math
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from array_api_compat import array_namespace

from tamis.arrays import Array, Variable, as_list, each, flatten, restrict, size, unflatten, widen
from tamis.select import keep_largest
from tamis.sets.box import Box
from tamis.sets.scores import scores
from tamis.sets.sparse import Sparse


@dataclass(frozen=True, eq=False)
class SparseBox:
    """Arrays with at most ``k`` nonzeros and every entry between ``lower`` and ``upper``.

    Parameters
    ----------
    k : int or float
        A count, or a fraction in [0, 1] of all entries, as in :class:`tamis.sets.Sparse`.
    lower, upper : float, array, or list of these
        The bounds, as in :class:`tamis.sets.Box`; ``lower <= 0 <= upper``.

    Raises
    ------
    ValueError, TypeError
        If ``k`` or a bound is out of range, NaN or no number, or zero is not between the
        bounds; on use, if ``k`` is more than there are entries or a bound has another shape.

    Examples
    --------
    >>> import numpy as np
    >>> SparseBox(1, -1, 1).project(np.array([-0.9, 5.0]))
    array([0., 1.])
    >>> SparseBox(1, -5, 1).project(np.array([-2.0, 2.1]))  # the larger one would lose more by its bound
    array([-2.,  0.])
    """

    convex: ClassVar[bool] = False

    k: int | float
    lower: Any = -math.inf
    upper: Any = math.inf
    _box: Box = field(init=False, repr=False)

    def __post_init__(self) -> None:
        Sparse(self.k)
        box = Box(self.lower, self.upper)
        for name, value in (("_box", box), ("lower", box.lower), ("upper", box.upper)):
            object.__setattr__(self, name, value)
        for low in as_list(box.lower):
            if np.any(np.asarray(low) > 0):
                raise ValueError(
                    f"lower must be 0 or less, as entries off the support are 0, got {np.max(low)}"
                )
        for high in as_list(box.upper):
            if np.any(np.asarray(high) < 0):
                raise ValueError(
                    f"upper must be 0 or more, as entries off the support are 0, got {np.min(high)}"
                )

    def support(self, y: Variable, metric: Variable | None = None) -> Variable:
        """Return the mask of the k entries that gain most by being kept (some may gain nothing)."""
        scores(y, metric)
        gains = each(_gain, y, self._box.project(y))
        if metric is not None:
            gains = each(lambda g, m: g * array_namespace(m).sqrt(widen(m)), gains, metric)
        return unflatten(keep_largest(flatten(gains), Sparse(self.k).count(size(y))), y)

    def project(self, y: Variable, metric: Variable | None = None) -> Variable:
        """Return the point of the set nearest to ``y``.

        Parameters
        ----------
        y : array of any shape, or list of arrays
            Finite.  Integers become float64.
        metric : like ``y``, optional
            The positive diagonal M; the identity if left out.
        """
        return restrict(self._box.project(y), self.support(y, metric))

    def within(self, support: Variable) -> Box:
        """Return the box of the vector of the kept entries, in the order of their indices."""
        if isinstance(self.lower, float) and isinstance(self.upper, float):
            return self._box
        masks = [np.asarray(mask) for mask in as_list(support)]
        return Box(_bounds_of(self.lower, masks), _bounds_of(self.upper, masks))

    def labels(self, shape: tuple[int, ...]) -> None:
        """Return which entries may take each other's place: None, as any may."""
        return None

    def contains(self, y: Variable) -> bool:
        """Return whether ``y`` has no more nonzeros than allowed, and all within the bounds."""
        return Sparse(self.k).contains(y) and self._box.contains(y)

    def describe(self) -> str:
        """Return the set in words."""
        return f"{Sparse(self.k).describe()} and {self._box.describe()}"


def SparseNonnegative(k: int | float) -> SparseBox:
    """Return the set of arrays with at most ``k`` nonzeros, none negative: ``SparseBox(k, 0, inf)``.

    Examples
    --------
    >>> import numpy as np
    >>> SparseNonnegative(1).project(np.array([-3.0, 1.0, 2.0]))
    array([0., 0., 2.])
    """
    return SparseBox(k, 0.0, math.inf)


def _gain(y: Array, clipped: Array) -> Array:
    """Return ``sqrt(c (y - c/2))``, whose order is that of ``c (2 y - c)`` without its overflow."""
    xp = array_namespace(y)
    y, clipped = widen(y), widen(clipped)
    return xp.sqrt(xp.abs(clipped)) * xp.sqrt(xp.abs(y - clipped / 2))


def _bounds_of(bound: Any, masks: list[Any]) -> Any:
    """Return a bound for each kept entry of all arrays, in one vector."""
    parts = bound if isinstance(bound, list) else [bound] * len(masks)
    return np.concatenate(
        [np.broadcast_to(part, mask.shape)[mask] for part, mask in zip(parts, masks, strict=True)]
    )
