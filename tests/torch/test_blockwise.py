"""Pruning block by block: the right inputs, one block in memory, the right blocks and windows."""

import json
import weakref
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from torch import nn

from tamis_torch import InputError, RunError, input_axes, prunable, prune
from tamis_torch.blockwise import blocks as blockwise_blocks
from tamis_torch.blockwise.blocks import Call, advance, find, first_calls
from tamis_torch.blockwise.gram import grams
from tamis_torch.blockwise.windows import draw
from tamis_torch.methods import wanda
from tamis_torch.methods.wanda import Wanda

from .architectures import build, tokens

CONFIG = Wanda(sparsity=0.7, samples=12, seq_len=16, seed=3)


class Inside(NamedTuple):
    """A model taken apart: its blocks, and what the first is called with on 11 windows of 32 tokens."""

    model: nn.Module
    blocks: list
    calls: list
    extras: dict
    windows: torch.Tensor


def inside(family: str, dtype: str = "float32") -> Inside:
    model, windows = build(family), tokens().view(-1, 32)[:11]
    blocks = find(model, prunable(model), input_axes(model))
    return Inside(model, blocks, *first_calls(model, blocks, windows, dtype), windows)


def inputs_of(model, name, windows, dtype=torch.float32):
    """Return what the layer reads in the model's own forward pass, (all tokens, inputs)."""
    seen, layer = [], model.get_submodule(name.removesuffix(".weight"))
    hook = layer.register_forward_pre_hook(lambda _, args: seen.append(args[0].flatten(0, -2)))
    with torch.no_grad(), torch.autocast("cpu", dtype, enabled=dtype != torch.float32):
        for part in windows.split(8):
            model(input_ids=part, use_cache=False)
    hook.remove()
    return torch.cat(seen)


def lines_of(run: Path) -> list[dict]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text("utf-8").splitlines()]
    timed = ("seconds", "tokens_per_second")
    return [{key: value for key, value in line.items() if key not in timed} for line in lines]


# what a method is given


@pytest.mark.parametrize("family", ["llama", "opt", "gpt2"])
def test_the_gram_matrix_is_that_of_the_inputs(family):
    model, blocks, calls, _, windows = inside(family)
    for name, gram in grams(blocks[0], calls, "float32").items():
        x = inputs_of(model, name, windows).double()
        assert torch.allclose(gram.double(), 2 / len(x) * x.T @ x, rtol=1e-4, atol=1e-7)


def test_the_gram_matrix_is_not_rounded_to_bfloat16():
    model, blocks, calls, _, windows = inside("llama", "bfloat16")
    for name, gram in grams(blocks[0], calls, "bfloat16").items():
        x = inputs_of(model, name, windows, torch.bfloat16).double()
        exact = 2 / len(x) * x.T @ x
        assert gram.dtype == torch.float32
        assert (gram - exact).norm() < 1e-5 * exact.norm()


def test_layers_that_read_the_same_share_one_matrix():
    _, blocks, calls, _, _ = inside("llama")
    found = {name.split(".")[-2]: id(gram) for name, gram in grams(blocks[0], calls, "float32").items()}
    assert found["q_proj"] == found["k_proj"] == found["v_proj"]
    assert found["gate_proj"] == found["up_proj"]
    assert len(set(found.values())) == 4


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_a_block_is_pruned_on_the_inputs_that_the_pruned_ones_give(family, tmp_path, monkeypatch):
    """The first layer of the second block, and weights as (outputs, inputs) however they are stored."""
    model, seen, honest = build(family), [], wanda.prune_matrix

    def spy(config, weight, gram, sparsity):
        seen.append((weight.shape, gram.clone()))
        return honest(config, weight, gram, sparsity)

    monkeypatch.setattr(wanda, "prune_matrix", spy)
    text = tokens()
    prune(model, text, CONFIG, out=tmp_path / "run", eval_seq_len=64)
    weights, axes = prunable(model), input_axes(model)
    sizes = [(weight.shape[1 - axes[name]], weight.shape[axes[name]]) for name, weight in weights.items()]
    assert [tuple(shape) for shape, _ in seen] == sizes
    first = len(weights) // 2
    x = inputs_of(model, list(weights)[first], draw(text[:576], CONFIG)).double()
    assert torch.allclose(seen[first][1].double(), 2 / len(x) * x.T @ x, rtol=1e-4, atol=1e-7)


def test_only_one_blocks_activations_are_in_memory():
    _, blocks, calls, extras, _ = inside("llama")
    before = [weakref.ref(call.hidden) for call in calls]
    advance(blocks[0], calls, extras, "float32")
    assert [one() for one in before] == [None, None]


