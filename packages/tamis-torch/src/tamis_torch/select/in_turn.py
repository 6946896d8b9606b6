"""The k largest over many parts and over ranks, one mask after the other.

    threshold    2 looks at each part for float32, and 4 times 2 KB added up over the ranks
    ties         a look more, if only some of the scores equal to the threshold are to be kept
    mask         a look more, when it is asked for

Ties are kept by lowest index in the order (part, rank, place in the rank's shard): that of one process if
each part is cut over the ranks in their order.
"""

from collections.abc import Iterator

import torch

from tamis_torch.ranks import ONE, Ranks
from tamis_torch.select.masks import count_ties, keep_above
from tamis_torch.select.radix import Parts, Threshold, threshold


def keep_in_turn(parts: Parts, k: int, ranks: Ranks = ONE) -> Iterator[torch.Tensor]:
    """Yield the mask of each part of the ``k`` largest scores of all parts and ranks.

    Parameters
    ----------
    parts
        Called for each look; yields what this rank has of each part, as for :func:`threshold`, in the
        same order on all ranks.
    k
        Between 0 and the number of scores of all ranks.
    ranks

    Raises
    ------
    TypeError, InputError
        As :func:`threshold`, on all ranks.
    """
    found = threshold(parts, k, ranks.sum)
    before = _ties_before(parts, found, ranks) if found.ties < found.equal else None
    for number, part in enumerate(parts()):
        yield keep_above(part, found, before[number] if before else 0)


def _ties_before(parts: Parts, found: Threshold, ranks: Ranks) -> list[int]:
    """Return how many ties come before each of this rank's parts."""
    counts = [torch.tensor(count_ties(part, found), device=part.device) for part in parts()]
    ties = ranks.gather(torch.stack([count.to(counts[0].device) for count in counts]))
    of_parts = ties.sum(0)
    before: list[int] = (of_parts.cumsum(0) - of_parts + ties[: ranks.rank].sum(0)).tolist()
    return before
