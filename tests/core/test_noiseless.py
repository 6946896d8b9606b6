"""Without noise the planted signal is recovered where forward selection and exchanges alone do not find it."""

import numpy as np
import pytest

import tamis
from tamis.losses import LeastSquares, Logistic
from tamis.sets import Sparse
from tamis.subset import noiseless


def never():
    return False


def planted(seed, n=100, p=200, k=40, signs=False):
    rng = np.random.default_rng(seed)
    A, x = rng.standard_normal((n, p)), np.zeros(p)
    chosen = rng.choice(p, k, replace=False)
    x[chosen] = rng.choice([-1.0, 1.0], k) if signs else rng.standard_normal(k)
    return LeastSquares(A, A @ x), x


@pytest.mark.parametrize("seed", range(5))
def test_a_planted_signal_is_recovered(seed):
    """k/n = .4 with p = 2n; the certificate then says that no exchange is better than zero."""
    loss, x = planted(seed)
    result = tamis.minimize(loss, Sparse(40))
    np.testing.assert_allclose(result.x, x, atol=1e-9)
    assert result.success
    assert result.fun <= 1e-18 * loss.value(loss.start())


def test_damping_and_basis_pursuit_recover_signs_that_the_undamped_dual_does_not(monkeypatch):
    """Signals of +-1 at k/n = .37: all three ways together find more than the first alone."""
    signals = [planted(seed, 60, 120, 22, signs=True) for seed in range(8)]

    def found():
        supports = [noiseless.recover(loss, 22, 500, never) for loss, _ in signals]
        pairs = zip(signals, supports, strict=True)
        return sum(s is not None and np.array_equal(s, np.flatnonzero(x)) for (_, x), s in pairs)

    together = found()
    monkeypatch.setattr(noiseless, "DAMPINGS", (1.0,))
    monkeypatch.setattr(noiseless, "PURSUED", 0)
    assert together > found()


@pytest.mark.parametrize(
    ("loss", "k"),
    [
        (LeastSquares(np.ones((16, 30)), np.ones(16), ridge=1.0), 4),
        (LeastSquares(np.ones((16, 30)), np.ones(16)), 1),
        (LeastSquares(np.ones((16, 30)), np.ones(16)), 16),
        (LeastSquares(np.ones((30, 16)), np.ones(30)), 8),
        (Logistic(np.ones((16, 30)), np.ones(16)), 4),
    ],
    ids=["ridge", "k small", "k = n", "more rows", "logistic"],
)
def test_it_is_not_tried_where_it_cannot_help(loss, k):
    assert not noiseless.applies(loss, k)
    assert noiseless.applies(LeastSquares(np.ones((16, 30)), np.ones(16)), 4)


def test_with_noise_nothing_is_recovered_and_the_search_stands():
    loss, x = planted(0, 60, 120, 18)
    noisy = LeastSquares(loss.A, loss.b + 0.5 * np.random.default_rng(0).standard_normal(60))
    assert noiseless.recover(noisy, 18, 100, never) is None
    assert tamis.minimize(noisy, Sparse(18)).fun <= noisy.value(noisy.refit(x != 0)) * 1.5


def test_no_time_is_no_recovery():
    loss, _ = planted(0, 60, 120, 18)
    assert noiseless.recover(loss, 18, 1000, lambda: True) is None


def test_weights_intercept_and_offset_are_part_of_the_equations():
    loss, x = planted(1, 100, 200, 30)
    rng = np.random.default_rng(0)
    offset, s = rng.standard_normal(100), rng.uniform(0.5, 2, 100)
    moved = LeastSquares(loss.A, loss.b + offset + 3, weights=s, offset=offset, intercept=True)
    result = tamis.minimize(moved, Sparse(30))
    np.testing.assert_allclose(result.x, x, atol=1e-9)
    assert moved.intercept_at(result.x) == pytest.approx(3)
