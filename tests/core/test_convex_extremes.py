"""Convex sets where rounding, overflow, rank and type matter: what the small cases do not reach."""

import numpy as np
import pytest
import torch

from tamis.sets import (
    PSD,
    Affine,
    Box,
    Everything,
    HalfSpace,
    L1Ball,
    L2Ball,
    LinfBall,
    Monotone,
    Nonnegative,
    NuclearBall,
    SecondOrderCone,
    Simplex,
)

from .convex_oracles import ball, simplex
from .helpers import NAMESPACES, numpy_flat


@pytest.mark.parametrize("size", [1.0, 1e8, 1e16, 1e32, 1e100])
@pytest.mark.parametrize("weighted", [False, True], ids=["identity", "metric"])
@pytest.mark.parametrize("constraint", [Simplex(), L1Ball(1.0)], ids=str)
def test_the_sum_is_right_to_its_last_digits_however_large_y_is(constraint, weighted, size):
    """With many entries that share the budget: here a threshold from one running sum is off by far."""
    rng = np.random.default_rng(0)
    y = size + rng.uniform(0, 0.01, 1000)
    metric = rng.uniform(1, 2, 1000) if weighted else None
    z = constraint.project(y if metric is None else y / metric, metric)
    assert z.min() >= 0
    assert z.sum() == pytest.approx(1, rel=1e-14)


@pytest.mark.parametrize("weighted", [False, True], ids=["identity", "metric"])
def test_a_hundred_thousand_entries_with_ties_meet_the_variational_inequality(weighted):
    rng = np.random.default_rng(0)
    y = rng.integers(-3, 4, 100_000) / 2
    metric = rng.choice([0.25, 1.0, 4.0], y.size) if weighted else None
    for constraint, oracle in [
        (Simplex(50.0), simplex(50.0)),
        (L1Ball(50.0), ball(50.0, 1, np.inf)),
        (L2Ball(3.0), ball(3.0, 2, 2)),
    ]:
        z = constraint.project(y, metric)
        outside, gain = oracle(z, (y - z) * (1 if metric is None else metric))
        assert max(outside, gain) < 1e-9


@pytest.mark.parametrize("radius", [1e-200, 1e-9, 1.0, 1e3])
@pytest.mark.parametrize("spread", [0, 6, 12])
def test_the_secular_equation_is_solved_whatever_the_metric(radius, spread):
    """The norm is the radius, and ``M (y - z) = lambda z`` with one lambda > 0 for all entries."""
    rng = np.random.default_rng(spread)
    metric = 10 ** rng.uniform(-spread / 2, spread / 2, 50)
    y = rng.standard_normal(50) * 1e4
    z = L2Ball(radius).project(y, metric)
    multipliers = metric * (y - z) / z
    assert np.linalg.norm(z / radius) == pytest.approx(1, rel=1e-14)
    assert multipliers.min() > 0
    np.testing.assert_allclose(multipliers, multipliers[0], rtol=1e-8)


def test_nothing_overflows_at_the_end_of_the_range():
    np.testing.assert_allclose(L2Ball(1.0).project(np.full(4, 1e308)), 0.5)
    np.testing.assert_allclose(Simplex().project(np.array([1e300, -1e300, 3.0])), [1, 0, 0])
    np.testing.assert_allclose(PSD().project(np.full((2, 2), 1e308)), 1e308)
    point = SecondOrderCone().project(np.array([0.0, 1e300, 1e300]))
    np.testing.assert_allclose(point / 1e300, [2**-0.5, 0.5, 0.5])
    np.testing.assert_allclose(
        HalfSpace(np.array([1e200, 1.0]), 1.0).project(np.array([1e200, 1e200])), [-1, 1e200]
    )


def test_equations_of_very_different_units_all_hold():
    """The second row is no multiple of the first, though 1e20 times smaller."""
    A, b = np.array([[1.0, 1.0, 1.0], [1e-20, 0.0, -1e-20]]), np.array([3.0, 1e-20])
    z = Affine(A, b).project(np.zeros(3))
    np.testing.assert_allclose(z, [1.5, 1.0, 0.5], rtol=1e-14)


def test_rows_that_depend_but_for_the_rounding_of_float32_count_once():
    rng = np.random.default_rng(0)
    A = rng.standard_normal((2, 5)).astype(np.float32)
    A = np.vstack([A, A[:1] / 3 + A[1:] * np.float32(0.7)])
    b = A @ np.ones(5, dtype=np.float32)
    constraint = Affine(A, b)
    assert constraint.describe() == "3 linear equations of rank 2"
    assert np.abs(constraint.project(np.zeros(5, dtype=np.float32))).max() < 3


@pytest.mark.parametrize("constraint", [Affine(np.zeros((2, 3)), np.zeros(2)), HalfSpace(np.zeros(3), 0.0)])
def test_equations_that_say_nothing_leave_every_point(constraint):
    y = np.array([3.0, -1.0, 2.0])
    np.testing.assert_array_equal(constraint.project(y), y)
    assert constraint.contains(y)


