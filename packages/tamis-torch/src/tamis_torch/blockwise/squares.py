"""How large the inputs of a block's layers are: for each input its sum of squares over the tokens."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import torch
from torch import Tensor, nn

from tamis_torch.blockwise.blocks import Block


@contextmanager
def squares_of_inputs(block: Block) -> Iterator[dict[str, Tensor]]:
    """Give, for each weight of the block, the sums of squares of its inputs in the runs made inside.

    Each of the weight's shape with its outputs' axis of length 1, float32.
    """
    squares = {}
    with ExitStack() as hooks:
        for name, weight in block.weights.items():
            total = torch.zeros(weight.shape[block.axes[name]], device=weight.device)
            squares[name] = total.unsqueeze(1 - block.axes[name])
            hooks.callback(block.layer(name).register_forward_pre_hook(_adding_to(total)).remove)
        yield squares


def _adding_to(total: Tensor) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
    def add(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        total.add_(inputs[0].detach().float().square().flatten(0, -2).sum(dim=0))

    return add
