"""Gradients and Hessians of the losses against central differences, for every kind of matrix and library."""

import numpy as np
import pytest
from hypothesis import given, settings
from scipy import sparse
from scipy.sparse.linalg import aslinearoperator

from tamis.losses import Huber, LeastSquares, Logistic, MatrixCompletion, Multinomial, Poisson

from .helpers import NAMESPACES
from .loss_cases import (
    LOSSES,
    arguments,
    as_arrays,
    difference_gradient,
    difference_hessian,
    settings_of_a_loss,
)


@pytest.mark.parametrize(("loss", "more"), LOSSES)
@settings(max_examples=60)
@given(setting=settings_of_a_loss)
def test_the_gradient_is_that_of_the_value(loss, more, setting):
    """With and without weights (some of them 0), offset, ridge, and an intercept that is profiled out."""
    f = loss(**arguments(loss, **setting), **more)
    x = np.random.default_rng(setting["seed"] + 1).standard_normal(setting["shape"][1]) / 2
    size = 1 + abs(f.value(x))
    np.testing.assert_allclose(f.gradient(x), difference_gradient(f.value, x), atol=1e-8 * size, rtol=1e-7)


@pytest.mark.parametrize(("loss", "more"), LOSSES)
@settings(max_examples=60)
@given(setting=settings_of_a_loss)
def test_product_rows_diagonal_and_blocks_are_those_of_the_hessian(loss, more, setting):
    f = loss(**arguments(loss, **setting), **more)
    rng = np.random.default_rng(setting["seed"] + 1)
    x, v = rng.standard_normal((2, setting["shape"][1])) / 2
    if loss is Huber and np.abs(np.abs(f.predictor(x) - f.b) - f.delta).min() < 1e-3:
        return  # at a kink of the slope there is no second derivative
    H = difference_hessian(f.gradient, x)
    close = {"atol": 1e-7 * (1 + np.abs(H).max())}
    np.testing.assert_allclose(f.hessian_product(x, v), H @ v, **close)
    np.testing.assert_allclose(f.hessian_rows(x, np.arange(x.size)[::-2]), H[::-2], **close)
    np.testing.assert_allclose(f.hessian_diagonal(x), np.diag(H), **close)
    some = np.arange(x.size)[::-2]
    np.testing.assert_allclose(f.hessian_block(x, some), H[np.ix_(some, some)], **close)


@pytest.mark.parametrize(("loss", "more"), LOSSES)
@settings(max_examples=40)
@given(setting=settings_of_a_loss)
def test_nowhere_is_a_loss_steeper_than_its_smoothness(loss, more, setting):
    f = loss(**arguments(loss, **setting), **more)
    x = np.random.default_rng(setting["seed"] + 1).standard_normal(setting["shape"][1])
    largest = np.linalg.eigvalsh(f.hessian_rows(x, np.arange(x.size)))[-1]
    assert largest <= f.smoothness()
    if loss is LeastSquares and not setting["intercept"]:
        assert f.smoothness() == pytest.approx(largest, rel=1e-12)


def test_only_least_squares_has_one_hessian():
    assert [loss.quadratic for loss in (LeastSquares, Logistic, Poisson, Huber)] == [
        True,
        False,
        False,
        False,
    ]


KINDS = [
    pytest.param(sparse.csc_array, id="csc"),
    pytest.param(sparse.csr_array, id="csr"),
    pytest.param(sparse.coo_matrix, id="coo"),
    pytest.param(aslinearoperator, id="operator"),
]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("loss", "more"), LOSSES)
@pytest.mark.parametrize("intercept", [False, True])
def test_sparse_and_operator_are_as_dense(loss, more, kind, intercept):
    """Everything that a loss can tell is the same for all four kinds of matrix."""
    setting = {"seed": 3, "shape": (9, 6), "ridge": 0.3, "weighted": True, "offset": True}
    kwargs = arguments(loss, **setting, intercept=intercept)
    kwargs["A"][np.abs(kwargs["A"]) < 0.8] = 0
    dense = loss(**kwargs, **more)
    other = loss(**{**kwargs, "A": kind(kwargs["A"])}, **more)
    x, v = np.random.default_rng(0).standard_normal((2, 6))
    support = np.array([True, True, False, True, False, False])
    for tell in (
        lambda f: f.value(x),
        lambda f: f.gradient(x),
        lambda f: f.start(),
        lambda f: f.predictor(x),
        lambda f: f.intercept_at(x),
        lambda f: f.hessian_diagonal(x),
        lambda f: f.hessian_rows(x, [4, 0]),
        lambda f: f.hessian_product(x, v),
        lambda f: f.refit(support),
        lambda f: f.restrict([4, 0]).gradient(x[[4, 0]]),
    ):
        np.testing.assert_allclose(tell(other), tell(dense), rtol=1e-9, atol=1e-10)
    if loss is not Poisson:
        assert dense.smoothness() <= other.smoothness() <= 1.02 * dense.smoothness()


