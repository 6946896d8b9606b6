r"""The iteration that everything in tamis shares.

Problem: ``minimise f(w) subject to w in S``, with f smooth and S a set with a cheap
projection.  With the scaled dual u of the constraint ``w = z`` and a penalty > 0::

    w  <-  about argmin_w  f(w) + (penalty/2) |w - (z - u)|^2      the step, not in this file
    z  <-  argmin_{z in S} |z - (w + u)|_M^2                       the projection
    u  <-  u + w - z                                               the dual step

M is a positive diagonal, the identity unless a metric is given.  The order w, z, u is that
of Boyd et al. 2011 (eq. 3.5-3.7), of Elsa (arXiv 2510.01650) and of SAFE (arXiv
2506.06866).  For a set whose projection keeps the values of a support (sparse, N:M), z and u
then have disjoint supports: z = w + u where it is kept, u = w + u elsewhere.  Each line is
held by ``tests/core/test_admm.py``; no theorem is claimed here for this order on a
non-convex set.

All functions are pure; the caller holds the :class:`State`.  They take one array or a list
of arrays, of numpy, torch or any library that follows the array API standard.
"""

from typing import NamedTuple, Protocol

from array_api_compat import array_namespace

from tamis.arrays import Variable, each, norm


class Set(Protocol):
    """What the iteration asks of a set."""

    def project(self, y: Variable, metric: Variable | None = None) -> Variable:
        """Return the point of the set nearest to ``y``."""
        ...


class State(NamedTuple):
    """What the iteration remembers besides w; both fields have the shape of w."""

    z: Variable  # the point of S that w is drawn to
    u: Variable  # the scaled dual: the running sum of w - z


class Residuals(NamedTuple):
    """How far a state is from a fixed point (Boyd et al. 2011, sec. 3.3)."""

    primal: float  # |w - z|, in the units of w
    dual: float  # penalty |z - z_before|, in the units of the gradient


def init(w: Variable, constraint: Set, metric: Variable | None = None) -> State:
    """Return the first state: z the projection of ``w``, u zero."""
    return State(z=constraint.project(w, metric), u=each(lambda a: array_namespace(a).zeros_like(a), w))


def target(state: State) -> Variable:
    """Return ``z - u``, the point that the penalty draws w to."""
    return each(lambda z, u: z - u, state.z, state.u)


def penalty_gradient(w: Variable, state: State, penalty: float) -> Variable:
    """Return the gradient of ``(penalty/2) |w - z + u|^2`` at ``w``."""
    return each(lambda a, z, u: penalty * (a - z + u), w, state.z, state.u)


def dual_update(w: Variable, state: State, constraint: Set, metric: Variable | None = None) -> State:
    """Project, then move the dual: ``z = P(w + u)``, ``u = u + w - z``.

    The dual is formed from the sum that was projected, so that ``u`` is exactly zero where a
    support-selecting projection keeps an entry.  The metric is that of this one projection.
    """
    total = each(lambda a, u: a + u, w, state.u)
    z = constraint.project(total, metric)
    return State(z=z, u=each(lambda s, b: s - b, total, z))


def rescale(state: State, old_penalty: float, new_penalty: float) -> State:
    """Change the penalty: ``u * penalty`` is the multiplier and must stay, so u scales by old/new.

    Raises
    ------
    ValueError
        If the new penalty is not positive or the old one negative (zero is allowed: no multiplier yet).
    """
    if not (old_penalty >= 0 and new_penalty > 0):
        raise ValueError(
            f"rescale needs old_penalty >= 0 and new_penalty > 0, got {old_penalty} and {new_penalty}"
        )
    ratio = old_penalty / new_penalty
    return state._replace(u=each(lambda u: u * ratio, state.u))


def residuals(w: Variable, before: State, after: State, penalty: float) -> Residuals:
    """Return the primal and dual residuals of one iteration from ``before`` to ``after``."""
    gap = each(lambda a, z: a - z, w, after.z)
    change = each(lambda new, old: new - old, after.z, before.z)
    return Residuals(primal=norm(gap), dual=penalty * norm(change))
