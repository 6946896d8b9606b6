"""Worked examples with supports to choose, each against brute force over them, with cvxpy inside."""

import itertools

import cvxpy
import numpy as np
import pytest

from tamis.augmented_lagrangian import Constraint, minimize_subject_to
from tamis.losses import LeastSquares
from tamis.sets import L1Ball, NofM, Sparse
from tamis.sets.sparse_ball import SparseBall
from tamis.sets.sparse_simplex import SparseSimplex

from .test_augmented_lagrangian import Smooth


def supports(n, k):
    return map(list, itertools.combinations(range(n), k))


@pytest.mark.parametrize(("n", "k", "turnover", "seed"), [(7, 3, 1.3, 0), (7, 3, 1.3, 1), (8, 4, 1.1, 2)])
def test_sparse_portfolio_with_a_turnover_limit_is_the_best_of_all_supports(n, k, turnover, seed):
    """min w'Cw - mu'w, w >= 0, sum w = 1, at most k assets, |w - w0|_1 <= turnover; cvxpy in each support."""
    rng = np.random.default_rng(seed)
    returns = rng.standard_normal((3 * n, n)) @ (np.eye(n) + 0.3 * rng.standard_normal((n, n)))
    C, mu, w0 = returns.T @ returns / (3 * n), rng.uniform(0, 1, n), np.full(n, 1 / n)
    loss = Smooth(lambda w: w @ C @ w - mu @ w, lambda w: 2 * C @ w - mu, w0)
    trades = Constraint(lambda w: w - w0, lambda w, y: y, L1Ball(turnover))
    result = minimize_subject_to(loss, trades, within=SparseSimplex(k))

    w, mask = cvxpy.Variable(n), cvxpy.Parameter(n, nonneg=True)
    allowed = [w >= 0, cvxpy.sum(w) == 1, w <= mask, cvxpy.norm1(w - w0) <= turnover]
    problem = cvxpy.Problem(cvxpy.Minimize(cvxpy.sum_squares(np.linalg.cholesky(C).T @ w) - mu @ w), allowed)
    values = []
    for chosen in supports(n, k):
        mask.value = np.isin(np.arange(n), chosen).astype(float)
        values.append(problem.solve(solver=cvxpy.CLARABEL))
    assert result.success and result.certificate.exchange is True
    assert SparseSimplex(k).contains(result.x) and np.abs(result.x - w0).sum() <= turnover + 1e-5
    assert result.fun == pytest.approx(min(values), abs=1e-6)


@pytest.mark.parametrize(("n", "k"), [(8, 3), (10, 4)])
@pytest.mark.parametrize("seed", range(4))
def test_sparse_pca_is_the_best_of_all_supports(n, k, seed):
    """max w'Cw, |w| <= 1, k nonzeros: the largest eigenvalue of the best principal submatrix."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((20, n)) @ (np.eye(n) + 0.5 * rng.standard_normal((n, n)))
    C = X.T @ X / 20
    loss = Smooth(lambda w: -w @ C @ w, lambda w: -2 * C @ w, np.ones(n))
    result = minimize_subject_to(loss, [], within=SparseBall(k))
    best = max(np.linalg.eigvalsh(C[np.ix_(chosen, chosen)])[-1] for chosen in supports(n, k))
    assert result.success and result.certificate.exchange is True
    assert np.linalg.norm(result.x) == pytest.approx(1)
    assert -result.fun == pytest.approx(best, rel=1e-7)


@pytest.mark.parametrize("seed", range(4))
def test_fair_regression_is_the_best_of_all_supports(seed):
    """k nonzeros, and predictions uncorrelated with a protected attribute; cvxpy in each support."""
    rng, n, k = np.random.default_rng(seed), 8, 3
    A = rng.standard_normal((60, n))
    protected = 0.7 * A[:, 0] + 0.5 * A[:, 1] + rng.standard_normal(60)
    covariance = A.T @ (protected - protected.mean()) / 60
    b = A[:, :k] @ rng.uniform(1, 2, k) + rng.standard_normal(60)
    fair = Constraint.equal(lambda w: covariance @ w, lambda w, y: covariance * y)
    result = minimize_subject_to(LeastSquares(A, b), fair, within=Sparse(k), tol=1e-8)

    def best_on(chosen):
        w = cvxpy.Variable(k)
        misfit = cvxpy.Minimize(cvxpy.sum_squares(A[:, chosen] @ w - b) / 2)
        return cvxpy.Problem(misfit, [covariance[chosen] @ w == 0]).solve(solver=cvxpy.CLARABEL)

    assert result.success and result.certificate.exchange is True
    assert abs(covariance @ result.x) <= 1e-8
    assert result.fun == pytest.approx(min(map(best_on, supports(n, k))), rel=1e-6)


def test_exchanges_keep_to_the_pattern_of_the_set():
    """1:2 sparsity: an entry leaves only for the other of its pair, and the best of all patterns is found."""
    rng = np.random.default_rng(3)
    A, b, a = rng.standard_normal((20, 8)), rng.standard_normal(20), rng.standard_normal(8)
    balance = Constraint.equal(lambda w: a @ w, lambda w, y: a * y)
    result = minimize_subject_to(LeastSquares(A, b), balance, within=NofM(1, 2), tol=1e-8)
    values = []
    for choice in itertools.product([0, 1], repeat=4):
        chosen = 2 * np.arange(4) + choice
        KKT = np.block([[A[:, chosen].T @ A[:, chosen], a[chosen, None]], [a[chosen], 0]])
        w = np.linalg.solve(KKT, np.append(A[:, chosen].T @ b, 0))[:4]
        values.append(np.sum((A[:, chosen] @ w - b) ** 2) / 2)
    assert NofM(1, 2).contains(result.x)
    assert result.fun == pytest.approx(min(values), rel=1e-7)


def test_a_time_limit_ends_the_exchanges_with_a_feasible_point():
    n = 40
    C, mu = np.diag(np.linspace(1, 2, n)) + 0.5, np.random.default_rng(0).uniform(0, 1, n)
    loss = Smooth(lambda w: w @ C @ w - mu @ w, lambda w: 2 * C @ w - mu, np.full(n, 1 / n))
    cap = Constraint.at_most(lambda w: w - 0.3, lambda w, y: y)
    result = minimize_subject_to(loss, cap, within=SparseSimplex(5), tries=np.inf, time_limit=0.3)
    assert result.infeasibility <= 1e-6 and result.certificate.exchange is False
