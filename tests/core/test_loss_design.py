"""The operations on the matrix of a linear model: right for every kind, and frugal."""

import tracemalloc

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from tamis import design
from tamis.losses import LeastSquares, Logistic
from tamis.losses.intercept import root
from tamis.losses.spectrum import largest_square

from .helpers import NAMESPACES

KINDS = [np.asarray, np.asfortranarray, sparse.csc_array, sparse.csr_matrix, aslinearoperator]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(7, 4), (2, 200_000), (200_000, 2)], ids=str)
def test_the_operations_are_those_of_the_dense_matrix(kind, shape):
    """Also where a row or a column is longer than a block."""
    if kind is aslinearoperator and shape[0] < shape[1]:
        shape = (2, 300)
    rng = np.random.default_rng(0)
    D = rng.standard_normal(shape)
    A, w, y, x = (
        kind(D),
        rng.uniform(0, 1, shape[0]),
        rng.standard_normal(shape[0]),
        rng.standard_normal(shape[1]),
    )
    centre = rng.standard_normal(shape[1])
    np.testing.assert_allclose(design.times(A, x), D @ x)
    np.testing.assert_allclose(design.transposed_times(A, y), D.T @ y, atol=1e-12)
    np.testing.assert_allclose(design.rows_times(np.c_[y, w], A), np.c_[y, w].T @ D, atol=1e-12)
    np.testing.assert_array_equal(design.columns(A, np.array([1, 0])), D[:, [1, 0]])
    np.testing.assert_allclose(design.column_squares(A, w), w @ D**2, rtol=1e-10)
    np.testing.assert_allclose(design.column_squares(A, w, centre), w @ (D - centre) ** 2, rtol=1e-9)


@pytest.mark.parametrize("xp", NAMESPACES)
def test_column_squares_of_every_library(xp):
    D, w = np.random.default_rng(0).standard_normal((30, 5)), np.arange(30.0)
    found = design.column_squares(xp.asarray(D), xp.asarray(w), xp.ones(5, dtype=xp.float64))
    np.testing.assert_allclose(np.asarray(found), w @ (D - 1) ** 2)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("loss", [LeastSquares, Logistic])
def test_no_second_matrix_is_made(order, loss):
    """Construction, gradient, diagonal and ten rows of the Hessian take a small part of the memory of A."""
    A = np.asarray(np.random.default_rng(0).standard_normal((300, 20_000)), order=order)  # 48 MB
    tracemalloc.start()
    f = loss(A, np.arange(300) % 2, intercept=True)
    x = f.start()
    f.value(x), f.gradient(x), f.hessian_diagonal(x), f.hessian_rows(x, np.arange(10))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.2 * A.nbytes, f"{peak / A.nbytes:.2f} of A"
    assert f.A is A


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", [(12, 5), (5, 12), (1, 4), (4, 1)], ids=str)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_largest_square_is_bounded_from_above_and_closely(kind, shape, weighted):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        D = rng.standard_normal(shape)
        w = rng.uniform(0, 2, shape[0]) if weighted else None
        exact = np.linalg.norm(D if w is None else np.sqrt(w)[:, None] * D, 2) ** 2
        assert exact * (1 - 1e-14) <= largest_square(kind(D), w) <= 1.02 * exact


@pytest.mark.parametrize("shape", [(300, 500), (500, 300)], ids=str)
def test_the_largest_square_of_a_large_matrix(shape):
    D, w = np.random.default_rng(0).standard_normal(shape), np.linspace(0, 1, shape[0])
    exact = np.linalg.norm(np.sqrt(w)[:, None] * D, 2) ** 2
    assert exact <= largest_square(D, w) <= 1.02 * exact


def test_the_largest_square_of_zero_and_of_what_overflows():
    for kind in KINDS:
        assert largest_square(kind(np.zeros((3, 4)))) == 0
    assert largest_square(np.full((3, 4), 1e200)) == np.inf


def test_a_matrix_is_kept_as_it_is_or_turned_into_floats_once():
    """CSR stays CSR, other formats become CSC, integers float64, half precision float32."""
    D = np.eye(3)
    for A in (D, aslinearoperator(D)):
        assert design.accept(A) is A
    for A in (sparse.csr_array(D), sparse.csc_matrix(D)):
        assert design.accept(A).data is A.data and type(design.accept(A)) is type(A)
    assert design.accept(sparse.coo_array(D)).format == design.accept(sparse.dok_array(D)).format == "csc"
    assert design.accept(sparse.csc_array(D.astype(int))).dtype == np.float64
    assert design.accept(D.astype(np.float16)).dtype == np.float32
    of_integers = LeastSquares(aslinearoperator(np.eye(3, dtype=int)), np.ones(3))
    assert of_integers.refit(np.array([True, False, True])).tolist() == [1.0, 0.0, 1.0]


def test_an_operator_that_is_only_functions():
    """A moving difference, given by its product and that of its transpose."""
    A = LinearOperator(
        (4, 5),
        matvec=lambda x: np.diff(x.ravel()),
        rmatvec=lambda y: -np.diff(y.ravel(), prepend=0, append=0),
        dtype=float,
    )
    f, b = LeastSquares(A, np.arange(4.0)), np.arange(4.0)
    D = np.diff(np.eye(5), axis=0)
    support = np.array([False, True, True, True, True])
    np.testing.assert_allclose(f.gradient(np.ones(5)), D.T @ (D @ np.ones(5) - b))
    np.testing.assert_allclose(f.refit(support), LeastSquares(D, b).refit(support), atol=1e-12)
    np.testing.assert_allclose(f.hessian_rows(f.start(), [2]), (D.T @ D)[[2]])


@pytest.mark.parametrize("start", [-1e9, 0.1, 3.0, 1e9])
def test_the_root_is_found_from_anywhere_even_without_slope(start):
    """A step with flat arms: Newton alone would leave the bracket or divide by zero."""
    flat = lambda c: (float(np.clip(c - 2, -1, 1)), float(abs(c - 2) < 1))  # noqa: E731
    assert root(flat, -1e6, 1e7, start, 1e-12) == pytest.approx(2, abs=1e-10)
    cubic = lambda c: ((c - 2) ** 3, 3 * (c - 2) ** 2)  # noqa: E731
    assert root(cubic, -1e6, 1e7, start, 1e-12) == pytest.approx(2, abs=1e-4)
