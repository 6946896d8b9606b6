"""A tensor in parts of whole blocks, so that only one part at a time need be decoded."""

from collections.abc import Iterator
from typing import NamedTuple

from torch import Tensor

from tamis_torch.state.codes import BLOCK, Codes


class Part(NamedTuple):
    """Some blocks of a tensor, or the entries after its last whole block."""

    begin: int  # block
    end: int
    width: int  # entries of each


def parts(entries: int, blocks: int) -> Iterator[Part]:
    """Cut so many entries into parts of at most so many blocks; what is left over comes last."""
    whole, left = divmod(entries, BLOCK)
    for begin in range(0, whole, blocks):
        yield Part(begin, min(begin + blocks, whole), BLOCK)
    if left:
        yield Part(whole, whole + 1, left)


def take(x: Tensor, part: Part) -> Tensor:
    """Return the part of a contiguous tensor, (blocks, entries), a view."""
    flat = x.view(-1)
    start = part.begin * BLOCK
    return flat[start : start + (part.end - part.begin) * part.width].view(-1, part.width)


def take_codes(codes: Codes, part: Part) -> Codes:
    """Return the part of a tensor in few bits, scales as (blocks, 1), views.

    The scales must be one a block, or one of all, or none.
    """
    scale = codes.scale
    if scale is not None:
        scale = (scale if scale.numel() == 1 else scale[part.begin : part.end]).view(-1, 1)
    return Codes(take(codes.codes, part), scale)
