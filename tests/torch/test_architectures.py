"""Every method prunes every family of model, exactly: Llama, OPT, GPT-2, Gemma, Qwen, Mistral."""

from typing import Any

import pytest
import torch

from tamis_torch import Finetune, Magnitude, input_axes, prunable, prune
from tamis_torch.blockwise.blocks import advance, find, first_calls, run
from tamis_torch.methods.names import kind_of

from .architectures import CONFIGS, build, tokens

LEARNING = {"seq_len": 16}
TRAINED = {"steps": 3, "batch_size": 2, **LEARNING}
CALIBRATED = {"samples": 4, **LEARNING}
SHORT = {"epochs": 2, "batch_size": 2, **CALIBRATED}
METHODS: dict[str, dict[str, Any]] = {
    "magnitude": {},
    "elsa": TRAINED,
    "wanda": CALIBRATED,
    "sparsegpt": CALIBRATED,
    "alps": {"iterations": 10, **CALIBRATED},
    "ladmm": CALIBRATED,
    "safe": SHORT,
    "safe-plus": SHORT,
}
TEXT = tokens(600)  # too short for a part of it to be held out
GOALS = [{"sparsity": 0.9}, {"pattern": "2:4"}, {"pattern": "4:8"}]


def blocks_of(model):
    weights = prunable(model)
    return find(model, weights, input_axes(model))


def last_norm(model):
    """Return the normalisation that reads the last block's output."""
    return next(
        model.get_submodule(name)
        for name in ("model.norm", "model.decoder.final_layer_norm", "transformer.ln_f")
        if name in dict(model.named_modules())
    )


def kept(weight, axis, group):
    """Return the number of nonzeros of each group of consecutive inputs."""
    return (weight.detach().movedim(axis, -1).unflatten(-1, (-1, group)) != 0).sum(-1)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("family", CONFIGS)
def test_walking_the_blocks_gives_the_models_own_hidden_states(family, dtype):
    """To the last bit, with more windows than a call takes, and longer ones than a sliding window."""
    model, seen = build(family), []
    windows = tokens().view(-1, 32)[:11]
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=dtype == "bfloat16"):
        hook = last_norm(model).register_forward_pre_hook(lambda _, args: seen.append(args[0]))
        for part in windows.split(8):
            model(input_ids=part, use_cache=False)
        hook.remove()
    blocks = blocks_of(model)
    calls, extras = first_calls(model, blocks, windows, dtype)
    for block in blocks[:-1]:
        advance(block, calls, extras, dtype)
    with torch.no_grad():
        walked = [run(blocks[-1], call, dtype) for call in calls]
    assert [len(part) for part in walked] == [8, 3]
    assert torch.equal(torch.cat(walked), torch.cat(seen))


@pytest.mark.parametrize("family", ["gemma2", "gemma3"])
def test_each_block_gets_its_own_mask(family):
    """A sliding window of 6 tokens in the first block, none in the second."""
    model = build(family)
    _, extras = first_calls(model, blocks_of(model), tokens().view(-1, 32)[:2], "float32")
    first, second = (kwargs["attention_mask"] for kwargs in extras[2])
    assert first is not None and (second is None or not torch.equal(first, second))


@pytest.mark.parametrize("goal", GOALS, ids=lambda goal: str(next(iter(goal.values()))))
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("family", CONFIGS)
def test_exactly_what_was_asked_is_zero(family, method, goal, tmp_path):
    model, config = build(family), kind_of(method)(**goal, **METHODS[method])
    head = model.get_output_embeddings().weight.detach().clone()
    prune(model, TEXT, config, out=tmp_path / "run", checkpoint_every=0)
    assert len(prunable(model)) == {"opt": 12, "gpt2": 8}.get(family, 14)
    check_zeros(model, config)
    if method != "elsa":
        assert torch.equal(model.get_output_embeddings().weight, head)


@pytest.mark.parametrize("pattern", ["3:4", "1:16", "7:8"])
@pytest.mark.parametrize("method", METHODS)
def test_any_pattern_is_kept_exactly(method, pattern, tmp_path):
    model, config = build("gpt2"), kind_of(method)(pattern=pattern, **METHODS[method])
    prune(model, TEXT, config, out=tmp_path / "run", checkpoint_every=0)
    check_zeros(model, config)


@pytest.mark.parametrize("family", CONFIGS)
def test_finetuning_keeps_the_zeros(family, tmp_path):
    model = build(family)
    prune(model, None, Magnitude(sparsity=0.9), out=tmp_path / "pruned")
    before = {name: weight.detach().clone() for name, weight in prunable(model).items()}
    prune(model, TEXT, Finetune(**TRAINED), out=tmp_path / "tuned", checkpoint_every=0)
    for name, weight in prunable(model).items():
        assert torch.equal(weight != 0, before[name] != 0) and not torch.equal(weight, before[name])


def check_zeros(model, config):
    weights, axes = prunable(model), input_axes(model)
    assert all(weight.isfinite().all() for weight in weights.values())
    if config.pattern is not None:
        n, m = map(int, config.pattern.split(":"))
        assert all((kept(weight, axes[name], m) == n).all() for name, weight in weights.items())
        return
    together = getattr(config, "budget", "tensor") == "global"
    pools = [list(weights.values())] if together else [[weight] for weight in weights.values()]
    for pool in pools:
        nonzeros, entries = (sum(map(count, pool)) for count in (torch.count_nonzero, torch.numel))
        assert nonzeros == round((1 - config.sparsity) * entries)
