"""Magnitude pruning: keep the largest weights of each matrix; the baseline that needs no data.

w  <-  argmin_{z in S} |z - w|^2        S the sparse matrices, a matrix at a time
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from tamis.sets import NofM, Sparse
from tamis_torch.methods.pattern import parse_pattern, resolve_sparsity


@dataclass(frozen=True, kw_only=True)
class Magnitude:
    """Settings of magnitude pruning.

    Raises
    ------
    InputError
        If a value is out of its range.
    """

    sparsity: float = None  # type: ignore[assignment]
    """Fraction of each pruned matrix that becomes zero, in [0, 1); by default 0.9, or the pattern's."""
    pattern: str | None = None
    """``"N:M"``: keep the N largest of every M consecutive inputs, instead of a sparsity."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "sparsity", resolve_sparsity(self.sparsity, self.pattern))


def constraint(config: Magnitude, axis: int) -> Sparse | NofM:
    """Return the set of one matrix; ``axis`` runs over its layer's inputs."""
    pattern = parse_pattern(config.pattern)
    return Sparse(1.0 - config.sparsity) if pattern is None else NofM(*pattern, axis=axis)


@torch.no_grad()
def apply(config: Magnitude, weights: Mapping[str, nn.Parameter], axes: Mapping[str, int]) -> None:
    """Prune the weights in place."""
    for name, weight in weights.items():
        weight.copy_(constraint(config, axes[name]).project(weight))
