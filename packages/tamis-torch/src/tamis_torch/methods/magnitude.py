"""Magnitude pruning: keep the largest weights; the baseline that needs no data.

w  <-  argmin_{z in S} |z - w|^2        S the sparse matrices, by themselves or under one threshold
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from tamis.arrays import restrict
from tamis_torch.methods.budget import Budgeted, groups, keep
from tamis_torch.methods.goal import constraint


@dataclass(frozen=True, kw_only=True)
class Magnitude(Budgeted):
    """Settings of magnitude pruning.

    Raises
    ------
    InputError
        If a value is out of its range.
    """


@torch.no_grad()
def apply(config: Magnitude, weights: Mapping[str, nn.Parameter], axes: Mapping[str, int]) -> None:
    """Prune the weights in place."""
    for names in groups(config.budget, weights):
        allowed = constraint(config, axes[names[0]])
        group = {name: weights[name] for name in names}
        masks = keep(allowed, config.budget, group, axes, lambda name: weights[name].abs())
        for name, kept in masks:
            weights[name].copy_(restrict(weights[name], kept))
