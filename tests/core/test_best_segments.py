"""``A w in S`` for differences A: series against the dynamic program, images, and what it is made of."""

import itertools

import numpy as np
import pytest

from tamis.augmented_lagrangian import Constraint, double_exchange, minimize_subject_to
from tamis.augmented_lagrangian.change_of_variables import reduce
from tamis.losses import LeastSquares
from tamis.sets import Sparse

from .test_augmented_lagrangian import Smooth


def series(seed, n, jumps, noise):
    """Return a piecewise constant series with noise."""
    rng = np.random.default_rng(seed)
    cuts = np.sort(rng.choice(np.arange(1, n), jumps, replace=False))
    levels = 2 * rng.standard_normal(jumps + 1)
    return levels[np.searchsorted(cuts, np.arange(n), side="right")] + noise * rng.standard_normal(n)


def best_segments(cost, n, jumps):
    """Return the least total cost of ``jumps + 1`` segments or fewer, by dynamic programming."""
    table = np.full((n + 1, n + 1), np.inf)
    for i, j in itertools.combinations(range(n + 1), 2):
        table[i, j] = cost(i, j)
    best = table[0].copy()
    for _ in range(jumps):
        best = np.minimum(best, (best[:, None] + table).min(axis=0))
    return best[n]


def least_squares_cost(y):
    return lambda i, j: np.sum((y[i:j] - y[i:j].mean()) ** 2) / 2


@pytest.mark.parametrize(("n", "jumps", "noise"), [(50, 5, 0.5), (50, 7, 1.0)])
def test_best_segment_regression_is_mostly_that_of_the_dynamic_program(n, jumps, noise):
    """Noise up to the size of the jumps, ten series: most are exact, none is worse than 1%.

    The search knows nothing of the order of the points, so it is not exact in theory; measured on
    100 other series (n 60 and 100, 5 and 8 jumps): all exact; 99 when tamis.minimize was ADMM alone.
    """
    gaps, D = [], np.diff(np.eye(n), axis=0)
    for seed in range(5):
        y = series(seed, n, jumps, noise)
        result = minimize_subject_to(LeastSquares(np.eye(n), y), Constraint.linear(D, Sparse(jumps)))
        assert result.success and result.certificate.exchange is True
        assert np.count_nonzero(np.abs(D @ result.x) > 1e-9) <= jumps
        slope = result.x - y + D.T @ result.multipliers[0]
        assert np.abs(slope).max() < 1e-6 and np.abs(result.multipliers[0] * (D @ result.x)).max() < 1e-6
        gaps.append(result.fun / best_segments(least_squares_cost(y), n, jumps) - 1)
    assert min(gaps) > -1e-9 and max(gaps) < 0.01
    assert sum(gap < 1e-9 for gap in gaps) >= 4


def test_the_change_of_variables_keeps_the_loss_up_to_a_constant():
    """q(z) - f(w(z)) is one number, A w(z) = z, and f cannot fall along the null space of A."""
    rng = np.random.default_rng(0)
    loss, A = (
        LeastSquares(rng.standard_normal((9, 7)), rng.standard_normal(9), ridge=0.3),
        rng.standard_normal((4, 7)),
    )
    reduced = reduce(loss, A)
    shifts, flat = [], np.eye(7) - np.linalg.pinv(A) @ A
    for z in rng.standard_normal((3, 4)):
        w = reduced.B @ z + reduced.a
        np.testing.assert_allclose(A @ w, z, atol=1e-12)
        np.testing.assert_allclose(flat @ loss.gradient(w), 0, atol=1e-10)
        shifts.append(reduced.loss.value(z) - loss.value(w))
    np.testing.assert_allclose(shifts, shifts[0], atol=1e-10)


def test_a_bump_is_found_by_the_exchange_of_two_jumps_and_by_no_single_one():
    """Two steps against a step and a bump of four points: three jumps, two of them useless alone."""
    y = np.repeat([0.0, 3.0, 0.0, 1.0], [10, 4, 10, 10])
    n, D = y.size, np.diff(np.eye(y.size), axis=0)
    q = reduce(LeastSquares(np.eye(n), y), D).loss
    stuck = np.zeros(n - 1, dtype=bool)
    stuck[[23, 30, 31]] = True
    better = double_exchange.best(q.A.T @ q.A, -(q.A.T @ q.b), stuck)
    assert np.flatnonzero(better).tolist() == [9, 13, 23]


def test_the_pair_that_is_scored_best_is_the_best_of_all_pairs():
    rng = np.random.default_rng(0)
    A, b = rng.standard_normal((12, 9)), rng.standard_normal(12)
    kept = np.isin(np.arange(9), [1, 4])
    value, i, j = double_exchange.best_pair(A.T @ A, -(A.T @ b), kept)
    loss = LeastSquares(A, b)
    values = {}
    for pair in itertools.combinations(np.flatnonzero(~kept), 2):
        support = kept | np.isin(np.arange(9), pair)
        values[pair] = loss.value(loss.refit(support)) - b @ b / 2
    assert {i, j} == set(min(values, key=values.get))
    assert value == pytest.approx(min(values.values()), rel=1e-10)


def test_poisson_segments_are_those_of_the_dynamic_program():
    """No quadratic loss: refits in the k + 1 levels by L-BFGS, exchanges tried by their multipliers."""
    counts = np.random.default_rng(1).poisson(np.repeat([2.0, 6, 1, 8], 12)).astype(float)
    n, total = counts.size, np.append(0, np.cumsum(counts))
    loss = Smooth(lambda w: np.exp(w).sum() - counts @ w, lambda w: np.exp(w) - counts, np.zeros(n))
    result = minimize_subject_to(loss, Constraint.linear(np.diff(np.eye(n), axis=0), Sparse(3)))

    def cost(i, j):
        s = total[j] - total[i]
        return s - (s * np.log(s / (j - i)) if s else 0)

    assert result.success
    assert result.fun == pytest.approx(best_segments(cost, n, 3), rel=1e-8)


def test_patches_of_an_image_with_dependent_differences():
    """On a grid A has more rows than columns; the planted patches or better are found."""
    image = np.zeros((5, 5))
    image[:2, :3], image[3:, 1:] = 3, -2
    y = (image + 0.3 * np.random.default_rng(0).standard_normal((5, 5))).ravel()
    eye = np.eye(25).reshape(5, 5, 25)
    A = np.vstack([np.diff(eye, axis=0).reshape(-1, 25), np.diff(eye, axis=1).reshape(-1, 25)])
    k = np.count_nonzero(A @ image.ravel())
    result = minimize_subject_to(LeastSquares(np.eye(25), y), Constraint.linear(A, Sparse(k)))
    planted = sum(
        np.sum((y[patch] - y[patch].mean()) ** 2) / 2 for v in (0, 3, -2) for patch in [image.ravel() == v]
    )
    assert result.success and result.infeasibility < 1e-9
    assert result.fun <= planted * (1 + 1e-9)
