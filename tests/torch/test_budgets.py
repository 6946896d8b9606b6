"""Whatever shares a count of zeros, exactly the asked count is kept, and the best of it."""

import json
import subprocess
import sys

import pytest
import torch
from torch import nn

from tamis_torch import ADMM, Elsa, Magnitude, advice, prunable, prune
from tamis_torch.methods import magnitude
from tamis_torch.methods.budget import block_of, groups

BUDGETS = ["tensor", "row", "block", "global"]
SHAPES = {
    "model.layers.0.mlp.up.weight": (12, 7),
    "model.layers.0.mlp.down.weight": (7, 12),
    "model.layers.1.mlp.up.weight": (12, 7),
    "model.project.weight": (5, 9),
}
AXES = dict.fromkeys(SHAPES, 1) | {"model.layers.0.mlp.down.weight": 0}
UNITS = {"tensor": [1, 1, 1, 1], "row": [1, 1, 1, 1], "block": [2, 1, 1], "global": [4]}  # matrices a count


def make_weights() -> dict[str, nn.Parameter]:
    draw = torch.Generator().manual_seed(0)
    return {name: nn.Parameter(torch.randn(shape, generator=draw)) for name, shape in SHAPES.items()}


@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("sparsity", [0.0, 0.37, 0.9, 0.99])
def test_the_count_is_exact_and_the_largest_are_kept(budget, sparsity):
    weights = make_weights()
    dense = {name: weight.detach().clone() for name, weight in weights.items()}
    magnitude.apply(Magnitude(sparsity=sparsity, budget=budget), weights, AXES)
    names = groups(budget, weights)
    assert [len(group) for group in names] == UNITS[budget]
    for group in names:
        flat = torch.cat([weights[name].detach().flatten() for name in group])
        assert torch.count_nonzero(flat) == round((1 - sparsity) * len(flat))
        sizes = torch.cat([dense[name].flatten() for name in group]).abs()
        if budget != "row" and 0 < torch.count_nonzero(flat) < len(flat):
            assert sizes[flat != 0].min() > sizes[flat == 0].max()
    for name, weight in weights.items():
        assert torch.equal(weight[weight != 0], dense[name][weight != 0])


@pytest.mark.parametrize("sparsity", [0.37, 0.9])
def test_rows_keep_the_same_number_or_one_more(sparsity):
    """Rows run along the inputs, which is the first axis of a Conv1D weight."""
    weights = make_weights()
    dense = {name: weight.detach().clone() for name, weight in weights.items()}
    magnitude.apply(Magnitude(sparsity=sparsity, budget="row"), weights, AXES)
    for name, weight in weights.items():
        rows, before = weight.detach().movedim(AXES[name], 1), dense[name].movedim(AXES[name], 1).abs()
        kept = torch.count_nonzero(rows, dim=1)
        least = round((1 - sparsity) * weight.numel()) // len(rows)
        assert set(kept.tolist()) <= {least, least + 1}
        for row, sizes in zip(rows, before, strict=True):
            if 0 < torch.count_nonzero(row) < len(row):
                assert sizes[row != 0].min() > sizes[row == 0].max()


@pytest.mark.filterwarnings("ignore:the ")  # of a run this short
@pytest.mark.parametrize("budget", BUDGETS)
def test_elsa_ends_with_the_exact_count_of_each_budget(budget):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(10, 16), nn.Tanh(), nn.Linear(16, 4))
    config = Elsa(sparsity=0.7, steps=20, interval=3, budget=budget)
    optimizer = ADMM(torch.optim.Adam(model.parameters(), 1e-2), prunable(model), config)
    for seed in range(20):
        model(torch.randn(8, 10, generator=torch.Generator().manual_seed(seed))).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    optimizer.finalize()
    for group in groups(budget, prunable(model)):
        total = sum(prunable(model)[name].numel() for name in group)
        left = sum(int(torch.count_nonzero(prunable(model)[name])) for name in group)
        assert left == round(0.3 * total)


