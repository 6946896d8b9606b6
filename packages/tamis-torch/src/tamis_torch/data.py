"""Text to tokens, tokens to windows, windows to batches.

A text is tokenised whole, without special tokens, and cut into windows of ``L``
consecutive tokens.  A batch of the training is a pure function of (seed, step):

    epoch e    permutation p_e of 0 .. n-1 and an offset o_e in 0 .. L-1, both drawn from (seed, e)
    sample i   tokens[o_e + L p_e(i mod n) :][:L]       with  e = i div n
    step s     samples  s B .. s B + B - 1

so that a run that goes on after an interruption needs to remember its step only.
"""

import hashlib
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tamis_torch.errors import InputError
from tamis_torch.text import read_text
from tamis_torch.tokenizing import tokenize

__all__ = ["Batches", "digest", "read_text", "tokenize", "windows"]


def windows(tokens: Tensor, seq_len: int, limit: int | None = None) -> Tensor:
    """Cut tokens into consecutive whole windows; what is left at the end is dropped.

    Parameters
    ----------
    tokens
        Shape (tokens,).
    seq_len
        Tokens a window, at least 2.
    limit
        Take the first ``limit`` windows only, at least 1.

    Returns
    -------
    Tensor
        Shape (windows, seq_len), a view.

    Raises
    ------
    InputError
        If the text is shorter than one window, or an argument is out of range.
    """
    _check_at_least("seq_len", seq_len, 2)
    _check_one_window(tokens, seq_len)
    if limit is not None:
        _check_at_least("windows", limit, 1)
    count = len(tokens) // seq_len
    return tokens[: count * seq_len].view(count, seq_len)[:limit]


class Batches:
    """Shuffled windows of a text, as a pure function of (seed, step).

    Each epoch visits the windows once, in a new order and shifted by a new offset, so that
    the borders between windows move.  Up to one window's worth of text is left out an epoch.

    Parameters
    ----------
    tokens
        Shape (tokens,), at least one window.
    seq_len
        Tokens a window, at least 2.
    batch_size
        Windows a batch, at least 1.
    seed
        Not negative.

    Raises
    ------
    InputError
        If the text is shorter than one window, or an argument is out of range.
    """

    def __init__(self, tokens: Tensor, seq_len: int, batch_size: int, seed: int = 0) -> None:
        _check_at_least("seq_len", seq_len, 2)
        _check_at_least("batch_size", batch_size, 1)
        _check_at_least("seed", seed, 0)
        _check_one_window(tokens, seq_len)
        self.tokens, self.seq_len, self.batch_size, self.seed = tokens, seq_len, batch_size, seed
        self.windows_per_epoch = max(1, (len(tokens) - seq_len + 1) // seq_len)

    def __call__(self, step: int) -> Tensor:
        """Return the batch of a step (counted from 0): int64, shape (batch_size, seq_len)."""
        first = step * self.batch_size
        starts = [self._start(sample) for sample in range(first, first + self.batch_size)]
        return torch.stack([self.tokens[start : start + self.seq_len] for start in starts])

    def _start(self, sample: int) -> int:
        epoch, index = divmod(sample, self.windows_per_epoch)
        return int(_starts(len(self.tokens), self.seq_len, self.windows_per_epoch, self.seed, epoch)[index])


def digest(tokens: Tensor) -> str:
    """Return a hash of the tokens as 16 hexadecimal digits."""
    content = np.ascontiguousarray(tokens.cpu().numpy(), dtype="<i8")
    return hashlib.blake2b(content.data, digest_size=8).hexdigest()


@lru_cache(maxsize=4)  # a batch may reach over the end of an epoch; a step need not shuffle again
def _starts(total: int, seq_len: int, count: int, seed: int, epoch: int) -> "np.ndarray[Any, Any]":
    """Return where each of an epoch's windows begins, in the order of their visit, shape (count,)."""
    random = np.random.default_rng([seed, epoch])
    offset = random.integers(min(seq_len, total - count * seq_len + 1))
    return offset + seq_len * random.permutation(count)


def _check_at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise InputError(f"{name} must be at least {least}, got {value}")


def _check_one_window(tokens: Tensor, seq_len: int) -> None:
    if len(tokens) < seq_len:
        raise InputError(
            f"the text is shorter than one window: it has {len(tokens)} tokens, "
            f"a window needs {seq_len}; give a longer text or a smaller seq_len"
        )
