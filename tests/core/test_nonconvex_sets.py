"""No allowed point comes nearer than the projection on a non-convex set: every support is tried."""

import itertools

import cvxpy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.select import keep_largest
from tamis.sets import (
    Blocks,
    GroupSparse,
    KHot,
    Simplex,
    Sparse,
    SparseBall,
    SparseBox,
    SparseNonnegative,
    SparseSimplex,
    SparseSum,
)

from .nonconvex_cases import CASES, UNEVEN, assert_nearest, assert_nearest_often

NAN = float("nan")
cases = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@cases
def test_nearest_of_all_supports(case):
    assert_nearest_often(case, case.project)


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=name) for name, case in CASES.items() if case.weighted]
)
def test_nearest_of_all_supports_in_a_metric(case):
    assert_nearest_often(case, case.project, weighted=True)


@cases
@settings(max_examples=15)
@given(data=st.data())
def test_nearest_for_whatever_hypothesis_finds(case, data):
    entries = st.sampled_from([0.0, -0.0, 0.5, 1.0, -1.0, 2.0]) | st.floats(-1e6, 1e6)
    y = np.array(data.draw(st.lists(entries, min_size=case.size, max_size=case.size)))
    assert_nearest(case, case.project, y)


CVXPY = {
    "box": (SparseBox(2, -0.5, 0.7), lambda z: [z >= -0.5, z <= 0.7], True),
    "simplex": (SparseSimplex(2, 1.5), lambda z: [z >= 0, cvxpy.sum(z) == 1.5], False),
    "sum": (SparseSum(3, -1), lambda z: [cvxpy.sum(z) == -1], False),
    "ball": (SparseBall(2, 0.8), lambda z: [cvxpy.norm(z) <= 0.8], False),
}


@pytest.mark.parametrize(("constraint", "conditions", "weighted"), CVXPY.values(), ids=CVXPY)
def test_cvxpy_finds_no_nearer_point_on_any_support(constraint, conditions, weighted):
    """With the support fixed the projection is convex; cvxpy's best is the projection's distance."""
    rng = np.random.default_rng(3)
    y = rng.standard_normal(5)
    diagonal = rng.uniform(0.2, 5, 5) if weighted else None
    root = np.sqrt(diagonal) if weighted else np.ones(5)
    z, off = cvxpy.Variable(5), cvxpy.Parameter(5, nonneg=True)
    goal = cvxpy.Minimize(cvxpy.norm(cvxpy.multiply(root, z - y)))
    problem = cvxpy.Problem(goal, [*conditions(z), cvxpy.multiply(off, z) == 0])
    values = []
    for dropped in itertools.combinations(range(5), 5 - constraint.k):
        off.value = np.isin(np.arange(5), dropped).astype(float)
        values.append(problem.solve(solver=cvxpy.CLARABEL))
    found = constraint.project(y, diagonal)
    assert np.linalg.norm(root * (found - y)) == pytest.approx(min(values), rel=1e-6)


# The planted faults: plausible projections that the checks above must reject.


def clip_after_selection(y, diagonal=None):
    return np.clip(Sparse(2).project(y), -1, 2)


def simplex_of_the_largest_magnitudes(y, diagonal=None):
    mask = keep_largest(np.abs(y), 3)
    z = np.zeros_like(y)
    z[mask] = Simplex(1).project(y[mask])
    return z


def sum_of_the_largest_magnitudes(y, diagonal=None):
    mask = keep_largest(np.abs(y), 3)
    return np.where(mask, y - (y[mask].sum() - 1.5) / 3, 0.0)


def groups_by_largest_entry(y, diagonal=None):
    worth = [np.abs(y[group]).max() for group in UNEVEN]
    kept = np.argsort(worth)[1:]
    return y * np.isin(np.array([0, 1, 2, 0, 2, 2, 2]), kept)


def ones_at_the_largest_magnitudes(y, diagonal=None):
    return keep_largest(np.abs(y), 2).astype(float)


def forget_the_metric(y, diagonal=None):
    return CASES["nonnegative"].project(y)


FAULTS = [
    ("box", clip_after_selection, False),
    ("simplex", simplex_of_the_largest_magnitudes, False),
    ("sum", sum_of_the_largest_magnitudes, False),
    ("groups", groups_by_largest_entry, False),
    ("2-hot", ones_at_the_largest_magnitudes, False),
    ("nonnegative", forget_the_metric, True),
]


@pytest.mark.parametrize(("name", "faulty", "weighted"), FAULTS, ids=[row[1].__name__ for row in FAULTS])
def test_a_planted_fault_is_found(name, faulty, weighted):
    with pytest.raises(AssertionError):
        assert_nearest_often(CASES[name], faulty, weighted=weighted)


# Ties


TIES = {
    "sparse": (Sparse(2).support, lambda y, on: ((~on * y) ** 2).sum()),
    "box": (SparseBox(2, -1, 2).support, lambda y, on: ((on * np.clip(y, -1, 2) - y) ** 2).sum()),
    "nonnegative": (SparseNonnegative(2).support, lambda y, on: ((on * np.maximum(y, 0) - y) ** 2).sum()),
    "ball": (SparseBall(2, 9).support, lambda y, on: ((~on * y) ** 2).sum()),
    "simplex": (
        SparseSimplex(2, 64).support,
        lambda y, on: ((~on * y) ** 2).sum() + ((on * y).sum() - 64) ** 2 / 2,
    ),
    "k-hot": (lambda y: KHot(2).project(y) == 1, lambda y, on: ((on - y) ** 2).sum()),
    "rows": (
        lambda y: Blocks(2, (1, None)).support(np.stack([y, y], axis=1))[:, 0],
        lambda y, on: ((~on * y) ** 2).sum(),
    ),
    "groups": (GroupSparse(2, [[i] for i in range(6)]).support, lambda y, on: ((~on * y) ** 2).sum()),
}


def assert_ties_go_by_lowest_index(support, cost):
    """Of the equally good pairs of small integers the first in the order of indices is kept."""
    rng = np.random.default_rng(1)
    for _ in range(60):
        y = rng.integers(-2, 3, 6).astype(float)
        pairs = [np.isin(np.arange(6), pair) for pair in itertools.combinations(range(6), 2)]
        first = min(pairs, key=lambda on: cost(y, on))  # the first of the least
        np.testing.assert_array_equal(support(y), first)


@pytest.mark.parametrize(("support", "cost"), TIES.values(), ids=TIES)
def test_ties_go_by_lowest_index(support, cost):
    assert_ties_go_by_lowest_index(support, cost)


@pytest.mark.parametrize(("support", "cost"), TIES.values(), ids=TIES)
def test_a_wrong_tie_rule_is_found(support, cost):
    """Planted: of equal entries the last ones are kept."""
    with pytest.raises(AssertionError):
        assert_ties_go_by_lowest_index(lambda y: support(y[::-1].copy())[::-1], cost)


def test_a_sum_takes_the_first_of_equal_entries_at_either_end():
    y = np.array([5.0, -5, 5, -5, 5, -5])
    assert SparseSum(3, 5).support(y).tolist() == [True, True, True, False, False, False]
    assert SparseSum(3, -5).support(y).tolist() == [True, True, False, True, False, False]


def test_a_large_common_part_is_not_lost_to_rounding():
    """Equal entries share the sum, however large they are; the mean of 7 of them is rounded."""
    for k in range(1, 9):
        z = SparseSum(k, 1).project(np.full(8, 1e19 / 3))
        np.testing.assert_allclose(z[:k], 1 / k, rtol=1e-15)
