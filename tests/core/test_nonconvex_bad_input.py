"""Wrong arguments of the non-convex sets: each is refused by a message that names it and shows it."""

import numpy as np
import pytest
import torch

from tamis.sets import (
    Binary,
    Blocks,
    Everything,
    GroupSparse,
    KHot,
    Levels,
    LowRank,
    Product,
    PSDLowRank,
    Sparse,
    SparseBall,
    SparseBox,
    SparseNonnegative,
    SparseSimplex,
    SparseSphere,
    SparseSum,
    Sphere,
    Stiefel,
    blocks,
)

NAN, INF = float("nan"), float("inf")
y = np.array([3.0, -1.0, 2.0, 0.5])
ones = np.ones(4)
matrix = np.ones((2, 3))

BUDGETS = [  # sets with the k of Sparse
    lambda k: SparseBox(k, -1, 1),
    SparseNonnegative,
    SparseSimplex,
    lambda k: SparseSum(k, 1),
    SparseBall,
    SparseSphere,
    lambda k: GroupSparse(k, np.arange(4)),
    lambda k: Blocks(k, (1,)),
]
BAD_BUDGETS = [
    (-1, ValueError, "a count k must be 0 or more, got -1"),
    (1.5, ValueError, "a fraction k must be in [0, 1], got 1.5"),
    (NAN, ValueError, "a fraction k must be in [0, 1], got nan"),
    ("3", TypeError, "k must be an int (a count) or a float (a fraction), got '3'"),
    (True, TypeError, "k must be an int (a count) or a float (a fraction), got True"),
    (5, ValueError, "k must be between 0 and the number of "),
]

VECTOR_SETS = [
    SparseBox(2, -1, 1),
    SparseSimplex(2),
    SparseSum(2, 1),
    SparseBall(2),
    SparseSphere(2),
    Sphere(),
    GroupSparse(2, np.arange(4)),
    Blocks(2, (2,)),
    KHot(2),
    Binary(),
]
MATRIX_SETS = [LowRank(1), PSDLowRank(1), Stiefel()]
UNWEIGHTED = [SparseSimplex(2), SparseSum(2, 1), SparseBall(2), SparseSphere(2), Sphere(), *MATRIX_SETS]

