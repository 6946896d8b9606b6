r"""Minimise a smooth loss under general constraints: the driver of the augmented Lagrangian.

minimise f(w)   subject to   c_i(w) in D_i  (i = 1..m),   w in T

first     :mod:`tamis.augmented_lagrangian.iteration` from x0, which ends in a stationary point
then      if T or a D_i selects a support, exchanges in it: :mod:`tamis.augmented_lagrangian.support_moves`
instead   for a single ``A w in S`` and quadratic f the problem in z = A w, with ADMM and the
          same exchanges, refitted exactly: :mod:`tamis.augmented_lagrangian.change_of_variables`
"""

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tamis.admm import Set
from tamis.arrays import Array, require_finite, require_integer
from tamis.augmented_lagrangian import change_of_variables, support_search
from tamis.augmented_lagrangian import iteration as al
from tamis.augmented_lagrangian.constraints import Constraint
from tamis.augmented_lagrangian.result import KKT, ConstrainedResult, ConstrainedStatus
from tamis.augmented_lagrangian.safeguards import Safeguards
from tamis.augmented_lagrangian.scales import Problem, measured


def minimize_subject_to(
    loss: Any,
    constraints: Constraint | Sequence[Constraint],
    within: Set | None = None,
    x0: Array | None = None,
    *,
    tol: float = 1e-6,
    max_iter: int = 100,
    penalty: Safeguards | None = None,
    tries: float = 100,
    time_limit: float | None = None,
    callback: Callable[[Array, dict[str, float]], None] | None = None,
) -> ConstrainedResult:
    """Minimise ``loss(w)`` subject to ``constraints`` and ``w in within``.

    Parameters
    ----------
    loss : object
        With ``value(w)``, ``gradient(w)`` and ``start()``, on numpy arrays: the losses of
        ``tamis.losses`` or your own.  It need not be convex.
    constraints : Constraint, or sequence of them
        May be empty if ``within`` is given.
    within : set, optional
        T, which the result satisfies exactly; free if left out.
    x0 : array, optional
        The start, projected on T; ``loss.start()`` if left out.
    tol : float
        Bound of infeasibility and complementarity in the units of c (scale the constraints to
        like size), and of stationarity relative to the gradient of the loss.  Positive, below 1.
    max_iter : int
        Outer iterations (multiplier steps) of a run, 1 or more.
    penalty : Safeguards, optional
        How the penalty and the multipliers may move.
    tries : int or inf
        Exchanges tried in vain after which the search in the support ends; 0 for none.  The
        exact refits of a quadratic loss with ``A w in S`` alone are cheap: there all are tried.
    time_limit : float, optional
        Seconds, positive; the best point so far is returned.
    callback : callable, optional
        Called as ``callback(w, record)`` after each outer iteration of the first run.

    Returns
    -------
    ConstrainedResult

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range or of another kind, shapes do not fit, the loss is not
        finite at the start or a Jacobian is wrong there.

    Examples
    --------
    >>> import numpy as np
    >>> from tamis.losses import LeastSquares
    >>> disc = Constraint.at_most(lambda w: w @ w - 1, lambda w, y: 2 * w * y)
    >>> result = minimize_subject_to(LeastSquares(np.eye(2), np.array([3.0, 4.0])), disc)
    >>> result.success, result.x.round(4).tolist()
    (True, [0.6, 0.8])
    """
    kinds = _as_tuple(constraints)
    settings = Safeguards() if penalty is None else penalty
    _check(loss, kinds, within, settings, callback)
    _check_limits(tol, max_iter, tries, time_limit)
    deadline = math.inf if time_limit is None else time.monotonic() + time_limit
    x = _start(loss, kinds, within, x0)
    problem = measured(Problem(loss, kinds, within), x)
    state = al.first_state(problem, x, settings)
    place = support_search.chooser_of(problem)
    search = support_search.Search(problem, place or 0, settings, tol, max_iter, deadline)
    if place == 0 and (exact := change_of_variables.solve(problem, x, deadline)):
        fit = search.fit(state._replace(x=exact.x), exact.support)
        return _result(problem, fit.run, fit.run, exact.complete)
    rough = math.sqrt(tol) if place is not None and tries else tol  # a support is all that is needed then
    first = al.run(
        problem, state, settings, tol=rough, max_iter=max_iter, deadline=deadline, callback=callback
    )
    if rough == tol or time.monotonic() > deadline:
        return _result(problem, first, first, None if place is None else False)
    fit, complete = search.improve(first, tries)
    return _result(problem, first, fit.run, complete)


