"""The zeros of pruned weights, counted; and whether they are those that a set asks for."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from tamis.sets import NofM, Sparse
from tamis_torch.ranks import local, ranks_of


def zeros(weights: Mapping[str, Tensor]) -> float:
    """Return the fraction of all entries that is zero."""
    entries = sum(weight.numel() for weight in weights.values())
    return 1 - sum(nonzeros(weights)) / entries


@torch.no_grad()
def nonzeros(weights: Mapping[str, Tensor]) -> list[int]:
    """Return how many entries of each are not zero, over all ranks that they may be cut over."""
    counts = torch.stack([torch.count_nonzero(local(weight)).cpu() for weight in weights.values()])
    device = local(next(iter(weights.values()))).device
    found: list[int] = ranks_of(weights.values()).sum(counts.to(device)).tolist()
    return found


def as_sparse(weights: Mapping[str, Tensor], axes: Mapping[str, int], allowed: Sparse | NofM) -> bool:
    """Return whether the weights hold a pattern, or have a set's share of zeros.

    A share is counted over all of them, up to the rounding of each matrix's own count.
    """
    if isinstance(allowed, NofM):
        return _hold(weights, axes, allowed)
    entries = sum(weight.numel() for weight in weights.values())
    return sum(nonzeros(weights)) <= allowed.count(entries) + len(weights) / 2


@torch.no_grad()
def _hold(weights: Mapping[str, Tensor], axes: Mapping[str, int], allowed: NofM) -> bool:
    held = all(replace(allowed, axis=axes[name]).contains(local(weight)) for name, weight in weights.items())
    device = local(next(iter(weights.values()))).device
    return not int(ranks_of(weights.values()).sum(torch.tensor(int(not held), device=device)))


def counted(weights: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return the zeros of each pruned weight and of all together."""
    counts = nonzeros(weights)
    layers = [_layer(name, w, n) for (name, w), n in zip(weights.items(), counts, strict=True)]
    entries = sum(weight.numel() for weight in weights.values())
    return {"layers": layers, "sparsity": 1 - sum(layer["nonzeros"] for layer in layers) / entries}


def _layer(name: str, weight: Tensor, count: int) -> dict[str, Any]:
    return {
        "name": name,
        "shape": list(weight.shape),
        "nonzeros": count,
        "sparsity": 1 - count / weight.numel(),
    }
