r"""Safeguarded augmented Lagrangian for smooth constraints and any sets with a projection.

Problem: ``minimise f(w) subject to c_i(w) in D_i (i = 1..m) and w in T``, with f and c_i smooth,
and D_i and T any sets with a projection, convex or not.  With multipliers y_i and a penalty
rho > 0, an outer iteration is::

    w    <-  about argmin_{w in T}  f(w) + sum_i (rho/2) dist(c_i(w) + y_i/rho, D_i)^2
    s_i   =  c_i(w) + y_i/rho,    p_i = P_{D_i}(s_i)
    y_i  <-  clip(rho (s_i - p_i), -bound, bound)                  the safeguard
    rho  <-  factor rho  unless  max |c_i(w) - p_i|  fell to  decrease times its last value

D = {0} gives the method of multipliers, D = {s <= 0} that of Powell, Hestenes and Rockafellar
with ``y <- max(0, y + rho g)``, and D = Sparse(k) with c(w) = A w the search for k nonzeros of
A w.  The gradient of the first line is ``grad f + sum_i J_i^T rho (s_i - p_i)``: with the new
multipliers it is that of the Lagrangian, so w solves the problem to first order as soon as w is
a stationary point of the first line and ``max |c_i(w) - p_i| <= tol`` (feasible and complementary).

Sources: Birgin & Martinez, Practical Augmented Lagrangian Methods (2014), algorithm 4.1 for the
safeguards; De Marchi, Jia, Kanzow & Mehlitz, Math. Program. 201 (2023) for any D.  The inner
problem goes to :mod:`tamis.steps.projected_gradient`.  Exchanges in a support that T or a D_i
selects follow in :mod:`tamis.augmented_lagrangian.support_search`.  Numpy only.
"""

import itertools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from tamis.arrays import Array
from tamis.augmented_lagrangian.result import ConstrainedStatus
from tamis.augmented_lagrangian.safeguards import Safeguards
from tamis.augmented_lagrangian.scales import Problem
from tamis.steps import projected_gradient


class State(NamedTuple):
    """What one outer iteration hands to the next."""

    x: Array
    multipliers: list[Array]  # y_i, of the shape of c_i(w)
    penalty: float
    gap: float  # max |c(w) - p|, the number that has to fall


class Step(NamedTuple):
    """What an outer iteration found."""

    state: State  # with the multipliers before the safeguard and the penalty that was used
    stationarity: float  # relative to the slope
    infeasibility: float
    pull: float  # |projected J^T (c - P_D c)| relative to |J| |c - P_D c|; 0: violation is stationary
    evaluations: int


def first_state(problem: Problem, x: Array, settings: Safeguards) -> State:
    """Return the state at ``x`` with no multipliers and the first penalty of ``settings``.

    By default ten times ``|H| / |J|^2``, so that f and constraints weigh alike; for a loss without
    curvature ten times ``|grad f| / |J|``.  10 is the factor of Algencan's own rule.
    """
    penalty = settings.start
    if penalty is None:
        steepness = problem.curvature or problem.slope * problem.jacobian
        penalty = 10 * steepness / (problem.jacobian**2 or 1.0) or 1.0
    zeros = [np.zeros_like(constraint.value(x)) for constraint in problem.constraints]
    return State(x, zeros, penalty, math.inf)


def objective(problem: Problem, multipliers: list[Array], penalty: float) -> projected_gradient.Objective:
    """Return w -> value and gradient of ``f(w) + sum_i (penalty/2) dist(c_i(w) + y_i/penalty, D_i)^2``."""

    def evaluate(w: Array) -> tuple[float, Array]:
        value, gradient = problem.loss.value(w), np.asarray(problem.loss.gradient(w), dtype=float)
        for constraint, y in zip(problem.constraints, multipliers, strict=True):
            shifted = constraint.value(w) + y / penalty
            if not np.isfinite(shifted).all():
                return math.inf, gradient
            off = shifted - constraint.target.project(shifted)
            value += penalty / 2 * float(np.sum(off * off))
            gradient = gradient + constraint.pull_back(w, penalty * off)
        return float(value), gradient

    return evaluate


def lagrangian_gradient(problem: Problem, state: State) -> Array:
    """Return ``grad f + sum_i J_i^T y_i`` at the state."""
    g = np.asarray(problem.loss.gradient(state.x), dtype=float)
    for constraint, y in zip(problem.constraints, state.multipliers, strict=True):
        g = g + constraint.pull_back(state.x, y)
    return g


def update(problem: Problem, x: Array, state: State) -> State:
    """Return ``y_i = rho (s_i - p_i)`` at ``x``, not yet clipped, and the gap ``max |c_i - p_i|``."""
    multipliers, gap = [], 0.0
    for constraint, y in zip(problem.constraints, state.multipliers, strict=True):
        c = constraint.value(x)
        shifted = c + y / state.penalty
        nearest = constraint.target.project(shifted)
        multipliers.append(state.penalty * (shifted - nearest))
        gap = max(gap, _largest(c - nearest))
    return State(x, multipliers, state.penalty, gap)


