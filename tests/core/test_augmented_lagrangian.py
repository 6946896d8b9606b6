"""The augmented Lagrangian: its formulas, its safeguards, and its answers against cvxpy and scipy."""

import time
from dataclasses import dataclass
from typing import Any

import cvxpy
import numpy as np
import pytest
import scipy.optimize

from tamis.augmented_lagrangian import ConstrainedStatus, Constraint, Safeguards, minimize_subject_to
from tamis.augmented_lagrangian import iteration as al
from tamis.augmented_lagrangian.scales import Problem, measured
from tamis.losses import LeastSquares
from tamis.sets import Box, L1Ball, Nonnegative, Simplex, Sparse

DISC = Constraint.at_most(lambda w: w @ w - 1, lambda w, y: 2 * w * y)
CIRCLE = Constraint.equal(lambda w: w @ w - 1, lambda w, y: 2 * w * y)
PULL = LeastSquares(np.eye(2), np.array([3.0, 4.0]))  # its nearest point of the disc is (.6, .8)
KKT, INFEASIBLE = ConstrainedStatus.KKT_POINT, ConstrainedStatus.INFEASIBLE


@dataclass
class Smooth:
    """A loss of two functions and a start."""

    value: Any
    gradient: Any
    x: Any

    def start(self):
        return np.array(self.x, dtype=float)


def quadratic(Q, c):
    return Smooth(lambda w: w @ Q @ w / 2 + c @ w, lambda w: Q @ w + c, np.zeros(len(c)))


ROSENBROCK = Smooth(
    lambda w: (1 - w[0]) ** 2 + 100 * (w[1] - w[0] ** 2) ** 2,
    lambda w: np.array([-2 * (1 - w[0]) - 400 * w[0] * (w[1] - w[0] ** 2), 200 * (w[1] - w[0] ** 2)]),
    [-1.2, 1.0],
)
HS071 = Smooth(
    lambda x: x[0] * x[3] * (x[0] + x[1] + x[2]) + x[2],
    lambda x: np.array(
        [x[3] * (2 * x[0] + x[1] + x[2]), x[0] * x[3], x[0] * x[3] + 1, x[0] * (x[0] + x[1] + x[2])]
    ),
    [1.0, 5.0, 5.0, 1.0],
)
HS071_CONSTRAINTS = [
    Constraint.at_most(lambda x: 25 - np.prod(x), lambda x, y: -y * np.prod(x) / x),
    Constraint.equal(lambda x: x @ x - 40, lambda x, y: 2 * y * x),
]


@pytest.mark.parametrize("target", [Box(-0.1, 0.3), Sparse(2), L1Ball(0.5), Simplex()], ids=str)
def test_the_gradient_is_that_of_the_value(target):
    """Central differences of f + penalty/2 dist^2(c + y/penalty, D), for convex and non-convex D."""
    rng = np.random.default_rng(0)
    A, x, y = rng.standard_normal((4, 3)), rng.standard_normal(3), rng.standard_normal(4)
    bent = Constraint(lambda w: np.sin(A @ w), lambda w, v: A.T @ (np.cos(A @ w) * v), target)
    loss = LeastSquares(rng.standard_normal((5, 3)), rng.standard_normal(5))
    evaluate = al.objective(Problem(loss, (bent,), None), [y], 3.0)
    d, h = rng.standard_normal(3), 1e-6
    slope = (evaluate(x + h * d)[0] - evaluate(x - h * d)[0]) / (2 * h)
    assert evaluate(x)[1] @ d == pytest.approx(slope, rel=1e-6)


