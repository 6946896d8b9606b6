"""Theorem 11: where the code's exchanges end no swap is better, the point is stationary, the bound below."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tamis
from tamis.bounds.lower import lower_bound_certificate, perspective_bound
from tamis.certificates import fixed_point
from tamis.losses import LeastSquares
from tamis.sets import Sparse
from tamis.subset.exchange import descend
from tamis.subset.survey import survey

seeds = st.integers(0, 10**6)


def problem(seed, ridge=0.0):
    rng = np.random.default_rng(seed)
    return LeastSquares(rng.standard_normal((12, 7)), rng.standard_normal(12), ridge=ridge)


def best_on(loss, support):
    mask = np.zeros(7, dtype=bool)
    mask[list(support)] = True
    return loss.value(loss.refit(mask))


def swaps(support):
    return [set(support) - {i} | {j} for i in support for j in set(range(7)) - set(support)]


@settings(max_examples=25)
@given(seed=seeds, k=st.integers(1, 4))
def test_exchanges_end_where_no_swap_is_better_and_keep_the_count(seed, k):
    loss = problem(seed)
    landscape = survey(loss)
    first = landscape.settle(np.arange(k))
    last = descend(landscape, first)
    support = set(last.fit.support.tolist())
    assert len(support) == k and last.value <= first.value + 1e-12
    assert min(best_on(loss, s) for s in swaps(support)) >= best_on(loss, support) - 1e-8


@settings(max_examples=25)
@given(seed=seeds, k=st.integers(1, 4))
def test_a_swap_optimal_point_is_stationary_for_the_losss_smoothness(seed, k):
    """The gradient is zero on the support, at most L times the least entry off it: a fixed point."""
    loss = problem(seed)
    x = tamis.minimize(loss, Sparse(k)).x
    g, kept, L = loss.gradient(x), x != 0, loss.smoothness()
    assert np.abs(g[kept]).max() < 1e-6 * L
    assert np.abs(g[~kept]).max() <= L * np.abs(x[kept]).min() * (1 + 1e-6)
    assert fixed_point(loss, Sparse(k), x, L) < 1e-6


@settings(max_examples=25)
@given(seed=seeds, k=st.integers(0, 4), ridge=st.sampled_from([0.05, 1.0, 10.0]))
def test_the_relaxations_bound_is_below_every_sparse_point(seed, k, ridge):
    loss = problem(seed, ridge)
    best = min(best_on(loss, s) for s in itertools.combinations(range(7), k))
    assert perspective_bound(loss, k).value <= best + 1e-9 * (1 + abs(best))
    x = tamis.minimize(loss, Sparse(k)).x
    assert lower_bound_certificate(loss, x, k).bound <= best + 1e-9 * (1 + abs(best))


@settings(max_examples=25)
@given(seed=seeds, k=st.integers(0, 4))
def test_any_plane_below_the_fit_gives_a_bound(seed, k):
    """The formula of ``dual_below`` at a random point, where nothing was solved."""
    ridge, rng = 2.0, np.random.default_rng(seed)
    loss, fit, point = problem(seed, ridge), problem(seed), rng.standard_normal(7)
    c = fit.gradient(point)
    level = fit.value(point) - c @ point
    bound = level - np.sort(c**2)[7 - k :].sum() / (2 * ridge)
    best = min(best_on(loss, s) for s in itertools.combinations(range(7), k))
    assert bound <= best + 1e-9 * (1 + abs(bound))


def test_a_point_that_a_swap_improves_is_found_out():
    """The check of swaps can fail: the worst support is not swap-optimal."""
    loss = problem(0)
    worst = max(itertools.combinations(range(7), 2), key=lambda s: best_on(loss, s))
    assert min(best_on(loss, s) for s in swaps(worst)) < best_on(loss, worst) - 1e-3
    assert pytest.approx(best_on(loss, worst)) == loss.value(loss.refit(np.isin(np.arange(7), worst)))
