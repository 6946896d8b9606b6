"""The problem of the augmented Lagrangian, with the scales measured at a point."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from tamis.admm import Set
from tamis.arrays import Array
from tamis.augmented_lagrangian.constraints import Constraint

FLOOR = 1e-3  # share of the first gradient, and of curvature times |w|, that counts as one


class Problem(NamedTuple):
    """The parts of the problem, with the scales that tolerances and the first penalty refer to."""

    loss: Any  # value(w) and gradient(w)
    constraints: tuple[Constraint, ...]
    within: Set | None  # T; None if w is free
    slope: float = 1.0  # least size of a gradient of f that stationarity is relative to
    curvature: float = 0.0  # of f, from one difference of gradients
    jacobian: float = 0.0  # Frobenius norm of all Jacobians, estimated from one product each

    @property
    def project(self) -> Callable[[Array], Array] | None:
        """The projection on T."""
        return None if self.within is None else self.within.project


def measured(problem: Problem, x: Array) -> Problem:
    """Return the problem with slope, curvature and Jacobian as they are at ``x``.

    The curvature is ``|grad f(x + d) - grad f(x)| / |d|`` along one random d, so a typical one and
    not the largest; 0 if it drowns in rounding.  ``|J^T s|^2`` with random signs s has the mean
    ``|J|_F^2`` (Hutchinson).
    """
    rng = np.random.default_rng(0)
    g = np.asarray(problem.loss.gradient(x), dtype=float)
    d = rng.standard_normal(x.shape)
    length = 1e-4 * (float(np.linalg.norm(x)) or 1.0)
    change = np.asarray(problem.loss.gradient(x + d * (length / (np.linalg.norm(d) or 1.0))), dtype=float) - g
    bend = float(np.linalg.norm(change))
    curvature = bend / length if math.isfinite(bend) and bend > 1e-12 * float(np.linalg.norm(g)) else 0.0
    signs = [rng.choice([-1.0, 1.0], constraint.value(x).shape) for constraint in problem.constraints]
    pulls = [k.pull_back(x, s) for k, s in zip(problem.constraints, signs, strict=True)]
    jacobian = math.sqrt(sum(float(np.sum(pull**2)) for pull in pulls))
    largest = max(float(np.abs(g).max(initial=0.0)), curvature * float(np.abs(x).max(initial=0.0)))
    return problem._replace(slope=FLOOR * largest or 1.0, curvature=curvature, jacobian=jacobian)
