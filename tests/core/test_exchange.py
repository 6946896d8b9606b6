"""The table of exchanges prices every pair as least squares on every support does; descents end where it says."""

import itertools

import numpy as np
import pytest

from tamis.losses import LeastSquares, Quadratic
from tamis.subset.exchange import best_exchanges, descend, descend_model
from tamis.subset.landscape import Curved, Flat
from tamis.subset.model import add_gains, dense, drop_losses, exchange_gains, fit, tiles
from tamis.subset.proof import largest_gain

from .helpers import regression


def least(loss, support):
    """The least loss on a support: numpy's lstsq on the columns, with the ridge as further rows."""
    C = loss.A[:, support]
    C = np.vstack([C, np.sqrt(loss.ridge) * np.eye(C.shape[1])])
    b = np.append(loss.b, np.zeros(C.shape[1]))
    return 0.5 * np.sum((C @ np.linalg.lstsq(C, b, rcond=None)[0] - b) ** 2)


def problem(seed, ridge=0.0, p=9):
    A, b, _ = regression(seed, 25, p, 4, correlation=0.9, noise=3.0)
    return LeastSquares(A, b, ridge)


def table(found):
    return np.hstack([exchange_gains(found, columns) for columns in tiles(found)])


def all_swaps(support, p):
    for i, j in itertools.product(range(len(support)), range(p)):
        if j not in support:
            yield i, j, [*support[:i], j, *support[i + 1 :]]


@pytest.mark.parametrize("ridge", [0.0, 3.0])
@pytest.mark.parametrize("seed", range(5))
def test_every_gain_is_that_of_lstsq(seed, ridge):
    """Additions, drops and all exchanges of a random support, to nine digits of the loss."""
    loss = problem(seed, ridge)
    support = np.random.default_rng(seed).permutation(9)[: 1 + seed].tolist()
    found = fit(Flat(loss).model, support)
    here, scale = least(loss, support), loss.value(loss.start())
    assert scale - found.decrease == pytest.approx(here, abs=1e-9 * scale)
    gains, losses, swaps = add_gains(found), drop_losses(found), table(found)
    for j in set(range(9)) - set(support):
        assert gains[j] == pytest.approx(here - least(loss, [*support, j]), abs=1e-9 * scale)
    for i in range(len(support)):
        assert losses[i] == pytest.approx(least(loss, np.delete(support, i)) - here, abs=1e-9 * scale)
    for i, j, swapped in all_swaps(support, 9):
        assert swaps[i, j] == pytest.approx(here - least(loss, swapped), abs=1e-9 * scale)
    assert (gains[support] == 0).all()


def test_an_exchange_for_a_variable_of_the_support_gains_nothing():
    found = fit(Flat(problem(0)).model, [1, 4, 7])
    assert (table(found)[:, [1, 4, 7]] <= 1e-9).all()


def test_small_tiles_change_nothing(monkeypatch):
    found = fit(Flat(problem(1)).model, [0, 3, 5])
    whole, best = table(found), best_exchanges(found, 4)
    monkeypatch.setattr("tamis.subset.model.TILE", 6)
    assert len(tiles(found)) == 5
    np.testing.assert_array_equal(table(found), whole)
    assert best_exchanges(found, 4) == best


def test_the_best_exchanges_are_the_largest_of_the_table():
    found = fit(Flat(problem(2)).model, [0, 3, 5])
    swaps = table(found)
    best = best_exchanges(found, 5)
    assert [move.gain for move in best] == sorted(swaps.ravel(), reverse=True)[:5]
    assert all(swaps[move.out, move.into] == move.gain for move in best)
    assert best_exchanges(found, 1)[0] == best[0]


@pytest.mark.parametrize("k", [0, 9])
def test_an_empty_support_has_no_exchange_and_a_full_one_no_gain(k):
    found = fit(Flat(problem(0)).model, np.arange(k))
    moves = best_exchanges(found, 3)
    assert len(moves) == (3 if k else 0)
    assert all(move.gain <= 1e-9 for move in moves)


def test_of_equal_exchanges_the_first_is_made():
    """Columns 2 and 3 are one column twice: 2 comes in for 0, and then 3 is not offered in its place."""
    A, b, _ = regression(0, 30, 6)
    A[:, 3] = A[:, 2]
    loss = LeastSquares(A, 5 * A[:, 2] + 0.1 * b)
    point = descend(Flat(loss), Flat(loss).settle([0]))
    assert point.fit.support.tolist() == [2]
    assert table(point.fit)[0, 3] <= 1e-9 * point.scale


