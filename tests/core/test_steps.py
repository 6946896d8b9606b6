"""Every step solves its problem, ``min f(x) + (penalty/2) |x - v|^2``: against numpy, cvxpy and formulas."""

from functools import partial

import array_api_compat
import cvxpy
import numpy as np
import pytest
from array_api_compat import device
from scipy import sparse
from scipy.sparse.linalg import aslinearoperator

from tamis.losses import LeastSquares, Logistic, MatrixCompletion, Quadratic
from tamis.steps import (
    conjugate_gradient_step,
    exact_step,
    gradient_step,
    lbfgs_step,
    sharpness_aware_step,
)

from .helpers import NAMESPACES, regression


class Bowl:
    """``1/2 x^T Q x + c^T x`` that counts what is asked of it; x has the shape of c, any shape."""

    quadratic = True
    ridge = 0.0

    def __init__(self, Q, c):
        self.Q, self.c, self.products, self.gradients = Q, c, 0, 0

    def value(self, x):
        xp = array_api_compat.array_namespace(x)
        return float(xp.sum(x * self.apply(x))) / 2 + float(xp.sum(self.c * x))

    def gradient(self, x):
        self.gradients += 1
        return self.apply(x) + self.c

    def hessian_product(self, x, v):
        self.products += 1
        return self.apply(v)

    def apply(self, x):
        xp = array_api_compat.array_namespace(x)
        return xp.reshape(self.Q @ xp.reshape(x, (-1,)), x.shape)

    def smoothness(self):
        return float(np.linalg.eigvalsh(np.asarray(self.Q))[-1])

    def start(self):
        xp = array_api_compat.array_namespace(self.c)
        return xp.zeros(self.c.shape, dtype=self.c.dtype, device=device(self.c))


class Function:
    """A function of ``size`` numbers, with its gradient."""

    def __init__(self, value, gradient, size=1):
        self.value, self.gradient, self.size = value, gradient, size

    def start(self):
        return np.zeros(self.size)


def bowl(seed, shape, rank=None, xp=np):
    rng = np.random.default_rng(seed)
    size = int(np.prod(shape))
    M = rng.standard_normal((size if rank is None else rank, size))
    return Bowl(xp.asarray(M.T @ M), xp.asarray(rng.standard_normal(shape)))


def answer(loss, v, penalty):
    """Return the minimiser by numpy.linalg.solve."""
    Q, c = np.asarray(loss.Q), np.asarray(loss.c).reshape(-1)
    right = penalty * np.asarray(v).reshape(-1) - c
    return np.linalg.solve(Q + penalty * np.eye(c.size), right).reshape(v.shape)


ITERATIVE = [
    pytest.param(partial(conjugate_gradient_step, tol=1e-12), id="conjugate gradient"),
    pytest.param(partial(lbfgs_step, tol=1e-10, max_iter=1000), id="lbfgs"),
    pytest.param(partial(gradient_step, steps=500), id="gradient"),
    pytest.param(partial(sharpness_aware_step, radius=0.0, steps=3000), id="no radius"),
]


def exact_form(loss):
    return exact_step(Quadratic(loss.Q, loss.c, loss.ridge))


EXACT = pytest.param(exact_form, id="exact")


@pytest.mark.parametrize("xp", NAMESPACES)
@pytest.mark.parametrize("step", [EXACT, *ITERATIVE[:3]])
@pytest.mark.parametrize("rank", [None, 3], ids=["full rank", "rank 3"])
@pytest.mark.parametrize("penalty", [0.5, 30.0])
def test_numpy_solves_to_the_same_point(step, xp, rank, penalty):
    """From a start that is far off, for full and deficient Hessians, in every array library."""
    loss = bowl(0, (6,), rank, xp)
    rng = np.random.default_rng(1)
    v, x = xp.asarray(rng.standard_normal(6)), xp.asarray(10 * rng.standard_normal(6))
    found = step(loss)(v, penalty, x)
    assert type(found) is type(v)
    assert found.dtype == v.dtype
    np.testing.assert_allclose(np.asarray(found), answer(loss, v, penalty), atol=1e-7)


