"""The non-convex sets of the tests, each with its definition and its oracle; a new set joins by one line."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from tamis.sets import (
    Binary,
    Blocks,
    GroupSparse,
    KHot,
    Levels,
    SparseBall,
    SparseBox,
    SparseNonnegative,
    SparseSimplex,
    SparseSphere,
    SparseSum,
    Sphere,
)

from .helpers import numpy_flat
from .nonconvex_oracles import (
    LONG,
    among,
    anywhere,
    ball_distance,
    box_distance,
    has_norm,
    has_sum,
    in_box,
    in_simplex,
    levels_distance,
    norm_at_most,
    ones_distance,
    squares,
    sum_distance,
    support_distance,
)

INF = float("inf")


@dataclass(frozen=True)
class Case:
    """A set, its variable's shapes (several: a list), which supports are allowed, and the two oracles."""

    set: Any
    allowed: Callable[[Any], bool]  # of a mask of all entries
    distance: Callable[..., Any]  # the least squared distance: y, metric, allowed supports
    inside: Callable[..., bool] = anywhere  # of values whose support is allowed
    shapes: tuple[tuple[int, ...], ...] = ((6,),)
    weighted: bool = False  # whether it takes a metric

    @property
    def size(self):
        return sum(int(np.prod(shape)) for shape in self.shapes)

    @cached_property
    def supports(self):
        masks = np.array(list(itertools.product([False, True], repeat=self.size)))
        return masks[[self.allowed(mask) for mask in masks]]

    def variable(self, flat):
        sizes = np.cumsum([int(np.prod(shape)) for shape in self.shapes])[:-1]
        arrays = [a.reshape(s) for a, s in zip(np.split(flat, sizes), self.shapes, strict=True)]
        return arrays if len(arrays) > 1 else arrays[0]

    def project(self, flat, diagonal=None):
        """Return the projection as a flat array."""
        metric = None if diagonal is None else self.variable(diagonal)
        return numpy_flat(self.set.project(self.variable(flat), metric))


def at_most(k):
    return lambda mask: mask.sum() <= k


def exactly(k):
    return lambda mask: mask.sum() == k


def groups_at_most(k, labels):
    labels = np.asarray(labels).ravel()
    return lambda mask: np.unique(labels[mask]).size <= k


def box(k, lower, upper, **options):
    allowed = at_most(k)
    inside = in_box(np.ravel(lower), np.ravel(upper))
    options = {"shapes": ((6,),), **options}
    return Case(
        SparseBox(k, lower, upper), allowed, box_distance(lower, upper), inside, weighted=True, **options
    )


def grouped(constraint, k, labels, *shapes):
    return Case(constraint, groups_at_most(k, labels), support_distance, shapes=shapes, weighted=True)


