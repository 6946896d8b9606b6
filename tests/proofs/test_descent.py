"""Theorems 5, 6 and 9 on random quadratics: hypotheses measured, conclusions checked, turn by turn."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.sets import Sparse
from tamis_torch.packed import add_dual, split
from tamis_torch.state import named

from .quadratics import (
    OUTCOME,
    SLACK,
    Turn,
    curvatures,
    lagrangian,
    quadratic,
    rate_of_theorem_5,
    rate_of_theorem_9,
    seeds,
    sets,
    square,
    start,
    turns,
    zwu,
)


@settings(max_examples=60)
@given(seed=seeds, ends=curvatures, ratio=st.floats(1.01, 6), constraint=sets)
def test_an_exact_turn_descends_by_the_rates_of_theorems_5_and_9(seed, ends, ratio, constraint):
    """The dual is the gradient before and after, and the Lagrangian falls by either rate."""
    rng = np.random.default_rng(seed)
    f = quadratic(rng, 6, *ends)
    penalty = ratio * max(f.beta, 2 * f.mu)
    for at, after in turns(f, penalty, constraint, start(rng, f, penalty, constraint)):
        np.testing.assert_allclose(
            penalty * after.u, -f.gradient(after.w), atol=1e-8 * (1 + np.abs(after.w).max())
        )
        scale = 1 + abs(lagrangian(f, penalty, at))
        fall = lagrangian(f, penalty, at) - lagrangian(f, penalty, after)
        for rate in (rate_of_theorem_5(f, penalty), rate_of_theorem_9(f, penalty)):
            assert fall >= rate * square(after.w - at.w) - SLACK * scale


def test_the_rate_of_theorem_9_is_attained_at_both_ends_of_the_curvature():
    """With nothing kept z stays at 0, and each end of the curvature gives its rate exactly."""
    for curvature, mu, beta in ((-0.5, 0.5, 1.0), (2.0, 0.5, 2.0)):
        f = quadratic(np.random.default_rng(0), 2, mu, beta)._replace(H=curvature * np.eye(2), b=np.zeros(2))
        at = start(np.random.default_rng(1), f, 3.0, Sparse(0))
        after = zwu(f, 3.0, Sparse(0), at)
        fall = lagrangian(f, 3.0, at) - lagrangian(f, 3.0, after)
        rate = (3.0 - curvature) * (3.0 + 2 * curvature) / 6
        assert fall == pytest.approx(rate * square(after.w - at.w))


def test_below_twice_the_weak_convexity_a_run_may_diverge():
    f = quadratic(np.random.default_rng(0), 2, 1.0, 1.0)._replace(H=-np.eye(2), b=np.zeros(2))
    at = start(np.random.default_rng(1), f, 1.9, Sparse(0))
    *_, (_, last) = turns(f, 1.9, Sparse(0), at, 100)
    assert np.abs(last.w).max() > 1e3 * np.abs(at.w).max()


@settings(max_examples=60)
@given(seed=seeds, ends=curvatures, ratio=st.floats(1.5, 6), size=st.sampled_from([0.0, 1e-3, 0.1]))
def test_a_turn_with_errors_descends_up_to_the_errors_that_are_measured(seed, ends, ratio, size):
    """The residual of w, the rounding of z (a format of 8 bits) and of u, each as the theorem takes it."""
    rng = np.random.default_rng(seed)
    f, constraint, form = quadratic(rng, 6, *ends), Sparse(2), named("power8", block=None)
    penalty, eta, t, s = ratio * max(f.beta, 2 * f.mu), 0.1, 0.2, 0.3
    at = start(rng, f, penalty, constraint)
    for _ in range(8):
        v = at.w + at.u
        z = form.decode(form.encode(torch.from_numpy(constraint.project(v)))).double().numpy()
        tau = max(square(v - z) - square(v - at.z), 0.0)
        w = f.nearest(z - at.u, penalty) + size * rng.standard_normal(6)
        q = size * rng.standard_normal(6)
        after = Turn(w, z, at.u + w - z + q)
        before, residual = f.gradient(at.w) + penalty * at.u, f.gradient(w) + penalty * (w - z + at.u)
        factor = (1 + s) * (1 + t) * f.beta**2 / penalty + eta / 2 - (penalty - f.mu) / 2
        error = penalty / 2 * tau + square(residual) / (2 * eta) + penalty / (4 * s) * square(q)
        error += (1 + s) * (1 + 1 / t) / penalty * square(residual - before)
        change = lagrangian(f, penalty, after) - lagrangian(f, penalty, at)
        assert change <= factor * square(w - at.w) + error + SLACK * (1 + abs(lagrangian(f, penalty, at)))
        at = after


@given(seed=seeds, constraint=sets, ratio=st.floats(2.2, 6))
def test_among_k_steps_one_is_as_short_as_the_rate_says(seed, constraint, ratio):
    rng = np.random.default_rng(seed)
    f = quadratic(rng, 6, -0.1, 1.0)  # convex, so that f has a least value
    at = start(rng, f, ratio, constraint)
    first, least = lagrangian(f, ratio, at), f.value(np.linalg.solve(f.H, f.b))
    moves = [square(after.w - before.w) for before, after in turns(f, ratio, constraint, at, 20)]
    for k in range(1, 21):
        assert min(moves[:k]) <= (first - least) / (rate_of_theorem_5(f._replace(mu=0.0), ratio) * k) + SLACK


@given(seed=seeds, constraint=sets)
def test_the_packed_state_runs_theorem_5s_order(seed, constraint):
    """``add_dual`` and ``split`` with "zwu" make the same turns as z, w, u on whole tensors."""
    rng = np.random.default_rng(seed)
    f = quadratic(rng, 6, 0.3, 1.0)
    at = start(rng, f, 3.0, constraint)
    mask = constraint.support(at.w + at.u)
    target = torch.from_numpy(np.where(mask, at.w + at.u, 0) - at.u)
    for _ in range(6):
        at = zwu(f, 3.0, constraint, at)
        weight = f.nearest(target.numpy(), 3.0)
        np.testing.assert_allclose(weight, at.w, atol=1e-8 * (1 + np.abs(at.w).max()))
        add_dual("zwu", torch.from_numpy(weight), target, torch.from_numpy(mask))
        mask = constraint.support(target.numpy())
        split("zwu", torch.from_numpy(weight), target, torch.from_numpy(mask))


def test_performance_estimation_finds_the_rates_of_theorem_9_and_of_theorem_5_where_they_agree():
    """Exact to 5 digits: no better constant holds for all losses and sets."""
    f = quadratic(np.random.default_rng(0), 2, 0.0, 1.0)
    for row in OUTCOME["descent"]:
        known = f._replace(mu=row["mu"])
        assert row["worst"] == pytest.approx(-rate_of_theorem_9(known, row["penalty"]), abs=1e-5)
        assert row["worst"] <= -rate_of_theorem_5(known, row["penalty"]) + 1e-5
        if row["mu"] == 1:
            assert row["worst"] == pytest.approx(-rate_of_theorem_5(known, row["penalty"]), abs=1e-5)
    for row in OUTCOME["threshold"]:
        assert row["penalty"] == pytest.approx(max(1, 2 * row["mu"]), abs=2e-4)
    for row in OUTCOME["residual"]:  # eta = t = residual and s -> 0 in theorem 5, penalty 3
        e = row["residual"]
        assert row["worst"] == pytest.approx(
            (1 + e) / 3 + e / 2 - 1 + e / 2 + (1 + 1 / e) / 3 * e**2, abs=1e-5
        )
    assert all(row["worst"] > 0 for row in OUTCOME["papers_order"])
