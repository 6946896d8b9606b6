"""The refit is the minimiser on its support, and the profiled intercept the best one: scipy and cvxpy as oracles."""

import cvxpy
import numpy as np
import pytest
from hypothesis import given, settings
from scipy.optimize import linprog, minimize, minimize_scalar

from tamis.losses import Huber, LeastSquares, Logistic, Poisson

from .loss_cases import LOSSES, arguments, joint_value, random_loss, settings_of_a_loss

SUPPORT = np.array([True, False, True, True, False])


@pytest.mark.parametrize(("loss", "more"), LOSSES)
@settings(max_examples=60)
@given(setting=settings_of_a_loss)
def test_the_profiled_intercept_is_the_best_one(loss, more, setting):
    """A one-dimensional search by scipy finds no lower value; the value is that at the intercept."""
    f = loss(**{**arguments(loss, **setting), "intercept": True}, **more)
    x = np.random.default_rng(setting["seed"] + 1).standard_normal(setting["shape"][1])
    c = f.intercept_at(x)
    found = minimize_scalar(lambda c: joint_value(f, x, c), bracket=(c - 1, c + 2), tol=1e-10)
    size = 1 + abs(found.fun)
    assert f.value(x) == pytest.approx(joint_value(f, x, c), abs=1e-12 * size)
    assert f.value(x) <= found.fun + 1e-12 * size


@pytest.mark.parametrize(("loss", "more"), LOSSES)
@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("ridge", [0.0, 0.3])
@pytest.mark.parametrize("seed", range(4))
def test_the_gradient_vanishes_on_the_support_of_a_refit(loss, more, intercept, ridge, seed):
    f = random_loss(loss, more, seed=seed, ridge=ridge, weighted=True, offset=True, intercept=intercept)
    x = f.refit(SUPPORT)
    assert not x[~SUPPORT].any()
    s = f.weigh(np.abs(f.slope(f.predictor(x))))
    assert np.abs(f.gradient(x)[SUPPORT]).max() <= 1e-10 * (np.abs(f.A).T @ s + ridge * np.abs(x)).max()


@pytest.mark.parametrize(("loss", "more"), LOSSES)
@pytest.mark.parametrize("seed", range(3))
def test_scipy_finds_nothing_better_over_x_and_the_intercept_together(loss, more, seed):
    """Profiling is joint minimisation over (x, c)."""
    f = random_loss(loss, more, seed=seed, ridge=0.1, weighted=True, offset=True, intercept=True)

    def joint(z):
        x = np.zeros(5)
        x[SUPPORT] = z[:-1]
        return joint_value(f, x, z[-1])

    found = minimize(joint, np.zeros(4), method="BFGS", options={"gtol": 1e-7})
    x = f.refit(SUPPORT)
    assert f.value(x) <= found.fun + 1e-12 * abs(found.fun)
    np.testing.assert_allclose(np.append(x[SUPPORT], f.intercept_at(x)), found.x, atol=1e-4)