@pytest.mark.parametrize("xp", NAMESPACES)
def test_empty_arrays_project_to_themselves(xp):
    for constraint in (
        Nonnegative(),
        Simplex(0.0),
        L1Ball(1),
        L2Ball(1),
        LinfBall(1),
        Monotone(),
        Everything(),
    ):
        z = constraint.project(xp.zeros((0,)))
        assert tuple(z.shape) == (0,)
        assert constraint.contains(z)
    for constraint in (PSD(), NuclearBall(1)):
        z = constraint.project(xp.zeros((0, 0)))
        assert tuple(z.shape) == (0, 0)
        assert constraint.contains(z)


def test_half_precision_is_computed_in_double_and_rounded_once():
    """512 entries of 1: in bfloat16 their sum of squares would stop at 256."""
    z = L2Ball(1.0).project(torch.ones(512, dtype=torch.bfloat16))
    assert z.dtype == torch.bfloat16
    assert z.tolist() == torch.full((512,), 512**-0.5, dtype=torch.bfloat16).tolist()


@pytest.mark.parametrize("xp", NAMESPACES)
def test_bounds_and_equations_may_come_from_another_library(xp):
    one, three = np.array([0.0, 1.0]), torch.tensor([1.0, 1.0])
    z = Box(one, three).project(xp.asarray([-1.0, 2.0]))
    assert numpy_flat(z).tolist() == [0.0, 1.0]
    z = Affine(three[None, :], torch.ones(1)).project(xp.asarray([1.0, 1.0]))
    np.testing.assert_allclose(numpy_flat(z), 0.5)


def test_bounds_are_those_at_construction():
    lower = np.zeros(2)
    box = Box(lower)
    lower += 9
    assert box.project(np.array([-1.0, 1.0])).tolist() == [0.0, 1.0]


@pytest.mark.parametrize(
    ("constraint", "inside", "outside"),
    [
        (Box(1, 2), [1 - 1e-9, 2 + 1e-9], [1 - 1e-7, 2]),
        (Nonnegative(), [0.0, 1e-300], [-1e-300, 1.0]),
        (Simplex(), [0.5, 0.5 + 1e-9], [0.5, 0.5 + 1e-7]),
        (Simplex(), [1.0, -1e-9], [1 + 1e-7, -1e-7]),
        (L1Ball(1), [0.5, -0.5 - 1e-9], [0.5, -0.5 - 1e-7]),
        (L1Ball(0), [0.0, 0.0], [0.0, 1e-300]),
        (L2Ball(1), [0.6, 0.8 + 1e-9], [0.6, 0.8 + 1e-7]),
        (L2Ball(0), [0.0, 0.0], [0.0, 1e-300]),
        (LinfBall(1), [1 + 1e-9, -1 - 1e-9], [0, 1 + 1e-7]),
        (Affine(np.ones((1, 2)), np.ones(1)), [0.5, 0.5 + 1e-9], [0.5, 0.5 + 1e-7]),
        (HalfSpace(np.ones(2), 1.0), [0.5, 0.5 + 1e-9], [0.5, 0.5 + 1e-7]),
        (SecondOrderCone(), [1.0, 1.0 + 1e-9], [1.0, 1.0 + 1e-7]),
        (SecondOrderCone(), [0.0, 0.0], [0.0, 1e-300]),
        (Monotone(), [1.0, 1.0 - 1e-9], [1.0, 1.0 - 1e-7]),
        (Monotone(False), [1.0 - 1e-9, 1.0], [1.0 - 1e-7, 1.0]),
        (PSD(), [[1.0, 1.0 + 1e-9], [1.0, 1.0]], [[1.0, 1.0 + 1e-7], [1.0 + 1e-7, 1.0]]),
        (PSD(), [[1.0, 0.0], [1e-9, 1.0]], [[1.0, 0.0], [1e-7, 1.0]]),
        (NuclearBall(1), [[0.5, 0.0], [0.0, -0.5 - 1e-9]], [[0.5, 0.0], [0.0, -0.5 - 1e-7]]),
        (Everything(), [1.0, -1e300], [1.0, np.inf]),
    ],
    ids=str,
)
def test_contains_forgives_rounding_and_no_more(constraint, inside, outside):
    """The square root of epsilon, 1.5e-8, of what the condition is about."""
    assert constraint.contains(np.array(inside))
    assert not constraint.contains(np.array(outside))


@pytest.mark.parametrize(
    ("constraint", "words"),
    [
        (Box(-1, 2), "entries between -1 and 2"),
        (Nonnegative(), "entries of at least 0"),
        (Box(upper=1.5), "entries of at most 1.5"),
        (Box(np.zeros(2)), "every entry between its own bounds"),
        (Simplex(), "nonnegative entries with sum 1"),
        (L1Ball(2), "sum of magnitudes at most 2"),
        (L2Ball(2), "Euclidean norm at most 2"),
        (LinfBall(2), "entries of magnitude at most 2"),
        (HalfSpace(np.ones(2), 1), "one linear inequality with the bound 1"),
        (PSD(), "symmetric positive semidefinite matrices"),
        (SecondOrderCone(), "vectors whose first entry is at least the norm of the others"),
        (Monotone(), "entries in rising order"),
        (Monotone(False), "entries in falling order"),
        (NuclearBall(2), "nuclear norm at most 2"),
        (Everything(), "no constraint"),
    ],
    ids=str,
)
def test_a_set_describes_itself(constraint, words):
    assert constraint.describe() == words
