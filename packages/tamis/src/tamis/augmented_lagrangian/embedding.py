r"""Problems in fewer variables: ``w = E u`` with E linear, for all w that a fixed support leaves.

    T fixes the support of w:     E spreads u over the support, zero elsewhere
    D fixes that of A w:          E an orthonormal basis of ``{w : (A w)_j = 0 off the support}``

The loss becomes ``f(E u)`` with gradient ``E^T grad f(E u)``, a constraint ``c(E u) in D`` with
``E^T J^T y``.  So k jumps in a series of n leave k + 1 variables, whatever n.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from tamis.admm import Set
from tamis.arrays import Array
from tamis.augmented_lagrangian.constraints import Constraint
from tamis.augmented_lagrangian.scales import Problem


class Embedding(NamedTuple):
    """The map E and its transpose."""

    out: Callable[[Array], Array]  # u -> E u, of the shape of w
    back: Callable[[Array], Array]  # g -> E^T g, of the shape of u


class Embedded(NamedTuple):
    """The loss ``u -> f(E u)``."""

    loss: Any
    embedding: Embedding

    def value(self, u: Array) -> float:
        """Return ``f(E u)``."""
        return float(self.loss.value(self.embedding.out(u)))

    def gradient(self, u: Array) -> Array:
        """Return ``E^T grad f(E u)``."""
        return self.embedding.back(np.asarray(self.loss.gradient(self.embedding.out(u)), dtype=float))


def identity() -> Embedding:
    """Return ``E = I``."""
    return Embedding(lambda u: u, lambda g: g)


def spread(support: Array) -> Embedding:
    """Return the E that puts the entries of u in the places of the mask ``support``."""

    def out(u: Array) -> Array:
        w = np.zeros(support.shape)
        w[support] = u
        return w

    return Embedding(out, lambda g: g[support])


def null_space(rows: Array) -> Embedding:
    """Return the E whose columns are an orthonormal basis of ``{w : rows w = 0}``."""
    from scipy.linalg import null_space as basis  # slow to import

    N = basis(rows) if rows.size else np.eye(rows.shape[1])
    return Embedding(lambda u: N @ u, lambda g: N.T @ g)


def embed(
    problem: Problem, embedding: Embedding, constraints: Sequence[Constraint], within: Set | None
) -> Problem:
    """Return the problem in u, with these constraints on ``E u`` and u in ``within``."""
    through = tuple(_through(constraint, embedding) for constraint in constraints)
    loss = Embedded(problem.loss, embedding)
    return problem._replace(loss=loss, constraints=through, within=within)


def _through(constraint: Constraint, embedding: Embedding) -> Constraint:
    return Constraint(
        lambda u: constraint.function(embedding.out(u)),
        lambda u, y: embedding.back(constraint.pull_back(embedding.out(u), y)),
        constraint.target,
    )