def test_a_global_budget_compares_by_the_metrics_own_scale():
    """The matrix with the larger second moments keeps more, although its weights are equal."""
    model = nn.Sequential(nn.Linear(6, 6, bias=False), nn.Linear(6, 6, bias=False))
    config = Elsa(sparsity=0.5, interval=1, growth=0.0, budget="global", metric="fisher", penalty=1e-9)
    optimizer = ADMM(torch.optim.Adam(model.parameters(), 1e-12), prunable(model), config)
    with torch.no_grad():
        for layer in model:
            layer.weight.fill_(1.0)
    model[0].weight.grad = torch.full((6, 6), 1e-3)
    model[1].weight.grad = torch.full((6, 6), 1e-2)
    optimizer.step()
    assert not optimizer.kept["0.weight"].any() and optimizer.kept["1.weight"].all()


def test_ties_over_matrices_are_kept_by_lowest_index():
    weights = {name: nn.Parameter(torch.ones(2, 3)) for name in ("a.weight", "b.weight")}
    magnitude.apply(Magnitude(sparsity=0.25, budget="global"), weights, dict.fromkeys(weights, 1))
    assert weights["a.weight"].tolist() == [[1, 1, 1], [1, 1, 1]]
    assert weights["b.weight"].tolist() == [[1, 1, 1], [0, 0, 0]]


@pytest.mark.parametrize(
    ("name", "block"),
    [
        ("model.layers.11.mlp.up_proj.weight", "model.layers.11"),
        ("model.layers.1.mlp.experts.3.w1.weight", "model.layers.1"),
        ("model.decoder.layers.0.fc1.weight", "model.decoder.layers.0"),
        ("transformer.h.5.attn.c_attn.weight", "transformer.h.5"),
        ("0.weight", "0"),
        ("model.decoder.project_in.weight", ""),
        ("fc1.weight", ""),
    ],
)
def test_the_block_of_a_weight_is_read_off_its_name(name, block):
    assert block_of(name) == block


def test_a_global_selection_needs_about_twice_the_memory_of_the_weights():
    """In a process of its own: the peak above what was there before, in units of the weights."""
    code = """
import resource, torch
from torch import nn
from tamis_torch.methods.magnitude import Magnitude, apply
weights = {str(i): nn.Parameter(torch.randn(1000, 1000)) for i in range(20)}
apply(Magnitude(), {"0": weights["0"]}, {"0": 1})
peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
before = peak()
apply(Magnitude(budget="global"), weights, dict.fromkeys(weights, 1))
print((peak() - before) / (4 * 20e6))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 2.6  # two copies, two masks of bool


def test_a_gradient_pull_has_to_travel_to_the_quantile_of_what_shares_a_budget():
    """One matrix of small weights and one of large: together only the small ones have to go."""
    weights = {"a.weight": nn.Parameter(torch.full((4, 4), 0.1)), "b.weight": nn.Parameter(torch.ones(4, 4))}
    for budget, heard in (("tensor", 1), ("global", 0)):
        config = Elsa(sparsity=0.5, steps=1000, pull="gradient", penalty=0.01, budget=budget)
        assert len(advice.before(config, weights, lr=1e-3)) == heard


def test_matrices_with_nothing_left_are_said(tiny_folder, tiny_text, tmp_path):
    """Of an untrained model the queries and keys are worth next to nothing."""
    config = Elsa(sparsity=0.9, steps=4, batch_size=2, seq_len=16, budget="global", interval=2, start="none")
    results = prune(tiny_folder, tiny_text, config, out=tmp_path / "run").results
    empty = [layer["name"] for layer in results["layers"] if layer["nonzeros"] == 0]
    assert len(empty) > 0
    said = f"{len(empty)} of 14 matrices have no weight left, the first is {empty[0]}"
    assert any(said in text for text in results["warnings"])


@pytest.mark.parametrize("budget", ["row", "block", "global"])
def test_a_run_keeps_its_budget_in_the_file(budget, tiny_folder, tiny_text, tmp_path):
    config = Elsa(sparsity=0.8, steps=6, batch_size=2, seq_len=16, budget=budget, start="none")
    run = prune(tiny_folder, tiny_text, config, out=tmp_path / "run")
    layers = {layer["name"]: layer for layer in run.results["layers"]}
    for group in groups(budget, layers):
        total = sum(layers[name]["shape"][0] * layers[name]["shape"][1] for name in group)
        assert sum(layers[name]["nonzeros"] for name in group) == round(0.2 * total)
    assert json.loads((run.folder / "config.json").read_text())["budget"] == budget
