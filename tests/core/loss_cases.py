"""The linear-model losses on random data, and derivatives by central differences, for the tests of losses."""

import numpy as np
import pytest
from hypothesis import strategies as st

from tamis.losses import Huber, LeastSquares, Logistic, Poisson

LOSSES = [
    pytest.param(LeastSquares, {}, id="least squares"),
    pytest.param(Logistic, {}, id="logistic"),
    pytest.param(Poisson, {}, id="poisson"),
    pytest.param(Huber, {"delta": 0.7}, id="huber"),
]

# A setting of everything that a linear-model loss takes: seed, (n, p), ridge, weighted, offset, intercept.
settings_of_a_loss = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 999),
        "shape": st.tuples(st.integers(2, 9), st.integers(1, 6)),
        "ridge": st.sampled_from([0.0, 0.3]),
        "weighted": st.booleans(),
        "offset": st.booleans(),
        "intercept": st.booleans(),
    }
)


def targets(loss, rng, n):
    """Return labels, counts or measurements, of both classes and with a positive count."""
    if loss is Logistic:
        return np.r_[0.0, 1.0, rng.integers(0, 2, n - 2)]
    if loss is Poisson:
        return np.r_[2.0, rng.poisson(2.0, n - 1)]
    return 2 * rng.standard_normal(n)


def arguments(loss, *, seed, shape, ridge, weighted, offset, intercept):
    """Return the arguments of a loss as a dict of numpy arrays."""
    rng = np.random.default_rng(seed)
    n, p = shape
    weights = np.r_[1.0, 2.0, rng.integers(0, 3, n - 2)] if weighted else None
    return {
        "A": rng.standard_normal((n, p)),
        "b": targets(loss, rng, n),
        "ridge": ridge,
        "weights": weights,
        "offset": rng.standard_normal(n) if offset else None,
        "intercept": intercept,
    }


def random_loss(
    loss, more, *, seed=0, shape=(20, 5), ridge=0.0, weighted=False, offset=False, intercept=False
):
    setting = {"seed": seed, "shape": shape, "ridge": ridge, "weighted": weighted, "offset": offset}
    return loss(**arguments(loss, **setting, intercept=intercept), **more)


def as_arrays(xp, kwargs):
    """Return the arguments with the arrays of ``xp``."""
    return {k: xp.asarray(v) if isinstance(v, np.ndarray) else v for k, v in kwargs.items()}


def difference_gradient(value, x, h=1e-5):
    """Return the gradient of ``value`` at x, of any shape, by central differences."""
    units = np.eye(x.size).reshape(x.size, *x.shape)
    return np.array([(value(x + h * e) - value(x - h * e)) / (2 * h) for e in units]).reshape(x.shape)


def difference_hessian(gradient, x, h=1e-5):
    """Return the Hessian, shape (size, size), by central differences of ``gradient``."""
    units = np.eye(x.size).reshape(x.size, *x.shape)
    return np.array([(gradient(x + h * e) - gradient(x - h * e)).reshape(-1) / (2 * h) for e in units])


def joint_value(loss, x, c):
    """Return f before c is profiled out, from the loss's own phi."""
    eta = loss.A @ x + c + (0 if loss.offset is None else loss.offset)
    s = 1 if loss.weights is None else loss.weights
    return float(np.sum(s * loss.phi(eta))) + loss.ridge / 2 * float(x @ x)