@pytest.mark.parametrize("intercept", [False, True])
def test_cvxpy_finds_the_same_least_value(intercept):
    """Of logistic, Poisson and Huber loss, with weights, offset and ridge, on all columns."""
    x, c = cvxpy.Variable(5), cvxpy.Variable() if intercept else 0
    for loss, more, phi in (
        (LeastSquares, {}, lambda eta, b: cvxpy.square(eta - b) / 2),
        (Logistic, {}, lambda eta, b: cvxpy.logistic(eta) - cvxpy.multiply(b, eta)),
        (Poisson, {}, lambda eta, b: cvxpy.exp(eta) - cvxpy.multiply(b, eta)),
        (Huber, {"delta": 0.7}, lambda eta, b: cvxpy.huber(eta - b, 0.7) / 2),
    ):
        f = random_loss(loss, more, seed=1, ridge=0.2, weighted=True, offset=True, intercept=intercept)
        rows = phi(f.A @ x + f.offset + c, f.b)
        objective = cvxpy.sum(cvxpy.multiply(f.weights, rows)) + 0.1 * cvxpy.sum_squares(x)
        least = cvxpy.Problem(cvxpy.Minimize(objective)).solve(solver=cvxpy.CLARABEL)
        assert f.value(f.refit(np.ones(5, dtype=bool))) == pytest.approx(least, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(("loss", "more"), LOSSES)
@pytest.mark.parametrize("intercept", [False, True])
def test_a_refit_is_that_of_the_restricted_loss_and_needs_no_start(loss, more, intercept):
    f = random_loss(loss, more, seed=2, offset=True, intercept=intercept)
    x = f.refit(SUPPORT)
    np.testing.assert_allclose(
        f.restrict(np.nonzero(SUPPORT)[0]).refit(np.ones(3, dtype=bool)), x[SUPPORT], rtol=1e-9
    )
    for start in (x, 3 * np.ones(5), -1000 * np.ones(5)):
        np.testing.assert_allclose(f.refit(SUPPORT, start), x, rtol=1e-7)
    assert not f.refit(np.zeros(5, dtype=bool)).any()


@pytest.mark.parametrize(("loss", "more"), LOSSES)
@pytest.mark.parametrize("intercept", [False, True])
def test_the_unit_of_a_column_changes_its_coefficient_only(loss, more, intercept):
    """Columns times 1e6 and 1e-6, and with an intercept shifted as well."""
    f = random_loss(loss, more, seed=3, intercept=intercept)
    units = np.array([1e6, 1.0, 1e-6, -1.0, 1.0])
    shift = np.array([1.0, 0.0, 0.0, 5.0, 0.0]) if intercept else np.zeros(5)
    other = loss(A=(f.A + shift) * units, b=f.b, intercept=intercept, **more)
    np.testing.assert_allclose(other.refit(SUPPORT) * units, f.refit(SUPPORT), rtol=1e-7)


@pytest.mark.parametrize(("loss", "more"), LOSSES)
@pytest.mark.parametrize("intercept", [False, True])
def test_columns_that_tell_nothing_new_do_no_harm(loss, more, intercept):
    """Equal columns share the coefficient; a zero column has none, nor a constant one beside an intercept."""
    f = random_loss(loss, more, seed=4, shape=(20, 3), intercept=intercept)
    alone = f.refit(np.array([True, True, True]))
    constant = np.ones(20) if intercept else np.zeros(20)
    A = np.c_[f.A, f.A[:, 1], constant, np.zeros(20)]
    found = loss(A=A, b=f.b, intercept=intercept, **more).refit(np.ones(6, dtype=bool))
    expected = [alone[0], alone[1] / 2, alone[2], alone[1] / 2, 0, 0]
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_columns_equal_but_for_rounding_share_the_coefficient(seed):
    """Their Hessian is singular to rounding, and a fourth column is a mixture: no coefficient blows up."""
    f = random_loss(Logistic, {}, seed=seed, shape=(40, 3))
    alone = f.refit(np.ones(3, dtype=bool))
    A = np.c_[f.A, f.A[:, 1] * 0.7 / 0.7, f.A @ np.array([0.3, 0.0, 0.7])]
    found = Logistic(A, f.b).refit(np.ones(5, dtype=bool))
    np.testing.assert_allclose(A @ found, f.A @ alone, rtol=1e-6, atol=1e-8)
    assert np.abs(found).max() < 10


@pytest.mark.parametrize("intercept", [False, True])
def test_a_separable_problem_ends_at_a_finite_point_that_separates(intercept):
    """More columns than rows: the loss goes to zero, the gradient with it, and ``separated`` tells."""
    rng = np.random.default_rng(0)
    f = Logistic(rng.standard_normal((10, 20)), np.r_[0, 1, rng.integers(0, 2, 8)], intercept=intercept)
    x = f.refit(np.ones(20, dtype=bool))
    assert f.separated(x)
    assert 0 < f.value(x) < 1e-9
    assert np.abs(f.gradient(x)).max() < 1e-9
    assert np.abs(x).max() < 100


def test_a_problem_that_is_not_separable_is_not_called_so():
    f = random_loss(Logistic, {}, shape=(40, 3), intercept=True)
    assert not f.separated(f.refit(np.ones(3, dtype=bool)))
    without_the_others = Logistic(f.A, f.b, weights=(f.b == 1).astype(float))
    assert without_the_others.separated(np.linalg.lstsq(f.A, np.ones(40), rcond=None)[0]) in (True, False)


def test_a_row_of_weight_zero_does_not_count_for_separation():
    A, b = np.array([[1.0], [-1.0], [2.0]]), np.array([1, 0, 0])
    assert not Logistic(A, b).separated(np.array([1.0]))
    assert Logistic(A, b, weights=np.array([1.0, 1.0, 0.0])).separated(np.array([1.0]))
    assert not Logistic(A, b, weights=np.array([1.0, 1.0, 0.0])).separated(np.array([-1.0]))


def test_quasi_separation_ends_too():
    """One column is 1 only in rows of label 1; its best coefficient is infinite, that of the other is not."""
    rng = np.random.default_rng(1)
    b = np.r_[np.ones(10), rng.integers(0, 2, 30)]
    A = np.c_[np.r_[np.ones(10), np.zeros(30)], rng.standard_normal(40)]
    f = Logistic(A, b)
    x = f.refit(np.array([True, True]))
    alone = Logistic(A[10:, 1:], b[10:]).refit(np.array([True]))
    assert 15 < x[0] < 100 and np.abs(f.gradient(x)).max() < 1e-9
    assert x[1] == pytest.approx(alone[0], rel=1e-6)


def test_a_poisson_column_without_counts_ends_too():
    f = Poisson(np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), np.array([0, 0, 3]))
    x = f.refit(np.array([True, True]))
    assert -100 < x[0] < -20
    assert x[1] == pytest.approx(np.log(3))


