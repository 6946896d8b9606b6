"""Theorem 10: what the order of the papers, w, z, u, shares with z, w, u, and what it lacks."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.certificates import fixed_point
from tamis.sets import NofM, Sparse

from .quadratics import (
    OUTCOME,
    SLACK,
    Turn,
    curvatures,
    lagrangian,
    quadratic,
    seeds,
    sets,
    square,
    start,
    wzu,
    zwu,
)


@settings(max_examples=60)
@given(seed=seeds, ends=curvatures, ratio=st.floats(2.05, 6), constraint=sets)
def test_one_gradient_step_a_turn_descends_with_the_last_move_added(seed, ends, ratio, constraint):
    rng = np.random.default_rng(seed)
    f = quadratic(rng, 6, *ends)
    penalty, rate = ratio * f.beta, (ratio * f.beta - f.beta) / 2 - f.beta / ratio
    at, move = start(rng, f, penalty, constraint), 0.0
    for _ in range(12):
        z = constraint.project(at.w + at.u)
        w = z - at.u - f.gradient(at.w) / penalty
        after, last = Turn(w, z, at.u + w - z), move
        move = square(w - at.w)
        change = lagrangian(f, penalty, after) - lagrangian(f, penalty, at) + f.beta / ratio * (move - last)
        assert change <= -rate * move + SLACK * (1 + abs(lagrangian(f, penalty, at)))
        at = after


def test_in_the_papers_order_the_lagrangian_rises_in_the_example_of_the_theorem():
    f = quadratic(np.random.default_rng(0), 2, 0.0, 1.0)._replace(H=np.eye(2), b=np.array([0.0, -32.0]))
    first = wzu(f, 3.0, Sparse(1), Turn(np.array([-16.0, 0]), np.array([-16.0, 0]), np.zeros(2)))
    second = wzu(f, 3.0, Sparse(1), first)
    assert [x.tolist() for x in first] == [[-12, -8], [-12, 0], [0, -8]]
    assert [x.tolist() for x in second] == [[-9, -2], [0, -10], [-9, 0]]
    assert (lagrangian(f, 3.0, first), lagrangian(f, 3.0, second)) == (136, 439)


@pytest.mark.parametrize("constraint", [Sparse(2), NofM(1, 3)], ids=["sparse", "n of m"])
@pytest.mark.parametrize(("order", "other"), [(zwu, wzu), (wzu, zwu)], ids=["zwu", "wzu"])
def test_the_two_orders_rest_in_the_same_points(order, other, constraint):
    """Where one settles w = z, the dual is the gradient, z is a fixed point, and the other stays there."""
    settled = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        f = quadratic(rng, 6, -0.3, 1.0)
        at = start(rng, f, 3.0, constraint)
        for _ in range(300):
            at = order(f, 3.0, constraint, at)
        if np.abs(at.w - at.z).max() > 1e-9:
            continue
        settled += 1
        np.testing.assert_allclose(3.0 * at.u, -f.gradient(at.z), atol=1e-7)
        assert fixed_point(f, constraint, at.z, 3.0) < 1e-6
        after = other(f, 3.0, constraint, at)
        assert max(np.abs(a - b).max() for a, b in zip(after, at, strict=True)) < 1e-6
    assert settled >= 15


@given(seed=seeds)
def test_in_the_papers_order_the_dual_misses_the_gradient_by_the_move_of_z(seed):
    rng = np.random.default_rng(seed)
    f = quadratic(rng, 6, 0.3, 1.0)
    at = start(rng, f, 3.0, Sparse(2))
    for _ in range(5):
        at, before = wzu(f, 3.0, Sparse(2), at), at
        np.testing.assert_allclose(3.0 * at.u, -(f.gradient(at.w) + 3.0 * (at.z - before.z)), atol=1e-7)


def test_of_the_runs_the_lagrangian_rises_in_the_papers_order_alone_and_none_cycles():
    assert all(row["zwu_rises"] == 0 < row["wzu_rises"] for row in OUTCOME["runs"])
    assert all(row["wzu_cycles"] == row["zwu_cycles"] == 0 for row in OUTCOME["runs"])
