"""No column lowers a logistic or Poisson loss by more than three bounds say: exact refits of hundreds of pairs.

The fall in the norm of the Hessian, the ceiling of all columns at once, and the verdicts on some.
"""

import numpy as np
import pytest
import scipy.sparse

from tamis.losses import Logistic, Poisson
from tamis.self_concordance import SMALL, fall
from tamis.subset.ceiling import ceilings, gain_bound, terrain
from tamis.subset.joint_refit import judge
from tamis.subset.landscape import Curved

KINDS = [Logistic, Poisson]
P = 10


def model(kind, seed, n=60, sparse=False):
    """No two seeds in a row alike: ridge, intercept, weights, offset, correlation come and go."""
    rng = np.random.default_rng(seed)
    A = rng.standard_normal((n, P)) + [0.0, 0.5, 2.0][seed % 3] * rng.standard_normal((n, 1))
    eta = A[:, ::2] @ rng.uniform(-0.4, 0.4, (P + 1) // 2)
    b = (
        rng.poisson(np.exp(np.clip(eta, -4, 4)))
        if kind is Poisson
        else rng.random(n) < 1 / (1 + np.exp(-eta))
    )
    return kind(
        scipy.sparse.csr_array(A * (np.abs(A) > 0.5)) if sparse else A,
        b.astype(float),
        [0.0, 2.0, 50.0][(seed // 2) % 3],
        weights=rng.uniform(0, 3, n) if seed & 2 else None,
        offset=rng.standard_normal(n) / 2 if seed & 4 else None,
        intercept=bool(seed & 1),
    )


def refitted(loss, support):
    return loss.value(loss.refit(np.isin(np.arange(P), support)))


def neighbours(loss, support):
    """For each variable out: its place, the point without it, and the exact loss with each other one in."""
    landscape = Curved(loss)
    whole = landscape.settle(support)
    land = terrain(loss, whole.x, whole.fit)
    for place in range(len(support)):
        less = landscape.settle(np.delete(support, place), whole.x)
        others = np.setdiff1d(np.arange(P), support)
        exact = np.array([refitted(loss, [*less.fit.support, j]) for j in others])
        yield place, land, less, others, exact


CASES = [(seed, seed % 4 == 3) for seed in range(8)]
SUPPORTS = {0: [1], 1: [2, 7], 2: [0, 3, 8], 3: [1, 4, 5, 9]}


@pytest.mark.parametrize("kind", KINDS)
def test_no_exchange_gains_more_than_its_ceiling(kind):
    """Nor is the ceiling idle: for a fifth of the pairs it is within half and .1 of the exact fall."""
    tight = []
    for seed, sparse in CASES:
        loss = model(kind, seed, sparse=sparse)
        for place, land, less, others, exact in neighbours(loss, SUPPORTS[seed % 4]):
            bound = ceilings(loss, land, less.x, less.fit, place)[others]
            gain = less.value - exact
            assert (gain >= -1e-9 * abs(less.value)).all()
            assert (gain <= bound * (1 + 1e-9) + 1e-9 * abs(less.value)).all()
            tight.extend(bound <= 1.5 * gain + 0.1)
    assert len(tight) == 140
    assert np.mean(tight) > 0.2


@pytest.mark.parametrize("kind", KINDS)
def test_every_verdict_is_true(kind):
    """Its lower bound is below the exact refit, its value above; nine of ten decide, whatever the target."""
    decided = []
    for seed, sparse in CASES:
        loss = model(kind, seed, sparse=sparse)
        for _, _, less, others, exact in neighbours(loss, SUPPORTS[seed % 4]):
            slack = 1e-9 * (1 + abs(less.value))
            for target in (exact.min() - 0.1, np.median(exact) - 1e-6, exact.max() + 0.1, less.value):
                verdicts = list(judge(loss, less.fit.support, less.x, others, target))
                assert sorted(v.column for v in verdicts) == others.tolist()
                for v in verdicts:
                    true = exact[others.tolist().index(v.column)]
                    assert v.lower <= true + slack
                    assert v.value >= true - slack
                    decided.append(v.lower >= target or v.value < target)
    assert np.mean(decided) > 0.9


@pytest.mark.parametrize("kind", KINDS)
def test_blocks_change_no_verdict_and_no_ceiling(kind, monkeypatch):
    loss = model(kind, 1)
    place, land, less, others, exact = next(neighbours(loss, [1, 4, 5]))

    def both():
        verdicts = judge(loss, less.fit.support, less.x, others, float(np.median(exact)))
        return ceilings(loss, land, less.x, less.fit, place), np.array(list(verdicts))

    whole = both()
    monkeypatch.setattr("tamis.subset.joint_refit.BLOCK", 2 * 60)
    monkeypatch.setattr("tamis.subset.ceiling.BLOCK", 7 * P)
    land = terrain(loss, (point := Curved(loss).settle([1, 4, 5])).x, point.fit)
    for one, two in zip(whole, both(), strict=True):
        assert np.allclose(np.sort(one, axis=0), np.sort(two, axis=0), rtol=1e-8, equal_nan=True)


def test_a_column_that_depends_on_the_kept_ones_adds_nothing():
    A = model(Logistic, 0).A.copy()
    A[:, 5] = A[:, 1] - 2 * A[:, 2]
    A[:, 6] = 0
    loss = Logistic(A, model(Logistic, 0).b)
    less = Curved(loss).settle([1, 2])
    assert [v.lower for v in judge(loss, less.fit.support, less.x, np.array([5, 6]), 0.0)] == [np.inf] * 2
    land = terrain(loss, less.x, less.fit)
    one = Curved(loss).settle([1], less.x)
    np.testing.assert_array_equal(ceilings(loss, land, one.x, one.fit, 1)[[1, 6]], 0)


@pytest.mark.parametrize("kind", KINDS)
def test_a_step_so_long_that_it_overflows_proves_nothing(kind):
    """Columns of size 1e4: the predictors leave all bounds; no lower bound is above the exact loss."""
    small = model(kind, 0)
    loss = kind(small.A * np.where(np.arange(P) < 3, 1.0, 1e4), small.b)
    less = Curved(loss).settle([0, 1])
    for v in judge(loss, less.fit.support, less.x, np.arange(3, P), -1e9):
        assert v.lower <= refitted(loss, [0, 1, v.column]) + 1e-9 * less.value


@pytest.mark.parametrize("mean", [0.9, 0.7, 0.5, 0.3])
@pytest.mark.parametrize("twin", [0.0, 1.0])
def test_the_bounds_are_attained_by_one_poisson_column_of_ones(mean, twin):
    """There the curvature shrinks as fast as it may: F(t) = n (e^t - mean t), least at log(mean).

    The ceiling is seen from a point of the other column, orthogonal to the ones or much like them.
    """
    loss = Poisson(np.column_stack([np.ones(20), twin + 0.3 * (-1.0) ** np.arange(20)]), np.full(20, mean))
    exact, zero = 20 * (mean - mean * np.log(mean)), Curved(loss).settle([])
    (verdict,) = judge(loss, zero.fit.support, zero.x, np.array([0]), 0.0)
    assert verdict.lower == pytest.approx(exact, rel=1e-9)
    assert zero.value - fall(zero.fit.pull[0] ** 2 / 20, np.array(1 / 20)) == pytest.approx(exact, rel=1e-12)
    other = Curved(loss).settle([1])
    bound = ceilings(loss, terrain(loss, other.x, other.fit), zero.x, zero.fit, 0)[0]
    assert 20 - exact <= bound
    assert twin or bound <= 1.25 * (20 - exact)


def test_the_fall_is_the_least_of_its_derivation():
    """``-l q + (e^{-R q} + R q - 1) / R^2`` on a fine grid of q, for d from 1e-4 to .95."""
    for d in (1e-4, SMALL * 0.999, SMALL * 1.001, 0.1, 0.5, 0.95):
        for reach in (1e-4, 1.0, 1e4):
            root = reach**0.5
            q = np.linspace(0, 4 * -np.log1p(-d) / root, 200_001)
            least = np.min(-d / root * q + (np.expm1(-root * q) + root * q) / reach)
            assert fall(np.array(d**2 / reach), np.array(reach)) == pytest.approx(-least, rel=1e-6)


def test_the_fall_is_half_the_decrement_where_the_loss_is_quadratic_and_unknown_from_one_on():
    assert fall(np.array([4.0, 0.0]), np.array([0.0, 3.0])).tolist() == [2.0, 0.0]
    assert np.isinf(fall(np.array([1.0, 9.0, np.nan]), np.array([1.0, 2.0, 1.0]))).all()
    assert fall(np.array(1 - 1e-12), np.array(1.0)) == pytest.approx(1.0, abs=1e-5)


def test_the_ceiling_is_the_least_of_its_derivation():
    """``-lambda a + 2 a^2 / (sqrt(N^2 + l^2 a^2) + N)`` on a fine grid of a is never below minus the bound."""
    rng = np.random.default_rng(0)
    pull, room, rho = rng.uniform(0, 3, 50), rng.uniform(1, 20, 50), rng.uniform(0.1, 3, 50)
    for leverage in (0.0, 0.05, 1.0):
        bound = gain_bound(pull, room, rho, leverage)
        lam, alpha = pull / room**0.5, rho / room**0.5
        a = np.linspace(0, 20, 20_001)[:, None]
        N = 2 + alpha * a
        least = np.min(-lam * a + 2 * a**2 / (np.sqrt(N**2 + leverage * a**2) + N), axis=0)
        known = np.isfinite(bound)
        assert known.sum() > 20
        assert (-least[known] <= bound[known] + 1e-9).all()
        assert np.median(bound[known] / -least[known]) < 1.1
