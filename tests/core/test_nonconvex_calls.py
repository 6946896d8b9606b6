"""What every non-convex set owes its caller, beside being right."""

import numpy as np
import pytest

from tamis import admm
from tamis.sets import (
    Binary,
    Blocks,
    Everything,
    GroupSparse,
    KHot,
    Levels,
    LowRank,
    NofM,
    Product,
    PSDLowRank,
    Simplex,
    Sparse,
    SparseBall,
    SparseBox,
    SparseNonnegative,
    SparseSimplex,
    SparseSphere,
    SparseSum,
    Sphere,
    Stiefel,
)

from .helpers import NAMESPACES, convert, numpy_flat
from .nonconvex_cases import CASES, SELECTING, draw
from .nonconvex_oracles import LONG, anywhere

NAN = float("nan")
cases = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@pytest.mark.parametrize("xp", NAMESPACES)
@cases
def test_each_library_gives_the_same_projection(case, xp):
    rng = np.random.default_rng(2)
    for _ in range(4):
        y = case.variable(draw(rng, case.size))
        expected = case.set.project(y)
        z = case.set.project(convert(xp, y))
        assert case.set.contains(z)
        np.testing.assert_allclose(numpy_flat(z), numpy_flat(expected), rtol=1e-13, atol=0)
        first = z[0] if isinstance(z, list) else z
        assert type(first) is type(xp.asarray([1.0]))


@cases
def test_projecting_twice_changes_nothing(case):
    rng = np.random.default_rng(3)
    for _ in range(20):
        z = case.project(draw(rng, case.size))
        np.testing.assert_allclose(case.project(z), z, rtol=1e-13, atol=1e-15 * np.abs(z).max())


@pytest.mark.parametrize("xp", NAMESPACES)
@cases
def test_float32_stays_float32_and_is_in_the_set(case, xp):
    """Also at scales whose squares overflow or vanish in float32; the same point but for rounding."""
    rng = np.random.default_rng(4)
    for scale in (1.0, 1e30, 1e-30):
        y = (scale * rng.standard_normal(case.size)).astype(np.float32)
        z = case.set.project(convert(xp, case.variable(y)))
        for array in z if isinstance(z, list) else [z]:
            assert array.dtype == xp.float32
        assert case.set.contains(z)
        expected = case.project(y.astype(float))
        np.testing.assert_allclose(numpy_flat(z), expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())


@cases
def test_integers_are_projected_as_their_floats(case):
    y = np.random.default_rng(5).integers(-3, 4, case.size)
    np.testing.assert_array_equal(case.project(y), case.project(y.astype(float)))


@pytest.mark.parametrize("xp", NAMESPACES)
@cases
def test_the_arguments_are_left_as_they_were(case, xp):
    flat, diagonal = np.arange(case.size) - 2.5, np.arange(case.size) + 1.0
    y, metric = convert(xp, case.variable(flat.copy())), convert(xp, case.variable(diagonal.copy()))
    case.set.project(y, metric if case.weighted else None)
    np.testing.assert_array_equal(numpy_flat(y), flat)
    np.testing.assert_array_equal(numpy_flat(metric), diagonal)


@cases
def test_contains_agrees_with_the_definition(case):
    """On projections, on points nearby and on points far from the set; never on NaN."""
    rng = np.random.default_rng(6)
    answers = set()
    for _ in range(60):
        z = case.project(rng.integers(-3, 4, case.size) / 2)
        z = z + rng.choice([0.0, 0.0, 0.5, 1.0, -1.0]) * (rng.random(case.size) < 0.4)
        expected = bool(case.allowed(z != 0) and case.inside(z.astype(LONG), 1e-12))
        assert case.set.contains(case.variable(z)) == expected
        answers.add(expected)
    assert True in answers
    free = case.supports.all(axis=1).any() and case.inside is anywhere
    assert free or False in answers
    if case.inside is not anywhere:
        assert not case.set.contains(case.variable(np.full(case.size, NAN)))


@pytest.mark.parametrize("case", SELECTING.values(), ids=SELECTING)
def test_the_values_on_the_support_are_projected_on_the_set_within(case):
    """The projection vanishes off its support and on it is that of the convex set ``within``."""
    rng = np.random.default_rng(7)
    for _ in range(20):
        y = draw(rng, case.size)
        support = case.set.support(case.variable(y))
        mask, z = numpy_flat(support), case.project(y)
        assert mask.dtype == bool
        assert not z[~mask].any()
        within = case.set.within(support)
        assert within is None or within.convex
        expected = y[mask] if within is None else within.project(y[mask]) if mask.any() else z[mask]
        np.testing.assert_allclose(z[mask], expected, rtol=1e-9, atol=1e-15 * np.abs(y).max())


