"""The largest entries of each row, and exactly as many in all as asked for."""

import torch
from torch import Tensor

from tamis.select import keep_largest


def largest_by_row(worth: Tensor, count: int) -> Tensor:
    """Return a mask of exactly ``count`` entries: the largest of each row, and so many next ones.

    Parameters
    ----------
    worth
        Shape (rows, columns), not negative.
    count
        Between 0 and the number of entries; rows keep ``count // rows`` or one more.
    """
    each, spare = divmod(count, worth.shape[0])
    mask = _largest(worth, each)
    if spare:
        best, column = worth.masked_fill(mask, -1.0).max(dim=1)
        row = keep_largest(best, spare).nonzero().squeeze(1)
        mask[row, column[row]] = True
    return mask


def _largest(worth: Tensor, each: int) -> Tensor:
    """Return the mask of the ``each`` largest of every row; of ties, those of lowest index."""
    if each == 0:
        return torch.zeros_like(worth, dtype=torch.bool)
    threshold = worth.kthvalue(worth.shape[1] - each + 1, dim=1, keepdim=True).values
    above, ties = worth > threshold, worth == threshold
    room = each - above.sum(dim=1, keepdim=True)
    return above | (ties & (ties.cumsum(dim=1) <= room))
