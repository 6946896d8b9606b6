"""Masks at one bit an entry: bit i of byte j is entry 8 j + i, in the order of the entries."""

from functools import cache

import torch
from torch import Tensor
from torch.nn.functional import pad

GATHER = 0x0102040810204080  # a product with it gathers the lowest bits of 8 bytes in the highest byte


def pack_mask(mask: Tensor) -> Tensor:
    """Return a bool tensor of any shape as uint8, ``ceil(n / 8)`` bytes; the unused last bits are 0."""
    flat = mask.reshape(-1).view(torch.uint8)
    eights = pad(flat, (0, -len(flat) % 8)).view(torch.int64)
    return (eights * GATHER >> 56).to(torch.uint8)


def unpack_mask(bits: Tensor, shape: torch.Size | tuple[int, ...]) -> Tensor:
    """Return the new bool tensor of a shape that :func:`pack_mask` was given."""
    size = torch.Size(shape)
    flat = _table(bits.device)[bits.to(torch.int32)].view(torch.bool)
    return (flat if len(flat) == size.numel() else flat[: size.numel()].clone()).view(size)


@cache
def _table(device: torch.device) -> Tensor:
    """Return the bits of each of the 256 bytes as 8 bytes, one int64."""
    numbers = torch.arange(256, device=device)[:, None]
    return (numbers >> torch.arange(8, device=device) & 1).to(torch.uint8).view(torch.int64).view(-1)