BAD = [
    # SparseBox
    (
        lambda: SparseBox(1, 0.5, 1),
        ValueError,
        "lower must be 0 or less, as entries off the support are 0, got 0.5",
    ),
    (
        lambda: SparseBox(1, -1, -0.5),
        ValueError,
        "upper must be 0 or more, as entries off the support are 0, got -0.5",
    ),
    (
        lambda: SparseBox(1, [0, y], INF),
        ValueError,
        "lower must be 0 or less, as entries off the support are 0, got 3.0",
    ),
    (lambda: SparseBox(1, 0, y), ValueError, "lower must not exceed upper"),
    (lambda: SparseBox(1, NAN, 1), ValueError, "lower must not be NaN"),
    (lambda: SparseBox(1, "0", 1), TypeError, "lower must be a real number"),
    (
        lambda: SparseBox(1, -ones, 1).project(y[:3]),
        ValueError,
        "lower must have the shape of y (3,), got (4,)",
    ),
    (lambda: SparseBox(1, -ones, 1).project([y, y]), ValueError, "give a list of bounds"),
    # SparseSimplex, SparseSum, balls
    (lambda: SparseSimplex(0), ValueError, "the set is empty: k = 0 allows no nonzero, but total is 1.0"),
    (lambda: SparseSimplex(0.1).project(y), ValueError, "the set is empty: k = 0.1 allows no nonzero"),
    (lambda: SparseSimplex(1.0).project(y[:0]), ValueError, "the set is empty: k = 1.0 allows no nonzero"),
    (lambda: SparseSimplex(2, -1), ValueError, "total must be finite and 0 or more, got -1"),
    (lambda: SparseSimplex(2, NAN), ValueError, "total must be finite and 0 or more, got nan"),
    (lambda: SparseSum(0, -1), ValueError, "the set is empty: k = 0 allows no nonzero, but total is -1"),
    (lambda: SparseSum(0.1, 1).project(y), ValueError, "the set is empty: k = 0.1 allows no nonzero"),
    (lambda: SparseSum(1, INF), ValueError, "total must be finite, got inf"),
    (lambda: SparseSum(1, "1"), TypeError, "total must be a real number, got '1'"),
    (lambda: SparseSum(1, True), TypeError, "total must be a real number, got True"),
    (lambda: SparseBall(1, -1), ValueError, "radius must be finite and 0 or more, got -1"),
    (lambda: SparseBall(1, None), TypeError, "radius must be a real number, got None"),
    (lambda: SparseSphere(0), ValueError, "the set is empty: k = 0 allows no nonzero, but radius is 1.0"),
    (lambda: SparseSphere(0.1).project(y), ValueError, "the set is empty: k = 0.1 of 4 entries is none"),
    (lambda: SparseSphere(1, 0), ValueError, "radius must be above 0, got 0"),
    (lambda: Sphere(0), ValueError, "radius must be above 0, got 0"),
    (lambda: Sphere(INF), ValueError, "radius must be finite and 0 or more, got inf"),
    (lambda: Sphere().project(y[:0]), ValueError, "no entries cannot have norm 1.0: y is empty"),
    # groups
    (
        lambda: GroupSparse(1, [[0, 1], [1, 2]]),
        ValueError,
        "groups must not overlap, but entry 1 is in 2 of them",
    ),
    (
        lambda: GroupSparse(1, [[0, 0], [1]]),
        ValueError,
        "groups must not overlap, but entry 0 is in 2 of them",
    ),
    (
        lambda: GroupSparse(1, [[0, 1], [3]]),
        ValueError,
        "groups must cover every entry, but entry 2 is in none",
    ),
    (
        lambda: GroupSparse(1, [[0, 1], []]),
        ValueError,
        "each group must have an entry, but groups[1] is empty",
    ),
    (lambda: GroupSparse(1, [[0, -1]]), ValueError, "groups must hold indices of 0 or more, got -1"),
    (lambda: GroupSparse(1, [[0.0, 1.0]]), TypeError, "groups[0] must hold integers, got dtype float64"),
    (lambda: GroupSparse(1, y), TypeError, "groups must hold integers, got dtype float64"),
    (lambda: GroupSparse(1, y > 0), TypeError, "groups must hold integers, got dtype bool"),
    (
        lambda: GroupSparse(3, [0, 0, 1]),
        ValueError,
        "k must be between 0 and the number of groups (2), got 3",
    ),
    (lambda: GroupSparse(1, []), ValueError, "k must be between 0 and the number of groups (0), got 1"),
    (
        lambda: GroupSparse(1, [[0, 1]]).project(y),
        ValueError,
        "y must have the shape of groups (2,), got (4,)",
    ),
    (
        lambda: GroupSparse(1, [[0, 1]]).contains(y),
        ValueError,
        "y must have the shape of groups (2,), got (4,)",
    ),
    (
        lambda: GroupSparse(1, [0, 1]).project([y, y]),
        TypeError,
        "y must be an array of the shape of groups, got list",
    ),
    # blocks
    (lambda: Blocks(1, 2), TypeError, "block must be a tuple of a length (or None) for each axis, got 2"),
    (lambda: Blocks(1, ()), TypeError, "block must be a tuple of a length (or None) for each axis, got ()"),
    (
        lambda: Blocks(1, (0, 1)),
        ValueError,
        "a length in block must be 1 or more, or None for the whole axis, got 0",
    ),
    (lambda: Blocks(1, (1.0,)), TypeError, "block must be an integer, got 1.0"),
    (
        lambda: Blocks(1, (1, 2)).project(matrix),
        ValueError,
        "block (1, 2) must divide the axes of y, got shape (2, 3)",
    ),
    (
        lambda: Blocks(1, (1, 3)).project(y),
        ValueError,
        "block (1, 3) needs an array of 2 axes, got shape (4,)",
    ),
    (
        lambda: Blocks(1, (2,)).contains(y[:3]),
        ValueError,
        "block (2,) must divide the axes of y, got shape (3,)",
    ),
    (
        lambda: Blocks(3, (2,)).project(y),
        ValueError,
        "k must be between 0 and the number of blocks (2), got 3",
    ),
    (
        lambda: Blocks(0, (None,)).project(y[:0]),
        ValueError,
        "block (None,) must divide the axes of y, got shape (0,)",
    ),
    (lambda: blocks((4,), (3,)), ValueError, "block (3,) must divide the axes of y, got shape (4,)"),
    # matrices
    (lambda: LowRank(-1), ValueError, "rank must be 0 or more, got -1"),
    (lambda: LowRank(1.0), TypeError, "rank must be an integer, got 1.0"),
    (
        lambda: LowRank(3).project(matrix),
        ValueError,
        "rank must be between 0 and the shorter side (2), got 3",
    ),
    (
        lambda: LowRank(3).contains(matrix),
        ValueError,
        "rank must be between 0 and the shorter side (2), got 3",
    ),
    (lambda: LowRank(1).project(y), ValueError, "LowRank needs y of shape (any, any), got (4,)"),
    (lambda: PSDLowRank(-1), ValueError, "rank must be 0 or more, got -1"),
    (lambda: PSDLowRank(1).project(matrix), ValueError, "PSDLowRank needs a square matrix, got shape (2, 3)"),
    (lambda: PSDLowRank(3).project(np.eye(2)), ValueError, "rank must be between 0 and the side (2), got 3"),
    (lambda: Stiefel().project(matrix), ValueError, "at least as many rows as columns, got shape (2, 3)"),
    # finite alphabets
    (lambda: KHot(-1), ValueError, "k must be 0 or more, got -1"),
    (lambda: KHot(0.5), TypeError, "k must be an integer, got 0.5"),
    (lambda: KHot(5).project(y), ValueError, "k must be between 0 and the number of entries (4), got 5"),
    (lambda: KHot(5).contains(y), ValueError, "k must be between 0 and the number of entries (4), got 5"),
    (lambda: Levels([]), ValueError, "values must hold at least one level, got none"),
    (lambda: Levels([1, NAN]), ValueError, "values must be finite, got nan"),
    (lambda: Levels([1, "2"]), TypeError, "values must be real numbers, got '2'"),
    (lambda: Levels("12"), TypeError, "values must be a sequence of real numbers, got '12'"),
    (lambda: Levels(3), TypeError, "values must be a sequence of real numbers, got 3"),
    # products
    (lambda: Product(Sparse(1)), TypeError, "sets must be a list or tuple of sets, got Sparse(k=1)"),
    (lambda: Product(()), ValueError, "sets must hold at least one set, got none"),
    (lambda: Product((Sparse(1), 2)), TypeError, "sets[1] must be a set such as Sparse(k), got 2"),
    (lambda: Product((Everything,)), TypeError, "sets[0] must be a set such as Sparse(k), got <class"),
    (
        lambda: Product((Sparse(1),)).project(y),
        ValueError,
        "y must be a list of 1 arrays, one for each set, got ndarray",
    ),
    (
        lambda: Product((Sparse(1),)).project([y, y]),
        ValueError,
        "y must be a list of 1 arrays, one for each set, got a list of 2",
    ),
    (lambda: Product((Sparse(1),)).project([y], y), ValueError, "metric must be a list of 1 arrays"),
    (lambda: Product((Sparse(1),)).contains(y), ValueError, "y must be a list of 1 arrays"),
]

