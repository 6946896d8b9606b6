"""Losses of the user's own, and quadratic forms."""

import cvxpy
import numpy as np
import pytest
import torch
from scipy import sparse
from scipy.sparse.linalg import aslinearoperator

from tamis.losses import Logistic, Quadratic, Smooth

from .helpers import NAMESPACES
from .loss_cases import difference_gradient


def rosenbrock(x):
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


def rosenbrock_gradient(x):
    return [-2 * (1 - x[0]) - 400 * x[0] * (x[1] - x[0] ** 2), 200 * (x[1] - x[0] ** 2)]


def rosenbrock_hessian(x):
    return np.array([[2 - 400 * (x[1] - 3 * x[0] ** 2), -400 * x[0]], [-400 * x[0], 200]])


def test_what_the_functions_return_becomes_a_float_and_an_array_like_the_start():
    """A list of numbers will do for a gradient, and an integer start is taken as floats."""
    loss = Smooth(rosenbrock, rosenbrock_gradient, np.array([0, 0]))
    x = np.array([0.5, -1.0])
    assert isinstance(loss.value(x), float) and loss.value(x) == rosenbrock(x)
    assert loss.gradient(x).dtype == loss.start().dtype == np.float64
    np.testing.assert_allclose(loss.gradient(x), difference_gradient(rosenbrock, x), rtol=1e-6)
    assert loss.smoothness() == np.inf and not loss.quadratic
    assert Smooth(np.sum, np.ones_like, np.ones(2), smoothness=3).smoothness() == 3


def test_the_hessian_is_by_differences_or_the_users():
    x, v = np.array([0.5, -1.0]), np.array([3.0, -2.0])
    H = rosenbrock_hessian(x)
    loss = Smooth(rosenbrock, rosenbrock_gradient, np.zeros(2))
    np.testing.assert_allclose(loss.hessian_product(x, v), H @ v, rtol=1e-7)
    np.testing.assert_allclose(loss.hessian_product(x, 1e-9 * v), 1e-9 * H @ v, rtol=1e-7)
    np.testing.assert_allclose(loss.hessian_rows(x, [1, 0]), H[[1, 0]], rtol=1e-7)
    assert not loss.hessian_product(x, 0 * v).any()
    own = Smooth(rosenbrock, rosenbrock_gradient, np.zeros(2), lambda x, v: rosenbrock_hessian(x) @ v)
    np.testing.assert_array_equal(own.hessian_product(x, v), H @ v)
    np.testing.assert_array_equal(own.hessian_rows(x, [1]), H[[1]])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_torch_differentiates_a_function_of_tensors(dtype):
    """The gradient is that of the formula, no tensor keeps a graph, and a weight of the user keeps no gradient."""
    weight = torch.tensor(100.0, dtype=dtype, requires_grad=True)
    loss = Smooth.from_function(
        lambda x: (1 - x[0]) ** 2 + weight * (x[1] - x[0] ** 2) ** 2, torch.zeros(2, dtype=dtype)
    )
    x = torch.tensor([0.5, -1.0], dtype=dtype)
    found = loss.gradient(x)
    assert found.dtype == dtype and not found.requires_grad and weight.grad is None and not x.requires_grad
    np.testing.assert_allclose(found.numpy(), rosenbrock_gradient(x.numpy()), rtol=1e-5)
    assert loss.value(x) == pytest.approx(rosenbrock(x.numpy()), rel=1e-6)
    assert loss.start().tolist() == [0, 0]


def test_a_matrix_of_parameters_and_a_start_that_requires_a_gradient():
    start = torch.ones(2, 3, dtype=torch.float64, requires_grad=True)
    loss = Smooth.from_function(lambda x: (x**4).sum(), start)
    np.testing.assert_allclose(loss.gradient(loss.start()).numpy(), 4 * np.ones((2, 3)))
    np.testing.assert_allclose(
        loss.hessian_product(loss.start(), loss.start()).numpy(), 12 * np.ones((2, 3)), rtol=1e-8
    )


def test_jax_differentiates_a_function_of_arrays():
    jax = pytest.importorskip("jax")
    loss = Smooth.from_function(rosenbrock, jax.numpy.zeros(2))
    x = jax.numpy.array([0.5, -1.0])
    np.testing.assert_allclose(np.asarray(loss.gradient(x)), rosenbrock_gradient(np.asarray(x)), rtol=1e-5)
    assert isinstance(loss.value(x), float)


