"""One tiny random model of each family, 2 blocks of width 32: what every method has to work on."""

from collections.abc import Callable
from typing import Any

import torch
import transformers as tf

VOCABULARY, CONTEXT = 96, 64
SHARED: dict[str, Any] = {
    "vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
    "max_position_embeddings": CONTEXT, "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": 0,
}  # fmt: skip
GATED = SHARED | {"intermediate_size": 64, "num_key_value_heads": 2}
GEMMA = GATED | {"head_dim": 8, "tie_word_embeddings": True}
SLIDING = {"sliding_window": 6, "layer_types": ["sliding_attention", "full_attention"]}

CONFIGS: dict[str, Callable[[], tf.PretrainedConfig]] = {
    "llama": lambda: tf.LlamaConfig(**GATED, tie_word_embeddings=True),
    "opt": lambda: tf.OPTConfig(**SHARED, ffn_dim=64, word_embed_proj_dim=32),
    "gpt2": lambda: tf.GPT2Config(
        vocab_size=VOCABULARY, n_embd=32, n_layer=2, n_head=4, n_positions=CONTEXT, bos_token_id=0, eos_token_id=0
    ),
    "gemma": lambda: tf.GemmaConfig(**GEMMA),
    "gemma2": lambda: tf.Gemma2Config(**GEMMA, **SLIDING, query_pre_attn_scalar=8),
    "gemma3": lambda: tf.Gemma3TextConfig(**GEMMA, **SLIDING, query_pre_attn_scalar=8),
    "qwen2": lambda: tf.Qwen2Config(**GATED),
    "qwen3": lambda: tf.Qwen3Config(**GATED, head_dim=8),
    "mistral": lambda: tf.MistralConfig(**GATED, sliding_window=6),
}  # fmt: skip


def build(family: str) -> tf.PreTrainedModel:
    """Return a new model of a family, the same at each call."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return tf.AutoModelForCausalLM.from_config(CONFIGS[family]()).eval()


def tokens(count: int = 640) -> torch.Tensor:
    """Return a text of random tokens, the same at each call."""
    return torch.randint(VOCABULARY, (count,), generator=torch.Generator().manual_seed(1))
