"""The search where it could stumble: no columns, all, too many, twin, zero and constant ones, no time."""

import itertools
import time

import numpy as np
import pytest

import tamis
from tamis import Status
from tamis.losses import LeastSquares, Logistic, Poisson, Smooth
from tamis.sets import Sparse

from .helpers import regression

EFFORTS = ["fast", "default", "thorough"]
LOSSES = [LeastSquares, Logistic, Poisson]


def problem(kind, seed=0, n=30, p=8, ridge=0.0, change=None, **options):
    """A loss whose design ``change`` may spoil after the response is made."""
    A, b, _ = regression(seed, n, p, min(3, p), noise=2.0)
    if kind is Logistic:
        b = (b + np.random.default_rng(seed).logistic(0, 3, n) > 0).astype(float)
    if kind is Poisson:
        b = np.random.default_rng(seed).poisson(np.exp(np.clip(b / 5, -2, 2))).astype(float)
    return kind(A if change is None else change(A), b, ridge, **options)


def best(loss, k):
    """The least loss over all supports of k columns."""
    p = loss.A.shape[1]
    masks = (np.isin(np.arange(p), support) for support in itertools.combinations(range(p), k))
    return min(loss.value(loss.refit(mask)) for mask in masks)


def solve(loss, k, effort="default"):
    result = tamis.minimize(loss, Sparse(k), effort=effort)
    assert np.count_nonzero(result.x) <= k
    assert result.status in (Status.EXCHANGE_OPTIMAL, Status.OPTIMAL)
    assert result.fun == loss.value(result.x)
    assert result.certificate.fixed_point <= 1e-6
    return result


@pytest.mark.parametrize("effort", EFFORTS)
@pytest.mark.parametrize("kind", LOSSES)
def test_no_column_at_all_and_every_column(kind, effort):
    loss = problem(kind, intercept=True)
    nothing, everything = solve(loss, 0, effort), solve(loss, 8, effort)
    assert not nothing.x.any()
    assert nothing.fun == loss.value(np.zeros(8))
    assert nothing.certificate.exchange == 0
    assert everything.fun == pytest.approx(loss.value(loss.refit(np.ones(8, dtype=bool))), rel=1e-10)
    np.testing.assert_allclose(loss.gradient(everything.x), 0, atol=1e-7)


@pytest.mark.parametrize("effort", EFFORTS)
@pytest.mark.parametrize("ridge", [0.0, 1.0])
def test_more_columns_than_rows(ridge, effort):
    """n = 5 and k = 7: without ridge an exact fit, which 5 columns make; with it the best of all supports."""
    loss = problem(LeastSquares, n=5, ridge=ridge)
    result = solve(loss, 7, effort)
    assert result.fun == pytest.approx(best(loss, 7) if ridge else 0.0, rel=1e-8, abs=1e-16)


@pytest.mark.parametrize("effort", EFFORTS)
@pytest.mark.parametrize("kind", LOSSES)
def test_more_nonzeros_than_the_rank(kind, effort):
    """Rank 3, k = 5: as good as the best of five, and as all eight."""
    loss = problem(kind, change=lambda A: A[:, :3] @ np.random.default_rng(5).standard_normal((3, 8)))
    assert solve(loss, 5, effort).fun == pytest.approx(best(loss, 3), rel=1e-8)


@pytest.mark.parametrize("kind", LOSSES)
@pytest.mark.parametrize("intercept", [False, True])
def test_zero_constant_and_twin_columns_are_worth_what_they_are(kind, intercept):
    """Columns 0 (zeros), 1 (ones), 2 and 3 (one column twice, the other sign) among others."""

    def change(A):
        A[:, 0], A[:, 1], A[:, 3] = 0, 1, -2 * A[:, 2]
        return A

    for seed, k in itertools.product(range(3), (1, 3, 5)):
        loss = problem(kind, seed, change=change, intercept=intercept)
        result = solve(loss, k)
        assert result.fun == pytest.approx(best(loss, k), rel=1e-8)
        assert result.x[0] == 0
        assert not (intercept and result.x[1])
        assert not (result.x[2] and result.x[3])


@pytest.mark.parametrize("kind", LOSSES)
def test_a_design_of_zeros_has_the_answer_zero(kind):
    loss = problem(kind, change=lambda A: 0 * A)
    assert not solve(loss, 3).x.any()


@pytest.mark.parametrize("effort", EFFORTS)
@pytest.mark.parametrize("kind", LOSSES)
def test_single_precision_finds_the_support_of_double_precision(kind, effort):
    loss = problem(kind, n=60)
    single = kind(loss.A.astype(np.float32), loss.b.astype(np.float32))
    one, two = (tamis.minimize(each, Sparse(3), effort=effort) for each in (loss, single))
    assert two.x.dtype == np.float32
    assert two.success
    np.testing.assert_array_equal(one.x != 0, two.x != 0)
    np.testing.assert_allclose(two.x, one.x, rtol=1e-3)


@pytest.mark.parametrize("scale", [1e-8, 1e8])
@pytest.mark.parametrize("kind", LOSSES)
def test_units_of_the_columns_do_not_matter(kind, scale):
    """Scaled columns have the same best support and the same loss."""
    loss = problem(kind, intercept=True)
    units = np.where(np.arange(8) % 2, scale, 1.0)
    other = problem(kind, intercept=True, change=lambda A: A * units)
    one, two = solve(loss, 3), solve(other, 3)
    assert one.fun == pytest.approx(two.fun, rel=1e-9)
    np.testing.assert_allclose(two.x * units, one.x, rtol=1e-5)


@pytest.mark.parametrize("kind", ["least squares", "logistic", "own"])
@pytest.mark.parametrize("limit", [1e-9, 0.1, 0.5])
def test_a_time_limit_is_kept_and_the_best_point_is_returned(kind, limit):
    """It is overrun by less than half a second, and what the callback saw last is what comes back."""
    A, b, _ = regression(0, 400, 1000, 40, correlation=0.9, noise=5.0)
    loss = {
        "least squares": lambda: LeastSquares(A, b),
        "logistic": lambda: Logistic(A, (b > 0).astype(float)),
        "own": lambda: Smooth(
            lambda x: np.sum(np.log(np.cosh(A @ x - b))), lambda x: A.T @ np.tanh(A @ x - b), np.zeros(1000)
        ),
    }[kind]()
    losses, started = [], time.perf_counter()
    result = tamis.minimize(
        loss, Sparse(40), effort="thorough", time_limit=limit,
        callback=lambda x, record: losses.append(record["loss"]),
    )  # fmt: skip
    assert time.perf_counter() - started < limit + 0.5
    assert result.status is Status.TIME_LIMIT
    assert not result.success
    assert result.certificate.exchange is None
    assert np.count_nonzero(result.x) <= 40
    assert result.fun == loss.value(result.x) <= min(losses) * (1 + 1e-9)
