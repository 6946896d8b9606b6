"""Wanda: keep the weights with the largest part in their row's output; no weight is changed.

    score_ij = |w_ij| |x_j|_2       x_j the values of input j over the calibration tokens

compared within each output row i (Sun et al. 2024, arXiv 2306.11695, eq. 1 and section 3), or, for
N:M, within each group of M consecutive inputs of a row.  With G = (2/n) sum x x^T the score is
|w_ij| sqrt(G_jj) up to a factor that all entries share, so the diagonal of G is all that is needed.

Of a matrix of r rows exactly K = round((1 - sparsity) r c) entries are kept: floor(K / r) a row,
and the K mod r that remain are the best next scores over all rows, one a row at most.  (Public
code keeps c - int(c sparsity) a row: 7 of 64 at 90%, which is 89.06%.)  Ties are kept by lowest index.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from tamis.sets import Sparse
from tamis_torch.methods.calibrated import Calibrated
from tamis_torch.methods.goal import constraint
from tamis_torch.methods.rows import largest_by_row


@dataclass(frozen=True, kw_only=True)
class Wanda(Calibrated):
    """Settings of Wanda.

    Raises
    ------
    InputError
        If a value is out of its range.
    """


@torch.no_grad()
def prune_matrix(config: Wanda, weight: Tensor, gram: Tensor, sparsity: float) -> Tensor:
    """Return the matrix with the entries of the smallest scores set to zero.

    Parameters
    ----------
    config
    weight
        Shape (out, in).
    gram
        G, shape (in, in); only its diagonal is read.
    sparsity
        Of this matrix, in [0, 1); has no effect with a pattern.

    Returns
    -------
    Tensor
        Shape (out, in), the kept entries as they were.
    """
    worth = scores(weight, gram)
    allowed = constraint(config, axis=1, sparsity=sparsity)
    if isinstance(allowed, Sparse):
        return weight * largest_by_row(worth, allowed.count(worth.numel()))
    mask: Tensor = allowed.support(worth)
    return weight * mask


def scores(weight: Tensor, gram: Tensor) -> Tensor:
    """Return |w_ij| sqrt(G_jj), shape (out, in)."""
    return weight.abs() * gram.diagonal().clamp(min=0).sqrt()
