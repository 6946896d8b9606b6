"""Spectral projected gradient: optimal on convex sets, a fixed point on others, monotone enough to end."""

import math
import time

import numpy as np
import pytest
import scipy.optimize

from tamis.sets import Box, L2Ball, Simplex, Sparse
from tamis.steps.projected_gradient import projected_gradient, solve


def least_squares(seed, n=12, p=8, bend=1.0):
    rng = np.random.default_rng(seed)
    A, b = rng.standard_normal((n, p)) * bend ** np.linspace(0, 1, p), rng.standard_normal(n)
    return A, b, lambda x: (np.sum((A @ x - b) ** 2) / 2, A.T @ (A @ x - b))


@pytest.mark.parametrize("constraint", [Box(-0.1, 0.2), Simplex(), L2Ball(0.3)], ids=str)
@pytest.mark.parametrize("bend", [1.0, 100.0])
def test_on_a_convex_set_it_ends_where_no_feasible_direction_descends(constraint, bend):
    """``<g, z - x> >= 0`` for all z in the set: at the corners and at random points."""
    _, _, objective = least_squares(0, bend=bend)
    found = solve(objective, constraint.project(np.zeros(8)), constraint.project, tol=1e-8, max_iter=5000)
    assert found.stationarity <= 1e-8
    rng = np.random.default_rng(1)
    for y in [*(100 * np.eye(8)), *(-100 * np.eye(8)), *rng.standard_normal((50, 8))]:
        assert found.gradient @ (constraint.project(y) - found.x) >= -1e-6


def test_in_a_box_it_ends_where_scipy_ends():
    A, b, objective = least_squares(2, bend=30.0)
    found = solve(objective, np.zeros(8), Box(0, 0.1).project, tol=1e-9)
    peer = scipy.optimize.lsq_linear(A, b, (0, 0.1), tol=1e-14)
    np.testing.assert_allclose(found.x, peer.x, atol=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_with_few_nonzeros_it_ends_in_a_fixed_point(seed):
    """L-stationary: the projection of a gradient step of length 1/L is the point itself."""
    A, _, objective = least_squares(seed)
    L = np.linalg.norm(A, 2) ** 2
    found = solve(objective, Sparse(3).project(np.ones(8)), Sparse(3).project, tol=1e-8, max_iter=5000)
    assert projected_gradient(Sparse(3).project, found.x, found.gradient, 1.01 * L) <= 1e-7


def test_without_a_set_it_solves_the_equations():
    A, b, objective = least_squares(3, bend=10.0)
    found = solve(objective, np.zeros((8,)), tol=1e-9)
    np.testing.assert_allclose(found.x, np.linalg.lstsq(A, b, rcond=None)[0], atol=1e-7)


def test_a_step_out_of_the_domain_is_shortened():
    """The value is infinite beyond x = 1; the solution is near it."""

    def objective(x):
        inside = bool((x < 1).all())
        with np.errstate(all="ignore"):
            return (float(-x.sum() - 1e-3 * np.log(1 - x).sum()) if inside else math.inf), -1 + 1e-3 / (1 - x)

    found = solve(objective, np.zeros(2), Box(-5.0, 5.0).project, curvature=1e-3, tol=1e-8)
    np.testing.assert_allclose(found.x, 1 - 1e-3, atol=1e-8)


@pytest.mark.parametrize("project", [None, Box(-2.0, 2.0).project], ids=["free", "box"])
def test_it_stops_at_the_deadline(project):
    def slow(x):
        time.sleep(0.01)
        return float(np.sum(x**4)), 4 * x**3

    begin = time.monotonic()
    solve(slow, np.ones(3), project, tol=1e-300, deadline=begin + 0.05)
    assert time.monotonic() - begin < 0.8
