"""One array or several: the few helpers that let one formula serve both.

A variable ``w`` of a problem is an array, or a list of arrays when one set spans several
(the layers of a network under one threshold).  Arrays are those of any library that
follows the array API standard; nothing here or elsewhere in tamis names one.
"""

import math
from collections.abc import Callable
from numbers import Integral
from typing import Any

from array_api_compat import array_namespace, is_array_api_obj

Array = Any  # an array of a library that follows the array API standard
Variable = Any  # Array | list[Array]


def each(function: Callable[..., Any], *variables: Variable) -> Any:
    """Apply ``function`` to the arrays of ``variables`` side by side."""
    if isinstance(variables[0], list | tuple):
        return [function(*arrays) for arrays in zip(*variables, strict=True)]
    return function(*variables)


def as_list(variable: Variable) -> list[Array]:
    """Return the arrays of ``variable`` as a list."""
    return list(variable) if isinstance(variable, list | tuple) else [variable]


def norm(variable: Variable) -> float:
    """Return the Euclidean norm over all entries of all arrays."""
    return math.hypot(*(float(array_namespace(a).linalg.vector_norm(a)) for a in as_list(variable)))


def size(variable: Variable) -> int:
    """Return the number of entries in all arrays."""
    return sum(math.prod(array.shape) for array in as_list(variable))


def flatten(variable: Variable) -> Array:
    """Return all entries in one array of one dimension, array by array."""
    arrays = as_list(variable)
    xp = array_namespace(*arrays)
    flat = [xp.reshape(array, (-1,)) for array in arrays]
    return flat[0] if len(flat) == 1 else xp.concat(flat)


def unflatten(flat: Array, like: Variable) -> Variable:
    """Cut ``flat`` into the arrays of ``like``; undoes :func:`flatten`."""
    xp = array_namespace(flat)
    parts, start = [], 0
    for array in as_list(like):
        parts.append(xp.reshape(flat[start : start + size(array)], array.shape))
        start += size(array)
    return parts if isinstance(like, list | tuple) else parts[0]


def restrict(variable: Variable, mask: Variable) -> Variable:
    """Return the finite ``variable`` with exact zeros where ``mask`` is false.

    A product, as it is several times faster than a choice; adding zero makes -0 a 0.
    """
    return each(lambda a, m: a * array_namespace(a).astype(m, a.dtype) + 0, variable, mask)


def widen(array: Array) -> Array:
    """Return floats of at least 32 bits: half precision becomes float32, integers float64."""
    xp = array_namespace(array)
    if xp.isdtype(array.dtype, "integral"):
        return xp.astype(array, xp.float64)
    return xp.astype(array, xp.float32) if xp.finfo(array.dtype).bits < 32 else array


def require_finite(name: str, array: Array) -> None:
    """Raise unless ``array`` is an array of finite real numbers; ``name`` is how the user calls it."""
    if not is_array_api_obj(array):
        raise TypeError(f"{name} must be an array (numpy, torch, ...), got {type(array).__name__}")
    xp = array_namespace(array)
    if not xp.isdtype(array.dtype, ("integral", "real floating")):
        raise TypeError(f"{name} must hold real numbers, got dtype {array.dtype}")
    if xp.isdtype(array.dtype, "integral") or _largest_is_finite(array, xp):
        return
    bad = size(array) - int(xp.count_nonzero(xp.isfinite(array)))
    if bad:
        raise ValueError(f"{name} must be finite, but {bad} of its {size(array)} entries are NaN or infinite")


def _largest_is_finite(array: Array, xp: Any) -> bool:
    """Tell in one pass, as the largest of NaN and anything is NaN."""
    return size(array) == 0 or math.isfinite(float(xp.max(xp.abs(array))))


def require_integer(name: str, value: Any) -> None:
    """Raise unless ``value`` is an integer (numpy's too, but no bool)."""
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(f"{name} must be an integer, got {value!r}")