def _result(problem: Problem, first: al.Run, run: al.Run, complete: bool | None) -> ConstrainedResult:
    """Return where ``run`` ended; the history is that of the ``first`` run."""
    state, step = run.step.state, run.step
    return ConstrainedResult(
        x=state.x, fun=float(problem.loss.value(state.x)), status=run.status, message=run.status.value,
        success=run.status is ConstrainedStatus.KKT_POINT, nit=len(first.history), history=first.history,
        certificate=KKT(step.stationarity, step.infeasibility, state.gap, complete),
        multipliers=state.multipliers, infeasibility=step.infeasibility,
    )  # fmt: skip


def _start(loss: Any, constraints: tuple[Constraint, ...], within: Set | None, x0: Array | None) -> Array:
    """Return the start in T, after a check of all that can be checked there."""
    own = loss.start()
    if not isinstance(own, np.ndarray):
        raise TypeError(f"minimize_subject_to works on numpy arrays, but loss.start() is {type(own)}")
    if x0 is not None:
        require_finite("x0", x0)
        if np.shape(x0) != own.shape:
            raise ValueError(f"x0 must have shape {own.shape}, got {np.shape(x0)}")
    x = np.array(own if x0 is None else x0, dtype=float)
    x = x if within is None else within.project(x)
    for constraint in constraints:
        constraint.check(x)
    gradient = np.asarray(loss.gradient(x), dtype=float)
    if gradient.shape != x.shape:
        raise ValueError(f"gradient of the loss must have the shape of w {x.shape}, got {gradient.shape}")
    if not (math.isfinite(loss.value(x)) and np.isfinite(gradient).all()):
        raise ValueError("the loss and its gradient must be finite at the start; give another x0")
    return x


def _as_tuple(constraints: Any) -> tuple[Any, ...]:
    if isinstance(constraints, Constraint):
        return (constraints,)
    if not isinstance(constraints, Sequence):
        raise TypeError(f"constraints must be a Constraint or a sequence of them, got {constraints!r}")
    return tuple(constraints)


def _check(loss: Any, constraints: tuple[Any, ...], within: Any, penalty: Any, callback: Any) -> None:
    for name in ("value", "gradient", "start"):
        if not callable(getattr(loss, name, None)):
            raise TypeError(f"loss must have the methods value, gradient and start, got {loss!r}")
    for i, constraint in enumerate(constraints):
        if not isinstance(constraint, Constraint):
            raise TypeError(f"constraints[{i}] must be a Constraint of tamis, got {constraint!r}")
    if within is not None and not hasattr(within, "project"):
        raise TypeError(f"within must be a set such as Box(0, 1), got {within!r}")
    if not constraints and within is None:
        raise ValueError("constraints are empty and within is left out: there is nothing to be subject to")
    if not isinstance(penalty, Safeguards):
        raise TypeError(f"penalty must be a Safeguards of tamis, got {penalty!r}")
    if callback is not None and not callable(callback):
        raise TypeError(f"callback must be callable, got {callback!r}")


def _check_limits(tol: float, max_iter: int, tries: float, time_limit: float | None) -> None:
    if not 0 < tol < 1:
        raise ValueError(f"tol must be positive and below 1, got {tol}")
    require_integer("max_iter", max_iter)
    if max_iter < 1:
        raise ValueError(f"max_iter must be 1 or more, got {max_iter}")
    if not tries >= 0:
        raise ValueError(f"tries must be 0 or more, got {tries}")
    if time_limit is not None and not time_limit > 0:
        raise ValueError(f"time_limit must be positive, got {time_limit}")
