"""The residual stream of a bfloat16 model is float32 while it trains: what a block adds to it arrives."""

from contextlib import nullcontext

import pytest
import torch

from tamis_torch.residual import wide_residual
from tamis_torch.training import gradient

from .architectures import build, tokens

BATCH = tokens(256).view(4, 64)


def large_stream(family, dtype):
    """Return a model whose blocks add little to a large stream; its weights are bfloat16's in either dtype."""
    model = build(family).bfloat16()
    with torch.no_grad():
        model.get_input_embeddings().weight *= 512
    return model.to(dtype)


def added(model, wide):
    """Return what the first block adds to the stream, and the gradient of the batch."""
    streams = {}
    for number in (0, 1):
        model.model.layers[number].register_forward_pre_hook(
            lambda module, given, number=number: streams.update({number: given[0].detach()})
        )
    with wide_residual(model, "float32") if wide else nullcontext("float32") as dtype:
        gradient(model, BATCH, dtype)
    assert streams[0].dtype == streams[1].dtype == (torch.float32 if wide else model.dtype)
    grads = torch.cat([p.grad.float().flatten() for p in model.parameters()])
    return streams[1].float() - streams[0].float(), grads


@pytest.mark.parametrize("family", ["llama", "gemma", "gemma2", "gemma3", "qwen2", "qwen3", "mistral"])
def test_what_a_block_adds_to_a_large_stream_arrives(family):
    exact, gradients = added(large_stream(family, torch.float32), wide=False)
    narrow, away = added(large_stream(family, torch.bfloat16), wide=False)
    wide, nearer = added(large_stream(family, torch.bfloat16), wide=True)
    assert (wide - exact).norm() < 0.02 * exact.norm() < 0.3 * (narrow - exact).norm()
    assert (nearer - gradients).norm() < (away - gradients).norm()


def test_a_float32_model_is_left_as_it_is():
    model = build("llama")
    with wide_residual(model, "float32") as dtype:
        assert dtype == "float32" and not model.get_input_embeddings()._forward_hooks


@pytest.mark.parametrize("family", ["opt", "gpt2"])
def test_a_model_with_layer_norm_is_left_as_it_is(family):
    model = build(family).bfloat16()
    with wide_residual(model, "float32") as dtype:
        assert dtype == "float32"
        gradient(model, BATCH, dtype)


def test_the_hook_is_gone_afterwards():
    model = build("llama").bfloat16()
    with wide_residual(model, "float32") as dtype:
        assert dtype == "bfloat16"
        assert model.get_input_embeddings()(BATCH).dtype == torch.float32
    assert model.get_input_embeddings()(BATCH).dtype == torch.bfloat16
