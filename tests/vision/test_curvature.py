"""Top eigenvalue and trace of the Hessian agree with the matrix, written out whole."""

import copy

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.func import functional_call
from torch.nn.functional import cross_entropy, mse_loss

from tamis_torch.errors import InputError, RunError
from tamis_torch.vision.curvature import support, top_eigenvalue, trace
from tamis_torch.vision.lanczos import largest


class Quadratic(nn.Module):
    """f(w) = w'Aw / 2 for any batch; the loss is the output's mean."""

    def __init__(self, matrix):
        super().__init__()
        self.register_buffer("matrix", torch.as_tensor(matrix, dtype=torch.float64))
        self.w = nn.Parameter(torch.ones(len(self.matrix), dtype=torch.float64))

    def forward(self, inputs):
        return (self.w @ self.matrix @ self.w / 2).expand(len(inputs))


def mean(outputs, _):
    return outputs.mean()


ONCE = [(torch.zeros(1), torch.zeros(1))]


def rotated(eigenvalues, seed=0):
    basis, _ = np.linalg.qr(np.random.default_rng(seed).standard_normal((len(eigenvalues),) * 2))
    return basis @ np.diag(eigenvalues) @ basis.T


def network(seed=0):
    """A convolution, batch norm with statistics of its own, a smooth activation, a layer."""
    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Tanh(), nn.Flatten(), nn.Linear(3 * 9, 4)
    ).double()
    net(torch.randn(20, 1, 5, 5, dtype=torch.float64) + 1)
    return net


def data(count=11, seed=1):
    generator = torch.Generator().manual_seed(seed)
    images = torch.randn(count, 1, 5, 5, generator=generator, dtype=torch.float64)
    return images, torch.randint(0, 4, (count,), generator=generator)


def batches(images, labels, size=4):
    return list(zip(images.split(size), labels.split(size), strict=True))  # the last one is smaller


def flatten(tensors):
    return torch.cat([t.flatten() for t in tensors.values()])


def hessian(net, images, labels, loss=cross_entropy):
    """Return the matrix of all samples at once, evaluation mode, by torch's own double backward."""
    net = copy.deepcopy(net).eval()
    parameters = dict(net.named_parameters())

    def f(w):
        parts = w.split([p.numel() for p in parameters.values()])
        named = {name: part.view_as(p) for (name, p), part in zip(parameters.items(), parts, strict=True)}
        return loss(functional_call(net, named, (images,)), labels)

    return torch.autograd.functional.hessian(f, flatten(parameters).detach()).numpy()


def sparse_network():
    net = network()
    with torch.no_grad():
        for p in net.parameters():
            if p.ndim > 1:
                p *= p.abs() > p.abs().median()
    return net


@given(st.lists(st.floats(-3, 5), min_size=1, max_size=8), st.integers(0, 99))
def test_of_a_quadratic_it_finds_the_largest_algebraic_eigenvalue(eigenvalues, seed):
    matrix = rotated(eigenvalues)
    found = top_eigenvalue(Quadratic(matrix), ONCE, loss=mean, tolerance=1e-6, seed=seed)
    assert found.converged
    assert found.value == pytest.approx(max(eigenvalues), abs=1e-5)


def test_a_larger_negative_eigenvalue_does_not_attract_it():
    found = top_eigenvalue(Quadratic(rotated([-50.0, -3, 0, 1, 2])), ONCE, loss=mean)
    assert found.value == pytest.approx(2, abs=1e-5)


def test_where_the_loss_curves_down_everywhere_the_value_is_negative():
    found = top_eigenvalue(Quadratic(rotated([-9.0, -4, -1.5])), ONCE, loss=mean)
    assert found.value == pytest.approx(-1.5, abs=1e-5)


@pytest.mark.parametrize("size", [4, 11])
def test_of_a_network_it_is_the_top_of_the_whole_hessian_however_the_batches_are_cut(size):
    images, labels = data()
    values, vectors = np.linalg.eigh(hessian(network(), images, labels))
    found = top_eigenvalue(network(), batches(images, labels, size), tolerance=1e-6, most=100)
    assert found.value == pytest.approx(values[-1], rel=1e-9)
    assert abs(flatten(found.vector).numpy() @ vectors[:, -1]) == pytest.approx(1, abs=1e-6)


def test_in_float32_it_agrees_too():
    images, labels = data()
    exact = np.linalg.eigvalsh(hessian(network(), images, labels))[-1]
    found = top_eigenvalue(network().float(), batches(images.float(), labels))
    assert found.converged
    assert found.value == pytest.approx(exact, rel=1e-4)


