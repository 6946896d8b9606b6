"""Exchanges in the support of a constrained problem, each refitted by the augmented Lagrangian."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from tamis.admm import Set
from tamis.arrays import Array
from tamis.augmented_lagrangian import iteration as al
from tamis.augmented_lagrangian import support_moves
from tamis.augmented_lagrangian.constraints import Constraint
from tamis.augmented_lagrangian.embedding import Embedding, embed, identity, null_space, spread
from tamis.augmented_lagrangian.safeguards import Safeguards
from tamis.augmented_lagrangian.scales import Problem, measured

TRIES_IF_INFEASIBLE = 20  # each refit then takes long, as it has to see that it has no feasible point


class Fit(NamedTuple):
    """A run with the support fixed."""

    run: al.Run
    support: Array


def chooser_of(problem: Problem) -> int | None:
    """Return where a set selects a support: -1 for T, i for D_i, None if nowhere.

    With several such sets the first is exchanged in, T before the D_i.
    """
    places = {-1: problem.within} | {i: k.target for i, k in enumerate(problem.constraints)}
    return next((i for i, chosen in places.items() if support_moves.selects(chosen)), None)


class Search(NamedTuple):
    """What the refits of one search share."""

    problem: Problem
    place: int  # -1: T selects the support; i: D_i does
    settings: Safeguards
    tol: float
    max_iter: int
    deadline: float

    @property
    def chooser(self) -> Any:
        """The set whose support is searched."""
        return self.problem.within if self.place < 0 else self.problem.constraints[self.place].target

    def improve(self, first: al.Run, tries: float) -> tuple[Fit, bool]:
        """Return the best refit that exchanges reach from ``first``, and whether none is left to try."""
        fit = self.begin(first)
        begin = Fit(first, fit.support) if self.better(Fit(first, fit.support), fit) else fit
        if begin.run.step.infeasibility > self.tol:
            tries = min(tries, TRIES_IF_INFEASIBLE)
        return support_moves.improve(
            begin, self.neighbours, self.refit, self.better, tries=tries, deadline=self.deadline
        )

    def begin(self, first: al.Run) -> Fit:
        """Return the refit on the support that ``first`` ended with."""
        state = first.step.state
        place = state.x
        if self.place >= 0:
            c = self.problem.constraints[self.place].value(state.x)
            place = c + state.multipliers[self.place] / state.penalty
        return self.fit(state, self.chooser.support(place))

    def refit(self, fit: Fit, support: Array) -> Fit:
        """Return the refit on ``support``, started from ``fit`` with the value moved to its new place."""
        state = fit.run.step.state
        if self.place < 0:
            x = np.where(support, state.x, 0.0)
            x[support & ~fit.support] = state.x[fit.support & ~support]
            state = state._replace(x=x)
        return self.fit(state, support)

    def better(self, new: Fit, old: Fit) -> bool:
        """Return whether ``new`` is feasible and lower; of infeasible ones, less so by a tenth."""
        now, before = new.run.step.infeasibility, old.run.step.infeasibility
        if max(now, before) > self.tol:
            return now <= self.tol or now < 0.9 * before
        a, b = new.run.history[-1]["loss"], old.run.history[-1]["loss"]
        return a < b - 10 * self.tol * abs(b)

    def neighbours(self, fit: Fit) -> Iterator[Array]:
        """Yield the supports one exchange away, by what the multipliers promise."""
        problem, state = self.problem, fit.run.step.state
        if self.place < 0:
            values, g, L = state.x, al.lagrangian_gradient(problem, state), problem.curvature
        else:
            values, g = problem.constraints[self.place].value(state.x), state.multipliers[self.place]
            L = problem.curvature / problem.jacobian**2
        L = L or 1.0  # a linear loss: any number, only the order counts
        return support_moves.exchanges(self.chooser, fit.support, g**2 / (2 * L), L / 2 * values**2)

    def fit(self, state: al.State, support: Array) -> Fit:
        """Return a run on ``support`` from the point and the multipliers of ``state``."""
        E, constraints, within = self._restricted(support)
        kept = [i for i, constraint in enumerate(constraints) if constraint is not None]
        problem = embed(self.problem, E, [k for k in constraints if k is not None], within)
        u = E.back(state.x)
        u = u if within is None else within.project(u)
        problem = measured(problem, u)._replace(slope=self.problem.slope)
        y = [np.clip(state.multipliers[i], -self.settings.bound, self.settings.bound) for i in kept]
        begin = al.first_state(problem, u, self.settings)._replace(multipliers=y)
        run = al.run(
            problem, begin, self.settings, tol=self.tol, max_iter=self.max_iter, deadline=self.deadline
        )  # fmt: skip
        return Fit(self._lifted(run, E, kept, support), support)

    def _restricted(self, support: Array) -> tuple[Embedding, list[Constraint | None], Set | None]:
        """Return which w the support leaves: the embedding, the constraints (None if met by it), and T."""
        constraints: list[Constraint | None] = list(self.problem.constraints)
        values = self.chooser.within(support)
        if self.place < 0:
            return spread(support), constraints, values
        own = self.problem.constraints[self.place]
        if own.matrix is None or values is not None or self.problem.within is not None:
            constraints[self.place] = own.onto(support_moves.OnSupport(support, values))
            return identity(), constraints, self.problem.within
        constraints[self.place] = None
        return null_space(_rows(own.matrix, ~support)), constraints, None

    def _lifted(self, run: al.Run, E: Embedding, kept: list[int], support: Array) -> al.Run:
        """Return the run in terms of w, with the multiplier of a constraint that E met."""
        end = run.step.state
        multipliers = [np.zeros_like(c.value(E.out(end.x))) for c in self.problem.constraints]
        for i, y in zip(kept, end.multipliers, strict=True):
            multipliers[i] = y
        state = end._replace(x=E.out(end.x), multipliers=multipliers)
        if len(kept) < len(multipliers):
            rows = _rows(self.problem.constraints[self.place].matrix, ~support)
            g = al.lagrangian_gradient(self.problem, state)
            multipliers[self.place][~support] = -np.linalg.lstsq(rows.T, g, rcond=None)[0]
        infeasibility, pull = al.violation(self.problem, state.x)
        step = run.step._replace(state=state, infeasibility=infeasibility, pull=pull)
        return al.Run(step, run.status, run.history)


def _rows(A: Any, mask: Array) -> Array:
    """Return the rows of a matrix of any kind where ``mask`` holds, dense."""
    chosen = np.eye(A.shape[0])[:, mask]
    return np.asarray(A.T @ chosen, dtype=float).T
