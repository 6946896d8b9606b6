"""What :func:`tamis.minimize` asks of its arguments, said before any work starts."""

import math
from typing import Any

import numpy as np
from array_api_compat import is_array_api_obj

from tamis.arrays import Array, require_finite, require_integer
from tamis.host import to_numpy
from tamis.losses.quadratic import Quadratic

LARGEST = 2000
EFFORTS = ("fast", "default", "thorough")


def check(
    loss: Any, constraint: Any, effort: str, time_limit: Any, step: Any, penalty: Any, max_iter: int,
    tol: float, callback: Any, seed: Any,
) -> None:  # fmt: skip
    """Raise unless every argument is of its kind and in its range."""
    if isinstance(loss, type) or not all(
        callable(getattr(loss, name, None)) for name in ("value", "gradient", "start")
    ):
        raise TypeError(f"loss must have value, gradient and start (see tamis.losses), got {loss!r}")
    if isinstance(constraint, type) or not callable(getattr(constraint, "project", None)):
        raise TypeError(f"constraint must be a set such as Sparse(k) or NofM(n, m), got {constraint!r}")
    if isinstance(loss, Quadratic):
        _check_convex(loss)
    if effort not in EFFORTS:
        raise ValueError(f"effort must be one of {', '.join(EFFORTS)}, got {effort!r}")
    if time_limit is not None and not time_limit > 0:
        raise ValueError(f"time_limit must be a positive number of seconds, got {time_limit}")
    for name, value in (("step", step), ("penalty", penalty), ("callback", callback)):
        if value is not None and not callable(value):
            raise TypeError(f"{name} must be callable (see tamis.steps, tamis.penalties), got {value!r}")
    require_integer("seed", seed)
    if seed < 0:
        raise ValueError(f"seed must be 0 or more, got {seed}")
    require_integer("max_iter", max_iter)
    if max_iter < 1:
        raise ValueError(f"max_iter must be 1 or more, got {max_iter}")
    if not 0 < tol < math.inf:
        raise ValueError(f"tol must be positive and finite, got {tol}")


def _check_convex(loss: Quadratic) -> None:
    """Raise if a dense Q of up to LARGEST rows has a negative eigenvalue: it would have no minimum."""
    Q = loss.Q
    if not is_array_api_obj(Q) or Q.shape[0] > LARGEST:
        return
    values = np.linalg.eigvalsh(to_numpy(Q))
    if values[0] + loss.ridge < -1e-8 * max(abs(values[0]), abs(values[-1])):
        raise ValueError(f"Q must be positive semidefinite, but it has an eigenvalue of {values[0]:.3g}")


def start_of(loss: Any, x0: Array | None) -> Array:
    """Return the start as an array like the loss's own."""
    own = loss.start()
    if x0 is None:
        return own
    require_finite("x0", x0)
    if tuple(x0.shape) != tuple(own.shape):
        raise ValueError(f"x0 must have shape {tuple(own.shape)}, got {tuple(x0.shape)}")
    return to_numpy(x0).astype(own.dtype)
