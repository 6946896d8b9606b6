"""Which weights of a network are pruned: the matrices of its linear layers, head and embeddings apart."""

from typing import Any, cast

from torch import nn
from transformers.pytorch_utils import Conv1D

LINEAR = (nn.Linear, Conv1D)


def prunable(model: nn.Module) -> dict[str, nn.Parameter]:
    """Return name -> weight of every linear layer but the output head.

    Embeddings are no linear layers; a head tied to them, or untied, is left out as in the
    literature (``lm_head`` of causal language models, whatever its name).

    Raises
    ------
    ValueError
        If the model has no linear layer to prune.
    """
    head = output_head(model)
    weights = {
        f"{name}.weight": cast(nn.Parameter, module.weight)
        for name, module in model.named_modules()
        if isinstance(module, LINEAR) and module is not head
    }
    if not weights:
        raise ValueError(f"{type(model).__name__} has no linear layer to prune")
    return weights


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
