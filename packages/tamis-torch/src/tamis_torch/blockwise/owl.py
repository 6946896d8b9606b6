"""OWL: fewer zeros in the blocks whose weights meet more outliers among their inputs.

    A_ij = |w_ij| |x_j|_2                           of all pruned matrices of block b, in the dense model
    D_b  = share of the A_ij of the block above M times their mean
    s_b  = s + c (mean - d_b),   d_b = 2 lambda (D_b - min D) / (max D - min D)

(Yin et al. 2024, arXiv 2310.05175, section 4; M and lambda as there.)  ``mean`` is that of d_b, each
block counted by its weights, so that the sparsity of all together is s; public code counts blocks alike.
c is 1, or as much less as keeps every s_b in [0, 1 - (1 - s) / 10]: no block keeps less than a tenth
of an equal share.  It takes one pass of the calibration text through the dense model.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from tamis_torch.blockwise.blocks import Block, advance, find, first_calls, run
from tamis_torch.blockwise.squares import squares_of_inputs
from tamis_torch.blockwise.windows import draw
from tamis_torch.methods.calibrated import Calibrated
from tamis_torch.modes import evaluating
from tamis_torch.task import Task

ABOVE = 5.0  # M: an outlier is so many times the mean
SPREAD = 0.08  # lambda: largest and smallest sparsity are twice as far apart
LEAST_SHARE = 0.1  # of the weights that a block would keep under equal sparsities


def sparsities(task: Task, config: Calibrated, dtype: str) -> list[float]:
    """Return the sparsity of each block; the model is not changed."""
    assert task.train is not None, "prepare() refuses a calibrated method without a text"
    blocks, windows = find(task.model, task.weights, task.axes), draw(task.train.tokens, config)
    shares = []
    with evaluating(task.model):
        calls, extras = first_calls(task.model, blocks, windows, dtype)
        for block in blocks:
            with squares_of_inputs(block) as squares:
                if block is not blocks[-1]:
                    advance(block, calls, extras, dtype)
                else:
                    for call in calls:
                        run(block, call, dtype)
            shares.append(outliers(block, squares))
    sizes = [sum(weight.numel() for weight in block.weights.values()) for block in blocks]
    return spread(shares, sizes, config.sparsity)


def spread(shares: Sequence[float], sizes: Sequence[int], sparsity: float) -> list[float]:
    """Return s_b for D_b (``shares``) and the number of weights to prune in each block.

    A block without weights has no part in it.
    """
    own = [share for share, size in zip(shares, sizes, strict=True) if size]
    width = max(own) - min(own)
    if width == 0:
        return [sparsity] * len(shares)
    d = [2 * SPREAD * ((share - min(own)) / width) for share in shares]
    mean = sum(size * x for size, x in zip(sizes, d, strict=True)) / sum(sizes)
    low, high = mean - 2 * SPREAD, mean  # of mean - d_b
    room = (1 - sparsity) * (1 - LEAST_SHARE)
    fits = min(1.0, sparsity / -low, room / high)
    found = [max(0.0, sparsity + fits * (mean - x)) for x in d]
    return [s if size else sparsity for s, size in zip(found, sizes, strict=True)]


@torch.no_grad()
def outliers(block: Block, squares: dict[str, Tensor]) -> float:
    """Return D_b, 0 for a block without weights; ``squares`` as from :func:`squares_of_inputs`."""
    if not block.weights:
        return 0.0
    scores = [weight.float().abs() * squares[name].sqrt() for name, weight in block.weights.items()]
    entries = sum(score.numel() for score in scores)
    mean = sum(float(score.double().sum()) for score in scores) / entries
    return sum(int((score > ABOVE * mean).sum()) for score in scores) / entries
