"""Cutting a batch, computing activations anew and bfloat16 weights change the memory, not the result."""

import copy
import os
import signal

import pytest
import torch
from safetensors import safe_open
from torch import nn

from tamis_torch import Dense, Elsa, Finetune, InputError, Magnitude, RunError, prunable, prune, training
from tamis_torch.errors import NotFinite
from tamis_torch.interrupt import Interrupted
from tamis_torch.masters import Masters

SHORT = {"steps": 6, "batch_size": 4, "seq_len": 16, "seed": 3}
PRUNING = {"sparsity": 0.9, "interval": 2, "budget": "tensor", "start": "none"}
ELSA = Elsa(**PRUNING, **SHORT)


def bytes_of(run) -> bytes:
    return (run.model / "model.safetensors").read_bytes()


def batch_of(windows: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(320, (windows, 24), generator=torch.Generator().manual_seed(seed))


def gradients(model: nn.Module) -> list[torch.Tensor]:
    return [p.grad.clone() for p in model.parameters()]


@pytest.mark.parametrize("radius", [0.0, 0.3])
@pytest.mark.parametrize("parts", [2, 4])
def test_the_gradient_of_the_parts_is_that_of_the_batch(parts, radius, tiny_model):
    tiny_model.train()
    whole = training.gradient(tiny_model, batch_of(4), "float32", 1, radius)
    expected = gradients(tiny_model)
    tiny_model.zero_grad()
    found = training.gradient(tiny_model, batch_of(4), "float32", parts, radius)
    assert found == pytest.approx(whole, rel=1e-5)
    for a, b in zip(gradients(tiny_model), expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-6)


def test_the_parts_go_through_the_model_one_after_another(tiny_model):
    seen = []
    tiny_model.register_forward_pre_hook(lambda m, a, k: seen.append(len(k["input_ids"])), with_kwargs=True)
    training.gradient(tiny_model, batch_of(6), "float32", 3)
    assert seen == [2, 2, 2]


def test_recomputing_gives_the_same_bytes(tiny_folder, tiny_text, tmp_path):
    plain = prune(tiny_folder, tiny_text, ELSA, out=tmp_path / "plain")
    config = Elsa(**PRUNING, recompute=True, **SHORT)
    assert bytes_of(prune(tiny_folder, tiny_text, config, out=tmp_path / "again")) == bytes_of(plain)


def test_recomputing_runs_each_block_twice_and_is_off_afterwards(tiny_model):
    calls = []
    tiny_model.model.layers[1].input_layernorm.register_forward_hook(lambda *_: calls.append(1))
    tiny_model.train()
    with training.recomputing(tiny_model, True):
        training.gradient(tiny_model, batch_of(2))
    assert len(calls) == 2
    training.gradient(tiny_model, batch_of(2))
    assert len(calls) == 3


def test_a_model_that_cannot_recompute_is_refused(tiny_model, tmp_path):
    type(tiny_model).supports_gradient_checkpointing = False
    try:
        with pytest.raises(InputError, match="recompute must be False: LlamaForCausalLM has no"):
            prune(tiny_model, batch_of(200).flatten(), Dense(recompute=True, **SHORT), out=tmp_path / "run")
    finally:
        type(tiny_model).supports_gradient_checkpointing = True


def test_a_step_below_the_resolution_of_bfloat16_still_moves_the_masters(tiny_model):
    """1e-4 of a weight near 1 a step: after 20 steps the sum shows, in bfloat16 alone it never would."""
    with torch.no_grad():
        for p in tiny_model.parameters():
            p.fill_(1.0)
    masters = Masters(tiny_model)
    optimizer = torch.optim.SGD(masters.parameters(), 1.0)
    weight = dict(masters.named_parameters())["model.layers.0.mlp.up_proj.weight"]
    for _ in range(20):
        masters.share()
        for p in tiny_model.parameters():
            assert p.dtype == torch.bfloat16
            p.grad = torch.full_like(p, 1e-4)
        masters.collect()
        optimizer.step()
        optimizer.zero_grad()
    assert weight.detach().mean().item() == pytest.approx(1 - 20e-4, rel=1e-4)
    assert tiny_model.model.layers[0].mlp.up_proj.weight.detach().float().mean().item() == 1.0
    masters.restore()
    assert tiny_model.model.layers[0].mlp.up_proj.weight.detach().mean().item() == pytest.approx(
        0.998, rel=1e-4
    )


def test_gradients_of_the_parts_are_added_in_float32(tiny_model):
    masters = Masters(tiny_model.train())
    training.gradient(tiny_model, batch_of(4), "float32", 4, 0.0, masters)
    whole = [master.grad.clone() for master in masters.parameters()]
    assert {gradient.dtype for gradient in whole} == {torch.float32}
    assert all(p.grad is None for p in tiny_model.parameters())
    assert any(not torch.equal(gradient, gradient.bfloat16().float()) for gradient in whole)


def test_tied_weights_stay_one_tensor_under_masters(tiny_model):
    masters = Masters(tiny_model)
    assert tiny_model.lm_head.weight is tiny_model.model.embed_tokens.weight
    assert sum(1 for _ in masters.parameters()) == sum(1 for _ in tiny_model.parameters())
    masters.restore()
    assert tiny_model.lm_head.weight is tiny_model.model.embed_tokens.weight
    assert {p.dtype for p in tiny_model.parameters()} == {torch.float32}


@pytest.mark.parametrize("weights", ["float32", "bfloat16"])
def test_the_counts_are_the_same_and_the_file_is_float32(weights, tiny_folder, tiny_text, tmp_path):
    config = Elsa(**PRUNING, weights=weights, **SHORT)
    run = prune(tiny_folder, tiny_text, config, out=tmp_path / "run")
    for layer in run.results["layers"]:
        assert layer["nonzeros"] == round(0.1 * layer["shape"][0] * layer["shape"][1])
    with safe_open(run.model / "model.safetensors", "pt") as file:
        assert {file.get_tensor(name).dtype for name in file.keys()} == {torch.float32}  # noqa: SIM118
        weight = file.get_tensor("model.layers.0.mlp.up_proj.weight")
    assert not torch.equal(weight, weight.bfloat16().float()), "the masters are saved, not their roundings"


def test_bfloat16_weights_learn_nearly_what_float32_does(tiny_folder, tiny_text, tmp_path):
    ends = {}
    for weights in ("float32", "bfloat16"):
        config = Dense(steps=60, batch_size=4, seq_len=32, lr=5e-3, weights=weights)
        judged = prune(tiny_folder, tiny_text, config, out=tmp_path / weights).results["perplexity"]
        ends[weights] = judged["after"]
        assert judged["after"] < 0.5 * judged["before"]
    assert ends["bfloat16"] == pytest.approx(ends["float32"], rel=0.05)


def test_a_stopped_run_with_masters_goes_on_to_the_same_bytes(tiny_folder, tiny_text, tmp_path, monkeypatch):
    config = Elsa(**PRUNING, weights="bfloat16", accumulate=2, metric="gradient", **SHORT)
    whole = prune(tiny_folder, tiny_text, config, out=tmp_path / "whole")
    honest, calls = training.gradient, []

    def interrupting(*arguments):
        calls.append(1)
        if len(calls) == 3:
            os.kill(os.getpid(), signal.SIGINT)
        return honest(*arguments)

    monkeypatch.setattr(training, "gradient", interrupting)
    with pytest.raises(Interrupted, match="after step 3 of 6"):
        prune(tiny_folder, tiny_text, config, out=tmp_path / "run")
    resumed = prune(tiny_folder, tiny_text, config, out=tmp_path / "run", resume=True)
    assert bytes_of(resumed) == bytes_of(whole)


def test_a_run_that_fails_gives_the_model_back_in_float32(tiny_model, tmp_path, monkeypatch):
    monkeypatch.setattr(training, "gradient", lambda *_: (float("nan"), 1.0))
    with pytest.raises(NotFinite):
        prune(tiny_model, batch_of(200).flatten(), Dense(weights="bfloat16", **SHORT), out=tmp_path / "run")
    assert {p.dtype for p in tiny_model.parameters()} == {torch.float32}


@pytest.mark.parametrize("in_backward", [False, True])
def test_the_state_before_a_loss_that_is_not_finite_is_kept_where_it_is_still_there(
    in_backward, tiny_model, tmp_path, monkeypatch
):
    monkeypatch.setattr(training, "gradient", lambda *_: (float("inf"), 1.0))
    told = (
        "have been stepped; go back to the last checkpoint" if in_backward else "state after step 0 is kept"
    )
    with pytest.raises(RunError, match=f"the loss is inf .*{told}"):
        prune(
            tiny_model, batch_of(200).flatten(), Dense(in_backward=in_backward, **SHORT), out=tmp_path / "run"
        )
    assert (tmp_path / "run" / "checkpoints").exists() != in_backward


def test_finetuning_with_masters_keeps_the_zeros(tiny_model, tmp_path):
    tokens = batch_of(200).flatten()
    prune(tiny_model, None, Magnitude(sparsity=0.5), out=tmp_path / "start")
    before = copy.deepcopy(prunable(tiny_model))
    prune(tiny_model, tokens, Finetune(weights="bfloat16", lr=1e-3, **SHORT), out=tmp_path / "end")
    for name, weight in prunable(tiny_model).items():
        assert torch.equal(weight == 0, before[name] == 0) and not torch.equal(weight, before[name])
