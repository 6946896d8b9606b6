"""Wrong arguments of the losses: each is refused on construction by a message that names it and shows it."""

import numpy as np
import pytest
import torch
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from tamis.losses import (
    Huber,
    LeastSquares,
    Logistic,
    MatrixCompletion,
    Multinomial,
    Poisson,
    Quadratic,
    Smooth,
)

NAN = float("nan")
A, b = np.eye(3), np.array([0.0, 1.0, 1.0])
FORWARD_ONLY = LinearOperator((3, 3), matvec=lambda x: x, dtype=float)
observed = {"values": np.ones(2), "rows": np.array([0, 1]), "columns": np.array([0, 1]), "shape": (2, 2)}

BAD_LINEAR_MODELS = [  # of each of the four
    (lambda f: f(A, b[:2]), ValueError, "got A (3, 3) and b (2,)"),
    (lambda f: f(A[:0], b[:0]), ValueError, "got A (0, 3) and b (0,)"),
    (lambda f: f(A[:, :0], b), ValueError, "got A (3, 0) and b (3,)"),
    (lambda f: f(A * NAN, b), ValueError, "A must be finite, but 9 of its 9 entries"),
    (lambda f: f(A, b * NAN), ValueError, "b must be finite, but 3 of its 3 entries"),
    (lambda f: f(A * 1j, b), TypeError, "A must hold real numbers, got dtype complex128"),
    (lambda f: f(A, b * 1j), TypeError, "b must hold real numbers, got dtype complex128"),
    (lambda f: f([[1.0]], b), TypeError, "A must be an array (numpy, torch, ...), got list"),
    (lambda f: f(A, [0.0, 1.0, 1.0]), TypeError, "b must be an array (numpy, torch, ...), got list"),
    (lambda f: f(torch.eye(3), b), TypeError, "A and b must be arrays of one library"),
    (
        lambda f: f(np.ma.masked_array(A), b),
        TypeError,
        "A must have no masked entries: fill or drop them first",
    ),
    (lambda f: f(sparse.csc_array(A), torch.ones(3)), TypeError, "A and b must be arrays of one library"),
    (lambda f: f(sparse.csc_array(A * NAN), b), ValueError, "A.data must be finite, but 9 of its 9 entries"),
    (
        lambda f: f(sparse.csr_array(A * 1j), b),
        TypeError,
        "A.data must hold real numbers, got dtype complex128",
    ),
    (
        lambda f: f(sparse.csc_array((3, 0)), b),
        ValueError,
        "A must have shape (n, p) with n, p >= 1, got (3, 0)",
    ),
    (lambda f: f(sparse.coo_array(b), b), ValueError, "A must have shape (n, p) with n, p >= 1, got (3,)"),
    (lambda f: f(sparse.csc_array(A)[:2], b), ValueError, "got A (2, 3) and b (3,)"),
    (lambda f: f(FORWARD_ONLY, b), TypeError, "A must be an operator with rmatvec, its product with A^T"),
    (
        lambda f: f(aslinearoperator(A * 1j), b),
        TypeError,
        "A must hold real numbers, got an operator of dtype",
    ),
    (lambda f: f(aslinearoperator(A), b[:2]), ValueError, "got A (3, 3) and b (2,)"),
    (lambda f: f(A, b, -1.0), ValueError, "ridge must be finite and 0 or more, got -1.0"),
    (lambda f: f(A, b, NAN), ValueError, "ridge must be finite and 0 or more, got nan"),
    (lambda f: f(A, b, 0.0, -b), ValueError, "weights must be 0 or more, but the least is -1"),
    (lambda f: f(A, b, 0.0, 0 * b), ValueError, "weights must not all be 0"),
    (lambda f: f(A, b, 0.0, b * NAN), ValueError, "weights must be finite, but 3 of its 3"),
    (
        lambda f: f(A, b, 0.0, b[:2]),
        ValueError,
        "weights must have shape (3,), one entry a row of A, got (2,)",
    ),
    (lambda f: f(A, b, 0.0, torch.ones(3)), TypeError, "weights must be an array of the library of A"),
    (lambda f: f(A, b, 0.0, 1.0), TypeError, "weights must be an array (numpy, torch, ...), got float"),
    (lambda f: f(A, b, offset=b * NAN), ValueError, "offset must be finite, but 3 of its 3"),
    (
        lambda f: f(A, b, offset=b[:1]),
        ValueError,
        "offset must have shape (3,), one entry a row of A, got (1,)",
    ),
    (lambda f: f(A, b, intercept=b), TypeError, "intercept must be True or False, got ndarray"),
    (lambda f: f(A, b).refit(b), TypeError, "support must be a boolean array, got float64"),
    (lambda f: f(A, b).refit([True] * 3), TypeError, "support must be a boolean array, got list"),
    (lambda f: f(A, b).refit(b[:2] > 0), ValueError, "support must have shape (3,), got (2,)"),
]

