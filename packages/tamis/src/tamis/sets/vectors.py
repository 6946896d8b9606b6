"""What the convex sets compute on: all entries of a variable as one vector of float64, and back.

A convex projection adds and divides, so it works in float64 and rounds once, at the end, to the
type of its argument: float32 stays float32.  Integers become float64.
"""

import math
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device, to_device

from tamis.arrays import Array, Variable, as_list, each, flatten, unflatten, widen
from tamis.sets.scores import scores


def vectors(y: Variable, metric: Variable | None = None) -> tuple[Array, Array | None]:
    """Return the entries of ``y`` and of ``metric`` as fresh vectors of float64.

    Raises
    ------
    TypeError, ValueError
        As :func:`tamis.sets.scores.scores`, which checks both.
    """
    scores(y, metric)
    return vector(y), None if metric is None else vector(metric)


def vector(y: Variable) -> Array:
    """Return the entries of all arrays of ``y`` as one fresh vector of float64."""
    return flatten(each(_as_float64, y))


def like(flat: Array, y: Variable) -> Variable:
    """Cut ``flat`` into the arrays of ``y`` and round them to the types of those.

    Raises
    ------
    ValueError
        If an entry is beyond the range of the type, as 1e300 is for float32.
    """
    return each(_round_like, unflatten(flat, y), y)


def tolerance(y: Variable) -> float:
    """Return the square root of the coarsest machine epsilon among the arrays of ``y``."""
    return math.sqrt(max(_epsilon(array) for array in as_list(y)))


def is_finite(y: Variable) -> bool:
    """Return whether no entry of ``y`` is NaN or infinite."""
    return all(bool(array_namespace(a).all(array_namespace(a).isfinite(a))) for a in as_list(y))


def as_numpy(array: Array) -> Any:
    """Return an array of any library as a numpy array of float64."""
    wide = widen(array)
    try:
        return np.asarray(wide, dtype=np.float64)
    except (TypeError, RuntimeError):  # it lies on another device
        return np.asarray(to_device(wide, "cpu"), dtype=np.float64)


def from_numpy(array: Any, other: Array, dtype: Any = None) -> Array:
    """Return a numpy array, or a float, as one of the library and device of ``other``; float64 by default."""
    xp = array_namespace(other)
    return xp.asarray(array, dtype=xp.float64 if dtype is None else dtype, device=device(other))


def largest(array: Array) -> float:
    """Return the largest magnitude in ``array``, 0 if it is empty."""
    xp = array_namespace(array)
    return float(xp.max(xp.abs(array))) if math.prod(array.shape) else 0.0


def _as_float64(array: Array) -> Array:
    xp = array_namespace(array)
    return xp.astype(array, xp.float64)


def _round_like(flat: Array, array: Array) -> Array:
    xp = array_namespace(array)
    if xp.isdtype(array.dtype, "integral") or array.dtype == xp.float64:
        return flat
    if largest(flat) > float(xp.finfo(array.dtype).max):
        raise ValueError(
            f"the projection has entries up to {largest(flat):.3g}, beyond the range of {array.dtype}; "
            "give y in a wider type"
        )
    return xp.astype(flat, array.dtype)


def _epsilon(array: Array) -> float:
    xp = array_namespace(array)
    dtype = xp.float64 if xp.isdtype(array.dtype, "integral") else array.dtype
    return float(xp.finfo(dtype).eps)
