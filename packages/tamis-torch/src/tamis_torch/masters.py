"""Weights in two precisions: the model computes in bfloat16, the optimiser moves float32 masters.

bfloat16 has 8 bits of mantissa: a step below 1/256 of a weight would be rounded away.  So

    w16  =  bfloat16(w32)  before each forward pass
    g32  =  sum over the micro-batches of float32(g16),   w32  <-  optimiser step on g32

Memory, bytes a parameter: 4 (masters) + 2 (model) + 4 (gradient) + 8 (Adam) = 18, against 16 in plain
float32; gradients are in bfloat16 only between the backward pass and :meth:`Masters.collect`.
Activations take half.
"""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn


class Masters:
    """Float32 masters of all parameters of a model, which holds bfloat16 until :meth:`restore`.

    It answers to what a training asks of a model: ``parameters``, ``named_parameters`` and
    ``named_buffers`` are those to train and to keep.

    Parameters
    ----------
    model : nn.Module
        Its float32 parameters become the masters, without a copy; buffers stay as they are.
    """

    def __init__(self, model: nn.Module) -> None:
        self.model = model
        self._pairs = {
            name: (p, nn.Parameter(p.detach(), requires_grad=p.requires_grad))
            for name, p in model.named_parameters()
        }
        to_bfloat16(model)

    def parameters(self) -> Iterator[nn.Parameter]:
        """Return the masters."""
        return (master for _, master in self._pairs.values())

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Return the masters by the names of the parameters."""
        return ((name, master) for name, (_, master) in self._pairs.items())

    def named_buffers(self) -> Iterator[tuple[str, Tensor]]:
        """Return the model's buffers."""
        return self.model.named_buffers()

    def of(self, weights: Mapping[str, nn.Parameter]) -> dict[str, nn.Parameter]:
        """Return the masters of some of the model's parameters."""
        masters = {id(p): master for p, master in self._pairs.values()}
        return {name: masters[id(weight)] for name, weight in weights.items()}

    @torch.no_grad()
    def share(self) -> None:
        """Round the masters into the model."""
        for p, master in self._pairs.values():
            p.copy_(master)

    @torch.no_grad()
    def collect(self) -> None:
        """Add the model's gradients to the masters' and clear them."""
        for p, master in self._pairs.values():
            if p.grad is not None:
                gradient = p.grad.float()
                master.grad = gradient if master.grad is None else master.grad.add_(gradient)
                p.grad = None

    def restore(self) -> None:
        """Give the masters back to the model as its parameters."""
        for p, master in self._pairs.values():
            p.data = master.detach()


def to_bfloat16(model: nn.Module) -> None:
    """Round the parameters of a model, one after another; buffers stay as they are."""
    for p in model.parameters():
        p.data = p.detach().to(torch.bfloat16)
