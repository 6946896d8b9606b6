"""`minimize` over every set: the result is in it, the best there is on convex ones and over small supports."""

import itertools

import cvxpy
import numpy as np
import pytest

import tamis
from tamis import Status, sets
from tamis.losses import LeastSquares, MatrixCompletion, Smooth

from .helpers import regression

P = 6
VALUES = np.array([-1.0, 0.0, 2.0])
B = np.array([[1.0, 1, 1, 1, 1, 1], [1, -1, 0, 0, 2, 0]])

CONVEX = {  # of a vector x of cvxpy: its constraints
    "everything": (sets.Everything(), lambda x: []),
    "box": (
        sets.Box(np.full(P, -0.5), np.linspace(0, 1, P)),
        lambda x: [x >= -0.5, x <= np.linspace(0, 1, P)],
    ),
    "nonnegative": (sets.Nonnegative(), lambda x: [x >= 0]),
    "affine": (sets.Affine(B, np.array([1.0, 2.0])), lambda x: [B @ x == [1, 2]]),
    "half-space": (sets.HalfSpace(B[1], -1.0), lambda x: [B[1] @ x <= -1]),
    "l1 ball": (sets.L1Ball(2.0), lambda x: [cvxpy.norm1(x) <= 2]),
    "l2 ball": (sets.L2Ball(1.0), lambda x: [cvxpy.norm(x) <= 1]),
    "linf ball": (sets.LinfBall(0.7), lambda x: [cvxpy.norm_inf(x) <= 0.7]),
    "simplex": (sets.Simplex(1.5), lambda x: [x >= 0, cvxpy.sum(x) == 1.5]),
    "monotone": (sets.Monotone(), lambda x: [cvxpy.diff(x) >= 0]),
    "falling": (sets.Monotone(increasing=False), lambda x: [cvxpy.diff(x) <= 0]),
    "cone": (sets.SecondOrderCone(), lambda x: [cvxpy.norm(x[1:]) <= x[0]]),
}

SUPPORTS_OF_2 = list(itertools.combinations(range(P), 2))
SPARSE = {  # allowed supports, and the constraints of the values x on one
    "sparse": (sets.Sparse(2), SUPPORTS_OF_2, lambda x: []),
    "n of m": (sets.NofM(1, 3), [(i, j) for i in range(3) for j in range(3, 6)], lambda x: []),
    "groups": (sets.GroupSparse(1, [[0, 3], [1, 4], [2, 5]]), [(0, 3), (1, 4), (2, 5)], lambda x: []),
    "blocks": (sets.Blocks(1, (2,)), [(0, 1), (2, 3), (4, 5)], lambda x: []),
    "sparse box": (sets.SparseBox(2, -1.0, 0.5), SUPPORTS_OF_2, lambda x: [x >= -1, x <= 0.5]),
    "sparse nonnegative": (sets.SparseNonnegative(2), SUPPORTS_OF_2, lambda x: [x >= 0]),
    "sparse simplex": (sets.SparseSimplex(2), SUPPORTS_OF_2, lambda x: [x >= 0, cvxpy.sum(x) == 1]),
    "sparse ball": (sets.SparseBall(2, 1.0), SUPPORTS_OF_2, lambda x: [cvxpy.norm(x) <= 1]),
    "sparse sum": (sets.SparseSum(2, 1.0), SUPPORTS_OF_2, lambda x: [cvxpy.sum(x) == 1]),
}

OTHERS = {  # neither convex nor of a support whose values are convex
    "binary": sets.Binary(), "levels": sets.Levels(VALUES), "k-hot": sets.KHot(2), "sphere": sets.Sphere(1.0),
    "sparse sphere": sets.SparseSphere(2, 1.0),
}  # fmt: skip


def problem(seed, correlation=0.5):
    A, b, _ = regression(seed, 15, P, correlation=correlation, noise=1.0)
    return LeastSquares(A, b, intercept=bool(seed % 2))


def least(loss, constraints, support=tuple(range(P))):
    """The least loss of the vectors on the support whose values keep the constraints, by cvxpy."""
    x, c = cvxpy.Variable(len(support)), cvxpy.Variable()
    rows = loss.A[:, list(support)] @ x - loss.b + (c if loss.intercept else 0)
    problem = cvxpy.Problem(cvxpy.Minimize(cvxpy.sum_squares(rows) / 2), constraints(x))
    return problem.solve(solver="CLARABEL")


@pytest.mark.parametrize("name", CONVEX)
@pytest.mark.parametrize("seed", range(3))
def test_a_convex_set_gives_the_minimum(name, seed):
    constraint, constraints = CONVEX[name]
    loss = problem(seed)
    result = tamis.minimize(loss, constraint)
    assert constraint.contains(result.x)
    assert result.status is Status.STATIONARY
    assert result.fun == pytest.approx(least(loss, constraints), rel=1e-5)
    assert result.fun == loss.value(result.x)


