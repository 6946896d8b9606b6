"""Prune the matrices of a block one by one, each by the function of the method and its Gram matrix."""

import sys
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from tamis_torch.blockwise.blocks import Block, Call
from tamis_torch.blockwise.gram import grams
from tamis_torch.errors import RunError
from tamis_torch.methods.calibrated import Calibrated
from tamis_torch.methods.reconstruction import relative_error

PruneMatrix = Callable[[Any, Tensor, Tensor, float], Tensor]


@torch.no_grad()
def prune_matrices(block: Block, calls: Sequence[Call], config: Calibrated, dtype: str) -> dict[str, Any]:
    """Prune the weights of a block in place.

    The method is ``prune_matrix(config, weight, gram, sparsity)`` of the module of its settings.  It sees
    every weight as (outputs, inputs) in float32, whichever way the model stores it.

    Returns
    -------
    dict
        ``"layer_errors"``: the relative squared error of each layer's output on the calibration text.

    Raises
    ------
    RunError
        If a layer got no input or one that is not finite, or a pruned weight is not finite.
    """
    prune_matrix: PruneMatrix = vars(sys.modules[type(config).__module__])["prune_matrix"]
    products, errors = grams(block, calls, dtype), {}
    for name, weight in block.weights.items():
        dense, gram = _turned(weight, block.axes[name]).float(), products[name]
        try:
            pruned = prune_matrix(config, dense, gram, config.sparsity)
        except RunError as error:
            raise RunError(f"{name}: {error}") from error
        if not torch.isfinite(pruned).all():
            raise RunError(f"{name} is no longer finite after pruning")
        layer = name.removeprefix(f"{block.name}.").removesuffix(".weight")
        errors[layer] = relative_error(pruned, dense, gram)
        weight.copy_(_turned(pruned, block.axes[name]))
    return {"layer_errors": errors}


def _turned(weight: Tensor, axis: int) -> Tensor:
    """Return a stored weight as (outputs, inputs), or back; where stored, inputs run along ``axis``."""
    return weight.detach() if axis == 1 else weight.detach().T.contiguous()
