"""The problem that every step solves, ``min_x f(x) + (penalty/2) |x - v|^2``, and its checks."""

import math
from collections.abc import Callable
from typing import Any

from tamis.arrays import Array, require_finite, require_integer

Solve = Callable[..., Array]  # solve(v, penalty, x): about the minimiser, shape of v; x is the warm start
Step = Callable[..., Solve]  # step(loss): what is done once


def check(v: Array, penalty: float, shape: tuple[int, ...]) -> float:
    """Return the penalty as a Python float, which leaves single precision single.

    Raise unless ``v`` is finite and of ``shape`` and the penalty positive and finite.
    """
    if not 0 < penalty < math.inf:
        raise ValueError(f"penalty must be positive and finite, got {penalty}")
    check_point("v", v, shape)
    return float(penalty)


def check_point(name: str, v: Array, shape: tuple[int, ...]) -> None:
    """Raise unless the point called ``name`` is finite and of ``shape``."""
    require_finite(name, v)
    if tuple(v.shape) != tuple(shape):
        raise ValueError(f"{name} must have shape {tuple(shape)}, got {tuple(v.shape)}")


def check_tolerance(tol: float, max_iter: int) -> None:
    """Raise unless ``tol`` is positive and ``max_iter`` an integer of 1 or more."""
    if not 0 < tol < math.inf:
        raise ValueError(f"tol must be positive and finite, got {tol}")
    check_count("max_iter", max_iter)


def check_count(name: str, count: int) -> None:
    """Raise unless ``count`` is an integer of 1 or more."""
    require_integer(name, count)
    if count < 1:
        raise ValueError(f"{name} must be 1 or more, got {count}")


def smoothness_of(loss: Any, smoothness: float | None) -> float:
    """Return ``smoothness``, or the loss's own bound if that is None; it must be finite, 0 or more."""
    bound = float(loss.smoothness() if smoothness is None else smoothness)
    if not 0 <= bound < math.inf:
        raise ValueError(
            f"a gradient step needs a finite smoothness of 0 or more, got {bound}: "
            "give smoothness=, or use lbfgs_step, which needs none"
        )
    return bound
