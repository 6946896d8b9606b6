"""The k largest of one tensor: what torch.topk, kthvalue and sort are too slow for."""

import numpy as np
import torch
from torch import Tensor

from tamis.arrays import require_integer
from tamis_torch.errors import InputError
from tamis_torch.select.bits import bits_at, bits_of, count_of, scores_of
from tamis_torch.select.masks import keep_above
from tamis_torch.select.radix import Threshold, refuse, threshold

FEW = 1 << 20  # entries of which a copy does not matter: 4 MB


def keep_largest(scores: Tensor, k: int) -> Tensor:
    """Return the mask of the ``k`` largest of ``scores``, ties kept by lowest index.

    Equal to :func:`tamis.select.keep_largest` for what is not negative.

    Parameters
    ----------
    scores
        Any shape; float32, bfloat16, float16 or float64, not negative, infinity allowed.
    k
        Between 0 and the number of scores.

    Returns
    -------
    Tensor of bool, the shape of ``scores``
        Exactly ``k`` entries are true.

    Raises
    ------
    TypeError, InputError
        If a score is NaN, negative or no float, or ``k`` is no integer or out of range.

    Examples
    --------
    >>> import torch
    >>> keep_largest(torch.tensor([2.0, 5.0, 2.0, 1.0]), 2)
    tensor([ True,  True, False, False])
    """
    return keep_above(scores, _found(scores, k))


def kth_largest(scores: Tensor, k: int) -> Tensor:
    """Return the ``k``-th largest of ``scores``, of their type and in no dimension.

    Raises
    ------
    TypeError, InputError
        As :func:`keep_largest`, and if ``k`` is 0.
    """
    require_integer("k", k)
    if k < 1:
        raise InputError(f"k must be between 1 and the number of scores ({scores.numel()}), got {k}")
    found = _found(scores, k)
    return scores_of(found.bits, scores.dtype).to(scores.device)


def _found(scores: Tensor, k: int) -> Threshold:
    few = scores.device.type == "cpu" and scores.dtype == torch.float32 and 0 < scores.numel() <= FEW
    return _by_partition(scores, k) if few else threshold(lambda: [scores], k)


def _by_partition(scores: Tensor, k: int) -> Threshold:
    """Return the same by numpy's partition of a copy: the quickest where a copy does not matter."""
    require_integer("k", k)
    bits, _, _, nan, negative = bits_of(scores)
    refuse(nan, negative, len(bits), k)
    if k == 0:
        return Threshold(torch.inf, bits_at(torch.inf, scores.dtype), 0, 0, 0)
    found = int(np.partition(bits, len(bits) - k)[len(bits) - k])
    above, equal = count_of(bits > found), count_of(bits == found)
    return Threshold(float(scores_of(found, scores.dtype)), found, above, k - above, equal)
