r"""The step for a quadratic loss by conjugate gradients: products with the Hessian, no factorisation.

    x  =  argmin_x  f(x) + (penalty/2) |x - v|^2,    (H + penalty I) x  =  penalty v - grad f(0)

with H the constant Hessian.  From the warm start x, with r the right side less the left,
d the direction and alpha, beta the usual ratios (Hestenes and Stiefel 1952)::

    x += alpha d,   r -= alpha (H + penalty I) d,   d = r + beta d

until ``|r| <= tol |penalty v - grad f(0)|``.  For sparse matrices and operators; cost: one
product with H an iteration, some ``sqrt(1 + |H|/penalty) log(1/tol)`` of them.  It is written
here, not taken from scipy, so that it serves every array library and matrices x.
"""

from typing import Any

from array_api_compat import array_namespace

from tamis.arrays import Array, norm
from tamis.steps.proximal import Solve, check, check_point, check_tolerance


def conjugate_gradient_step(loss: Any, tol: float = 1e-8, max_iter: int = 1000) -> Solve:
    """Return ``solve(v, penalty, x)`` by conjugate gradients from ``x``.

    Parameters
    ----------
    loss : with ``quadratic`` true, ``hessian_product``, ``gradient`` and ``start``
    tol : float
        Positive; the gradient that is left, relative to the right side.
    max_iter : int
        1 or more; products with the Hessian a solve.

    Raises
    ------
    ValueError, TypeError
        If the loss is not quadratic or an argument out of range; in ``solve``, if ``v`` or ``x``
        is not finite or of the loss's shape or the penalty not positive and finite.
    """
    if not (getattr(loss, "quadratic", False) and hasattr(loss, "hessian_product")):
        raise TypeError(
            "conjugate_gradient_step needs a quadratic loss with hessian_product, "
            f"got {type(loss).__name__}: use lbfgs_step"
        )
    check_tolerance(tol, max_iter)
    zero = loss.start() * 0
    slope = loss.gradient(zero)

    def solve(v: Array, penalty: float, x: Array) -> Array:
        penalty = check(v, penalty, zero.shape)
        check_point("x", x, zero.shape)
        right = penalty * v - slope
        return _iterate(lambda d: loss.hessian_product(zero, d) + penalty * d, right, x, tol, max_iter)

    return solve


def _iterate(product: Any, right: Array, x: Array, tol: float, max_iter: int) -> Array:
    """Return x with ``product(x) = right`` up to ``tol |right|``."""
    r = right - product(x)
    d, square, goal = r, _dot(r, r), (tol * norm(right)) ** 2
    for _ in range(max_iter):
        if square <= goal:
            break
        Hd = product(d)
        alpha = square / _dot(d, Hd)
        x, r = x + alpha * d, r - alpha * Hd
        last, square = square, _dot(r, r)
        d = r + (square / last) * d
    return x


def _dot(a: Array, b: Array) -> float:
    return float(array_namespace(a).sum(a * b))
