"""What holds for the layer-wise methods alike: exact counts, invariances, degenerate Grams, their order."""

import statistics

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tamis.sets import NofM, Sparse
from tamis_torch.methods import alps, ladmm, sparsegpt, wanda
from tamis_torch.methods.alps import ALPS
from tamis_torch.methods.ladmm import LADMM
from tamis_torch.methods.reconstruction import relative_error
from tamis_torch.methods.sparsegpt import SparseGPT
from tamis_torch.methods.wanda import Wanda

from .random_layers import least_error, random_layer, supports

METHODS = {
    "alps": (ALPS, alps.prune_matrix),
    "ladmm": (LADMM, ladmm.prune_matrix),
    "sparsegpt": (SparseGPT, sparsegpt.prune_matrix),
    "wanda": (Wanda, wanda.prune_matrix),
}
all_methods = pytest.mark.parametrize("name", METHODS)
admm = pytest.mark.parametrize("name", ["alps", "ladmm"])


def prune(name, weight, gram, sparsity=None, **given):
    kind, prune_matrix = METHODS[name]
    config = kind(sparsity=sparsity, **given)
    return prune_matrix(config, weight, gram, config.sparsity)


def error(name, weight, gram, sparsity):
    if name == "magnitude":
        return relative_error(Sparse(1 - sparsity).project(weight), weight, gram)
    return relative_error(prune(name, weight, gram, sparsity), weight, gram)


@pytest.mark.parametrize("sparsity", [0.5, 0.7, 0.9])
def test_the_errors_come_in_the_order_of_the_effort(sparsity):
    names = ["alps", "ladmm", "sparsegpt", "wanda", "magnitude"]
    layers = [random_layer(48, 64, seed=seed) for seed in range(5)]
    errors = [statistics.median(error(name, *layer, sparsity) for layer in layers) for name in names]
    assert errors == sorted(errors)


@all_methods
@settings(max_examples=15)
@given(st.integers(1, 9), st.integers(1, 17), st.floats(0, 0.99), st.integers(0, 99))
def test_exactly_the_asked_count_is_kept(name, rows, inputs, sparsity, seed):
    weight, gram = random_layer(rows, inputs, 20, seed=seed)
    pruned = prune(name, weight, gram, sparsity)
    assert int((pruned != 0).sum()) == round((1 - sparsity) * weight.numel())
    assert pruned.shape == weight.shape
    assert pruned.dtype == weight.dtype


@all_methods
@pytest.mark.parametrize(("n", "m"), [(2, 4), (4, 8), (1, 3)])
def test_a_pattern_is_kept_in_every_group_with_exactly_n(name, n, m):
    weight, gram = random_layer(10, 24)
    pruned = prune(name, weight, gram, pattern=f"{n}:{m}")
    assert NofM(n, m, axis=1).contains(pruned)
    assert int((pruned != 0).sum()) == weight.numel() * n // m


@all_methods
@pytest.mark.parametrize("pattern", [None, "2:4"])
def test_ties_make_neither_more_nor_fewer(name, pattern):
    pruned = prune(name, torch.ones(3, 4), torch.eye(4), None if pattern else 0.5, pattern=pattern)
    assert int((pruned != 0).sum()) == 6
    assert torch.allclose(pruned[pruned != 0], torch.ones(6), rtol=1e-2)


@all_methods
def test_what_is_asked_for_without_zeros_stays_as_it_is(name):
    weight, gram = random_layer(6, 8)
    assert torch.allclose(prune(name, weight, gram, 0.0), weight, rtol=1e-4, atol=1e-6)


@all_methods
@pytest.mark.parametrize("sparsity", [0.5, 0.8])
def test_a_matrix_of_twice_the_size_is_pruned_to_twice_the_result(name, sparsity):
    weight, gram = random_layer(20, 24)
    assert torch.equal(prune(name, 2 * weight, gram, sparsity), 2 * prune(name, weight, gram, sparsity))
    scaled = prune(name, -3 * weight, gram, sparsity)
    assert torch.allclose(scaled, -3 * prune(name, weight, gram, sparsity), rtol=1e-3, atol=1e-4)


@all_methods
def test_activations_of_twice_the_size_change_nothing(name):
    weight, gram = random_layer(20, 24)
    assert torch.equal(prune(name, weight, 4 * gram, 0.6), prune(name, weight, gram, 0.6))


@pytest.mark.parametrize("name", ["ladmm", "wanda"])
def test_inputs_in_other_units_give_the_same_layer(name):
    weight, gram = random_layer(20, 24)
    units = 2.0 ** torch.arange(24).remainder(5)
    other = prune(name, weight / units, gram * units * units[:, None], 0.6)
    assert torch.equal(other * units, prune(name, weight, gram, 0.6))


@admm
def test_rows_in_another_order_are_the_rows_of_the_result_in_that_order(name):
    weight, gram = random_layer(20, 24)
    order = torch.randperm(20, generator=torch.Generator().manual_seed(0))
    permuted, plain = prune(name, weight[order], gram, 0.6), prune(name, weight, gram, 0.6)[order]
    assert torch.equal(permuted != 0, plain != 0)
    assert torch.allclose(permuted, plain, rtol=1e-3, atol=1e-4)


@all_methods
def test_inputs_that_are_always_zero_go_first(name):
    weight, gram = random_layer(10, 16)
    alive = torch.ones(16)
    alive[[3, 8]] = 0
    pruned = prune(name, weight, gram * alive * alive[:, None], 0.5)
    assert torch.isfinite(pruned).all()
    assert not pruned[:, [3, 8]].any()


@all_methods
@pytest.mark.parametrize("sparsity", [0.5, 0.9])
def test_fewer_tokens_than_inputs_do_not_break_it(name, sparsity):
    weight, gram = random_layer(20, 48, tokens=12)
    pruned = prune(name, weight, gram, sparsity)
    assert torch.isfinite(pruned).all()
    assert pruned.abs().max() < 20 * weight.abs().max()
    assert relative_error(pruned, weight, gram) < error("magnitude", weight, gram, sparsity)


@all_methods
def test_the_same_call_gives_the_same_bits(name):
    weight, gram = random_layer(20, 24)
    assert torch.equal(prune(name, weight, gram, 0.6), prune(name, weight, gram, 0.6))


@all_methods
@pytest.mark.parametrize("count", [2, 5])
def test_no_method_is_below_the_best_of_all_supports(name, count):
    for seed in range(3):
        weight, gram = random_layer(2, 4, 20, seed=seed)
        best = least_error(weight, gram, supports((2, 4), count))
        assert error(name, weight, gram, 1 - count / 8) >= best * (1 - 1e-4)
