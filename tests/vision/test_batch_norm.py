"""Batch norm's statistics stay where they must, and are those of the samples when they are taken again."""

import pytest
import torch
from torch import nn

from tamis_torch.vision.batch_norm import estimate_again, frozen_statistics


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Dropout(0.5), nn.Linear(3, 2), nn.BatchNorm1d(2)
    )


def test_frozen_statistics_do_not_move_and_the_batch_is_normed_by_its_own():
    model = network().train()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    inputs = torch.randn(16, 4)
    with frozen_statistics(model):
        found = model[1](model[0](inputs))
        with pytest.raises(ZeroDivisionError), frozen_statistics(model):
            raise ZeroDivisionError
    torch.testing.assert_close(found.mean(0), torch.zeros(3), atol=1e-5, rtol=0)
    assert all(torch.equal(model.state_dict()[k], v) for k, v in before.items())
    model(inputs)
    assert not torch.equal(model[1].running_mean, before["1.running_mean"])


def test_what_is_estimated_again_is_the_mean_over_batches_in_the_first_layer():
    model = network().train()
    batches = [torch.randn(10, 4) + i for i in range(3)]
    model(batches[0] * 100)  # something to be forgotten
    assert estimate_again(model, batches)
    outputs = [model[0](batch) for batch in batches]
    torch.testing.assert_close(model[1].running_mean, torch.stack([o.mean(0) for o in outputs]).mean(0))
    torch.testing.assert_close(model[1].running_var, torch.stack([o.var(0) for o in outputs]).mean(0))


def test_it_repeats_bit_for_bit_and_leaves_modes_momenta_and_weights():
    model = network()
    model[0].eval()
    modes = [module.training for module in model.modules()]
    weights = [p.detach().clone() for p in model.parameters()]
    batches = [torch.randn(10, 4) for _ in range(3)]
    found = []
    for _ in range(2):
        estimate_again(model, batches)
        found.append(model[4].running_var.clone())
    assert torch.equal(*found)  # no dropout
    assert modes == [module.training for module in model.modules()] and model[1].momentum == 0.1
    assert all(torch.equal(a, b) for a, b in zip(weights, model.parameters(), strict=True))


def test_without_batch_norm_there_is_nothing_to_do():
    assert not estimate_again(nn.Linear(2, 2), [])
