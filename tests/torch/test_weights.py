"""What is pruned: every linear layer but the head, whatever the architecture calls it."""

import pytest
import torch
from torch import nn
from transformers import GPT2Config, GPT2LMHeadModel, OPTConfig, OPTForCausalLM, Qwen2Config, Qwen2ForCausalLM

from tamis_torch import Elsa, Magnitude, input_axes, prunable, prune

SMALL = {"vocab_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "hidden_size": 16}
MODELS = {
    "gpt2": lambda: GPT2LMHeadModel(
        GPT2Config(vocab_size=64, n_positions=32, n_embd=16, n_layer=2, n_head=2)
    ),
    "opt": lambda: OPTForCausalLM(
        OPTConfig(**SMALL, ffn_dim=32, max_position_embeddings=32, word_embed_proj_dim=16)
    ),
    "qwen2": lambda: Qwen2ForCausalLM(
        Qwen2Config(**SMALL, intermediate_size=32, num_key_value_heads=1, tie_word_embeddings=False)
    ),
}
MATRICES = {"gpt2": 4, "opt": 6, "qwen2": 7}  # a layer


@pytest.fixture(params=MODELS)
def architecture(request):
    torch.manual_seed(0)
    return request.param, MODELS[request.param]()


def test_every_matrix_of_a_layer_and_nothing_else(architecture):
    name, model = architecture
    weights = prunable(model)
    assert len(weights) == 2 * MATRICES[name]
    head = model.get_output_embeddings().weight
    assert not any(weight is head for weight in weights.values())
    assert not any("embed" in key or "wte" in key for key in weights)


def test_the_axis_is_that_of_the_inputs(architecture):
    name, model = architecture
    assert set(input_axes(model).values()) == {0 if name == "gpt2" else 1}


@pytest.mark.parametrize(
    "method", [Magnitude(pattern="2:4"), Elsa(pattern="2:4", steps=6, batch_size=2, seq_len=8)]
)
def test_a_pattern_lies_along_the_inputs(method, architecture, tmp_path):
    _, model = architecture
    tokens = torch.randint(64, (600,), generator=torch.Generator().manual_seed(0))
    prune(model, tokens, method, out=tmp_path / "run", eval_seq_len=16)
    axes = input_axes(model)
    for name, weight in prunable(model).items():
        groups = (weight != 0).movedim(axes[name], -1).unflatten(-1, (-1, 4)).sum(-1)
        assert bool((groups == 2).all())


def test_a_model_without_linear_layers_is_refused():
    with pytest.raises(ValueError, match="Embedding has no linear layer to prune"):
        prunable(nn.Embedding(3, 4))