@pytest.mark.parametrize("case", SELECTING.values(), ids=SELECTING)
def test_a_support_has_as_many_entries_as_the_set_allows(case):
    if isinstance(case.set, GroupSparse | Blocks):
        return
    most = max(mask.sum() for mask in case.supports)
    mask = numpy_flat(case.set.support(case.variable(np.zeros(case.size))))
    assert mask.tolist() == [True] * most + [False] * (case.size - most)


@cases
def test_no_set_here_is_called_convex(case):
    """The mean of two of its points is outside, but for those that leave everything or one point."""
    assert case.set.convex is False
    assert not Sparse(1).convex
    assert not NofM(1, 2).convex


def test_labels_say_which_entries_may_be_exchanged():
    """Any two for one budget; those of one group for N:M, along whichever axis."""
    for constraint in (Sparse(1), SparseBox(1, 0, 1), SparseSimplex(1), SparseSum(1, 1), SparseBall(1)):
        assert constraint.labels((4,)) is None
    assert NofM(1, 2).labels((6,)).tolist() == [0, 0, 1, 1, 2, 2]
    assert NofM(1, 2).labels((2, 4)).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert NofM(1, 2, axis=0).labels((4, 2)).tolist() == [0, 2, 0, 2, 1, 3, 1, 3]
    with pytest.raises(ValueError, match="a multiple of 2, got 3"):
        NofM(1, 2).labels((3,))


def test_sparse_and_n_of_m_leave_the_kept_values_free():
    for constraint in (Sparse(1), NofM(1, 2)):
        assert constraint.within(np.array([True, False])) is None


# Spheres and products


def test_the_origin_goes_to_the_first_axis_of_a_sphere():
    assert Sphere(2).project(np.zeros(3)).tolist() == [2, 0, 0]
    assert SparseSphere(1, 2).project([np.zeros(1), np.zeros(2)])[0].tolist() == [2]


@pytest.mark.parametrize("xp", NAMESPACES)
def test_a_product_projects_each_array_on_its_own_set(xp):
    rng = np.random.default_rng(9)
    y, metric = [rng.standard_normal((3, 2)), rng.standard_normal(4)], [None, rng.uniform(1, 2, 4)]
    factors = Product([Blocks(1, (1, None)), SparseBox(2, -1, 1)])
    z = factors.project(convert(xp, y), [None, xp.asarray(metric[1])])
    assert factors.contains(z)
    assert not factors.contains(convert(xp, y))
    np.testing.assert_array_equal(np.asarray(z[0]), Blocks(1, (1, None)).project(y[0]))
    np.testing.assert_array_equal(np.asarray(z[1]), SparseBox(2, -1, 1).project(y[1], metric[1]))


def test_a_product_is_convex_if_all_its_sets_are():
    assert Product((Simplex(), Everything())).convex
    assert not Product((Simplex(), Sparse(1))).convex


def test_admm_runs_on_a_product_of_factors():
    """The dual of each array is formed from its own projection."""
    y = [np.array([[3.0], [1.0]]), np.array([1.0, -2.0])]
    state = admm.init(y, Product((Blocks(1, (1, None)), Sparse(1))))
    assert [z.tolist() for z in state.z] == [[[3], [0]], [0, -2]]


DESCRIPTIONS = [
    (SparseBox(3, -1, 2), "at most 3 nonzeros and entries between -1 and 2"),
    (SparseNonnegative(0.1), "at most 0.1 of all entries nonzero and entries of at least 0"),
    (SparseSimplex(3), "at most 3 nonzeros and nonnegative entries with sum 1"),
    (SparseSum(3, -2), "at most 3 nonzeros and sum -2"),
    (SparseBall(3, 2), "at most 3 nonzeros and Euclidean norm at most 2"),
    (SparseSphere(3, 2), "at most 3 nonzeros and Euclidean norm exactly 2"),
    (GroupSparse(0.5, [0, 0, 1, 2, 3]), "at most 2 of 4 groups nonzero"),
    (Blocks(3, (1, None)), "at most 3 blocks of 1 x all nonzero"),
    (Blocks(0.5, (16, 16)), "at most 0.5 of all blocks of 16 x 16 nonzero"),
    (LowRank(2), "rank at most 2"),
    (PSDLowRank(2), "symmetric positive semidefinite matrices of rank at most 2"),
    (Stiefel(), "matrices with orthonormal columns"),
    (KHot(2), "exactly 2 ones, all else 0"),
    (Binary(), "every entry one of 0, 1"),
    (Levels(range(9)), "every entry one of 9 levels"),
    (Product((Sparse(1), LowRank(2))), "array 0: at most 1 nonzeros; array 1: rank at most 2"),
]


@pytest.mark.parametrize(("constraint", "words"), DESCRIPTIONS, ids=[row[1] for row in DESCRIPTIONS])
def test_a_set_describes_itself(constraint, words):
    assert constraint.describe() == words
