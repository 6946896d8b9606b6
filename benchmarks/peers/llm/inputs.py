"""A small Llama, its tokenizer and calibration tokens, the same at each call, in a folder.

Widths are such that both sides mean the same counts: 90% of each row and of each block of columns is a
whole number.  Norm weights are spread, so that inputs differ in size and Wanda's mask is far from
magnitude's; the inputs of the second linear map of the MLP span three blocks of columns.
"""

from pathlib import Path

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

VOCABULARY, WINDOWS, SEQ_LEN, LAYERS = 256, 32, 64, 3
SPREAD = 0.7  # standard deviation of the norm weights' logarithms


def write(folder: Path, seed: int) -> tuple[Tensor, Tensor]:
    """Write the model and the tokenizer, and return two texts: (tokens,) to calibrate on and to judge by."""
    torch.manual_seed(seed)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY,
            hidden_size=160,
            intermediate_size=320,
            num_hidden_layers=LAYERS,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=SEQ_LEN,
            initializer_range=0.1,
        )
    )
    for name, weight in model.named_parameters():
        if "norm" in name:
            weight.data = torch.exp(SPREAD * torch.randn(weight.shape))
    model.save_pretrained(folder)
    words = {f"w{i}": i for i in range(VOCABULARY - 2)} | {"<pad>": VOCABULARY - 2, "<unk>": VOCABULARY - 1}
    tokenizer = Tokenizer(WordLevel(words, unk_token="<unk>"))
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="<pad>", unk_token="<unk>").save_pretrained(
        folder
    )
    return _tokens(WINDOWS), _tokens(4)


def _tokens(windows: int) -> Tensor:
    """Return tokens of which a few are frequent, as words are."""
    odds = 1 / torch.arange(1, VOCABULARY - 1).float()
    return torch.multinomial(odds, windows * SEQ_LEN, replacement=True)
