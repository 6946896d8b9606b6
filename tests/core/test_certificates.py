"""The fixed point of projected gradient: zero where it is none the less only necessary, sized elsewhere."""

import numpy as np
import pytest

import tamis
from tamis import certificates
from tamis.losses import LeastSquares
from tamis.sets import Sparse


def test_certificate_is_zero_at_a_fixed_point():
    """At the best subset of an orthogonal design, where thresholding is the exact answer."""
    loss = LeastSquares(np.eye(4), np.array([3.0, 1.0, -2.0, 0.5]))
    assert certificates.fixed_point(loss, Sparse(2), np.array([3.0, 0.0, -2.0, 0.0]), 1.0) == 0


@pytest.mark.parametrize(
    ("bad", "size"),
    [
        ([3.0, 1.0, 0.0, 0.0], 2 / 3),  # the wrong support: -2 comes in for 1
        ([3.0, 0.0, -1.0, 0.0], 1 / 3),  # the right support with a wrong value
        ([3.0, 0.0, -4.0, 0.0], 1 / 2),  # the right support with too large a value
        ([0.0, 0.0, 0.0, 0.0], 1.0),  # nothing chosen at all
    ],
    ids=["support", "too small", "too large", "zero"],
)
@pytest.mark.parametrize("curvature", [1.0, 4.0])
def test_certificate_is_positive_at_a_bad_point(bad, size, curvature):
    """The move of projected gradient over the larger of the two points, whatever the curvature."""
    root = curvature**0.5
    loss = LeastSquares(root * np.eye(4), root * np.array([3.0, 1.0, -2.0, 0.5]))
    assert certificates.fixed_point(loss, Sparse(2), np.array(bad), curvature) == pytest.approx(size)


def test_certificate_lets_pass_what_projected_gradient_cannot_improve():
    """Zero does not mean best: a wrong support whose gradient is under L times its least entry."""
    A = np.array([[1.0, 0.9], [0.0, np.sqrt(1 - 0.81)]])
    loss = LeastSquares(A, A @ np.array([1.0, 0.2]))
    worse = loss.refit(np.array([False, True]))
    smoothness = loss.smoothness()
    assert certificates.fixed_point(loss, Sparse(1), worse, smoothness) < 1e-12
    assert loss.value(worse) > tamis.minimize(loss, Sparse(1)).fun