@pytest.mark.parametrize("name", SPARSE)
@pytest.mark.parametrize("seed", range(3))
def test_a_sparse_set_gives_the_best_of_all_supports(name, seed):
    """cvxpy solves inside each support."""
    constraint, supports, constraints = SPARSE[name]
    loss = problem(seed)
    result = tamis.minimize(loss, constraint)
    assert constraint.contains(result.x)
    assert result.success
    best = min(least(loss, constraints, support) for support in supports)
    assert result.fun == pytest.approx(best, rel=1e-5)


@pytest.mark.parametrize("name", SPARSE)
@pytest.mark.parametrize("seed", range(2))
def test_on_a_sparse_set_exchanges_end_where_the_certificate_says(name, seed):
    """From a bad start, where ADMM is held: no allowed exchange of one entry or group is better."""
    constraint, supports, constraints = SPARSE[name]
    loss = problem(seed, 0.95)
    start = np.zeros(P)
    start[list(supports[-1])] = 0.3
    result = tamis.minimize(loss, constraint, start, max_iter=1)
    if result.certificate.exchange is None:
        return
    here = set(np.flatnonzero(result.x))
    near = [s for s in supports if len(here - set(s)) <= (2 if name in ("groups", "blocks") else 1)]
    best = min(least(loss, constraints, support) for support in near)
    assert result.fun <= best * (1 + 1e-5)


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("seed", range(3))
def test_on_any_other_set_the_result_is_in_it_and_no_worse_than_the_projected_start(name, seed):
    constraint, loss = OTHERS[name], problem(seed)
    start = np.random.default_rng(seed).standard_normal(P)
    result = tamis.minimize(loss, constraint, start)
    assert constraint.contains(result.x)
    assert result.fun == loss.value(result.x)
    assert result.fun <= loss.value(constraint.project(start))
    assert result.success == (result.status is Status.STATIONARY) == (result.certificate.fixed_point <= 1e-6)


def test_the_best_k_hot_and_binary_vectors_are_found_on_easy_problems():
    """Of all 15 and all 64, on designs that are nearly orthogonal."""
    for seed in range(5):
        rng = np.random.default_rng(seed)
        A = np.linalg.qr(rng.standard_normal((30, P)))[0] + 0.02 * rng.standard_normal((30, P))
        x = rng.permutation([1.0, 1, 0, 0, 0, 0])
        loss = LeastSquares(A, A @ x + 0.05 * rng.standard_normal(30))
        for constraint in (sets.KHot(2), sets.Binary()):
            np.testing.assert_array_equal(tamis.minimize(loss, constraint).x, x)


def completion(seed, rank=2, shape=(8, 7), positive=False):
    rng = np.random.default_rng(seed)
    left = rng.standard_normal((shape[0], rank))
    X = left @ (left.T if positive else rng.standard_normal((rank, shape[1])))
    rows, columns = np.nonzero(rng.random(X.shape) < 0.8)
    return MatrixCompletion(X[rows, columns], rows, columns, X.shape), X


@pytest.mark.parametrize("constraint", [sets.LowRank(2), sets.PSDLowRank(2)], ids=["rank", "psd rank"])
def test_matrices_of_low_rank_are_completed(constraint):
    psd = isinstance(constraint, sets.PSDLowRank)
    loss, X = completion(0, shape=(8, 8) if psd else (8, 7), positive=psd)
    result = tamis.minimize(loss, constraint)
    assert constraint.contains(result.x)
    assert result.fun <= 1e-8 * loss.value(loss.start())
    np.testing.assert_allclose(result.x, X, atol=1e-3)


@pytest.mark.parametrize("constraint", [sets.PSD(), sets.NuclearBall(4.0)], ids=["psd", "nuclear ball"])
def test_convex_sets_of_matrices_give_the_minimum(constraint):
    rng = np.random.default_rng(0)
    T, w = rng.standard_normal((5, 5)), rng.uniform(0.5, 2, (5, 5))
    loss = Smooth(lambda X: np.sum(w * (X - T) ** 2) / 2, lambda X: w * (X - T), np.zeros((5, 5)))
    psd = isinstance(constraint, sets.PSD)
    X = cvxpy.Variable((5, 5), PSD=True) if psd else cvxpy.Variable((5, 5))
    objective = cvxpy.sum(cvxpy.multiply(w, cvxpy.square(X - T))) / 2
    best = cvxpy.Problem(cvxpy.Minimize(objective), [] if psd else [cvxpy.normNuc(X) <= 4]).solve()
    result = tamis.minimize(loss, constraint, max_iter=3000)
    assert constraint.contains(result.x)
    assert result.success
    assert result.fun == pytest.approx(best, rel=1e-4)


def test_orthonormal_columns_solve_the_procrustes_problem():
    """argmax <M, X> over the Stiefel set is the orthogonal factor of M."""
    M = np.random.default_rng(0).standard_normal((5, 3))
    loss = Smooth(lambda X: np.sum((X - M) ** 2) / 2, lambda X: X - M, np.eye(5, 3))
    U, _, Vt = np.linalg.svd(M, full_matrices=False)
    result = tamis.minimize(loss, sets.Stiefel())
    np.testing.assert_allclose(result.x, U @ Vt, atol=1e-6)