@pytest.mark.parametrize("xp", NAMESPACES[1:])
@pytest.mark.parametrize(("loss", "more"), LOSSES)
@pytest.mark.parametrize("intercept", [False, True])
def test_every_library_is_as_numpy(loss, more, xp, intercept):
    setting = {"seed": 4, "shape": (12, 6), "ridge": 0.3, "weighted": True, "offset": True}
    kwargs = arguments(loss, **setting, intercept=intercept)
    dense, other = loss(**kwargs, **more), loss(**as_arrays(xp, kwargs), **more)
    x, v = np.random.default_rng(0).standard_normal((2, 6))
    support = np.array([True, True, False, True, False, False])
    a = xp.asarray
    for found, expected in (
        (other.value(a(x)), dense.value(x)),
        (other.gradient(a(x)), dense.gradient(x)),
        (other.predictor(a(x)), dense.predictor(x)),
        (other.intercept_at(a(x)), dense.intercept_at(x)),
        (other.hessian_diagonal(a(x)), dense.hessian_diagonal(x)),
        (other.hessian_rows(a(x), a([4, 0])), dense.hessian_rows(x, [4, 0])),
        (other.hessian_product(a(x), a(v)), dense.hessian_product(x, v)),
        (other.refit(a(support)), dense.refit(support)),
        (other.restrict(a([4, 0])).gradient(a(x[[4, 0]])), dense.restrict([4, 0]).gradient(x[[4, 0]])),
        (other.smoothness(), dense.smoothness()),
    ):
        np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(("loss", "more"), LOSSES)
@pytest.mark.parametrize("intercept", [False, True])
def test_single_precision_stays_single(loss, more, intercept):
    kwargs = arguments(
        loss, seed=0, shape=(30, 4), ridge=0.1, weighted=True, offset=True, intercept=intercept
    )
    exact = loss(**kwargs, **more)
    kwargs = {k: v.astype(np.float32) if isinstance(v, np.ndarray) else v for k, v in kwargs.items()}
    f, x = loss(**kwargs, **more), np.full(4, 0.5, dtype=np.float32)
    for array in (f.gradient(x), f.hessian_diagonal(x), f.hessian_rows(x, [1]), f.hessian_product(x, x)):
        assert array.dtype == np.float32
    found, support = f.refit(np.array([True, True, False, True])), np.array([True, True, False, True])
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, exact.refit(support), rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize(("loss", "more"), LOSSES)
@pytest.mark.parametrize("intercept", [False, True])
def test_a_weight_is_a_number_of_rows(loss, more, intercept):
    """Weights 0, 1, 2, 3 are as leaving a row out and repeating it."""
    kwargs = arguments(
        loss, seed=5, shape=(12, 4), ridge=0.2, weighted=True, offset=True, intercept=intercept
    )
    times = kwargs["weights"].astype(int)
    repeated = {k: np.repeat(v, times, axis=0) if isinstance(v, np.ndarray) else v for k, v in kwargs.items()}
    weighted, repeated = loss(**kwargs, **more), loss(**{**repeated, "weights": None}, **more)
    x, all_columns = np.random.default_rng(0).standard_normal(4), np.ones(4, dtype=bool)
    assert weighted.value(x) == pytest.approx(repeated.value(x), rel=1e-12)
    np.testing.assert_allclose(weighted.gradient(x), repeated.gradient(x), rtol=1e-9)
    np.testing.assert_allclose(weighted.hessian_diagonal(x), repeated.hessian_diagonal(x), rtol=1e-9)
    np.testing.assert_allclose(weighted.refit(all_columns), repeated.refit(all_columns), rtol=1e-7)


@pytest.mark.parametrize(("loss", "more"), LOSSES)
def test_the_arguments_are_left_as_they_were(loss, more):
    kwargs = arguments(loss, seed=0, shape=(9, 4), ridge=0.1, weighted=True, offset=True, intercept=True)
    before = {k: v.copy() if isinstance(v, np.ndarray) else v for k, v in kwargs.items()}
    f, x = loss(**kwargs, **more), np.ones(4)
    f.value(x), f.gradient(x), f.hessian_diagonal(x), f.hessian_rows(x, [0]), f.smoothness()
    f.refit(np.array([True, False, True, False]), x)
    assert all(np.array_equal(before[k], kwargs[k]) for k in ("A", "b", "weights", "offset"))
    assert f.A is kwargs["A"], "A was copied"
    assert x.tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("size", [1000.0, -1000.0, 1e5])