def test_a_layer_without_input_is_said():
    _, blocks, calls, _, _ = inside("llama")
    unused = nn.Linear(4, 4)
    blocks[0].module.add_module("unused", unused)
    block = blocks[0]._replace(weights={f"{blocks[0].name}.unused.weight": unused.weight})
    with pytest.raises(RunError, match=r"layers\.0\.unused\.weight got no input .* more samples, or skip it"):
        grams(block, calls, "float32")


def test_inputs_that_are_not_finite_are_said(tmp_path):
    model = build("llama")
    with torch.no_grad():
        model.model.layers[0].input_layernorm.weight[3] = float("inf")
    with pytest.raises(
        RunError, match=r"inputs of model\.layers\.0\.self_attn\.q_proj\.weight are not finite"
    ):
        prune(model, tokens(600), CONFIG, out=tmp_path / "run", eval_seq_len=64)
    assert json.loads((tmp_path / "run" / "run.json").read_text())["status"] == "failed"


def test_arguments_that_depend_on_the_text_are_refused(monkeypatch):
    """Those of later blocks are recorded on the first windows only, so this would be silently wrong."""
    honest = blockwise_blocks._record

    def record(model, blocks, windows, dtype):
        return [
            Call(hidden, kwargs | {"seen": windows})
            for hidden, kwargs in honest(model, blocks, windows, dtype)
        ]

    monkeypatch.setattr(blockwise_blocks, "_record", record)
    model = build("llama")
    blocks = find(model, prunable(model), input_axes(model))
    with pytest.raises(RunError, match=r"model\.layers\.0 gets arguments that depend on the text"):
        first_calls(model, blocks, tokens().view(-1, 32)[:16], "float32")


# which blocks and windows


class Experts(nn.Module):
    """Two blocks, each with a longer list inside, and a layer outside them."""

    def __init__(self):
        super().__init__()
        self.before = nn.Linear(4, 4)
        self.blocks = nn.ModuleList(nn.ModuleList(nn.Linear(4, 4) for _ in range(5)) for _ in range(2))


def test_blocks_are_the_outer_list_and_what_is_outside_is_refused():
    model = Experts()
    inner = {name: p for name, p in model.named_parameters() if name.startswith("blocks.") and p.ndim == 2}
    axes = dict.fromkeys([*inner, "before.weight"], 1)
    assert [(block.name, len(block.weights)) for block in find(model, inner, axes)] == [
        ("blocks.0", 5), ("blocks.1", 5)
    ]  # fmt: skip
    with pytest.raises(InputError, match="takes layers in blocks only, but before is outside; leave it out"):
        find(model, {"before.weight": model.before.weight, **inner}, axes)
    with pytest.raises(InputError, match="Linear has no list of blocks"):
        find(model.before, {}, {})


def test_windows_are_drawn_by_the_seed_each_once():
    text = torch.arange(160)
    drawn = draw(text, CONFIG)
    assert drawn.shape == (10, 16)  # no more than there are
    assert torch.equal(drawn.flatten().sort().values, text)
    few = Wanda(samples=4, seq_len=16, seed=3)
    assert torch.equal(draw(text, few), drawn[:4])
    assert not torch.equal(draw(text, Wanda(samples=4, seq_len=16, seed=4)), drawn[:4])


def test_blocks_that_are_skipped_stay_dense_and_feed_the_next(tmp_path):
    config = Wanda(sparsity=0.5, samples=4, seq_len=16, layers="*.mlp.*", skip="model.layers.0.*")
    model, dense = build("llama"), build("llama").state_dict()
    prune(model, tokens(600), config, out=tmp_path / "run", eval_seq_len=64)
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, dense[name])}
    assert changed == {f"model.layers.1.mlp.{layer}_proj.weight" for layer in ("gate", "up", "down")}
    assert [line["sparsity"] for line in lines_of(tmp_path / "run")] == [0.0, 0.5]


BAD = [
    (None, {}, "this method learns from a text: give a training text"),
    (tokens(), {"seq_len": 100}, "seq_len must be at most the model's 64 positions, got 100"),
    (tokens(20), {}, "shorter than one window: it has 20 tokens"),
    (tokens(), {"samples": 0}, "samples must be an integer of at least 1, got 0"),
    (tokens(), {"ratios": "best"}, "ratios must be one of uniform, owl, got 'best'"),
    (tokens(), {"ratios": "owl", "pattern": "2:4"}, "ratios must be uniform with a pattern"),
    (tokens(), {"pattern": "2:5"}, "multiple of 5"),
]


@pytest.mark.parametrize(("text", "changed", "message"), BAD)
def test_bad_input_is_refused_before_anything_is_written(text, changed, message, tmp_path):
    with pytest.raises(InputError, match=message):
        prune(build("llama"), text, Wanda(**{"seq_len": 32} | changed), out=tmp_path / "run")
    assert not list(tmp_path.iterdir())
