r"""L-ADMM: a few steps of ADMM with one penalty, while the sparsity grows to its target.

    minimise  tr((V - D) H (V - D)^T) / 2  subject to  V in S      in units of the inputs, see layerwise.py

    step t   z, u  <-  P_{S_t}(V + u),  u + V - z         the iteration of tamis.admm; V = D, u = 0 at first
             V     <-  argmin f(V) + (penalty/2) |V - (z - u)|^2
    at the end           P(V), as u is zero on the support

Over the first ``growth`` steps S_t has the sparsity ``s (1 - (1 - t/growth)^3)``, then its support stays
and the steps only fit the weights on it.  As H has a unit diagonal, one penalty, 1, does for
every layer and one inverse for every step.

Boza 2024 (arXiv 2401.02938), algorithms 1 and 2.  The weights are what the steps end with: no refit
follows.  The author's code differs from the paper, and so from this, in that an unstructured sparsity
does not grow; N:M grows here by its M - N, as everywhere in tamis.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from tamis.admm import State, dual_update, target
from tamis.sets import NofM, Sparse
from tamis_torch.errors import InputError
from tamis_torch.methods.calibrated import Calibrated
from tamis_torch.methods.checks import check_between, check_count
from tamis_torch.methods.goal import constraint
from tamis_torch.methods.layerwise import in_units, inverse, weight_step


@dataclass(frozen=True, kw_only=True)
class LADMM(Calibrated):
    """Settings of L-ADMM.

    Raises
    ------
    InputError
        If a value is out of its range.
    """

    damping: float = 0.1
    """Ridge, in units of the diagonal of H."""
    penalty: float = 1.0
    """Of the augmented Lagrangian, in units of the diagonal of H."""
    iterations: int = 20
    """Steps in all."""
    growth: int = 15
    """Steps in which the sparsity grows, at most ``iterations``; 1: the target from the start."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_between("damping", self.damping, 0, 1)
        check_between("penalty", self.penalty, 0, 1e6, open_below=True)
        check_count("iterations", self.iterations, 1)
        check_count("growth", self.growth, 1)
        if self.growth > self.iterations:
            raise InputError(f"growth must be at most iterations ({self.iterations}), got {self.growth}")


@dataclass(frozen=True)
class Support:
    """The arrays that are zero off a mask, as a set of :mod:`tamis.admm`."""

    mask: Tensor

    def project(self, y: Tensor, metric: Tensor | None = None) -> Tensor:
        """Return the nearest such array, in any diagonal metric."""
        return y * self.mask


@torch.no_grad()
def prune_matrix(config: LADMM, weight: Tensor, gram: Tensor, sparsity: float) -> Tensor:
    """Return the pruned matrix.

    Parameters
    ----------
    config
    weight
        Of shape (outputs, inputs), float32.
    gram
        ``(2/n) sum x x^T``, of shape (inputs, inputs), float32.
    sparsity
        Fraction of zeros of this matrix; has no effect with a pattern.

    Returns
    -------
    Tensor
        Like ``weight``.
    """
    layer = in_units(weight, gram, config.damping)
    solve = inverse(layer, config.penalty)
    v, state = layer.dense, State(z=layer.dense, u=torch.zeros_like(layer.dense))
    for step in range(1, config.iterations + 1):
        if step <= config.growth:
            support = Support(growing(config, sparsity, step).support(v + state.u))
        state = dual_update(v, state, support)
        v = weight_step(layer, solve, config.penalty, target(state))
    return support.project(v) / layer.scale  # u is zero on the support


def growing(config: LADMM, sparsity: float, step: int) -> Sparse | NofM:
    """Return the set of step ``step``, from 1."""
    share = 1 - (1 - step / config.growth) ** 3
    allowed = constraint(config, axis=1, sparsity=sparsity * share)
    if isinstance(allowed, Sparse):
        return allowed
    n, m = allowed.n, allowed.m
    return NofM(m - round((m - n) * share), m, axis=1)