def test_a_dependent_column_is_never_offered():
    """Column 4 is the sum of 0 and 1, so lstsq gains nothing by it while both, or one and 4, are in."""
    loss = problem(3)
    A = loss.A.copy()
    A[:, 4] = A[:, 0] + A[:, 1]
    loss = LeastSquares(A, loss.b)
    found = fit(Flat(loss).model, [0, 1, 7])
    here, swaps = least(loss, [0, 1, 7]), table(found)
    assert add_gains(found)[4] == 0
    for i, kept in enumerate([[1, 7], [0, 7], [0, 1]]):
        assert here - least(loss, [*kept, 4]) <= 1e-9 * here
        assert swaps[i, 4] <= 1e-9 * here


def test_a_singular_support_is_fitted_as_lstsq_does():
    """With a column twice, whatever its scale; Cholesky alone may find a pivot of rounding and trust it."""
    for seed, scale in itertools.product(range(10), (1e-6, 1.0, 1e6)):
        loss = problem(seed)
        A = loss.A.copy()
        A[:, 1] = A[:, 0]
        loss = LeastSquares(A * np.array([scale, scale] + [1.0] * 7), loss.b)
        point = Flat(loss).settle([0, 1, 5])
        assert point.value == pytest.approx(least(loss, [0, 5]), rel=1e-9)
        assert loss.value(point.x) == pytest.approx(point.value, rel=1e-9)


@pytest.mark.parametrize("ridge", [0.0, 3.0])
@pytest.mark.parametrize("seed", range(6))
def test_a_descent_ends_where_no_exchange_lowers_the_loss(seed, ridge):
    """By lstsq on every exchanged support; and the gain that the proof tells is the largest of them."""
    loss = problem(seed, ridge)
    landscape = Flat(loss)
    start = np.random.default_rng(seed).permutation(9)[:4]
    point = descend(landscape, landscape.settle(start))
    support, value = point.fit.support.tolist(), least(loss, point.fit.support)
    gains = [value - least(loss, swapped) for _, _, swapped in all_swaps(support, 9)]
    assert max(gains) <= 1e-9 * value
    assert largest_gain(landscape, point) == pytest.approx(max(gains), abs=1e-8 * value)
    assert value <= least(loss, start) * (1 + 1e-12)


def test_labels_are_respected():
    """Only variables of one label change places, and at the end none of those pairs gains."""
    loss, labels = problem(0), np.repeat([0, 1, 2], 3)
    landscape = Flat(loss)
    point = descend(landscape, landscape.settle([0, 3, 6]), labels)
    support = point.fit.support
    assert sorted(labels[support]) == [0, 1, 2]
    value = least(loss, support)
    for i, j, swapped in all_swaps(support.tolist(), 9):
        if labels[support[i]] == labels[j]:
            assert least(loss, swapped) >= value * (1 - 1e-9)
    free = descend(landscape, landscape.settle([0, 3, 6]))
    assert free.value < point.value * 0.999  # the labels bind


def test_a_descent_on_the_model_ends_as_one_on_the_loss():
    loss = problem(5)
    H = loss.A.T @ loss.A
    found = descend_model(dense(H, loss.A.T @ loss.b), np.array([0, 1, 2]), loss.value(loss.start()))
    point = descend(Flat(loss), Flat(loss).settle([0, 1, 2]))
    assert set(found.support.tolist()) == set(point.fit.support.tolist())


def test_a_descent_by_refits_ends_as_one_by_the_table():
    """The landscape of a loss whose Hessian changes, on one whose Hessian does not."""
    loss = problem(6)
    Q = Quadratic(loss.A.T @ loss.A, -loss.A.T @ loss.b)
    by_table, by_refits = Flat(Q), Curved(Q)
    one = descend(by_table, by_table.settle([0, 1, 2]))
    two = descend(by_refits, by_refits.settle([0, 1, 2]))
    assert set(one.fit.support.tolist()) == set(two.fit.support.tolist())
    assert one.value == pytest.approx(two.value, rel=1e-9)


def test_time_stops_a_descent_at_once():
    landscape = Flat(problem(0))
    start = landscape.settle([0, 1, 2])
    assert descend(landscape, start, expired=lambda: True) is start
