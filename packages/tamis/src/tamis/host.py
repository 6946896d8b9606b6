"""The same loss on numpy arrays in main memory, for arrays of whatever library it was given."""

import math
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device, is_array_api_obj, is_numpy_array, to_device

from tamis.arrays import Array, size
from tamis.losses.smooth import Smooth

LARGE = 500_000_000  # bytes, at four an entry
Back = Callable[[Array], Array]


def to_numpy(array: Array) -> Array:
    """Return ``array`` as one of numpy, without a copy where it lies in main memory."""
    if is_numpy_array(array):
        return array
    try:
        return np.from_dlpack(array)
    except (BufferError, RuntimeError, TypeError):
        return np.asarray(to_device(array, "cpu"))


def on_host(loss: Any) -> tuple[Any, Back]:
    """Return the loss on numpy arrays, and the function that takes its x back to its own library.

    It is taken to double precision, in which a search loses no digits to columns far from zero, unless
    it is quadratic and of more than 500 MB.
    """
    start = loss.start()
    large = getattr(loss, "quadratic", False) and _bytes(loss) > LARGE
    double = None if large else np.float64
    if is_numpy_array(start) and start.dtype in (np.float64, double or start.dtype):
        return (loss if hasattr(loss, "hessian_product") else _smooth(loss, start, lambda x: x)), lambda x: x
    xp, place = array_namespace(start), device(start)

    def back(x: Array) -> Array:
        return xp.asarray(np.ascontiguousarray(x), dtype=start.dtype, device=place)

    if not is_dataclass(loss):
        return _smooth(loss, to_numpy(start).astype(double or start.dtype), back), back
    held = {f.name: getattr(loss, f.name) for f in fields(loss) if f.init}
    arrays = {name: _as(to_numpy(value), double) for name, value in held.items() if is_array_api_obj(value)}
    return replace(loss, **arrays), back  # type: ignore[type-var]


def _bytes(loss: Any) -> int:
    held = [getattr(loss, f.name) for f in fields(loss)] if is_dataclass(loss) else []
    return sum(size(array) * 4 for array in held if is_array_api_obj(array))


def _as(array: Array, dtype: Any) -> Array:
    return array.astype(dtype, copy=False) if dtype is not None and array.dtype.kind == "f" else array


def _smooth(loss: Any, start: Array, back: Back) -> Smooth:
    """Return an object of value and gradient as a loss on numpy arrays that knows Hessian products."""
    bound = loss.smoothness() if hasattr(loss, "smoothness") else math.inf
    return Smooth(
        lambda x: loss.value(back(x)), lambda x: to_numpy(loss.gradient(back(x))), start, smoothness=bound
    )
