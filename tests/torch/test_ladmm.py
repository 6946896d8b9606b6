"""L-ADMM: its steps, written out plainly, and how near the optimum of its support they end."""

import pytest
import torch

from tamis.sets import NofM
from tamis_torch.errors import InputError
from tamis_torch.methods.ladmm import LADMM, growing, prune_matrix
from tamis_torch.methods.reconstruction import refit_matrix, relative_error

from .random_layers import random_layer


def by_the_book(weight, gram, sparsity, iterations=20, growth=15):
    """Return the authors' loop in float64: sizes, ridge of 0.1, inverse at penalty 1, cubic growth."""
    weight, gram = weight.double(), gram.double()
    sizes = gram.diagonal().sqrt()
    hessian = gram / sizes / sizes[:, None] + 0.1 * torch.eye(len(gram), dtype=torch.float64)
    dense = weight * sizes
    solve = torch.linalg.inv(hessian + torch.eye(len(gram), dtype=torch.float64))
    v, u = dense, torch.zeros_like(dense)
    for step in range(iterations):
        if step < growth:
            now = sparsity - sparsity * (1 - (step + 1) / growth) ** 3
            drop = (v + u).abs().flatten().argsort()[: dense.numel() - round((1 - now) * dense.numel())]
            mask = torch.ones(dense.numel(), dtype=torch.bool)
            mask[drop] = False
            mask = mask.reshape(dense.shape)
        z = (v + u) * mask
        u = u + v - z
        v = (dense @ hessian + z - u) @ solve
    return (v + u) * mask / sizes


@pytest.mark.parametrize("sparsity", [0.3, 0.5, 0.9])
def test_it_is_the_published_loop(sparsity):
    weight, gram = random_layer(12, 20)
    expected = by_the_book(weight, gram, sparsity)
    pruned = prune_matrix(LADMM(), weight, gram, sparsity)
    assert torch.equal(pruned != 0, expected != 0)
    assert torch.allclose(pruned.double(), expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("sparsity", [0.5, 0.7, 0.9])
@pytest.mark.parametrize("seed", range(3))
def test_its_weights_are_within_a_twentieth_of_the_optimum_on_their_support(sparsity, seed):
    weight, gram = random_layer(48, 64, seed=seed)
    pruned = prune_matrix(LADMM(), weight, gram, sparsity)
    gram = gram + LADMM().damping * torch.diag(gram.diagonal())
    best = relative_error(refit_matrix(weight, gram, pruned != 0), weight, gram)
    assert best <= relative_error(pruned, weight, gram) <= 1.05 * best


def test_more_steps_come_nearer_to_the_optimum_of_the_support():
    weight, gram = random_layer(24, 32)
    errors = [
        relative_error(prune_matrix(LADMM(iterations=n, growth=1), weight, gram, 0.7), weight, gram)
        for n in (1, 3, 10)
    ]
    assert errors == sorted(errors, reverse=True)


def test_an_n_of_m_pattern_grows_by_what_it_lets_go():
    config = LADMM(pattern="2:8", iterations=4, growth=4)
    steps = [growing(config, config.sparsity, step) for step in (1, 2, 3, 4)]
    assert steps == [NofM(5, 8, axis=1), NofM(3, 8, axis=1), NofM(2, 8, axis=1), NofM(2, 8, axis=1)]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"damping": 1.5}, r"damping must be in \[0, 1\], got 1.5"),
        ({"penalty": 0.0}, "penalty must be in"),
        ({"iterations": 0}, "iterations must be an integer of at least 1, got 0"),
        ({"growth": 0}, "growth must be an integer of at least 1"),
        ({"growth": 30}, r"growth must be at most iterations \(20\), got 30"),
    ],
)
def test_settings_refuse_what_they_cannot_mean(settings, message):
    with pytest.raises(InputError, match=message):
        LADMM(**settings)
