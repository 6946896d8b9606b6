r"""The k largest over many parts that are never held together, with two looks at each.

    count     how often each first digit occurs, which gives the threshold's own
    look      a part's mask is true where the digit is as large; the scores that have this digit itself, few,
              are put aside with their places
    settle    all of those but the largest that make it k are struck out again

The first 16 bits of a float32 hold its exponent and 7 bits more, so that about one score in a hundred is
put aside.  Where it is many, as ties make it, they are counted with a third look and marked with a fourth.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from tamis.select import keep_largest  # of few: faster than counting
from tamis_torch.select.bits import Bits, as_bits, bits_of, indices_of, scores_of
from tamis_torch.select.masks import count_ties, keep_above
from tamis_torch.select.radix import DIGIT, Leading, Parts, Threshold, bracket, leading, refine

MUCH = 16  # one score in so many may be put aside, at 12 bytes each
FEW = 1 << 16  # and so many more


class Look(NamedTuple):
    """What one look at all parts leaves."""

    masks: list[Bits]  # of each part, true where the first digit is the threshold's or larger
    places: list[Bits]  # in each part, where it is the threshold's
    inside: Tensor  # the scores there, in the order of the parts
    above: int  # scores with a larger digit
    shapes: list[torch.Size]


def keep_parts(parts: Parts, k: int) -> list[Tensor]:
    """Return the masks of the ``k`` largest scores of all parts, ties kept in the order of the parts.

    Parameters
    ----------
    parts
        Called for each look; yields tensors of scores as for :func:`tamis_torch.select.threshold`.
    k
        Between 0 and the number of scores.

    Raises
    ------
    TypeError, InputError
        As :func:`tamis_torch.select.threshold`.
    """
    first = leading(parts, k)
    if k > 0 and first.dtype.itemsize * 8 > DIGIT and first.equal <= FEW + first.total // MUCH:
        return _settle(_look(parts, first), k)
    found = refine(parts, k, first)
    return list(_masks(parts, found))


def _look(parts: Parts, first: Leading) -> Look:
    """Mark what has the first digit or a larger one."""
    masks, places, inside, shapes = [], [], [], []
    low, high = bracket(first)
    for part in parts():
        bits = bits_of(part).bits
        masks.append(bits >= low)
        places.append(indices_of(masks[-1] & (bits <= high)))
        inside.append(scores_of(bits[places[-1]], part.dtype))
        shapes.append(part.shape)
    return Look(masks, places, torch.cat(inside), first.above, shapes)


def _settle(look: Look, k: int) -> list[Tensor]:
    """Strike out all that was put aside but the largest that make it ``k``."""
    out = ~keep_largest(look.inside, k - look.above)
    cut = out.split([len(places) for places in look.places])
    for mask, places, gone in zip(look.masks, look.places, cut, strict=True):
        mask[places[as_bits(gone)]] = False
    return [torch.as_tensor(mask).view(shape) for mask, shape in zip(look.masks, look.shapes, strict=True)]


def _masks(parts: Parts, found: Threshold) -> Iterator[Tensor]:
    before = 0
    for part in parts():
        yield keep_above(part, found, before)
        before += count_ties(part, found) if found.ties < found.equal else 0
