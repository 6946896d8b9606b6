"""No k-sparse point is below a bound: brute force over all supports; and the search ends at the optimum."""

import itertools
import time

import cvxpy
import numpy as np
import pytest
import scipy.sparse
import scipy.sparse.linalg

from tamis.bounds.branch_and_bound import branch_and_bound
from tamis.bounds.budget import FREE, IN, OUT, spread
from tamis.bounds.lower import lower_bound_certificate, perspective_bound
from tamis.bounds.perspective import measure, relax
from tamis.bounds.ridge_problem import Gram, ridge_problem
from tamis.losses import LeastSquares, Logistic

from .helpers import best_subset, regression

RIDGES = [0.0, 1e-3, 0.1, 1.0, 10.0]
KINDS = ["plain", "duplicate", "zero b", "tall", "intercept and weights", "correlated"]


def supports(p, k):
    """All masks of k of p."""
    for chosen in itertools.combinations(range(p), k):
        mask = np.zeros(p, dtype=bool)
        mask[list(chosen)] = True
        yield mask


def problem(kind, seed):
    """A small random loss and its k."""
    rng = np.random.default_rng(seed)
    p, n = int(rng.integers(2, 9)), int(rng.integers(3, 20))
    A, b, ridge, options = rng.standard_normal((n, p)), rng.standard_normal(n), RIDGES[seed % 5], {}
    if kind == "duplicate":
        A[:, 1] = A[:, 0]
    if kind == "zero b":
        b = 0 * b
    if kind == "tall":
        A, b = rng.standard_normal((5 * p, p)), rng.standard_normal(5 * p)
    if kind == "intercept and weights":
        options = {"weights": rng.uniform(0, 2, n), "offset": rng.standard_normal(n), "intercept": True}
        A += 5
    if kind == "correlated":
        A = A[:, :1] + 0.3 * A
    return LeastSquares(A, b, ridge, **options), int(rng.integers(0, p + 1))


def optimum(loss, k):
    return min(loss.value(loss.refit(mask)) for mask in supports(loss.A.shape[1], k))


def tolerance(loss):
    """What the rounding of brute force itself may be."""
    return 1e-13 * (loss.value(loss.start()) + 1e-30)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(25))
def test_the_bound_is_at_most_the_optimum_and_the_search_ends_there(kind, seed):
    loss, k = problem(kind, seed)
    best = optimum(loss, k)
    assert 0 <= perspective_bound(loss, k).value <= best + tolerance(loss)
    found = branch_and_bound(loss, k)
    assert found.proved
    assert np.count_nonzero(found.x) <= k
    assert found.bound <= best + tolerance(loss)
    assert loss.value(found.x) == pytest.approx(best, rel=1e-8, abs=100 * tolerance(loss))


@pytest.mark.parametrize("seed", [seed for seed in range(50) if seed % 5])  # the fifth are without ridge
def test_a_bound_holds_wherever_the_relaxation_stops(seed):
    """Also far from its end, and from a start at random."""
    loss, k = problem("tall" if seed % 2 else "plain", seed)
    ridge = ridge_problem(loss)
    rng, best = np.random.default_rng(seed), optimum(loss, k)
    for steps in range(4):
        x = 10.0 ** rng.integers(-3, 3) * rng.standard_normal(ridge.c.size)
        point = relax(ridge, np.zeros(x.size, dtype=np.int8), k, x, max_iter=steps)
        assert point.dual <= best + tolerance(loss)


@pytest.mark.parametrize("seed", range(10))
def test_fixed_columns_bound_the_supports_that_have_them(seed):
    rng = np.random.default_rng(seed)
    loss = LeastSquares(rng.standard_normal((12, 7)), rng.standard_normal(12), RIDGES[seed % 5])
    inside = [mask for mask in supports(7, 3) if mask[2] and not mask[4] and not mask[0]]
    best = min(loss.value(loss.refit(mask)) for mask in inside)
    free = perspective_bound(loss, 3).value
    fixed = perspective_bound(loss, 3, fixed_in=[2], fixed_out=[4, 0])
    assert free <= fixed.value + 1e-8
    assert fixed.value <= best + tolerance(loss)
    assert fixed.z[4] == fixed.z[0] == 0


@pytest.mark.parametrize("ridge", [0.0, 0.3, 5.0])
def test_with_all_columns_allowed_the_bound_is_the_optimum(ridge):
    A, b, _ = regression(0, 30, 6, noise=1.0)
    loss = LeastSquares(A, b, ridge)
    assert perspective_bound(loss, 6).value == pytest.approx(optimum(loss, 6), rel=1e-7)


