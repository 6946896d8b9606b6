"""No allowed support comes nearer than the projection: brute force over all of them, and cvxpy."""

import cvxpy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.select import keep_largest
from tamis.sets import NofM, Sparse

from .helpers import NAMESPACES, SETS, convert, entries, numpy_flat, weights


def distances(flat, supports, diagonal):
    """Return ``|z - y|_M^2`` for the best z on each support: what it drops."""
    return (~supports * diagonal * flat**2).sum(axis=1)


def draw(data, case, values):
    return np.array(data.draw(st.lists(values, min_size=case.size, max_size=case.size)), dtype=float)


@pytest.mark.parametrize("xp", NAMESPACES)
@pytest.mark.parametrize("case", SETS)
@pytest.mark.parametrize("weighted", [False, True], ids=["identity", "metric"])
@settings(max_examples=25)
@given(data=st.data())
def test_nearest_of_all_supports(case, xp, weighted, data):
    """The projection is in the set, keeps values exactly, and its distance is the least there is."""
    flat = draw(data, case, entries)
    diagonal = draw(data, case, weights) if weighted else np.ones(case.size)
    metric = convert(xp, case.variable(diagonal)) if weighted else None
    z = case.set.project(convert(xp, case.variable(flat)), metric)
    found = numpy_flat(z)
    assert case.set.contains(z)
    assert case.allowed(*case.arrays(found != 0))
    assert ((found == flat) | (found == 0)).all()
    best = distances(flat, case.supports, diagonal).min()
    assert (diagonal * (found - flat) ** 2).sum() <= best * (1 + 1e-12)


@pytest.mark.parametrize("xp", NAMESPACES)
@pytest.mark.parametrize("case", SETS)
@settings(max_examples=15)
@given(data=st.data())
def test_contains_agrees_with_the_definition(case, xp, data):
    flat = draw(data, case, st.sampled_from([0.0, 1.0, -2.0]))
    assert case.set.contains(convert(xp, case.variable(flat))) == case.allowed(*case.arrays(flat != 0))


@pytest.mark.parametrize("case", SETS)
@settings(max_examples=25)
@given(data=st.data())
def test_projecting_twice_changes_nothing(case, data):
    y = case.variable(draw(data, case, entries))
    z = case.set.project(y)
    np.testing.assert_array_equal(numpy_flat(case.set.project(z)), numpy_flat(z))


@pytest.mark.parametrize("case", SETS)
@pytest.mark.parametrize("seed", [0, 1])
def test_cvxpy_finds_no_nearer_point_on_any_support(case, seed):
    """With the support fixed the weighted projection is convex; cvxpy's best is the projection's distance."""
    rng = np.random.default_rng(seed)
    flat, diagonal = rng.standard_normal(case.size), rng.uniform(0.1, 10, case.size)
    z = cvxpy.Variable(case.size)
    mask = cvxpy.Parameter(case.size, nonneg=True)
    misfit = cvxpy.multiply(np.sqrt(diagonal), cvxpy.multiply(mask, z) - flat)
    problem = cvxpy.Problem(cvxpy.Minimize(cvxpy.sum_squares(misfit)))
    supports = case.supports
    largest = supports[supports.sum(axis=1) == supports.sum(axis=1).max()]  # they hold all the others
    values = []
    for support in largest:
        mask.value = support.astype(float)
        values.append(problem.solve(solver=cvxpy.CLARABEL))
    found = numpy_flat(case.set.project(case.variable(flat), case.variable(diagonal)))
    assert (diagonal * (found - flat) ** 2).sum() == pytest.approx(min(values), rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("xp", NAMESPACES)
@settings(max_examples=60)
@given(
    scores=st.lists(st.integers(0, 4) | st.just(float("inf")), min_size=1, max_size=40), share=st.floats(0, 1)
)
def test_ties_are_kept_by_lowest_index(xp, scores, share):
    """The mask is that of a stable sort in falling order, so exactly k are kept."""
    scores = np.array(scores, dtype=float)
    k = round(share * scores.size)
    expected = np.zeros(scores.size, dtype=bool)
    expected[np.argsort(-scores, kind="stable")[:k]] = True
    np.testing.assert_array_equal(np.asarray(keep_largest(xp.asarray(scores), k)), expected)


@pytest.mark.parametrize("xp", NAMESPACES)
def test_many_scores_with_many_ties(xp):
    """Exactly k of ten thousand are kept, of three values each, as a stable sort keeps them."""
    scores = np.random.default_rng(0).integers(0, 3, 10_000).astype(float)
    for k in (0, 1, 5_000, 9_999, 10_000):
        expected = np.zeros(scores.size, dtype=bool)
        expected[np.argsort(-scores, kind="stable")[:k]] = True
        np.testing.assert_array_equal(np.asarray(keep_largest(xp.asarray(scores), k)), expected)


@pytest.mark.parametrize("xp", NAMESPACES)
@pytest.mark.parametrize("constraint", [Sparse(4), NofM(1, 2)], ids=str)
def test_exactly_as_many_as_allowed_are_kept_of_equal_entries(xp, constraint):
    support = constraint.support(xp.ones(8))
    assert int(xp.count_nonzero(support)) == 4
    assert bool(support[0])


@pytest.mark.parametrize("xp", NAMESPACES)
def test_integers_keep_their_type_and_the_least_one_counts_as_large(xp):
    """The magnitude of the least int8 is not an int8; it is still the largest here."""
    y = xp.asarray([-128, 3, -5, 1], dtype=xp.int8)
    z = Sparse(2).project(y)
    assert z.dtype == xp.int8
    assert np.asarray(z).tolist() == [-128, 0, -5, 0]


def test_half_precision_is_weighed_without_made_up_ties():
    """In bfloat16 the two products would be equal and the lower index would win."""
    import torch

    y = torch.tensor([1.0, 1.0], dtype=torch.bfloat16)
    metric = torch.tensor([1.0, 1.0078125], dtype=torch.bfloat16)  # one step of bfloat16 apart
    assert Sparse(1).support(y, metric).tolist() == [False, True]


@pytest.mark.parametrize("xp", NAMESPACES)
@pytest.mark.parametrize("case", SETS)
def test_the_argument_is_left_as_it_was(xp, case):
    flat = np.arange(case.size) - 2.0
    y = convert(xp, case.variable(flat.copy()))
    case.set.project(y)
    np.testing.assert_array_equal(numpy_flat(y), flat)


@pytest.mark.parametrize("xp", NAMESPACES)
def test_empty_arrays_project_to_themselves(xp):
    for constraint in (Sparse(0), Sparse(0.5), NofM(2, 4)):
        z = constraint.project(xp.zeros((3, 0)))
        assert tuple(z.shape) == (3, 0)
        assert constraint.contains(z)


@pytest.mark.parametrize(
    ("constraint", "words"),
    [
        (Sparse(3), "at most 3 nonzeros"),
        (Sparse(0.1), "at most 0.1 of all entries nonzero"),
        (NofM(2, 4), "at most 2 of every 4 entries along axis -1 nonzero"),
    ],
)
def test_a_set_describes_itself(constraint, words):
    assert constraint.describe() == words
