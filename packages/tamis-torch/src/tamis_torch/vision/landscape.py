r"""The loss along a line through the weights: how wide the valley is that a network lies in.

    f(w + t d)  for given t        f(w) = (1/n) sum_i loss(network(x_i; w), y_i),  evaluation mode

    random, filter by filter       d_f = |w_f| g_f / |g_f|,  g normal       (Li et al. 2018, arXiv 1712.09913)
    the sharpest                   d = v,  H v = lambda_max v,  |v| = 1     (curvature.top_eigenvalue)

A filter is what makes one output: a row of a matrix, a kernel over all input channels.  Along the random
direction t = 1 moves each filter by its own length, so that networks of different scale (batch norm lets a
layer have any) compare.  Vectors (biases, batch norm) stay, as in the authors' code.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from tamis_torch.errors import InputError
from tamis_torch.modes import evaluating
from tamis_torch.vision.hessian import (
    Batches,
    Loss,
    check_masks,
    check_rereadable,
    on_device,
    trained,
)


def random_direction(
    network: nn.Module, *, mask: Mapping[str, Tensor] | None = None, seed: int = 0
) -> dict[str, Tensor]:
    """Return a random direction, each filter of which is as long as the network's.

    Parameters
    ----------
    network
        Its filters give the lengths: one that is zero stays.
    mask
        True where a weight may move, by the parameter's name, as of :func:`~curvature.support`; one
        without a mask is free.  The length is that within the mask.  Default: all weights.
    seed
        Drawn on the CPU, the same on every device.

    Raises
    ------
    InputError
        If the mask fits no parameter that needs a gradient.
    """
    parameters, mask, generator = trained(network), mask or {}, torch.Generator().manual_seed(seed)
    check_masks(mask, parameters)
    return {
        name: _filters(p.detach(), torch.randn(p.shape, generator=generator), mask.get(name))
        for name, p in parameters.items()
        if p.ndim > 1
    }


def loss_along(
    network: nn.Module,
    batches: Batches,
    direction: Mapping[str, Tensor],
    distances: Sequence[float],
    *,
    loss: Loss = cross_entropy,
) -> list[float]:
    """Return the mean loss at ``w + t d`` for each distance t, which may be infinite far out.

    The weights come back bit for bit, in the same memory, after an exception too.

    Parameters
    ----------
    network
        In any mode.
    batches
        Pairs (inputs, targets), read once a distance: a list or a loader, not a generator.
    direction
        d by the parameter's name, of its shape; parameters without an entry stay.
    distances
        t, in units of d.
    loss
        Of (outputs, targets), the mean over the samples of a batch; batches weigh by their size.

    Raises
    ------
    InputError
        If the direction fits no parameter, or the batches are empty or a generator.
    """
    check_rereadable(batches)
    moved = dict(network.named_parameters())
    for name, step in direction.items():
        _check_step(name, step, moved)
    with evaluating(network), torch.no_grad(), _kept([moved[name] for name in direction]) as before:
        losses = []
        for distance in distances:
            for (name, step), start in zip(direction.items(), before, strict=True):
                moved[name].copy_(start + distance * step.to(start))
            losses.append(mean_loss(network, batches, loss))
    return losses


def mean_loss(network: nn.Module, batches: Batches, loss: Loss = cross_entropy) -> float:
    """Return the mean of the loss over all samples, in the network's mode."""
    total, samples = 0.0, 0
    with torch.no_grad():
        for inputs, targets in on_device(network, batches):
            total += len(inputs) * float(loss(network(inputs), targets))
            samples += len(inputs)
    if not samples:
        raise InputError("batches must hold at least one sample, got none")
    return total / samples


@contextmanager
def _kept(parameters: Sequence[Tensor]) -> Iterator[list[Tensor]]:
    """Give copies of the parameters, and put them back at the end."""
    before = [p.clone() for p in parameters]
    try:
        yield before
    finally:
        for p, kept in zip(parameters, before, strict=True):
            p.copy_(kept)


def _filters(weight: Tensor, noise: Tensor, mask: Tensor | None) -> Tensor:
    """Return the noise in the mask, each of its filters as long as the weight's there."""
    noise, inside = noise.to(weight), torch.ones_like(weight) if mask is None else mask.to(weight)
    axes = tuple(range(1, weight.ndim))
    drawn, wanted = (torch.linalg.vector_norm(x * inside, dim=axes, keepdim=True) for x in (noise, weight))
    scale: Tensor = wanted / drawn.where(drawn > 0, torch.inf)
    return noise * inside * scale


def _check_step(name: str, step: Tensor, parameters: Mapping[str, nn.Parameter]) -> None:
    if name not in parameters:
        raise InputError(f"direction must name parameters ({', '.join(parameters)}), got {name!r}")
    need, got = tuple(parameters[name].shape), tuple(step.shape)
    if need != got:
        raise InputError(f"direction of {name} must have shape {need}, got {got}")