@pytest.mark.parametrize("ridge", [0.0, 0.3, 5.0])
@pytest.mark.parametrize("k", [0, 1, 3, 5])
def test_with_orthogonal_columns_the_bound_is_the_optimum(k, ridge):
    rng = np.random.default_rng(k)
    A = 3 * np.linalg.qr(rng.standard_normal((20, 8)))[0]
    loss = LeastSquares(A, rng.standard_normal(20), ridge)
    assert perspective_bound(loss, k).value == pytest.approx(optimum(loss, k), rel=1e-7)


@pytest.mark.parametrize("seed", range(4))
def test_the_relaxation_agrees_with_cvxpy(seed):
    rng = np.random.default_rng(seed)
    A, b, ridge, k = rng.standard_normal((10, 12)), rng.standard_normal(10), 10.0 ** (1 - seed), 4
    x, z, u = cvxpy.Variable(12), cvxpy.Variable(12), cvxpy.Variable(12)
    cones = [cvxpy.quad_over_lin(x[j], z[j]) <= u[j] for j in range(12)]
    objective = cvxpy.sum_squares(A @ x - b) / 2 + ridge / 2 * cvxpy.sum(u)
    value = cvxpy.Problem(cvxpy.Minimize(objective), [*cones, z <= 1, cvxpy.sum(z) <= k]).solve(
        cvxpy.CLARABEL
    )
    bound = perspective_bound(LeastSquares(A, b, ridge), k)
    assert bound.value == pytest.approx(value, rel=1e-6)
    assert bound.z.sum() == pytest.approx(k)
    np.testing.assert_allclose(bound.z, z.value, atol=2e-3)


@pytest.mark.parametrize("s", [0.0, 0.3, 4.0])
@pytest.mark.parametrize("seed", range(5))
def test_no_weights_in_the_budget_are_better_than_the_spread(s, seed):
    """First order: moving budget from one free weight to another does not pay."""
    rng = np.random.default_rng(seed)
    v, node = rng.exponential(size=20), rng.choice([IN, FREE, OUT], 20, p=[0.1, 0.8, 0.1]).astype(np.int8)
    z = spread(v, node, 5, s)
    free = node == FREE
    gain = (v / np.maximum(z + s, 1e-9)) ** 2
    assert z[free].sum() == pytest.approx(5)
    assert (z[node == IN] == 1).all()
    assert (z[node == OUT] == 0).all()
    assert gain[free & (z < 1)].max() <= gain[free & (z > 0)].min() * (1 + 1e-9)


def test_primal_and_dual_meet():
    """With budget enough at the end of the relaxation nothing is left between its two sides."""
    A, b, _ = regression(1, 60, 100, 5, noise=1.0, correlation=0.5)
    ridge = ridge_problem(LeastSquares(A, b, 6.0))
    point = relax(ridge, np.zeros(100, dtype=np.int8), 5, np.zeros(100), tol=1e-10)
    assert 0 <= point.primal - point.dual <= 1e-10 * ridge.bb
    assert measure(ridge, np.zeros(100, dtype=np.int8), 5, point.x).primal == pytest.approx(point.primal)


@pytest.mark.parametrize("ridge", [0.0, 0.5])
@pytest.mark.parametrize("k", [1, 4, 7, 13, 14])
def test_the_search_finds_the_best_of_all_supports_of_14(k, ridge):
    A, b, _ = regression(k, 25, 14, 6, noise=2.0, correlation=0.7)
    loss = LeastSquares(A, b, ridge)
    found = branch_and_bound(loss, k)
    assert found.proved
    assert found.gap <= 1e-9 * (1 + 1e-6)
    assert loss.value(found.x) == pytest.approx(best_subset(loss, supports(14, k)), rel=1e-9)


def test_a_hundred_columns_are_proved_in_seconds():
    """75 million supports; none of 2000 exchanges of two columns at once, at random, is better."""
    A, b, _ = regression(0, 60, 100, 5, noise=2.0, correlation=0.5)
    loss = LeastSquares(A, b, 0.02 * 60)
    started = time.perf_counter()
    found = branch_and_bound(loss, 5, time_limit=60)
    assert time.perf_counter() - started < 10
    assert found.proved
    assert found.nodes > 1  # the root alone does not do it
    rng, best = np.random.default_rng(0), loss.value(found.x)
    for _ in range(2000):
        mask = found.x != 0
        mask[rng.choice(np.flatnonzero(mask), 2, replace=False)] = False
        mask[rng.choice(np.flatnonzero(~mask), 2, replace=False)] = True
        assert loss.value(loss.refit(mask)) >= best * (1 - 1e-9)


@pytest.mark.parametrize("limits", [{"max_nodes": 1}, {"max_nodes": 5}, {"time_limit": 0.0}], ids=str)
def test_stopped_early_the_optimum_is_between_bound_and_incumbent(limits):
    A, b, _ = regression(3, 25, 14, 6, noise=3.0, correlation=0.8)
    loss = LeastSquares(A, b, 0.1)
    best = best_subset(loss, supports(14, 4))
    start = loss.refit(np.arange(14) < 4)
    found = branch_and_bound(loss, 4, start, **limits)
    assert not found.proved
    assert found.bound <= best <= loss.value(found.x) <= loss.value(start)
    assert found.gap == pytest.approx(1 - found.bound / loss.value(found.x))
    assert found.gap > 1e-6


