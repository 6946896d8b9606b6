r"""Batch norm's running statistics, where they must not move and where they must be taken again.

At the end of a pruning the last projection has changed every layer's outputs, while mean and variance
are still those of before.  SAFE takes them again on training samples (arXiv 2506.06866, appendix):

    mean  <-  (1/B) sum_b mean_b,     variance  <-  (1/B) sum_b variance_b         over B batches
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from tamis_torch.modes import evaluating

SAMPLES = 10_000  # training samples at most


def norms_of(network: nn.Module) -> list[_BatchNorm]:
    """Return the layers that keep running statistics."""
    return [m for m in network.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]


@contextmanager
def frozen_statistics(network: nn.Module) -> Iterator[None]:
    """Keep the running statistics as they are while inside; batches are still normed by their own.

    For the second pass of a sharpness-aware step, whose weights are not those that are kept.
    """
    norms = norms_of(network)
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True


@torch.no_grad()
def estimate_again(network: nn.Module, batches: Iterable[Tensor]) -> bool:
    """Replace the running statistics by the mean over these batches; return whether there are any.

    Everything else is in evaluation mode meanwhile.

    Parameters
    ----------
    network
    batches
        Inputs on the network's device, in batches of like size.
    """
    norms = norms_of(network)
    if not norms:
        return False
    momenta = [norm.momentum for norm in norms]
    with evaluating(network):
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # the mean over all batches
            norm.train()
        try:
            for inputs in batches:
                network(inputs)
        finally:
            for norm, momentum in zip(norms, momenta, strict=True):
                norm.momentum = momentum
    return True