BAD = [
    (lambda: Logistic(A, b + 1), ValueError, "b must hold labels 0 and 1, got 2"),
    (lambda: Logistic(A, 2 * b - 1), ValueError, "b must hold labels 0 and 1, got -1"),
    (
        lambda: Logistic(A, 0 * b, intercept=True),
        ValueError,
        "b has only one class (0), so the best intercept",
    ),
    (lambda: Logistic(A, 1 + 0 * b, intercept=True), ValueError, "b has only one class (1)"),
    (lambda: Logistic(A, b, weights=b, intercept=True), ValueError, "b has only one class (1)"),
    (lambda: Poisson(A, b - 1), ValueError, "b must hold counts, 0 or more, but the least is -1"),
    (
        lambda: Poisson(A, 0 * b, intercept=True),
        ValueError,
        "b has no positive count, so the best intercept is -inf",
    ),
    (
        lambda: Poisson(A, b, offset=800 + b).refit(b < 2),
        ValueError,
        "overflows where all coefficients are zero",
    ),
    (lambda: Huber(A, b, delta=0.0), ValueError, "delta must be positive and finite, got 0.0"),
    (lambda: Huber(A, b, delta=NAN), ValueError, "delta must be positive and finite, got nan"),
    (lambda: Quadratic(A[:2], b), ValueError, "Q must be square with at least one row, got shape (2, 3)"),
    (
        lambda: Quadratic(A + np.tri(3), b),
        ValueError,
        "Q must be symmetric, but Q and its transpose differ by 1",
    ),
    (lambda: Quadratic(sparse.csc_array(np.tri(3)), b), ValueError, "Q must be symmetric, but Q and its"),
    (lambda: Quadratic(aslinearoperator(np.tri(3)), b), ValueError, "Q must be symmetric, but Q and its"),
    (lambda: Quadratic(A, b[:2]), ValueError, "c must have shape (3,), one entry a row of Q, got (2,)"),
    (lambda: Quadratic(A * NAN, b), ValueError, "Q must be finite"),
    (lambda: Quadratic(A, b, -1.0), ValueError, "ridge must be finite and 0 or more, got -1.0"),
    (lambda: Multinomial(A, b), TypeError, "labels must be integers from 0, got dtype float64"),
    (
        lambda: Multinomial(A, np.array([0, 2, 2])),
        ValueError,
        "every class, but class 1 does not",
    ),
    (lambda: Multinomial(A, np.array([0, 1, 9])), ValueError, "labels must hold every class, but"),
    (lambda: Multinomial(A, np.array([0, 1, -1])), ValueError, "labels must be integers from 0, got -1"),
    (lambda: Multinomial(A, np.array([0, 1])), ValueError, "labels must have shape (3,)"),
    (lambda: Multinomial(A, np.array([0, 1, 1]), weights=b), ValueError, "class 0 does not occur"),
    (
        lambda: MatrixCompletion(**{**observed, "values": np.ones(0)}),
        ValueError,
        "values must have shape (t,) with",
    ),
    (
        lambda: MatrixCompletion(**{**observed, "values": np.ones(2) * NAN}),
        ValueError,
        "values must be finite",
    ),
    (
        lambda: MatrixCompletion(**{**observed, "rows": np.array([0, 2])}),
        ValueError,
        "rows must be from 0 to 1, got 0",
    ),
    (
        lambda: MatrixCompletion(**{**observed, "columns": np.ones(2)}),
        TypeError,
        "columns must be a numpy array of",
    ),
    (
        lambda: MatrixCompletion(**{**observed, "rows": np.array([0])}),
        ValueError,
        "rows must have the shape of values",
    ),
    (
        lambda: MatrixCompletion(**{**observed, "shape": 4}),
        TypeError,
        "shape must be a pair of integers, got 4",
    ),
    (
        lambda: MatrixCompletion(**{**observed, "shape": (0, 2)}),
        ValueError,
        "shape[0] must be 1 or more, got 0",
    ),
    (lambda: Smooth(1, np.ones_like, b), TypeError, "value must be callable, got 1"),
    (lambda: Smooth(np.sum, None, b), TypeError, "gradient must be callable, got None"),
    (lambda: Smooth(np.sum, np.ones_like, b, 3), TypeError, "hessian_product must be callable, got 3"),
    (lambda: Smooth(np.sum, np.ones_like, [0.0]), TypeError, "start must be an array"),
    (lambda: Smooth(np.sum, np.ones_like, b * NAN), ValueError, "start must be finite"),
    (lambda: Smooth(np.sum, np.ones_like, b, smoothness=0), ValueError, "smoothness must be positive, got 0"),
    (
        lambda: Smooth(lambda x: x, np.ones_like, b),
        TypeError,
        "value must return one real number, got array([0.",
    ),
    (
        lambda: Smooth(lambda x: NAN, np.ones_like, b),
        ValueError,
        "value(start) must be a finite number, got nan",
    ),
    (
        lambda: Smooth(np.sum, lambda x: x[:2], b),
        ValueError,
        "gradient must return an array of shape (3,), got (2,)",
    ),
    (
        lambda: Smooth(np.sum, lambda x: x * NAN, b),
        ValueError,
        "gradient(start) must be finite, but 3 of its 3",
    ),
    (lambda: Smooth.from_function(np.sum, b), TypeError, "start must be a torch tensor or a JAX array"),
    (lambda: Smooth.from_function(1, torch.ones(2)), TypeError, "function must be callable, got 1"),
    (
        lambda: Smooth.from_function(lambda x: torch.tensor(1.0), torch.ones(2)),
        ValueError,
        "function(start) does not depend on its argument, so it has no gradient",
    ),
]


@pytest.mark.parametrize("loss", [LeastSquares, Logistic, Poisson, Huber])
@pytest.mark.parametrize(
    ("call", "error", "message"),
    BAD_LINEAR_MODELS,
    ids=[f"{i} {row[2]}" for i, row in enumerate(BAD_LINEAR_MODELS)],
)
def test_every_linear_model_refuses(loss, call, error, message):
    with pytest.raises(error) as caught:
        call(loss)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("call", "error", "message"), BAD, ids=[f"{i} {row[2]}" for i, row in enumerate(BAD)]
)
def test_refused_with_a_message_that_shows_it(call, error, message):
    with pytest.raises(error) as caught:
        call()
    assert message in str(caught.value)
