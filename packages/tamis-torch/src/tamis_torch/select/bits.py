"""Non-negative floats as the integers that order like them: their bit patterns.

    0 <= a < b    <=>    bits(a) < bits(b)        infinity is the largest, what lies above it is NaN

On the CPU the integers are a numpy view, whose comparisons take a quarter of torch's time; elsewhere a
torch view.  Both know the few operators that a selection needs.
"""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from tamis_torch.errors import InputError

INTEGERS = {
    torch.float64: torch.int64,
    torch.float32: torch.int32,
    torch.bfloat16: torch.int16,
    torch.float16: torch.int16,
}
CACHED = 1 << 18  # entries of a chunk on the CPU: it and its digits stay in a core's cache
LARGE = 1 << 26  # elsewhere: bounds what is alive beside the scores

Bits = Any  # of signed integers in one dimension: numpy.ndarray on the CPU, Tensor elsewhere


class Seen(NamedTuple):
    """The bit patterns of some scores, and what one pass over them tells."""

    bits: Bits
    low: int  # the smallest
    high: int  # and the largest of them
    nan: int
    negative: int


def bits_of(scores: Tensor) -> Seen:
    """Return the bit patterns of floats in one dimension, and whether they are scores.

    A view of contiguous scores, unless one has its sign bit set, as -0 has, which counts as 0.

    Raises
    ------
    InputError
        If the scores are no floats.
    """
    if scores.dtype not in INTEGERS:
        allowed = ", ".join(str(dtype).removeprefix("torch.") for dtype in INTEGERS)
        raise InputError(f"scores must be of {allowed}, got {str(scores.dtype).removeprefix('torch.')}")
    flat = scores.detach().reshape(-1)
    bits = flat.view(INTEGERS[flat.dtype])
    if not len(flat):
        return Seen(as_bits(bits), 0, 0, 0, 0)
    low, high = map(int, torch.aminmax(bits))
    if low >= 0 and high <= bits_at(torch.inf, flat.dtype):
        return Seen(as_bits(bits), low, high, 0, 0)
    nan, negative = int(torch.count_nonzero(flat.isnan())), int(torch.count_nonzero(flat < 0))
    bits = flat.abs().view(bits.dtype)
    low, high = map(int, torch.aminmax(bits))
    return Seen(as_bits(bits), low, high, nan, negative)


def chunks_of(scores: Tensor) -> Iterator[Tensor]:
    """Yield the scores in order, in pieces of one dimension that take little memory to count."""
    size = CACHED if scores.device.type == "cpu" else LARGE
    yield from torch.split(scores.detach().reshape(-1), size)


def in_batches(pieces: Iterable[Tensor]) -> Iterator[Tensor]:
    """Yield the pieces, joined to at least ``CACHED`` entries, but for the last."""
    batch: list[Tensor] = []
    for piece in pieces:
        batch.append(piece)
        if sum(map(len, batch)) >= CACHED:
            yield torch.cat(batch) if len(batch) > 1 else piece
            batch = []
    if batch:
        yield torch.cat(batch) if len(batch) > 1 else batch[0]


def add_counts(counts: Tensor | None, digits: Tensor, length: int) -> Tensor:
    """Return ``counts``, if any, plus how often each of 0 ... length - 1 occurs.

    Digits that are all the same are not counted one by one: each addition would wait for the one before.
    """
    array = as_bits(digits)
    if len(array) and array[0] == array[-1] and (array == array[0]).all():
        found = torch.zeros(length, dtype=torch.int64, device=digits.device)
        found[int(array[0])] = len(array)
    else:
        found = torch.bincount(digits, minlength=length)
    return found if counts is None else counts.add_(found)


def indices_of(mask: Bits) -> Bits:
    """Return where a mask is true."""
    return mask.nonzero().squeeze(1) if isinstance(mask, Tensor) else np.flatnonzero(mask)


def count_of(mask: Bits) -> int:
    """Return how often a mask is true."""
    return int(torch.count_nonzero(mask) if isinstance(mask, Tensor) else np.count_nonzero(mask))


def bits_at(value: float, dtype: torch.dtype) -> int:
    """Return the bit pattern of a number."""
    return int(torch.tensor(value, dtype=dtype).view(INTEGERS[dtype]))


def scores_of(bits: Bits | int, dtype: torch.dtype) -> Tensor:
    """Return the floats that have these bit patterns."""
    return torch.as_tensor(bits, dtype=INTEGERS[dtype]).view(dtype)


def as_bits(bits: Tensor) -> Bits:
    """Return a tensor as what this device's bit patterns are; a view."""
    return bits.numpy() if bits.device.type == "cpu" else bits
