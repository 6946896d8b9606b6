"""Minimise a smooth loss over a set: the driver of :mod:`tamis.admm`.

    x  <-  about argmin_x  loss(x) + (penalty/2) |x - (z - u)|^2      tamis.steps
    z  <-  P_S(x + u),   u  <-  u + x - z                             tamis.admm
    best  <-  the better of best and z (refitted, where S selects a support)

On a convex set the penalty balances the residuals, and the iteration ends at a fixed point of
projected gradient, which is the minimum if the loss is convex.  On another set it starts small,
so that the loss chooses, and grows, so that x and z meet; the end depends on the start, so the
best point is then polished (:mod:`tamis.polish`).

Where S asks for k nonzeros (or groups) and nothing else, ADMM is one of the starts of a search that
ends when no exchange lowers the loss (:mod:`tamis.subset`).
"""

import math
from collections.abc import Callable
from typing import Any

from tamis import admm, penalties, polish
from tamis.arguments import check, start_of
from tamis.arrays import Array, norm, size
from tamis.certificates import fixed_point
from tamis.clock import Clock
from tamis.curvature import mean_curvature
from tamis.host import on_host
from tamis.metric import hessian_metric
from tamis.penalties import Geometric, ResidualBalancing, Schedule
from tamis.record import Record
from tamis.result import PROVED, Certificate, Found, Result, Status
from tamis.steps import Step, default_step
from tamis.subset import driver as subset

__all__ = ["Result", "Status", "minimize"]


def minimize(
    loss: Any,
    constraint: admm.Set,
    x0: Array | None = None,
    *,
    effort: str = "default",
    time_limit: float | None = None,
    step: Step | None = None,
    penalty: Schedule | None = None,
    max_iter: int = 500,
    tol: float = 1e-6,
    callback: Callable[[Array, dict[str, float]], None] | None = None,
    seed: int = 0,
) -> Result:
    """Minimise ``loss(x)`` subject to ``x in constraint``.

    Parameters
    ----------
    loss : a loss of :mod:`tamis.losses`, or any object with ``value``, ``gradient`` and ``start``
    constraint : a set of :mod:`tamis.sets`, or any object with ``project``
    x0 : array, the shape of x, optional
        A start.  The result is never worse than its projection, refitted.
    effort : {"fast", "default", "thorough"}
        How much is searched where S selects a support: one start, several, or many, with a
        lower bound where there is one.
    time_limit : float, optional
        Seconds after which the best point is returned.
    step : step of :mod:`tamis.steps`, optional
        How x is found: exact for a dense quadratic, conjugate gradients for another quadratic,
        else L-BFGS.  Giving a step or a penalty asks for ADMM also where a search would be made.
    penalty : schedule of :mod:`tamis.penalties`, optional
        On a convex set residual balancing, else from 0.01 to 50 times the mean curvature, 2% an
        iteration.
    max_iter : int
        Iterations of ADMM, 1 or more.
    tol : float
        How far x and z may differ, relative to the size of x, and the bound of
        ``certificate.fixed_point``.  Positive.
    callback : callable, optional
        Called as ``callback(z, record)`` after each iteration, or with each better point of a
        search; it must leave z as it is.
    seed : int
        Of the perturbations of the search.

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
    >>> from tamis.losses import LeastSquares
    >>> from tamis.sets import Sparse
    >>> A = np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 0.5], [0.0, 0.0, 1.0]])
    >>> result = minimize(LeastSquares(A, b=A @ np.array([0.0, 2.0, 0.0])), Sparse(1))
    >>> result.success, result.x.round(6).tolist()
    (True, [0.0, 2.0, 0.0])
    """
    check(loss, constraint, effort, time_limit, step, penalty, max_iter, tol, callback, seed)
    record = Record(Clock(time_limit), callback)
    loss, back = on_host(loss)
    start = start_of(loss, x0)
    if step is None and penalty is None and subset.applies(loss, constraint):
        known = None if x0 is None else start
        found = subset.solve(loss, constraint, known, effort, seed, record)
    else:
        found = _admm(loss, constraint, start, step, penalty, max_iter, tol, record)
    rest = _fixed_point(loss, constraint, found)
    certificate = Certificate(rest, found.exchange, found.primal, found.dual, found.bound)
    status = _status(found, rest <= tol)
    return Result(
        x=back(found.x), fun=found.value, success=status in PROVED, status=status, message=status.value,
        nit=len(record.history), certificate=certificate, history=record.history,
    )  # fmt: skip