def test_another_loss_is_measured_where_it_is_given():
    images, _ = data()
    goals = torch.ones(11, 4, dtype=torch.float64)
    exact = np.linalg.eigvalsh(hessian(network(), images, goals, mse_loss))[-1]
    found = top_eigenvalue(network(), batches(images, goals), loss=mse_loss, tolerance=1e-6)
    assert found.value == pytest.approx(exact, rel=1e-9)


def test_the_residual_and_the_vector_are_what_they_say():
    images, labels = data()
    found = top_eigenvalue(network(), batches(images, labels), most=4)
    matrix, v = hessian(network(), images, labels), flatten(found.vector).numpy()
    assert not found.converged
    assert found.products == 5
    assert np.linalg.norm(v) == pytest.approx(1)
    assert v @ matrix @ v == pytest.approx(found.value)
    assert np.linalg.norm(matrix @ v - found.value * v) == pytest.approx(found.residual)
    assert np.abs(np.linalg.eigvalsh(matrix) - found.value).min() <= found.residual


@pytest.mark.parametrize("tolerance", [0.3, 1e-2, 1e-4])
def test_it_stops_at_the_tolerance_and_a_smaller_one_takes_more_products(tolerance):
    images, labels = data()
    found = top_eigenvalue(network(), batches(images, labels), tolerance=tolerance)
    finer = top_eigenvalue(network(), batches(images, labels), tolerance=tolerance / 10)
    assert found.residual <= 1.001 * tolerance * abs(found.value)
    assert found.products < finer.products


def test_where_the_top_is_zero_it_stops_at_what_rounding_leaves():
    """Nine eigenvalues, so nine products: no residual is small relative to a value that is zero."""
    found = top_eigenvalue(Quadratic(rotated([-9.0, -8, -7, -6, -5, -4, -3, -2] + [0] * 40)), ONCE, loss=mean)
    assert found.converged and found.products == 10
    assert abs(found.value) < 1e-13


def test_no_more_products_are_taken_than_there_are_weights_also_where_they_are_noisy():
    generator = torch.Generator().manual_seed(0)

    def product(v):
        return v * torch.tensor([1.0, 2.0, 3.0]) + 1e-3 * torch.randn(3, generator=generator)

    vector, products, _ = largest(product, torch.ones(3), 1e-6, 50)
    assert products == 3
    assert vector[2].abs() == pytest.approx(1, abs=1e-2)


def test_with_a_mask_it_is_the_top_of_the_rows_and_columns_in_the_mask():
    images, labels = data()
    net = sparse_network()
    mask = support(net)
    kept = flatten({n: mask.get(n, torch.ones_like(p)) for n, p in net.named_parameters()}).bool().numpy()
    matrix = hessian(net, images, labels)
    inside = top_eigenvalue(net, batches(images, labels), mask=mask, tolerance=1e-6, most=100)
    whole = top_eigenvalue(net, batches(images, labels), tolerance=1e-6, most=100)
    assert inside.value == pytest.approx(np.linalg.eigvalsh(matrix[kept][:, kept])[-1], rel=1e-9)
    assert whole.value == pytest.approx(np.linalg.eigvalsh(matrix)[-1], rel=1e-9)
    assert inside.value < whole.value - 1e-3
    assert not flatten(inside.vector)[~kept].any()


def test_the_support_is_the_non_zero_weights_and_leaves_vectors_free():
    net = sparse_network()
    mask = support(net)
    assert list(mask) == ["0.weight", "4.weight"]
    assert torch.equal(mask["4.weight"], net[4].weight != 0)


def test_parameters_that_need_no_gradient_are_constants():
    images, labels = data()
    net = network().requires_grad_(False)
    net[4].weight.requires_grad_(True)
    names = [name for name, _ in network().named_parameters()]
    kept = flatten({n: torch.full_like(p, n == "4.weight") for n, p in net.named_parameters()}).bool().numpy()
    exact = np.linalg.eigvalsh(hessian(network(), images, labels)[kept][:, kept])[-1]
    found = top_eigenvalue(net, batches(images, labels), tolerance=1e-6)
    assert list(found.vector) == ["4.weight"] and len(names) == 6
    assert found.value == pytest.approx(exact, rel=1e-9)