@pytest.mark.parametrize("step", ITERATIVE)
def test_x_may_be_a_matrix(step):
    loss, v = bowl(3, (2, 3)), np.arange(6.0).reshape(2, 3)
    np.testing.assert_allclose(step(loss)(v, 2.0, np.zeros((2, 3))), answer(loss, v, 2.0), atol=1e-7)


@pytest.mark.parametrize("step", ITERATIVE)
def test_a_start_at_the_answer_stays_there(step):
    loss, v = bowl(2, (5,)), np.arange(5.0)
    best = answer(loss, v, 0.7)
    np.testing.assert_allclose(step(loss)(v, 0.7, best), best, atol=1e-9)


@pytest.mark.parametrize("step", [EXACT, *ITERATIVE])
def test_inputs_are_left_as_they_were(step):
    loss, v, x = bowl(2, (5,)), np.arange(5.0), np.ones(5)
    step(loss)(v, 0.7, x)
    np.testing.assert_array_equal(v, np.arange(5.0))
    np.testing.assert_array_equal(x, np.ones(5))


@pytest.mark.parametrize(
    ("step", "atol"),
    [(exact_form, 2e-5), (conjugate_gradient_step, 2e-5), (gradient_step, 0.1), (lbfgs_step, 1e-3)],
)
def test_single_precision_stays_single_and_is_good_to_it(step, atol):
    """L-BFGS compares values, so it is good to the root of the rounding only."""
    loss = bowl(4, (8,))
    single = Bowl(loss.Q.astype("f4"), loss.c.astype("f4"))
    v = np.linspace(-1, 1, 8, dtype="f4")
    found = step(single)(v, np.float64(1.0), answer(loss, v, 1.0).astype("f4") + np.float32(0.1))
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, answer(loss, v, 1.0), atol=atol)


@pytest.mark.parametrize("step", [ITERATIVE[1], ITERATIVE[2]])
@pytest.mark.parametrize("penalty", [0.1, 10.0])
def test_cvxpy_finds_the_same_logistic_step(step, penalty):
    A, b, v = regression(5, 30, 6)
    loss, x = Logistic(A, (b > 0).astype(float)), cvxpy.Variable(6)
    objective = cvxpy.sum(cvxpy.logistic(A @ x)) - (b > 0) @ (A @ x) + penalty / 2 * cvxpy.sum_squares(x - v)
    cvxpy.Problem(cvxpy.Minimize(objective)).solve(solver=cvxpy.CLARABEL)
    np.testing.assert_allclose(step(loss)(v, penalty, np.zeros(6)), x.value, atol=1e-4)


def test_an_incomplete_matrix_is_completed_entry_by_entry():
    """``(x_ij - s_ij)^2 / 2`` where s is observed: the mean of s and v with weights 1 and penalty; v elsewhere."""
    v = np.arange(6.0).reshape(2, 3)
    loss = MatrixCompletion(np.array([9.0, -9.0]), np.array([0, 1]), np.array([1, 2]), (2, 3))
    expected = v.copy()
    expected[0, 1], expected[1, 2] = (9 + 3 * v[0, 1]) / 4, (-9 + 3 * v[1, 2]) / 4
    for step in (conjugate_gradient_step, lbfgs_step):
        np.testing.assert_allclose(step(loss)(v, 3.0, np.zeros((2, 3))), expected, atol=1e-5)


# The exact step


def test_a_ridge_on_a_quadratic_form_adds_to_its_curvature():
    loss, v = bowl(19, (5,)), np.arange(5.0)
    ridged = Bowl(loss.Q + 0.8 * np.eye(5), loss.c)
    found = exact_step(Quadratic(loss.Q, loss.c, 0.8))(v, 0.6)
    np.testing.assert_allclose(found, answer(ridged, v, 0.6), atol=1e-12)


def test_weights_offset_and_intercept_are_those_of_the_definition():
    """``min_c 1/2 sum s_i (a_i x + o_i + c - b_i)^2 + ridge/2 |x|^2 + penalty/2 |x - v|^2``, c as a column."""
    rng = np.random.default_rng(6)
    for n, p in [(9, 4), (4, 9)]:
        A, b, v = regression(7, n, p)
        A = A + 5  # so that the means matter
        s, o = rng.uniform(0, 2, n), rng.standard_normal(n)
        found = exact_step(LeastSquares(A, b, 0.3, s, o, True))(v, 0.9)
        wide = np.hstack([A, np.ones((n, 1))])
        H = wide.T @ (s[:, None] * wide) + np.diag([1.2] * p + [0.0])
        right = wide.T @ (s * (b - o)) + np.append(0.9 * v, 0.0)
        np.testing.assert_allclose(found, np.linalg.solve(H, right)[:p], atol=1e-10)


