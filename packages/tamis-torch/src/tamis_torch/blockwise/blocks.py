"""The blocks of a transformer: found in the model, and what each is called with.

    h_0 = embeddings of the tokens,    h_{b+1} = block_b(h_b, kwargs_b),    logits = head(norm(h_B))

What a block gets besides the hidden states (position embeddings, attention mask ...) is taken from
the model's own forward pass, for each block its own: the masks of Gemma's blocks differ.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from tamis_torch.devices import autocast
from tamis_torch.errors import InputError, RunError

WINDOWS, TOKENS = 8, 4096  # of a forward pass at most


class Block(NamedTuple):
    """A block of the model, and what is pruned in it."""

    index: int  # type: ignore[assignment]  # from 0; hides tuple.index
    name: str  # "model.layers.0"
    module: nn.Module
    weights: dict[str, nn.Parameter]  # by their names in the model; empty if the block stays dense
    axes: dict[str, int]  # the axis of each weight that runs over its layer's inputs

    def layer(self, weight: str) -> nn.Module:
        """Return the layer that a weight of the block belongs to."""
        return self.module.get_submodule(weight.removeprefix(f"{self.name}.").removesuffix(".weight"))


class Call(NamedTuple):
    """What a block is called with for a few windows."""

    hidden: Tensor  # (windows, tokens, width)
    kwargs: dict[str, Any]


Extras = dict[int, list[dict[str, Any]]]  # windows of a call -> the kwargs of each block


class _Stop(Exception):
    """Ends a forward pass that has shown what was asked."""


def find(model: nn.Module, weights: Mapping[str, nn.Parameter], axes: Mapping[str, int]) -> list[Block]:
    """Return the model's blocks in the order of the forward pass.

    They are the longest ``nn.ModuleList`` that holds prunable weights and lies in no other such list:
    ``model.layers`` of Llama and its kin, ``model.decoder.layers`` of OPT, ``transformer.h`` of GPT-2.

    Raises
    ------
    InputError
        If there is none, or a weight to prune lies outside.
    """
    lists = [
        (name, module)
        for name, module in model.named_modules()
        if isinstance(module, nn.ModuleList) and any(key.startswith(f"{name}.") for key in weights)
    ]
    outer = [found for found in lists if not any(found[0].startswith(f"{other}.") for other, _ in lists)]
    if not outer:
        raise InputError(f"{type(model).__name__} has no list of blocks that could be pruned one by one")
    name, modules = max(outer, key=lambda found: len(found[1]))
    outside = [key.removesuffix(".weight") for key in weights if not key.startswith(f"{name}.")]
    if outside:
        raise InputError(
            f"a method that prunes block by block takes layers in {name} only, but {outside[0]} is outside; "
            "leave it out with skip"
        )
    return [_block(index, f"{name}.{index}", module, weights, axes) for index, module in enumerate(modules)]


def _block(
    index: int, name: str, module: nn.Module, weights: Mapping[str, nn.Parameter], axes: Mapping[str, int]
) -> Block:
    own = {key: weight for key, weight in weights.items() if key.startswith(f"{name}.")}
    return Block(index, name, module, own, {key: axes[key] for key in own})


def first_calls(
    model: nn.Module, blocks: Sequence[Block], windows: Tensor, dtype: str
) -> tuple[list[Call], Extras]:
    """Return the calls of the first block on the windows, (N, tokens), and the kwargs of every block.

    The kwargs of the later blocks are recorded once for each number of windows in a call, in the model's
    forward pass on the first call of that size.

    Raises
    ------
    RunError
        If the kwargs depend on the text, so that they cannot be used for all windows.
    """
    calls: list[Call] = []
    extras: Extras = {}
    for tokens in torch.split(windows, min(WINDOWS, max(1, TOKENS // windows.shape[1]))):
        count = len(tokens)
        seen = _record(model, blocks[:1] if count in extras else blocks, tokens, dtype)
        kwargs = extras.setdefault(count, [call.kwargs for call in seen])[0]
        if not _same(kwargs, seen[0].kwargs):
            raise RunError(
                f"{blocks[0].name} gets arguments that depend on the text besides its hidden states; "
                "such a model cannot be pruned block by block"
            )
        calls.append(Call(seen[0].hidden, kwargs))
    return calls, extras


@torch.no_grad()
def _record(model: nn.Module, blocks: Sequence[Block], tokens: Tensor, dtype: str) -> list[Call]:
    """Return what each of the blocks is called with on the tokens; the forward pass ends at the last."""
    seen: list[Call] = []
    device = next(model.parameters()).device
    with ExitStack() as hooks, suppress(_Stop), autocast(device, dtype):
        for block in blocks:
            hook = _recorder(seen, last=block is blocks[-1])
            handle = block.module.register_forward_pre_hook(hook, with_kwargs=True)
            hooks.callback(handle.remove)
        model(input_ids=tokens.to(device), use_cache=False)
    return seen


def _recorder(seen: list[Call], last: bool) -> Callable[..., None]:
    def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        named = inspect.signature(module.forward).bind_partial(*args, **kwargs)
        given = dict(named.arguments)
        hidden = given.pop(next(iter(named.signature.parameters)))
        for name, parameter in named.signature.parameters.items():
            if parameter.kind is parameter.VAR_KEYWORD:
                given |= given.pop(name, {})
        seen.append(Call(hidden, given))
        if last:
            raise _Stop

    return hook


def run(block: Block, call: Call, dtype: str) -> Tensor:
    """Return the block's output, (windows, tokens, width), in the forward pass's ``dtype``."""
    with autocast(call.hidden.device, dtype):
        output = block.module(call.hidden, **call.kwargs)
    return output if isinstance(output, Tensor) else output[0]


@torch.no_grad()
def advance(block: Block, calls: list[Call], extras: Extras, dtype: str) -> None:
    """Replace, in place, what the block is called with by what the next one is called with."""
    for i, call in enumerate(calls):
        calls[i] = Call(run(block, call, dtype), extras[len(call.hidden)][block.index + 1])


def _same(one: Any, other: Any) -> bool:
    """Return whether two arguments are equal wherever they hold tensors."""
    if isinstance(one, Tensor):
        return isinstance(other, Tensor) and torch.equal(one, other)
    if isinstance(one, dict):
        return all(_same(value, other[key]) for key, value in one.items())
    if isinstance(one, list | tuple):
        return all(_same(*pair) for pair in zip(one, other, strict=True))
    return True