def test_a_tolerance_is_kept_and_ends_the_search_sooner():
    A, b, _ = regression(3, 25, 14, 6, noise=3.0, correlation=0.8)
    loss = LeastSquares(A, b, 0.1)
    exact, rough = branch_and_bound(loss, 4), branch_and_bound(loss, 4, gap_tol=0.1)
    assert rough.nodes < exact.nodes
    assert rough.proved
    assert rough.bound <= loss.value(exact.x) <= loss.value(rough.x) <= rough.bound / 0.9 * (1 + 1e-12)


@pytest.mark.parametrize("form", ["Gram", "sparse", "operator", "wide"])
def test_every_form_of_the_data_gives_the_same_answer(form):
    n, p = (10, 24) if form == "wide" else (40, 12)
    A, b, _ = regression(5, n, p, 4, noise=1.0)
    dense = LeastSquares(A, b, 0.7)
    forms = {
        "Gram": lambda: Gram(A.T @ A + 0.7 * np.eye(p), A.T @ b, float(b @ b)),
        "sparse": lambda: LeastSquares(scipy.sparse.csc_array(A), b, 0.7),
        "operator": lambda: LeastSquares(scipy.sparse.linalg.aslinearoperator(A), b, 0.7),
        "wide": lambda: LeastSquares(A.astype(np.float32), b.astype(np.float32), 0.7),
    }
    loss = forms[form]()
    found, expected = branch_and_bound(loss, 3), branch_and_bound(dense, 3)
    assert found.proved
    assert dense.value(found.x) == pytest.approx(dense.value(expected.x), rel=1e-5)
    assert dense.value(expected.x) == pytest.approx(optimum(dense, 3), rel=1e-8)


def test_without_ridge_the_smallest_eigenvalue_does_its_work():
    """The bound is above the minimum over all columns, which is all that is known otherwise."""
    A, b, _ = regression(0, 200, 20, 10, noise=1.0)
    loss = LeastSquares(A, b)
    assert perspective_bound(loss, 4).value > 1.5 * loss.value(loss.refit(np.ones(20, dtype=bool)))


def test_a_certificate_says_how_far_a_point_can_be_off():
    A, b, _ = regression(2, 100, 30, 5, noise=1.0)
    loss = LeastSquares(A, b, 10.0)
    best = branch_and_bound(loss, 5).x
    good, poor = (lower_bound_certificate(loss, x, 5) for x in (best, loss.start()))
    assert good.bound == poor.bound <= good.value == loss.value(best)
    assert 0 <= good.gap < 0.05 < poor.gap
    assert poor.gap == pytest.approx(1 - poor.bound / poor.value)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"k": 5}, "k must be between 0 and the number of columns"),
        ({"k": -1}, "k must be between 0"),
        ({"k": 1.5}, "k must be an integer"),
        ({"incumbent": np.ones(4)}, "at most 2 nonzeros, got 4"),
        ({"incumbent": np.zeros(3)}, "shape"),
        ({"incumbent": np.array([np.nan, 0, 0, 0])}, "finite"),
        ({"time_limit": -1.0}, "time_limit"),
        ({"gap_tol": np.nan}, "gap_tol"),
        ({"max_nodes": 0}, "max_nodes"),
        ({"loss": Logistic(np.eye(4), np.array([0, 1, 0, 1]))}, "LeastSquares or Gram, got Logistic"),
    ],
)
def test_bad_arguments_are_named(arguments, words):
    A, b, _ = regression(0, 10, 4)
    with pytest.raises((TypeError, ValueError), match=words):
        branch_and_bound(**({"loss": LeastSquares(A, b, 1.0), "k": 2} | arguments))


@pytest.mark.parametrize(
    ("fixed", "words"),
    [
        ({"fixed_in": [4]}, "fixed_in must hold columns from 0 to 3, got 4"),
        ({"fixed_in": [1], "fixed_out": [1]}, "fixed in and out, but 1 is"),
        ({"fixed_in": [0, 1, 2]}, "at most k = 2 columns"),
    ],
)
def test_columns_that_cannot_be_fixed_are_named(fixed, words):
    A, b, _ = regression(0, 10, 4)
    with pytest.raises(ValueError, match=words):
        perspective_bound(LeastSquares(A, b, 1.0), 2, **fixed)


def test_products_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="G must have shape"):
        Gram(np.eye(3), np.zeros(2), 1.0)
    with pytest.raises(ValueError, match="finite"):
        Gram(np.eye(2), np.array([np.inf, 0]), 1.0)
