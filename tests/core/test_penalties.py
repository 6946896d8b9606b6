"""Penalty schedules: what they return, and that balancing finds a penalty for a badly scaled problem."""

import numpy as np
import pytest

from tamis import admm
from tamis.losses import LeastSquares
from tamis.penalties import Constant, Geometric, ResidualBalancing, relative
from tamis.sets import Box, L1Ball
from tamis.steps import exact_step

from .helpers import regression

EVEN, PRIMAL, DUAL = admm.Residuals(1.0, 1.0), admm.Residuals(11.0, 1.0), admm.Residuals(1.0, 11.0)


def iterations(loss, constraint, schedule, *, most=3000, tol=1e-8):
    """Run ADMM until both relative residuals are below ``tol``; return how many iterations it took."""
    solve, state, penalty, ratios = exact_step(loss), admm.init(loss.start(), constraint), None, None
    for i in range(most):
        last, penalty = penalty, schedule(i, penalty, ratios)
        before = admm.rescale(state, last or penalty, penalty)
        x = solve(admm.target(before), penalty)
        state = admm.dual_update(x, before, constraint)
        ratios = relative(admm.residuals(x, before, state, penalty), x, state.z, state.u, penalty)
        if max(ratios) < tol:
            return i + 1
    return most


@pytest.mark.parametrize("constraint", [L1Ball(3.0), Box(-1.0, 1.0)], ids=["l1", "box"])
@pytest.mark.parametrize("unit", [1e-4, 1.0, 1e4])
@pytest.mark.parametrize("start", [1e-5, 1e5])
def test_balancing_needs_far_fewer_iterations_than_a_bad_constant(constraint, unit, start):
    """Least squares over a convex set, with a loss in any unit and a penalty 1e5 off the mean curvature."""
    A, b, _ = regression(0, 60, 30)
    loss = LeastSquares(A * unit**0.5, b * unit**0.5)
    bad = start * unit * np.sum(A**2) / 30
    balanced = iterations(loss, constraint, ResidualBalancing(bad))
    assert balanced <= 200
    assert iterations(loss, constraint, Constant(bad), most=10 * balanced) == 10 * balanced


def test_relative_residuals_have_no_units():
    """The count of iterations is the same when loss and x are measured in other units."""
    A, b, _ = regression(1, 40, 20)
    counts = [
        iterations(LeastSquares(A / size, b), L1Ball(3.0 * size), ResidualBalancing(100.0 / size**2))
        for size in (1.0, 1024.0)
    ]
    assert counts[0] == counts[1] < 200


def test_balancing_raises_lowers_and_lets_be():
    schedule = ResidualBalancing(0.5, ratio=10, factor=4, stop_after=7)
    assert schedule(0) == 0.5
    assert [schedule(3, 1.0, r) for r in (EVEN, PRIMAL, DUAL)] == [1.0, 4.0, 0.25]
    assert [schedule(6, 1.0, r) for r in (EVEN, PRIMAL, DUAL)] == [1.0, 4.0, 0.25]
    assert [schedule(7, 1.0, r) for r in (EVEN, PRIMAL, DUAL)] == [1.0, 1.0, 1.0]


def test_a_penalty_never_leaves_the_positive_numbers():
    """Where the next power would be zero or infinite the penalty stays."""
    schedule = ResidualBalancing(1.0)
    assert schedule(1, 1.7e308, PRIMAL) == 1.7e308
    assert schedule(1, 5e-324, DUAL) == 5e-324


def test_relative_residuals_are_quotients():
    w, z, u = np.array([3.0, 4.0]), np.array([0.0, 6.0]), np.array([0.0, 0.5])
    assert relative(admm.Residuals(1.5, 2.0), w, z, u, penalty=8.0) == admm.Residuals(0.25, 0.5)
    nothing = np.zeros(2)
    assert relative(admm.Residuals(0.0, 0.0), nothing, nothing, nothing, 1.0) == admm.Residuals(0.0, 0.0)
    assert relative(admm.Residuals(1.0, 2.0), w, z, nothing, 1.0).dual == float("inf")


def test_schedules_by_the_clock_do_not_look_at_residuals():
    for schedule in (Constant(2.0), Geometric(2.0, 1.5, 9.0)):
        for i in range(5):
            assert schedule(i) == schedule(i, 7.0, PRIMAL) == schedule(i, 7.0, DUAL)
    assert Constant(2.0)(100) == 2.0


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Constant(0.0), ValueError, "a constant penalty must be positive and finite, got 0.0"),
        (lambda: Constant(float("nan")), ValueError, "got nan"),
        (lambda: ResidualBalancing(0.0), ValueError, "start must be positive and finite, got 0.0"),
        (
            lambda: ResidualBalancing(1.0, ratio=0.5),
            ValueError,
            "ratio >= 1, factor > 1 and stop_after >= 1, got ratio=0.5",
        ),
        (lambda: ResidualBalancing(1.0, factor=1.0), ValueError, "factor=1.0"),
        (lambda: ResidualBalancing(1.0, factor=float("inf")), ValueError, "factor=inf"),
        (lambda: ResidualBalancing(1.0, stop_after=0), ValueError, "stop_after=0"),
        (lambda: ResidualBalancing(1.0, stop_after=2.5), TypeError, "stop_after must be an integer, got 2.5"),
        (
            lambda: ResidualBalancing(1.0)(1),
            ValueError,
            "needs the last penalty and its residuals at iteration 1",
        ),
        (lambda: ResidualBalancing(1.0)(4, 1.0), ValueError, "at iteration 4"),
    ],
)
def test_a_bad_schedule_is_refused(make, error, words):
    with pytest.raises(error) as caught:
        make()
    assert words in str(caught.value)
