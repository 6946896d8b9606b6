"""Bounds on every entry, one or both of them: boxes, the nonnegative orthant.

    project:  argmin_z  sum_i M_i (z_i - y_i)^2   subject to  lower_i <= z_i <= upper_i

The entries are apart, so whatever the metric M > 0 each is clipped: ``z = min(max(y, lower),
upper)``.  O(n).  Checked in ``tests/core/test_convex_sets.py``.
"""

import math
from dataclasses import dataclass
from numbers import Real
from typing import Any, ClassVar

import numpy as np
from array_api_compat import array_namespace, is_array_api_obj

from tamis.arrays import Array, Variable, as_list
from tamis.sets.scores import scores
from tamis.sets.vectors import as_numpy, from_numpy, is_finite, tolerance


@dataclass(frozen=True, eq=False)
class Box:
    """Arrays whose entries lie between ``lower`` and ``upper``.

    Parameters
    ----------
    lower, upper : float, array, or list of these
        One bound for all entries, or one an entry: an array of the shape of the variable, or a
        list with a bound for each array of the variable.  ``-inf`` and ``inf`` leave a side open.

    Raises
    ------
    ValueError, TypeError
        If a bound is NaN or no number, ``lower`` exceeds ``upper`` or is inf, or ``upper`` is
        -inf; on use, if a bound has another shape than its array or is beyond its type's range.

    Examples
    --------
    >>> import numpy as np
    >>> Box(-1, 2).project(np.array([3.0, -5.0, 0.5]))
    array([ 2. , -1. ,  0.5])
    """

    convex: ClassVar[bool] = True

    lower: Any = -math.inf
    upper: Any = math.inf

    def __post_init__(self) -> None:
        for name in ("lower", "upper"):
            object.__setattr__(self, name, _bounds(name, getattr(self, name)))
        for lower, upper in _side_by_side(self.lower, self.upper):
            _check_order(lower, upper)

    def project(self, y: Variable, metric: Variable | None = None) -> Variable:
        """Return the point of the set nearest to ``y``, which is the same in every metric.

        Parameters
        ----------
        y : array of any shape, or list of arrays
            Finite.  Integers become float64.
        metric : like ``y``, optional
            The positive diagonal M; it is checked and has no effect.
        """
        scores(y, metric)
        clipped = self._clip(y)
        return clipped if isinstance(y, list | tuple) else clipped[0]

    def contains(self, y: Variable) -> bool:
        """Return whether each entry is between its bounds, up to sqrt(eps) of the bound."""
        if not is_finite(y):
            return False
        return all(map(_is_close, as_list(y), self._clip(y)))

    def describe(self) -> str:
        """Return the set in words."""
        if not isinstance(self.lower, float) or not isinstance(self.upper, float):
            return "every entry between its own bounds"
        if self.upper == math.inf:
            return f"entries of at least {self.lower:.4g}"
        if self.lower == -math.inf:
            return f"entries of at most {self.upper:.4g}"
        return f"entries between {self.lower:.4g} and {self.upper:.4g}"

    def _clip(self, y: Variable) -> list[Array]:
        lower, upper = _for_each("lower", self.lower, y), _for_each("upper", self.upper, y)
        return list(map(_clip, as_list(y), lower, upper))


def Nonnegative() -> Box:
    """Return the set of arrays whose entries are 0 or more: ``Box(0, inf)``."""
    return Box(0.0, math.inf)


def _bounds(name: str, bound: Any) -> Any:
    """Return a bound as a float, a numpy array, or a list of these."""
    if isinstance(bound, list | tuple):
        return [_bound(f"{name}[{i}]", each) for i, each in enumerate(bound)]
    return _bound(name, bound)


