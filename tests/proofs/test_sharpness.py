"""Theorem 8 on random quadratics, and on the code's own sharpness-aware step."""

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tamis.losses import LeastSquares
from tamis.sets import Sparse
from tamis.steps import sharpness_aware_step

from .quadratics import SLACK, Turn, curvatures, lagrangian, quadratic, seeds, square, start


@given(seed=seeds, ends=curvatures, radius=st.floats(0, 2))
def test_a_sharpness_aware_gradient_is_off_by_beta_times_the_radius_at_most(seed, ends, radius):
    rng = np.random.default_rng(seed)
    f = quadratic(rng, 6, *ends)
    w = rng.standard_normal(6)
    g = f.gradient(w)
    moved = f.gradient(w + radius * g / np.linalg.norm(g))
    assert np.linalg.norm(moved - g) <= f.beta * radius * (1 + 1e-12) + 1e-12


@given(seed=seeds, radius=st.floats(0, 0.5))
def test_the_codes_sharpness_aware_step_leaves_a_residual_of_beta_radius(seed, radius):
    """Where it stands still, grad f + penalty (w - v) is at most beta radius."""
    rng = np.random.default_rng(seed)
    loss, v = LeastSquares(rng.standard_normal((8, 4)), rng.standard_normal(8)), rng.standard_normal(4)
    beta, solve = loss.smoothness(), sharpness_aware_step(loss, radius, steps=1)
    w = v
    for _ in range(200):
        before, w = w, solve(v, beta, w)
    assume(beta * np.linalg.norm(w - before) <= 1e-10)
    assert np.linalg.norm(loss.gradient(w) + beta * (w - v)) <= beta * radius + 1e-9


@settings(max_examples=40)
@given(seed=seeds, radius=st.sampled_from([0.0, 1e-2, 0.3]))
def test_a_sharpness_aware_turn_descends_up_to_the_squared_radii(seed, radius):
    """The exact step with the gradient taken a radius off, in a direction that is fixed."""
    rng = np.random.default_rng(seed)
    f, constraint, penalty, (eta, t, s) = quadratic(rng, 6, 0.3, 1.0), Sparse(2), 6.0, (0.5, 0.5, 0.5)
    direction = rng.standard_normal(6)
    direction /= np.linalg.norm(direction)
    shift = radius * f.H @ direction  # grad f(w + radius d) = grad f(w) + shift
    at = start(rng, f, penalty, constraint)
    at = at._replace(u=at.u - shift / penalty)
    for _ in range(6):
        z = constraint.project(at.w + at.u)
        w = f._replace(b=f.b - shift).nearest(z - at.u, penalty)
        after = Turn(w, z, at.u + w - z)
        factor = (1 + s) * (1 + t) * f.beta**2 / penalty + eta / 2 - (penalty - f.mu) / 2
        error = (f.beta * radius) ** 2 * (1 / (2 * eta) + 4 * (1 + s) * (1 + 1 / t) / penalty)
        change = lagrangian(f, penalty, after) - lagrangian(f, penalty, at)
        assert change <= factor * square(w - at.w) + error + SLACK * (1 + abs(lagrangian(f, penalty, at)))
        at = after