def _admm(
    loss: Any, constraint: Any, start: Array, step: Step | None, penalty: Schedule | None, max_iter: int,
    tol: float, record: Record,
) -> Found:  # fmt: skip
    convex = getattr(constraint, "convex", False)
    solve = (step or default_step(loss))(loss)
    schedule = penalty or _default_penalty(loss, start, convex)
    best, gap, ended = _iterate(loss, constraint, start, solve, schedule, max_iter, tol, record, convex)
    best = polish.polish(loss, constraint, best, tol, record.clock)
    return Found(best.x, best.value, ended, best.exchange, primal=gap.primal, dual=gap.dual)


def _iterate(
    loss: Any, constraint: Any, x: Array, solve: Any, schedule: Schedule, max_iter: int, tol: float,
    record: Record, convex: bool,
) -> tuple[polish.Feasible, admm.Residuals, Status]:  # fmt: skip
    """Run ADMM from ``x``; return the best point of the set, the last residuals and how it ended."""
    state = admm.init(x, constraint)
    rho: float | None = None
    relative: admm.Residuals | None = None
    best = fit = polish.settle(loss, constraint, state.z)
    for iteration in range(max_iter):
        last, rho = rho, schedule(iteration, rho, relative)
        before = admm.rescale(state, rho if last is None else last, rho)
        x = solve(admm.target(before), rho, x)
        state = admm.dual_update(x, before, constraint)
        gap = admm.residuals(x, before, state, rho)
        relative = penalties.relative(gap, x, state.z, state.u, rho)
        fit = polish.settle(loss, constraint, state.z, fit)
        best = min(best, fit, key=lambda point: point.value)
        record(state.z, penalty=rho, **gap._asdict(), loss=fit.value)
        agreed = gap.primal <= tol * max(norm(x), norm(state.z))
        if agreed and (not convex or gap.dual <= tol * rho * norm(state.z)):
            return best, gap, Status.STATIONARY
        if record.clock.expired():
            return best, gap, Status.TIME_LIMIT
    return best, gap, Status.ITERATION_LIMIT


def _fixed_point(loss: Any, constraint: Any, found: Found) -> float:
    """Return the certificate of a point, in the strongest scale that is known for it."""
    metric = hessian_metric(loss, constraint, found.x)
    if metric is not None:
        return fixed_point(loss, constraint, found.x, 1.0, metric=metric)
    bound = found.curvature or (loss.smoothness() if hasattr(loss, "smoothness") else math.inf)
    if not 0 < bound < math.inf:
        bound = mean_curvature(loss, found.x) * size(found.x)  # about the trace, which no eigenvalue exceeds
    return fixed_point(loss, constraint, found.x, bound, found.gradient)


def _status(found: Found, stationary: bool) -> Status:
    """Return the strongest thing that is proved, or else how the search ended."""
    if found.optimal or found.ended is Status.NO_MINIMUM:
        return Status.OPTIMAL if found.optimal else found.ended
    if not stationary:
        return Status.NOT_STATIONARY if found.ended is Status.STATIONARY else found.ended
    if found.exchange is not None and found.exchange <= 1e-7 * abs(found.value):
        return Status.EXCHANGE_OPTIMAL
    return Status.TIME_LIMIT if found.ended is Status.TIME_LIMIT else Status.STATIONARY


def _default_penalty(loss: Any, x: Array, convex: bool) -> Schedule:
    scale = mean_curvature(loss, x)
    if convex:
        return ResidualBalancing(scale)
    return Geometric(start=0.01 * scale, factor=1.02, stop=50 * scale)
