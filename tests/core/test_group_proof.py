"""No exchange of groups lowers a logistic or Poisson loss: the bounds and the proof against exact refits."""

import itertools
import time
from dataclasses import replace

import numpy as np
import pytest
import scipy.sparse
from scipy.sparse.linalg import aslinearoperator

import tamis
from tamis.losses import Logistic, Poisson
from tamis.result import Status
from tamis.sets import GroupSparse
from tamis.subset.groups import ceiling
from tamis.subset.groups.ceiling import bounds
from tamis.subset.groups.landscape import CurvedGroups
from tamis.subset.groups.layout import groups_of
from tamis.subset.groups.proof import find_exchange
from tamis.subset.proof import Work

from .group_cases import GROUPS, dependent, dropped, model

KINDS = [Logistic, Poisson]


def go_on(entries):
    return True


@pytest.mark.parametrize("kind", KINDS)
def test_no_group_reaches_less_than_its_bound(kind):
    """Nor more than the value that comes with it, whatever the target; nine of ten bounds decide."""
    decided, steps = [], []
    for seed in range(8):
        loss = model(kind, seed)
        for layout, less, others, exact in dropped(loss, seed):
            slack = 1e-9 * (1 + abs(less.value))
            for target in (-1e9, np.median(exact) - 1e-6, exact.min() - 0.1, less.value):
                found = bounds(loss, layout, less, target, go_on)
                lower, reached = found.lower[others], found.reached[others]
                assert (lower <= exact + slack).all()
                assert (reached >= exact - slack).all()
                decided.extend((lower >= target) | (reached < target))
                steps.extend(np.isfinite(reached))
    assert len(decided) == 8 * 3 * 6 * 4
    assert np.mean(decided) > 0.9
    assert 0.2 < np.mean(steps) < 0.95  # both bounds are at work


ONES = np.ones((20, 1))
PAIR = np.column_stack([1 + (-1.0) ** np.arange(20), 1 - 2 * (-1.0) ** np.arange(20)])


@pytest.mark.parametrize("group", [ONES, PAIR], ids=["ones", "a pair whose sum is"])
@pytest.mark.parametrize("mean", [0.9, 0.7, 0.5, 0.3])
def test_half_of_the_largest_residual_entry_would_be_no_bound(group, mean, monkeypatch):
    """A Poisson column of ones falls as far as it may: F(t) = n (e^t - mean t), least at log(mean).

    There the bound after one step is exact.
    """
    loss, right = Poisson(group, np.full(20, mean)), ceiling.gain_bound
    landscape = CurvedGroups(loss, np.zeros(group.shape[1], dtype=int))
    zero, exact = landscape.settle(np.empty(0, dtype=int)), 20 * (mean - mean * np.log(mean))
    monkeypatch.setattr(ceiling, "STEPS", 0)

    def most(share):
        monkeypatch.setattr(ceiling, "gain_bound", lambda g, h, rho, l2: right(g, h, share * rho, l2))
        return 20 - bounds(loss, landscape.layout, zero, 1e9, go_on).lower[0]

    assert 20 - exact <= most(1.0)
    assert most(1.0) <= 1.25 * (20 - exact) or group is PAIR
    assert most(0.5) < 20 - exact or (group is PAIR and mean > 0.3)
    monkeypatch.setattr(ceiling, "STEPS", 1)
    assert most(1.0) == pytest.approx(20 - exact, rel=1e-9) or group is PAIR
    assert most(1.0) >= (20 - exact) * (1 - 1e-9)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", [scipy.sparse.csc_array, scipy.sparse.csr_array, aslinearoperator])
def test_tiles_and_the_form_of_the_matrix_change_no_bound(kind, form, monkeypatch):
    loss = model(kind, 7)
    layout, less, _, exact = next(dropped(loss, 7))
    dense = bounds(loss, layout, less, float(np.median(exact)), go_on)
    monkeypatch.setattr(ceiling, "TILE", 90)
    other = bounds(replace(loss, A=form(loss.A)), layout, less, float(np.median(exact)), go_on)
    np.testing.assert_allclose(dense, other, rtol=1e-7)


def least_exchange(loss, chosen):
    pairs = itertools.product(chosen, set(GROUPS.tolist()) - chosen)
    masks = (np.isin(GROUPS, list(chosen - {out} | {into})) for out, into in pairs)
    return min(loss.value(loss.refit(mask)) for mask in masks)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("make", [model, dependent])
@pytest.mark.parametrize("k", [1, 3])
def test_the_point_is_exchange_optimal_and_the_gain_bounds_that_of_every_exchange(kind, make, k):
    for seed in range(4):
        loss = make(kind, seed)
        result = tamis.minimize(loss, GroupSparse(k, GROUPS), effort="fast")
        chosen = set(GROUPS[result.x != 0].tolist())
        best = least_exchange(loss, chosen)
        assert (len(chosen), result.status) == (k, Status.EXCHANGE_OPTIMAL)
        assert best >= result.fun * (1 - 1e-9)
        assert result.fun - best - 1e-9 * abs(result.fun) <= result.certificate.exchange <= 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("seed", "steps"), [(1, 3), (2, 3), (2, 0), (5, 0), (6, 0)])
def test_from_bad_points_an_exchange_is_found_until_none_is_left(kind, seed, steps, monkeypatch):
    """Without steps the proof rests on more refits."""
    monkeypatch.setattr(ceiling, "STEPS", steps)
    landscape = CurvedGroups(model(kind, seed), GROUPS)
    points, work = [landscape.settle(np.array([0, 1, 2]))], Work(1e9, lambda: False)
    while (found := find_exchange(landscape, points[-1], work))[0] is not None:
        points.append(landscape.settle(found[0]))
        assert found[1] is None
    assert all(point.residue.chosen.size == 3 for point in points)
    assert len(points) > 1
    assert (np.diff([point.value for point in points]) < 0).all()
    assert found[1] < 0


def test_a_budget_or_time_that_is_spent_proves_nothing():
    landscape = CurvedGroups(model(Logistic, 1), GROUPS)
    x = tamis.minimize(landscape.loss, GroupSparse(3, GROUPS), effort="fast").x
    point = landscape.settle(groups_of(landscape.layout.members, np.flatnonzero(x)))
    asked = itertools.count()
    assert find_exchange(landscape, point, Work(1e9, lambda: next(asked) < 0))[1] < 0
    assert find_exchange(landscape, point, Work(10, lambda: False)) == (None, None)
    for allowed in range(next(asked)):
        calls = itertools.count()
        work = Work(1e9, lambda c=calls, a=allowed: next(c) >= a)
        assert find_exchange(landscape, point, work) == (None, None)
        assert next(calls) <= allowed + 5
    none = tamis.minimize(landscape.loss, GroupSparse(3, GROUPS), time_limit=1e-9)
    assert (none.certificate.exchange, none.status) == (None, Status.TIME_LIMIT)


def test_separable_classes_without_a_ridge_end_soon_and_without_a_proof():
    A = np.random.default_rng(0).standard_normal((60, 200))
    loss, began = Logistic(A, (A[:, 0] > 0).astype(float)), time.perf_counter()
    result = tamis.minimize(loss, GroupSparse(3, np.repeat(np.arange(50), 4)))
    assert (result.status, result.certificate.exchange) == (Status.NO_MINIMUM, None)
    assert time.perf_counter() - began < 5
