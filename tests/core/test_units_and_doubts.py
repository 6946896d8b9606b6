"""What a new user found: answers off on unscaled columns, lost digits, proofs that were none, run-away coefficients."""

import time

import numpy as np
import pytest
import scipy.optimize

import tamis
from tamis import Status
from tamis.losses import LeastSquares, Logistic, Poisson, Quadratic
from tamis.sets import Box, Everything, L1Ball, NofM, Nonnegative, Sparse, SparseBox


def unscaled(seed=0, n=80, p=6):
    """Return columns whose units differ by up to a million, and a response."""
    rng = np.random.default_rng(seed)
    A = (rng.standard_normal((n, p)) + 0.5 * rng.standard_normal((n, 1))) * np.logspace(-3, 3, p)
    return A, A / np.logspace(-3, 3, p) @ rng.standard_normal(p) + 0.3 * rng.standard_normal(n)


@pytest.mark.parametrize("constraint", [Everything(), Box(-1e9, 1e9)], ids=["everything", "wide box"])
def test_a_convex_answer_does_not_depend_on_each_columns_units(constraint):
    A, b = unscaled()
    loss = Logistic(A, b > 0, ridge=1e-3, intercept=True)
    result = tamis.minimize(loss, constraint)
    assert result.status is Status.STATIONARY
    assert result.fun == pytest.approx(loss.value(loss.refit(np.ones(6, dtype=bool))), rel=1e-6)


def test_nonnegative_least_squares_on_unscaled_columns_is_scipys():
    A, b = unscaled(1)
    result = tamis.minimize(LeastSquares(A, b), Nonnegative())
    assert result.fun == pytest.approx(scipy.optimize.nnls(A, b)[1] ** 2 / 2, rel=1e-7)
    assert result.success


def test_a_point_that_only_looks_stationary_in_one_common_scale_is_not_called_so():
    """At zero steps the certificate in the units of the Hessian's diagonal is not small."""
    A, b = unscaled()
    result = tamis.minimize(LeastSquares(A, b), L1Ball(1e-2), max_iter=1, time_limit=1e-9)
    assert result.certificate.fixed_point > 1e-3
    assert not result.success


@pytest.mark.parametrize("seed", range(6))
def test_single_precision_far_from_zero_finds_what_double_precision_does(seed):
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((50, 9)).astype("f4") + np.float32(1000)
    b = (A[:, 0] - 1000 + rng.standard_normal(50)).astype("f4")
    single = tamis.minimize(LeastSquares(A, b, intercept=True), Sparse(3))
    double = tamis.minimize(LeastSquares(A.astype(float), b.astype(float), intercept=True), Sparse(3))
    assert single.x.dtype == np.float32
    np.testing.assert_array_equal(single.x != 0, double.x != 0)


def test_nearly_dependent_columns_are_not_proved_away():
    """Powers up to the eleventh: the table cannot tell, so no exchange optimum is claimed."""
    rng, x = np.random.default_rng(7), np.linspace(0, 1, 60)
    b = np.sin(6 * x) + 0.05 * rng.standard_normal(60)
    result = tamis.minimize(
        LeastSquares(np.vander(x, 12, increasing=True)[:, 1:], b, intercept=True), Sparse(8)
    )
    assert result.certificate.exchange is None
    assert result.status is not Status.EXCHANGE_OPTIMAL


@pytest.mark.parametrize("kind", [Poisson, Logistic])
def test_a_column_that_tells_some_rows_without_error_has_no_minimum(kind):
    rng = np.random.default_rng(0)
    mark = (rng.random(60) < 0.3) * 1.0
    counts = rng.poisson(2, 60) * (1 - mark)
    b = counts if kind is Poisson else (rng.random(60) < 0.5) * (mark == 0) * 1.0
    loss = kind(np.column_stack([mark, rng.standard_normal((60, 3))]), b, intercept=True)
    result = tamis.minimize(loss, Sparse(1))
    assert (result.status, result.success) == (Status.NO_MINIMUM, False)
    assert "ridge" in result.message


@pytest.mark.parametrize("constraint", [Sparse(2), Box(-1, 1), NofM(1, 2)], ids=["sparse", "box", "n of m"])
def test_an_indefinite_form_is_refused(constraint):
    with pytest.raises(ValueError, match="positive semidefinite, but it has an eigenvalue of -1"):
        tamis.minimize(Quadratic(np.diag([1.0, -1.0]), np.ones(2)), constraint)


def test_sparse_bounds_that_do_not_bind_are_no_hindrance_to_a_logistic_fit():
    A, b = unscaled(3, n=120, p=10)
    loss = Logistic(A / np.abs(A).max(axis=0), b > 0, ridge=0.1, intercept=True)
    free = tamis.minimize(loss, Sparse(3))
    assert np.abs(free.x).max() < 100
    assert tamis.minimize(loss, SparseBox(3, -100, 100)).fun == pytest.approx(free.fun, rel=1e-8)


def test_a_time_limit_holds_for_a_set_that_is_polished():
    A = np.random.default_rng(0).standard_normal((300, 800))
    started = time.perf_counter()
    result = tamis.minimize(LeastSquares(A, A[:, 0]), NofM(2, 4), time_limit=0.05)
    assert time.perf_counter() - started < 3
    assert result.status is Status.TIME_LIMIT
