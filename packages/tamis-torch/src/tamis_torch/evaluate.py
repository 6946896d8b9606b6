"""Perplexity, in the convention of the pruning literature.

    windows     w_1 .. w_N: the text tokenised whole, cut into consecutive windows of L tokens
    loss        l_i = mean over t = 2 .. L of  -log p(w_i[t] | w_i[1 .. t-1])
    perplexity  exp( (l_1 + ... + l_N) / N )

Each window is read on its own, with no context from the one before it, so that a smaller L
gives a larger number: compare perplexities only at the same L.  Logits are taken to float32
before the loss, whatever the model's dtype.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tamis_torch.data import windows as cut
from tamis_torch.errors import InputError
from tamis_torch.modes import evaluating

DEFAULT_SEQ_LEN = 2048  # of SparseGPT, Wanda and those after them
LOGITS = 2**28  # of one forward pass at most (1 GiB in float32): a smaller batch changes nothing else


@dataclass(frozen=True)
class Perplexity:
    """How well a model predicts a text."""

    perplexity: float  # exp(loss); infinite where that overflows, NaN where the model gives NaN
    loss: float  # nats a token, mean over windows
    windows: int
    seq_len: int  # tokens a window
    tokens: int  # read: windows * seq_len


def perplexity(
    model: nn.Module,
    tokens: Tensor,
    seq_len: int | None = None,
    windows: int | None = None,
    batch_size: int = 8,
) -> Perplexity:
    """Evaluate a causal language model on a text.

    Parameters
    ----------
    model
        Called with ``input_ids`` of shape (batch, seq_len); its result has ``logits`` of shape
        (batch, seq_len, vocabulary).  Its train/eval modes are left as they were.
    tokens
        int64, shape (tokens,).
    seq_len
        Tokens a window; by default 2048 or the model's longest context, whichever is smaller.
    windows
        Take the first ``windows`` windows only; by default all.
    batch_size
        Windows a forward pass at most; fewer where the logits would be larger than 1 GiB.

    Raises
    ------
    InputError
        If the text is shorter than one window, ``seq_len`` is beyond the model's context, or an
        argument is out of range.
    """
    if batch_size < 1:
        raise InputError(f"batch_size must be at least 1, got {batch_size}")
    inputs = cut(tokens, _window_length(model, seq_len), windows)
    count, length = inputs.shape
    with torch.no_grad(), evaluating(model):
        batches = torch.split(inputs, _batch(model, length, batch_size))
        loss = sum(float(window_losses(model, batch).sum()) for batch in batches) / count
    return Perplexity(_exp(loss), loss, count, length, count * length)


def window_losses(model: nn.Module, inputs: Tensor) -> Tensor:
    """Return the mean loss over each window's L-1 predictions, in nats: float64, shape (windows,)."""
    inputs = inputs.to(next(model.parameters()).device)
    logits = model(input_ids=inputs, use_cache=False).logits
    pairs = zip(logits, inputs, strict=True)  # window by window: the softmax copies the logits
    return torch.stack([F.cross_entropy(row[:-1].float(), ids[1:]).double() for row, ids in pairs])


def longest_context(model: nn.Module) -> int | None:
    """Return how many positions the model has, or None where it has no limit."""
    positions = getattr(_text_config(model), "max_position_embeddings", None)
    return int(positions) if positions else None


def _window_length(model: nn.Module, seq_len: int | None) -> int:
    longest = longest_context(model)
    if seq_len is None:
        return min(DEFAULT_SEQ_LEN, longest or DEFAULT_SEQ_LEN)
    if longest is not None and seq_len > longest:
        raise InputError(f"seq_len must be between 2 and the model's {longest} positions, got {seq_len}")
    return seq_len


def _batch(model: nn.Module, seq_len: int, batch_size: int) -> int:
    vocabulary = int(getattr(_text_config(model), "vocab_size", None) or 1)
    return max(1, min(batch_size, LOGITS // (seq_len * vocabulary)))


def _text_config(model: nn.Module) -> object:
    config: Any = getattr(model, "config", None)
    return config.get_text_config() if hasattr(config, "get_text_config") else config


def _exp(loss: float) -> float:
    try:
        return math.exp(loss)
    except OverflowError:
        return math.inf
