"""The exact step solves its problem: optimality, cvxpy, all shapes and penalties."""

import cvxpy
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tamis.losses import LeastSquares
from tamis.steps import exact

from .helpers import NAMESPACES, regression

SHAPES = [(12, 5), (5, 12), (6, 6), (1, 4), (4, 1)]


@pytest.mark.parametrize("xp", NAMESPACES)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("ridge", [0.0, 0.7])
@given(penalty=st.floats(1e-4, 1e4), seed=st.integers(0, 10))
def test_the_gradient_vanishes_at_the_step(xp, shape, ridge, penalty, seed):
    """``A^T (A x - b) + ridge x + penalty (x - v) = 0``, relative to its terms, for every penalty."""
    A, b, v = regression(seed, *shape)
    loss = LeastSquares(xp.asarray(A), xp.asarray(b), ridge)
    x = np.asarray(exact.step(exact.init(loss), xp.asarray(v), penalty))
    terms = [A.T @ A @ x, -A.T @ b, ridge * x, penalty * (x - v)]
    size = max(np.abs(term).max() for term in [*terms, penalty * v])
    np.testing.assert_allclose(sum(terms), 0, atol=1e-12 * size)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("ridge", [0.0, 0.7])
@pytest.mark.parametrize("penalty", [0.01, 1.0, 100.0])
def test_cvxpy_finds_the_same_step(shape, ridge, penalty):
    A, b, v = regression(1, *shape)
    x = cvxpy.Variable(shape[1])
    objective = (
        cvxpy.sum_squares(A @ x - b) / 2
        + ridge / 2 * cvxpy.sum_squares(x)
        + penalty / 2 * cvxpy.sum_squares(x - v)
    )
    cvxpy.Problem(cvxpy.Minimize(objective)).solve(solver=cvxpy.CLARABEL)
    found = exact.step(exact.init(LeastSquares(A, b, ridge)), v, penalty)
    np.testing.assert_allclose(found, x.value, atol=1e-5)


def test_smoothness_is_the_largest_curvature():
    A, b, _ = regression(0, 7, 4)
    factor = exact.init(LeastSquares(A, b, ridge=0.3))
    largest = np.linalg.eigvalsh(A.T @ A + 0.3 * np.eye(4)).max()
    assert exact.smoothness(factor) == pytest.approx(largest)


def test_columns_that_depend_on_each_other_are_no_obstacle():
    """The penalty makes the problem strictly convex, whatever the rank of A."""
    A = np.array([[1.0, 1.0, 0.0], [2.0, 2.0, 0.0]])
    b, v = np.array([1.0, 0.0]), np.array([0.5, -0.5, 3.0])
    found = exact.step(exact.init(LeastSquares(A, b)), v, 0.1)
    np.testing.assert_allclose(found, np.linalg.solve(A.T @ A + 0.1 * np.eye(3), A.T @ b + 0.1 * v))
