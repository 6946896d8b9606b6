"""Which weights of a network are pruned: the matrices of its linear layers, head and embeddings apart."""

from typing import Any

from torch import nn
from transformers.pytorch_utils import Conv1D

from tamis_torch.errors import InputError
from tamis_torch.layer_names import chosen

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
