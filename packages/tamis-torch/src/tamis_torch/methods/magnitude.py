"""Magnitude pruning: keep the largest weights of each matrix; the baseline that needs no data.

w  <-  argmin_{z in S} |z - w|^2        S the sparse matrices, a matrix at a time
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from tamis_torch.methods.goal import Goal, constraint


@dataclass(frozen=True, kw_only=True)
class Magnitude(Goal):
    """Settings of magnitude pruning.

    Raises
    ------
    InputError
        If a value is out of its range.
    """


@torch.no_grad()
def apply(config: Magnitude, weights: Mapping[str, nn.Parameter], axes: Mapping[str, int]) -> None:
    """Prune the weights in place."""
    for name, weight in weights.items():
        weight.copy_(constraint(config, axes[name]).project(weight))