def test_a_start_is_not_changed_by_who_changes_its_copy():
    start = np.ones(2)
    loss = Smooth(np.sum, np.ones_like, start)
    loss.start()[0] = 5
    assert loss.start().tolist() == start.tolist() == [1, 1]


def form(seed, p=5, rank=None, kind=np.asarray, ridge=0.0):
    rng = np.random.default_rng(seed)
    B = rng.standard_normal((rank or p, p))
    Q = B.T @ B
    return Quadratic(kind(Q), -Q @ rng.standard_normal(p), ridge), Q


@pytest.mark.parametrize("kind", [np.asarray, sparse.csr_array, sparse.coo_matrix, aslinearoperator])
@pytest.mark.parametrize("ridge", [0.0, 0.7])
def test_the_derivatives_of_a_quadratic_form(kind, ridge):
    loss, Q = form(0, kind=kind, ridge=ridge)
    x, v = np.random.default_rng(1).standard_normal((2, 5))
    H = Q + ridge * np.eye(5)
    np.testing.assert_allclose(loss.gradient(x), difference_gradient(loss.value, x), atol=1e-7)
    np.testing.assert_allclose(loss.hessian_product(x, v), H @ v)
    np.testing.assert_allclose(loss.hessian_rows(x, [3, 1]), H[[3, 1]])
    np.testing.assert_allclose(loss.hessian_diagonal(x), np.diag(H))
    largest = np.linalg.eigvalsh(H)[-1]
    assert largest <= loss.smoothness() <= 1.02 * largest
    assert loss.quadratic and not loss.start().any()


@pytest.mark.parametrize("rank", [5, 2])
@pytest.mark.parametrize("seed", range(3))
def test_cvxpy_finds_the_same_least_quadratic_form(rank, seed):
    """On a support, of minimum norm where the form is flat."""
    loss, Q = form(seed, rank=rank)
    support = np.array([True, True, False, True, True])
    x = cvxpy.Variable(5)
    objective = cvxpy.quad_form(x, cvxpy.psd_wrap(Q)) / 2 + loss.c @ x
    Qs, cs = Q[np.ix_(support, support)], loss.c[support]
    found = loss.refit(support)
    if np.linalg.matrix_rank(np.c_[Qs, cs]) == np.linalg.matrix_rank(Qs):
        least = cvxpy.Problem(cvxpy.Minimize(objective), [x[2] == 0]).solve(solver=cvxpy.CLARABEL)
        assert loss.value(found) == pytest.approx(least, rel=1e-6, abs=1e-6)
        np.testing.assert_allclose(found[support], np.linalg.pinv(Qs) @ -cs, atol=1e-6)
    assert found[2] == 0


@pytest.mark.parametrize("xp", NAMESPACES)
def test_every_library_has_quadratic_forms(xp):
    loss, Q = form(0)
    other = Quadratic(xp.asarray(Q), xp.asarray(loss.c))
    x, support = np.ones(5), np.array([True, False, True, True, False])
    a = xp.asarray
    np.testing.assert_allclose(np.asarray(other.gradient(a(x))), loss.gradient(x))
    np.testing.assert_allclose(np.asarray(other.refit(a(support))), loss.refit(support), rtol=1e-9)
    np.testing.assert_allclose(np.asarray(other.hessian_rows(a(x), a([1]))), Q[[1]])
    np.testing.assert_allclose(np.asarray(other.restrict(a([1, 2])).Q), Q[1:3, 1:3])
    assert other.smoothness() == pytest.approx(loss.smoothness())


def test_a_form_without_a_minimum_is_refused_where_that_is_seen():
    everything = np.array([True, True])
    with pytest.raises(ValueError, match="Q must be positive semidefinite, but has an eigenvalue of -1"):
        Quadratic(np.diag([1.0, -1.0]), np.zeros(2)).refit(everything)
    with pytest.raises(ValueError, match="no minimum: c is not in the range of Q; add a ridge"):
        Quadratic(np.diag([1.0, 0.0]), np.ones(2)).refit(everything)
    assert Quadratic(np.diag([1.0, 0.0]), np.ones(2), ridge=1.0).refit(everything).tolist() == [-0.5, -1.0]


def test_bools_are_labels_and_labels_do_not_widen_the_matrix():
    """Integer or bool labels take the dtype of A."""
    A = np.eye(3, dtype=np.float32)
    for labels in (
        np.array([True, False, True]),
        np.array([1, 0, 1]),
        np.array([1.0, 0, 1], dtype=np.float32),
    ):
        assert Logistic(A, labels).A is A
        assert Logistic(A, labels).b.tolist() == [1, 0, 1]
