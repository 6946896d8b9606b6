"""Which weights of a network are pruned: the matrices of its linear layers, head and embeddings apart."""

from collections.abc import Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from tamis.sets import NofM, Sparse
from tamis_torch.errors import InputError
from tamis_torch.ranks import local, ranks_of

LINEAR = (nn.Linear, Conv1D)


def prunable(model: nn.Module, layers: str = "*", skip: str = "") -> dict[str, nn.Parameter]:
    """Return name -> weight of every linear layer but the output head.

    Embeddings are no linear layers; a head tied to them, or untied, is left out as in the
    literature (``lm_head`` of causal language models, whatever its name).

    Parameters
    ----------
    model
    layers, skip
        Shell patterns, separated by commas, of the names of the layers to take and, of those, to
        leave out: ``"*.mlp.*"``, ``"model.layers.0.*,*.down_proj"``.

    Raises
    ------
    InputError
        If the model has no linear layer to prune, or a pattern matches none.
    """
    head = output_head(model)
    names = [n for n, m in model.named_modules() if isinstance(m, LINEAR) and m is not head]
    if not names:
        raise InputError(f"{type(model).__name__} has no linear layer to prune")
    return chosen(model, names, layers, skip)


def chosen(model: nn.Module, names: list[str], layers: str, skip: str) -> dict[str, nn.Parameter]:
    """Return name -> weight of the layers of these names that ``layers`` takes and ``skip`` does not.

    Raises
    ------
    InputError
        If a pattern matches none, or no layer is left.
    """
    taken, left = _matching("layers", layers, names), _matching("skip", skip, names)
    if not set(taken) - set(left):
        raise InputError(f"no layer is left to prune with layers {layers!r} and skip {skip!r}")
    return {
        f"{name}.weight": cast(nn.Parameter, model.get_submodule(name).weight)
        for name in names
        if name in taken and name not in left
    }


def _matching(argument: str, patterns: str, names: list[str]) -> list[str]:
    """Return the names that one of the patterns matches; each pattern must match one."""
    found = []
    for pattern in filter(None, (text.strip() for text in patterns.split(","))):
        matches = [name for name in names if fnmatchcase(name, pattern)]
        if not matches:
            raise InputError(
                f"{argument} must match names of layers such as {names[0]}; {pattern!r} matches none"
            )
        found += matches
    return found


def output_head(model: nn.Module) -> nn.Module | None:
    """Return the layer that maps hidden states to the vocabulary, if the model names one."""
    get = getattr(model, "get_output_embeddings", None)
    return get() if get else None


def input_axes(model: nn.Module) -> dict[str, int]:
    """Return, for each prunable weight, the axis that runs over its layer's inputs.

    N:M groups lie along it.  ``nn.Linear`` stores (out, in), GPT-2's ``Conv1D`` (in, out).
    """
    modules = {name: model.get_submodule(name.removesuffix(".weight")) for name in prunable(model)}
    return {name: 0 if isinstance(module, Conv1D) else 1 for name, module in modules.items()}


def vocabulary(model: Any) -> int:
    """Return how many tokens the model has an embedding for."""
    return int(model.get_input_embeddings().weight.shape[0])


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
