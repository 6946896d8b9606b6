"""SparseGPT: remove weights column by column; the columns that follow make up for each loss.

    minimise |(q - w) X|^2 over q, a row at a time:    H = G + damping mean(G_jj) I,   G = (2/n) sum x x^T

(Frantar & Alistarh 2023, arXiv 2301.00774, algorithm 1.)  Columns are fixed in their order.  With
U upper triangular, H^-1 = U^T U, column j does

    q_j  =  w_j if kept, else 0
    w_k <-  w_k - (w_j - q_j) U_jk / U_jj        for all k > j

which is the optimal brain surgeon's move: the least loss once q_j is fixed, columns before j being
fixed too and those after it free.  The mask of a block of columns is chosen when the sweep reaches
it: kept are the largest (w_j / U_jj)^2, the loss of removing that weight alone.  With a pattern a
block is one group of M inputs, and each row keeps N in it.

How it is computed: by no inverse.  Factor H = V V^T with V upper triangular, so that U = V^-1.  With
r = w - q the moves above, summed, give for any run of columns b the weights it has when reached:

    w_b + r_a V_ab V_bb^-1       w as given, a: all columns before b

and inside b stands the same problem again, of those weights and V_bb.  So one sweep, nested (block,
sub-block, column), needs one Cholesky factor, a product of matrices a sub-block and a product of
a matrix and a vector a column.  Weights are transposed, a column lies contiguous.

Of the matrix exactly round((1 - sparsity) numel) entries are kept: the blocks' shares are rounded
so that they add up.  Of ties the earlier column is kept.  Inputs that are always zero get weight 0.
``tests/torch/test_sparsegpt.py`` checks all this against the problem solved anew for each column.
"""

from collections.abc import Callable
from dataclasses import dataclass
from warnings import warn

import torch
from torch import Tensor

from tamis.select import keep_largest
from tamis.sets import NofM, Sparse
from tamis_torch.errors import RunError
from tamis_torch.methods.calibrated import Calibrated
from tamis_torch.methods.checks import check_between, check_count
from tamis_torch.methods.goal import constraint

SUB_BLOCK = 32  # columns that are swept one by one
LEAST_RETRY = 1e-3  # share of the mean diagonal that ten times more damping starts from

Inner = Callable[[Tensor, Tensor, int], Tensor]  # weights, factor, first column -> pruned weights


@dataclass(frozen=True, kw_only=True)
class SparseGPT(Calibrated):
    """Settings of SparseGPT.

    Raises
    ------
    InputError
        If a value is out of its range.
    """

    damping: float = 0.01
    """Added to the diagonal of H, as a share of its mean."""
    block: int = 128
    """Columns whose mask is chosen at once; with a pattern a group of M is."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_between("damping", self.damping, 0, 1)
        check_count("block", self.block, 1)


@torch.no_grad()
def prune_matrix(config: SparseGPT, weight: Tensor, gram: Tensor, sparsity: float) -> Tensor:
    """Return the pruned matrix, its kept weights moved to make up for the removed ones.

    Parameters
    ----------
    config
    weight
        Shape (out, in).
    gram
        G, shape (in, in), of the dtype of ``weight``.
    sparsity
        Of this matrix, in [0, 1); without effect if there is a pattern.

    Returns
    -------
    Tensor
        Shape (out, in).

    Raises
    ------
    RunError
        If H is not finite, or cannot be factored with more damping either.
    """
    allowed = constraint(config, axis=0, sparsity=sparsity)
    w = weight.T.masked_fill((gram.diagonal() == 0)[:, None], 0.0).contiguous()
    v = upper_factor(gram, config.damping)
    if isinstance(allowed, NofM):
        width = max(config.block // allowed.m, 1) * allowed.m
        q = _sweep(w, v, width, lambda w, v, _: _in_groups(w, v, allowed))
    else:
        q = _sweep(w, v, config.block, lambda w, v, start: _in_block(w, v, start, allowed))
    return q.T.contiguous()


def upper_factor(gram: Tensor, damping: float) -> Tensor:
    """Return V, upper triangular: V V^T = G + damping mean(G_jj) I, after G_jj = 1 where it is 0.

    Where that fails, float64 is tried, and then 10, 100 and 1000 times the damping, with a warning.

    Raises
    ------
    RunError
        If all fail, or G is not finite.
    """
    diagonal = gram.diagonal()
    h = gram + torch.diag((diagonal == 0).to(gram.dtype))
    mean = float(h.diagonal().mean())
    if not torch.isfinite(h).all():
        raise RunError("the inputs of the layer are not all finite: its Gram matrix holds NaN or infinity")
    more = [factor * max(damping, LEAST_RETRY) for factor in (10, 100, 1000)]
    for share, dtype in zip((damping, damping, *more), (gram.dtype, *4 * [torch.float64]), strict=True):
        damped = h.to(dtype, copy=True)
        damped.diagonal().add_(share * mean)
        lower, failed = torch.linalg.cholesky_ex(damped.flip(0, 1))  # backwards: lower becomes upper
        if not failed:
            if share != damping:
                warn(f"damping {share:g} was needed instead of {damping:g}: few samples?", stacklevel=2)
            upper: Tensor = lower.flip(0, 1).to(gram.dtype)
            return upper
    raise RunError(
        f"the Gram matrix of the layer's inputs cannot be factored, with damping {share:g} neither; "
        f"give more samples or a damping above {damping:g}"
    )


def _sweep(w: Tensor, v: Tensor, width: int, inner: Inner) -> Tensor:
    """Return q for the weights w, shape (columns, rows), pruned ``width`` columns at a time."""
    q, removed = torch.empty_like(w), torch.empty_like(w)
    for start in range(0, len(w), width):
        b = slice(start, start + width)
        moved = v[:start, b].T @ removed[:start]
        reached = w[b] + torch.linalg.solve_triangular(v[b, b].T, moved, upper=False)
        q[b] = inner(reached, v[b, b], start)
        torch.sub(w[b], q[b], out=removed[b])
    return q


def _in_block(w: Tensor, v: Tensor, start: int, allowed: Sparse) -> Tensor:
    """Return q of a block whose mask is chosen now; its share of the entries is rounded with those before."""
    rows = w.shape[1]
    count = allowed.count((start + len(w)) * rows) - allowed.count(start * rows)
    keep = keep_largest(_worth(w, v), count)
    return _sweep(w, v, SUB_BLOCK, lambda w, v, first: _by_column(w, v, keep[first : first + len(w)]))


def _in_groups(w: Tensor, v: Tensor, allowed: NofM) -> Tensor:
    """Return q of a block of which each group chooses its own mask."""
    return _sweep(w, v, allowed.m, lambda w, v, _: _by_column(w, v, allowed.support(_worth(w, v))))


def _worth(w: Tensor, v: Tensor) -> Tensor:
    """Return |w_j| / U_jj, the root of the loss that removing a weight alone would cost."""
    return w.abs() * v.diagonal()[:, None]


def _by_column(w: Tensor, v: Tensor, keep: Tensor) -> Tensor:
    """Return q for a mask: the sweep above with one column at a time, without its overhead."""
    ratio = (v / v.diagonal()).T.contiguous()  # V_jk / V_kk in row k
    q, removed, factor = torch.empty_like(w), torch.empty_like(w), keep.to(w.dtype)
    for k in range(len(w)):
        reached = torch.addmv(w[k], removed[:k].T, ratio[k, :k])
        torch.mul(reached, factor[k], out=q[k])
        torch.sub(w[k], q[k], out=removed[k])
    return q