LOWER, UPPER = np.array([-1.0, 0, -INF, -2, 0, -0.5]), np.array([1.0, 3, INF, 0, 0, 2])
UNEVEN = [[0, 3], [1], [2, 4, 5, 6]]
CASES = {
    "box": box(2, -1.0, 2.0),
    "box, none": box(0, -1.0, 1.0),
    "box, all": box(6, -1.0, 1.0),
    "box, a bound an entry": box(3, LOWER, UPPER),
    "box, only zero": box(2, 0.0, 0.0),
    "box, fraction of a matrix": Case(
        SparseBox(0.5, -1, 1),
        at_most(3),
        box_distance(-1, 1),
        in_box(-1, 1),
        shapes=((2, 3),),
        weighted=True,
    ),
    "box, two arrays": Case(
        SparseBox(3, [0.0, np.array([-1.0, -2, 0])], 1.5),
        at_most(3),
        box_distance([0, 0, -1, -2, 0], 1.5),
        in_box([0, 0, -1, -2, 0], 1.5),
        shapes=((2,), (3,)),
        weighted=True,
    ),
    "nonnegative": Case(
        SparseNonnegative(3), at_most(3), box_distance(0, INF), in_box(0, INF), weighted=True
    ),
    "simplex": Case(SparseSimplex(3), at_most(3), sum_distance(1, nonnegative=True), in_simplex(1), ((7,),)),
    "simplex, one": Case(
        SparseSimplex(1, 2.5), at_most(1), sum_distance(2.5, nonnegative=True), in_simplex(2.5)
    ),
    "simplex, all": Case(SparseSimplex(6), at_most(6), sum_distance(1, nonnegative=True), in_simplex(1)),
    "simplex, nothing": Case(
        SparseSimplex(0, 0), at_most(0), sum_distance(0, nonnegative=True), in_simplex(0)
    ),
    "simplex, two arrays": Case(
        SparseSimplex(0.5, 3),
        at_most(3),
        sum_distance(3, nonnegative=True),
        in_simplex(3),
        ((2,), (2, 2)),
    ),
    "sum": Case(SparseSum(3, 1.5), at_most(3), sum_distance(1.5, nonnegative=False), has_sum(1.5), ((8,),)),
    "sum, negative": Case(
        SparseSum(4, -2), at_most(4), sum_distance(-2, nonnegative=False), has_sum(-2), ((7,),)
    ),
    "sum, zero": Case(SparseSum(3, 0), at_most(3), sum_distance(0, nonnegative=False), has_sum(0)),
    "sum, one": Case(SparseSum(1, 0.5), at_most(1), sum_distance(0.5, nonnegative=False), has_sum(0.5)),
    "sum, all but one": Case(SparseSum(5, 1), at_most(5), sum_distance(1, nonnegative=False), has_sum(1)),
    "sum, all": Case(SparseSum(6, 1), at_most(6), sum_distance(1, nonnegative=False), has_sum(1)),
    "sum, nothing": Case(SparseSum(0, 0), at_most(0), sum_distance(0, nonnegative=False), has_sum(0)),
    "ball": Case(SparseBall(2, 1.5), at_most(2), ball_distance(1.5, on_sphere=False), norm_at_most(1.5)),
    "ball, none": Case(SparseBall(0), at_most(0), ball_distance(1, on_sphere=False), norm_at_most(1)),
    "ball, all": Case(SparseBall(6), at_most(6), ball_distance(1, on_sphere=False), norm_at_most(1)),
    "ball of radius 0": Case(
        SparseBall(3, 0), at_most(3), ball_distance(0, on_sphere=False), norm_at_most(0)
    ),
    "ball, two arrays": Case(
        SparseBall(3, 2), at_most(3), ball_distance(2, on_sphere=False), norm_at_most(2), ((2, 2), (2,))
    ),
    "sparse sphere": Case(
        SparseSphere(2, 1.5), at_most(2), ball_distance(1.5, on_sphere=True), has_norm(1.5)
    ),
    "sphere": Case(Sphere(2), at_most(6), ball_distance(2, on_sphere=True), has_norm(2)),
    "groups": grouped(GroupSparse(2, UNEVEN), 2, [0, 1, 2, 0, 2, 2, 2], (7,)),
    "groups, none": grouped(GroupSparse(0, UNEVEN), 0, [0, 1, 2, 0, 2, 2, 2], (7,)),
    "groups, all": grouped(GroupSparse(3, UNEVEN), 3, [0, 1, 2, 0, 2, 2, 2], (7,)),
    "groups, labels of a matrix": grouped(
        GroupSparse(0.5, np.array([[9, 4, 4], [-1, 9, 2]])), 2, [9, 4, 4, -1, 9, 2], (2, 3)
    ),
    "rows": grouped(Blocks(2, (1, None)), 2, [0, 0, 1, 1, 2, 2], (3, 2)),
    "columns": grouped(Blocks(1, (None, 1)), 1, [0, 1, 2, 0, 1, 2], (2, 3)),
    "blocks": grouped(Blocks(0.5, (1, 2)), 2, [0, 0, 1, 1, 2, 2, 3, 3], (2, 4)),
    "blocks of two arrays": grouped(Blocks(2, (2, 1)), 2, [0, 1, 0, 1, 2, 2, 3, 3], (2, 2), (4, 1)),
    "2-hot": Case(KHot(2), exactly(2), ones_distance, among([0, 1]), weighted=True),
    "0-hot": Case(KHot(0), exactly(0), ones_distance, among([0, 1]), weighted=True),
    "6-hot": Case(KHot(6), exactly(6), ones_distance, among([0, 1]), weighted=True),
    "3-hot, two arrays": Case(KHot(3), exactly(3), ones_distance, among([0, 1]), ((2,), (3,)), weighted=True),
    "binary": Case(Binary(), at_most(6), levels_distance([0, 1]), among([0, 1]), weighted=True),
    "levels": Case(
        Levels((0.5, -2, 3)), at_most(4), levels_distance([-2, 0.5, 3]), among([-2, 0.5, 3]), ((4,),), True
    ),
    "one level": Case(Levels([2]), at_most(4), levels_distance([2]), among([2]), ((2, 2),), True),
}
SELECTING = {name: case for name, case in CASES.items() if hasattr(case.set, "support")}


def assert_nearest(case, project, y, diagonal=None):
    """Raise unless ``project(y, diagonal)`` is in the set and no point on any support is nearer."""
    z = project(y, diagonal).astype(LONG)
    weights = np.ones(case.size) if diagonal is None else diagonal
    y, weights = y.astype(LONG), weights.astype(LONG)
    rounding = 1e-14 * (np.abs(y).max() + np.abs(z).max())
    assert case.set.contains(case.variable(z.astype(float)))
    assert case.allowed(z != 0)
    assert case.inside(z, case.size * rounding)
    best = np.sqrt(case.distance(y, weights, case.supports))
    assert np.sqrt(squares(z - y, weights)) <= best * (1 + 1e-12) + rounding * np.sqrt(weights.sum())


def draw(rng, size):
    """A vector with ties, zeros, or entries of very different sizes, at a huge, tiny or common scale."""
    kind = rng.integers(4)
    if kind == 0:
        y = rng.integers(-2, 3, size).astype(float)
    elif kind == 1:
        y = rng.standard_normal(size) * (rng.random(size) < 0.6)
    elif kind == 2:
        y = rng.standard_normal(size) * 10.0 ** rng.integers(-8, 9, size)
    else:
        y = rng.standard_normal(size) + rng.normal()
    return y * rng.choice([1.0, 1.0, 1.0, 0.1, 10.0, 1e150, 1e-150])


def draw_metric(rng, size):
    return rng.choice([1.0, 4.0, 0.25], size) if rng.random() < 0.3 else 10.0 ** rng.uniform(-3, 3, size)


def assert_nearest_often(case, project, *, weighted=False, times=80):
    rng = np.random.default_rng(0)
    for _ in range(times):
        y = draw(rng, case.size)
        assert_nearest(case, project, y, draw_metric(rng, case.size) if weighted else None)
