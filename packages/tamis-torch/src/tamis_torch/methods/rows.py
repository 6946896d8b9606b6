"""The largest entries of each row, and exactly as many in all as asked for."""

from collections.abc import Callable

import torch
from torch import Tensor

from tamis.select import keep_largest


def largest_by_row(
    worth: Tensor,
    count: int,
    rows: int | None = None,
    pick: Callable[[Tensor, int], Tensor] = keep_largest,
) -> Tensor:
    """Return a mask of exactly ``count`` entries: the largest of each row, and so many next ones.

    Parameters
    ----------
    worth
        Shape (rows, columns), not negative.
    count
        Between 0 and the number of entries; rows keep ``count // rows`` or one more.
    rows, pick
        If some rows are elsewhere: how many there are in all, over which the count is taken; and what
        returns the mask of the so many largest of all rows' next ones, given those that are here.
    """
    each, spare = divmod(count, worth.shape[0] if rows is None else rows)
    mask = _largest(worth, each)
    if spare:
        best, column = worth.masked_fill(mask, -1.0).max(dim=1)
        row = pick(best, spare).nonzero().squeeze(1)
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
