"""The checks that several convex sets share."""

import math
from numbers import Real
from typing import Any

from tamis.arrays import Array, Variable, require_finite


def nonnegative(name: str, value: Any) -> float:
    """Return ``value`` as a float; raise unless it is a finite real number of at least 0."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{name} must be a real number, got {value!r}")
    number = float(value)
    if not (math.isfinite(number) and number >= 0):
        raise ValueError(f"{name} must be finite and 0 or more, got {value}")
    return number


def refuse_metric(set_name: str, metric: Variable | None, why: str) -> None:
    """Raise if a metric is given to a set that has no projection in one."""
    if metric is not None:
        raise ValueError(f"{set_name} cannot project in a metric ({why}); leave metric out")


def require_shape(y: Array, shape: tuple[int | None, ...], set_name: str) -> None:
    """Raise unless ``y`` is one array of finite reals of this ``shape``; None stands for any length."""
    require_finite("y", y)
    got = tuple(y.shape)
    if len(got) != len(shape) or any(n not in (None, m) for n, m in zip(shape, got, strict=True)):
        allowed = ", ".join("any" if n is None else str(n) for n in shape)
        raise ValueError(f"{set_name} needs y of shape ({allowed}{',' * (len(shape) == 1)}), got {got}")