def test_an_intercept_without_weights_centres_the_columns():
    A, b, v = regression(8, 6, 3)
    found = exact_step(LeastSquares(A + 3, b + 7, intercept=True))(v, 0.4)
    plain = exact_step(LeastSquares(A - A.mean(axis=0), b - b.mean()))(v, 0.4)
    np.testing.assert_allclose(found, plain, atol=1e-12)


@pytest.mark.parametrize("share", [1e-2, 1e-5])
def test_rows_that_repeat_cost_few_digits(share):
    """The gradient left is small relative to ``A^T b`` although ``A A^T`` is singular."""
    A, b, v = regression(9, 20, 50)
    A = np.vstack([A, A])
    b = np.concatenate([b, b + 1])  # rows that contradict each other
    penalty = share * np.linalg.norm(A) ** 2 / 50
    x = exact_step(LeastSquares(A, b))(v, penalty)
    gradient = A.T @ (A @ x - b) + penalty * (x - v)
    assert np.abs(gradient).max() <= 1e-9 * np.abs(A.T @ b).max()


@pytest.mark.parametrize("shape", [(20, 60), (60, 20)], ids=str)
def test_single_precision_is_enough_at_a_low_penalty(shape):
    """Columns correlated by .9, a hundredth of the mean curvature, where the solver starts."""
    A, b, v = regression(16, *shape, correlation=0.9)
    penalty = 0.01 * np.sum(A**2) / shape[1]
    single = LeastSquares(A.astype("f4"), b.astype("f4"))
    found, expected = exact_step(single)(v.astype("f4"), penalty), exact_step(LeastSquares(A, b))(v, penalty)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.linalg.norm(expected))


# Conjugate gradients


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("wrap", [sparse.csc_array, aslinearoperator], ids=["sparse", "operator"])
def test_sparse_matrices_and_operators_get_the_step_of_the_dense_one(wrap, intercept):
    A, b, v = regression(17, 20, 30)
    A[np.abs(A) < 1] = 0
    s = np.random.default_rng(18).uniform(0, 2, 20)
    dense, other = (LeastSquares(M, b, 0.1, s, s, intercept) for M in (A, wrap(A)))
    found = conjugate_gradient_step(other, tol=1e-12)(v, 0.5, np.zeros(30))
    np.testing.assert_allclose(found, exact_step(dense)(v, 0.5), atol=1e-9)


def test_a_good_start_saves_products():
    """At the answer one product is made, to see that it is; near by fewer than from zero."""
    loss, v = bowl(10, (40,)), np.ones(40)
    solve = conjugate_gradient_step(loss, tol=1e-10)
    best, counts = answer(loss, v, 1.0), []
    for start in [best, best + 1e-6, np.zeros(40)]:
        loss.products = 0
        solve(v, 1.0, start)
        counts.append(loss.products)
    assert counts[0] == 1
    assert counts[0] < counts[1] < counts[2]


def test_conjugate_gradients_end_after_as_many_products_as_curvatures():
    """Two different eigenvalues, two directions (and one product for the residual)."""
    loss = Bowl(np.diag([1.0] * 5 + [9.0] * 5), np.ones(10))
    found = conjugate_gradient_step(loss, tol=1e-12)(np.arange(10.0), 0.5, np.zeros(10))
    assert loss.products == 3
    np.testing.assert_allclose(found, answer(loss, np.arange(10.0), 0.5), atol=1e-12)


@pytest.mark.parametrize("tol", [1e-2, 1e-6])
def test_the_residual_left_is_within_the_tolerance(tol):
    loss, v = bowl(11, (60,)), np.ones(60)
    x = conjugate_gradient_step(loss, tol)(v, 0.1, np.zeros(60))
    left = loss.apply(x) + loss.c + 0.1 * (x - v)
    assert np.linalg.norm(left) <= 1.001 * tol * np.linalg.norm(0.1 * v - loss.c)


