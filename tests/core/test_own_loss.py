"""A loss of which only values and gradients are known: the answer of the built-in one, for few gradients."""

import numpy as np
import pytest
import torch

import tamis
from tamis import Status
from tamis.losses import LeastSquares, Logistic, Smooth
from tamis.sets import GroupSparse, L1Ball, NofM, Sparse, SparseNonnegative

from .helpers import regression


class Counted:
    """What a user writes: value, gradient and start of a loss, and nothing else."""

    def __init__(self, loss):
        self._loss, self.gradients, self.values = loss, 0, 0

    def start(self):
        return self._loss.start()

    def value(self, x):
        self.values += 1
        return self._loss.value(x)

    def gradient(self, x):
        self.gradients += 1
        return self._loss.gradient(x)


def least_squares(seed, n=60, p=24, k=4):
    A, b, _ = regression(seed, n, p, k, correlation=0.5, noise=1.0)
    return LeastSquares(A, b)


def logistic(seed, n=150, p=24, k=4):
    A, _, x = regression(seed, n, p, k, correlation=0.5)
    b = np.random.default_rng(seed).random(n) < 1 / (1 + np.exp(-A @ x))
    return Logistic(A, b.astype(float), 0.5)


def smooth(loss):
    return Smooth(loss.value, loss.gradient, loss.start())


SETS = [Sparse(4), GroupSparse(2, np.arange(24) // 3), NofM(1, 4), L1Ball(3.0)]


@pytest.mark.parametrize("constraint", SETS, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("make", [least_squares, logistic])
@pytest.mark.parametrize("wrap", [smooth, Counted])
def test_the_answer_is_that_of_the_built_in_loss(make, wrap, constraint):
    for seed in range(1 if isinstance(constraint, NofM) else 3):
        loss = make(seed)
        own, known = tamis.minimize(wrap(loss), constraint), tamis.minimize(loss, constraint)
        assert own.fun == pytest.approx(known.fun, rel=1e-6)
        assert own.fun == pytest.approx(loss.value(own.x), rel=1e-12)
        np.testing.assert_allclose(own.x, known.x, rtol=1e-3, atol=1e-3)
        assert constraint.contains(own.x)
        assert own.success


def test_values_in_a_set_too():
    for seed in range(1):
        loss = least_squares(seed)
        own, known = (tamis.minimize(f, SparseNonnegative(4)) for f in (smooth(loss), loss))
        assert own.fun <= known.fun * 1.05
        assert SparseNonnegative(4).contains(own.x)


def test_no_exchange_is_claimed_of_a_loss_that_was_not_looked_at_everywhere():
    for loss in (least_squares(0), logistic(0)):
        result = tamis.minimize(Counted(loss), Sparse(4))
        assert result.status is Status.STATIONARY
        assert result.certificate.exchange is None


def test_few_gradients_are_enough():
    """p = 400, k = 10, least squares: at most 120 gradients for the planted support, and few values."""
    for seed in range(3):
        A, b, x = regression(seed, 200, 400, 10, correlation=0.5, noise=1.0)
        own = Counted(LeastSquares(A, b))
        result = tamis.minimize(own, Sparse(10))
        np.testing.assert_array_equal(result.x != 0, x != 0)
        assert own.gradients <= 120
        assert own.values <= 60


def test_a_loss_of_torch_is_differentiated_by_torch():
    """The answer is a tensor of the dtype of the start, and that of the built-in loss."""
    loss = least_squares(0)
    A, b = torch.tensor(loss.A), torch.tensor(loss.b)
    own = Smooth.from_function(lambda x: ((A @ x - b) ** 2).sum() / 2, torch.zeros(24, dtype=torch.float64))
    result = tamis.minimize(own, Sparse(4))
    assert isinstance(result.x, torch.Tensor)
    assert result.x.dtype == torch.float64
    np.testing.assert_allclose(result.x.numpy(), tamis.minimize(loss, Sparse(4)).x, atol=1e-8)


def test_a_start_that_is_not_zero_is_no_obstacle():
    """Where a loss starts and what x0 is make no difference to a convex one that is easy."""
    loss = least_squares(1)
    there = Smooth(loss.value, loss.gradient, np.ones(24))
    result = tamis.minimize(there, Sparse(4))
    assert result.fun == pytest.approx(tamis.minimize(loss, Sparse(4)).fun, rel=1e-9)
