"""The training loop that every method with a training uses.

    loss  =  next-token loss of the batch of this step, the mean over its parts if it is cut
    g     =  its gradient at w, or with a radius at w + radius g/|g|; clipped to global norm 1
    w     <- optimizer.step(g) at the learning rate of this step

Over R ranks each reads its share of the windows, n_r of n, and FSDP2 averages the gradients of

    loss_r R n_r / n        so that g is that of the mean over all windows, as is the loss that is told

or, parameter by parameter, inside the backward pass (:mod:`tamis_torch.in_backward`).

There is no dropout.  The state after step t is a function of the state before it and of t alone, so
a run that was interrupted goes on as if it had not been.
"""

import math
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from tamis_torch.adam import MAX_NORM
from tamis_torch.data import Batches
from tamis_torch.devices import autocast
from tamis_torch.dropout import without_dropout
from tamis_torch.embedding import sparse_embedding
from tamis_torch.errors import InputError, NotFinite, RunError
from tamis_torch.in_backward import InBackward
from tamis_torch.masters import Masters
from tamis_torch.methods.schedule import Training, lr_scale
from tamis_torch.next_token import next_token_loss
from tamis_torch.ranks import ranks_of
from tamis_torch.recompute import recomputing
from tamis_torch.residual import wide_residual
from tamis_torch.sharpness import perturbed
from tamis_torch.zeros import zeros


def peak_lr(config: Training, weights: Mapping[str, nn.Parameter], axes: Mapping[str, int]) -> float:
    """Return the learning rate asked for, or the default one at the median width of the matrices."""
    if config.lr is not None:
        return config.lr
    widths = sorted(weight.shape[axes[name]] for name, weight in weights.items())
    return config.default_lr(widths[len(widths) // 2], zeros(weights))


def train(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    config: Training,
    batches: Batches,
    *,
    start: int = 0,
    dtype: str = "float32",
    radius: float = 0.0,
    masters: Masters | None = None,
    inside: InBackward | None = None,
    after_step: Callable[[int, dict[str, Any]], None],
) -> None:
    """Train from step ``start`` to the end of the budget.

    Parameters
    ----------
    model, optimizer, config, batches
    start
        Steps made already.
    dtype
        Of forward and backward pass (autocast); the weights keep theirs.
    radius
        Of the sharpness-aware gradient, which takes two passes a step; 0: the plain one.
    masters
        The model's, if the optimiser moves these.
    inside
        Makes the inner optimiser's steps in the backward pass.
    after_step
        Called with the steps made and ``{"loss", "lr", "gradient_norm"}``.

    Raises
    ------
    NotFinite
        If the loss or its gradient is NaN or infinite, before the step that would spoil the weights.
    RunError
        The same in the backward pass, where other parameters have been stepped by then.
    """
    model.train()
    with (
        without_dropout(model), recomputing(model, config.recompute), sparse_embedding(model, inside),
        wide_residual(model, dtype) as computed,
    ):  # fmt: skip
        for step in range(start, config.steps):
            for group in optimizer.param_groups:
                group["lr"] = group["initial_lr"] * lr_scale(config, step)
            loss, norm = gradient(model, batches(step), computed, config.accumulate, radius, masters, inside)
            if not (math.isfinite(loss) and math.isfinite(norm)):
                raise _not_finite(step, loss, norm, inside)
            optimizer.step()
            optimizer.zero_grad()
            lr = optimizer.param_groups[0]["lr"]
            after_step(step + 1, {"loss": loss, "lr": lr, "gradient_norm": norm})


def _not_finite(step: int, loss: float, norm: float, inside: InBackward | None) -> RunError:
    if inside is None:
        return NotFinite(step, loss, norm)
    return RunError(
        f"the loss is {loss} and its gradient's norm {norm} in step {step + 1}, and parameters have been "
        "stepped; go back to the last checkpoint, and on with a smaller learning rate"
    )


def check_model(config: Training, model: nn.Module) -> None:
    """Refuse settings that a model cannot be trained with.

    Raises
    ------
    InputError
        If the weights are not float32, or bfloat16 where these are trained; or activations are to be
        computed anew and the model's class cannot.
    """
    wanted = {torch.float32, torch.bfloat16} if config.rounds_weights else {torch.float32}
    if other := {p.dtype for p in model.parameters() if p.dtype.is_floating_point} - wanted:
        found = ", ".join(sorted(str(dtype).removeprefix("torch.") for dtype in other))
        raise InputError(
            f"model must have float32 weights to be trained, got {found}; load it with dtype=torch.float32"
        )
    if config.recompute and not getattr(model, "supports_gradient_checkpointing", False):
        raise InputError(f"recompute must be False: {type(model).__name__} has no gradient checkpointing")


def gradient(
    model: nn.Module,
    batch: Tensor,
    dtype: str = "float32",
    parts: int = 1,
    radius: float = 0.0,
    masters: Masters | None = None,
    inside: InBackward | None = None,
) -> tuple[float, float]:
    """Add the clipped gradient of the batch's next-token loss to the parameters; return loss and norm.

    The norm is that before clipping.

    Parameters
    ----------
    model
    batch
        Token numbers, shape (windows, tokens).
    dtype
        Of forward and backward pass (autocast).
    parts
        How many equal parts the windows go through the model in, one after another.
    radius
        Of the sharpness-aware gradient; the loss returned is that at the weights themselves.
    masters
        Take the gradient in their place, if the model has any.
    inside
        Makes the step with the gradient, which is gone then.
    """
    trained = list((masters or model).parameters())
    loss = _backward(model, batch, dtype, parts, masters, inside)
    if inside is not None:
        return loss, inside.finish()
    if radius > 0:
        with perturbed(trained, radius):
            _backward(model, batch, dtype, parts, masters)
    norm = nn.utils.clip_grad_norm_(trained, MAX_NORM)
    return loss, norm.item()


def _backward(
    model: nn.Module,
    batch: Tensor,
    dtype: str,
    parts: int,
    masters: Masters | None,
    inside: InBackward | None = None,
) -> float:
    """Add the gradient of the batch's loss to the parameters, or to their masters; return the loss."""
    if masters is not None:
        masters.share()
    device, ranks = next(model.parameters()).device, ranks_of(model.parameters())
    losses = []
    try:
        cut = batch.to(device).chunk(parts)
        for number, part in enumerate(cut, 1):
            with inside.accumulate() if inside is not None and number < len(cut) else nullcontext():
                mine = part.tensor_split(ranks.count)[ranks.rank]
                weight = ranks.count * len(mine) / len(part)
                losses.append(_backward_part(model, mine, dtype, parts / weight))
            if masters is not None:
                masters.collect()
    except RuntimeError as error:
        if "allocate" not in str(error):
            raise
        windows, length = batch.shape
        raise RunError(
            f"out of memory on {device} with batch_size {windows} and seq_len {length}; give smaller ones, "
            "or a larger accumulate, or recompute"
        ) from error
    return ranks.sum(torch.stack(losses).sum()).item() / ranks.count


def _backward_part(model: nn.Module, part: Tensor, dtype: str, parts: float) -> Tensor:
    with autocast(part.device, dtype):
        loss = next_token_loss(model(input_ids=part, use_cache=False).logits, part) / parts
    torch.autograd.backward(loss)
    return loss.detach()