# L-BFGS


def test_a_step_that_overflows_is_not_taken():
    """exp(x) from x = 0 towards v = 1000: the value overflows on the way, the point stays finite and better."""
    with np.errstate(over="ignore", invalid="ignore"):
        loss = Function(lambda x: float(np.exp(x).sum()), np.exp)
        x = lbfgs_step(loss)(np.array([1000.0]), 1.0, np.zeros(1))
    assert np.isfinite(x).all()
    assert x[0] == pytest.approx(1000 - np.exp(x[0]), rel=1e-3)


def test_lbfgs_stops_at_its_tolerance():
    loss, v = bowl(12, (30,)), np.ones(30)
    for tol in [1e-2, 1e-5]:
        x = lbfgs_step(loss, tol, 500)(v, 1.0, np.zeros(30))
        left = np.abs(loss.apply(x) + loss.c + (x - v)).max()
        assert left <= tol * (np.abs(loss.c).max() + np.abs(v).max())


@pytest.mark.parametrize("start", [3.0, -np.inf], ids=["finite at the start", "nowhere finite"])
def test_a_loss_that_is_not_a_number_leaves_the_start(start):
    """The value is NaN but at one point at most: the step is no step, not NaN."""
    loss = Function(
        lambda x: 0.0 if x[0] == start else np.nan,
        lambda x: np.ones(1) if x[0] in (0.0, start) else x * np.nan,
    )
    found = lbfgs_step(loss)(np.array([1.0]), 1.0, np.array([3.0]))
    np.testing.assert_array_equal(found, [3.0])


# Gradient steps


def test_one_gradient_step_is_the_plain_one():
    loss, v, x = bowl(13, (4,)), np.arange(4.0), np.ones(4)
    expected = x - (loss.gradient(x) + 0.6 * (x - v)) / (7.0 + 0.6)
    np.testing.assert_allclose(gradient_step(loss, steps=1, smoothness=7.0)(v, 0.6, x), expected)


@pytest.mark.parametrize("steps", [5, 20, 60])
def test_the_gap_shrinks_at_nesterovs_rate(steps):
    """``gap_k <= (1 - 1/sqrt(q))^k (gap_0 + penalty/2 |x_0 - x*|^2)`` with q = (L + penalty)/penalty."""
    loss, v, x, penalty = bowl(14, (12,)), np.ones(12), 5 * np.ones(12), 0.5
    best = answer(loss, v, penalty)

    def total(point):
        return loss.value(point) + penalty / 2 * np.sum((point - v) ** 2)

    q = (loss.smoothness() + penalty) / penalty
    room = total(x) - total(best) + penalty / 2 * np.sum((x - best) ** 2)
    gap = total(gradient_step(loss, steps)(v, penalty, x)) - total(best)
    assert gap <= (1 - q**-0.5) ** steps * room


# Sharpness-aware steps


def test_two_sharpness_aware_steps_are_the_formula():
    """The gradient is that at ``x + radius g/|g|``, the penalty's pull that at x (SAFE, arXiv 2506.06866)."""
    loss, v, x = bowl(15, (4,)), np.arange(4.0), np.ones(4)
    found = sharpness_aware_step(loss, radius=0.3, steps=2, smoothness=20.0)(v, 0.6, x)
    for _ in range(2):
        g = loss.Q @ x + loss.c
        shifted = x + 0.3 * g / np.linalg.norm(g)
        x = x - (loss.Q @ shifted + loss.c + 0.6 * (x - v)) / 20.6
    np.testing.assert_allclose(found, x, rtol=1e-12)


def test_a_point_without_slope_is_no_obstacle():
    loss = Bowl(np.eye(3), np.zeros(3))
    found = sharpness_aware_step(loss, radius=0.3, steps=1)(np.zeros(3), 1.0, np.zeros(3))
    np.testing.assert_array_equal(found, np.zeros(3))