@pytest.mark.parametrize("scale", [1.0, 1e3, 1e6])
@pytest.mark.parametrize("offset", [-50.0, 0.0, 50.0])
def test_poisson_steps_neither_overflow_nor_lose_their_way(scale, offset):
    """Counts up to a million, means off by e^50 at the start: without an intercept column the start is far off."""
    rng = np.random.default_rng(0)
    A = np.c_[np.ones(50), rng.standard_normal((50, 2))]
    b = rng.poisson(scale * np.exp(A[:, 1]))
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        f = Poisson(A, b, offset=np.full(50, offset))
        x = f.refit(np.ones(3, dtype=bool))
    assert np.abs(f.gradient(x)).max() <= 1e-10 * b.sum()
    assert x[0] == pytest.approx(np.log(scale) - offset, abs=0.5)


def test_with_a_tiny_delta_the_huber_refit_is_that_of_absolute_values():
    """A linear program finds the least sum of absolute residuals; the loss is delta times it less a bit."""
    rng = np.random.default_rng(1)
    A, b, delta = rng.standard_normal((40, 6)), 1e6 * rng.standard_normal(40), 1e-3
    f = Huber(A, b, intercept=True, delta=delta)
    C = np.c_[A, np.ones(40)]
    parts = np.c_[C, -C, np.eye(40), -np.eye(40)]
    least = linprog(np.r_[np.zeros(14), np.ones(80)], A_eq=parts, b_eq=b).fun
    assert f.value(f.refit(np.ones(6, dtype=bool))) == pytest.approx(delta * least, rel=1e-8)


def test_with_a_huge_delta_huber_is_least_squares():
    f = random_loss(Huber, {"delta": 1e9}, offset=True, intercept=True)
    g = LeastSquares(f.A, f.b, offset=f.offset, intercept=True)
    np.testing.assert_allclose(f.refit(SUPPORT), g.refit(SUPPORT), rtol=1e-9)
    assert f.value(np.ones(5)) == pytest.approx(g.value(np.ones(5)))


def test_a_thousand_columns_of_one_row_cost_little_memory():
    """Refit and restrict take the k columns out and no more."""
    import tracemalloc

    A = np.ones((100, 20_000))  # 16 MB
    f = LeastSquares(A, np.ones(100))
    support = np.arange(20_000) < 10
    tracemalloc.start()
    f.refit(support), f.restrict(np.arange(10))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.1 * A.nbytes