def test_multipliers_of_inequalities_move_as_powell_hestenes_rockafellar():
    """y <- max(0, y + rho g) for g <= 0, and y <- y + rho h for h = 0."""
    x, y, rho = np.array([0.5, 1.0]), np.array([2.0]), 3.0
    for constraint, expected in ((DISC, max(0, 2 + 3 * 0.25)), (CIRCLE, 2 + 3 * 0.25)):
        problem = measured(Problem(PULL, (constraint,), None), x)
        new = al.update(problem, x, al.State(x, [y], rho, np.inf))
        assert new.multipliers[0] == pytest.approx(expected)
    slack = al.update(problem._replace(constraints=(DISC,)), 0 * x, al.State(x, [y], rho, np.inf))
    assert slack.multipliers[0] == 0  # 2 - 3 < 0
    assert slack.gap == pytest.approx(2 / 3)  # |max(g, -y/rho)|, not complementary yet


def test_the_penalty_grows_only_when_the_gap_does_not_fall_and_multipliers_stay_bounded():
    settings = Safeguards(factor=10, decrease=0.5, bound=2.0)
    last = al.State(np.zeros(1), [np.zeros(1)], 1.0, 1.0)
    new = al.State(np.zeros(1), [np.array([-5.0])], 1.0, 0.4)
    assert al.safeguard(new, last, settings, 1e-6).penalty == 1
    assert al.safeguard(new, last, settings, 1e-6).multipliers[0] == -2
    assert al.safeguard(new._replace(gap=0.6), last, settings, 1e-6).penalty == 10
    assert al.safeguard(new._replace(gap=1e-7), last._replace(gap=1e-7), settings, 1e-6).penalty == 1


def test_the_first_order_conditions_hold_where_it_says_so():
    """Lagrangian stationary in the box, feasible, and the multipliers are the known ones of HS071."""
    result = minimize_subject_to(HS071, HS071_CONSTRAINTS, within=Box(1.0, 5.0), tol=1e-8)
    assert result.status is KKT and result.success
    assert result.fun == pytest.approx(17.0140173, abs=1e-6)
    np.testing.assert_allclose(result.x, [1, 4.7429994, 3.8211503, 1.3794082], atol=1e-6)
    np.testing.assert_allclose(np.concatenate(result.multipliers), [0.5522937, 0.1614686], atol=1e-5)
    assert max(result.certificate[:3]) <= 1e-8 and result.certificate.exchange is None


def test_rosenbrock_on_a_disc_as_slsqp():
    constraint = {"type": "ineq", "fun": lambda w: 1 - w @ w}
    peer = scipy.optimize.minimize(
        ROSENBROCK.value, ROSENBROCK.start(), jac=ROSENBROCK.gradient, method="SLSQP",
        constraints=[constraint], options={"ftol": 1e-14},
    )  # fmt: skip
    result = minimize_subject_to(ROSENBROCK, DISC, tol=1e-8)
    assert result.success
    np.testing.assert_allclose(result.x, peer.x, atol=1e-6)


@pytest.mark.parametrize("scale", [1.0, 1e8, 1e-8])
@pytest.mark.parametrize("seed", range(3))
def test_convex_quadratics_as_cvxpy_in_any_unit_of_the_loss(seed, scale):
    """A box, two equations and five inequalities; the scale of f changes neither point nor status."""
    rng = np.random.default_rng(seed)
    n, Q, c = 6, rng.standard_normal((6, 6)), rng.standard_normal(6)
    A, b, E = rng.standard_normal((5, n)), rng.uniform(0, 1, 5), rng.standard_normal((2, n))
    Q = Q @ Q.T
    w = cvxpy.Variable(n)
    objective = cvxpy.Minimize(cvxpy.quad_form(w, cvxpy.psd_wrap(Q)) / 2 + c @ w)
    best = cvxpy.Problem(objective, [A @ w <= b, E @ w == 0.1, w >= -1, w <= 1]).solve(
        solver=cvxpy.CLARABEL
    )  # fmt: skip
    constraints = [Constraint.linear(A, Box(upper=b)), Constraint.linear(E, Box(0.1, 0.1))]
    result = minimize_subject_to(quadratic(scale * Q, scale * c), constraints, within=Box(-1.0, 1.0))
    assert result.success
    assert result.fun / scale == pytest.approx(best, abs=1e-5)


