"""Least squares: value, gradient and refit against finite differences and cvxpy."""

import itertools

import cvxpy
import numpy as np
import pytest

from tamis.losses import LeastSquares

from .helpers import NAMESPACES, regression


@pytest.mark.parametrize("xp", NAMESPACES)
@pytest.mark.parametrize("ridge", [0.0, 0.7])
def test_the_gradient_is_that_of_the_value(xp, ridge):
    """Central differences, which are exact for a quadratic."""
    A, b, x = regression(0, 6, 4)
    loss = LeastSquares(xp.asarray(A), xp.asarray(b), ridge)
    steps = 0.1 * np.eye(4)
    differences = [(loss.value(xp.asarray(x + h)) - loss.value(xp.asarray(x - h))) / 0.2 for h in steps]
    np.testing.assert_allclose(np.asarray(loss.gradient(xp.asarray(x))), differences, rtol=1e-10)


def test_the_value_is_half_the_sum_of_squares():
    loss = LeastSquares(np.eye(2), np.array([3.0, 1.0]), ridge=2.0)
    assert loss.value(np.array([0.0, 1.0])) == 0.5 * 9 + 1.0


@pytest.mark.parametrize("shape", [(9, 5), (3, 5)], ids=str)
@pytest.mark.parametrize("ridge", [0.0, 0.7])
def test_cvxpy_finds_nothing_better_on_any_support(shape, ridge):
    """The refit vanishes off the support and reaches cvxpy's least loss, for all 32 supports."""
    A, b, _ = regression(2, *shape)
    loss = LeastSquares(A, b, ridge)
    x, mask = cvxpy.Variable(5), cvxpy.Parameter(5, nonneg=True)
    kept = cvxpy.multiply(mask, x)
    objective = cvxpy.sum_squares(A @ kept - b) / 2 + ridge / 2 * cvxpy.sum_squares(kept)
    problem = cvxpy.Problem(cvxpy.Minimize(objective))
    for support in map(np.array, itertools.product([False, True], repeat=5)):
        mask.value = support.astype(float)
        problem.solve(solver=cvxpy.CLARABEL)
        found = loss.refit(support)
        assert not found[~support].any()
        assert loss.value(found) == pytest.approx(problem.value, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("xp", NAMESPACES)
def test_every_library_refits_the_same(xp):
    A, b, _ = regression(0, 8, 6)
    support = np.array([True, False, True, True, False, False])
    found = LeastSquares(xp.asarray(A), xp.asarray(b), 0.1).refit(xp.asarray(support))
    np.testing.assert_allclose(np.asarray(found), LeastSquares(A, b, 0.1).refit(support), rtol=1e-9)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_equal_columns_share_the_coefficient(dtype):
    """Of many minimisers the refit is the one of least norm, and does not blow up in single precision."""
    A = np.repeat(np.random.default_rng(0).standard_normal((8, 1)), 3, axis=1).astype(dtype)
    found = LeastSquares(A, 3 * A[:, 0]).refit(np.array([True, True, False]))
    np.testing.assert_allclose(found, [1.5, 1.5, 0.0], rtol=1e-5)


@pytest.mark.parametrize("xp", NAMESPACES)
def test_integers_are_taken_as_float64_and_the_wider_float_wins(xp):
    """A table of whole numbers is fitted, not truncated."""
    loss = LeastSquares(xp.asarray([[1, 0], [0, 2]]), xp.asarray([1, 1]))
    found = loss.refit(xp.asarray([False, True]))
    assert found.dtype == xp.float64
    assert np.asarray(found).tolist() == pytest.approx([0.0, 0.5])
    mixed = LeastSquares(xp.ones((2, 2), dtype=xp.float32), xp.ones(2, dtype=xp.float64))
    assert mixed.A.dtype == mixed.b.dtype == xp.float64
