"""The shapes of a language model."""

from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn
from transformers import PretrainedConfig
from transformers.pytorch_utils import Conv1D

from tamis_torch.errors import InputError
from tamis_torch.planning.reading import build, read_config
from tamis_torch.weights import LINEAR, output_head, prunable


class Tensors(NamedTuple):
    """Parameters of one shape."""

    shape: tuple[int, ...]
    pruned: bool
    place: str  # "block", or "outside": embeddings, output head, last norm
    times: int


class Network(NamedTuple):
    """What a plan has to know of a model."""

    name: str
    tensors: tuple[Tensors, ...]
    layers: int
    hidden: int
    heads: int
    kv_heads: int
    head_dim: int
    inner: int  # width of the MLP
    gated: bool  # whether the MLP has a gate beside its way up
    norms: int  # of a block, over the hidden width
    vocabulary: int
    tied: bool
    eager: bool  # whether attention keeps its scores, (heads, tokens, tokens)
    capped: bool  # whether the scores, and the logits, pass through a tanh
    context: int | None
    products: int  # parameters that a token is multiplied with, the output head among them

    @property
    def parameters(self) -> int:
        """N, tied ones once."""
        return sum(entries(t.shape) * t.times for t in self.tensors)

    @property
    def pruned(self) -> int:
        """P, of the matrices that are pruned."""
        return sum(entries(t.shape) * t.times for t in self.tensors if t.pruned)

    @property
    def largest(self) -> int:
        """Entries of the largest parameter."""
        return max(entries(t.shape) for t in self.tensors)

    @property
    def rows(self) -> int:
        """Length of the tallest parameter, along which it is cut among devices."""
        return max(t.shape[0] for t in self.tensors if t.shape)


def entries(shape: tuple[int, ...]) -> int:
    """Return the number of entries."""
    return torch.Size(shape).numel()


def read_network(
    model: str | Path | PretrainedConfig | nn.Module, layers: str = "*", skip: str = ""
) -> Network:
    """Return the shapes of a model.

    Parameters
    ----------
    model
        A folder with a config.json, a .json file, a .gguf file, a hub name, a config or a model in memory.
    layers, skip
        What is pruned, as :func:`tamis_torch.prunable` takes it.

    Raises
    ------
    InputError
        If it cannot be read, or is no causal language model that transformers knows.
    """
    if isinstance(model, nn.Module):
        network: Any = model
        name = getattr(model, "name_or_path", "") or type(model).__name__
    else:
        config = model if isinstance(model, PretrainedConfig) else read_config(str(model))
        name = config.model_type if isinstance(model, PretrainedConfig) else str(model)
        network = build(config, name)
    return _shapes(network, name, prunable(network, layers, skip))


def _shapes(model: Any, name: str, pruned: dict[str, nn.Parameter]) -> Network:
    config = model.config.get_text_config()
    parameters = dict(model.named_parameters())
    blocks = _block_names(model, config.num_hidden_layers)
    counted = Counter(
        (tuple(p.shape), n in pruned, "block" if n.startswith(blocks) else "outside")
        for n, p in parameters.items()
    )
    hidden, heads = config.hidden_size, config.num_attention_heads
    first = model.get_submodule(blocks[0].rstrip("."))
    inner, gated = _mlp(first, hidden)
    return Network(
        name=name, tensors=tuple(Tensors(*key, count) for key, count in counted.items()),
        layers=config.num_hidden_layers, hidden=hidden, heads=heads,
        kv_heads=getattr(config, "num_key_value_heads", None) or heads,
        head_dim=getattr(config, "head_dim", None) or hidden // heads,
        inner=inner, gated=gated, norms=sum("Norm" in type(m).__name__ for m in first.children()),
        vocabulary=model.get_input_embeddings().weight.shape[0], tied=_tied(model),
        eager=config._attn_implementation == "eager",
        capped=bool(getattr(config, "final_logit_softcapping", None)),
        context=getattr(config, "max_position_embeddings", None), products=_products(model, parameters),
    )  # fmt: skip


def _block_names(model: nn.Module, layers: int) -> tuple[str, ...]:
    """Return the prefixes of the names of the transformer blocks."""
    for name, module in model.named_modules():
        if isinstance(module, nn.ModuleList) and len(module) == layers:
            return tuple(f"{name}.{index}." for index in range(layers))
    raise InputError(f"{type(model).__name__} has no list of {layers} blocks, which a plan needs")


def _mlp(first: nn.Module, hidden: int) -> tuple[int, bool]:
    """Return the width of a block's MLP, and whether two matrices lead up to it."""
    weights = [(m, m.get_parameter("weight").shape) for m in first.modules() if isinstance(m, LINEAR)]
    ways = [tuple(shape) if isinstance(m, Conv1D) else tuple(shape)[::-1] for m, shape in weights]
    inner = max((inputs for inputs, outputs in ways if outputs == hidden), default=hidden)
    return inner, sum(way == (hidden, inner) for way in ways) > 1 and inner != hidden


def _tied(model: Any) -> bool:
    head = output_head(model)
    return head is not None and head.weight is model.get_input_embeddings().weight


def _products(model: Any, parameters: dict[str, nn.Parameter]) -> int:
    looked_up = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    head: Any = output_head(model)
    multiplied = {id(p): p.numel() for p in parameters.values() if p.ndim > 1 and id(p) not in looked_up}
    if head is not None:
        multiplied[id(head.weight)] = head.weight.numel()
    return sum(multiplied.values())
