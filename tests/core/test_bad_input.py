"""A table of wrong arguments: each is refused before work starts, by a message that names it and shows it."""

import numpy as np
import pytest
import torch

import tamis
from tamis import admm, certificates
from tamis.losses import LeastSquares
from tamis.penalties import Geometric
from tamis.select import keep_largest
from tamis.sets import NofM, Simplex, Sparse
from tamis.steps import exact

NAN, INF = float("nan"), float("inf")
y = np.array([3.0, -1.0, 2.0, 0.5])
A, b = np.eye(3), np.ones(3)
LOSS = LeastSquares(A, b)
FACTOR = exact.init(LOSS)

BAD = [
    # keep_largest
    (lambda: keep_largest(y, 5), ValueError, "k must be between 0 and the number of scores (4), got 5"),
    (lambda: keep_largest(y, -1), ValueError, "k must be between 0 and the number of scores (4), got -1"),
    (lambda: keep_largest(y, 2.0), TypeError, "k must be an integer, got 2.0"),
    (
        lambda: keep_largest(np.array([1, NAN, NAN]), 1),
        ValueError,
        "scores must be numbers, but 2 of 3 are NaN",
    ),
    (lambda: keep_largest(y * 1j, 1), TypeError, "scores must be real numbers, got dtype complex128"),
    # Sparse
    (lambda: Sparse(-1), ValueError, "a count k must be 0 or more, got -1"),
    (lambda: Sparse(1.5), ValueError, "a fraction k must be in [0, 1], got 1.5; give a count as an int"),
    (lambda: Sparse(-0.5), ValueError, "a fraction k must be in [0, 1], got -0.5"),
    (lambda: Sparse(NAN), ValueError, "a fraction k must be in [0, 1], got nan"),
    (lambda: Sparse("3"), TypeError, "k must be an int (a count) or a float (a fraction), got '3'"),
    (lambda: Sparse(True), TypeError, "k must be an int (a count) or a float (a fraction), got True"),
    (lambda: Sparse(5).project(y), ValueError, "k must be between 0 and the number of entries (4), got 5"),
    (lambda: Sparse(6).contains(y), ValueError, "k must be between 0 and the number of entries (4), got 6"),
    (lambda: Sparse(1).project(np.zeros(0)), ValueError, "the number of entries (0), got 1"),
    (lambda: Sparse(9).project([y, y]), ValueError, "the number of entries (8), got 9"),
    # NofM
    (lambda: NofM(3, 2), ValueError, "n of m needs 0 <= n <= m and m >= 1, got n=3, m=2"),
    (lambda: NofM(-1, 2), ValueError, "got n=-1, m=2"),
    (lambda: NofM(0, 0), ValueError, "got n=0, m=0"),
    (lambda: NofM(0.5, 2), TypeError, "n must be an integer, got 0.5"),
    (lambda: NofM(1, "4"), TypeError, "m must be an integer, got '4'"),
    (lambda: NofM(1, 2, axis=None), TypeError, "axis must be an integer, got None"),
    (lambda: NofM(1, 3).project(y), ValueError, "a multiple of 3, got 4 (axis -1 of shape (4,))"),
    (lambda: NofM(1, 2, axis=1).project(y), ValueError, "axis 1 is not one of an array of shape (4,)"),
    (lambda: NofM(1, 2, axis=-2).contains(y), ValueError, "axis -2 is not one of an array of shape (4,)"),
    (lambda: NofM(1, 2).project(np.array(1.0)), ValueError, "axis -1 is not one of an array of shape ()"),
    # losses
    (lambda: LeastSquares(A, b[:2]), ValueError, "got A (3, 3) and b (2,)"),
    (lambda: LeastSquares(A, b[:, None]), ValueError, "got A (3, 3) and b (3, 1)"),
    (
        lambda: LeastSquares(b, b),
        ValueError,
        "A must have shape (n, p) with n, p >= 1 and b shape (n,), got A (3,)",
    ),
    (lambda: LeastSquares(A[:0], b[:0]), ValueError, "got A (0, 3) and b (0,)"),
    (lambda: LeastSquares(A[:, :0], b), ValueError, "got A (3, 0) and b (3,)"),
    (lambda: LeastSquares(A * NAN, b), ValueError, "A must be finite, but 9 of its 9 entries"),
    (lambda: LeastSquares(A, b * INF), ValueError, "b must be finite, but 3 of its 3 entries"),
    (lambda: LeastSquares([[1.0]], b), TypeError, "A must be an array (numpy, torch, ...), got list"),
    (lambda: LeastSquares(A * 1j, b), TypeError, "A must hold real numbers, got dtype complex128"),
    (lambda: LeastSquares(A, torch.ones(3)), TypeError, "A and b must be arrays of one library"),
    (lambda: LeastSquares(A, b, -1.0), ValueError, "ridge must be finite and 0 or more, got -1.0"),
    (lambda: LeastSquares(A, b, NAN), ValueError, "ridge must be finite and 0 or more, got nan"),
    (lambda: LeastSquares(A, b, INF), ValueError, "ridge must be finite and 0 or more, got inf"),
    # steps, penalties, certificates, iteration
    (
        lambda: exact.init(LeastSquares(A * 1e200, b)),
        ValueError,
        "A or b is so large (1e+200) that its square overflows",
    ),
    (lambda: exact.init(LeastSquares(A, b * 1e160)), ValueError, "A or b is so large (1.73e+160)"),
    (lambda: exact.step(FACTOR, b, 0.0), ValueError, "penalty must be positive and finite, got 0.0"),
    (lambda: exact.step(FACTOR, b, NAN), ValueError, "penalty must be positive and finite, got nan"),
    (lambda: exact.step(FACTOR, b[:2], 1.0), ValueError, "v must have shape (3,), got (2,)"),
    (lambda: Geometric(0.0, 1.1, 1.0), ValueError, "got start=0.0, factor=1.1, stop=1.0"),
    (lambda: Geometric(2.0, 1.1, 1.0), ValueError, "got start=2.0, factor=1.1, stop=1.0"),
    (lambda: Geometric(1.0, 0.9, 2.0), ValueError, "factor >= 1, all finite, got start=1.0, factor=0.9"),
    (lambda: Geometric(1.0, NAN, 2.0), ValueError, "factor=nan"),
    (lambda: Geometric(1.0, 1.1, INF), ValueError, "stop=inf"),
    (
        lambda: certificates.fixed_point(LOSS, Sparse(1), b, 0.0),
        ValueError,
        "smoothness must be positive and finite",
    ),
    (lambda: admm.rescale(admm.State(y, y), 1.0, 0.0), ValueError, "new_penalty > 0, got 1.0 and 0.0"),
    (lambda: admm.rescale(admm.State(y, y), -1.0, 1.0), ValueError, "old_penalty >= 0 and"),
    # minimize
    (
        lambda: tamis.minimize(A, Sparse(1)),
        TypeError,
        "loss must have value, gradient and start (see tamis.losses), got array",
    ),
    (
        lambda: tamis.minimize(LOSS, 1),
        TypeError,
        "constraint must be a set such as Sparse(k) or NofM(n, m), got 1",
    ),
    (lambda: tamis.minimize(LOSS, Sparse(4)), ValueError, "the number of entries (3), got 4"),
    (lambda: tamis.minimize(LOSS, NofM(1, 2)), ValueError, "a multiple of 2, got 3"),
    (lambda: tamis.minimize(LOSS, Sparse(1), b[:2]), ValueError, "x0 must have shape (3,), got (2,)"),
    (lambda: tamis.minimize(LOSS, Sparse(1), b * NAN), ValueError, "x0 must be finite, but 3 of its 3"),
    (lambda: tamis.minimize(LOSS, Sparse(1), [0, 0, 0]), TypeError, "x0 must be an array"),
    (
        lambda: tamis.minimize(LOSS, Sparse(1), penalty=1.0),
        TypeError,
        "penalty must be callable (see tamis.steps, tamis.penalties), got 1.0",
    ),
    (lambda: tamis.minimize(LOSS, Sparse(1), max_iter=0), ValueError, "max_iter must be 1 or more, got 0"),
    (
        lambda: tamis.minimize(LOSS, Sparse(1), max_iter=1.5),
        TypeError,
        "max_iter must be an integer, got 1.5",
    ),
    (
        lambda: tamis.minimize(LOSS, Sparse(1), tol=0.0),
        ValueError,
        "tol must be positive and finite, got 0.0",
    ),
    (
        lambda: tamis.minimize(LOSS, Sparse(1), tol=NAN),
        ValueError,
        "tol must be positive and finite, got nan",
    ),
    (
        lambda: tamis.minimize(LOSS, Sparse(1), effort="max"),
        ValueError,
        "effort must be one of fast, default",
    ),
    (lambda: tamis.minimize(LOSS, Sparse(1), time_limit=0), ValueError, "time_limit must be a positive"),
    (lambda: tamis.minimize(LOSS, Sparse(1), time_limit=NAN), ValueError, "number of seconds, got nan"),
    (lambda: tamis.minimize(LOSS, Sparse(1), callback=1), TypeError, "callback must be callable"),
    (lambda: tamis.minimize(LOSS, Sparse(1), step=1), TypeError, "step must be callable (see tamis.steps"),
    (lambda: tamis.minimize(LOSS, Sparse(1), b * 1j), TypeError, "x0 must hold real numbers"),
    (lambda: tamis.minimize(LOSS, Simplex(-1.0)), ValueError, "total must be"),
]

