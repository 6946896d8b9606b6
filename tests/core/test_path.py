"""The path over sizes: each the best subset, its criteria the formulas, its choice by cross-validation."""

import itertools
import math

import numpy as np
import pytest

import tamis
from tamis.losses import LeastSquares, Logistic, Poisson

from .helpers import regression


def problem(seed=0, n=60, p=9, k=3, noise=1.0, correlation=0.7, **options):
    A, b, x = regression(seed, n, p, k, correlation=correlation, noise=noise)
    return LeastSquares(A, b, **options), x


def classes(seed=0, n=150, p=9, kind=Logistic, **options):
    A, _, x = regression(seed, n, p, 3)
    rng, eta = np.random.default_rng(seed), A @ x / 3
    b = rng.random(n) < 1 / (1 + np.exp(-eta)) if kind is Logistic else rng.poisson(np.exp(eta))
    return kind(A, b.astype(float), **options)


LOSSES = [problem(intercept=True)[0], problem(1, ridge=2.0)[0], classes(ridge=0.1), classes(kind=Poisson)]


@pytest.mark.parametrize("loss", LOSSES, ids=["least squares", "ridge", "logistic", "poisson"])
def test_every_size_is_the_best_of_all_supports(loss):
    found = tamis.path(loss, range(10))
    assert found.ks == tuple(range(10))
    for k, result in zip(found.ks, found.results, strict=True):
        masks = (np.isin(np.arange(9), chosen) for chosen in itertools.combinations(range(9), k))
        assert result.fun == pytest.approx(min(loss.value(loss.refit(mask)) for mask in masks), rel=1e-9)
        assert np.count_nonzero(result.x) == k
    assert found.coefficients().shape == (10, 9)
    np.testing.assert_array_equal(found.coefficients()[4], found.results[4].x)


def test_losses_fall_along_a_path():
    """On strongly correlated columns."""
    for seed in range(3):
        loss, _ = problem(seed, 40, 80, 10, noise=2.0, correlation=0.95)
        values = [result.fun for result in tamis.path(loss, range(1, 16, 2), effort="fast").results]
        assert values == sorted(values, reverse=True)


def test_sizes_are_sorted_and_each_taken_once():
    loss, _ = problem()
    assert tamis.path(loss, [5, 2, 2, np.int64(3)]).ks == (2, 3, 5)
    assert tamis.path(loss, iter([1])).ks == (1,)


def test_criteria_of_least_squares_are_the_formulas():
    """n log(RSS/n) and the penalties, by hand; the ridge is left out of RSS."""
    loss, _ = problem(ridge=0.5, weights=None)
    found = tamis.path(loss, [0, 2, 4])
    for place, k in enumerate([0, 2, 4]):
        x = found.results[place].x
        fit = 60 * math.log(np.sum((loss.A @ x - loss.b) ** 2) / 60)
        assert found.criterion("aic")[place] == pytest.approx(fit + 2 * k)
        assert found.criterion("bic")[place] == pytest.approx(fit + k * math.log(60))
        for gamma in (0.5, 1.0):
            extended = fit + k * math.log(60) + 2 * gamma * math.log(math.comb(9, k))
            assert found.criterion("ebic", gamma)[place] == pytest.approx(extended)


def test_criteria_of_a_logistic_loss_are_the_formulas():
    loss = classes(ridge=0.3, intercept=True)
    found = tamis.path(loss, [1, 3])
    for place, k in enumerate([1, 3]):
        x = found.results[place].x
        q = 1 / (1 + np.exp(-loss.A @ x - loss.intercept_at(x)))
        deviance = -2 * np.sum(np.log(np.where(loss.b > 0, q, 1 - q)))
        assert found.criterion("bic")[place] == pytest.approx(deviance + k * math.log(150))


@pytest.mark.parametrize("name", ["bic", "ebic"])
def test_the_planted_variables_and_at_most_one_more_minimise_the_criterion(name):
    for seed in range(3):
        loss, x = problem(seed, 400, 30, 4, noise=0.3, correlation=0.3)
        found = tamis.path(loss, range(7))
        assert found.best(name).x[x != 0].all()
        assert np.count_nonzero(found.best(name).x) in (4, 5)
        assert found.best(name) is found.results[int(np.argmin(found.criterion(name)))]


