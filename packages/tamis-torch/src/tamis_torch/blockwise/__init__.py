"""Pruning block by block, on the activations of a few windows of text: one block in memory at a time."""

from tamis_torch.blockwise.blocks import find
from tamis_torch.blockwise.walk import prune, said_of

__all__ = ["find", "prune", "said_of"]