BAD_VARIABLES = [
    (lambda s: s.project(y * NAN), ValueError, "y must be finite, but 4 of its 4 entries"),
    (lambda s: s.project(np.array([1, 1, INF, 1])), ValueError, "y must be finite, but 1 of its 4 entries"),
    (lambda s: s.project(y * 1j), TypeError, "y must hold real numbers, got dtype complex128"),
    (lambda s: s.project(y > 0), TypeError, "y must hold real numbers, got dtype bool"),
    (lambda s: s.project(3.0), TypeError, "y must be an array"),
]
BAD_METRICS = [
    (ones[:2], ValueError, "metric must have the shape of y (4,), got (2,)"),
    (0 * y, ValueError, "metric must be positive in every entry, but its least is 0"),
    (ones * NAN, ValueError, "metric must be finite, but 4 of its 4"),
    (2.0, TypeError, "metric must be an array"),
]


def refused(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("call", "error", "message"), BAD, ids=[f"{i} {row[2]}" for i, row in enumerate(BAD)]
)
def test_refused_with_a_message_that_shows_it(call, error, message):
    refused(call, error, message)


@pytest.mark.parametrize("make", BUDGETS, ids=[make(1).describe() for make in BUDGETS])
@pytest.mark.parametrize(("k", "error", "message"), BAD_BUDGETS, ids=[row[2] for row in BAD_BUDGETS])
def test_a_budget_out_of_range_is_refused(make, k, error, message):
    refused(lambda: make(k).project(y), error, message)


@pytest.mark.parametrize("constraint", VECTOR_SETS, ids=lambda s: s.describe())
@pytest.mark.parametrize(("call", "error", "message"), BAD_VARIABLES, ids=[row[2] for row in BAD_VARIABLES])
def test_every_set_refuses_what_is_no_finite_real_array(constraint, call, error, message):
    refused(lambda: call(constraint), error, message)


@pytest.mark.parametrize("constraint", MATRIX_SETS, ids=str)
def test_matrix_sets_refuse_what_is_not_finite(constraint):
    refused(
        lambda: constraint.project(np.eye(2) * NAN), ValueError, "y must be finite, but 4 of its 4 entries"
    )


@pytest.mark.parametrize(
    "constraint", [s for s in VECTOR_SETS if s not in UNWEIGHTED], ids=lambda s: s.describe()
)
@pytest.mark.parametrize(("metric", "error", "message"), BAD_METRICS, ids=[row[2] for row in BAD_METRICS])
def test_every_weighted_set_refuses_a_bad_metric(constraint, metric, error, message):
    refused(lambda: constraint.project(y, metric), error, message)


@pytest.mark.parametrize("constraint", UNWEIGHTED, ids=lambda s: s.describe())
def test_a_metric_without_an_exact_projection_is_refused(constraint):
    argument = np.eye(2) if constraint in MATRIX_SETS else y
    message = f"{type(constraint).__name__} cannot project in a metric ("
    refused(lambda: constraint.project(argument, np.ones_like(argument)), ValueError, message)
    if hasattr(constraint, "support"):
        refused(lambda: constraint.support(argument, np.ones_like(argument)), ValueError, message)


def test_values_beyond_the_type_of_the_variable_are_refused():
    narrow = torch.ones(2, dtype=torch.float32)
    for constraint in (Levels([1e300]), SparseSum(1, 1e300), Sphere(1e300)):
        refused(lambda s=constraint: s.project(narrow), ValueError, "beyond the range of torch.float32")