def test_cross_validation_picks_the_planted_size_and_one_se_no_more():
    for seed in range(2):
        loss, _ = problem(seed, 100, 12, 4, noise=0.5, correlation=0.3, intercept=True)
        least = tamis.cross_validate(loss, range(8))
        simple = tamis.cross_validate(loss, range(8), rule="one_se")
        assert simple.best_k <= least.best_k
        assert simple.best_k == 4
        assert least.mean[4] <= 1.2 * least.mean.min()
        np.testing.assert_array_equal(least.mean, simple.mean)
        inside = least.mean <= least.mean.min() + least.error[int(np.argmin(least.mean))]
        assert simple.best_k == least.ks[int(np.argmax(inside))]


def test_the_held_out_rows_are_predicted_with_the_intercept_of_the_others():
    """Two folds by hand: same split, best subsets of one column, the mean loss of the rows left out."""
    loss, _ = problem(3, 20, 4, 2, intercept=True, weights=np.linspace(0.5, 2, 20), offset=np.arange(20.0))
    found = tamis.cross_validate(loss, [0, 1], folds=2, seed=7)
    scores = []
    for rows in np.array_split(np.random.default_rng(7).permutation(20), 2):
        rest = np.setdiff1d(np.arange(20), rows)
        s, y = loss.weights[rest], (loss.b - loss.offset)[rest]
        c = s @ y / s.sum()
        held, t = (loss.b - loss.offset)[rows], loss.weights[rows]
        scores.append(t @ (held - c) ** 2 / 2 / t.sum())
    assert found.mean[0] == pytest.approx(np.mean(scores))
    assert found.error[0] == pytest.approx(np.std(scores, ddof=1) / math.sqrt(2))


def test_seeds_repeat_and_time_limits_are_kept():
    import time

    loss, _ = problem(0, 300, 600, 20, noise=3.0, correlation=0.9)
    one, two = (tamis.cross_validate(problem()[0], range(4), seed=3) for _ in range(2))
    np.testing.assert_array_equal(one.mean, two.mean)
    started = time.perf_counter()
    found = tamis.path(loss, range(5, 50, 5), effort="thorough", time_limit=0.5)
    assert time.perf_counter() - started < 1.5
    assert len(found.results) == 9


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda loss: tamis.path(loss, []), ValueError, "ks must hold at least one size"),
        (
            lambda loss: tamis.path(loss, [1, 10]),
            ValueError,
            "between 0 and the number of columns (9), got 10",
        ),
        (lambda loss: tamis.path(loss, [-1]), ValueError, "got -1"),
        (lambda loss: tamis.path(loss, [2.5]), TypeError, "k must be an integer, got 2.5"),
        (
            lambda loss: tamis.path(loss, 3),
            TypeError,
            "ks must be several sizes, such as range(1, 11), got 3",
        ),
        (lambda loss: tamis.path(loss, [1], effort="slow"), ValueError, "effort must be one of"),
        (lambda loss: tamis.path(loss, [1]).criterion("cp"), ValueError, "criterion must be one of aic, bic"),
        (lambda loss: tamis.cross_validate(loss, [1], folds=1), ValueError, "folds must be between 2 and"),
        (lambda loss: tamis.cross_validate(loss, [1], folds=61), ValueError, "number of rows (60), got 61"),
        (lambda loss: tamis.cross_validate(loss, [1], folds=2.0), TypeError, "folds must be an integer"),
        (
            lambda loss: tamis.cross_validate(loss, [1], rule="max"),
            ValueError,
            "rule must be 'min' or 'one_se'",
        ),
        (lambda loss: tamis.path(loss.A, [1]), TypeError, "loss must"),
    ],
)
def test_bad_arguments_are_named(call, error, message):
    with pytest.raises(error) as caught:
        call(problem()[0])
    assert message in str(caught.value)