def test_extreme_predictors_neither_warn_nor_round_to_nonsense(size):
    """pytest turns no warning into an error by itself, so numpy is told to raise."""
    A, x = np.array([[1.0], [-1.0], [0.5]]), np.array([size])
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        logistic = Logistic(A, np.array([1.0, 1.0, 0.0]))
        assert logistic.value(x) == 1.5 * abs(size) if size > 0 else logistic.value(x) == abs(size)
        assert np.isfinite(logistic.gradient(x)).all()
        assert 0 <= logistic.hessian_diagonal(x)[0] < 1e-200
        poisson = Poisson(A, np.array([1.0, 1.0, 0.0]))
        assert poisson.value(x) == np.inf
        assert not np.isfinite(poisson.gradient(x)).any()
        profiled = Poisson(A, np.array([1.0, 1.0, 0.0]), intercept=True)
        assert np.isfinite(profiled.value(x)) and np.isfinite(profiled.gradient(x)).all()
        huber = Huber(A, np.zeros(3), delta=2.0)
        assert huber.value(x) == pytest.approx(2 * 2.5 * abs(size) - 6)


def test_a_constant_column_has_no_curvature_beside_an_intercept():
    """Its entry of the diagonal is zero to rounding, as is that of its multiple of 1e8."""
    rng = np.random.default_rng(0)
    A = np.c_[rng.standard_normal(20), np.full(20, 1.0), np.full(20, 1e8)]
    for loss, b in ((LeastSquares, rng.standard_normal(20)), (Logistic, rng.integers(0, 2, 20))):
        diagonal = loss(A, b, intercept=True).hessian_diagonal(np.zeros(3))
        assert diagonal[0] > 1
        assert diagonal[1] < 1e-28 and diagonal[2] < 1e-12


def classes(seed, intercept, weighted=True, ridge=0.3):
    rng = np.random.default_rng(seed)
    labels = np.r_[np.arange(4), rng.integers(0, 4, 16)]
    weights = rng.uniform(0.5, 2, 20) if weighted else None
    return Multinomial(rng.standard_normal((20, 3)), labels, ridge, weights, intercept)


@pytest.mark.parametrize("intercept", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_the_derivatives_of_the_multinomial_loss(intercept, seed):
    f = classes(seed, intercept)
    x, v = np.random.default_rng(seed).standard_normal((2, 3, 4))
    np.testing.assert_allclose(f.gradient(x), difference_gradient(f.value, x), atol=1e-7)
    H = difference_hessian(f.gradient, x)
    np.testing.assert_allclose(f.hessian_product(x, v).ravel(), H @ v.ravel(), atol=1e-7)
    assert np.linalg.eigvalsh(H)[-1] <= f.smoothness()
    assert f.intercept_at(x).sum() == pytest.approx(0, abs=1e-12)


def test_two_classes_are_logistic():
    """With x = (0, beta) the softmax of two classes is the logistic function; so are its intercepts."""
    rng = np.random.default_rng(0)
    A, labels, beta = (
        rng.standard_normal((15, 3)),
        np.r_[0, 1, rng.integers(0, 2, 13)],
        rng.standard_normal(3),
    )
    two, one = Multinomial(A, labels, intercept=True), Logistic(A, labels, intercept=True)
    x = np.c_[np.zeros(3), beta]
    assert two.value(x) == pytest.approx(one.value(beta), rel=1e-12)
    np.testing.assert_allclose(two.gradient(x)[:, 1], one.gradient(beta), atol=1e-9)
    assert np.diff(two.intercept_at(x))[0] == pytest.approx(one.intercept_at(beta), rel=1e-8)


@pytest.mark.parametrize("size", [1.0, 30.0, 1000.0])
def test_the_multinomial_intercepts_make_the_probabilities_sum_to_the_counts(size):
    f = classes(0, True, weighted=False)
    eta = f.predictor(size * np.random.default_rng(0).standard_normal((3, 4)))
    P = np.exp(eta - eta.max(axis=1, keepdims=True))
    P /= P.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(P.sum(axis=0), np.bincount(f.labels), rtol=1e-9)


@pytest.mark.parametrize("xp", NAMESPACES[1:])
def test_every_library_has_the_multinomial_loss(xp):
    f = classes(0, True)
    other = Multinomial(*(xp.asarray(a) for a in (f.A, f.labels)), 0.3, xp.asarray(f.weights), True)
    x = np.random.default_rng(0).standard_normal((3, 4))
    assert other.value(xp.asarray(x)) == pytest.approx(f.value(x), rel=1e-12)
    np.testing.assert_allclose(np.asarray(other.gradient(xp.asarray(x))), f.gradient(x), atol=1e-9)


def test_the_derivatives_of_matrix_completion():
    """One entry is observed twice and so counts twice."""
    rng = np.random.default_rng(0)
    rows, columns = np.array([0, 2, 1, 2]), np.array([1, 3, 0, 3])
    f = MatrixCompletion(rng.standard_normal(4), rows, columns, (3, 4))
    x, v = rng.standard_normal((2, 3, 4))
    np.testing.assert_allclose(f.gradient(x), difference_gradient(f.value, x), atol=1e-9)
    H = difference_hessian(f.gradient, x)
    np.testing.assert_allclose(f.hessian_product(x, v).ravel(), H @ v.ravel(), atol=1e-9)
    assert f.smoothness() == 2 == pytest.approx(np.linalg.eigvalsh(H)[-1])
    assert not f.start().any() and f.start().shape == (3, 4)
