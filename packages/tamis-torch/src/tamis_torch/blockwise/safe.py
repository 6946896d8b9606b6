"""SAFE on one block; the equations are those of :mod:`tamis_torch.methods.safe`."""

import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import torch
from torch import Tensor, nn

from tamis import admm
from tamis.sets import NofM, Sparse
from tamis_torch.adam import adam
from tamis_torch.blockwise.blocks import Block, Call, run
from tamis_torch.blockwise.output_error import Problem, backward, batches, loss
from tamis_torch.blockwise.squares import squares_of_inputs
from tamis_torch.errors import RunError
from tamis_torch.methods.goal import constraint
from tamis_torch.methods.safe import Safe, SafePlus, lr_at, peak_lr
from tamis_torch.sharpness import perturbed

FLOOR = 1e-6  # of the metric, relative to its mean: an input may be always zero, a metric must be positive


class Pulled(NamedTuple):
    """A matrix to prune, its set, and the projection's diagonal M of its shape (None: the identity)."""

    weight: nn.Parameter
    target: Sparse | NofM
    metric: Tensor | None


def prune_block(block: Block, calls: Sequence[Call], config: Safe, dtype: str) -> dict[str, float]:
    """Prune a block in place, so that its outputs on the calls stay what they are.

    The calls come from the blocks before as they are now (once pruned), and the targets are this
    block's own outputs on them before it is changed, as in the paper's code.

    Parameters
    ----------
    block
        Without weights to prune it is left as it is.
    calls
    config
        With the block's own sparsity.
    dtype
        Of the forward passes (autocast): "float32" or "bfloat16".

    Returns
    -------
    dict
        The mean squared difference over all windows: ``"loss_first"`` with the first z, before any
        training, ``"loss_last"`` as the block is left; empty if nothing is pruned.  Warns if the
        training made it larger.

    Raises
    ------
    RunError
        If the loss is no longer finite.
    """
    if not block.weights:
        return {}
    targets, metrics = observe(block, calls, dtype, scored=isinstance(config, SafePlus))
    pulled = [
        Pulled(weight, constraint(config, block.axes[name]), metrics.get(name))
        for name, weight in block.weights.items()
    ]
    problem = Problem(block, calls, targets, dtype)
    first = _loss_projected(problem, pulled)
    train(problem, pulled, config)
    project(pulled)
    last = loss(problem)
    if last > first:
        warnings.warn(
            f"the training left a larger error ({last:.3g}) than the first projection had ({first:.3g}); "
            "give more epochs, more samples or another lr",
            stacklevel=2,
        )
    return {"loss_first": first, "loss_last": last}


def train(problem: Problem, pulled: Sequence[Pulled], config: Safe) -> None:
    """Run the iteration for all epochs; it leaves the weights near their sets, not in them."""
    width = problem.calls[0].hidden.shape[-1]
    optimizer = adam(problem.block.module, peak_lr(config, width))
    states = [admm.init(one.weight.detach(), one.target, one.metric) for one in pulled]
    steps = list(batches(problem, config.epochs, config.batch_size, config.seed))
    for step, batch in enumerate(steps):
        optimizer.param_groups[0]["lr"] = lr_at(config, width, step, len(steps))
        error = gradient(problem, batch, optimizer.param_groups[0]["params"], config.radius)
        if config.pull == "gradient":
            pull_gradients(pulled, states, config.penalty)
        optimizer.step()
        optimizer.zero_grad()
        if config.pull == "direct":
            pull_weights(pulled, states, config.penalty)
        if (step + 1) % config.interval == 0:
            _check_finite(error, problem.block, step)
            states = dual_updates(pulled, states)


def gradient(problem: Problem, batch: Sequence[int], parameters: Sequence[Tensor], radius: float) -> Tensor:
    """Leave the gradient at ``w + e`` in the parameters, and them where they are; return f(w)."""
    error = backward(problem, batch)
    if radius > 0:
        with perturbed(parameters, radius):
            backward(problem, batch)
    return error


@torch.no_grad()
def pull_gradients(pulled: Sequence[Pulled], states: Sequence[admm.State], penalty: float) -> None:
    """Add ``penalty (w - z + u)`` to the gradients; w is back from ``w + e`` by now."""
    for one, state in zip(pulled, states, strict=True):
        if one.weight.grad is not None:
            one.weight.grad += admm.penalty_gradient(one.weight, state, penalty)


@torch.no_grad()
def pull_weights(pulled: Sequence[Pulled], states: Sequence[admm.State], share: float) -> None:
    """Close a share of the distance to ``z - u``."""
    for one, state in zip(pulled, states, strict=True):
        one.weight.lerp_(admm.target(state), share)


def dual_updates(pulled: Sequence[Pulled], states: Sequence[admm.State]) -> list[admm.State]:
    """Return z and u after their update at the weights as they are."""
    return [
        admm.dual_update(one.weight.detach(), state, one.target, one.metric)
        for one, state in zip(pulled, states, strict=True)
    ]


@torch.no_grad()
def project(pulled: Sequence[Pulled]) -> None:
    """Make the weights sparse, in place."""
    for one in pulled:
        one.weight.copy_(one.target.project(one.weight, one.metric))


@torch.no_grad()
def observe(
    block: Block, calls: Sequence[Call], dtype: str, *, scored: bool
) -> tuple[list[Tensor], dict[str, Tensor]]:
    """Return the block's outputs on the calls and, if ``scored``, SAFE+'s metric of each weight."""
    watching: AbstractContextManager[dict[str, Tensor]] = (
        squares_of_inputs(block) if scored else nullcontext({})
    )
    with watching as squares:
        targets = [run(block, call, dtype).float() for call in calls]
    return targets, {name: metric(total, block.weights[name]) for name, total in squares.items()}


def metric(squares: Tensor, weight: Tensor) -> Tensor:
    """Return M of the weight's shape: for each weight of input j its sum of squares, ``|X_j|^2``."""
    floored = squares + FLOOR * squares.mean() + torch.finfo(squares.dtype).tiny
    return floored.expand_as(weight)


def _loss_projected(problem: Problem, pulled: Sequence[Pulled]) -> float:
    dense = [one.weight.detach().clone() for one in pulled]
    project(pulled)
    error = loss(problem)
    with torch.no_grad():
        for one, before in zip(pulled, dense, strict=True):
            one.weight.copy_(before)
    return error


def _check_finite(error: Tensor, block: Block, step: int) -> None:
    if not torch.isfinite(error):
        raise RunError(
            f"the loss of {block.name} is {error.item()} in step {step + 1}; give a smaller lr or penalty"
        )