def test_it_leaves_a_sharp_minimum_for_a_flat_one():
    """``(ab - 1)^2 / 2`` is least on ab = 1, with curvature a^2 + b^2: flattest at (1, 1).

    From a point beside the sharp minimum (4, 1/4) plain gradient steps end beside it.
    """
    loss = Function(
        lambda x: float((x[0] * x[1] - 1) ** 2) / 2,
        lambda x: (x[0] * x[1] - 1) * x[::-1],
        size=2,
    )
    start = np.array([4.0, 0.3])
    plain, aware = (
        sharpness_aware_step(loss, radius, steps=4000, smoothness=20.0)(start, 1e-9, start)
        for radius in (0.0, 0.1)
    )
    assert loss.value(plain) < 1e-6
    assert loss.value(aware) < 0.02
    assert plain @ plain > 16
    assert aware @ aware < 2.5


# Bad input

QUADRATIC = bowl(0, (3,))
GOOD = np.ones(3)
STEPS = [
    exact_form,
    conjugate_gradient_step,
    lbfgs_step,
    gradient_step,
    sharpness_aware_step,
]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    ("v", "penalty", "error", "words"),
    [
        (GOOD, 0.0, ValueError, "penalty must be positive and finite, got 0.0"),
        (GOOD, -1.0, ValueError, "penalty must be positive and finite, got -1.0"),
        (GOOD, float("nan"), ValueError, "penalty must be positive and finite, got nan"),
        (GOOD, float("inf"), ValueError, "penalty must be positive and finite, got inf"),
        (GOOD * np.nan, 1.0, ValueError, "v must be finite, but 3 of its 3 entries"),
        (GOOD[:2], 1.0, ValueError, "v must have shape (3,), got (2,)"),
        ([1.0, 1.0, 1.0], 1.0, TypeError, "v must be an array"),
    ],
)
def test_a_bad_target_or_penalty_is_refused(step, v, penalty, error, words):
    with pytest.raises(error) as caught:
        step(QUADRATIC)(v, penalty, GOOD)
    assert words in str(caught.value)


@pytest.mark.parametrize("step", STEPS[1:])
def test_a_bad_warm_start_is_refused(step):
    for x, words in [(GOOD[:2], "x must have shape (3,), got (2,)"), (GOOD * np.inf, "x must be finite")]:
        with pytest.raises(ValueError) as caught:
            step(QUADRATIC)(GOOD, 1.0, x)
        assert words in str(caught.value)


CURVED = Logistic(np.eye(3), np.ones(3))
UNBOUNDED = bowl(0, (3,))
UNBOUNDED.smoothness = lambda: float("inf")


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: exact_step(CURVED), TypeError, "least squares, got Logistic: use lbfgs_step"),
        (
            lambda: exact_step(LeastSquares(sparse.eye_array(3).tocsc(), GOOD)),
            TypeError,
            "needs a dense A, got csc_array: use conjugate_gradient_step",
        ),
        (
            lambda: exact_step(Quadratic(sparse.eye_array(3).tocsc(), GOOD)),
            TypeError,
            "needs a dense Q, got csc_array",
        ),
        (lambda: conjugate_gradient_step(CURVED), TypeError, "got Logistic: use lbfgs_step"),
        (
            lambda: conjugate_gradient_step(QUADRATIC, tol=0.0),
            ValueError,
            "tol must be positive and finite, got 0.0",
        ),
        (lambda: lbfgs_step(CURVED, tol=-1.0), ValueError, "tol must be positive and finite, got -1.0"),
        (lambda: lbfgs_step(CURVED, max_iter=0), ValueError, "max_iter must be 1 or more, got 0"),
        (lambda: lbfgs_step(CURVED, max_iter=1.5), TypeError, "max_iter must be an integer, got 1.5"),
        (lambda: gradient_step(CURVED, steps=0), ValueError, "steps must be 1 or more, got 0"),
        (lambda: gradient_step(UNBOUNDED), ValueError, "needs a finite smoothness of 0 or more, got inf"),
        (lambda: gradient_step(CURVED, smoothness=-1.0), ValueError, "of 0 or more, got -1.0"),
        (
            lambda: sharpness_aware_step(CURVED, radius=-1.0),
            ValueError,
            "radius must be finite and 0 or more, got -1.0",
        ),
        (lambda: sharpness_aware_step(UNBOUNDED), ValueError, "needs a finite smoothness"),
    ],
)
def test_a_bad_setting_is_refused(make, error, words):
    with pytest.raises(error) as caught:
        make()
    assert words in str(caught.value)
