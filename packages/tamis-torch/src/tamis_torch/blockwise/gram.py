r"""What a layer's inputs look like: the Gram matrix that every layer-wise method works on.

    G  =  (2 / n) sum_t x_t x_t^T          x_t the layer's input at one of n tokens

so that (1/2) tr((V - W) G (V - W)^T) is the mean squared change of the layer's output when V replaces W,
and G its Hessian for each row of V.  In float32 always: under autocast the product would silently
be taken in bfloat16.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack

import torch
from torch import Tensor, nn

from tamis_torch.blockwise.blocks import Block, Call, run
from tamis_torch.errors import RunError


@torch.no_grad()
def grams(block: Block, calls: Sequence[Call], dtype: str) -> dict[str, Tensor]:
    """Return the Gram matrix, (inputs, inputs), of each weight of a block.

    Layers that read the very same tensor (q, k and v; gate and up) share one matrix.

    Raises
    ------
    RunError
        If a layer got no input at all, or one that is not finite.
    """
    watch = _Watch()
    with ExitStack() as hooks:
        for name in block.weights:
            hooks.callback(block.layer(name).register_forward_pre_hook(watch.hook(name)).remove)
        for call in calls:
            watch.inputs = {}
            run(block, call, dtype)
    watch.inputs = {}
    return watch.result(block)


class _Watch:
    """The sums so far, and which layers have always read the same tensors as another."""

    def __init__(self) -> None:
        self.inputs: dict[str, list[Tensor]] = {}  # of each layer in this forward pass
        self.leaders: dict[str, str] = {}  # layer -> the layer whose sum is also its own
        self.sums: dict[str, Tensor] = {}
        self.tokens: dict[str, int] = {}

    def hook(self, name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def watch(module: nn.Module, args: tuple[Tensor, ...]) -> None:
            self._read(name, args[0])

        return watch

    def _read(self, name: str, x: Tensor) -> None:
        mine = self.inputs.setdefault(name, [])
        mine.append(x)
        leader = self.leaders.setdefault(name, self._first_reader(x))
        if leader == name:
            self._add(name, x)
        elif not any(x is known for known in self.inputs.get(leader, [])):
            raise RunError(f"{name} reads the input of {leader} in some calls and another one in others")

    def _first_reader(self, x: Tensor) -> str:
        return next(name for name, seen in self.inputs.items() if any(x is known for known in seen))

    def _add(self, name: str, x: Tensor) -> None:
        rows = x.detach().reshape(-1, x.shape[-1])
        with torch.autocast(x.device.type, enabled=False):
            rows = rows.float()
            if name not in self.sums:
                self.sums[name] = rows.new_zeros(rows.shape[1], rows.shape[1])
                self.tokens[name] = 0
            self.sums[name].addmm_(rows.T, rows)
        self.tokens[name] += len(rows)

    def result(self, block: Block) -> dict[str, Tensor]:
        for name in block.weights:
            if not self.tokens.get(self.leaders.get(name, ""), 0):
                raise RunError(f"{name} got no input on the calibration text; give more samples, or skip it")
        for name, total in self.sums.items():
            total.mul_(2 / self.tokens[name])
            if not torch.isfinite(total).all():
                raise RunError(f"the inputs of {name} are not finite on the calibration text")
        return {name: self.sums[self.leaders[name]] for name in block.weights}
