"""The affine step is the nearest point that solves ``A x = b``, and the limit of the exact step."""

import numpy as np
import pytest

from tamis import admm
from tamis.losses import LeastSquares
from tamis.sets import Sparse
from tamis.steps import affine_step, exact_step

from .helpers import NAMESPACES, regression


def matrices():
    rng = np.random.default_rng(0)
    low = rng.standard_normal((7, 2)) @ rng.standard_normal((2, 9))
    return {
        "wide": rng.standard_normal((4, 9)),
        "tall": rng.standard_normal((9, 4)),
        "square": rng.standard_normal((5, 5)),
        "wide, rank 2": low,
        "tall, rank 2": low.T,
        "zero": np.zeros((2, 3)),
    }


CASES = [pytest.param(A, id=name) for name, A in matrices().items()]


@pytest.mark.parametrize("xp", NAMESPACES)
@pytest.mark.parametrize("A", CASES)
def test_it_is_the_nearest_least_squares_solution(A, xp):
    """``v + A^+ (b - A v)`` with numpy's pseudoinverse, also where ``A x = b`` has no solution."""
    rng = np.random.default_rng(1)
    b, v = rng.standard_normal(A.shape[0]), rng.standard_normal(A.shape[1])
    found = affine_step(LeastSquares(xp.asarray(A), xp.asarray(b)))(xp.asarray(v))
    expected = v + np.linalg.pinv(A, rcond=1e-12) @ (b - A @ v)
    np.testing.assert_allclose(np.asarray(found), expected, atol=1e-10)


@pytest.mark.parametrize("A", CASES)
def test_the_exact_step_tends_to_it(A):
    """A tenth of the penalty, a tenth of the distance (where it is not zero already)."""
    rng = np.random.default_rng(2)
    b, v = rng.standard_normal(A.shape[0]), rng.standard_normal(A.shape[1])
    loss = LeastSquares(A, b)
    limit, exact = affine_step(loss)(v), exact_step(loss)
    far, near = (np.linalg.norm(exact(v, penalty) - limit) for penalty in (1e-3, 1e-4))
    assert near <= 0.11 * far + 1e-9


def test_weights_offset_and_intercept_are_taken_into_account():
    """Without noise ``a_i x + o_i + c = b_i`` holds at the step for one c, where the weight is not zero."""
    A, _, v = regression(3, 5, 9)
    o, s = np.arange(5.0), np.array([1.0, 2.0, 0.0, 1.0, 3.0])
    b = A @ np.ones(9) + o + 4
    x = affine_step(LeastSquares(A, b, 0.0, s, o, True))(v)
    left = (b - o - A @ x)[s > 0]
    np.testing.assert_allclose(left, left.mean())


def test_noiseless_measurements_give_back_the_planted_signal():
    """k/n = .3, 60 of 120: ADMM with this step ends at the signal, entry for entry."""
    A, b, planted = regression(4, 60, 120, 18, noise=0.0)
    solve, constraint = affine_step(LeastSquares(A, b)), Sparse(18)
    state = admm.init(np.zeros(120), constraint)
    for _ in range(2000):
        x = solve(admm.target(state))
        state = admm.dual_update(x, state, constraint)
    np.testing.assert_allclose(state.z, planted, atol=1e-8)


def test_a_ridge_a_nan_and_a_wrong_shape_are_refused():
    A, b, v = regression(5, 3, 4)
    with pytest.raises(ValueError, match="without ridge, got ridge=0.5"):
        affine_step(LeastSquares(A, b, 0.5))
    with pytest.raises(ValueError, match="v must be finite, but 4 of its 4"):
        affine_step(LeastSquares(A, b))(v * np.nan)
    with pytest.raises(ValueError, match=r"v must have shape \(4,\), got \(3,\)"):
        affine_step(LeastSquares(A, b))(v[:3])
