"""A table of wrong arguments to the convex sets: each message names the argument and shows its value."""

import re

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
    NuclearBall,
    SecondOrderCone,
    Simplex,
)

NAN, INF = float("nan"), float("inf")
y = np.array([3.0, -1.0, 2.0])
Y = np.eye(3)
A, b = np.array([[1.0, 1.0, 0.0]]), np.array([1.0])
ON_VECTORS = [
    Box(-1, 1), Simplex(), L1Ball(1.0), L2Ball(1.0), LinfBall(1.0), Affine(A, b), HalfSpace(y, 1.0),
    Monotone(), Everything(), SecondOrderCone(),
]  # fmt: skip
WEIGHTED = ON_VECTORS[:-1]
ON_LISTS = [*ON_VECTORS[:5], Everything()]
ON_MATRICES = [PSD(), NuclearBall(1.0)]


@pytest.mark.parametrize("constraint", ON_VECTORS, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("bad", [NAN, INF, -INF])
def test_points_that_are_not_finite_are_refused(constraint, bad):
    with pytest.raises(ValueError, match="y must be finite, but 1 of its 3 entries are NaN or infinite"):
        constraint.project(np.array([1.0, bad, 0.0]))


@pytest.mark.parametrize("constraint", ON_MATRICES, ids=lambda s: type(s).__name__)
def test_matrices_that_are_not_finite_are_refused(constraint):
    with pytest.raises(ValueError, match="y must be finite, but 9 of its 9 entries"):
        constraint.project(np.full((3, 3), NAN))


@pytest.mark.parametrize("constraint", ON_VECTORS, ids=lambda s: type(s).__name__)
def test_points_that_are_no_real_arrays_are_refused(constraint):
    with pytest.raises(TypeError, match="y must hold real numbers, got dtype complex128"):
        constraint.project(y * 1j)
    with pytest.raises(TypeError, match="y must be an array .*, got str"):
        constraint.project("abc")


@pytest.mark.parametrize("constraint", WEIGHTED, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize(
    ("metric", "words"),
    [
        (np.array([1.0, 0.0, 2.0]), "metric must be positive in every entry, but its least is 0"),
        (np.array([1.0, -2.0, 2.0]), "metric must be positive in every entry, but its least is -2"),
        (np.array([1.0, NAN, 2.0]), "metric must be finite, but 1 of its 3 entries"),
        (np.ones(2), "metric must have the shape of y (3,), got (2,)"),
    ],
)
def test_metrics_that_are_none_are_refused(constraint, metric, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        constraint.project(y, metric)


@pytest.mark.parametrize("constraint", ON_LISTS, ids=lambda s: type(s).__name__)
def test_bad_lists_are_refused(constraint):
    with pytest.raises(ValueError, match="y must hold at least one array, got an empty list"):
        constraint.project([])
    with pytest.raises(ValueError, match=re.escape("y[1] must be finite, but 1 of its 2 entries")):
        constraint.project([y, np.array([NAN, 0.0])])
    with pytest.raises(ValueError, match="metric must be a list of arrays, one for each of the 2 of y"):
        constraint.project([y, y], y)


@pytest.mark.parametrize("make", [Simplex, L1Ball, L2Ball, LinfBall, NuclearBall])
@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        (-1.0, ValueError, "must be finite and 0 or more, got -1.0"),
        (NAN, ValueError, "must be finite and 0 or more, got nan"),
        (INF, ValueError, "must be finite and 0 or more, got inf"),
        ("1", TypeError, "must be a real number, got '1'"),
        (True, TypeError, "must be a real number, got True"),
        (1j, TypeError, "must be a real number, got 1j"),
    ],
)
def test_bad_sizes_are_refused(make, value, error, words):
    name = "total" if make is Simplex else "radius"
    with pytest.raises(error, match=re.escape(f"{name} {words}")):
        make(value)


BAD = [
    # Box
    (lambda: Box(1, 0), ValueError, "lower must not exceed upper, got 1 > 0"),
    (lambda: Box(np.array([0.0, 3.0]), 2), ValueError, "lower must not exceed upper, got 3 > 2 (entry 1)"),
    (lambda: Box([0.0, 3.0], [1.0, 2.0]), ValueError, "lower must not exceed upper, got 3 > 2"),
    (lambda: Box(NAN, 0), ValueError, "lower must not be NaN"),
    (lambda: Box(0, np.array([1.0, NAN])), ValueError, "upper must not be NaN"),
    (lambda: Box([0.0, NAN], 1), ValueError, "lower[1] must not be NaN"),
    (lambda: Box(INF, INF), ValueError, "lower must not be inf: no number would be allowed"),
    (lambda: Box(0, -INF), ValueError, "upper must not be -inf: no number would be allowed"),
    (lambda: Box("0", 1), TypeError, "lower must be a real number, an array of them"),
    (
        lambda: Box(0, True),
        TypeError,
        "upper must be a real number, an array of them, or a list of these, got True",
    ),
    (lambda: Box(y * 1j, 1), TypeError, "or a list of these, got dtype complex128"),
    (lambda: Box(y, np.ones(2)), ValueError, "lower and upper must have the same shape, got (3,) and (2,)"),
    (lambda: Box([0.0], [1.0, 1.0]), ValueError, "lower and upper must be as many, got lists of 1 and 2"),
    (lambda: Box(y - 9).project(Y), ValueError, "lower must have the shape of y (3, 3), got (3,)"),
    (lambda: Box(0, y + 9).contains(Y), ValueError, "upper must have the shape of y (3, 3), got (3,)"),
    (lambda: Box(y - 9).project([y, y]), ValueError, "lower is one array, but y is a list of several"),
    (lambda: Box([0.0, 0.0]).project([y, y, y]), ValueError, "lower is a list of 2, but y holds 3 arrays"),
    (lambda: Box([0.0, 0.0]).project(y), ValueError, "lower is a list of 2, but y is one array"),
    (
        lambda: Box(1e300).project(y.astype(np.float32)),
        ValueError,
        "lower is beyond the range of float32; give y in a wider type",
    ),
    # Simplex
    (lambda: Simplex().project(np.zeros(0)), ValueError, "no entries cannot sum to total = 1.0: y is empty"),
    (
        lambda: Simplex(1e300).project(torch.ones(2)),
        ValueError,
        "the projection has entries up to 5e+299, beyond the range of torch.float32; give y in a wider type",
    ),
    # Affine
    (
        lambda: Affine(np.ones((2, 3)), np.array([1.0, 2.0])),
        ValueError,
        "A x = b is infeasible: A has rank 1 for 2 equations",
    ),
    (
        lambda: Affine(np.zeros((1, 3)), b),
        ValueError,
        "A x = b is infeasible: row 0 of A is zero and b is 1 there",
    ),
    (
        lambda: Affine(A, np.ones(2)),
        ValueError,
        "A must have shape (m, n) with n >= 1 and b shape (m,), got A (1, 3) and b (2,)",
    ),
    (lambda: Affine(A[0], b), ValueError, "got A (3,) and b (1,)"),
    (lambda: Affine(np.zeros((1, 0)), b), ValueError, "got A (1, 0) and b (1,)"),
    (lambda: Affine(A * NAN, b), ValueError, "A must be finite, but 3 of its 3 entries"),
    (lambda: Affine(A, b * NAN), ValueError, "b must be finite, but 1 of its 1 entries"),
    (lambda: Affine(A.tolist(), b), TypeError, "A must be an array (numpy, torch, ...), got list"),
    (lambda: Affine(A, b).project(np.ones(4)), ValueError, "Affine needs y of shape (3,), got (4,)"),
    (lambda: Affine(A, b).contains(Y), ValueError, "Affine needs y of shape (3,), got (3, 3)"),
    # HalfSpace
    (lambda: HalfSpace(np.zeros(3), -1), ValueError, "a.x <= beta is infeasible: a is zero and beta is -1"),
    (lambda: HalfSpace(y, NAN), ValueError, "beta must be finite, got nan"),
    (lambda: HalfSpace(y, "1"), TypeError, "beta must be a real number, got '1'"),
    (lambda: HalfSpace(y * INF, 1), ValueError, "a must be finite, but 3 of its 3 entries"),
    (lambda: HalfSpace(np.zeros(0), 1), ValueError, "a must have at least one entry, got none"),
    (lambda: HalfSpace(y, 1).project(Y), ValueError, "HalfSpace needs y of shape (3,), got (3, 3)"),
    (lambda: HalfSpace(y, 1).contains(Y[:2]), ValueError, "HalfSpace needs y of shape (3,), got (2, 3)"),
    # matrices, cones, order
    (lambda: PSD().project(y), ValueError, "PSD needs y of shape (any, any), got (3,)"),
    (lambda: PSD().project(Y[:2]), ValueError, "PSD needs a square matrix, got shape (2, 3)"),
    (lambda: PSD().contains(Y[:1]), ValueError, "PSD needs a square matrix, got shape (1, 3)"),
    (lambda: PSD().project(Y, Y + 1), ValueError, "PSD cannot project in a metric"),
    (lambda: SecondOrderCone().project(y, y + 9), ValueError, "SecondOrderCone cannot project in a metric"),
    (lambda: SecondOrderCone().project(Y), ValueError, "SecondOrderCone needs y of shape (any,), got (3, 3)"),
    (
        lambda: SecondOrderCone().project(np.zeros(0)),
        ValueError,
        "needs at least one entry, got an empty vector",
    ),
    (lambda: NuclearBall(1).project(Y, Y + 1), ValueError, "NuclearBall cannot project in a metric"),
    (lambda: NuclearBall(1).project(y), ValueError, "NuclearBall needs y of shape (any, any), got (3,)"),
    (lambda: Monotone().project(Y), ValueError, "Monotone needs y of shape (any,), got (3, 3)"),
    (lambda: Monotone().contains(Y[:2]), ValueError, "Monotone needs y of shape (any,), got (2, 3)"),
    (lambda: Monotone(1), TypeError, "increasing must be True or False, got 1"),
]


@pytest.mark.parametrize(("call", "error", "words"), BAD, ids=[words for *_, words in BAD])
def test_bad_arguments_are_refused(call, error, words):
    with pytest.raises(error, match=re.escape(words)):
        call()