def _bound(name: str, bound: Any) -> Any:
    if is_array_api_obj(bound) and array_namespace(bound).isdtype(bound.dtype, ("integral", "real floating")):
        bound = as_numpy(bound)
        bound = bound.copy() if bound.ndim else float(bound)
    elif isinstance(bound, Real) and not isinstance(bound, bool):
        bound = float(bound)
    else:
        got = f"dtype {bound.dtype}" if hasattr(bound, "dtype") else repr(bound)
        raise TypeError(f"{name} must be a real number, an array of them, or a list of these, got {got}")
    if np.isnan(bound).any():
        raise ValueError(f"{name} must not be NaN")
    closed = math.inf if name.startswith("lower") else -math.inf
    if (np.asarray(bound) == closed).any():
        raise ValueError(f"{name} must not be {closed}: no number would be allowed")
    return bound


def _side_by_side(lower: Any, upper: Any) -> list[tuple[Any, Any]]:
    """Return the bounds in pairs, one for each array; what is no list goes with all of the other's."""
    lists = [bound for bound in (lower, upper) if isinstance(bound, list)]
    if len(lists) == 2 and len(lower) != len(upper):
        raise ValueError(f"lower and upper must be as many, got lists of {len(lower)} and {len(upper)}")
    n = len(lists[0]) if lists else 1
    lowers, uppers = (bound if isinstance(bound, list) else [bound] * n for bound in (lower, upper))
    return list(zip(lowers, uppers, strict=True))


def _for_each(name: str, bound: Any, y: Variable) -> list[Any]:
    """Return the bounds of the arrays of ``y``, one each."""
    arrays = as_list(y)
    if isinstance(bound, list) and not isinstance(y, list | tuple):
        raise ValueError(f"{name} is a list of {len(bound)}, but y is one array")
    if isinstance(bound, list) and len(bound) != len(arrays):
        raise ValueError(f"{name} is a list of {len(bound)}, but y holds {len(arrays)} arrays")
    if not isinstance(bound, float | list) and len(arrays) > 1:
        raise ValueError(f"{name} is one array, but y is a list of several: give a list of bounds")
    bounds = bound if isinstance(bound, list) else [bound] * len(arrays)
    return [_like(name, each, array) for each, array in zip(bounds, arrays, strict=True)]


def _check_order(lower: Any, upper: Any) -> None:
    if np.ndim(lower) and np.ndim(upper) and np.shape(lower) != np.shape(upper):
        raise ValueError(
            f"lower and upper must have the same shape, got {np.shape(lower)} and {np.shape(upper)}"
        )
    low, high = np.broadcast_arrays(lower, upper)
    worst = low > high
    if worst.any():
        at = f" (entry {int(np.argmax(worst))})" if worst.ndim else ""
        pair = f"{low[worst][0]:.6g} > {high[worst][0]:.6g}"
        raise ValueError(f"lower must not exceed upper, got {pair}{at}")


def _like(name: str, bound: Any, array: Array) -> Array:
    """Return a bound as an array of the library, type and device of ``array``."""
    if np.ndim(bound) and np.shape(bound) != tuple(array.shape):
        raise ValueError(f"{name} must have the shape of y {tuple(array.shape)}, got {np.shape(bound)}")
    xp = array_namespace(array)
    dtype = xp.float64 if xp.isdtype(array.dtype, "integral") else array.dtype
    if (np.isfinite(bound) & (np.abs(bound) > float(xp.finfo(dtype).max))).any():
        raise ValueError(f"{name} is beyond the range of {dtype}; give y in a wider type")
    return from_numpy(bound, array, dtype)


def _clip(array: Array, lower: Array, upper: Array) -> Array:
    xp = array_namespace(array)
    return xp.minimum(xp.maximum(xp.astype(array, lower.dtype), lower), upper)


def _is_close(array: Array, clipped: Array) -> bool:
    xp = array_namespace(array, clipped)
    gap = xp.abs(xp.astype(array, clipped.dtype) - clipped)
    return bool(xp.all(gap <= tolerance(array) * xp.abs(clipped)))
