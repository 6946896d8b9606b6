"""What every loss asks of its arguments, with messages that name them."""

import math
from typing import Any

from array_api_compat import array_namespace, is_array_api_obj

from tamis.arrays import Array, require_finite


def require_ridge(ridge: float) -> None:
    """Raise unless ``ridge`` is a finite number, 0 or more."""
    if not 0 <= ridge < math.inf:
        raise ValueError(f"ridge must be finite and 0 or more, got {ridge}")


def require_flag(name: str, value: Any) -> None:
    """Raise unless ``value`` is a bool: an array here is an argument in the wrong place."""
    if not isinstance(value, bool):
        raise TypeError(f"{name} must be True or False, got {type(value).__name__}")


def require_pair(A: Any, b: Array, xp: Any) -> None:
    """Raise unless A and b are of one library (vectors of a sparse A or operator: numpy's) and fit."""
    if not is_array_api_obj(b):
        raise TypeError(f"b must be an array (numpy, torch, ...), got {type(b).__name__}")
    if array_namespace(b) is not xp:
        raise TypeError(f"A and b must be arrays of one library, got {type(A)} and {type(b)}")
    if A.ndim != 2 or 0 in A.shape or tuple(b.shape) != tuple(A.shape[:1]):
        raise ValueError(
            "A must have shape (n, p) with n, p >= 1 and b shape (n,), "
            f"got A {tuple(A.shape)} and b {tuple(b.shape)}"
        )


def require_vector(name: str, vector: Any, n: int, xp: Any, of: str = "A") -> None:
    """Raise unless ``vector`` is finite, real, of shape (n,) and of the library ``xp`` of ``of``."""
    require_finite(name, vector)
    if array_namespace(vector) is not xp:
        raise TypeError(f"{name} must be an array of the library of {of} ({xp.__name__}), got {type(vector)}")
    if tuple(vector.shape) != (n,):
        raise ValueError(f"{name} must have shape ({n},), one entry a row of {of}, got {tuple(vector.shape)}")


def require_weights(name: str, weights: Any, n: int, xp: Any) -> None:
    """Raise unless ``weights`` is such a vector, 0 or more in every entry and more in some."""
    require_vector(name, weights, n, xp)
    least, largest = float(xp.min(weights)), float(xp.max(weights))
    if least < 0:
        raise ValueError(f"{name} must be 0 or more, but the least is {least:g}")
    if largest == 0:
        raise ValueError(f"{name} must not all be 0")


def require_support(support: Any, p: int) -> None:
    """Raise unless ``support`` is a boolean mask of shape (p,)."""
    if not is_array_api_obj(support) or not array_namespace(support).isdtype(support.dtype, "bool"):
        kind = getattr(support, "dtype", type(support).__name__)
        raise TypeError(f"support must be a boolean array, got {kind}")
    if tuple(support.shape) != (p,):
        raise ValueError(f"support must have shape ({p},), got {tuple(support.shape)}")


def as_labels(b: Any, A: Any) -> Array:
    """Return the labels b, which must be 0 and 1 or False and True, in the dtype of A."""
    if is_array_api_obj(b) and array_namespace(b).isdtype(b.dtype, "bool"):
        b = array_namespace(b).astype(b, array_namespace(b).uint8)
    require_finite("b", b)
    xp = array_namespace(b)
    wrong = xp.reshape(b, (-1,))[xp.reshape((b != 0) & (b != 1), (-1,))]
    if wrong.shape[0]:
        raise ValueError(f"b must hold labels 0 and 1, got {float(wrong[0]):g}")
    return _in_dtype_of(A, b)


def as_counts(b: Any, A: Any) -> Array:
    """Return the counts b, which must be 0 or more, whole ones in the dtype of A."""
    require_finite("b", b)
    xp = array_namespace(b)
    if 0 not in b.shape and float(xp.min(b)) < 0:
        raise ValueError(f"b must hold counts, 0 or more, but the least is {float(xp.min(b)):g}")
    return _in_dtype_of(A, b) if xp.isdtype(b.dtype, "integral") else b


def _in_dtype_of(A: Any, b: Array) -> Array:
    """Return b in the dtype of A if it is one of b's library, so that b does not widen A."""
    xp, dtype = array_namespace(b), getattr(A, "dtype", None)
    return xp.astype(b, dtype) if dtype == xp.float32 or dtype == xp.float64 else b
