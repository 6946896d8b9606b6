"""The sharpness-aware move: of the asked length, along the gradient, and undone bit for bit."""

import pytest
import torch
from torch import nn

from tamis_torch.sharpness import perturbed


def parameters(*shapes: tuple[int, ...], dtype: torch.dtype = torch.float32) -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    return [nn.Parameter(torch.randn(shape, generator=generator).to(dtype)) for shape in shapes]


def loss(weights: list[nn.Parameter]) -> torch.Tensor:
    """(1/4) sum w^4, whose gradient is w^3."""
    return sum((w**4).sum() for w in weights) / 4


def test_the_move_has_the_asked_length_over_all_parameters_and_the_direction_of_the_gradient():
    weights = parameters((3, 4), (5,))
    before = torch.cat([w.detach().flatten() for w in weights])
    loss(weights).backward()
    with perturbed(weights, 0.25):
        move = torch.cat([w.detach().flatten() for w in weights]) - before
    torch.testing.assert_close(move.norm(), torch.tensor(0.25))
    torch.testing.assert_close(move / move.norm(), before**3 / (before**3).norm(), rtol=1e-4, atol=1e-6)


def test_a_backward_pass_inside_leaves_the_gradient_of_the_moved_point_alone():
    weights = parameters((6,))
    loss(weights).backward()
    with perturbed(weights, 0.5):
        assert weights[0].grad is None
        loss(weights).backward()
        there = weights[0].detach().clone()
    torch.testing.assert_close(weights[0].grad, there**3)
    assert not torch.allclose(weights[0].grad, weights[0].detach() ** 3)


def test_the_scale_of_the_gradient_does_not_matter():
    moved = []
    for scale in (1.0, 1e-6, 1e6):
        weights = parameters((6,))
        (scale * loss(weights)).backward()
        with perturbed(weights, 0.5):
            moved.append(weights[0].detach().clone())
    torch.testing.assert_close(moved[1], moved[0])
    torch.testing.assert_close(moved[2], moved[0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_weights_come_back_bit_for_bit_in_the_same_memory(dtype):
    weights = parameters((50, 40), dtype=dtype)
    before, place = weights[0].detach().clone(), weights[0].data_ptr()
    loss(weights).backward()
    with perturbed(weights, 0.37):
        assert not torch.equal(weights[0], before)
    assert torch.equal(weights[0], before)
    assert weights[0].data_ptr() == place


def test_an_exception_inside_puts_the_weights_back_too():
    weights = parameters((4,))
    before = weights[0].detach().clone()
    loss(weights).backward()
    with pytest.raises(ZeroDivisionError), perturbed(weights, 1.0):
        raise ZeroDivisionError
    assert torch.equal(weights[0], before)


def test_a_zero_gradient_moves_nothing_and_gives_no_nan():
    weights = [nn.Parameter(torch.zeros(3)), nn.Parameter(torch.ones(2))]
    for w in weights:
        w.grad = torch.zeros_like(w)
    with perturbed(weights, 1.0):
        assert torch.equal(weights[0], torch.zeros(3))
        assert torch.equal(weights[1], torch.ones(2))


def test_a_parameter_without_a_gradient_stays_where_it_is():
    used, unused = parameters((4,), (4,))
    before = unused.detach().clone()
    loss([used]).backward()
    with perturbed([used, unused], 1.0):
        assert torch.equal(unused, before)
        assert not torch.equal(used, before)


def test_a_radius_of_zero_moves_nothing():
    weights = parameters((4,))
    before = weights[0].detach().clone()
    loss(weights).backward()
    with perturbed(weights, 0.0):
        assert torch.equal(weights[0], before)
