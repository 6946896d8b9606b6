"""Minimise a smooth loss over a set: the driver of :mod:`tamis.admm`.

    x  <-  argmin_x  loss(x) + (penalty/2) |x - (z - u)|^2      tamis.steps.exact
    z  <-  P_S(x + u),   u  <-  u + x - z                       tamis.admm
    best  <-  the better of best and the refit on the support of z

The penalty starts small, so that the loss chooses the support, and grows, so that x and z
meet.  A local iteration on a non-convex set ends where it starts from, so each new support on
the way is refitted and the best feasible point is returned, with the number that tells how
far it is from a fixed point of projected gradient.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from array_api_compat import array_namespace, device

from tamis import admm, certificates
from tamis.arrays import Array, norm, require_finite, require_integer
from tamis.losses.least_squares import LeastSquares
from tamis.penalties import Geometric
from tamis.result import Result, Status
from tamis.steps import exact

__all__ = ["Result", "Status", "minimize"]


def minimize(
    loss: LeastSquares,
    constraint: admm.Set,
    x0: Array | None = None,
    *,
    penalty: Callable[[int], float] | None = None,
    max_iter: int = 500,
    tol: float = 1e-6,
    callback: Callable[[Array, dict[str, float]], None] | None = None,
) -> Result:
    """Minimise ``loss(x)`` subject to ``x in constraint`` by ADMM with an exact step.

    Parameters
    ----------
    loss : LeastSquares
    constraint : Sparse or NofM
        A set whose projection keeps a support.
    x0 : array, shape (p,), optional
        Start of z; the loss's own start if left out.  The result is never worse than the refit
        on the support of its projection.
    penalty : Geometric, optional
        From 0.01 to 50 times the mean curvature ``trace(A^T A)/p + ridge``, 2% an iteration.
    max_iter : int
        1 or more.
    tol : float
        How far x and z may differ, relative to the size of x; and the bound of the certificate.
        Positive.
    callback : callable, optional
        Called as ``callback(z, record)`` after each iteration; it must leave z as it is.

    Returns
    -------
    Result

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range or of another kind, ``x0`` has another shape than x, or
        the constraint does not fit the shape of x.

    Examples
    --------
    >>> import numpy as np
    >>> from tamis.sets import Sparse
    >>> A = np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [0.0, 0.0, 1.0]])
    >>> result = minimize(LeastSquares(A, b=A @ np.array([0.0, 2.0, 0.0])), Sparse(1))
    >>> result.success, result.x.round(6).tolist()
    (True, [0.0, 2.0, 0.0])
    """
    _check(loss, constraint, penalty, max_iter, tol)
    factor = exact.init(loss)
    smoothness = exact.smoothness(factor) or 1.0  # a loss without curvature is constant
    schedule = penalty or _default_penalty(factor)
    rho, history, agreed = schedule(0), [], False
    state = admm.init(_start(loss, x0), constraint)
    best = fit = _refit(loss, state.z)
    scale = max(norm(state.z), norm(factor.Vt_Atb) / smoothness)  # the size of x before there is one
    for iteration in range(max_iter):
        last, rho = rho, schedule(iteration)
        before = admm.rescale(state, last, rho)
        x = exact.step(factor, admm.target(before), rho)
        state = admm.dual_update(x, before, constraint)
        fit = _refit(loss, state.z, fit)
        best = min(best, fit, key=lambda point: point.value)
        gap = admm.residuals(x, before, state, rho)
        history.append({"penalty": rho, **gap._asdict(), "loss": loss.value(state.z)})
        if callback:
            callback(state.z, history[-1])
        agreed = gap.primal <= tol * max(scale, norm(x))  # z may still drift; best is refitted
        if agreed:
            break
    certificate = certificates.fixed_point(loss, constraint, best.x, smoothness)
    status = _status(agreed, certificate <= tol)
    return Result(
        x=best.x, fun=best.value, success=status is Status.CONVERGED, status=status,
        message=status.value, nit=len(history), certificate=certificate, history=history,
    )  # fmt: skip


class _Fit(NamedTuple):
    """The minimiser of the loss on a support."""

    x: Array
    value: float
    support: Array


def _refit(loss: LeastSquares, z: Array, last: _Fit | None = None) -> _Fit:
    """Refit on the support of ``z``; the last fit if that is on the same support."""
    support = z != 0
    if last is not None and bool(array_namespace(z).all(support == last.support)):
        return last
    x = loss.refit(support)
    return _Fit(x, loss.value(x), support)


def _status(agreed: bool, stationary: bool) -> Status:
    if not agreed:
        return Status.ITERATION_LIMIT
    return Status.CONVERGED if stationary else Status.NOT_STATIONARY


def _default_penalty(factor: exact.Factor) -> Geometric:
    """Return a schedule from 0.01 to 50 times the mean curvature; it starts low to choose freely.

    ``tests/core/test_minimize.py`` measures it against constant penalties and a later start.
    """
    xp = array_namespace(factor.squares)
    mean = float(xp.sum(factor.squares)) / factor.Vt.shape[1] + factor.ridge
    scale = mean if mean > 0 else 1.0
    return Geometric(start=0.01 * scale, factor=1.02, stop=50 * scale)


def _start(loss: LeastSquares, x0: Array | None) -> Array:
    """Return the start as an array like the loss's own."""
    own = loss.start()
    if x0 is None:
        return own
    require_finite("x0", x0)
    if tuple(x0.shape) != tuple(own.shape):
        raise ValueError(f"x0 must have shape {tuple(own.shape)}, got {tuple(x0.shape)}")
    return array_namespace(own).asarray(x0, dtype=own.dtype, device=device(own))


def _check(loss: Any, constraint: Any, penalty: Any, max_iter: int, tol: float) -> None:
    if not isinstance(loss, LeastSquares):
        raise TypeError(f"loss must be a tamis.losses.LeastSquares, got {loss!r}")
    if not hasattr(constraint, "project"):
        raise TypeError(f"constraint must be a set such as Sparse(k) or NofM(n, m), got {constraint!r}")
    if penalty is not None and not callable(penalty):
        raise TypeError(f"penalty must be a schedule such as tamis.penalties.Geometric, got {penalty!r}")
    require_integer("max_iter", max_iter)
    if max_iter < 1:
        raise ValueError(f"max_iter must be 1 or more, got {max_iter}")
    if not tol > 0:
        raise ValueError(f"tol must be positive, got {tol}")