def test_a_linear_loss_has_no_curvature():
    net = nn.Linear(3, 1)
    pairs = [(torch.randn(5, 3), torch.zeros(5, 1))]
    found = top_eigenvalue(net, pairs, loss=mean)
    assert (found.value, found.residual, found.converged) == (0, 0, True)
    assert trace(net, pairs, loss=mean)[:2] == (0, 0)


def test_the_trace_of_a_diagonal_matrix_is_exact():
    found = trace(Quadratic(np.diag([3.0, -1, 0.5])), ONCE, loss=mean)
    assert found == (2.5, 0, 10)


def test_the_trace_of_a_network_lies_within_its_errors_and_they_are_of_the_right_size():
    images, labels = data()
    matrix = hessian(network(), images, labels)
    found = trace(network(), batches(images, labels), tolerance=1e-9, most=200)
    spread = np.sqrt(2 * (np.sum(matrix**2) - np.sum(np.diag(matrix) ** 2)) / 200)
    assert found.products == 200
    assert found.error == pytest.approx(spread, rel=0.2)
    assert abs(found.value - np.trace(matrix)) < 3 * found.error


def test_the_trace_in_a_mask_is_that_of_the_mask():
    matrix = np.diag([3.0, -1, 0.5])
    mask = {"w": torch.tensor([True, False, True])}
    assert trace(Quadratic(matrix), ONCE, loss=mean, mask=mask).value == 3.5


def test_the_trace_stops_when_its_error_is_small_enough():
    images, labels = data()
    found = trace(network(), batches(images, labels), tolerance=0.2)
    assert 10 <= found.products < 100
    assert found.error <= 0.2 * abs(found.value)


def test_the_network_is_left_as_it_was_modes_gradients_and_statistics_included():
    images, labels = data()
    net = network().train()
    net[2].eval()
    net[4].bias.grad = torch.ones(4).double()
    before = copy.deepcopy(net.state_dict())
    top_eigenvalue(net, batches(images, labels), most=3)
    trace(net, batches(images, labels), most=3)
    assert [module.training for module in net] == [True, True, False, True, True]
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())
    assert torch.equal(net[4].bias.grad, torch.ones(4).double()) and net[4].weight.grad is None


def test_the_same_seed_gives_the_same_bits_also_under_no_grad_and_another_gives_others():
    images, labels = data()
    pairs = batches(images, labels)
    with torch.no_grad():
        first = trace(network(), pairs, most=3), top_eigenvalue(network(), pairs, most=3)[:3]
    again = trace(network(), pairs, most=3), top_eigenvalue(network(), pairs, most=3)[:3]
    other = trace(network(), pairs, most=3, seed=1), top_eigenvalue(network(), pairs, most=3, seed=1)[:3]
    assert first == again
    assert first[0].value != other[0].value and first[1][0] != other[1][0]


@pytest.mark.parametrize(
    "asked, said",
    [
        (dict(tolerance=0.0), "tolerance must be in (0, 1], got 0.0"),
        (dict(tolerance=float("nan")), "tolerance must be in (0, 1], got nan"),
        (dict(most=0), "most must be an integer of at least"),
        (dict(mask={"w2": torch.ones(3, dtype=torch.bool)}), "mask must name parameters that need a gradient (w), got 'w2'"),
        (dict(mask={"w": torch.ones(2, dtype=torch.bool)}), "mask of w must be bool of shape (3,), got torch.bool of shape (2,)"),
        (dict(mask={"w": torch.ones(3)}), "mask of w must be bool of shape (3,), got torch.float32 of shape (3,)"),
        (dict(mask={"w": torch.zeros(3, dtype=torch.bool)}), "at least one weight free to move"),
        (dict(batches=[]), "batches must hold at least one sample"),
        (dict(batches=iter(ONCE)), "batches must be readable again and again"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("measure", [top_eigenvalue, trace])
def test_a_bad_argument_is_named_with_its_value(measure, asked, said):
    asked = {"batches": ONCE, "loss": mean} | asked
    with pytest.raises(InputError) as error:
        measure(Quadratic(np.eye(3)), asked.pop("batches"), **asked)
    assert said in str(error.value)


def test_a_network_without_trained_parameters_is_refused():
    with pytest.raises(InputError, match="at least one weight free"):
        top_eigenvalue(nn.Linear(2, 2).requires_grad_(False), ONCE)


def test_a_curvature_that_is_not_finite_is_an_error_and_the_mode_comes_back():
    net = Quadratic(np.eye(3) * np.nan).train()
    with pytest.raises(RunError, match="not finite"):
        top_eigenvalue(net, ONCE, loss=mean)
    assert net.training
