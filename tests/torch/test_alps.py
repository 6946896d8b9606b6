"""ALPS: as near the optimum of its support, and of all supports, as is claimed."""

import statistics

import pytest
import torch

from tamis.sets import Sparse
from tamis_torch.errors import InputError, RunError
from tamis_torch.methods import layerwise
from tamis_torch.methods.alps import ALPS, FLOOR, penalty_at, prune_matrix
from tamis_torch.methods.layerwise import conjugate_gradients, in_units
from tamis_torch.methods.reconstruction import refit_matrix, relative_error

from .random_layers import least_error, random_layer, supports

EXACT = ALPS(damping=0.0)


@pytest.mark.parametrize("tokens", [256, 40])
@pytest.mark.parametrize("sparsity", [0.5, 0.7, 0.9])
@pytest.mark.parametrize("seed", range(2))
def test_the_weights_are_optimal_on_their_support_within_a_ten_thousandth(sparsity, seed, tokens):
    weight, gram = random_layer(48, 64, tokens, seed=seed)
    pruned = prune_matrix(ALPS(), weight, gram, sparsity)
    dense, hessian, scale = in_units(weight, gram, ALPS().damping, FLOOR)
    best = relative_error(refit_matrix(dense, hessian, pruned != 0), dense, hessian)
    assert relative_error(pruned * scale, dense, hessian) <= best * (1 + 1e-4)


def test_the_ridges_cost_little_of_the_error_itself():
    for seed in range(3):
        weight, gram = random_layer(48, 64, seed=seed)
        pruned = prune_matrix(ALPS(), weight, gram, 0.7)
        best = relative_error(refit_matrix(weight, gram, pruned != 0), weight, gram)
        assert best <= relative_error(pruned, weight, gram) <= 1.05 * best


def by_multipliers(weight, gram, sparsity):
    """Return the support by the paper's form, eq. 5: the multiplier itself, not scaled by the penalty."""
    wide = gram.double()
    wide = wide + FLOOR * wide.diagonal().mean() * torch.eye(len(wide), dtype=torch.float64)
    scale = wide.diagonal().sqrt()
    eye = torch.eye(len(wide), dtype=torch.float64)
    hessian, dense = wide / scale / scale[:, None] + 0.01 * eye, weight.double() * scale
    allowed = Sparse(1 - sparsity)
    z, multiplier = allowed.project(dense), torch.zeros_like(dense)
    for iteration in range(50):
        penalty = 0.1 * 10 ** (iteration // 5 / 9)
        v = (dense @ hessian - multiplier + penalty * z) @ torch.linalg.inv(hessian + penalty * eye)
        z = allowed.project(v + multiplier / penalty)
        multiplier = multiplier + penalty * (v - z)
    return z != 0


@pytest.mark.parametrize("sparsity", [0.5, 0.9])
def test_it_is_the_papers_iteration(sparsity):
    weight, gram = random_layer(12, 20)
    assert torch.equal(
        prune_matrix(ALPS(), weight, gram, sparsity) != 0, by_multipliers(weight, gram, sparsity)
    )


@pytest.mark.parametrize("count", [2, 4, 6])
def test_tiny_problems_end_near_the_best_of_all_supports_and_never_below_it(count):
    excess = []
    for seed in range(8):
        weight, gram = random_layer(2, 4, 20, seed=seed)
        best = least_error(weight, gram, supports((2, 4), count))
        excess.append(relative_error(prune_matrix(EXACT, weight, gram, 1 - count / 8), weight, gram) / best)
    assert min(excess) > 1 - 1e-4
    assert statistics.median(excess) < 1.02


def test_without_activations_it_keeps_the_largest_weights_as_they_are():
    weight, _ = random_layer(6, 8)
    pruned = prune_matrix(ALPS(), weight, torch.zeros(8, 8), 0.5)
    kept = weight.abs() >= weight.abs().flatten().kthvalue(25).values
    assert torch.equal(pruned, weight * kept)


def test_with_independent_inputs_it_is_wandas_score_over_the_matrix_without_any_change():
    weight, _ = random_layer(6, 8)
    sizes = torch.arange(1.0, 9.0)
    pruned = prune_matrix(EXACT, weight, torch.diag(sizes**2), 0.5)
    score = weight.abs() * sizes
    assert torch.equal(pruned != 0, score >= score.flatten().kthvalue(25).values)
    assert torch.allclose(pruned, weight * (pruned != 0), rtol=1e-5)


def test_conjugate_gradients_stay_at_the_optimum():
    weight, gram = random_layer(8, 16)
    dense, hessian, _ = layer = in_units(weight, gram, 0.01)
    mask = dense.abs() > dense.abs().median()
    best = refit_matrix(dense, hessian, mask)
    assert torch.allclose(conjugate_gradients(layer, mask, best, 5), best, rtol=1e-4, atol=1e-5)


def test_conjugate_gradients_solve_n_unknowns_in_n_steps(monkeypatch):
    monkeypatch.setattr(layerwise, "LEAST_GAIN", -1.0)
    weight, gram = random_layer(8, 16)
    dense, hessian, _ = layer = in_units(weight.double(), gram.double(), 0.01)
    mask = (torch.arange(16) < 6).expand(8, 16)
    best = refit_matrix(dense, hessian, mask)
    assert torch.allclose(conjugate_gradients(layer, mask, dense, 6), best, rtol=1e-6)
    assert not torch.allclose(conjugate_gradients(layer, mask, dense, 4), best, rtol=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_conjugate_gradients_that_go_on_for_long_stay_there_too(seed, monkeypatch):
    monkeypatch.setattr(layerwise, "LEAST_GAIN", -1.0)
    dense, hessian, _ = layer = in_units(*random_layer(8, 16, seed=seed), 0.01)
    mask = dense.abs() > dense.abs().median()
    best = refit_matrix(dense, hessian, mask)
    assert torch.allclose(conjugate_gradients(layer, mask, dense, 1000), best, rtol=1e-3, atol=1e-4)


def test_conjugate_gradients_end_when_a_step_gains_nothing(monkeypatch):
    weight, gram = random_layer(8, 16)
    dense, hessian, _ = layer = in_units(weight, gram, 0.01)
    mask, steps = dense > 0, []
    monkeypatch.setattr(
        layerwise, "_squares", lambda r: (steps.append(1), r.square().sum(dim=1, keepdim=True))[1]
    )
    conjugate_gradients(layer, mask, refit_matrix(dense, hessian, mask), 1000)
    assert len(steps) <= 3


def test_the_penalty_rises_from_a_tenth_to_one_in_stairs():
    config = ALPS(iterations=12, every=4)
    stairs = [penalty_at(config, iteration) for iteration in range(12)]
    assert stairs == pytest.approx([0.1] * 4 + [0.1**0.5] * 4 + [1.0] * 4)
    assert penalty_at(ALPS(iterations=1), 0) == 0.1


def test_activations_that_are_not_finite_are_refused():
    with pytest.raises(RunError, match="Gram matrix holds NaN or infinity"):
        prune_matrix(ALPS(), torch.ones(2, 3), torch.full((3, 3), torch.nan), 0.5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"damping": -0.1}, r"damping must be in \[0, 1\], got -0.1"),
        ({"iterations": 0}, "iterations must be an integer of at least 1, got 0"),
        ({"every": 0}, "every must be an integer of at least 1, got 0"),
    ],
)
def test_settings_refuse_what_they_cannot_mean(settings, message):
    with pytest.raises(InputError, match=message):
        ALPS(**settings)