@pytest.mark.parametrize("target", [L1Ball(4.0), Nonnegative()], ids=["total variation", "isotonic"])
def test_differences_in_a_convex_set_as_cvxpy(target):
    rng, n = np.random.default_rng(0), 60
    y, D = np.repeat([0.0, 2.0, -1.0], 20) + 0.3 * rng.standard_normal(n), np.diff(np.eye(n), axis=0)
    w = cvxpy.Variable(n)
    allowed = cvxpy.norm1(D @ w) <= 4 if isinstance(target, L1Ball) else D @ w >= 0
    best = cvxpy.Problem(cvxpy.Minimize(cvxpy.sum_squares(w - y) / 2), [allowed]).solve(solver=cvxpy.CLARABEL)
    result = minimize_subject_to(LeastSquares(np.eye(n), y), Constraint.linear(D, target))
    assert result.success
    assert result.fun == pytest.approx(best, rel=1e-4)


@pytest.mark.parametrize(
    ("constraints", "within"),
    [
        (
            [Constraint.equal(lambda w: w.sum() * np.ones(2) - [1, 2], lambda w, y: y.sum() * np.ones(2))],
            None,
        ),
        ([DISC, Constraint.at_most(lambda w: 2 - w[0], lambda w, y: np.array([-y[0], 0.0]))], None),
        ([Constraint.at_most(lambda w: 2 - w[0], lambda w, y: np.array([-y[0], 0.0]))], Box(0.0, 1.0)),
        ([Constraint.equal(lambda w: w.sum() - 3, lambda w, y: y * np.ones(2))], Sparse(0)),
    ],
    ids=["two sums", "disc and far half-plane", "box and half-plane", "no support reaches it"],
)
def test_contradictory_constraints_are_said_to_be_so(constraints, within):
    result = minimize_subject_to(PULL, constraints, within=within)
    assert result.status is INFEASIBLE and not result.success
    assert result.infeasibility > 0.1
    assert "contradict" in result.message


def test_a_start_where_the_jacobian_vanishes_is_left():
    result = minimize_subject_to(PULL, CIRCLE, x0=np.zeros(2))
    np.testing.assert_allclose(result.x, [0.6, 0.8], atol=1e-6)


def test_bounded_multipliers_still_lead_to_the_solution_as_the_penalty_makes_up_for_them():
    """The multiplier is 2 here; a bound of 0.1 leaves the work to the penalty (Birgin & Martinez)."""
    result = minimize_subject_to(PULL, DISC, penalty=Safeguards(bound=0.1), tol=1e-4)
    assert result.success
    np.testing.assert_allclose(result.x, [0.6, 0.8], atol=1e-3)
    assert result.history[-1]["penalty"] > 1e2 * result.history[0]["penalty"]


def test_from_the_solution_it_stops_at_once():
    result = minimize_subject_to(LeastSquares(np.eye(2), np.array([0.3, 0.4])), DISC, x0=np.array([0.3, 0.4]))
    assert result.success and result.nit == 1


def test_limits_are_kept_and_said():
    result = minimize_subject_to(HS071, HS071_CONSTRAINTS, within=Box(1.0, 5.0), max_iter=2)
    assert result.status is ConstrainedStatus.ITERATION_LIMIT and result.nit == 2
    slow = Smooth(lambda w: time.sleep(0.002) or ROSENBROCK.value(w), ROSENBROCK.gradient, [-1.2, 1.0])
    begin = time.perf_counter()
    result = minimize_subject_to(slow, DISC, time_limit=0.05)
    assert time.perf_counter() - begin < 0.5
    assert result.status is ConstrainedStatus.TIME_LIMIT and np.isfinite(result.fun)


def test_the_callback_sees_every_outer_iteration():
    seen = []
    result = minimize_subject_to(PULL, DISC, callback=lambda w, record: seen.append(record))
    assert seen == result.history and len(seen) == result.nit
