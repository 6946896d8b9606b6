"""Masked fine-tuning: train on what is left of a pruned model, its zeros staying zero.

w  <-  inner step on the clipped gradient of the training loss,  then  w  <-  mask * w
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tamis_torch.methods.schedule import Training, relearning_lr
from tamis_torch.ranks import local


@dataclass(frozen=True, kw_only=True)
class Finetune(Training):
    """Settings of masked fine-tuning, as those of :class:`tamis_torch.Elsa`.

    Raises
    ------
    InputError
        If a value is out of its range.
    """

    layers: str = "*"
    """Layers whose zeros stay, as comma-separated shell patterns of their names; all linear ones."""
    skip: str = ""
    """Layers that may fill up, likewise."""

    def default_lr(self, width: int, sparsity: float) -> float:
        """Return the peak learning rate where none is given: that of the zeros that are there."""
        return relearning_lr(width, sparsity)


def masks(weights: Mapping[str, nn.Parameter]) -> dict[str, Tensor]:
    """Return where each weight is not zero, of the rows that are here."""
    return {name: local(weight.detach()) != 0 for name, weight in weights.items()}


@torch.no_grad()
def restrict(weights: Mapping[str, nn.Parameter], kept: Mapping[str, Tensor]) -> None:
    """Put the zeros back, in place."""
    for name, weight in weights.items():
        local(weight.detach()).mul_(kept[name])
