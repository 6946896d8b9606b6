"""The sparse gradient of the embedding changes what is held, not what is learnt."""

import copy

import pytest
import torch
from transformers import Gemma2Config, Gemma2ForCausalLM, LlamaConfig, LlamaForCausalLM

from tamis_torch.embedding import sparse_embedding
from tamis_torch.few_bits import FewBitsAdam
from tamis_torch.in_backward import step_in_backward

SHAPE = {
    "hidden_size": 32, "num_hidden_layers": 2, "intermediate_size": 48, "num_attention_heads": 4,
    "num_key_value_heads": 2, "vocab_size": 90, "max_position_embeddings": 64, "pad_token_id": None,
}  # fmt: skip


def llama(tied: bool):
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(tie_word_embeddings=tied, **SHAPE)).train()


def gemma(tied: bool):
    """An embedding whose own forward scales what it looks up."""
    torch.manual_seed(0)
    return Gemma2ForCausalLM(Gemma2Config(tie_word_embeddings=tied, head_dim=8, **SHAPE)).train()


def trained(model, sparse: bool, parts: int = 1):
    optimizer = FewBitsAdam(model.parameters(), 1e-2, moments="float32")
    inside = step_in_backward(optimizer, model.named_parameters())
    norms, layouts = [], []
    with sparse_embedding(model, inside if sparse else None):
        embedding = model.get_input_embeddings()
        embedding.register_forward_pre_hook(lambda module, given: layouts.append(module.sparse))
        for step in range(3):
            batch = torch.randint(90, (2, 12), generator=torch.Generator().manual_seed(step))
            for number, part in enumerate(batch.chunk(parts)):
                if number < parts - 1:
                    with inside.accumulate():
                        (model(input_ids=part, labels=part).loss / parts).backward()
                else:
                    (model(input_ids=part, labels=part).loss / parts).backward()
            norms.append(inside.finish())
    inside.remove()
    assert set(layouts) == {sparse}
    return norms


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("build", [llama, gemma])
def test_training_with_a_sparse_gradient_is_that_with_a_dense_one(build, tied, parts):
    dense, sparse = build(tied), build(tied)
    assert trained(sparse, True, parts) == pytest.approx(trained(dense, False, parts), rel=1e-4)
    for (name, a), b in zip(dense.named_parameters(), sparse.parameters(), strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5, msg=name)
    before = build(tied).get_input_embeddings().weight
    assert not torch.equal(sparse.get_input_embeddings().weight, before)  # it has learnt


def test_the_model_is_afterwards_what_it_was():
    model = llama(True)
    embedding, names = model.get_input_embeddings(), [name for name, _ in model.named_parameters()]
    weight, keys = embedding.weight, copy.copy(list(model.state_dict()))
    inside = step_in_backward(FewBitsAdam(model.parameters(), 1e-2), model.named_parameters())
    with sparse_embedding(model, inside):
        assert embedding.weight is weight and [name for name, _ in model.named_parameters()] == names
        batch = torch.randint(90, (2, 12))
        model(input_ids=batch, labels=batch).loss.backward()
        inside.finish()
        assert embedding.weight is weight
    assert embedding.weight is weight is model.lm_head.weight and not embedding.sparse
    assert list(model.state_dict()) == keys


def test_without_steps_in_the_backward_pass_nothing_is_touched():
    model = llama(True)
    with sparse_embedding(model, None):
        assert not model.get_input_embeddings().sparse
