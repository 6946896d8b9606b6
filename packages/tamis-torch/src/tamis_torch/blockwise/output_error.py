"""How far a block's outputs are from what they were: the loss of a method that trains a block by itself.

    f(w)  =  mean over windows, tokens and units of  (block(x; w) - y)^2          y kept from before

A batch is any set of windows, each with its own y.  What a block is called with besides the hidden
states does not depend on the text (:func:`tamis_torch.blockwise.blocks.first_calls` sees to it), so
that windows of different calls can go through it together.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from tamis_torch.blockwise.blocks import Block, Call, run


class Problem(NamedTuple):
    """A block, what it is called with, and the outputs that it should have."""

    block: Block
    calls: Sequence[Call]
    targets: Sequence[Tensor]  # of each call, float32, (windows, tokens, width)
    dtype: str  # of the forward passes


def backward(problem: Problem, batch: Sequence[int]) -> Tensor:
    """Add the gradient of the loss over a batch of windows to the block's parameters; return the loss.

    No more windows go through the block at a time than a call has.
    """
    together = len(problem.calls[0].hidden)
    total = torch.zeros((), device=problem.targets[0].device)
    for at in range(0, len(batch), together):
        windows = batch[at : at + together]
        call, target = gather(problem, windows)
        error = _squared_error(problem, call, target) / (len(batch) * target[0].numel())
        error.backward()  # type: ignore[no-untyped-call]
        total += error.detach()
    return total


@torch.no_grad()
def loss(problem: Problem) -> float:
    """Return the loss over all windows."""
    pairs = zip(problem.calls, problem.targets, strict=True)
    total = sum(_squared_error(problem, call, target) for call, target in pairs)
    return float(total) / sum(target.numel() for target in problem.targets)


def gather(problem: Problem, windows: Sequence[int]) -> tuple[Call, Tensor]:
    """Return one call with these windows, counted over all calls, and its target."""
    places = [(i, row) for i, call in enumerate(problem.calls) for row in range(len(call.hidden))]
    chosen = [places[window] for window in windows]
    hidden = torch.stack([problem.calls[i].hidden[row] for i, row in chosen])
    target = torch.stack([problem.targets[i][row] for i, row in chosen])
    first = problem.calls[0]
    return Call(hidden, _cut(first.kwargs, len(first.hidden), len(chosen))), target


def batches(problem: Problem, epochs: int, batch_size: int, seed: int) -> Iterator[list[int]]:
    """Yield the windows of each step: each epoch all once, in an order drawn from (seed, block, epoch)."""
    count = sum(len(call.hidden) for call in problem.calls)
    for epoch in range(epochs):
        shuffled = np.random.default_rng([seed, problem.block.index, epoch]).permutation(count).tolist()
        yield from (shuffled[at : at + batch_size] for at in range(0, count, batch_size))


def _squared_error(problem: Problem, call: Call, target: Tensor) -> Tensor:
    return F.mse_loss(run(problem.block, call, problem.dtype).float(), target, reduction="sum")


def _cut(value: Any, windows: int, count: int) -> Any:
    """Return arguments made for a number of windows for ``count`` of them: masks have a row a window."""
    if isinstance(value, dict):
        return {key: _cut(part, windows, count) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_cut(part, windows, count) for part in value)
    batched = isinstance(value, Tensor) and value.ndim > 1 and len(value) == windows
    return value[:count] if batched else value
