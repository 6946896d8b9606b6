"""Wrong arguments of the constrained solver: refused before work starts, by name and value."""

import numpy as np
import pytest

from tamis.augmented_lagrangian import Constraint, Safeguards, minimize_subject_to
from tamis.losses import LeastSquares
from tamis.sets import Box, Sparse

NAN = float("nan")
LOSS = LeastSquares(np.eye(3), np.ones(3))
SUM = Constraint.equal(lambda w: w.sum() - 1, lambda w, y: np.full(w.shape, y[0]))


class Broken:
    """A loss with some parts wrong."""

    def __init__(self, value=1.0, gradient=(0.0, 0.0, 0.0), start=(0.0, 0.0, 0.0)):
        self.parts = value, gradient, start

    def value(self, w):
        return self.parts[0]

    def gradient(self, w):
        return np.array(self.parts[1])

    def start(self):
        return np.array(self.parts[2])


class Listed(Broken):
    def start(self):
        return [0.0, 0.0, 0.0]


BAD = [
    (lambda: Constraint("c", lambda w, y: y, Box()), TypeError, "function of a constraint must be callable, got 'c'"),
    (lambda: Constraint(np.sum, 3, Box()), TypeError, "jacobian_product of a constraint must be callable, got 3"),
    (lambda: Constraint(np.sum, np.sum, 0.0), TypeError, "target of a constraint must be a set such as Sparse(k), got 0.0"),
    (lambda: Constraint.linear(np.ones(3), Box()), ValueError, "A must be a matrix of shape (m, p), got (3,)"),
    (lambda: Constraint.linear(np.full((1, 3), NAN), Box()), ValueError, "A must be finite"),
    (lambda: Safeguards(start=0), ValueError, "start must be a positive finite penalty, got 0"),
    (lambda: Safeguards(factor=1), ValueError, "factor must be above 1 and finite, got 1"),
    (lambda: Safeguards(decrease=1), ValueError, "decrease must be between 0 and 1, got 1"),
    (lambda: Safeguards(bound=NAN), ValueError, "bound must be positive and finite, got nan"),
    (lambda: minimize_subject_to(np.sum, SUM), TypeError, "loss must have the methods value, gradient and start"),
    (lambda: minimize_subject_to(LOSS, Sparse(2)), TypeError, "constraints must be a Constraint or a sequence of them, got"),
    (lambda: minimize_subject_to(LOSS, [SUM, Sparse(2)]), TypeError, "constraints[1] must be a Constraint"),
    (lambda: minimize_subject_to(LOSS, []), ValueError, "there is nothing to be subject to"),
    (lambda: minimize_subject_to(LOSS, SUM, within=2), TypeError, "within must be a set such as Box(0, 1), got 2"),
    (lambda: minimize_subject_to(LOSS, SUM, tol=0), ValueError, "tol must be positive and below 1, got 0"),
    (lambda: minimize_subject_to(LOSS, SUM, tol=NAN), ValueError, "tol must be positive and below 1, got nan"),
    (lambda: minimize_subject_to(LOSS, SUM, max_iter=0), ValueError, "max_iter must be 1 or more, got 0"),
    (lambda: minimize_subject_to(LOSS, SUM, max_iter=2.0), TypeError, "max_iter must be an integer, got 2.0"),
    (lambda: minimize_subject_to(LOSS, SUM, tries=-1), ValueError, "tries must be 0 or more, got -1"),
    (lambda: minimize_subject_to(LOSS, SUM, time_limit=0), ValueError, "time_limit must be positive, got 0"),
    (lambda: minimize_subject_to(LOSS, SUM, penalty=10.0), TypeError, "penalty must be a Safeguards of tamis, got 10.0"),
    (lambda: minimize_subject_to(LOSS, SUM, callback=3), TypeError, "callback must be callable, got 3"),
    (lambda: minimize_subject_to(LOSS, SUM, x0=np.ones(4)), ValueError, "x0 must have shape (3,), got (4,)"),
    (lambda: minimize_subject_to(LOSS, SUM, x0=np.array([0, 1, NAN])), ValueError, "x0 must be finite, but 1 of its 3"),
    (lambda: minimize_subject_to(LOSS, SUM, x0=1j * np.ones(3)), TypeError, "x0 must hold real numbers, got dtype complex128"),
    (lambda: minimize_subject_to(LOSS, SUM, within=Sparse(5)), ValueError, "k must be between 0 and the number of entries (3), got 5"),
    (lambda: minimize_subject_to(Listed(), SUM), TypeError, "works on numpy arrays, but loss.start() is"),
    (lambda: minimize_subject_to(Broken(value=NAN), SUM), ValueError, "the loss and its gradient must be finite at the start"),
    (lambda: minimize_subject_to(Broken(gradient=[1.0]), SUM), ValueError, "must have the shape of w (3,), got (1,)"),
    (
        lambda: minimize_subject_to(LOSS, Constraint.equal(lambda w: NAN, lambda w, y: w)),
        ValueError,
        "function of a constraint must be finite at the start, got [nan]",
    ),
    (
        lambda: minimize_subject_to(LOSS, Constraint.equal(lambda w: w.sum(), lambda w, y: y)),
        ValueError,
        "jacobian_product must return the shape of w (3,), got (1,)",
    ),
    (
        lambda: minimize_subject_to(LOSS, Constraint.equal(lambda w: w.sum(), lambda w, y: -y * np.ones(3))),
        ValueError,
        "jacobian_product does not agree with the differences of function at the start",
    ),
    (
        lambda: minimize_subject_to(LOSS, Constraint.linear(np.ones((2, 4)), Box())),
        ValueError,
        "A of a constraint has 4 columns, but w has shape (3,)",
    ),
    (
        lambda: minimize_subject_to(LOSS, Constraint.linear(np.ones((2, 3)), Sparse(3))),
        ValueError,
        "k must be between 0 and the number of entries (2), got 3",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("call", "error", "message"), BAD, ids=[message[:50] for *_, message in BAD])
def test_is_refused_by_name(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)


def test_the_start_is_not_modified():
    x0 = np.array([3.0, 0.0, 0.0])
    minimize_subject_to(LOSS, SUM, x0=x0)
    assert x0.tolist() == [3, 0, 0]


def test_whole_numbers_are_a_start_too():
    assert minimize_subject_to(LOSS, SUM, x0=np.array([1, 0, 0])).success
