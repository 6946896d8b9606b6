"""Exact selection of the k largest of non-negative scores, by counting digits of their bit patterns."""

from tamis_torch.select.in_turn import keep_in_turn
from tamis_torch.select.largest import keep_largest, kth_largest
from tamis_torch.select.many import keep_parts
from tamis_torch.select.masks import count_ties, keep_above
from tamis_torch.select.radix import Threshold, threshold

__all__ = [
    "Threshold",
    "count_ties",
    "keep_above",
    "keep_in_turn",
    "keep_largest",
    "keep_parts",
    "kth_largest",
    "threshold",
]
