"""The mask that a threshold gives a part of the scores; ties are kept in the order of the parts."""

import torch
from torch import Tensor

from tamis_torch.select.bits import bits_of, count_of, indices_of
from tamis_torch.select.radix import Threshold


def keep_above(part: Tensor, found: Threshold, ties_before: int = 0) -> Tensor:
    """Return the mask of what the threshold keeps of a part.

    Parameters
    ----------
    part
        Scores, as :func:`tamis_torch.select.threshold` saw them.
    found
    ties_before
        Scores equal to the threshold in what comes before this part, on any rank: those of lowest
        index are kept.

    Returns
    -------
    Tensor of bool, the shape of ``part``
    """
    bits = bits_of(part).bits
    room = found.ties - ties_before
    if found.ties == found.equal > 0:
        mask = bits >= found.bits
    else:
        mask = bits > found.bits
        if room > 0:
            mask[indices_of(bits == found.bits)[:room]] = True
    return torch.as_tensor(mask).view(part.shape)


def count_ties(part: Tensor, found: Threshold) -> int:
    """Return how many scores of a part are equal to the threshold."""
    return count_of(bits_of(part).bits == found.bits)
