r"""Sharpness-aware gradients: the gradient at the worst point nearby, to first order.

    minimise  max_{|e| <= radius} f(w + e)        e ~ radius g / |g|,  g = grad f(w)
    gradient  grad f(w + radius g / |g|)

|g| is one norm over all parameters together (Foret et al. 2021, arXiv 2010.01412, eq. 2-3;
SAFE, arXiv 2506.06866, eq. 6).  A step takes two backward passes of the same batch::

    loss(w).backward()
    with perturbed(parameters, radius):
        loss(w).backward()          # the gradient there
    optimizer.step()                # from where w was

Of parameters that FSDP2 cut over ranks each rank moves its rows; the norm is that of all.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn.utils import get_total_norm

from tamis_torch.ranks import local, ranks_of


@contextmanager
def perturbed(parameters: Sequence[Tensor], radius: float) -> Iterator[None]:
    """Move the parameters by ``radius g / |g|`` while inside, then put them back bit for bit.

    On entry g is what each parameter holds as ``.grad`` (its scale does not matter); it is
    cleared, so that a backward pass inside leaves the gradient at the moved point.  On exit,
    by an exception too, the weights are those of before, in the same memory.

    Parameters
    ----------
    parameters
        All that the loss trains: a parameter left out is not moved, and its ``.grad`` is not
        cleared.  One without a gradient is not moved either.
    radius
        Length of the move in the units of the weights, 0 or more.  It is not made where the
        gradient is zero.
    """
    moved = [p for p in parameters if p.grad is not None]
    with torch.no_grad():
        before = [local(p.detach()).clone() for p in moved]
        ascend(moved, radius)
    for p in moved:
        p.grad = None
    try:
        yield
    finally:
        with torch.no_grad():
            for p, kept in zip(moved, before, strict=True):
                local(p.detach()).copy_(kept)


@torch.no_grad()
def ascend(parameters: Sequence[Tensor], radius: float) -> None:
    """Add ``radius g / |g|`` to the parameters in place, nothing if g is zero; each has its ``.grad``."""
    gradients = [local(p.grad) for p in parameters if p.grad is not None]
    norm, ranks = get_total_norm(gradients), ranks_of(parameters)
    if ranks.count > 1:
        norm = ranks.sum(norm.double() ** 2).sqrt()
    length = torch.where(norm > 0, norm, torch.inf)  # g / inf = 0: a zero gradient points nowhere
    for p, g in zip(parameters, gradients, strict=True):
        local(p.detach()).addcdiv_(g, length.to(g.device, p.dtype), value=radius)
