"""Losses of other libraries are solved on numpy arrays, and x comes back in their library, dtype and device."""

import array_api_strict
import numpy as np
import pytest
import torch

import tamis
from tamis.host import on_host, to_numpy
from tamis.losses import LeastSquares, Logistic, Poisson
from tamis.sets import L1Ball, NofM, Sparse

from .helpers import NAMESPACES, regression


def arrays(xp, dtype, kind):
    A, b, _ = regression(0, 40, 8, 3)
    if kind is not LeastSquares:
        b = (b > 0).astype(float)
    rng = np.random.default_rng(0)
    vectors = {"weights": rng.uniform(0.5, 2, 40), "offset": rng.standard_normal(40) / 3}

    def like(v):
        return xp.asarray(v.astype(dtype))

    return like(A), like(b), {name: like(v) for name, v in vectors.items()}


@pytest.mark.parametrize("xp", NAMESPACES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("kind", [LeastSquares, Logistic, Poisson])
@pytest.mark.parametrize("constraint", [Sparse(3), NofM(1, 4), L1Ball(1.0)], ids=lambda s: type(s).__name__)
def test_x_is_an_array_like_those_of_the_loss(xp, dtype, kind, constraint):
    """And the same numbers as numpy's."""
    A, b, vectors = arrays(xp, dtype, kind)
    loss = kind(A, b, 0.5, **vectors, intercept=True)
    result = tamis.minimize(loss, constraint, max_iter=100)
    assert type(result.x) is type(A)
    assert result.x.dtype == A.dtype
    assert constraint.contains(result.x)
    A, b, vectors = arrays(np, dtype, kind)
    expected = tamis.minimize(kind(A, b, 0.5, **vectors, intercept=True), constraint, max_iter=100)
    rounding = 1e-5 if dtype == "float64" else 2e-3
    np.testing.assert_allclose(np.asarray(result.x), expected.x, rtol=rounding, atol=rounding)
    assert result.fun == pytest.approx(loss.value(result.x), rel=1e-5)


@pytest.mark.parametrize("xp", [torch, array_api_strict])
def test_a_start_may_be_of_the_library_of_the_loss_and_nothing_is_modified(xp):
    A, b, vectors = arrays(xp, "float64", LeastSquares)
    x0 = xp.asarray(np.arange(8.0))
    before = [np.array(to_numpy(v)) for v in (A, b, x0, *vectors.values())]
    loss = LeastSquares(A, b, **vectors)
    assert type(tamis.minimize(loss, Sparse(2), x0).x) is type(A)
    for old, now in zip(before, (A, b, x0, *vectors.values()), strict=True):
        np.testing.assert_array_equal(old, to_numpy(now))


def test_a_numpy_loss_is_itself_and_a_tensor_that_needs_gradients_is_taken():
    loss = LeastSquares(np.eye(3), np.ones(3))
    assert on_host(loss)[0] is loss
    np.testing.assert_array_equal(to_numpy(torch.ones(2, requires_grad=True).detach()), np.ones(2))


def test_a_loss_of_the_users_own_class_is_called_with_its_own_arrays():
    """Only value, gradient and start, of torch tensors."""

    class Own:
        def start(self):
            return torch.zeros(5, dtype=torch.float32)

        def value(self, x):
            assert isinstance(x, torch.Tensor)
            return float(((x - torch.arange(5.0)) ** 2).sum())

        def gradient(self, x):
            assert x.dtype == torch.float32
            return 2 * (x - torch.arange(5.0))

    result = tamis.minimize(Own(), Sparse(2))
    assert isinstance(result.x, torch.Tensor)
    np.testing.assert_allclose(result.x.numpy(), [0, 0, 0, 3, 4], atol=1e-4)
