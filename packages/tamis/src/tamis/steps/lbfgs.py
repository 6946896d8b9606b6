r"""The step for any smooth loss by L-BFGS: values and gradients, no curvature and no bound on it.

    x  =  about argmin_x  f(x) + (penalty/2) |x - v|^2

by scipy's ``L-BFGS-B`` (Byrd, Lu, Nocedal, Zhu 1995) without bounds, from the warm start, until
``max |gradient| <= tol (max |grad f(x_0)| + penalty max |v|)``, with x_0 the loss's own start,
so that a good warm start is never sharpened further than the problem asks.  Cost: about one
value and one gradient an iteration.  scipy works in main memory with float64: an array of
another library is converted there and back.  It compares values, so that a loss in single
precision is minimised to a gradient of about ``sqrt(eps)`` and no further.
"""

from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

from tamis.arrays import Array
from tamis.steps.proximal import Solve, check, check_point, check_tolerance


def lbfgs_step(loss: Any, tol: float = 1e-6, max_iter: int = 100) -> Solve:
    """Return ``solve(v, penalty, x)`` by L-BFGS from ``x``.

    Parameters
    ----------
    loss : with ``value``, ``gradient`` and ``start``
    tol : float
        Positive; the gradient that is left, relative to that of the start and the penalty.
    max_iter : int
        1 or more.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range; in ``solve``, if ``v`` or ``x`` is not finite or of the
        loss's shape or the penalty not positive and finite.
    """
    check_tolerance(tol, max_iter)
    start = loss.start()
    shape, slope = tuple(start.shape), _largest(_flat(loss.gradient(start)))
    eps = float(array_namespace(start).finfo(start.dtype).eps)
    noise = eps if eps > np.finfo(np.float64).eps else 0.0  # of values that the loss rounds to float32
    tol = max(tol, float(array_namespace(start).finfo(start.dtype).eps) ** 0.5)

    def solve(v: Array, penalty: float, x: Array) -> Array:
        penalty = check(v, penalty, shape)
        check_point("x", x, shape)
        centre, first = _flat(v), _flat(x)

        def objective(flat: Any) -> tuple[float, Any]:
            point, gap = _like(flat, start), flat - centre
            gradient = _flat(loss.gradient(point)) + penalty * gap
            return float(loss.value(point)) + penalty / 2 * float(gap @ gap), gradient

        gtol = tol * (slope + penalty * _largest(centre))
        return _like(_minimise(objective, first, gtol, noise, max_iter), start)

    return solve


def _minimise(objective: Any, first: Any, gtol: float, noise: float, max_iter: int) -> Any:
    """Return scipy's point: the lowest of its line searches, which pass by a loss that is not finite."""
    from scipy.optimize import minimize  # slow to import

    options = {"maxiter": max_iter, "gtol": gtol, "ftol": noise, "maxls": 40}
    return minimize(objective, first, jac=True, method="L-BFGS-B", options=options).x


def _flat(array: Array) -> Any:
    """Return a copy of ``array`` as flat float64 of numpy."""
    return np.asarray(array).astype(np.float64).reshape(-1)


def _like(flat: Any, start: Array) -> Array:
    """Return flat numbers as an array like ``start``."""
    xp = array_namespace(start)
    return xp.asarray(flat.reshape(start.shape), dtype=start.dtype, device=device(start), copy=True)


def _largest(flat: Any) -> float:
    return float(np.max(np.abs(flat), initial=0.0))
