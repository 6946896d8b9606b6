"""Data on which a solver could fail silently: a documented right answer, in bounded time."""

import time

import numpy as np
import pytest

import tamis
from tamis.losses import LeastSquares, Logistic, Poisson
from tamis.sets import L1Ball, Sparse

from .helpers import regression


@pytest.mark.parametrize("intercept", [False, True])
def test_separable_classes_end_at_a_finite_point_that_separates_them(intercept):
    """No minimiser exists without a ridge; the loss is then 0 up to rounding, in bounded time."""
    rng = np.random.default_rng(0)
    A = rng.standard_normal((60, 12))
    b = (A[:, 2] - A[:, 5] > 0).astype(float)
    started = time.perf_counter()
    for k in (2, 4):
        result = tamis.minimize(Logistic(A, b, intercept=intercept), Sparse(k))
        assert np.isfinite(result.x).all()
        assert {2, 5} <= set(np.flatnonzero(result.x)) or result.fun < 1e-6
        assert result.fun < 1e-6
    assert time.perf_counter() - started < 10


@pytest.mark.parametrize("kind", [Logistic, Poisson])
def test_classes_or_counts_that_are_all_zero(kind):
    """The loss falls towards 0 without end; x is finite."""
    A, _, _ = regression(0, 30, 6, 2)
    result = tamis.minimize(kind(A + 3, np.zeros(30)), Sparse(2))
    assert np.isfinite(result.x).all()
    assert result.fun < 1e-6


def test_integer_data_are_taken_as_numbers():
    rng = np.random.default_rng(0)
    A, b = rng.integers(-5, 5, (30, 8)), rng.integers(-9, 9, 30)
    whole, real = (
        tamis.minimize(loss, Sparse(3)) for loss in (LeastSquares(A, b), LeastSquares(A * 1.0, b * 1.0))
    )
    assert whole.x.dtype == np.float64
    np.testing.assert_array_equal(whole.x, real.x)


@pytest.mark.parametrize("constraint", [Sparse(2), L1Ball(1.0)], ids=["sparse", "l1"])
def test_one_row_one_column_and_a_response_of_zeros(constraint):
    A, b, _ = regression(0, 20, 5, 2)
    zero = tamis.minimize(LeastSquares(A, 0 * b), constraint)
    assert zero.success
    assert not zero.x.any()
    one_row = tamis.minimize(LeastSquares(A[:1], b[:1]), constraint)
    assert np.isfinite(one_row.x).all()
    if isinstance(constraint, L1Ball):
        column = tamis.minimize(LeastSquares(A[:, :1], b), constraint)
        best = np.clip(A[:, 0] @ b / (A[:, 0] @ A[:, 0]), -1, 1)
        assert column.x[0] == pytest.approx(best, rel=1e-5)


def test_an_object_whose_gradient_has_the_wrong_shape_is_not_taken_silently():
    class Wrong:
        def start(self):
            return np.zeros(4)

        def value(self, x):
            return float(x @ x)

        def gradient(self, x):
            return x[:3]

    with pytest.raises(ValueError, match="shape|broadcast"):
        tamis.minimize(Wrong(), Sparse(2))