BAD_PROJECTIONS = [  # of every set
    (lambda s: s.project(np.array([1, NAN])), ValueError, "y must be finite, but 1 of its 2 entries"),
    (lambda s: s.project(np.array([1, 1, INF, 1])), ValueError, "y must be finite, but 1 of its 4 entries"),
    (lambda s: s.project([y, y * NAN]), ValueError, "y[1] must be finite, but 4 of its 4 entries"),
    (lambda s: s.project(3.0), TypeError, "y must be an array (numpy, torch, ...), got float"),
    (lambda s: s.project([1.0, 2.0]), TypeError, "y[0] must be an array (numpy, torch, ...), got float"),
    (lambda s: s.project([]), ValueError, "y must hold at least one array, got an empty list"),
    (lambda s: s.project(y > 0), TypeError, "y must hold real numbers, got dtype bool"),
    (lambda s: s.project(y * 1j), TypeError, "y must hold real numbers, got dtype complex128"),
    (lambda s: s.project(y, y[:2]), ValueError, "metric must have the shape of y (4,), got (2,)"),
    (lambda s: s.project(y, y), ValueError, "metric must be positive in every entry, but its least is -1"),
    (lambda s: s.project(y, 0 * y), ValueError, "but its least is 0; add a small constant"),
    (lambda s: s.project(y, y * NAN), ValueError, "metric must be finite, but 4 of its 4"),
    (lambda s: s.project(y, 2.0), TypeError, "metric must be an array (numpy, torch, ...), got float"),
    (lambda s: s.project([y, y], [y * y, y]), ValueError, "metric[1] must be positive in every entry"),
    (lambda s: s.project([y, y], [y * y, y[:1]]), ValueError, "metric[1] must have the shape of y[1]"),
    (lambda s: s.project([y, y], [y * y]), ValueError, "for each of the 2 of y, got a list of 1"),
    (lambda s: s.project([y, y], y), ValueError, "metric must be a list of arrays"),
]


@pytest.mark.parametrize(("call", "error", "message"), BAD, ids=[row[2] for row in BAD])
def test_refused_with_a_message_that_shows_it(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)


@pytest.mark.parametrize("constraint", [Sparse(1), NofM(1, 2)], ids=str)
@pytest.mark.parametrize(
    ("project", "error", "message"), BAD_PROJECTIONS, ids=[row[2] for row in BAD_PROJECTIONS]
)
def test_every_set_refuses_to_project(constraint, project, error, message):
    with pytest.raises(error) as caught:
        project(constraint)
    assert message in str(caught.value)
