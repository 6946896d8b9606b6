"""The training loop on images, which all methods use.

    loss  =  mean cross-entropy of the batch of this step
    g     =  its gradient at w, or with a radius at w + radius g/|g|
    w     <- optimizer.step(g) at the learning rate of this step

In the second pass of a sharpness-aware step batch norm's running statistics stay as they are.  The state
after step t is a function of the state before it, of t and of the seed alone: what a network draws by chance,
as dropout does, is drawn from a stream of the step's own.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.nn.utils import get_total_norm

from tamis_torch.devices import autocast
from tamis_torch.errors import NotFinite
from tamis_torch.sharpness_aware import SharpnessAware
from tamis_torch.vision.batch_norm import frozen_statistics
from tamis_torch.vision.batches import Batches


def train(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    batches: Batches,
    rates: Sequence[float],
    *,
    sharp: SharpnessAware | None = None,
    radii: Sequence[float] = (),
    start: int = 0,
    dtype: str = "float32",
    after_step: Callable[[int, dict[str, Any]], None],
) -> None:
    """Train from step ``start`` to the end.

    Parameters
    ----------
    network
    optimizer
        What makes the step: plain, ``sharp`` itself, or ADMM round either.
    batches, rates
        Of each step.  The seed of the batches is that of the network's own chance too.
    sharp, radii
        What takes the second pass, if there is one, and its radius in each step.
    start
        Steps made already.
    dtype
        Of forward and backward pass (autocast).
    after_step
        Called with the steps made and ``{"loss", "accuracy", "lr", "gradient_norm"}``: loss and accuracy of
        the batch at the weights, before the step.

    Raises
    ------
    NotFinite
        If the loss or its gradient is NaN or infinite, before the step that would spoil the weights.
    """
    network.train()
    device = next(network.parameters()).device
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        for step in range(start, len(rates)):
            for group in optimizer.param_groups:
                group["lr"] = rates[step]
            if sharp is not None:
                sharp.radius = radii[step]
            optimizer.zero_grad()
            torch.manual_seed(_stream(batches.seed, step))
            inputs, labels = (part.to(device) for part in batches(step))
            loss, right, norm = _gradient(network, inputs, labels, dtype, sharp)
            if not (math.isfinite(loss) and math.isfinite(norm)):
                raise NotFinite(step, loss, norm)
            optimizer.step()
            told = {"loss": loss, "accuracy": right, "lr": rates[step], "gradient_norm": norm}
            after_step(step + 1, told)


def _stream(seed: int, step: int) -> int:
    """Return the seed of what a network draws in a step."""
    return int(np.random.default_rng([seed, step, 2]).integers(2**63))


def _gradient(
    network: nn.Module, inputs: Tensor, labels: Tensor, dtype: str, sharp: SharpnessAware | None
) -> tuple[float, float, float]:
    """Leave the gradient in the parameters; return loss and share that is right at w, and the norm."""
    loss, right = _backward(network, inputs, labels, dtype)
    if sharp is not None:
        with sharp.perturbed(), frozen_statistics(network):
            _backward(network, inputs, labels, dtype)
    gradients = [p.grad for p in network.parameters() if p.requires_grad and p.grad is not None]
    return loss, right, get_total_norm(gradients).item()


def _backward(network: nn.Module, inputs: Tensor, labels: Tensor, dtype: str) -> tuple[float, float]:
    """Add the gradient of the batch's loss to the parameters; return the loss and the share that is right."""
    with autocast(inputs.device, dtype):
        outputs = network(inputs)
        loss = cross_entropy(outputs, labels)
    torch.autograd.backward(loss)
    right = (outputs.argmax(1) == labels).float().mean()
    return loss.item(), right.item()