def safeguard(new: State, last: State, settings: Safeguards, tol: float) -> State:
    """Clip the multipliers, and raise the penalty unless the gap is small or fell enough."""
    clipped = [np.clip(y, -settings.bound, settings.bound) for y in new.multipliers]
    lags = new.gap > max(tol, settings.decrease * last.gap)
    return new._replace(multipliers=clipped, penalty=new.penalty * (settings.factor if lags else 1.0))


def step(problem: Problem, state: State, inner_tol: float, max_inner: int, deadline: float) -> Step:
    """Minimise over w from ``state.x``, then move the multipliers."""
    bend = problem.curvature + state.penalty * problem.jacobian**2
    slope = max(problem.slope, _largest(np.asarray(problem.loss.gradient(state.x))))
    inner = projected_gradient.solve(
        objective(problem, state.multipliers, state.penalty), state.x, problem.project,
        curvature=bend, tol=inner_tol * slope, max_iter=max_inner, deadline=deadline,
    )  # fmt: skip
    new = update(problem, inner.x, state)
    infeasibility, pull = violation(problem, inner.x)
    return Step(new, inner.stationarity / slope, infeasibility, pull, inner.evaluations)


def violation(problem: Problem, x: Array) -> tuple[float, float]:
    """Return the largest entry of ``c - P_D(c)``, and how far that is from stationary, relatively."""
    off = [c - k.target.project(c) for k in problem.constraints for c in [k.value(x)]]
    size = math.sqrt(sum(float(np.sum(v * v)) for v in off))
    if size == 0:
        return 0.0, 0.0
    g = sum(k.pull_back(x, v) for k, v in zip(problem.constraints, off, strict=True))
    steep = max(problem.jacobian, float(np.linalg.norm(g)) / size) or 1.0
    pull = projected_gradient.projected_gradient(problem.project, x, g, steep**2)
    return max(map(_largest, off)), pull / (steep * size)


@dataclass
class Run:
    """One run of outer iterations: where it ended and how it came there."""

    step: Step
    status: ConstrainedStatus
    history: list[dict[str, float]] = field(default_factory=list)


def run(
    problem: Problem, state: State, settings: Safeguards, *, tol: float, max_iter: int = 100,
    max_inner: int = 2000, deadline: float = math.inf,
    callback: Callable[[Array, dict[str, float]], None] | None = None,
) -> Run:  # fmt: skip
    """Iterate until the first-order conditions hold within ``tol``; the algorithm itself.

    The inner tolerance starts at ``sqrt(tol)`` and falls tenfold an iteration to ``tol``.  The
    problem counts as infeasible when the violation is stationary (``pull`` below 1e-3) and has not
    fallen by a tenth in the four iterations, each with a greater penalty, behind it.
    """
    history: list[dict[str, float]] = []
    inner_tol = max(tol, math.sqrt(tol)) if problem.constraints else tol
    status = ConstrainedStatus.ITERATION_LIMIT
    for _ in range(max_iter):
        found = step(problem, state, inner_tol, max_inner, deadline)
        history.append(_record(problem, found))
        if callback:
            callback(found.state.x, history[-1])
        if max(found.state.gap, found.infeasibility, found.stationarity) <= tol:
            status = ConstrainedStatus.KKT_POINT
        elif _stalled(history, tol) and found.pull <= 1e-3:
            status = ConstrainedStatus.INFEASIBLE
        elif time.monotonic() > deadline:
            status = ConstrainedStatus.TIME_LIMIT
        if status is not ConstrainedStatus.ITERATION_LIMIT:
            break
        state = safeguard(found.state, state, settings, tol)
        inner_tol = max(tol, inner_tol / 10)
    return Run(found, status, history)


def _record(problem: Problem, found: Step) -> dict[str, float]:
    return {
        "penalty": found.state.penalty, "infeasibility": found.infeasibility,
        "complementarity": found.state.gap, "stationarity": found.stationarity,
        "loss": float(problem.loss.value(found.state.x)), "evaluations": float(found.evaluations),
    }  # fmt: skip


def _stalled(history: list[dict[str, float]], tol: float) -> bool:
    if len(history) < 6 or history[-1]["infeasibility"] <= tol:
        return False
    last = history[-5:]
    grew = all(a["penalty"] < b["penalty"] for a, b in itertools.pairwise(last))
    return grew and last[-1]["infeasibility"] > 0.9 * last[0]["infeasibility"]


def _largest(a: Array) -> float:
    return float(np.abs(a).max(initial=0.0))
